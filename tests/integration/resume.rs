//! Coming back: exactly what was missed, once, whatever broke in between.

use crate::common::*;
use hobnob::Limits;
use hobnob::id::{Epoch, Resume};
use hobnob::wire::frame::{ClientFrame, ServerFrame};
use std::io::{Read, Write};
use std::thread;

/// Limits under which everything said in a test is kept.
fn long_memory() -> Limits {
    let (history_messages, history_bytes) = (100_000, 64 << 20);
    Limits { history_messages, history_bytes, ..Limits::default() }
}

/// A payload that tells its own offset, of a length that is different each time.
fn text(n: u64) -> String {
    format!("{n}:{}", "x".repeat((n * 37 % 101) as usize))
}

/// Says messages `from..=to` in `room`, each acknowledged.
fn say_all(client: &mut Client, room: u32, from: u64, to: u64) {
    for n in from..=to {
        client.say_to_others(room, n, &text(n));
        client.expect(&ack(room, n, n));
    }
}

/// What a client that may lose its connection remembers of a room, kept as the page says.
#[derive(Debug, Default)]
struct Memory {
    epoch: Option<Epoch>,
    offset: u64,
    /// Everything ever heard.
    heard: Vec<(u64, Vec<u8>)>,
}

impl Memory {
    fn resume(&self) -> Option<Resume> {
        self.epoch.map(|epoch| Resume { epoch, offset: self.offset })
    }

    fn note(&mut self, frame: &ServerFrame<'_>) {
        match frame {
            ServerFrame::Joined { recovered, epoch, head, .. } if !recovered => {
                (self.epoch, self.offset) = (Some(*epoch), *head);
            }
            ServerFrame::Message { offset, payload, .. } => {
                self.offset = *offset;
                self.heard.push((*offset, payload.to_vec()));
            }
            ServerFrame::Gap { to, .. } => self.offset = *to,
            _ => {}
        }
    }

    /// From the first to the `last`, once each, in order, and each what was said.
    #[track_caller]
    fn assert_heard(&self, last: u64) {
        let expected = (1..=last).map(|n| (n, text(n).into_bytes()));
        for (expected, heard) in expected.zip(&self.heard) {
            assert_eq!(&expected, heard);
        }
        assert_eq!(self.heard.len() as u64, last, "heard in all");
    }
}

/// Whole frames at the front of what a broken connection brought.
fn whole_frames(spelling: Spelling, mut bytes: &[u8]) -> Vec<ServerFrame<'static>> {
    let mut frames = Vec::new();
    loop {
        let whole = match spelling {
            Spelling::Binary => {
                bytes.first_chunk().map(|length| 4 + u32::from_be_bytes(*length) as usize)
            }
            Spelling::Json => bytes.iter().position(|byte| *byte == b'\n').map(|end| end + 1),
        };
        let Some((frame, rest)) = whole.and_then(|whole| bytes.split_at_checked(whole)) else {
            return frames;
        };
        frames.push(parse(spelling, frame));
        bytes = rest;
    }
}

#[test]
fn a_connection_cut_at_any_byte_resumes_exactly_once() {
    const KEPT: u64 = 12;
    for spelling in SPELLINGS {
        let server = Server::frames_with(long_memory());
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        let epoch = ann.join("tea").epoch;
        say_all(&mut ann, room, 1, KEPT);
        // Whoever comes and goes is news to ann, and not of interest.
        ann.leave(0, room);
        ann.until_pong();
        let hello = hello_with("bob", 0xb0b);
        let mut length = None;
        let mut cut = 0;
        while length.is_none_or(|length| cut <= length) {
            let mut memory = Memory { epoch: Some(epoch), ..Memory::default() };
            let join = |memory: &Memory| ClientFrame::Join {
                request: 1,
                resume: memory.resume(),
                key: None,
                room: "tea".into(),
            };
            let mut bob = server.speak(*spelling);
            bob.ask(&[hello.clone(), join(&memory)]);
            let before = match length {
                // The first one hears it all, to know how long that is.
                None => {
                    let mut all = Vec::new();
                    loop {
                        let frame = bob.next_bytes().unwrap();
                        all.extend_from_slice(&frame);
                        if let ServerFrame::Members { .. } = parse(*spelling, &frame) {
                            break;
                        }
                    }
                    length = Some(all.len());
                    all
                }
                Some(_) => bob.read_exactly(cut),
            };
            for frame in whole_frames(*spelling, &before) {
                memory.note(&frame);
            }
            // What is under way is lost, and nobody has noticed yet when the same one is back.
            drop(bob);
            let mut bob = server.speak(*spelling);
            bob.ask(&[hello.clone(), join(&memory)]);
            assert!(matches!(bob.next(), ServerFrame::Welcome { key: 0xb0b, .. }));
            let missed = memory.offset < KEPT;
            loop {
                let frame = bob.next();
                memory.note(&frame);
                match frame {
                    ServerFrame::Joined { recovered, head, .. } => {
                        assert!(recovered && head == KEPT);
                        if !missed {
                            break;
                        }
                    }
                    ServerFrame::Members { request: 0, .. } => break,
                    _ => {}
                }
            }
            bob.expect_quiet();
            memory.assert_heard(KEPT);
            cut += 3;
        }
    }
}

#[test]
fn one_who_breaks_off_again_and_again_while_others_talk_hears_everything_once() {
    const SAID: u64 = 3000;
    for spelling in SPELLINGS {
        let server = Server::frames_with(long_memory());
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        let epoch = ann.join("tea").epoch;
        let talker = thread::spawn(move || {
            for n in 1..=SAID {
                ann.say_to_others(room, n, &text(n));
                // Whoever comes and goes is told in between.
                loop {
                    match ann.next() {
                        ServerFrame::Ack { offset, .. } => {
                            assert_eq!(offset, n);
                            break;
                        }
                        ServerFrame::Came { .. } | ServerFrame::Went { .. } => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
            ann
        });
        let mut memory = Memory { epoch: Some(epoch), ..Memory::default() };
        let (mut dice, mut connections) = (Dice(3), 0);
        while memory.offset < SAID {
            connections += 1;
            let mut bob = server.speak(*spelling);
            bob.hello_with("bob", 0xb0b);
            let resume = memory.resume();
            bob.ask(&[ClientFrame::Join { request: 1, resume, key: None, room: "tea".into() }]);
            for _ in 0..dice.below(60) {
                let frame = bob.next();
                if let ServerFrame::Joined { recovered, .. } = frame {
                    assert!(recovered);
                }
                memory.note(&frame);
                if memory.offset == SAID {
                    break;
                }
            }
            if dice.below(2) == 0 {
                bob.reset();
            }
        }
        memory.assert_heard(SAID);
        assert!(connections > 20, "{connections}");
        drop(talker.join().unwrap());
    }
}

#[test]
fn fault_s8_a_crowd_that_comes_back_at_once_gets_all_it_missed() {
    const CROWD: usize = 150;
    const SAID: u64 = 300;
    // Who comes and goes is another matter.
    let server = Server::frames_with(Limits { presence_members: 1, ..long_memory() });
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let epoch = ann.join("tea").epoch;
    for n in 1..=SAID {
        ann.say_to_others(room, n, &text(n));
    }
    ann.until_pong();
    // Everything is asked before anything is read.
    let resume = Some(Resume { epoch, offset: 0 });
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| server.connect()).collect();
    for client in &mut crowd {
        let join = ClientFrame::Join { request: 1, resume, key: None, room: "tea".into() };
        client.ask(&[hello(""), join]);
    }
    // One who never left is answered all the while.
    ann.until_pong();
    for client in &mut crowd {
        let mut memory = Memory::default();
        while memory.offset < SAID {
            let frame = client.next();
            assert!(!matches!(frame, ServerFrame::Joined { recovered: false, .. }));
            memory.note(&frame);
        }
        memory.assert_heard(SAID);
    }
    assert_eq!(server.counts().replayed, SAID * CROWD as u64);
}

#[test]
fn what_is_no_longer_kept_is_said_so_and_the_rest_can_be_had() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(Limits { history_messages: 5, ..Limits::default() });
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        say_all(&mut ann, room, 1, 20);
        let mut bob = server.greet(*spelling, "bob");
        let epoch = ann.join("tea").epoch;
        for too_old in [0, 3, 14] {
            let resume = Some(Resume { epoch, offset: too_old });
            let joined = bob.join_after("tea", resume);
            assert_eq!((joined.recovered, joined.oldest, joined.head), (false, 16, 20));
            bob.expect_quiet();
        }
        // The second step: from the oldest on.
        let joined = bob.join_after("tea", Some(Resume { epoch, offset: 15 }));
        assert!(joined.recovered);
        for n in 16..=20 {
            bob.expect(&message(room, n, "ann", &text(n)));
        }
        bob.expect(&member_count(0, room, 2));
        bob.expect_quiet();
    }
}

#[test]
fn another_epoch_or_an_offset_of_the_future_is_not_recovered() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        say_all(&mut ann, room, 1, 3);
        let epoch = ann.join("tea").epoch;
        let wrong = Epoch(epoch.0 ^ 1);
        for (epoch, offset) in [
            (wrong, 0),
            (wrong, 2),
            (Epoch(0), 3),
            (epoch, 4),
            (epoch, 1 << 53),
            (epoch, 1 << 63),
            (epoch, u64::MAX - 1),
            (epoch, u64::MAX),
        ] {
            let joined = ann.join_after("tea", Some(Resume { epoch, offset }));
            assert_eq!((joined.recovered, joined.head, joined.oldest), (false, 3, 1));
            ann.expect_quiet();
        }
        // In a room that is new, there is nothing to have missed but the numbering.
        let mut bob = server.greet(*spelling, "bob");
        assert!(!bob.join_after("new", Some(Resume { epoch, offset: 0 })).recovered);
        bob.expect_quiet();
    }
}

#[test]
fn a_replay_of_many_pages_goes_on_while_others_talk() {
    const BEFORE: u64 = 600;
    const AFTER: u64 = 600;
    for spelling in SPELLINGS {
        let limits = Limits { send_buffer: 16 << 10, ..long_memory() };
        let server = Server::frames_with(limits);
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        let epoch = ann.join("tea").epoch;
        let payload = |n: u64| format!("{n}:{}", "y".repeat(1000));
        let talk = move |ann: &mut Client, from, to| {
            for n in from..=to {
                ann.say_to_others(room, n, &payload(n));
                ann.expect(&ack(room, n, n));
            }
        };
        // More than nine pages of 64 KiB.
        talk(&mut ann, 1, BEFORE);
        let mut bob = server.connect_narrow(0, 4096);
        bob.spelling = *spelling;
        bob.hello("bob");
        let joined = bob.join_after("tea", Some(Resume { epoch, offset: 0 }));
        assert!(joined.recovered && joined.head == BEFORE);
        ann.expect(&came(room, 2, "bob"));
        // Nothing of it is read yet, so most of it is still to be laid out.
        talk(&mut ann, BEFORE + 1, BEFORE + AFTER / 2);
        let talker = thread::spawn(move || talk(&mut ann, BEFORE + AFTER / 2 + 1, BEFORE + AFTER));
        let mut next = 1;
        let mut counts = 0;
        while next <= BEFORE + AFTER {
            match bob.next() {
                ServerFrame::Message { offset, payload: came, .. } => {
                    assert_eq!((offset, &*came), (next, payload(next).as_bytes()));
                    next += 1;
                }
                ServerFrame::Members { request: 0, count: 2, .. } => counts += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(counts <= 1, "one replay, and one notice of its end");
        talker.join().unwrap();
        bob.until_pong();
        assert!(server.counts().replayed >= BEFORE);
    }
}

#[test]
fn what_is_asked_during_a_replay_is_answered_behind_it() {
    const SAID: u64 = 300;
    for spelling in SPELLINGS {
        let limits = Limits { send_buffer: 16 << 10, ..long_memory() };
        let server = Server::frames_with(limits);
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        let epoch = ann.join("tea").epoch;
        let payload = "z".repeat(1000);
        for n in 1..=SAID {
            ann.say_to_others(room, n, &payload);
            ann.expect(&ack(room, n, n));
        }
        let mut bob = server.connect_narrow(0, 4096);
        bob.spelling = *spelling;
        bob.hello("bob");
        let resume = Some(Resume { epoch, offset: 0 });
        bob.ask(&[
            ClientFrame::Join { request: 1, resume, key: None, room: "tea".into() },
            say(room, 900, "behind it all"),
            ping(7),
            leave(8, room),
        ]);
        ann.expect(&came(room, 2, "bob"));
        assert!(matches!(bob.next(), ServerFrame::Joined { recovered: true, head: SAID, .. }));
        for n in 1..=SAID {
            bob.expect(&message(room, n, "ann", &payload));
        }
        bob.expect_all(&[
            member_count(0, room, 2),
            message(room, SAID + 1, "bob", "behind it all"),
            ack(room, 900, SAID + 1),
            pong(7),
            left(8, room, SAID + 1),
        ]);
        ann.expect_all(&[message(room, SAID + 1, "bob", "behind it all"), went(room, 1, "bob")]);
    }
}

#[test]
fn two_rooms_resume_one_after_the_other_in_one_segment() {
    for spelling in SPELLINGS {
        let server = Server::frames_with(long_memory());
        let (mut ann, tea) = server.enter(*spelling, "ann", "tea");
        let coffee = ann.join("coffee").room;
        say_all(&mut ann, tea, 1, 50);
        say_all(&mut ann, coffee, 1, 5);
        let epochs = ["tea", "coffee"].map(|room| ann.join(room).epoch);
        let mut bob = server.greet(*spelling, "bob");
        let [in_tea, in_coffee] = epochs.map(|epoch| Some(Resume { epoch, offset: 2 }));
        bob.ask(&[
            ClientFrame::Join { request: 1, resume: in_tea, key: None, room: "tea".into() },
            ClientFrame::Join { request: 2, resume: in_coffee, key: None, room: "coffee".into() },
            ping(3),
        ]);
        assert!(matches!(bob.next(), ServerFrame::Joined { request: 1, recovered: true, .. }));
        for n in 3..=50 {
            bob.expect(&message(tea, n, "ann", &text(n)));
        }
        bob.expect(&member_count(0, tea, 2));
        assert!(matches!(bob.next(), ServerFrame::Joined { request: 2, recovered: true, .. }));
        for n in 3..=5 {
            bob.expect(&message(coffee, n, "ann", &text(n)));
        }
        bob.expect_all(&[member_count(0, coffee, 2), pong(3)]);
    }
}

#[test]
fn messages_not_acknowledged_are_said_again_and_said_once() {
    const SAID: u64 = 400;
    for spelling in SPELLINGS {
        let server = Server::frames_with(long_memory());
        let (mut bob, room) = server.enter(Spelling::Binary, "bob", "tea");
        let mut dice = Dice(11);
        let mut acknowledged = 0;
        let mut breaks = 0;
        while acknowledged < SAID {
            let mut ann = server.speak(*spelling);
            ann.hello_with("ann", 0xa);
            ann.join("tea");
            // Some at once, and gone in the middle of a frame, answers unread.
            let until = SAID.min(acknowledged + 1 + dice.below(30) as u64);
            let frames: Vec<ClientFrame<'_>> = (acknowledged + 1..=until)
                .map(|n| ClientFrame::Say {
                    room,
                    id: n,
                    echo: false,
                    payload: text(n).into_bytes().into(),
                })
                .collect();
            let bytes = encode_all(*spelling, &frames);
            let cut = dice.below(bytes.len() + 1);
            ann.socket.write_all(&bytes[..cut]).unwrap();
            // As many acks as came by chance.
            ann.socket.set_nonblocking(true).unwrap();
            let mut buffer = [0; 4096];
            let read = ann.socket.read(&mut buffer).unwrap_or(0);
            for frame in whole_frames(*spelling, &buffer[..read]) {
                if let ServerFrame::Ack { id, .. } = frame {
                    acknowledged = acknowledged.max(id);
                }
            }
            breaks += 1;
            if dice.below(2) == 0 {
                ann.reset();
            }
            // It is over only when everything was acknowledged: the last one waits.
            if breaks > 40 {
                let mut ann = server.speak(*spelling);
                ann.hello_with("ann", 0xa);
                ann.join("tea");
                for n in acknowledged + 1..=SAID {
                    ann.say_to_others(room, n, &text(n));
                    match ann.next() {
                        ServerFrame::Ack { id, .. } if id == n => acknowledged = n,
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
        // Bob heard each of them once, in the order of ids, because nothing was said past a hole.
        let mut heard = Vec::new();
        for frame in bob.until_pong() {
            if let ServerFrame::Message { payload, .. } = frame {
                heard.push(String::from_utf8(payload.into_owned()).unwrap());
            }
        }
        let expected: Vec<String> = (1..=SAID).map(text).collect();
        assert_eq!(heard, expected);
        assert!(breaks > 10, "{breaks}");
    }
}
