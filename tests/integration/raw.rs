//! Plain sockets, as every tutorial writes them, against a real relay: byte for byte.

use crate::common::*;
use hobnob::Limits;
use hobnob::reason::CloseReason;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::thread;

const RAW: &str = "raw://127.0.0.1:0";

/// So many clients of the first listener, all of them in.
fn crowd<const N: usize>(server: &Server) -> [Client; N] {
    let already = server.counts().accepted;
    let clients = std::array::from_fn(|_| server.connect());
    server.until_accepted(already + N as u64);
    clients
}

#[test]
fn what_one_sends_everybody_receives_the_sender_included() {
    let server = Server::start(&[RAW]);
    let [mut ann, mut bob, mut cat] = crowd(&server);
    // No newline, as with sock.send(input().encode()).
    for (speaker, text) in [(0, &b"hello"[..]), (1, b"hi ann"), (2, b"\x00\xff any bytes \r\n\n")] {
        [&mut ann, &mut bob, &mut cat][speaker].send(text);
        for client in [&mut ann, &mut bob, &mut cat] {
            client.expect_bytes(text);
        }
    }
    server.until("three were said to three", |c| (c.messages, c.deliveries) == (3, 9));
}

#[test]
fn without_echo_the_sender_hears_only_the_others() {
    let server = Server::start(&["raw://127.0.0.1:0?echo=false"]);
    let [mut ann, mut bob, mut cat] = crowd(&server);
    ann.send(b"from ann");
    bob.expect_bytes(b"from ann");
    cat.expect_bytes(b"from ann");
    bob.send(b"from bob");
    // Its own words would have come before these.
    ann.expect_bytes(b"from bob");
    cat.expect_bytes(b"from bob");
    ann.shut();
    bob.shut();
    ann.expect_end();
    bob.expect_end();
}

#[test]
fn one_who_waits_to_receive_first_gets_the_greeting() {
    let server = Server::start(&["raw://127.0.0.1:0?greeting=Connected%20to%20hobnob%0A"]);
    let mut ann = server.connect();
    ann.expect_bytes(b"Connected to hobnob\n");
    ann.send(b"is anybody here?");
    ann.expect_bytes(b"is anybody here?");
    let mut bob = server.connect();
    bob.expect_bytes(b"Connected to hobnob\n");
    bob.send(b"me");
    // The greeting is for the newcomer alone.
    ann.expect_bytes(b"me");
    bob.expect_bytes(b"me");
}

#[test]
fn one_who_connects_receives_and_leaves_leaves_nothing_behind() {
    let server = Server::start(&["raw://127.0.0.1:0?greeting=12:00"]);
    for n in 1..=20 {
        let mut client = server.connect();
        client.expect_bytes(b"12:00");
        drop(client);
        server.until_closed(CloseReason::PeerClosed, n);
    }
    let counts = server.counts();
    assert_eq!((counts.connections, counts.rooms, counts.backlog), (0, 0, 0));
}

#[test]
fn fault_s6_half_closed_after_sending_is_heard_and_gets_its_echo() {
    let server = Server::start(&[RAW]);
    let [mut ann, mut bob] = crowd(&server);
    // printf 'last words' | nc
    ann.send(b"last words");
    ann.shut();
    bob.expect_bytes(b"last words");
    ann.expect_bytes(b"last words");
    ann.expect_end();
    server.until_closed(CloseReason::PeerClosed, 1);
    bob.send(b"still here");
    bob.expect_bytes(b"still here");
}

#[test]
fn fault_s6_much_sent_and_half_closed_is_heard_whole() {
    let server = Server::start(&["raw://127.0.0.1:0?echo=false"]);
    let [mut ann, mut bob] = crowd(&server);
    let book: Vec<u8> = (0..1 << 20).map(|n: u32| (n / 7) as u8).collect();
    let sent = book.clone();
    let writer = thread::spawn(move || {
        ann.send(&sent);
        ann.shut();
        ann.expect_end();
    });
    bob.expect_bytes(&book);
    writer.join().unwrap();
}

#[test]
fn fault_s6_a_reset_costs_nobody_else_anything() {
    let server = Server::start(&[RAW]);
    let [ann, mut bob] = crowd(&server);
    ann.reset();
    server.until_closed(CloseReason::Lost, 1);
    bob.send(b"hello?");
    bob.expect_bytes(b"hello?");
}

#[test]
fn a_stream_larger_than_any_message_passes_untouched() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let server = Server::with(&[RAW], limits);
    let [mut ann, mut bob] = crowd(&server);
    let stream: Vec<u8> = (0..50_000_u32).map(|n| (n % 251) as u8).collect();
    ann.send(&stream);
    bob.expect_bytes(&stream);
    ann.expect_bytes(&stream);
    server.until("it was cut into messages of at most 1,000 bytes", |c| c.messages >= 50);
}

#[test]
fn lines_typed_in_pieces_by_two_at_once_stay_whole() {
    let server = Server::start(&["raw://127.0.0.1:0?framing=line"]);
    let [mut ann, mut bob] = crowd(&server);
    ann.send(b"hel");
    bob.send(b"wor");
    server.until("both pieces have arrived", |counts| counts.bytes_in == 6);
    ann.send(b"lo\nand");
    ann.expect_bytes(b"hello\n");
    bob.send(b"ld\r\n");
    ann.expect_bytes(b"world\n");
    ann.send(b" more\n\n");
    ann.expect_bytes(b"and more\n\n");
    bob.expect_bytes(b"hello\nworld\nand more\n\n");
}

#[test]
fn lines_of_many_at_once_stay_whole_and_in_each_ones_order() {
    const SPEAKERS: usize = 4;
    const LINES: usize = 200;
    let server = Server::start(&["raw://127.0.0.1:0?framing=line&echo=false"]);
    let [mut ear] = crowd(&server);
    let speakers: [Client; SPEAKERS] = crowd(&server);
    let threads: Vec<_> = speakers
        .into_iter()
        .enumerate()
        .map(|(speaker, mut client)| {
            thread::spawn(move || {
                let mut dice = Dice(speaker as u64);
                let text: String =
                    (0..LINES).map(|line| format!("speaker {speaker} line {line}\r\n")).collect();
                let mut rest = text.as_bytes();
                while !rest.is_empty() {
                    let (piece, later) = rest.split_at((1 + dice.below(40)).min(rest.len()));
                    client.send(piece);
                    rest = later;
                }
                // Read what the others said, or this one would be a slow consumer.
                client.shut();
                client.read_to_end();
            })
        })
        .collect();
    let mut next = [0; SPEAKERS];
    for _ in 0..SPEAKERS * LINES {
        let text = ear.read_until(b"\n");
        let line = std::str::from_utf8(&text).unwrap().trim_end_matches('\n');
        let words: Vec<&str> = line.split(' ').collect();
        let ["speaker", speaker, "line", line] = words[..] else { panic!("torn: {line:?}") };
        let speaker: usize = speaker.parse().unwrap();
        assert_eq!(line, next[speaker].to_string(), "of speaker {speaker}");
        next[speaker] += 1;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_last_line_without_its_newline_still_counts() {
    let server = Server::start(&["raw://127.0.0.1:0?framing=line"]);
    let [mut ann, mut bob] = crowd(&server);
    ann.send(b"first\nlast");
    ann.shut();
    bob.expect_bytes(b"first\nlast\n");
    ann.expect_bytes(b"first\nlast\n");
    ann.expect_end();
}

#[test]
fn fault_p2_a_line_that_never_ends_ends_its_speaker_alone() {
    let limits = Limits { message: 100, ..Limits::default() };
    let server = Server::with(&["raw://127.0.0.1:0?framing=line"], limits);
    let [mut ann, mut bob] = crowd(&server);
    let longest = [b'x'; 100];
    for end in [&b"\n"[..], b"\r\n"] {
        ann.send(&[&longest, end].concat());
        ann.expect_bytes(&[&longest, &b"\n"[..]].concat());
        bob.expect_bytes(&[&longest, &b"\n"[..]].concat());
    }
    ann.send(&[b'x'; 5000]);
    ann.expect_gone();
    drop(ann);
    server.until_closed(CloseReason::FrameTooLong, 1);
    bob.send(b"fine here\n");
    bob.expect_bytes(b"fine here\n");
}

#[test]
fn a_line_one_byte_too_long_is_not_dropped_in_silence() {
    let limits = Limits { message: 100, ..Limits::default() };
    let server = Server::with(&["raw://127.0.0.1:0?framing=line"], limits);
    for (n, end) in [(1, &b"\n"[..]), (2, b"\r\n"), (3, b"")] {
        let mut ann = server.connect();
        ann.send(&[&[b'x'; 101], end].concat());
        if end.is_empty() {
            ann.shut();
        }
        ann.expect_gone();
        drop(ann);
        server.until_closed(CloseReason::FrameTooLong, n);
    }
    assert_eq!(server.counts().messages, 0);
}

#[test]
fn raw_and_frames_meet_in_one_room() {
    for spelling in SPELLINGS {
        let server = Server::start(&["frame://127.0.0.1:0", "raw://127.0.0.1:0?room=tea"]);
        let (mut fay, room) = server.enter(*spelling, "fay", "tea");
        let mut raw = server.connect_to(1);
        fay.expect(&came(room, 2, "guest1"));
        // What a plain socket says is a piece of a stream, and no text is added to it.
        raw.send(b"no newline");
        raw.expect_bytes(b"no newline");
        fay.expect(&message(room, 1, "guest1", "no newline"));
        raw.send(b"\xff\x00");
        raw.expect_bytes(b"\xff\x00");
        fay.expect(&message(room, 2, "guest1", b"\xff\x00"));
        raw.send(b"\x1b[2J");
        raw.expect_bytes(b"\x1b[2J");
        fay.expect(&message(room, 3, "guest1", "\x1b[2J"));
        // What a frame says had edges: text ends its line on a plain socket, bytes are left alone.
        for (id, said, heard) in [
            (1, &b"hello"[..], &b"hello\n"[..]),
            (2, b"hello\n", b"hello\n"),
            (3, b"", b"\n"),
            (4, b"zo\xc3\xab", b"zo\xc3\xab\n"),
            (5, b"\xff\xfe", b"\xff\xfe"),
        ] {
            fay.say_to_others(room, id, said);
            fay.expect(&ack(room, id, 3 + id));
            raw.expect_bytes(heard);
        }
        fay.members(9, room);
        match fay.next() {
            hobnob::wire::frame::ServerFrame::Members {
                request: 9, count: 2, mut names, ..
            } => {
                names.sort();
                assert_eq!(names, ["fay", "guest1"]);
            }
            other => panic!("{other:?}"),
        }
        drop(raw);
        fay.expect(&went(room, 1, "guest1"));
        fay.expect_quiet();
    }
}

#[cfg(feature = "json")]
#[test]
fn a_plain_sockets_bytes_are_base64_in_json_when_they_are_no_text() {
    let server = Server::start(&["frame://127.0.0.1:0", "raw://127.0.0.1:0"]);
    let (mut fay, room) = server.enter(Spelling::Json, "fay", "lobby");
    let mut raw = server.connect_to(1);
    fay.expect(&came(room, 2, "guest1"));
    for (offset, said, field) in [
        (1, &b"tab\tand\r\nlines \"quoted\""[..], r#""text":"tab\tand\r\nlines \"quoted\"""#),
        (2, b"half a \xc3", r#""base64":"aGFsZiBhIMM=""#),
        (3, b"bell \x07", r#""base64":"YmVsbCAH""#),
    ] {
        raw.send(said);
        raw.expect_bytes(said);
        let line = String::from_utf8(fay.next_bytes().unwrap()).unwrap();
        let (before, after) = line.split_once(r#""time":"#).unwrap();
        let begins = format!(r#"{{"type":"message","room":4194304,"offset":{offset},"#);
        assert_eq!(before, begins);
        let ends = format!(r#","sender":"guest1",{field}}}"#);
        assert_eq!(after.trim_start_matches(|c: char| c.is_ascii_digit()), ends + "\n");
    }
}

#[test]
fn lines_of_a_frame_client_reach_line_framed_sockets_whole() {
    let server = Server::start(&["frame://127.0.0.1:0", "raw://127.0.0.1:0?framing=line"]);
    let (mut fay, room) = server.enter(Spelling::Binary, "fay", "lobby");
    let mut raw = server.connect_to(1);
    fay.expect(&came(room, 2, "guest1"));
    for (id, said, heard) in
        [(1, &b"one"[..], &b"one\n"[..]), (2, b"two\n", b"two\n"), (3, b"\xff", b"\xff\n")]
    {
        fay.say_to_others(room, id, said);
        fay.expect(&ack(room, id, id));
        raw.expect_bytes(heard);
    }
    raw.send(b"typed\r\n");
    raw.expect_bytes(b"typed\n");
    fay.expect(&message(room, 4, "guest1", "typed"));
}

#[test]
fn chunks_and_lines_share_a_room() {
    let server = Server::start(&[RAW, "raw://127.0.0.1:0?framing=line"]);
    let (mut chunk, mut line) = (server.connect_to(0), server.connect_to(1));
    server.until_accepted(2);
    chunk.send(b"as it comes");
    chunk.expect_bytes(b"as it comes");
    line.expect_bytes(b"as it comes\n");
    line.send(b"a whole line\n");
    line.expect_bytes(b"a whole line\n");
    chunk.expect_bytes(b"a whole line\n");
}

#[test]
fn several_listeners_serve_rooms_of_their_own_and_one_they_share() {
    let server = Server::start(&[
        "raw://127.0.0.1:0?room=tea",
        "raw://127.0.0.1:0?room=coffee",
        "raw://127.0.0.1:0?room=TEA",
        "frame://127.0.0.1:0",
    ]);
    let mut clients: Vec<Client> = (0..3).map(|index| server.connect_to(index)).collect();
    server.until_accepted(3);
    clients[0].send(b"Earl Grey");
    clients[0].expect_bytes(b"Earl Grey");
    clients[2].expect_bytes(b"Earl Grey");
    clients[1].send(b"espresso");
    clients[1].expect_bytes(b"espresso");
    clients[2].send(b"Assam");
    clients[0].expect_bytes(b"Assam");
    clients[2].expect_bytes(b"Assam");
    server.until("there are two rooms", |counts| counts.rooms == 2);
    let mut fay = server.connect_to(3);
    fay.hello("fay");
    assert_eq!(fay.join("Tea").members, 3);
    assert_eq!(fay.join("coffee").members, 2);
}

#[test]
fn plain_sockets_come_and_go_as_guests() {
    let server = Server::start(&["frame://127.0.0.1:0", RAW]);
    let (mut fay, room) = server.enter(Spelling::Binary, "fay", "lobby");
    let first = server.connect_to(1);
    fay.expect(&came(room, 2, "guest1"));
    let second = server.connect_to(1);
    fay.expect(&came(room, 3, "guest2"));
    drop(first);
    fay.expect(&went(room, 2, "guest1"));
    let third = server.connect_to(1);
    // A guest's name is never given twice.
    fay.expect(&came(room, 3, "guest3"));
    second.reset();
    fay.expect(&went(room, 2, "guest2"));
    third.shut();
    fay.expect(&went(room, 1, "guest3"));
    fay.expect_quiet();
}

/// Whether this machine has IPv6 at all. Only then may the tests of it be left out.
fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("NOT TESTED: this machine has no IPv6");
    }
    has
}

#[test]
fn ipv6_loopback_is_served() {
    if !has_ipv6() {
        return;
    }
    let server = Server::start(&["raw://[::1]:0"]);
    let [mut ann, mut bob] = crowd(&server);
    ann.send(b"over six");
    ann.expect_bytes(b"over six");
    bob.expect_bytes(b"over six");
}

#[test]
fn the_unspecified_ipv6_address_takes_both_families() {
    if !has_ipv6() {
        return;
    }
    let server = Server::start(&["raw://[::]:0"]);
    let port = server.port(0);
    let mut six = Client::connect_tcp(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).unwrap();
    let mut four = Client::connect_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap();
    server.until_accepted(2);
    six.send(b"from six");
    four.expect_bytes(b"from six");
    four.send(b"from four");
    six.expect_bytes(b"from sixfrom four");
}

#[test]
fn a_unix_socket_is_its_owners_alone_and_goes_with_the_relay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hobnob.sock");
    let urls = [
        format!("unix:{}", path.display()),
        format!("raw+unix:{}", folder.path().join("raw.sock").display()),
    ];
    let server = Server::start(&[&urls[0], &urls[1]]);
    let found = std::fs::symlink_metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let (mut fay, room) = server.enter(Spelling::Binary, "fay", "lobby");
    let mut raw = server.connect_to(1);
    fay.expect(&came(room, 2, "guest1"));
    raw.send(b"hello");
    raw.expect_bytes(b"hello");
    fay.expect(&message(room, 1, "guest1", "hello"));
    drop((fay, raw));
    server.stop();
    assert!(!path.exists(), "removed with its relay");
    assert!(!folder.path().join("raw.sock").exists());
}

#[test]
fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hobnob.sock");
    let url = format!("raw+unix:{}", path.display());
    // Left over by one that was killed: nobody answers there.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = Server::start(&[&url]);
    let mut ann = server.connect();
    let refused = Server::try_with(&[&url], Limits::default()).err().expect("somebody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse, "{refused}");
    assert!(refused.to_string().contains("stop the process that listens there"), "{refused}");
    // The one who asked whether anybody is there was a client, too, and is gone.
    server.until("the question is over", |c| c.accepted == 2 && c.connections == 1);
    ann.send(b"unharmed");
    ann.expect_bytes(b"unharmed");
    assert!(path.exists(), "the one who was refused took nothing away");
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious.txt");
    std::fs::write(&path, "precious").unwrap();
    let url = format!("unix:{}", path.display());
    assert!(Server::try_with(&[&url], Limits::default()).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}
