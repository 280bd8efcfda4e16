//! Tests of replays: members that return receive missed messages from history, and then the tape.

use super::harness::{FRAMES, Harness, ROOM, expected, narrow, padded};
use crate::id::{ConnId, Epoch, Offset, Resume};
use crate::limits::Limits;

/// Bytes of a message of these tests as its reader receives it.
const FRAME: usize = 1_029;

/// Publishes the messages of these offsets in [`ROOM`].
fn publish(harness: &mut Harness, conn: ConnId, offsets: impl IntoIterator<Item = Offset>) {
    for offset in offsets {
        harness.publish(conn, ROOM, padded(&format!("m{offset}"), 1_000));
        harness.settle();
    }
}

/// Returns a member of a room with `count` messages, a peer outside, and the room's epoch.
fn with_history(harness: &mut Harness, count: Offset) -> (ConnId, ConnId, Epoch) {
    let ann = harness.member("ann");
    publish(harness, ann, 1..=count);
    let epoch = harness.epoch();
    let bob = harness.greeted(FRAMES, "bob");
    harness.heard(ann);
    (ann, bob, epoch)
}

/// Returns the lines that are messages.
fn messages(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| line.starts_with("r#")).cloned().collect()
}

#[test]
fn a_resume_replays_exactly_what_was_missed() {
    for offset in 0..=5 {
        let mut harness = Harness::new(Limits::default());
        let (ann, bob, epoch) = with_history(&mut harness, 5);
        harness.join(bob, ROOM, Some(Resume { epoch, offset }));
        harness.settle();
        let heard = harness.heard(bob);
        assert_eq!(heard[0], "joined r at 5, recovered");
        assert_eq!(messages(&heard), expected(offset + 1..=5), "after {offset}");
        assert_eq!(harness.engine.counts().replayed, 5 - offset);
        publish(&mut harness, ann, [6]);
        assert_eq!(harness.heard(bob), expected([6]));
    }
}

#[test]
fn a_wrong_epoch_or_offset_is_not_recovered() {
    let mut harness = Harness::new(Limits { history_messages: 3, ..Limits::default() });
    let (ann, bob, epoch) = with_history(&mut harness, 5);
    let other = Epoch(epoch.0 ^ 1);
    // The messages 3 to 5 are kept.
    for (epoch, offset) in [(other, 5), (other, 3), (epoch, 1), (epoch, 6)] {
        harness.join(bob, ROOM, Some(Resume { epoch, offset }));
        harness.settle();
        assert_eq!(harness.heard(bob), ["joined r at 5"], "{epoch:?} after {offset}");
    }
    harness.join(bob, ROOM, Some(Resume { epoch, offset: 2 }));
    harness.settle();
    assert_eq!(messages(&harness.heard(bob)), expected(3..=5));
    publish(&mut harness, ann, [6]);
    assert_eq!(harness.heard(bob), expected([6]));
}

#[test]
fn a_replay_over_several_turns_has_no_hole_whenever_something_is_published() {
    let limits = Limits { flush_writes: 2, ..narrow() };
    let mut turns_needed = 0;
    for publish_in in 1..16 {
        let mut harness = Harness::new(limits.clone());
        let (ann, bob, epoch) = with_history(&mut harness, 40);
        harness.join(bob, ROOM, Some(Resume { epoch, offset: 3 }));
        harness.ping(bob, 9);
        for turn in 0.. {
            if turn == publish_in {
                harness.publish(ann, ROOM, padded("m41", 1_000));
            }
            harness.turn();
            if publish_in == 15 && harness.engine.counts().replayed < 37 {
                turns_needed = turn + 2;
            }
            if turn >= publish_in && !harness.engine.is_pressing() {
                break;
            }
        }
        harness.settle();
        let heard = harness.heard(bob);
        assert_eq!(heard[0], "joined r at 40, recovered");
        assert_eq!(messages(&heard), expected(4..=41), "published in turn {publish_in}");
        let place = |line: &str| heard.iter().position(|heard| heard == line);
        assert!(place("pong 9") > place("r#40 m40"), "an answer overtakes the replay");
        publish(&mut harness, ann, [42]);
        assert_eq!(harness.heard(bob), expected([42]));
    }
    assert!((5..15).contains(&turns_needed), "the last publish comes after {turns_needed} turns");
}

#[test]
fn a_slow_reader_is_sent_a_replay_in_pages() {
    let mut harness = Harness::new(narrow());
    let (_, bob, epoch) = with_history(&mut harness, 40);
    harness.block(bob);
    let before = harness.socket(bob).received.len();
    harness.join(bob, ROOM, Some(Resume { epoch, offset: 0 }));
    harness.settle();
    for _ in 0..90 {
        let read = harness.socket(bob).received.len() - before;
        let ahead = harness.engine.counts().replayed as usize * FRAME - read.min(40 * FRAME);
        // A quarter of the outbox, and the message that begins within it.
        assert!(ahead <= (4 << 10) + FRAME, "{ahead} bytes are laid out");
        harness.read(bob, 500);
        harness.settle();
    }
    assert_eq!(messages(&harness.heard(bob)), expected(1..=40));
    assert!(!harness.socket(bob).is_blocked);
}

#[test]
fn a_replay_that_history_overtakes_receives_a_gap_notice() {
    let mut harness = Harness::new(Limits { history_messages: 10, ..narrow() });
    let (ann, bob, epoch) = with_history(&mut harness, 10);
    harness.block(bob);
    harness.read(bob, 100);
    harness.join(bob, ROOM, Some(Resume { epoch, offset: 0 }));
    harness.settle();
    let laid_out = harness.engine.counts().replayed;
    assert!((1..10).contains(&laid_out), "{laid_out} messages are one page");
    publish(&mut harness, ann, 11..=30);
    let counts = harness.engine.counts();
    assert_eq!((counts.overruns, counts.backlog), (0, 0), "it does not read the tape");
    harness.unblock(bob);
    harness.settle();
    let heard = harness.heard(bob);
    assert_eq!(messages(&heard), expected((1..=laid_out).chain(21..=30)));
    let gap = format!("gap r {} to 20", laid_out + 1);
    assert_eq!(heard.iter().position(|line| *line == gap), Some(laid_out as usize + 1));
    assert_eq!(heard.iter().filter(|line| line.starts_with("gap")).count(), 1);
}

#[test]
fn a_member_overrun_right_after_its_replay_misses_nothing() {
    let mut harness = Harness::new(narrow());
    let (ann, bob, epoch) = with_history(&mut harness, 6);
    harness.block(bob);
    // The last page is laid out, and not read to its end.
    harness.read(bob, 3 * FRAME);
    harness.join(bob, ROOM, Some(Resume { epoch, offset: 0 }));
    harness.settle();
    assert!(harness.engine.recovering(bob).is_empty(), "it reads the tape again");
    publish(&mut harness, ann, 7..=90);
    assert_eq!(harness.engine.counts().overruns, 1);
    harness.unblock(bob);
    harness.settle();
    assert_eq!(messages(&harness.heard(bob)), expected(1..=90));
}

#[test]
fn a_laggard_that_leaves_is_told_where_to_resume() {
    let mut harness = Harness::new(narrow());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    let epoch = harness.epoch();
    harness.block(bob);
    publish(&mut harness, ann, 1..=90);
    assert_eq!(harness.engine.counts().overruns, 1);
    harness.read(bob, 1_500);
    harness.settle();
    harness.leave(bob, ROOM);
    harness.settle();
    harness.unblock(bob);
    harness.settle();
    let heard = harness.heard(bob);
    let left = heard.last().and_then(|line| line.strip_prefix("left r at ")).expect("left");
    let offset: Offset = left.parse().expect("an offset");
    assert!((1..90).contains(&offset), "{offset}");
    assert_eq!(messages(&heard), expected(1..=offset));
    harness.join(bob, ROOM, Some(Resume { epoch, offset }));
    harness.settle();
    assert_eq!(messages(&harness.heard(bob)), expected(offset + 1..=90));
}
