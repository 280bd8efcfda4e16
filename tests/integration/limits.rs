//! Every limit just below, at, and just above, against a real relay.

use crate::common::*;
use hobnob::Limits;
use hobnob::limits::{MESSAGE_MAX, PERSON_NAME_MAX, ROOM_NAME_MAX};
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::{ClientFrame, FRAME_OVERHEAD, ServerFrame, Side};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_message_at_the_limit_is_said_and_one_byte_more_is_refused_by_itself() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(Limits { message: 1000, ..Limits::default() });
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        let (mut offset, mut id) = (0, 0);
        // As plain text, as text that JSON must escape, and as bytes that JSON writes as base64.
        for byte in [b'x', b'"', b'\n', 0x00, 0xff] {
            for length in [999, 1000, 1001] {
                let payload = vec![byte; length];
                id += 1;
                ann.say(room, id, &payload);
                if length > 1000 {
                    ann.expect(&refused(Refusal::MessageTooLong, id));
                    continue;
                }
                offset += 1;
                ann.expect_all(&[message(room, offset, "ann", &payload), ack(room, id, offset)]);
            }
        }
        ann.expect_quiet();
    }
}

#[test]
fn fault_p1_a_binary_frame_at_the_limit_is_read_and_one_byte_more_ends_it() {
    let server = Server::frames_with(Limits { message: 1000, ..Limits::default() });
    // Kind, room, id, flags.
    let payload = 1000 + FRAME_OVERHEAD - 14;
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    ann.say(room, 1, &vec![0; payload]);
    ann.expect(&refused(Refusal::MessageTooLong, 1));
    ann.say(room, 2, &vec![0; payload + 1]);
    ann.expect_bye(CloseReason::FrameTooLong);
    // By what it declares alone, nothing having come of it.
    for declared in [1000 + FRAME_OVERHEAD as u32 + 1, u32::MAX, 0x0200_0000] {
        let mut bob = server.greet(Spelling::Binary, "bob");
        bob.send(&declared.to_be_bytes());
        bob.expect_bye(CloseReason::FrameTooLong);
    }
}

#[cfg(feature = "json")]
#[test]
fn fault_p2_a_json_line_at_the_limit_is_read_and_one_byte_more_ends_it() {
    let server = Server::frames_with(Limits { message: 1000, ..Limits::default() });
    let longest = 2 * 1000 + 4096;
    let line = |length: usize| {
        let ping = b"{\"type\":\"ping\",\"token\":5}";
        [&ping[..], &vec![b' '; length - ping.len() - 1], b"\n"].concat()
    };
    let mut ann = server.greet(Spelling::Json, "ann");
    ann.send(&line(longest - 1));
    ann.send(&line(longest));
    ann.expect_all(&[pong(5), pong(5)]);
    ann.send(&line(longest + 1));
    ann.expect_bye(CloseReason::FrameTooLong);
    // Without an end it is refused as soon as it is too long.
    let mut bob = server.greet(Spelling::Json, "bob");
    bob.send(&line(longest)[..longest - 1]);
    bob.send(b" ");
    bob.expect_bye(CloseReason::FrameTooLong);
}

#[test]
fn before_hello_less_is_read() {
    let server = Server::frames_with(Limits { before_hello: 256, ..Limits::default() });
    // Kind, version, key.
    let mut ann = server.speak(Spelling::Binary);
    ann.ask(&[hello(&"x".repeat(256 - 11))]);
    ann.expect(&refused(Refusal::BadName, 0));
    ann.ask(&[hello(&"x".repeat(256 - 10))]);
    ann.expect_bye(CloseReason::FrameTooLong);
    // Behind the welcome, a message's length is allowed.
    let (mut bob, room) = server.enter(Spelling::Binary, "bob", "tea");
    bob.say(room, 0, &vec![b'x'; 300]);
    bob.expect(&message(room, 1, "bob", &vec![b'x'; 300]));
    drop((ann, bob));
    #[cfg(feature = "json")]
    {
        let line = |length: usize| {
            let hello = b"{\"type\":\"hello\",\"version\":1}";
            [&hello[..], &vec![b' '; length - hello.len() - 1], b"\n"].concat()
        };
        let mut cat = server.speak(Spelling::Json);
        cat.send(&line(256));
        assert!(matches!(cat.next(), ServerFrame::Welcome { .. }));
        let mut dan = server.speak(Spelling::Json);
        dan.send(&line(257));
        dan.expect_bye(CloseReason::FrameTooLong);
    }
}

#[test]
fn a_peer_may_be_in_so_many_rooms() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(Limits { rooms_per_peer: 2, ..Limits::default() });
        let mut ann = server.greet(*spelling, "ann");
        let first = ann.join("one");
        ann.join("two");
        ann.ask(&[join(3, "three")]);
        ann.expect(&refused(Refusal::TooManyRooms, 3));
        // Where it is already is not one more; and what it left makes room.
        assert_eq!(ann.join("ONE").room, first.room);
        ann.leave(4, first.room);
        ann.expect(&left(4, first.room, 0));
        ann.join("three");
        ann.ask(&[join(5, "one")]);
        ann.expect(&refused(Refusal::TooManyRooms, 5));
        server.until("the refused room was not made", |counts| counts.rooms == 2);
        // It is a peer's own limit.
        assert_eq!(server.greet(*spelling, "bob").join("one").members, 1);
    }
}

#[test]
fn a_relay_holds_so_many_rooms() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(Limits { rooms: 2, ..Limits::default() });
        let mut ann = server.greet(*spelling, "ann");
        ann.join("one");
        let two = ann.join("two").room;
        ann.ask(&[join(3, "three")]);
        ann.expect(&refused(Refusal::RelayRoomsFull, 3));
        assert_eq!(server.greet(*spelling, "bob").join("one").members, 2);
        let mut cat = server.greet(*spelling, "cat");
        cat.ask(&[join(4, "three")]);
        cat.expect(&refused(Refusal::RelayRoomsFull, 4));
        // A room that is forgotten makes room.
        ann.leave(5, two);
        ann.until_pong();
        cat.join("three");
    }
}

#[test]
fn names_have_a_longest() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        // Bytes count, not characters.
        for long in ["x", "é", "😀"] {
            let mut ann = server.speak(*spelling);
            let name = long.repeat(PERSON_NAME_MAX / long.len());
            assert_eq!(name.len(), PERSON_NAME_MAX);
            ann.ask(&[hello(&format!("{name}x"))]);
            ann.expect(&refused(Refusal::BadName, 0));
            ann.hello(&name);
            let room = long.repeat(ROOM_NAME_MAX / long.len());
            ann.join(&room);
            ann.ask(&[join(9, &format!("{room}x"))]);
            ann.expect(&refused(Refusal::BadRoom, 9));
        }
    }
}

/// Reads the last words of a relay that has no room: JSON, because it does not know better.
#[track_caller]
fn expect_turned_away(mut client: Client, reason: CloseReason) {
    client.spelling = SPELLINGS[SPELLINGS.len() - 1];
    client.expect_bye(reason);
}

#[test]
fn a_relay_holds_so_many_connections() {
    let limits = Limits { connections: Some(2), ..Limits::default() };
    let server = Server::with(&["frame://127.0.0.1:0", "raw://127.0.0.1:0"], limits);
    let mut ann = server.greet(Spelling::Binary, "ann");
    let bob = server.greet(Spelling::Binary, "bob");
    for n in 1..=3 {
        expect_turned_away(server.connect(), CloseReason::RelayFull);
        server.until_closed(CloseReason::RelayFull, n);
    }
    // A plain socket reads no reasons.
    server.connect_to(1).expect_end();
    server.until_closed(CloseReason::RelayFull, 4);
    ann.expect_quiet();
    drop(bob);
    server.until_connected(1);
    server.greet(Spelling::Binary, "cat").expect_quiet();
    assert_eq!(server.counts().accepted, 3);
}

#[test]
fn an_address_may_connect_so_often_at_once() {
    let limits = Limits { per_address: 2, limit_loopback: true, ..Limits::default() };
    let server = Server::frames_with(limits);
    let mut ann = server.greet(Spelling::Binary, "ann");
    let bob = server.greet(Spelling::Binary, "bob");
    expect_turned_away(server.connect(), CloseReason::AddressFull);
    server.until_closed(CloseReason::AddressFull, 1);
    ann.expect_quiet();
    drop(bob);
    server.until_connected(1);
    let mut cat = server.greet(Spelling::Binary, "cat");
    expect_turned_away(server.connect(), CloseReason::AddressFull);
    cat.expect_quiet();
}

#[test]
fn fault_s9_an_address_may_connect_so_often_a_minute() {
    let limits = Limits { per_address_minute: 5, limit_loopback: true, ..Limits::default() };
    let server = Server::frames_with(limits);
    for n in 1..=5 {
        drop(server.greet(Spelling::Binary, "ann"));
        server.until_closed(CloseReason::PeerClosed, n);
    }
    expect_turned_away(server.connect(), CloseReason::AddressFull);
    // Loopback is exempt unless the relay is told otherwise.
    let limits = Limits { per_address: 1, per_address_minute: 1, ..Limits::default() };
    let server = Server::frames_with(limits);
    let _first = server.greet(Spelling::Binary, "ann");
    server.greet(Spelling::Binary, "bob").expect_quiet();
}

#[test]
fn a_burst_is_allowed_and_then_refused_and_the_connection_goes_on() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(one_an_hour(4));
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        let mut frames: Vec<_> = (1..=5).map(|id| say_to_others(room, id, "x")).collect();
        // A message said before counts, too. Questions and rooms have a wider allowance.
        frames.extend([say_to_others(room, 1, "x"), members(9, room), ping(10)]);
        ann.ask(&frames);
        ann.expect_all(&[ack(room, 1, 1), ack(room, 2, 2), ack(room, 3, 3)]);
        ann.expect_all(&[4, 5, 1].map(|request| refused(Refusal::RateLimited, request)));
        ann.expect_all(&[member_list(9, room, &["ann"]), pong(10)]);
        ann.join("coffee");
        server.until_refused(Refusal::RateLimited, 3);
    }
}

#[test]
fn rooms_and_questions_have_an_allowance_of_four_bursts_and_leaving_has_none() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(one_an_hour(2));
        let mut ann = server.greet(*spelling, "ann");
        let rooms: Vec<u32> = (0..8).map(|n| ann.join(&n.to_string()).room).collect();
        let past = history(3, rooms[0], Side::Before(0), 0);
        ann.ask(&[join(1, "9"), members(2, rooms[0]), past, ping(4)]);
        ann.expect_all(&[1, 2, 3].map(|request| refused(Refusal::RateLimited, request)));
        ann.expect(&pong(4));
        for room in rooms {
            ann.leave(5, room);
            ann.expect(&left(5, room, 0));
        }
        server.until_refused(Refusal::RateLimited, 3);
    }
}

#[test]
fn a_join_that_resumes_counts_what_is_sent_again() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(one_an_hour(2));
        let mut ann = server.greet(*spelling, "ann");
        let joined = ann.join("tea");
        for _ in 0..2 {
            server.handle.publish("tea", "host", &[b'x'; 60_000]).unwrap();
            assert!(matches!(ann.next(), ServerFrame::Message { .. }));
        }
        // Each of these counts as one message, and almost two for what is sent again: the first join
        // and three of them are more than four bursts.
        for _ in 0..3 {
            ann.join_after("tea", joined.after(0));
            let frames = [ann.next(), ann.next(), ann.next()];
            assert!(matches!(frames[1], ServerFrame::Message { offset: 2, .. }), "{frames:?}");
        }
        let resume = joined.after(0);
        ann.ask(&[ClientFrame::Join { request: 7, resume, key: None, room: "tea".into() }]);
        ann.expect(&refused(Refusal::RateLimited, 7));
        // Where nothing was missed, nothing is counted.
        let mut bob = server.greet(*spelling, "bob");
        for _ in 0..8 {
            bob.join_after("tea", joined.after(2));
        }
    }
}

#[test]
fn after_the_burst_so_many_a_second() {
    let limits = Limits { rate_every: millis(20), ..one_an_hour(5) };
    let server = Server::frames_with(limits);
    let mut ann = server.greet(Spelling::Binary, "ann");
    let since = Instant::now();
    let room = ann.join("tea").room;
    let (mut said, mut id) = (1, 0);
    while said < 30 {
        id += 1;
        ann.say_to_others(room, id, "x");
        match ann.next() {
            ServerFrame::Ack { .. } => said += 1,
            frame => assert_eq!(frame, refused(Refusal::RateLimited, id)),
        }
    }
    // 25 beyond the burst take half a second, and however slow this machine is, no less. A refused
    // message costs nothing further, or this would never end.
    assert!(since.elapsed() > millis(480), "{:?} for {said}", since.elapsed());
}

#[test]
fn a_rate_of_none_is_no_rate() {
    let limits = Limits { rate_every: Duration::ZERO, ..one_an_hour(1) };
    let server = Server::frames_with(limits);
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    for id in 1..=100 {
        ann.say_to_others(room, id, "x");
        ann.expect(&ack(room, id, id));
    }
}

#[test]
fn fault_s10_members_are_named_up_to_so_many_and_counted_above() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(Limits { presence_members: 2, ..Limits::default() });
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        let (mut bob, _) = server.enter(*spelling, "bob", "tea");
        ann.expect(&came(room, 2, "bob"));
        let (mut cat, _) = server.enter(*spelling, "cat", "tea");
        cat.members(5, room);
        cat.expect(&member_count(5, room, 3));
        let (mut dan, _) = server.enter(*spelling, "dan", "tea");
        // One count for both, within a second or so.
        for client in [&mut ann, &mut bob, &mut cat, &mut dan] {
            client.expect(&member_count(0, room, 4));
        }
        dan.leave(6, room);
        dan.expect(&left(6, room, 0));
        cat.leave(7, room);
        cat.expect(&left(7, room, 0));
        // Two are few again. The count that the third one's going had asked for comes later.
        for client in [&mut ann, &mut bob] {
            client.expect(&went(room, 2, "cat"));
            client.expect(&member_count(0, room, 2));
        }
        ann.members(8, room);
        assert!(matches!(ann.next(), ServerFrame::Members { names, .. } if names.len() == 2));
    }
}

#[test]
fn history_is_bounded_by_count() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(Limits {
            history_messages: 3,
            said_once_messages: 4,
            ..Limits::default()
        });
        let mut ann = server.greet(*spelling, "ann");
        let tea = ann.join("tea");
        for id in 1..=3 {
            ann.say_to_others(tea.room, id, "x");
            ann.expect(&ack(tea.room, id, id));
        }
        let all = ann.join_after("tea", tea.after(0));
        assert_eq!((all.recovered, all.oldest, all.head), (true, 1, 3));
        ann.until_pong();
        ann.say_to_others(tea.room, 4, "x");
        ann.expect(&ack(tea.room, 4, 4));
        let late = ann.join_after("tea", tea.after(0));
        assert_eq!((late.recovered, late.oldest, late.head), (false, 2, 4));
        let still = ann.join_after("tea", tea.after(1));
        assert!(still.recovered);
        let came = ann.until_pong();
        assert_eq!(came.len(), 4, "three messages and the count: {came:?}");
        // What is not kept is known all the same, and once its id is forgotten, said anew.
        ann.ask(&[say_to_others(tea.room, 1, "x"), say_to_others(tea.room, 4, "x")]);
        ann.expect_all(&[ack(tea.room, 1, 1), ack(tea.room, 4, 4)]);
        ann.ask(&[say_to_others(tea.room, 5, "x"), say_to_others(tea.room, 1, "x")]);
        ann.expect_all(&[ack(tea.room, 5, 5), ack(tea.room, 1, 6)]);
    }
}

#[test]
fn history_is_bounded_by_bytes() {
    // Each message counts 160 beside its payload.
    let server = Server::frames_with(Limits { history_bytes: 3 * 260, ..Limits::default() });
    let mut ann = server.greet(Spelling::Binary, "ann");
    let tea = ann.join("tea");
    let payload = [b'x'; 100];
    for id in 1..=3 {
        ann.say_to_others(tea.room, id, &payload);
        ann.expect(&ack(tea.room, id, id));
    }
    assert_eq!(server.until("all is kept", |c| c.history == 3 * 260).messages, 3);
    assert_eq!(ann.join("tea").oldest, 1);
    ann.say_to_others(tea.room, 4, "");
    ann.expect(&ack(tea.room, 4, 4));
    assert_eq!(ann.join("tea").oldest, 2);
    // One that does not fit at all leaves nothing.
    ann.say_to_others(tea.room, 5, &[b'x'; 3 * 260 - 159]);
    ann.expect(&ack(tea.room, 5, 5));
    let tea = ann.join("tea");
    assert_eq!((tea.oldest, tea.head), (6, 5));
}

#[test]
fn history_of_all_rooms_together_is_bounded() {
    let server = Server::frames_with(Limits { history_total: 4 * 161, ..Limits::default() });
    let mut ann = server.greet(Spelling::Binary, "ann");
    let rooms = ["one", "two", "three"].map(|name| ann.join(name).room);
    for id in 1..=2 {
        for room in rooms {
            ann.say_to_others(room, id, "x");
            ann.expect(&ack(room, id, id));
        }
    }
    // Whoever speaks when all is full pays with its own past.
    let oldest = ["one", "two", "three"].map(|name| ann.join(name).oldest);
    assert_eq!(oldest.map(|oldest| 3 - oldest).iter().sum::<u64>(), 4);
    server.until("four are kept", |counts| counts.history == 4 * 161);
}

#[test]
fn history_is_bounded_by_age() {
    let server = Server::frames_with(Limits {
        history_age: millis(300),
        said_once_age: millis(300),
        ..Limits::default()
    });
    let mut ann = server.greet(Spelling::Binary, "ann");
    let tea = ann.join("tea");
    let since = Instant::now();
    ann.say_to_others(tea.room, 1, "x");
    ann.expect(&ack(tea.room, 1, 1));
    server.until("the message is too old", |c| c.messages == 1 && c.history == 0);
    assert!(since.elapsed() >= millis(200), "forgotten after {:?}", since.elapsed());
    let late = ann.join_after("tea", tea.after(0));
    assert_eq!((late.recovered, late.oldest, late.head), (false, 2, 1));
    // A room that nobody is in is forgotten with its last message and id.
    ann.ask(&[say_to_others(tea.room, 2, "y"), leave(3, tea.room)]);
    ann.expect_all(&[ack(tea.room, 2, 2), left(3, tea.room, 2)]);
    server.until("the room is forgotten", |counts| counts.rooms == 0);
    assert_ne!(ann.join("tea").epoch, tea.epoch);
}

#[test]
fn fault_s3_pings_without_reading_pongs_stop_being_read() {
    const PINGS: u64 = 300_000;
    for spelling in SPELLINGS {
        let limits = Limits { outbox: 64 << 10, send_buffer: 32 << 10, ..Limits::default() };
        let (outbox, soft) = (limits.outbox as u64, limits.outbox_soft() as u64);
        let server = Server::frames_with(limits);
        let neighbours = Neighbours::talk(&server);
        let mut flood = server.connect_narrow(0, 4096);
        flood.spelling = *spelling;
        flood.hello("flood");
        flood.socket.set_send_buffer_size(4096).unwrap();
        flood.socket.set_nonblocking(true).unwrap();
        let pings: Vec<u8> = (0..PINGS).flat_map(|token| encode(*spelling, &ping(token))).collect();
        let mut rest = &pings[..];
        // Until nothing more is taken, while a third party is served a thousand times.
        let (mut witness, mut refusals) = (server.greet(Spelling::Binary, "witness"), 0);
        while refusals < 1000 && !rest.is_empty() {
            match flood.socket.write(rest) {
                Ok(count) => (rest, refusals) = (&rest[count..], 0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    refusals += 1;
                    witness.expect_quiet();
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(!rest.is_empty(), "the relay read all of it");
        let counts = server.counts();
        // What was read and not answered yet, the neighbours' small talk aside.
        let owed = counts.bytes_in.saturating_sub(counts.bytes_out);
        assert!(owed < soft + (64 << 10) + outbox, "{owed} bytes wait");
        // Now it reads, and every pong comes, in order.
        let mut pongs = Vec::new();
        // A `pong` is as long as a `ping`, in both spellings.
        let expected = pings.len();
        let since = Instant::now();
        let mut buffer = [0; 64 << 10];
        while pongs.len() < expected {
            assert!(since.elapsed() < PATIENCE, "{} of {expected} came", pongs.len());
            match flood.socket.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
            }
            match flood.socket.read(&mut buffer) {
                Ok(count) => {
                    assert_ne!(count, 0, "the relay hung up");
                    pongs.extend_from_slice(&buffer[..count]);
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
            }
        }
        let wanted: Vec<u8> =
            (0..PINGS).flat_map(|token| encode_server(*spelling, &pong(token))).collect();
        assert_same(&wanted, &pongs);
        assert!(neighbours.part() > 0);
        assert_eq!(server.closed(CloseReason::OutboxFull), 0);
    }
}

#[test]
fn fault_s5_one_who_says_nothing_is_closed_after_the_handshake_time() {
    let server = Server::frames_with(Limits { handshake: millis(300), ..Limits::default() });
    let since = Instant::now();
    let clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in clients {
        expect_turned_away(client, CloseReason::HandshakeTimeout);
    }
    assert!((millis(200)..millis(2000)).contains(&since.elapsed()), "{:?}", since.elapsed());
    server.until_closed(CloseReason::HandshakeTimeout, 20);
}

#[test]
fn fault_s4_a_byte_now_and_then_does_not_buy_time() {
    let server = Server::frames_with(Limits { handshake: millis(500), ..Limits::default() });
    for spelling in SPELLINGS {
        let since = Instant::now();
        let mut slow = server.speak(*spelling);
        let bytes = encode(*spelling, &hello(&"x".repeat(60)));
        slow.socket.set_read_timeout(Some(millis(20))).unwrap();
        let mut came = Vec::new();
        let mut buffer = [0; 1000];
        for byte in &bytes {
            if !slow.try_send(&[*byte]) {
                break;
            }
            match slow.socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => came.extend_from_slice(&buffer[..count]),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
            }
        }
        assert_same(&encode_server(*spelling, &bye_of(CloseReason::HandshakeTimeout)), &came);
        assert!((millis(400)..millis(2000)).contains(&since.elapsed()), "{:?}", since.elapsed());
    }
    // A name refused is not a name: the time goes on.
    let holder = server.greet(Spelling::Binary, "ann");
    let mut other = server.speak(Spelling::Binary);
    other.ask(&[hello("ann")]);
    other.expect(&refused(Refusal::NameTaken, 0));
    other.expect_bye(CloseReason::HandshakeTimeout);
    drop((holder, other));
    server.until_closed(CloseReason::HandshakeTimeout, 1 + SPELLINGS.len() as u64);
}

#[test]
fn fault_s7_silence_is_pinged_and_then_closed() {
    for spelling in SPELLINGS {
        let (ping_after, ping_grace) = (millis(300), millis(300));
        let limits = Limits { ping_after, ping_grace, ..Limits::default() };
        let server = Server::with(&["frame://127.0.0.1:0", "raw://127.0.0.1:0"], limits);
        let mut raw = server.connect_to(1);
        let mut quiet = server.greet(*spelling, "quiet");
        let mut polite = server.greet(*spelling, "polite");
        let mut busy = server.greet(*spelling, "busy");
        let since = Instant::now();
        quiet.expect(&ServerFrame::Ping { token: 0 });
        assert!(since.elapsed() > millis(140), "pinged after {:?}", since.elapsed());
        // One answers; one says something else, and that is a sign of life as well.
        polite.expect(&ServerFrame::Ping { token: 0 });
        polite.ask(&[ClientFrame::Pong { token: 0 }]);
        busy.expect(&ServerFrame::Ping { token: 0 });
        busy.ping(8);
        busy.expect(&pong(8));
        quiet.expect_bye(CloseReason::PingTimeout);
        assert!(since.elapsed() < millis(2000), "closed after {:?}", since.elapsed());
        drop(quiet);
        server.until_closed(CloseReason::PingTimeout, 1);
        polite.expect(&ServerFrame::Ping { token: 0 });
        polite.ask(&[ClientFrame::Pong { token: 7 }]);
        polite.expect_quiet();
        // Plain sockets cannot answer, and are not asked.
        raw.send(b"hello");
        raw.expect_bytes(b"hello");
    }
}

#[test]
fn limits_that_contradict_each_other_are_refused_with_a_reason() {
    type Change = fn(&mut Limits);
    let refused = |change: Change| {
        let mut limits = Limits::default();
        change(&mut limits);
        let error = Server::try_with(&["frame://127.0.0.1:0"], limits).err();
        let error = error.expect("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        error.to_string()
    };
    let zeros: [(&str, Change); 15] = [
        ("connections", |l| l.connections = Some(0)),
        ("accepts-per-turn", |l| l.accepts_per_turn = 0),
        ("commands-per-turn", |l| l.commands_per_turn = 0),
        ("flush-writes", |l| l.flush_writes = 0),
        ("flush-bytes", |l| l.flush_bytes = 0),
        ("max-message", |l| l.message = 0),
        ("send-buffer", |l| l.send_buffer = 0),
        ("rooms-per-peer", |l| l.rooms_per_peer = 0),
        ("max-rooms", |l| l.rooms = 0),
        ("per-address", |l| l.per_address = 0),
        ("per-address-minute", |l| l.per_address_minute = 0),
        ("rate-burst", |l| l.rate_burst = 0),
        ("handshake", |l| l.handshake = Duration::ZERO),
        ("ping-after", |l| l.ping_after = Duration::ZERO),
        ("ping-grace", |l| l.ping_grace = Duration::ZERO),
    ];
    for (name, zero) in zeros {
        assert_eq!(refused(zero), format!("{name} must be at least 1"));
    }
    let others: [(&str, Change); 9] = [
        ("max-message is 16777217", |l| {
            (l.message, l.backlog) = (MESSAGE_MAX + 1, 8 * MESSAGE_MAX);
        }),
        ("backlog is 262143", |l| l.backlog = 4 * l.message - 1),
        ("backlog must be at least 65536", |l| (l.message, l.backlog) = (100, 65_535)),
        ("before-hello must be", |l| l.before_hello = 255),
        ("before-hello must be", |l| l.before_hello = 65_537),
        ("outbox must be at least 16384", |l| l.outbox = 16_383),
        ("presence-members is 500", |l| l.outbox = 64_999),
        ("presence-members is 2017", |l| l.presence_members = 2017),
        ("max-rooms may be at most 4194304", |l| l.rooms = (4 << 20) + 1),
    ];
    for (begins, change) in others {
        let said = refused(change);
        assert!(said.starts_with(begins), "{said:?} does not begin with {begins:?}");
    }
    // At each of these edges a relay starts.
    let accepted: [Change; 7] = [
        |l| (l.message, l.backlog) = (MESSAGE_MAX, 4 * MESSAGE_MAX),
        |l| l.backlog = 4 * l.message,
        |l| (l.message, l.backlog) = (100, 65_536),
        |l| (l.before_hello, l.rooms) = (256, 4 << 20),
        |l| l.before_hello = 65_536,
        |l| (l.outbox, l.presence_members) = (16_384, 126),
        |l| l.presence_members = 2016,
    ];
    for change in accepted {
        let mut limits = Limits::default();
        change(&mut limits);
        Server::frames_with(limits).greet(Spelling::Binary, "ann").expect_quiet();
    }
}
