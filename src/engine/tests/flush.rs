//! Tests of the flush: the bytes that each peer is sent, their order, and the turn in which they
//! are.

use super::harness::{FRAMES, Harness, PLAIN, ROOM, STRICT_FRAMES, narrow, padded};
use crate::id::ConnId;
use crate::limits::Limits;
use crate::reason::CloseReason;

/// Sends `count` messages of 8 KB to [`ROOM`], each in turns of its own.
fn publish_many(harness: &mut Harness, conn: ConnId, count: usize) {
    for number in 1..=count {
        harness.publish(conn, ROOM, padded(&format!("m{number}"), 8_000));
        harness.settle();
    }
}

#[test]
fn one_append_per_dialect_reaches_every_member() {
    let mut harness = Harness::new(Limits::default());
    let members = ["ann", "bob", "cyd"].map(|name| harness.member(name));
    let plain = [PLAIN; 2].map(|service| harness.connect(service));
    harness.settle();
    let counts = harness.engine.counts();
    for conn in members {
        harness.heard(conn);
        harness.block(conn);
    }
    let before = members.map(|conn| harness.socket(conn).received.len());
    harness.publish(members[0], ROOM, "hello");
    harness.settle();
    // One small block for all peers of frames. The plain sockets have read theirs.
    assert_eq!(harness.engine.counts().backlog, 4 << 10);
    for conn in members {
        harness.unblock(conn);
    }
    harness.settle();
    let received = [0, 1, 2].map(|index| &harness.socket(members[index]).received[before[index]..]);
    assert_eq!(received[1..], [received[0]; 2]);
    assert_eq!(members.map(|conn| harness.heard(conn)), [["r#1 hello"]; 3]);
    assert_eq!(plain.map(|conn| &harness.socket(conn).received[..]), [b"hello\n"; 2]);
    let after = harness.engine.counts();
    assert_eq!((after.messages, after.deliveries - counts.deliveries), (1, 5));
    assert_eq!(after.backlog, 0);
}

/// Returns the bytes that a peer receives whose kernel takes `cut` bytes, then nothing, then
/// everything: from one tape, or from two tapes and an outbox in turn. Also returns the most pieces
/// of one offer.
fn received_with_cut(cut: usize, length: usize, is_mixed: bool) -> (Vec<u8>, usize) {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    if is_mixed {
        harness.enter(ann, "s");
        harness.enter(bob, "s");
    }
    harness.block(bob);
    let before = harness.socket(bob).received.len();
    for (token, room) in [(1, ROOM), (2, if is_mixed { "s" } else { ROOM }), (3, ROOM)] {
        harness.publish(ann, room, padded("message", length));
        harness.settle();
        if is_mixed {
            harness.ping(bob, token);
            harness.settle();
        }
    }
    harness.read(bob, cut);
    harness.settle();
    if cut != usize::MAX {
        assert_eq!(harness.socket(bob).received.len() - before, cut);
        harness.unblock(bob);
        harness.settle();
    }
    let bob = harness.socket(bob);
    (bob.received[before..].to_vec(), bob.pieces_max)
}

#[test]
fn a_short_write_continues_where_it_stopped_in_tape_and_outbox() {
    let (whole, pieces) = received_with_cut(usize::MAX, 100, true);
    assert!(pieces >= 6, "tapes and outbox by turns: {pieces}");
    for cut in 0..=whole.len() {
        assert_eq!(received_with_cut(cut, 100, true).0, whole, "cut at {cut}");
    }
}

#[test]
fn a_short_write_continues_where_it_stopped_on_the_border_of_two_blocks() {
    for is_mixed in [false, true] {
        let (whole, pieces) = received_with_cut(usize::MAX, 3_000, is_mixed);
        // A message that does not fit its tape's first block begins the second.
        assert_eq!(pieces, if is_mixed { 6 } else { 2 });
        let mut borders = vec![0];
        while let Some(length) = whole[borders[borders.len() - 1]..].first_chunk::<4>() {
            borders.push(borders[borders.len() - 1] + 4 + u32::from_be_bytes(*length) as usize);
        }
        let cuts = borders.into_iter().flat_map(|border| border.saturating_sub(2)..=border + 2);
        for cut in cuts.filter(|cut| *cut <= whole.len()) {
            assert_eq!(received_with_cut(cut, 3_000, is_mixed).0, whole, "cut at {cut}");
        }
    }
}

#[test]
fn a_kernel_that_takes_a_byte_at_a_time_loses_none() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.socket_mut(bob).write_max = 1;
    for token in 1..=3 {
        harness.ping(bob, token);
        harness.publish(ann, ROOM, "hi");
    }
    harness.settle();
    // The relay reads all of one peer first.
    let expected = ["r#1 hi", "r#2 hi", "r#3 hi", "pong 1", "pong 2", "pong 3"];
    assert_eq!(harness.heard(bob), expected);
}

#[test]
fn no_answer_overtakes_a_broadcast_and_no_broadcast_an_answer() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.block(bob);
    for token in 1..=3 {
        harness.publish(ann, ROOM, "hi");
        harness.settle();
        harness.ping(bob, token);
        harness.settle();
    }
    harness.unblock(bob);
    harness.settle();
    let expected = ["r#1 hi", "pong 1", "r#2 hi", "pong 2", "r#3 hi", "pong 3"];
    assert_eq!(harness.heard(bob), expected);
}

#[test]
fn a_peer_in_two_rooms_receives_both_in_the_order_of_their_stamps() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.enter(ann, "s");
    harness.enter(bob, "s");
    harness.block(bob);
    for room in ["s", ROOM, ROOM, "s", ROOM] {
        harness.publish(ann, room, "hi");
        harness.settle();
    }
    harness.unblock(bob);
    harness.settle();
    assert_eq!(harness.heard(bob), ["s#1 hi", "r#1 hi", "r#2 hi", "s#2 hi", "r#3 hi"]);
}

#[test]
fn a_blocked_peer_is_offered_nothing_until_it_is_writable() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.block(bob);
    harness.publish(ann, ROOM, "one");
    harness.settle();
    assert!(harness.socket(bob).is_blocked);
    let offers = harness.socket(bob).offers;
    harness.publish(ann, ROOM, "two");
    harness.ping(bob, 1);
    harness.settle();
    assert_eq!(harness.socket(bob).offers, offers);
    assert!(harness.heard(bob).is_empty());
    harness.unblock(bob);
    harness.settle();
    assert_eq!(harness.heard(bob), ["r#1 one", "r#2 two", "pong 1"]);
}

#[test]
fn blocks_are_freed_once_the_last_cursor_has_passed() {
    // The members are announced by count: a notice by name would free the blocks as well.
    let mut harness = Harness::new(Limits { presence_members: 1, ..Limits::default() });
    let [ann, bob, cyd] = ["ann", "bob", "cyd"].map(|name| harness.member(name));
    let backlog = |harness: &Harness| harness.engine.counts().backlog;
    harness.block(bob);
    harness.block(cyd);
    harness.publish(ann, ROOM, padded("one", 8_000));
    harness.settle();
    let first = backlog(&harness);
    assert!((8_000..9_000).contains(&first), "{first}");
    harness.publish(ann, ROOM, padded("two", 8_000));
    harness.settle();
    assert!(backlog(&harness) > first);
    harness.read(bob, 10_000);
    harness.read(cyd, 10_000);
    harness.settle();
    // Both are in the middle of the second block. The first goes with the next round.
    let both = backlog(&harness);
    harness.publish(ann, ROOM, "three");
    harness.settle();
    assert_eq!(backlog(&harness), both - first);
    harness.unblock(bob);
    harness.settle();
    assert_eq!(backlog(&harness), both - first);
    harness.engine.lost(cyd);
    harness.settle();
    assert_eq!(backlog(&harness), 0);
}

#[test]
fn a_sender_without_echo_is_carried_past_its_own_message_only() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.publish_as(bob, ROOM, "not to me", 0, false);
    harness.settle();
    assert!(harness.heard(bob).is_empty());
    // In one turn: the sender has not been offered the first message when it publishes.
    harness.publish(ann, ROOM, "from ann");
    harness.publish_as(bob, ROOM, "not to me", 0, false);
    harness.settle();
    assert_eq!(harness.heard(bob), ["r#2 from ann"]);
    harness.block(bob);
    for id in 1..=2 {
        harness.publish(ann, ROOM, "from ann");
        harness.settle();
        harness.publish_as(bob, ROOM, "not to me", id, false);
        harness.settle();
    }
    harness.unblock(bob);
    harness.settle();
    assert_eq!(harness.heard(bob), ["r#4 from ann", "ack 1 at 5", "r#6 from ann", "ack 2 at 7"]);
    assert_eq!(harness.heard(ann).len(), 7);
}

#[test]
fn a_member_that_joins_again_keeps_no_place_on_the_old_tape() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.block(bob);
    harness.publish(ann, ROOM, "from ann");
    harness.settle();
    harness.publish_as(bob, ROOM, "not to me", 0, false);
    harness.join(bob, ROOM, None);
    harness.settle();
    harness.unblock(bob);
    harness.settle();
    assert_eq!(harness.heard(bob), ["joined r at 2"]);
    harness.engine.assert_idle();
}

#[test]
fn a_message_half_sent_is_finished_before_the_room_is_left_or_joined_again() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    for (cut, leaves) in [(1, true), (20, true), (30, true), (1, false), (20, false), (30, false)] {
        harness.block(bob);
        harness.read(bob, cut);
        harness.publish(ann, ROOM, "hi");
        harness.settle();
        if leaves {
            harness.leave(bob, ROOM);
        } else {
            harness.join(bob, ROOM, None);
        }
        harness.settle();
        harness.unblock(bob);
        harness.settle();
        let [message, answer] = &harness.heard(bob)[..] else { panic!("cut at {cut}") };
        assert!(message.ends_with(" hi"), "{message}");
        assert!(answer.starts_with(if leaves { "left r at " } else { "joined r at " }), "{answer}");
        harness.enter(bob, ROOM);
    }
}

#[test]
fn a_laggard_continues_from_history_without_a_hole() {
    let mut harness = Harness::new(narrow());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.block(bob);
    harness.read(bob, 3_000);
    publish_many(&mut harness, ann, 20);
    let counts = harness.engine.counts();
    assert!(counts.overruns > 0 && counts.backlog == 0, "the laggard keeps no block");
    harness.unblock(bob);
    harness.settle();
    let heard = harness.heard(bob);
    let messages: Vec<_> = (1..=20).map(|number| format!("r#{number} m{number}")).collect();
    assert_eq!(heard[..20], messages);
    assert_eq!(heard[20..], ["r has 2"]);
}

#[test]
fn a_laggard_beyond_history_receives_a_gap_notice() {
    let mut harness = Harness::new(Limits { history_messages: 5, ..narrow() });
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.block(bob);
    harness.read(bob, 3_000);
    publish_many(&mut harness, ann, 20);
    harness.unblock(bob);
    harness.settle();
    let heard = harness.heard(bob);
    // The message that was half sent is finished first.
    assert_eq!(heard[..2], ["r#1 m1", "gap r 2 to 15"]);
    let messages: Vec<_> = (16..=20).map(|number| format!("r#{number} m{number}")).collect();
    assert_eq!(heard[2..7], messages);
    assert_eq!(harness.engine.counts().gaps, 1);
    harness.publish(ann, ROOM, "next");
    harness.settle();
    assert_eq!(harness.heard(bob), ["r#21 next"]);
}

#[test]
fn a_laggard_is_closed_with_a_reason_where_its_service_says_so() {
    for (space, whole) in [(0, 0), (3_000, 1)] {
        let mut harness = Harness::new(narrow());
        let (ann, bob) = (harness.member("ann"), harness.greeted(STRICT_FRAMES, "bob"));
        harness.enter(bob, ROOM);
        harness.block(bob);
        harness.read(bob, space);
        publish_many(&mut harness, ann, 1);
        // Its answer is to come after the first message, and so is not sent if that is lost.
        harness.ping(bob, 1);
        publish_many(&mut harness, ann, 8);
        harness.unblock(bob);
        harness.settle();
        let bye = format!("bye {}", CloseReason::SlowConsumer.code());
        assert_eq!(harness.heard(bob), [vec!["r#1 m1".to_owned(); whole], vec![bye]].concat());
        assert_eq!(harness.socket(bob).shuts, 1);
        assert_eq!(harness.engine.counts().overruns, 1);
    }
}

#[test]
fn a_laggard_that_was_to_be_closed_anyway_is_closed_as_a_laggard() {
    let mut harness = Harness::new(narrow());
    let (ann, bob) = (harness.member("ann"), harness.greeted(STRICT_FRAMES, "bob"));
    harness.enter(bob, ROOM);
    harness.block(bob);
    publish_many(&mut harness, ann, 8);
    harness.ping(bob, 1);
    harness.settle();
    assert_eq!(harness.engine.counts().overruns, 0);
    harness.engine.close(bob, CloseReason::Stopped);
    harness.publish(ann, ROOM, padded("too much", 8_000));
    harness.turn();
    assert_eq!(harness.engine.counts().overruns, 1);
    harness.unblock(bob);
    harness.settle();
    // The answer was to come after what is lost.
    assert_eq!(harness.heard(bob), [format!("bye {}", CloseReason::SlowConsumer.code())]);
}

#[test]
fn a_plain_laggard_is_closed_after_a_whole_message() {
    let mut harness = Harness::new(narrow());
    let (ann, bob) = (harness.member("ann"), harness.connect(PLAIN));
    harness.settle();
    harness.block(bob);
    harness.read(bob, 3_000);
    publish_many(&mut harness, ann, 10);
    harness.unblock(bob);
    harness.settle();
    let mut message = padded("m1", 8_000);
    message.push(b'\n');
    assert!(harness.socket(bob).received == message);
    harness.socket_mut(bob).is_half_closed = true;
    harness.settle();
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::SlowConsumer));
}

#[test]
fn a_peer_before_login_that_owes_too_much_is_read_again_only_below_the_limit() {
    let mut harness = Harness::new(Limits::default());
    let bob = harness.connect(FRAMES);
    harness.block(bob);
    for _ in 0..200 {
        harness.hello(bob, "no name");
    }
    harness.settle();
    assert_eq!(harness.socket(bob).holds, 1);
    let answers = harness.engine.counts().refusals.iter().sum::<u64>();
    for _ in 0..10 {
        harness.read(bob, 1);
        harness.settle();
    }
    assert_eq!(harness.socket(bob).holds, 1, "read again although it still owes too much");
    assert_eq!(harness.engine.counts().refusals.iter().sum::<u64>(), answers);
    harness.unblock(bob);
    harness.settle();
    assert_eq!(harness.heard(bob).len(), 200);
}
