//! Transports that take whole messages: each slice of an offer is one.

use super::harness::{FRAMES, Harness, PLAIN, ROOM, STRICT_FRAMES, expected, narrow, padded};
use crate::engine::Fit;
use crate::id::{ConnId, Resume};
use crate::limits::Limits;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::binary;

/// The service whose peers take whole messages. It closes no peer after an overrun.
const WHOLE: usize = FRAMES;

/// Returns a harness whose peers of [`WHOLE`] take messages of at most `max` bytes.
fn whole(limits: Limits, max: usize) -> Harness {
    let mut harness = Harness::new(limits);
    harness.engine.set_fit(WHOLE, Fit::Messages(max));
    harness
}

/// Connects a peer that takes whole messages and is in [`ROOM`]. The notices of its join are
/// dropped.
fn whole_member(harness: &mut Harness, name: &str) -> ConnId {
    let conn = harness.connect(WHOLE);
    harness.socket_mut(conn).takes_messages = true;
    harness.hello(conn, name);
    harness.enter(conn, ROOM);
    conn
}

/// Connects a peer that takes bytes and is in [`ROOM`]. The notices of its join are dropped.
fn byte_member(harness: &mut Harness, name: &str) -> ConnId {
    let conn = harness.greeted(STRICT_FRAMES, name);
    harness.enter(conn, ROOM);
    conn
}

/// Checks that each message which a peer was sent is one frame.
fn assert_whole(harness: &Harness, conn: ConnId) {
    for message in &harness.socket(conn).messages {
        let parsed = binary::parse_server(message, 1 << 20).expect("a frame of the relay");
        assert!(matches!(parsed, Parsed::Complete(_, length) if length == message.len()));
    }
}

/// Publishes in two rooms, with answers between. Returns the bytes that a peer receives whose
/// kernel takes `cut` messages, then nothing, then everything; and the number of those messages.
fn received(is_whole: bool, cut: usize) -> (Vec<u8>, usize) {
    let mut harness = match is_whole {
        true => whole(Limits::default(), 4_000),
        false => Harness::new(Limits::default()),
    };
    let ann = byte_member(&mut harness, "ann");
    let bob = match is_whole {
        true => whole_member(&mut harness, "bob"),
        false => harness.member("bob"),
    };
    harness.enter(ann, "s");
    harness.enter(bob, "s");
    harness.block(bob);
    let (before, count) = (harness.socket(bob).received.len(), harness.socket(bob).messages.len());
    for number in 0..8 {
        let room = if number % 3 == 0 { "s" } else { ROOM };
        harness.publish(ann, room, padded("message", 1_000));
        harness.publish(ann, room, "short");
        harness.settle();
        harness.ping(bob, number);
        harness.ping(bob, number + 100);
        harness.settle();
    }
    harness.read(bob, cut);
    harness.settle();
    if is_whole {
        assert_eq!(harness.socket(bob).messages.len() - count, cut.min(32));
    }
    harness.unblock(bob);
    harness.settle();
    assert_whole(&harness, bob);
    let bob = harness.socket(bob);
    (bob.received[before..].to_vec(), bob.messages.len() - count)
}

#[test]
fn each_slice_is_one_message_in_the_order_of_the_stamps() {
    let (bytes, _) = received(false, usize::MAX);
    for cut in 0..=33 {
        let (messages, count) = received(true, cut);
        assert_eq!(count, 32, "messages of rooms and answers");
        assert!(messages == bytes, "the order is another after {cut} messages");
    }
}

#[test]
fn more_messages_than_one_offer_holds_follow_in_the_next() {
    let mut harness = whole(Limits::default(), 1_000);
    let (ann, bob) = (byte_member(&mut harness, "ann"), whole_member(&mut harness, "bob"));
    harness.heard(ann);
    (0..100).for_each(|_| harness.publish(ann, ROOM, "hi"));
    harness.settle();
    assert_whole(&harness, bob);
    assert_eq!(harness.socket(bob).pieces_max, crate::engine::SLICES);
    let messages: Vec<_> = (1..=100).map(|offset| format!("r#{offset} hi")).collect();
    assert_eq!(harness.heard(bob), messages);
    assert_eq!(harness.heard(ann), messages);
    harness.engine.assert_idle();
}

#[test]
fn a_message_too_long_is_left_out_counted_and_told_as_a_gap_in_its_place() {
    // The frame of a message has 29 bytes around it.
    let mut harness = whole(Limits::default(), 129);
    let (ann, bob) = (byte_member(&mut harness, "ann"), whole_member(&mut harness, "bob"));
    harness.heard(ann);
    harness.block(bob);
    for (number, length) in [(1, 100), (2, 101), (3, 5_000), (4, 100), (5, 101)] {
        harness.publish(ann, ROOM, padded(&format!("m{number}"), length));
        harness.settle();
        harness.ping(bob, number);
        harness.settle();
    }
    harness.unblock(bob);
    harness.settle();
    assert_whole(&harness, bob);
    let expected = [
        "r#1 m1",
        "pong 1",
        "gap r 2 to 2",
        "pong 2",
        "gap r 3 to 3",
        "pong 3",
        "r#4 m4",
        "pong 4",
        "gap r 5 to 5",
        "pong 5",
    ];
    assert_eq!(harness.heard(bob), expected);
    let counts = harness.engine.counts();
    assert_eq!((counts.oversized, counts.gaps), (3, 3));
    assert_eq!(harness.heard(ann).len(), 5, "a peer of bytes receives all");
    harness.engine.assert_idle();
}

#[test]
fn a_message_too_long_is_counted_where_the_protocol_has_no_gap() {
    let mut harness = Harness::new(Limits::default());
    harness.engine.set_fit(PLAIN, Fit::Messages(10));
    let ann = harness.member("ann");
    let plain = harness.connect(PLAIN);
    harness.socket_mut(plain).takes_messages = true;
    harness.settle();
    harness.block(plain);
    for text in ["0123456789", "012345678", "a", "b", "01234567890"] {
        harness.publish(ann, ROOM, text);
    }
    harness.settle();
    harness.unblock(plain);
    harness.settle();
    assert_eq!(harness.socket(plain).messages, [&b"012345678\n"[..], b"a\n", b"b\n"]);
    let counts = harness.engine.counts();
    assert_eq!((counts.oversized, counts.gaps), (2, 0));
    harness.engine.assert_idle();
}

#[test]
fn an_answer_too_long_is_counted() {
    let mut harness = whole(Limits::default(), 13);
    let bob = harness.connect(WHOLE);
    harness.socket_mut(bob).takes_messages = true;
    harness.hello(bob, "a-name-of-some-length");
    harness.ping(bob, 1);
    harness.settle();
    assert_eq!(harness.heard(bob), ["pong 1"]);
    assert_eq!(harness.engine.counts().oversized, 1);
    harness.engine.assert_idle();
}

#[test]
fn a_replay_is_whole_messages_with_a_gap_for_each_that_is_too_long() {
    let mut harness = whole(narrow(), 1_000);
    let ann = byte_member(&mut harness, "ann");
    for number in 1..=30 {
        let length = if number % 10 == 0 { 1_000 } else { 900 };
        harness.publish(ann, ROOM, padded(&format!("m{number}"), length));
        harness.settle();
    }
    let epoch = {
        let bob = harness.connect(STRICT_FRAMES);
        harness.hello(bob, "surveyor");
        harness.settle();
        harness.heard(bob);
        harness.join(bob, ROOM, None);
        harness.settle();
        harness.socket(bob).joined_epoch().expect("joined")
    };
    let bob = harness.connect(WHOLE);
    harness.socket_mut(bob).takes_messages = true;
    harness.hello(bob, "bob");
    harness.join(bob, ROOM, Some(Resume { epoch, offset: 5 }));
    harness.settle();
    assert_whole(&harness, bob);
    let heard = harness.heard(bob);
    let mut messages = expected(6..=30);
    for offset in [10, 20, 30] {
        messages[offset - 6] = format!("gap r {offset} to {offset}");
    }
    assert_eq!(heard[2..27], messages);
    let counts = harness.engine.counts();
    assert_eq!((counts.oversized, counts.gaps, counts.replayed), (3, 3, 22));
}

#[test]
fn what_is_owed_at_a_leave_or_a_close_stays_whole_messages() {
    for leaves in [true, false] {
        let mut harness = whole(Limits::default(), 1_000);
        let (ann, bob) = (byte_member(&mut harness, "ann"), whole_member(&mut harness, "bob"));
        harness.block(bob);
        for number in 1..=20 {
            let length = if number == 7 { 1_000 } else { 10 };
            harness.publish(ann, ROOM, padded(&format!("m{number}"), length));
            harness.settle();
            harness.ping(bob, number);
            harness.settle();
        }
        match leaves {
            true => harness.leave(bob, ROOM),
            false => harness.engine.close(bob, CloseReason::Stopped),
        }
        harness.settle();
        harness.publish(ann, ROOM, "too late");
        harness.settle();
        // One at a time.
        for _ in 0..10 {
            harness.read(bob, 1);
            harness.settle();
        }
        harness.unblock(bob);
        harness.settle();
        assert_whole(&harness, bob);
        let told = |number| match number {
            7 => "gap r 7 to 7".to_owned(),
            _ => format!("r#{number} m{number}"),
        };
        let mut lines: Vec<_> =
            (1..=20).flat_map(|number| [told(number), format!("pong {number}")]).collect();
        lines.push(match leaves {
            true => "left r at 20".to_owned(),
            false => format!("bye {}", CloseReason::Stopped.code()),
        });
        assert_eq!(harness.heard(bob), lines);
        assert_eq!(harness.engine.counts().oversized, 1);
        harness.engine.assert_idle();
    }
}

#[test]
fn a_laggard_of_whole_messages_continues_from_history() {
    let mut harness = whole(narrow(), 10_000);
    let (ann, bob) = (byte_member(&mut harness, "ann"), whole_member(&mut harness, "bob"));
    harness.block(bob);
    harness.read(bob, 2);
    for number in 1..=20 {
        harness.publish(ann, ROOM, padded(&format!("m{number}"), 8_000));
        harness.settle();
    }
    let counts = harness.engine.counts();
    assert!(counts.overruns > 0 && counts.backlog == 0, "the laggard keeps no block");
    harness.unblock(bob);
    harness.settle();
    assert_whole(&harness, bob);
    let heard = harness.heard(bob);
    assert_eq!(heard[..20], expected(1..=20));
    assert_eq!(heard[20..], ["r has 2"]);
}

#[test]
fn a_sender_of_whole_messages_is_carried_past_its_own() {
    let mut harness = whole(Limits::default(), 1_000);
    let (ann, bob) = (byte_member(&mut harness, "ann"), whole_member(&mut harness, "bob"));
    harness.block(bob);
    for id in 1..=2 {
        harness.publish(ann, ROOM, "from ann");
        harness.settle();
        harness.publish_as(bob, ROOM, "not to me", id, false);
        harness.settle();
    }
    harness.unblock(bob);
    harness.settle();
    assert_whole(&harness, bob);
    assert_eq!(harness.heard(bob), ["r#1 from ann", "ack 1 at 2", "r#3 from ann", "ack 2 at 4"]);
}
