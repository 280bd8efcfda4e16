//! Peers that do not read. Nobody waits for them, and what they miss they are told, to the message.

use crate::common::*;
use hobnob::Limits;
use hobnob::id::Resume;
use hobnob::reason::CloseReason;
use hobnob::wire::frame::{ClientFrame, ServerFrame};
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

const PAYLOAD: usize = 4000;

/// Little of everything, so that a peer falls behind soon.
fn tight() -> Limits {
    Limits {
        message: 16 << 10,
        backlog: 256 << 10,
        send_buffer: 16 << 10,
        history_bytes: 100_000,
        ..Limits::default()
    }
}

/// Limits under which a peer may lag by a lot and loses nothing.
fn roomy() -> Limits {
    Limits { backlog: 16 << 20, send_buffer: 16 << 10, ..Limits::default() }
}

fn payload(n: u64) -> String {
    let mut text = format!("{n} ");
    while text.len() < PAYLOAD {
        text.push_str("and so on ");
    }
    text
}

/// A client that is in the room and reads nothing more.
fn stalled(server: &Server, spelling: Spelling, name: &str, room: &str) -> Client {
    let mut client = server.connect_narrow(0, 4096);
    client.spelling = spelling;
    client.hello(name);
    client.join(room);
    client
}

/// Says `from..=to` and waits for every acknowledgement.
fn talk(client: &mut Client, room: u32, from: u64, to: u64) {
    for n in from..=to {
        client.say_to_others(room, n, &payload(n));
        client.expect(&ack(room, n, n));
    }
}

/// Reads up to offset `last`, and answers the gaps. Every message is next, or told to be lost.
#[track_caller]
fn read_with_gaps(client: &mut Client, room: u32, last: u64) -> Vec<(u64, u64)> {
    let (mut next, mut gaps) = (1, Vec::new());
    while next <= last {
        match client.next() {
            ServerFrame::Message { offset, payload: came, .. } => {
                assert_eq!(offset, next, "after the gaps {gaps:?}");
                assert!(*came == *payload(next).as_bytes(), "message {next} is not what was said");
                next += 1;
            }
            ServerFrame::Gap { room: its, from, to } => {
                assert_eq!((its, from), (room, next), "after the gaps {gaps:?}");
                assert!(to >= from);
                gaps.push((from, to));
                next = to + 1;
            }
            ServerFrame::Members { request: 0, .. } | ServerFrame::Came { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(next, last + 1);
    gaps
}

#[test]
fn fault_s1_a_stalled_peer_is_told_its_gap_and_nobody_else_loses_anything() {
    const SAID: u64 = 800;
    for spelling in SPELLINGS {
        let server = Server::frames_with(tight());
        let neighbours = Neighbours::talk(&server);
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut bob, _) = server.enter(*spelling, "bob", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        bob.expect(&came(room, 3, "ann"));
        // Three megabytes, of which the slow one reads nothing; all are acknowledged, and whoever
        // keeps reading hears all.
        for n in (0..SAID).step_by(10) {
            talk(&mut ann, room, n + 1, n + 10);
            for n in n + 1..=n + 10 {
                bob.expect(&message(room, n, "ann", &payload(n)));
            }
        }
        bob.expect_quiet();
        let counts = server.until("it was overrun", |counts| counts.overruns > 0);
        assert!(counts.backlog < 3 * (256 << 10), "{} bytes of tape", counts.backlog);
        let gaps = read_with_gaps(&mut slow, room, SAID);
        // A page of what was kept may have been laid out for it on the way.
        assert!((1..=2).contains(&gaps.len()), "{gaps:?}");
        // It goes on without a hole, and is an ordinary member again.
        slow.until_pong();
        talk(&mut ann, room, SAID + 1, SAID + 20);
        for n in SAID + 1..=SAID + 20 {
            slow.expect(&message(room, n, "ann", &payload(n)));
        }
        slow.expect_quiet();
        assert_eq!(server.counts().gaps, gaps.len() as u64);
        assert!(neighbours.part() > 0);
    }
}

#[test]
fn fault_s2_one_who_reads_a_byte_at_a_time_falls_behind_as_one_who_reads_nothing() {
    const SAID: u64 = 400;
    for spelling in SPELLINGS {
        let server = Server::frames_with(tight());
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        for n in 1..=SAID {
            talk(&mut ann, room, n, n);
            slow.read_a_byte();
        }
        // Every byte was progress, and none of it bought time or memory.
        let counts = server.until("it was overrun", |counts| counts.overruns > 0);
        assert!(counts.backlog < 3 * (256 << 10), "{} bytes of tape", counts.backlog);
        assert!(!read_with_gaps(&mut slow, room, SAID).is_empty());
    }
}

#[test]
fn what_the_gap_leaves_out_is_exactly_what_is_no_longer_kept() {
    const SAID: u64 = 500;
    for spelling in SPELLINGS {
        let server = Server::frames_with(tight());
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        talk(&mut ann, room, 1, SAID);
        let oldest = ann.join("tea").oldest;
        let gaps = read_with_gaps(&mut slow, room, SAID);
        let (from, _) = *gaps.first().expect("a gap");
        let (_, to) = *gaps.last().expect("a gap");
        assert!(from > 1, "what was under way when it stalled still came");
        assert_eq!(to, oldest - 1);
        // It can be had from nowhere: the room does not keep it.
        slow.until_pong();
        let epoch = ann.join("tea").epoch;
        let again = slow.join_after("tea", Some(Resume { epoch, offset: to }));
        assert!(again.recovered);
        assert!(!ann.join_after("tea", Some(Resume { epoch, offset: to - 1 })).recovered);
    }
}

#[test]
fn a_peer_overrun_within_the_rooms_memory_misses_nothing() {
    const SAID: u64 = 500;
    for spelling in SPELLINGS {
        let limits = Limits { history_bytes: 64 << 20, ..tight() };
        let server = Server::frames_with(limits);
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        talk(&mut ann, room, 1, SAID);
        server.until("it was overrun", |counts| counts.overruns == 1);
        assert_eq!(read_with_gaps(&mut slow, room, SAID), []);
        // Came and went may have passed it; the count says how many there are.
        assert!(slow.until_pong().iter().all(|f| *f == member_count(0, room, 2)));
        assert_eq!(server.counts().gaps, 0);
    }
}

#[test]
fn stalled_again_and_again_every_gap_fits() {
    const ROUNDS: u64 = 5;
    const EACH: u64 = 200;
    for spelling in SPELLINGS {
        let server = Server::frames_with(tight());
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        let (mut next, mut gaps) = (1, 0);
        for round in 1..=ROUNDS {
            let said = round * EACH;
            talk(&mut ann, room, said - EACH + 1, said);
            // A little is read each time, and in the end everything.
            let mut left = if round == ROUNDS { u64::MAX } else { 20 + round * 7 };
            while left > 0 && next <= said {
                left -= 1;
                match slow.next() {
                    ServerFrame::Message { offset, payload: came, .. } => {
                        assert_eq!(offset, next);
                        assert!(*came == *payload(next).as_bytes());
                        next += 1;
                    }
                    ServerFrame::Gap { from, to, .. } => {
                        assert_eq!(from, next);
                        gaps += 1;
                        next = to + 1;
                    }
                    ServerFrame::Members { request: 0, .. } | ServerFrame::Came { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(next, ROUNDS * EACH + 1);
        assert!(gaps >= 2, "{gaps}");
        slow.until_pong();
        slow.expect_quiet();
    }
}

#[test]
fn with_overrun_close_a_stalled_peer_reads_whole_messages_and_why() {
    const SAID: u64 = 300;
    for spelling in SPELLINGS {
        let server = Server::with(&["frame://127.0.0.1:0?overrun=close"], tight());
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        for n in 1..=SAID {
            ann.say_to_others(room, n, &payload(n));
            match ann.next() {
                ServerFrame::Ack { offset, .. } => assert_eq!(offset, n),
                frame => {
                    assert_eq!(frame, went(room, 1, "slow"));
                    ann.expect(&ack(room, n, n));
                }
            }
        }
        server.until("it was overrun", |counts| counts.overruns == 1);
        let mut next = 1;
        let mut frames = slow.frames_to_end();
        assert_eq!(frames.pop(), Some(bye_of(CloseReason::SlowConsumer)));
        for frame in frames {
            match frame {
                ServerFrame::Message { offset, payload: came, .. } => {
                    assert_eq!(offset, next);
                    assert!(*came == *payload(next).as_bytes());
                    next += 1;
                }
                ServerFrame::Came { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(next > 1 && next < SAID, "{next}");
        drop(slow);
        server.until_closed(CloseReason::SlowConsumer, 1);
        ann.until_pong();
    }
}

#[test]
fn a_stalled_plain_socket_is_closed_between_lines() {
    const SAID: u64 = 300;
    let urls = ["raw://127.0.0.1:0?framing=line&room=tea", "frame://127.0.0.1:0"];
    let server = Server::with(&urls, tight());
    let mut slow = server.connect_narrow(0, 4096);
    server.until_accepted(1);
    let mut ann = server.connect_to(1);
    ann.hello("ann");
    let room = ann.join("tea").room;
    let mut lines = String::new();
    for n in 1..=SAID {
        lines.push_str(&payload(n));
        lines.push('\n');
        ann.say_to_others(room, n, &payload(n));
        while !matches!(ann.next(), ServerFrame::Ack { .. }) {}
    }
    server.until("it was overrun", |counts| counts.overruns == 1);
    let (came, is_proper_end) = slow.read_to_end();
    assert!(is_proper_end);
    assert_eq!(came.last(), Some(&b'\n'));
    assert!(came.len() < lines.len() && !came.is_empty());
    assert_same(&lines.as_bytes()[..came.len()], &came);
    drop(slow);
    server.until_closed(CloseReason::SlowConsumer, 1);
}

#[test]
fn fault_s1_a_publisher_is_not_delayed_by_any_number_of_stalled_members() {
    const STALLED: usize = 20;
    const SAID: u64 = 500;
    let server = Server::frames_with(tight());
    // Nobody reads at all.
    let slow: Vec<Client> = (0..STALLED)
        .map(|n| stalled(&server, SPELLINGS[n % SPELLINGS.len()], &format!("slow{n}"), "tea"))
        .collect();
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    // All at once: 2 MB that nobody but the relay takes, and every acknowledgement comes.
    let frames: Vec<ClientFrame<'_>> = (1..=SAID)
        .map(|id| ClientFrame::Say {
            room,
            id,
            echo: false,
            payload: payload(id).into_bytes().into(),
        })
        .collect();
    let bytes = encode_all(Spelling::Binary, &frames);
    let mut socket = ann.socket.try_clone().unwrap();
    let writer = thread::spawn(move || std::io::Write::write_all(&mut socket, &bytes).unwrap());
    for n in 1..=SAID {
        ann.expect(&ack(room, n, n));
    }
    writer.join().unwrap();
    let counts = server.until("all were overrun", |c| c.overruns >= STALLED as u64);
    assert!(counts.backlog <= SPELLINGS.len() as u64 * (320 << 10), "{}", counts.backlog);
    assert_eq!(counts.connections, STALLED as u64 + 1);
    for mut slow in slow {
        assert!(!read_with_gaps(&mut slow, room, SAID).is_empty());
    }
}

#[test]
fn answers_to_a_lagging_peer_keep_their_place_among_the_messages() {
    const HALF: u64 = 150;
    for spelling in SPELLINGS {
        let server = Server::frames_with(roomy());
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        talk(&mut ann, room, 1, HALF);
        let before = server.until("ann is done", |counts| counts.messages == HALF).bytes_in;
        let asked = [ping(1), say(room, 900, "my own"), say_to_others(room, 901, "not to me")];
        let bytes = encode_all(*spelling, &asked).len() as u64;
        slow.ask(&asked);
        server.until("the slow one was heard", |c| {
            c.bytes_in == before + bytes && c.messages == HALF + 2
        });
        let own = message(room, HALF + 1, "slow", "my own");
        let other = message(room, HALF + 2, "slow", "not to me");
        ann.expect_all(&[own.clone(), other]);
        talk(&mut ann, room, HALF + 3, HALF * 2);
        slow.expect(&came(room, 2, "ann"));
        for n in 1..=HALF {
            slow.expect(&message(room, n, "ann", &payload(n)));
        }
        slow.expect_all(&[pong(1), own, ack(room, 900, HALF + 1), ack(room, 901, HALF + 2)]);
        for n in HALF + 3..=HALF * 2 {
            slow.expect(&message(room, n, "ann", &payload(n)));
        }
        slow.expect_quiet();
        assert_eq!(server.counts().overruns, 0);
    }
}

#[test]
fn a_lagging_peer_hears_two_rooms_in_the_order_in_which_they_spoke() {
    const SAID: u64 = 200;
    for spelling in SPELLINGS {
        let server = Server::frames_with(roomy());
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let coffee = slow.join("coffee").room;
        let (mut ann, tea) = server.enter(Spelling::Binary, "ann", "tea");
        ann.join("coffee");
        let mut dice = Dice(5);
        let mut offsets = [0, 0];
        let mut expected = vec![came(tea, 2, "ann"), came(coffee, 2, "ann")];
        let payloads: Vec<String> = (0..=SAID).map(payload).collect();
        for n in 1..=SAID {
            let index = dice.below(2);
            let room = [tea, coffee][index];
            offsets[index] += 1;
            ann.say_to_others(room, n, &payloads[n as usize]);
            ann.expect(&ack(room, n, offsets[index]));
            expected.push(message(room, offsets[index], "ann", &payloads[n as usize]));
        }
        slow.expect_all(&expected);
        slow.expect_quiet();
    }
}

#[test]
fn a_lagging_peer_that_leaves_is_told_up_to_where_it_heard() {
    const SAID: u64 = 300;
    for spelling in SPELLINGS {
        let server = Server::frames_with(Limits { history_bytes: 64 << 20, ..roomy() });
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        let epoch = ann.join("tea").epoch;
        talk(&mut ann, room, 1, SAID);
        slow.leave(5, room);
        ann.expect(&went(room, 1, "slow"));
        slow.expect(&came(room, 2, "ann"));
        let mut heard = 0;
        loop {
            match slow.next() {
                ServerFrame::Message { offset, payload: came, .. } => {
                    assert_eq!(offset, heard + 1);
                    assert!(*came == *payload(offset).as_bytes());
                    heard = offset;
                }
                ServerFrame::Left { request: 5, offset, .. } => {
                    assert_eq!(offset, heard);
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(heard > 0 && heard < SAID, "{heard} of {SAID} fit");
        let back = slow.join_after("tea", Some(Resume { epoch, offset: heard }));
        assert!(back.recovered);
        for n in heard + 1..=SAID {
            slow.expect(&message(room, n, "ann", &payload(n)));
        }
        slow.expect(&member_count(0, room, 2));
        slow.expect_quiet();
    }
}

#[test]
fn a_lagging_peer_that_says_goodbye_gets_all_it_is_owed_and_its_bye() {
    const SAID: u64 = 300;
    for spelling in SPELLINGS {
        let server = Server::frames_with(roomy());
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        talk(&mut ann, room, 1, SAID);
        slow.bye();
        slow.expect(&came(room, 2, "ann"));
        for n in 1..=SAID {
            slow.expect(&message(room, n, "ann", &payload(n)));
        }
        slow.expect_bye(CloseReason::PeerClosed);
        ann.expect(&went(room, 1, "slow"));
    }
}

#[test]
fn one_who_says_goodbye_and_does_not_read_it_is_let_go_in_time() {
    const SAID: u64 = 300;
    let limits = Limits { ping_grace: Duration::from_millis(300), ..roomy() };
    for spelling in SPELLINGS {
        let server = Server::frames_with(limits.clone());
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        talk(&mut ann, room, 1, SAID);
        slow.bye();
        ann.expect(&went(room, 1, "slow"));
        slow.expect(&came(room, 2, "ann"));
        let mut frames = slow.frames_to_end();
        assert_eq!(frames.pop(), Some(bye_of(CloseReason::SlowConsumer)));
        for (n, frame) in (1..).zip(&frames) {
            assert!(matches!(frame, ServerFrame::Message { offset, .. } if *offset == n));
        }
        assert!(!frames.is_empty() && frames.len() < SAID as usize);
    }
}

#[test]
fn the_outbox_of_one_who_asks_and_does_not_read_is_bounded_and_complete() {
    const ASKED: u64 = 3000;
    for spelling in SPELLINGS {
        let limits = Limits { outbox: 32 << 10, presence_members: 100, ..roomy() };
        let server = Server::frames_with(limits);
        let others: Vec<Client> = (0..20)
            .map(|n| server.enter(Spelling::Binary, &format!("member-{n}"), "tea").0)
            .collect();
        let mut slow = stalled(&server, *spelling, "slow", "tea");
        // Each answer is twenty times as long as its question.
        let questions: Vec<_> = (1..=ASKED).map(|n| members(n, FIRST_ROOM)).collect();
        let bytes = encode_all(*spelling, &questions);
        let mut socket = slow.socket.try_clone().unwrap();
        let writer = thread::spawn(move || std::io::Write::write_all(&mut socket, &bytes).unwrap());
        for n in 1..=ASKED {
            match slow.next() {
                ServerFrame::Members { request, count: 21, names, .. } => {
                    assert_eq!(request, n);
                    let names: BTreeSet<_> = names.into_iter().collect();
                    assert_eq!(names.len(), 21);
                }
                other => panic!("{other:?}"),
            }
        }
        writer.join().unwrap();
        drop(others);
        assert_eq!(server.closed(CloseReason::OutboxFull), 0);
    }
}
