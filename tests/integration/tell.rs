//! What is said to one person alone, in frames, to the byte; and rooms with a key.

use crate::common::*;
use hobnob::Limits;
use hobnob::address::Remote;
use hobnob::engine::{Engine, Reading, SLICES};
use hobnob::now::Now;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::session::frame::Options;
use hobnob::session::{Overrun, Service};
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, ServerFrame};
use std::io::IoSlice;
use std::time::Duration;

/// Somebody to whom private messages may come.
fn enter(server: &Server, spelling: Spelling, name: &str) -> Client {
    let mut client = server.speak(spelling);
    client.ask(&[hello_private(name)]);
    assert!(matches!(client.next(), ServerFrame::Welcome { .. }));
    client
}

#[test]
fn one_person_hears_it_and_nobody_else() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let mut ann = enter(&server, *spelling, "ann");
        let mut bob = enter(&server, SPELLINGS[SPELLINGS.len() - 1], "Bob");
        let mut eve = enter(&server, *spelling, "eve");
        let room = ann.join("tea").room;
        bob.join("tea");
        eve.join("tea");
        ann.expect_all(&[came(room, 2, "Bob"), came(room, 3, "eve")]);
        bob.expect(&came(room, 3, "eve"));
        for text in [&b"psst"[..], b"", b"\xff\0\x80", "\u{1b}[1m ç".as_bytes()] {
            ann.tell(9, "bOB", text);
            ann.expect(&passed(9));
            bob.expect(&told("ann", text));
        }
        let (name, payload) = ("bob".into(), b"beep"[..].into());
        ann.ask(&[ClientFrame::Tell { request: 0, notice: true, name, payload }]);
        ann.expect(&passed(0));
        let (sender, payload) = ("ann".into(), b"beep"[..].into());
        bob.expect(&ServerFrame::Told { time: ANY_TIME, notice: true, sender, payload });
        // Oneself is somebody, too.
        bob.tell(1, "bob", "note");
        bob.expect_all(&[told("Bob", "note"), passed(1)]);
        for client in [&mut ann, &mut bob, &mut eve] {
            client.expect_quiet();
        }
    }
}

#[test]
fn it_comes_in_order_with_everything_else() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let mut ann = enter(&server, *spelling, "ann");
        let mut bob = enter(&server, *spelling, "bob");
        let (tea, coffee) = (ann.join("tea").room, ann.join("coffee").room);
        bob.join("tea");
        bob.join("coffee");
        ann.expect_all(&[came(tea, 2, "bob"), came(coffee, 2, "bob")]);
        let frames = [
            say_to_others(tea, 0, "one"),
            tell(2, "bob", "two"),
            say_to_others(coffee, 0, "three"),
            tell(4, "bob", "four"),
            tell(5, "bob", "five"),
            say_to_others(tea, 0, "six"),
        ];
        ann.ask(&frames);
        bob.expect_all(&[
            message(tea, 1, "ann", "one"),
            told("ann", "two"),
            message(coffee, 1, "ann", "three"),
            told("ann", "four"),
            told("ann", "five"),
            message(tea, 2, "ann", "six"),
        ]);
        ann.expect_all(&[passed(2), passed(4), passed(5)]);
    }
}

#[test]
fn who_cannot_be_told_is_not_and_the_teller_learns_it() {
    let server = Server::start(&["frame://127.0.0.1:0", "raw://127.0.0.1:0"]);
    let mut plain = server.connect_to(1);
    server.until_accepted(1);
    let limits = Limits::default();
    for spelling in SPELLINGS {
        let mut ann = enter(&server, *spelling, "ann");
        // A client that does not look at private messages.
        let mut bob = server.greet(*spelling, "bob");
        let long = vec![b'x'; limits.message + 1];
        ann.ask(&[
            tell(1, "nobody", "psst"),
            tell(2, "bob", "psst"),
            tell(3, "guest1", "psst"),
            tell(4, "ann", &long),
            tell(5, "", "psst"),
            tell(6, "ann", &long[1..]),
        ]);
        ann.expect_all(&[
            refused(Refusal::NoSuchPerson, 1),
            refused(Refusal::CannotHear, 2),
            refused(Refusal::CannotHear, 3),
            refused(Refusal::MessageTooLong, 4),
            refused(Refusal::NoSuchPerson, 5),
            told("ann", &long[1..]),
            passed(6),
        ]);
        bob.expect_quiet();
        // Whoever has the name now is meant.
        ann.bye();
        ann.expect_bye(CloseReason::PeerClosed);
        bob.tell(7, "ann", "still there?");
        bob.expect(&refused(Refusal::NoSuchPerson, 7));
        bob.bye();
        bob.expect_bye(CloseReason::PeerClosed);
    }
    plain.send(b"x");
    plain.expect_bytes(b"x");
}

#[test]
fn before_hello_there_is_nobody_to_tell() {
    let server = Server::frames();
    for spelling in SPELLINGS {
        let mut ann = server.speak(*spelling);
        ann.tell(1, "ann", "psst");
        ann.expect_bye(CloseReason::BadState);
    }
}

#[test]
fn it_counts_as_a_message_for_the_rate() {
    let limits = Limits {
        rate_burst: 2,
        rate_every: std::time::Duration::from_secs(1),
        limit_loopback: true,
        ..Limits::default()
    };
    let server = Server::frames_with(limits);
    let mut ann = enter(&server, Spelling::Binary, "ann");
    ann.ask(&[tell(1, "ann", "1"), tell(2, "nobody", "2"), tell(3, "ann", "3")]);
    ann.expect_all(&[
        told("ann", "1"),
        passed(1),
        refused(Refusal::NoSuchPerson, 2),
        refused(Refusal::RateLimited, 3),
    ]);
}

/// Who reads nothing is told no more, is not ended for it, and has lost nothing.
#[test]
fn others_cannot_fill_an_outbox_and_so_end_its_owner() {
    let limits = Limits { outbox: 64 << 10, send_buffer: 16 << 10, ..Limits::default() };
    let server = Server::frames_with(limits);
    for spelling in SPELLINGS {
        let mut bob = server.connect_narrow(0, 16 << 10);
        bob.spelling = *spelling;
        bob.ask(&[hello_private("bob"), ping(1)]);
        assert!(matches!(bob.next(), ServerFrame::Welcome { .. }));
        bob.expect(&pong(1));
        let mut ann = enter(&server, Spelling::Binary, "ann");
        let text = |n: u64| format!("{n} ").repeat(1_000);
        let mut count = 0;
        loop {
            ann.tell(count, "bob", &text(count));
            match ann.next() {
                ServerFrame::Passed { request, .. } => assert_eq!(request, count),
                ServerFrame::Error { code, request, .. } => {
                    assert_eq!((code, request), (Refusal::NotReading.code(), count));
                    break;
                }
                other => panic!("{other:?}"),
            }
            count += 1;
        }
        assert!(count > 2, "only {count} were taken");
        // And nothing changes that, however often it is tried.
        for n in 0..100 {
            ann.tell(n, "bob", &text(n));
            ann.expect(&refused(Refusal::NotReading, n));
        }
        // What he asks himself is answered behind it.
        bob.ping(2);
        for n in 0..count {
            bob.expect(&told("ann", &text(n)));
        }
        bob.expect(&pong(2));
        ann.tell(7, "bob", "there you are");
        ann.expect(&passed(7));
        bob.expect(&told("ann", "there you are"));
        bob.bye();
        bob.expect_bye(CloseReason::PeerClosed);
        ann.bye();
        ann.expect_bye(CloseReason::PeerClosed);
    }
    assert_eq!(server.closed(CloseReason::OutboxFull), 0);
}

/// What waits is counted as it is written, which in JSON may be twice as long as it was said.
#[cfg(all(feature = "http", feature = "json"))]
#[test]
fn quotes_do_not_fill_an_outbox_further_than_letters() {
    let limits = Limits { outbox: 64 << 10, send_buffer: 16 << 10, ..Limits::default() };
    let soft = limits.outbox as u64 / 2;
    let server = Server::with(&["frame://127.0.0.1:0", "http://127.0.0.1:0?serve=admin"], limits);
    let mut bob = server.connect_narrow(0, 16 << 10);
    bob.spelling = Spelling::Json;
    bob.ask(&[hello_private("bob"), ping(1)]);
    assert!(matches!(bob.next(), ServerFrame::Welcome { .. }));
    bob.expect(&pong(1));
    let mut ann = enter(&server, Spelling::Binary, "ann");
    // Ever shorter ones, so that they fill what the longer ones left free.
    for length in [12_000, 8_000, 4_000, 2_000, 1_000, 500, 1] {
        while {
            ann.tell(1, "bob", &vec![b'"'; length]);
            let answer = ann.next();
            if !matches!(answer, ServerFrame::Passed { .. }) {
                assert_eq!(answer, refused(Refusal::NotReading, 1));
            }
            matches!(answer, ServerFrame::Passed { .. })
        } {}
    }
    let top = crate::common::http::get(&mut server.connect_to(1), "/top").json();
    let owed = top["peers"][0]["owed"].as_u64().expect("somebody is behind");
    // One of them is counted without the object around it.
    let object =
        r#"{"type":"told","time":1790000000000,"sender":"ann","notice":false,"text":""}\n"#;
    assert!(owed <= soft + object.len() as u64, "{owed} of {soft}");
}

/// A single message may be longer than an outbox.
#[test]
fn one_message_alone_is_always_taken() {
    let limits = Limits { outbox: 64 << 10, message: 1 << 20, ..Limits::default() };
    let server = Server::frames_with(limits);
    for spelling in SPELLINGS {
        let mut ann = enter(&server, *spelling, "ann");
        let mut bob = enter(&server, *spelling, "bob");
        let long = vec![b'x'; 1 << 20];
        for request in 1..=3 {
            ann.tell(request, "bob", &long);
            ann.expect(&passed(request));
            bob.expect(&told("ann", &long));
        }
        for client in [&mut ann, &mut bob] {
            client.bye();
            client.expect_bye(CloseReason::PeerClosed);
        }
    }
}

#[test]
fn a_private_message_wakes_who_was_told_and_outlives_the_teller() {
    let server = Server::frames();
    for spelling in SPELLINGS {
        let mut bob = enter(&server, *spelling, "bob");
        let mut ann = enter(&server, *spelling, "ann");
        ann.ask(&[tell(1, "bob", "I must go"), bye()]);
        ann.expect(&passed(1));
        ann.expect_bye(CloseReason::PeerClosed);
        bob.expect(&told("ann", "I must go"));
        bob.expect_quiet();
        bob.bye();
        bob.expect_bye(CloseReason::PeerClosed);
    }
}

#[cfg(feature = "http")]
mod in_a_browser {
    use super::*;
    use crate::common::web::{BINARY, Browser, TEXT};
    use hobnob::wire::binary::LENGTH_SIZE;

    #[test]
    fn websockets_tell_and_are_told() {
        let server = Server::start(&["frame://127.0.0.1:0", "http://127.0.0.1:0"]);
        let mut ann = enter(&server, Spelling::Binary, "ann");
        let mut bob = Browser::open_with(server.connect_to(1), "/connect", "");
        let hello = encode(Spelling::Binary, &hello_private("bob"));
        bob.send(BINARY, &hello[LENGTH_SIZE..]);
        bob.next();
        ann.tell(1, "bob", "psst");
        ann.expect(&passed(1));
        let frame = parse(Spelling::Binary, &{
            let payload = bob.next().payload;
            let length = (payload.len() as u32).to_be_bytes();
            [&length[..], &payload].concat()
        });
        let ServerFrame::Told { sender, payload, notice: false, .. } = frame else {
            panic!("{frame:?}")
        };
        assert_eq!((&*sender, &*payload), ("ann", &b"psst"[..]));
        let answer = encode(Spelling::Binary, &tell(2, "ann", "what?"));
        bob.send(BINARY, &answer[LENGTH_SIZE..]);
        ann.expect(&told("bob", "what?"));
        // Whoever speaks no protocol there hears nothing.
        let _raw = Browser::open_with(server.connect_to(1), "/raw/tea", "");
        server.until("the browser is in its room", |counts| counts.rooms == 1);
        ann.tell(3, "guest1", "psst");
        ann.expect(&refused(Refusal::CannotHear, 3));
    }

    #[cfg(feature = "json")]
    #[test]
    fn the_pages_spelling_letter_by_letter() {
        let server = Server::start(&["http://127.0.0.1:0"]);
        let mut ann = Browser::open(&server, "/connect");
        ann.send(TEXT, br#"{"type":"hello","version":1,"private":true,"name":"ann"}"#);
        ann.next();
        ann.send(TEXT, br#"{"type":"tell","request":7,"name":"ann","text":"to me"}"#);
        let come = [ann.next(), ann.next()].map(|frame| String::from_utf8(frame.payload).unwrap());
        let time = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
        let digits = time(&come[0]);
        assert_eq!(
            come[0],
            format!(
                "{{\"type\":\"told\",\"time\":{digits},\"sender\":\"ann\",\"notice\":false,\"text\":\"to me\"}}"
            )
        );
        assert_eq!(
            come[1],
            format!("{{\"type\":\"passed\",\"request\":7,\"time\":{digits},\"away\":\"\"}}")
        );
    }
}

/// The key itself is set from IRC.
#[test]
fn a_room_with_a_key_opens_to_whoever_has_it() {
    let server = Server::start(&["frame://127.0.0.1:0", "irc://127.0.0.1:0"]);
    let mut founder = server.connect_to(1);
    founder.send(b"NICK ann\r\nUSER a 0 * :a\r\nJOIN #vault\r\nMODE #vault +k sesame\r\n");
    founder.read_until(b"MODE #vault +k sesame\r\n");
    for spelling in SPELLINGS {
        let mut bob = server.greet(*spelling, "bob");
        bob.ask(&[
            join(1, "vault"),
            join_with_key(2, "vault", ""),
            join_with_key(3, "vault", "Sesame"),
            join_with_key(4, "vault", &"x".repeat(255)),
        ]);
        bob.expect_all(&[1, 2, 3, 4].map(|request| refused(Refusal::BadKey, request)));
        bob.ask(&[join_with_key(5, "vault", "sesame")]);
        let ServerFrame::Joined { request: 5, room, epoch, .. } = bob.next() else { panic!() };
        // Who is in need not show it again, and a room without one does not look.
        bob.ask(&[join(6, "vault"), join_with_key(7, "hall", "sesame")]);
        assert!(matches!(bob.next(), ServerFrame::Joined { request: 6, .. }));
        assert!(matches!(bob.next(), ServerFrame::Joined { request: 7, .. }));
        // Coming back takes it anew.
        bob.leave(8, room);
        bob.expect(&left(8, room, 0));
        let resume = Some(hobnob::id::Resume { epoch, offset: 0 });
        let key = Some("sesame".into());
        bob.ask(&[ClientFrame::Join { request: 9, resume, key, room: "vault".into() }]);
        assert!(matches!(bob.next(), ServerFrame::Joined { request: 9, recovered: true, .. }));
        bob.bye();
        bob.expect_bye(CloseReason::PeerClosed);
    }
}

/// Trying again would not help, and is not advised.
#[test]
fn who_takes_nothing_takes_nothing_however_much_is_unread() {
    let limits = Limits { outbox: 16 << 10, ..Limits::default() };
    let services = vec![Service::Frame(Options { overrun: Overrun::Gap })];
    let mut engine = Engine::new(limits, services, secrets());
    let now = Now { running: Duration::from_secs(1), unix_ms: 0 };
    let mut speaker = |frames: &[ClientFrame<'_>]| {
        let conn = engine.connected(0, Remote { exempt: true, ..Remote::default() }, now).unwrap();
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| binary::write_client(frame, &mut bytes));
        let mut reading = engine.received(conn, &bytes, now);
        while reading == Reading::Unfinished {
            reading = engine.resume(conn, now);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (count, _) = engine.slices(conn, &mut slices);
        (reading, slices[..count].iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>())
    };
    let pings = (0..2_000).map(ping);
    let (reading, _) = speaker(&[hello("bob")].into_iter().chain(pings).collect::<Vec<_>>());
    assert_eq!(reading, Reading::Held);
    let (_, heard) = speaker(&[hello("ann"), tell(7, "bob", "psst")]);
    let mut expected = Vec::new();
    binary::write_server(&refused(Refusal::CannotHear, 7), &mut expected);
    assert!(heard.ends_with(&expected), "{}", heard.escape_ascii());
}

/// Whoever may invite cannot end with it whom they invite.
#[test]
fn invitations_cannot_fill_an_outbox() {
    let limits = Limits { outbox: 16 << 10, ..Limits::default() };
    let irc = Service::Irc(std::sync::Arc::default());
    let services = vec![Service::Frame(Options { overrun: Overrun::Gap }), irc];
    let mut engine = Engine::new(limits, services, secrets());
    let now = Now { running: Duration::from_secs(1), unix_ms: 0 };
    let bob = engine.connected(0, Remote { exempt: true, ..Remote::default() }, now).unwrap();
    let mut bytes = Vec::new();
    binary::write_client(&hello_private("bob"), &mut bytes);
    engine.received(bob, &bytes, now);
    let ann = engine.connected(1, Remote { exempt: true, ..Remote::default() }, now).unwrap();
    engine.received(ann, b"NICK ann\r\nUSER ann 0 * :Ann\r\nJOIN #tea\r\n", now);
    let mut refused = 0;
    for _ in 0..1_000 {
        engine.received(ann, b"INVITE bob #tea\r\n", now);
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (count, total) = engine.slices(ann, &mut slices);
        let heard: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
        refused += usize::from(heard.windows(5).any(|five| five == b" 531 "));
        engine.sent(ann, total);
    }
    assert!(engine.is_open(bob), "bob was ended by what others did");
    assert!(refused > 0 && refused < 1_000, "{refused} were refused");
}
