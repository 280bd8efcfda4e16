//! Closes: the final bytes, the notices to others, and the deadlines.

use super::harness::{FRAMES, Harness, PLAIN, ROOM, narrow, padded};
use crate::address::Remote;
use crate::engine::Reading;
use crate::history::CommitOutcome;
use crate::id::ConnId;
use crate::limits::{LINGER, Limits};
use crate::reason::{CloseReason, Refusal};
use std::time::Duration;

/// A frame of a kind that no verb has.
const UNKNOWN: &[u8] = &[0, 0, 0, 1, 0x7f];

const TICK: Duration = Duration::from_millis(100);

fn bye(reason: CloseReason) -> String {
    format!("bye {}", reason.code())
}

fn closes(harness: &Harness, reason: CloseReason) -> u64 {
    let index = CloseReason::ALL.iter().position(|other| *other == reason).expect("a reason");
    harness.engine.counts().closes[index]
}

#[test]
fn the_stream_ends_only_after_the_final_bytes() {
    for hold_max in [0, 20, 1 << 20] {
        end_with_a_transport_that_holds(hold_max);
    }
}

fn end_with_a_transport_that_holds(hold_max: usize) {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.socket_mut(bob).hold_max = hold_max;
    harness.block(bob);
    harness.publish(ann, ROOM, padded("hi", 100));
    harness.settle();
    harness.bye(bob);
    harness.settle();
    let mut heard = Vec::new();
    while harness.socket(bob).shuts == 0 {
        assert!(heard.len() < 2, "the final bytes are sent, and the stream goes on");
        assert_eq!(harness.socket(bob).closed, None);
        harness.read(bob, 7);
        harness.settle();
        heard.extend(harness.heard(bob));
    }
    assert_eq!(heard, ["r#1 hi".to_owned(), bye(CloseReason::PeerClosed)]);
    harness.socket_mut(bob).is_half_closed = true;
    harness.settle();
    assert_eq!((harness.socket(bob).shuts, closes(&harness, CloseReason::PeerClosed)), (1, 1));
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::PeerClosed));
}

#[test]
fn a_connection_is_dropped_only_after_what_its_transport_holds() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.socket_mut(bob).hold_max = 1 << 20;
    harness.block(bob);
    harness.publish(ann, ROOM, "hi");
    harness.settle();
    assert!(harness.heard(bob).is_empty(), "the transport holds it");
    harness.socket_mut(bob).is_half_closed = true;
    harness.settle();
    assert_eq!(harness.socket(bob).closed, None);
    harness.unblock(bob);
    harness.settle();
    assert_eq!(harness.heard(bob), ["r#1 hi".to_owned(), bye(CloseReason::PeerClosed)]);
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::PeerClosed));
}

#[test]
fn a_close_reason_follows_what_was_pending() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.block(bob);
    harness.publish(ann, ROOM, "hi");
    harness.settle();
    harness.ping(bob, 1);
    harness.send_bytes(bob, UNKNOWN);
    // Nothing after that is carried out.
    harness.publish(bob, ROOM, "too late");
    harness.settle();
    harness.unblock(bob);
    harness.settle();
    let error = format!("error {}", CloseReason::UnknownKind.code());
    let expected = ["r#1 hi".to_owned(), "pong 1".to_owned(), error, bye(CloseReason::UnknownKind)];
    assert_eq!(harness.heard(bob), expected);
    assert_eq!(harness.heard(ann), ["r#1 hi", "went bob, 1"]);
    // The peer may read that in peace, and then it is dropped.
    harness.pass(LINGER - 2 * TICK);
    assert_eq!((harness.socket(bob).shuts, harness.socket(bob).closed), (1, None));
    harness.pass(2 * TICK);
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::UnknownKind));
}

#[test]
fn a_half_closed_peer_receives_what_is_pending() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.block(bob);
    harness.publish(ann, ROOM, "hi");
    harness.settle();
    harness.ping(bob, 1);
    harness.publish_as(bob, ROOM, "the last word", 0, false);
    harness.socket_mut(bob).is_half_closed = true;
    harness.settle();
    assert_eq!(harness.heard(ann), ["r#1 hi", "r#2 the last word"]);
    harness.unblock(bob);
    harness.settle();
    let expected = ["r#1 hi".to_owned(), "pong 1".to_owned(), bye(CloseReason::PeerClosed)];
    assert_eq!(harness.heard(bob), expected);
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::PeerClosed));
    assert_eq!(harness.heard(ann), ["went bob, 1"]);
}

#[test]
fn a_half_closed_line_without_its_end_is_published() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.connect(PLAIN));
    harness.settle();
    harness.heard(ann);
    harness.send_bytes(bob, b"the last word");
    harness.settle();
    assert!(harness.heard(ann).is_empty(), "more may come");
    harness.socket_mut(bob).is_half_closed = true;
    harness.settle();
    assert_eq!(harness.heard(ann), ["r#1 the last word", "went guest1, 1"]);
    assert_eq!(harness.socket(bob).received, b"the last word\n");
}

#[test]
fn a_room_hears_once_that_a_member_left() {
    let mut harness = Harness::new(Limits::default());
    let [ann, bob, cyd] = ["ann", "bob", "cyd"].map(|name| harness.member(name));
    harness.bye(bob);
    harness.turn();
    harness.engine.close(bob, CloseReason::Stopped);
    harness.engine.lost(bob);
    harness.engine.lost(bob);
    harness.settle();
    assert_eq!(harness.heard(ann), ["went bob, 2"]);
    assert_eq!(harness.heard(cyd), ["went bob, 2"]);
    assert_eq!(harness.engine.counts().closes.iter().sum::<u64>(), 1);
    let deliveries = harness.engine.counts().deliveries;
    harness.publish(ann, ROOM, "hi");
    harness.settle();
    assert_eq!(harness.engine.counts().deliveries - deliveries, 2);
}

#[test]
fn the_first_reason_of_a_close_counts_unless_the_connection_breaks() {
    let mut harness = Harness::new(Limits::default());
    let (bob, cyd) = (harness.member("bob"), harness.member("cyd"));
    for conn in [bob, cyd] {
        harness.engine.close(conn, CloseReason::Stopped);
        harness.engine.close(conn, CloseReason::PingTimeout);
    }
    harness.engine.lost(cyd);
    harness.settle();
    assert_eq!(harness.heard(bob).last(), Some(&bye(CloseReason::Stopped)));
    assert_eq!(harness.socket(cyd).closed, Some(CloseReason::Lost));
    assert!(harness.heard(cyd).is_empty());
}

/// Makes every call that names a connection.
fn call_about(harness: &mut Harness, conn: ConnId) {
    let engine = &mut harness.engine;
    assert_eq!(engine.received(conn, UNKNOWN, harness.now), Reading::Gone);
    assert_eq!(engine.resume(conn, harness.now), Reading::Gone);
    assert_eq!(engine.ended(conn, harness.now), Reading::Gone);
    engine.writable(conn);
    engine.lost(conn);
    engine.blocked(conn);
    engine.close(conn, CloseReason::Stopped);
    engine.sent(conn, 0);
    engine.release(conn);
}

#[test]
fn late_calls_for_an_old_id_do_not_reach_the_next_peer_in_its_slot() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.engine.lost(bob);
    harness.settle();
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::Lost));
    let cyd = harness.member("cyd");
    assert_eq!(cyd.slot(), bob.slot());
    assert_ne!(cyd, bob);
    let stale = harness.engine.counts().stale;
    call_about(&mut harness, bob);
    harness.settle();
    assert_eq!(harness.engine.counts().stale - stale, 5);
    assert!(harness.engine.is_open(cyd) && !harness.engine.is_open(bob));
    harness.heard(ann);
    harness.publish(ann, ROOM, "hi");
    harness.ping(cyd, 1);
    harness.settle();
    assert_eq!(harness.heard(ann), ["r#1 hi"]);
    let mut heard = harness.heard(cyd);
    heard.sort();
    assert_eq!(heard, ["pong 1", "r#1 hi"]);
}

#[test]
fn a_peer_that_reads_nothing_is_dropped_at_the_deadline_of_its_close() {
    let mut harness = Harness::new(Limits::default());
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.block(bob);
    harness.send_bytes(bob, UNKNOWN);
    harness.pass(LINGER - TICK);
    assert_eq!((harness.socket(bob).shuts, harness.socket(bob).closed), (0, None));
    assert_eq!(harness.heard(ann), ["went bob, 1"], "the room does not wait for it");
    harness.pass(TICK);
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::UnknownKind));
}

#[test]
fn a_peer_that_says_goodbye_and_reads_nothing_is_closed_as_a_slow_consumer() {
    let limits = Limits { ping_after: Duration::from_secs(60), ..Limits::default() };
    let (handshake, grace) = (limits.handshake, limits.ping_grace);
    let mut harness = Harness::new(limits);
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    // No other deadline falls into the grace.
    harness.pass(handshake + TICK);
    harness.block(bob);
    harness.publish(ann, ROOM, "hi");
    harness.settle();
    harness.bye(bob);
    harness.pass(grace - TICK);
    assert!(harness.engine.is_open(bob));
    harness.pass(TICK);
    assert!(!harness.engine.is_open(bob));
    assert_eq!(harness.heard(ann).last().map(String::as_str), Some("went bob, 1"));
    harness.pass(LINGER);
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::SlowConsumer));
}

#[test]
fn a_deadline_of_the_same_turn_does_not_cut_the_final_bytes() {
    let limits = Limits::default();
    let handshake = limits.handshake;
    let mut harness = Harness::new(limits);
    let bob = harness.connect(FRAMES);
    harness.settle();
    harness.send_bytes(bob, UNKNOWN);
    harness.set_time(harness.now.running + handshake);
    harness.settle();
    let error = format!("error {}", CloseReason::UnknownKind.code());
    assert_eq!(harness.heard(bob), [error, bye(CloseReason::UnknownKind)]);
    assert_eq!((harness.socket(bob).shuts, harness.socket(bob).closed), (1, None));
}

#[test]
fn a_closed_peer_that_goes_on_sending_is_dropped() {
    let mut harness = Harness::new(Limits::default());
    let bob = harness.member("bob");
    harness.send_bytes(bob, UNKNOWN);
    harness.settle();
    assert_eq!(harness.socket(bob).shuts, 1);
    harness.send_bytes(bob, &vec![0; 1 << 20]);
    harness.settle();
    assert_eq!(harness.socket(bob).closed, None);
    harness.send_bytes(bob, &[0]);
    harness.settle();
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::UnknownKind));
}

#[test]
fn a_drain_tells_everybody_and_closes_evenly() {
    let mut harness = Harness::new(Limits::default());
    let peers: Vec<ConnId> =
        (0..40).map(|number| harness.greeted(FRAMES, &format!("peer{number}"))).collect();
    harness.block(peers[39]);
    harness.engine.drain(harness.now);
    let refused = harness.engine.connected(FRAMES, Remote::default(), harness.now);
    assert_eq!(refused, Err(CloseReason::Shutdown));
    harness.settle();
    for step in 1..=4 {
        // One close in 10 ms: ten in each tick.
        let open = peers.iter().filter(|conn| harness.engine.is_open(**conn)).count();
        assert_eq!(open, 40 - 10 * step, "in step {step}");
        harness.pass(TICK);
    }
    let draining = format!("error {}", Refusal::Draining.code());
    for conn in &peers[..39] {
        assert_eq!(harness.heard(*conn), [draining.clone(), bye(CloseReason::Shutdown)]);
        harness.socket_mut(*conn).is_half_closed = true;
    }
    harness.settle();
    assert!(!harness.engine.is_drained(), "one does not read");
    assert_eq!(harness.engine.connections(), 1);
    harness.pass(LINGER);
    assert!(harness.engine.is_drained());
    assert_eq!(closes(&harness, CloseReason::Shutdown), 40);
}

/// Has a peer publish so much in one read that its second message is kept for the next turn.
fn with_waiting_action(harness: &mut Harness) -> (ConnId, ConnId) {
    let (ann, bob) = (harness.member("ann"), harness.member("bob"));
    harness.heard(ann);
    for text in ["one", "two", "three"] {
        harness.publish(bob, ROOM, padded(text, 16 << 10));
    }
    harness.turn();
    assert_eq!(harness.engine.counts().messages, 1, "the second message waits");
    (ann, bob)
}

#[test]
fn an_action_that_waits_is_dropped_with_a_connection_that_breaks() {
    let mut harness = Harness::new(narrow());
    let (ann, bob) = with_waiting_action(&mut harness);
    harness.engine.lost(bob);
    harness.settle();
    assert_eq!(harness.heard(ann), ["r#1 one", "went bob, 1"]);
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::Lost));
}

#[test]
fn an_action_that_waits_is_carried_out_before_the_end_of_the_stream() {
    let mut harness = Harness::new(narrow());
    let (ann, bob) = with_waiting_action(&mut harness);
    harness.socket_mut(bob).is_half_closed = true;
    assert_eq!(harness.engine.ended(bob, harness.now), Reading::Unfinished);
    harness.settle();
    assert_eq!(harness.heard(ann), ["r#1 one", "r#2 two", "r#3 three", "went bob, 1"]);
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::PeerClosed));
}

/// A relay whose messages a store keeps, and a member that has published one.
fn with_pending_message(limits: Limits) -> (Harness, ConnId) {
    let mut harness = Harness::remote(limits);
    let ann = harness.member("ann");
    harness.publish_as(ann, ROOM, "one", 7, false);
    harness.settle();
    (harness, ann)
}

#[test]
fn a_drain_waits_for_what_a_store_says() {
    let (mut harness, ann) = with_pending_message(Limits::default());
    let append = harness.engine.take_append().unwrap();
    harness.engine.drain(harness.now);
    harness.pass(Duration::from_secs(5));
    assert!(harness.engine.is_open(ann) && !harness.engine.is_drained());
    harness.engine.committed(append.room, CommitOutcome::Kept(1), harness.now);
    harness.settle();
    let draining = format!("error {}", Refusal::Draining.code());
    assert_eq!(harness.heard(ann), [draining, "ack 7 at 1".to_owned(), bye(CloseReason::Shutdown)]);
    harness.pass(LINGER);
    assert!(harness.engine.is_drained());
}

#[test]
fn a_drain_ends_though_a_store_says_nothing() {
    let limits = Limits { drain_hard: Duration::from_secs(6), ..Limits::default() };
    let (mut harness, ann) = with_pending_message(limits);
    harness.engine.take_append().unwrap();
    harness.engine.drain(harness.now);
    harness.pass(Duration::from_millis(3_900));
    assert!(harness.engine.is_open(ann));
    harness.pass(TICK * 2);
    let error = |refusal: Refusal| format!("error {}", refusal.code());
    let told = [error(Refusal::Draining), error(Refusal::Unknown), bye(CloseReason::Shutdown)];
    assert_eq!(harness.heard(ann), told);
    // All peers are gone, and an outcome of the store is still pending.
    harness.pass(LINGER);
    assert!(harness.engine.connections() == 0 && !harness.engine.is_drained());
}
