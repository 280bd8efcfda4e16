//! Tests of reading: its order, its pauses, and the deadlines of silent peers.

use super::harness::{FRAMES, Harness, ROOM, narrow, padded};
use crate::id::ConnId;
use crate::limits::{LINGER, Limits};
use crate::reason::CloseReason;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// A pong to the ping of the relay.
const PONG: &[u8] = &[0, 0, 0, 9, 0x07, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn bytes_mean_the_same_wherever_they_are_cut() {
    for read_max in (1..40).chain([64 << 10]) {
        let mut harness = Harness::new(Limits::default());
        let ann = harness.member("ann");
        let bob = harness.connect(FRAMES);
        harness.socket_mut(bob).read_max = read_max;
        harness.hello(bob, "bob");
        harness.join(bob, ROOM, None);
        harness.ping(bob, 1);
        harness.settle();
        assert_eq!(harness.heard(bob), ["welcome bob", "joined r at 0", "pong 1"], "{read_max}");
        harness.publish_as(bob, ROOM, "hi", 7, false);
        harness.bye(bob);
        harness.settle();
        let bye = format!("bye {}", CloseReason::PeerClosed.code());
        assert_eq!(harness.heard(bob), ["ack 7 at 1".to_owned(), bye]);
        assert_eq!(harness.heard(ann), ["came bob, 2", "r#1 hi", "went bob, 1"]);
        assert_eq!(harness.socket(bob).shuts, 1);
    }
}

#[test]
fn bytes_behind_an_action_that_waits_are_read_once() {
    let mut harness = Harness::new(narrow());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    for number in 1..=5 {
        harness.publish_as(ann, ROOM, padded(&format!("m{number}"), 12_000), number, true);
        // A message repeated under its id would be acknowledged, and the test would not notice.
        harness.publish_as(ann, ROOM, format!("n{number}"), 0, true);
    }
    harness.ping(ann, 1);
    let mut published = Vec::new();
    while published.last() != Some(&10) {
        harness.turn();
        published.push(harness.engine.counts().messages);
        assert!(published.len() < 10, "{published:?}");
    }
    assert!(published.len() > 1, "a room that is behind makes its publisher wait");
    harness.settle();
    let messages = (1..=5)
        .flat_map(|n| [format!("r#{} m{n}", 2 * n - 1), format!("r#{} n{n}", 2 * n)])
        .collect::<Vec<_>>();
    assert_eq!(harness.heard(bob), messages);
    let heard = harness.heard(ann);
    assert_eq!(heard.last().map(String::as_str), Some("pong 1"));
    assert_eq!(heard.iter().filter(|line| line.starts_with("ack")).count(), 5);
}

#[test]
fn more_commands_than_a_turn_allows_are_carried_out_in_the_next() {
    let mut harness = Harness::new(Limits { commands_per_turn: 3, ..Limits::default() });
    let bob = harness.member("bob");
    (1..=7).for_each(|token| harness.ping(bob, token));
    let mut answered = Vec::new();
    for _ in 0..3 {
        harness.turn();
        answered.push(harness.heard(bob).len());
    }
    assert_eq!(answered, [3, 3, 1]);
    harness.settle();
    assert!(harness.heard(bob).is_empty());
}

#[test]
fn a_peer_that_reads_no_answers_is_not_read() {
    let mut harness = Harness::new(narrow());
    let bob = harness.member("bob");
    harness.block(bob);
    let pings = 2_000;
    (0..pings).for_each(|token| harness.ping(bob, token));
    harness.settle();
    assert_eq!(harness.socket(bob).holds, 1);
    assert!(harness.engine.is_open(bob), "its outbox does not overflow");
    // Nothing changes before the pending bytes are fewer than half an outbox again.
    harness.read(bob, 1);
    harness.settle();
    assert_eq!(harness.socket(bob).holds, 1);
    harness.unblock(bob);
    harness.settle();
    let expected: Vec<_> = (0..pings).map(|token| format!("pong {token}")).collect();
    assert_eq!(harness.heard(bob), expected);
}

#[test]
fn a_silent_peer_is_closed_at_the_deadline_of_the_handshake() {
    let limits = Limits::default();
    let handshake = limits.handshake;
    let mut harness = Harness::new(limits);
    let (silent, trickling) = (harness.connect(FRAMES), harness.connect(FRAMES));
    harness.send_bytes(trickling, &[0, 0]);
    harness.pass(handshake - TICK);
    // A byte now and then is no handshake.
    harness.send_bytes(trickling, &[0]);
    harness.settle();
    for conn in [silent, trickling] {
        assert!(harness.engine.is_open(conn) && harness.socket(conn).received.is_empty());
    }
    harness.pass(TICK);
    for conn in [silent, trickling] {
        assert!(!harness.engine.is_open(conn));
        assert_eq!(harness.socket(conn).shuts, 1);
        harness.socket_mut(conn).is_half_closed = true;
    }
    harness.settle();
    assert_eq!(harness.socket(silent).closed, Some(CloseReason::HandshakeTimeout));
    let bye = format!("bye {}", CloseReason::HandshakeTimeout.code());
    assert_eq!(harness.heard(trickling), [bye]);
}

/// Lets time pass until the relay has pinged the peer.
fn until_ping(harness: &mut Harness, conn: ConnId) -> Duration {
    let began = harness.now.running;
    while harness.heard(conn) != ["ping"] {
        harness.pass(TICK);
        assert!(harness.now.running - began < 60 * SECOND, "no ping");
    }
    harness.now.running - began
}

#[test]
fn a_pong_keeps_a_silent_peer_open_and_its_absence_does_not() {
    let limits = Limits::default();
    let (after, grace) = (limits.ping_after, limits.ping_grace);
    let mut harness = Harness::new(limits);
    let bob = harness.greeted(FRAMES, "bob");
    for _ in 0..3 {
        let silence = until_ping(&mut harness, bob);
        assert!((after * 8 / 10 - SECOND..=after * 12 / 10 + SECOND).contains(&silence));
        harness.pass(grace - TICK);
        harness.send_bytes(bob, PONG);
        harness.settle();
        assert!(harness.engine.is_open(bob));
    }
    until_ping(&mut harness, bob);
    harness.pass(grace - TICK);
    assert!(harness.engine.is_open(bob));
    harness.pass(TICK);
    let bye = format!("bye {}", CloseReason::PingTimeout.code());
    assert_eq!(harness.heard(bob), [bye]);
}

#[test]
fn a_peer_that_reads_slowly_is_alive_and_one_that_reads_nothing_is_not() {
    let limits = Limits::default();
    let longest = limits.ping_after * 12 / 10 + limits.ping_grace;
    let mut harness = Harness::new(limits);
    let [ann, bob, cyd] = ["ann", "bob", "cyd"].map(|name| harness.member(name));
    harness.block(bob);
    harness.block(cyd);
    harness.publish(ann, ROOM, padded("hi", 16 << 10));
    harness.settle();
    for _ in 0..12 {
        harness.read(bob, 100);
        harness.pass(5 * SECOND);
        harness.send_bytes(ann, PONG);
    }
    assert!(12 * 5 * SECOND > longest + LINGER);
    assert!(harness.engine.is_open(bob));
    assert_eq!(harness.socket(cyd).closed, Some(CloseReason::PingTimeout));
}

#[test]
fn time_that_the_process_slept_through_counts_for_nobody() {
    let mut harness = Harness::new(Limits::default());
    let first = harness.connect(FRAMES);
    harness.pass(5 * SECOND);
    let second = harness.connect(FRAMES);
    harness.settle();
    // The process is stopped, and wakes long after the deadline of the first.
    harness.set_time(harness.now.running + 600 * SECOND);
    harness.settle();
    assert!(!harness.engine.is_open(first) && harness.engine.is_open(second));
    harness.pass(5 * SECOND - TICK);
    assert!(harness.engine.is_open(second));
    harness.pass(TICK);
    assert!(!harness.engine.is_open(second));
}
