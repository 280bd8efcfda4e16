//! What strangers send that they should not. Each is told what was wrong, ends, and is counted under
//! its reason; and two who talk next door meanwhile lose nothing.

use crate::common::*;
use hobnob::Limits;
use hobnob::limits::MESSAGE_MAX;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::{ClientFrame, ServerFrame, Side};
use std::thread;
use std::time::{Duration, Instant};

/// The spelling in which a stranger is answered who began with these bytes.
fn spelling_of(bytes: &[u8]) -> Spelling {
    match bytes.first() {
        Some(0 | 1) => Spelling::Binary,
        _ => SPELLINGS[SPELLINGS.len() - 1],
    }
}

fn expect_each(server: &Server, cases: &[(&[u8], CloseReason)], greeted: bool) {
    for (bytes, reason) in cases {
        let before = server.closed(*reason);
        let mut stranger = server.connect();
        stranger.spelling = spelling_of(bytes);
        if greeted {
            stranger.hello("stranger");
        }
        stranger.send(bytes);
        let frames = stranger.frames_to_end();
        let [ServerFrame::Error { code, request: 0, .. }, bye] = &frames[..] else {
            panic!("{} answered by {frames:?}", show(bytes));
        };
        assert_eq!((*code, bye), (reason.code(), &bye_of(*reason)), "{}", show(bytes));
        drop(stranger);
        server.until_closed(*reason, before + 1);
    }
}

#[test]
fn fault_p1_p2_p11_openings_that_are_no_conversation() {
    let server = Server::frames();
    let neighbours = Neighbours::talk(&server);
    use CloseReason::{BadFrame, BadState, BadVersion, FrameTooLong, UnknownKind, WrongProtocol};
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let cases: &[(&[u8], CloseReason)] = &[
        (tls, WrongProtocol),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n",
            WrongProtocol,
        ),
        (b"POST /rooms/tea HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", WrongProtocol),
        (b"OPTIONS * HTTP/1.0\n\n", WrongProtocol),
        (b"NICK ann\r\nUSER ann 0 * :Ann\r\n", BadFrame),
        (b"CAP LS 302\r\n", BadFrame),
        (b"hello\n", BadFrame),
        (b"SSH-2.0-OpenSSH_9.9\r\n", BadFrame),
        (b"*1\r\n$4\r\nPING\r\n", BadFrame),
        (b"[1,2,3]\n", BadFrame),
        (b"\"bye\"\n", BadFrame),
        (b" {\"type\":\"bye\"}\n", BadFrame),
        (b"\xef\xbb\xbf{\"type\":\"bye\"}\n", BadFrame),
        (b"\xff\xff\xff\xff\x01", BadFrame),
        (b"\x80\x00\x00\x00\x00\x00\x00\x00\x01", BadFrame),
        (b"\x02\x00\x00\x00\x01", BadFrame),
        (b"\x01\xff\xff\xff\x01", FrameTooLong),
        (b"\x00\x00\x20\x01\x01", FrameTooLong),
        (b"\x00\x00\x00\x00", BadFrame),
        (b"\x00\x00\x00\x01\x00", UnknownKind),
        (b"\x00\x00\x00\x01\x81", UnknownKind),
        (b"\x00\x00\x00\x01\x0b", UnknownKind),
        (b"\x00\x00\x00\x01\x01", BadFrame),
        (b"\x00\x00\x00\x0c\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\xff", BadFrame),
        (b"\x00\x00\x00\x0b\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00", BadVersion),
        (b"\x00\x00\x00\x0b\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", BadVersion),
        (b"\x00\x00\x00\x09\x06\x00\x00\x00\x00\x00\x00\x00\x01", BadState),
    ];
    expect_each(&server, cases, false);
    #[cfg(feature = "json")]
    {
        let endless = vec![b'{'; 8192];
        let cases: &[(&[u8], CloseReason)] = &[
            (b"{}\n", BadFrame),
            (b"{\n", BadFrame),
            (b"{\"type\":\"hello\",\"version\":1,\"name\":\"\\ud800\"}\n", BadFrame),
            (b"{\"type\":\"hello\",\"version\":1,\"name\":\"\xff\"}\n", BadFrame),
            (b"{\"type\":\"hello\",\"version\":2}\n", BadVersion),
            (b"{\"type\":\"hello\",\"version\":-1}\n", BadFrame),
            (b"{\"type\":\"hello\",\"version\":1e400}\n", BadFrame),
            (b"{\"type\":\"join\",\"room\":\"tea\"}\n", BadState),
            (&endless, FrameTooLong),
        ];
        expect_each(&server, cases, false);
    }
    assert!(neighbours.part() > 0);
}

#[test]
fn fault_p1_p5_frames_that_are_wrong_after_hello() {
    let server = Server::frames();
    let neighbours = Neighbours::talk(&server);
    use CloseReason::{BadFrame, BadState, FrameTooLong, UnknownKind};
    let again = encode(Spelling::Binary, &hello("stranger"));
    let cases: &[(&[u8], CloseReason)] = &[
        // Also begun by a zero: the stranger spoke binary before.
        (b"\x00\x01\x04\x01\x04", FrameTooLong),
        (b"\x00\x00\x00\x00", BadFrame),
        (b"\x00\x00\x00\x01\x02", BadFrame),
        (b"\x00\x00\x00\x02\x08\x00", BadFrame),
        (b"\x00\x00\x00\x08\x06\x00\x00\x00\x00\x00\x00\x00", BadFrame),
        (b"\x00\x00\x00\x0e\x02\x00\x00\x00\x00\x00\x00\x00\x01\x02\x72\x75\x73\x74", BadFrame),
        (b"\x00\x00\x00\x0b\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\xc3", BadFrame),
        (b"\x00\x00\x00\x01\xff", UnknownKind),
        (&again, BadState),
    ];
    expect_each(&server, cases, true);
    #[cfg(feature = "json")]
    {
        let cases: &[(&[u8], CloseReason)] = &[
            (b"{\"type\":\"welcome\"}\n", BadFrame),
            (b"{\"type\":\"ping\",\"token\":18446744073709551616}\n", BadFrame),
            (b"{\"type\":\"ping\",\"token\":1,\"token\":1}\n", BadFrame),
            (b"{\"type\":\"say\",\"room\":1,\"text\":\"a\",\"base64\":\"YQ==\"}\n", BadFrame),
            (b"{\"type\":\"say\",\"room\":1,\"base64\":\"YQ\"}\n", BadFrame),
            (b"{\"type\":\"hello\",\"version\":1}\n", BadState),
            (b"{\"type\":\"bye\"} {\"type\":\"bye\"}\n", BadFrame),
        ];
        expect_each(&server, cases, true);
    }
    assert!(neighbours.part() > 0);
}

#[test]
fn fault_p1_a_declared_length_sets_nothing_aside() {
    alone("bad_input::fault_p1_a_declared_length_sets_nothing_aside", declare_and_send_nothing);
}

fn declare_and_send_nothing() {
    let limits = Limits { message: MESSAGE_MAX, backlog: 4 * MESSAGE_MAX, ..Limits::default() };
    let server = Server::frames_with(limits);
    let virtual_memory = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    };
    let before = virtual_memory();
    let mut clients: Vec<Client> =
        (0..100).map(|n| server.greet(Spelling::Binary, &format!("p{n}"))).collect();
    for client in &mut clients {
        // A message of 16 MiB, of which five bytes ever come.
        client.send(&[&(MESSAGE_MAX as u32 + 14).to_be_bytes()[..], b"\x04"].concat());
    }
    let hellos: usize = (0..100).map(|n| 15 + format!("p{n}").len()).sum();
    server.until("all of it was read", |counts| counts.bytes_in == hellos as u64 + 100 * 5);
    let grown = virtual_memory().saturating_sub(before);
    assert!(grown < 800 << 20, "{} MiB for what did not come", grown >> 20);
}

#[test]
fn fault_p2_p11_foreign_openings_on_a_plain_listener() {
    let server = Server::start(&["frame://127.0.0.1:0", "raw://127.0.0.1:0"]);
    let neighbours = Neighbours::talk(&server);
    for (n, opening) in [
        &b"\x16\x03\x03\x00\x50\x01\x00"[..],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
    ]
    .iter()
    .enumerate()
    {
        let mut stranger = server.connect_to(1);
        stranger.send(opening);
        stranger.expect_end();
        drop(stranger);
        server.until_closed(CloseReason::WrongProtocol, n as u64 + 1);
    }
    let mut person = server.connect_to(1);
    person.send(b"GET well soon");
    person.expect_bytes(b"GET well soon");
    assert!(neighbours.part() > 0);
}

#[cfg(feature = "json")]
#[test]
fn fault_p8_nesting_of_any_depth_is_passed_over_or_refused() {
    let server = Server::frames();
    let neighbours = Neighbours::talk(&server);
    let mut ann = server.greet(Spelling::Json, "ann");
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = 20_000;
        let inner = if open == "[" { "" } else { "1" };
        let nested = format!("{}{inner}{}", open.repeat(deep), close.repeat(deep));
        ann.send(format!("{{\"x\":{nested},\"type\":\"ping\",\"token\":3}}\n").as_bytes());
        ann.expect(&pong(3));
    }
    let open = "[".repeat(60_000);
    let lines = [
        format!("{{\"type\":\"ping\",\"x\":{open}\n"),
        format!("{{\"type\":{open}\n"),
        format!("{{\"type\":\"say\",\"room\":1,\"text\":{open}{}}}\n", "]".repeat(60_000)),
        format!("{{\"type\":\"ping\",\"token\":{open}{}}}\n", "]".repeat(60_000)),
    ];
    for line in lines {
        let mut stranger = server.greet(Spelling::Json, "stranger");
        stranger.send(line.as_bytes());
        stranger.expect_bye(CloseReason::BadFrame);
        drop(stranger);
        server.until("the name is free", |counts| counts.connections == 3);
    }
    ann.expect_quiet();
    assert!(neighbours.part() > 0);
}

#[test]
fn fault_p10_control_characters_are_refused_in_names_and_escaped_in_text() {
    let urls = ["frame://127.0.0.1:0", "raw://127.0.0.1:0?framing=line&room=tea"];
    let server = Server::start(&urls);
    let bytes = ["\r", "\n", "\0", "\x1b", "\x07", "\x7f", "\u{85}", "\u{9b}", "\u{2028}"];
    for spelling in SPELLINGS {
        let mut stranger = server.speak(*spelling);
        for bad in bytes {
            stranger.ask(&[hello(&format!("ann{bad}QUIT"))]);
            stranger.expect(&refused(Refusal::BadName, 0));
        }
        stranger.hello("ann");
        for bad in bytes {
            stranger.ask(&[join(1, &format!("tea{bad}"))]);
            stranger.expect(&refused(Refusal::BadRoom, 1));
        }
        drop(stranger);
        server.until_connected(0);
    }
    // In what is said, every byte is the speaker's own business, and comes whole in every spelling.
    let mut hearers: Vec<Client> = SPELLINGS
        .iter()
        .enumerate()
        .map(|(n, spelling)| server.enter(*spelling, &format!("hearer{n}"), "tea").0)
        .collect();
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    hearers.iter_mut().for_each(|hearer| drop(hearer.until_pong()));
    let mut offset = ann.join("tea").head;
    for bad in bytes {
        for text in [bad.to_owned(), format!("a{bad}b"), format!("\u{1b}]0;owned\u{7}{bad}")] {
            offset += 1;
            ann.say_to_others(room, 0, &text);
            for hearer in &mut hearers {
                let line = hearer.next_bytes().unwrap();
                if hearer.spelling == Spelling::Json {
                    let printable = |byte: &u8| *byte >= b' ';
                    assert!(line[..line.len() - 1].iter().all(printable), "{}", show(&line));
                }
                match parse(hearer.spelling, &line) {
                    ServerFrame::Message { payload, offset: came, .. } => {
                        assert_eq!((came, &*payload), (offset, text.as_bytes()));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn fault_p12_ten_thousand_commands_in_one_segment() {
    const PINGS: u64 = 10_000;
    for spelling in SPELLINGS {
        let server = Server::frames();
        let neighbours = Neighbours::talk(&server);
        let mut ann = server.greet(*spelling, "ann");
        let frames: Vec<_> = (1..=PINGS).map(ping).collect();
        let bytes = encode_all(*spelling, &frames);
        let mut socket = ann.socket.try_clone().unwrap();
        let writer = thread::spawn(move || std::io::Write::write_all(&mut socket, &bytes).unwrap());
        for token in 1..=PINGS {
            ann.expect(&pong(token));
        }
        writer.join().unwrap();
        ann.expect_quiet();
        assert!(neighbours.part() > 0);
    }
}

#[test]
fn fault_p12_ten_thousand_messages_in_one_go_reach_everybody_in_order() {
    const MESSAGES: u64 = 10_000;
    for spelling in SPELLINGS {
        let server = Server::frames();
        let neighbours = Neighbours::talk(&server);
        let (mut bob, room) = server.enter(Spelling::Binary, "bob", "tea");
        let (mut ann, _) = server.enter(*spelling, "ann", "tea");
        bob.expect(&came(room, 2, "ann"));
        let frames: Vec<_> = (1..=MESSAGES).map(|id| say_to_others(room, id, "x")).collect();
        let bytes = encode_all(*spelling, &frames);
        let mut socket = ann.socket.try_clone().unwrap();
        let writer = thread::spawn(move || std::io::Write::write_all(&mut socket, &bytes).unwrap());
        let reader = thread::spawn(move || {
            for offset in 1..=MESSAGES {
                bob.expect(&message(room, offset, "ann", "x"));
            }
        });
        for id in 1..=MESSAGES {
            ann.expect(&ack(room, id, id));
        }
        writer.join().unwrap();
        reader.join().unwrap();
        assert!(neighbours.part() > 0);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Refused,
    Greeted,
    Joined,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The verb's answer, by its name, and the connection goes on.
    Answer(&'static str),
    /// Refused with `not_member`, and the connection goes on.
    NotMember,
    Nothing,
    BadState,
    Bye,
    /// Not even read.
    Unread,
}

fn word(frame: &ServerFrame<'_>) -> &'static str {
    match frame {
        ServerFrame::Welcome { .. } => "welcome",
        ServerFrame::Joined { .. } => "joined",
        ServerFrame::Left { .. } => "left",
        ServerFrame::Message { .. } => "message",
        ServerFrame::Members { .. } => "members",
        ServerFrame::History { .. } => "history",
        ServerFrame::Pong { .. } => "pong",
        other => panic!("{other:?} is no answer"),
    }
}

#[test]
fn fault_p13_every_verb_in_every_state() {
    let verbs: [ClientFrame<'static>; 9] = [
        hello("ann"),
        join(1, "tea"),
        leave(2, FIRST_ROOM),
        say(FIRST_ROOM, 0, "x"),
        members(4, FIRST_ROOM),
        history(4, FIRST_ROOM, Side::Before(0), 0),
        ping(5),
        ClientFrame::Pong { token: 6 },
        bye(),
    ];
    use Outcome::{Answer, BadState, Bye, NotMember, Nothing, Unread};
    let table: [(State, [Outcome; 9]); 5] = [
        (
            State::Fresh,
            [
                Answer("welcome"),
                BadState,
                BadState,
                BadState,
                BadState,
                BadState,
                BadState,
                BadState,
                Bye,
            ],
        ),
        (
            State::Refused,
            [
                Answer("welcome"),
                BadState,
                BadState,
                BadState,
                BadState,
                BadState,
                BadState,
                BadState,
                Bye,
            ],
        ),
        (
            State::Greeted,
            [
                BadState,
                Answer("joined"),
                NotMember,
                NotMember,
                NotMember,
                NotMember,
                Answer("pong"),
                Nothing,
                Bye,
            ],
        ),
        (
            State::Joined,
            [
                BadState,
                Answer("joined"),
                Answer("left"),
                Answer("message"),
                Answer("members"),
                Answer("history"),
                Answer("pong"),
                Nothing,
                Bye,
            ],
        ),
        (State::Gone, [Unread; 9]),
    ];
    for spelling in SPELLINGS {
        for (state, outcomes) in &table {
            for (verb, outcome) in verbs.iter().zip(outcomes) {
                verb_in_state(*spelling, *state, verb, *outcome);
            }
        }
    }
}

fn verb_in_state(spelling: Spelling, state: State, verb: &ClientFrame<'_>, outcome: Outcome) {
    let context = format!("{verb:?} in state {state:?}, {spelling:?}");
    let server = Server::frames();
    // Somebody healthy, whose room is the first.
    let (mut bob, room) = server.enter(Spelling::Binary, "bob", "tea");
    let mut ann = server.speak(spelling);
    if state == State::Refused {
        ann.ask(&[hello("BOB")]);
        ann.expect(&refused(Refusal::NameTaken, 0));
    }
    if matches!(state, State::Greeted | State::Joined | State::Gone) {
        ann.hello("ann");
    }
    if matches!(state, State::Joined | State::Gone) {
        ann.join("tea");
        bob.expect(&came(room, 2, "ann"));
    }
    if state == State::Gone {
        // In one segment, so that it is there when the goodbye is read.
        ann.ask(&[bye(), verb.clone()]);
        ann.expect_bye(CloseReason::PeerClosed);
        bob.expect(&went(room, 1, "ann"));
        assert_eq!(outcome, Outcome::Unread);
        drop(ann);
        bob.expect_quiet();
        return;
    }
    ann.ask(std::slice::from_ref(verb));
    match outcome {
        Outcome::Answer(expected) => assert_eq!(word(&ann.next()), expected, "{context}"),
        Outcome::NotMember => match ann.next() {
            ServerFrame::Error { code: 103, .. } => {}
            other => panic!("{context}: {other:?}"),
        },
        Outcome::Nothing => {}
        Outcome::BadState => ann.expect_bye(CloseReason::BadState),
        Outcome::Bye => ann.expect_bye(CloseReason::PeerClosed),
        Outcome::Unread => unreachable!("{context}"),
    }
    match outcome {
        Outcome::BadState | Outcome::Bye => {
            drop(ann);
            let reason = match outcome {
                Outcome::Bye => CloseReason::PeerClosed,
                _ => CloseReason::BadState,
            };
            server.until_closed(reason, 1);
        }
        _ => ann.expect_quiet(),
    }
    // Whatever it was, the neighbour still speaks and hears.
    bob.until_pong();
    bob.say(room, 9, "fine");
    assert!(matches!(bob.next(), ServerFrame::Message { payload, .. } if &*payload == b"fine"));
    assert!(matches!(bob.next(), ServerFrame::Ack { id: 9, .. }));
}

/// Sends, hangs up, and reads how the relay saw it: the code of its bye.
fn judged(server: &Server, bytes: &[u8]) -> u16 {
    let mut stranger = server.connect();
    stranger.spelling = spelling_of(bytes);
    stranger.send(bytes);
    stranger.shut();
    let frames = stranger.frames_to_end();
    match &frames[..] {
        [before @ .., ServerFrame::Bye { code, .. }] => {
            let is_fault = *code >= CloseReason::BadFrame.code();
            let told = matches!(before.last(), Some(ServerFrame::Error { code: told, request: 0, .. }) if told == code);
            assert_eq!(is_fault, told, "{} answered by {frames:?}", show(bytes));
            *code
        }
        _ => panic!("{} answered by {frames:?}", show(bytes)),
    }
}

fn assert_counted(server: &Server, codes: &[u16]) {
    for reason in CloseReason::ALL {
        let expected = codes.iter().filter(|code| **code == reason.code()).count() as u64;
        server.until_closed(*reason, expected);
    }
}

#[test]
fn garbage_from_the_first_byte_on() {
    let server = Server::frames();
    let neighbours = Neighbours::talk(&server);
    let mut dice = Dice(20);
    let mut codes = Vec::new();
    for _ in 0..300 {
        let length = 1 + dice.below(60) * dice.below(60);
        let mut bytes: Vec<u8> = (0..length).map(|_| dice.roll() as u8).collect();
        // A third of it at least begins like something.
        match dice.below(6) {
            0 => bytes[0] = b'{',
            1 => {
                let length = (dice.below(40) as u32).to_be_bytes();
                bytes.splice(
                    ..0,
                    [length[0], length[1], length[2], length[3], dice.below(10) as u8],
                );
            }
            _ => {}
        }
        codes.push(judged(&server, &bytes));
    }
    assert!(codes.iter().filter(|code| **code >= 300).count() > 200, "{codes:?}");
    assert_counted(&server, &codes);
    assert!(neighbours.part() > 0);
}

#[test]
fn valid_conversations_with_something_wrong_in_them() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let neighbours = Neighbours::talk(&server);
        let mut dice = Dice(7);
        let script = [
            hello("ann"),
            join(1, "elsewhere"),
            say(FIRST_ROOM + (1 << 22) + 1, 2, "some text of some length"),
            members(3, FIRST_ROOM),
            ping(4),
            join(5, "and another room"),
            leave(6, FIRST_ROOM),
        ];
        let valid = encode_all(*spelling, &script);
        let mut codes = Vec::new();
        for _ in 0..300 {
            let mut bytes = valid.clone();
            for _ in 0..=dice.below(3) {
                let at = dice.below(bytes.len());
                let until = (at + 1 + dice.below(8)).min(bytes.len());
                match dice.below(5) {
                    0 => bytes[at] ^= 1 << dice.below(8),
                    1 => bytes[at] = dice.roll() as u8,
                    2 => drop(bytes.drain(at..until)),
                    3 => {
                        let again = bytes[at..until].to_vec();
                        bytes.splice(at..at, again);
                    }
                    _ => bytes.truncate(at.max(1)),
                }
                if bytes.is_empty() {
                    bytes.push(0);
                }
            }
            codes.push(judged(&server, &bytes));
        }
        assert!(codes.iter().any(|code| *code >= 300) && codes.contains(&200));
        assert_counted(&server, &codes);
        assert!(neighbours.part() > 0);
    }
}

#[test]
fn fault_l3_l10_connecting_and_vanishing_in_loops_touches_nobody() {
    let server = Server::start(&["frame://127.0.0.1:0", "raw://127.0.0.1:0?room=flaps"]);
    let neighbours = Neighbours::talk(&server);
    // In the room of those who come and go, one who stays counts them.
    let (mut watcher, room) = server.enter(Spelling::Binary, "watcher", "flaps");
    let bounds: Vec<_> = (0..2).map(|index| server.bound(index).clone()).collect();
    let flappers: Vec<_> = (0..2)
        .map(|n| {
            let bounds = bounds.clone();
            thread::spawn(move || {
                let mut dice = Dice(n);
                for round in 0..200 {
                    let index = dice.below(2);
                    let mut client = Client::connect(&bounds[index], None).unwrap();
                    if index == 1 {
                        client.send(b"flap");
                    } else {
                        let name = format!("flapper{n}-{round}");
                        let frames =
                            [hello(&name), join(1, "flaps"), say(FIRST_ROOM * 2 + 1, 0, "flap")];
                        let bytes = encode_all(Spelling::Binary, &frames);
                        client.send(&bytes[..dice.below(bytes.len() + 1)]);
                    }
                    match dice.below(3) {
                        0 => client.reset(),
                        1 => client.shut(),
                        _ => {}
                    }
                }
            })
        })
        .collect();
    flappers.into_iter().for_each(|flapper| flapper.join().unwrap());
    server.until("only those who stay are left", |c| c.accepted == 403 && c.connections == 3);
    // Everyone who came has gone, and the count was right at each step.
    let (mut inside, mut offset) = (1, 0);
    for frame in watcher.until_pong() {
        match frame {
            ServerFrame::Came { count, .. } => {
                inside += 1;
                assert_eq!(count, inside);
            }
            ServerFrame::Went { count, .. } => {
                inside -= 1;
                assert_eq!(count, inside);
            }
            ServerFrame::Message { offset: came, payload, .. } => {
                offset += 1;
                assert_eq!((came, &*payload), (offset, &b"flap"[..]));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(inside, 1);
    watcher.members(9, room);
    watcher.expect(&member_list(9, room, &["watcher"]));
    assert!(neighbours.part() > 0);
}

#[test]
fn fault_s5_a_crowd_that_connects_and_says_nothing_holds_up_nobody() {
    let limits = Limits { handshake: Duration::from_millis(400), ..Limits::default() };
    let server = Server::frames_with(limits);
    let neighbours = Neighbours::talk(&server);
    let crowd: Vec<Client> = (0..500).map(|_| server.connect()).collect();
    server.until_accepted(502);
    let since = Instant::now();
    drop(server.greet(Spelling::Binary, "ann"));
    assert!(since.elapsed() < Duration::from_secs(2));
    for mut silent in crowd {
        silent.spelling = SPELLINGS[SPELLINGS.len() - 1];
        silent.expect_bye(CloseReason::HandshakeTimeout);
    }
    server.until_closed(CloseReason::HandshakeTimeout, 500);
    assert!(neighbours.part() > 0);
}

#[test]
fn fault_s6_ends_of_every_kind_in_the_middle_of_everything() {
    let server = Server::frames();
    let neighbours = Neighbours::talk(&server);
    let mut came = 2;
    for spelling in SPELLINGS {
        // Another name each time, because the one before may not be gone yet.
        let script = |n: u64| {
            let name = format!("ann{n:04}");
            encode_all(*spelling, &[hello(&name), join(1, "elsewhere"), ping(2)])
        };
        for cut in (0..=script(0).len()).step_by(3) {
            for kind in 0..3 {
                came += 1;
                let mut ann = server.speak(*spelling);
                if cut == 0 {
                    ann.spelling = spelling_of(b"");
                }
                ann.send(&script(came)[..cut]);
                match kind {
                    0 => ann.reset(),
                    // Closed with the answers unread.
                    1 => drop(ann),
                    _ => {
                        ann.shut();
                        assert!(matches!(
                            ann.frames_to_end().last(),
                            Some(ServerFrame::Bye { code: 200, .. })
                        ));
                    }
                }
            }
        }
    }
    let counts = server
        .until("all are gone but the neighbours", |c| c.accepted == came && c.connections == 2);
    let ended: u64 = counts.closes.iter().sum();
    assert_eq!(ended, counts.accepted - 2);
    assert_eq!(counts.rooms, 1);
    assert!(neighbours.part() > 0);
}

#[test]
fn after_its_fault_a_peer_that_goes_on_sending_still_reads_why() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let mut ann = server.greet(*spelling, "ann");
        // Half a megabyte behind the fault: closing at once would reset it away.
        let mut bytes = encode(*spelling, &hello("again"));
        bytes.resize(512 << 10, b'x');
        ann.send(&bytes);
        ann.expect_bye(CloseReason::BadState);
        drop(ann);
        server.until_closed(CloseReason::BadState, 1);
    }
}
