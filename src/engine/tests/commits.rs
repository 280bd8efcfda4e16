//! Commits: peers that wait for an outcome, and the answers they receive. The test is the store.

use super::harness::{FRAMES, Harness, MODERATORS, ROOM, narrow, padded};
use crate::history::CommitOutcome::{Kept, NotKept, Unknown};
use crate::id::{ConnId, RoomId};
use crate::limits::Limits;
use crate::reason::{CloseReason, Refusal};
use std::time::Duration;

/// A room other than [`ROOM`].
const ELSEWHERE: &str = "s";

/// Returns limits with which no peer's patience ends.
fn patient(mut limits: Limits) -> Limits {
    limits.commit_patience = Duration::from_hours(1);
    limits
}

/// Returns a harness with these members of [`ROOM`] and [`ELSEWHERE`].
fn with_members<const N: usize>(limits: Limits, names: [&str; N]) -> (Harness, [ConnId; N]) {
    let mut harness = Harness::remote(limits);
    let members = names.map(|name| harness.member(name));
    members.iter().for_each(|conn| harness.enter(*conn, ELSEWHERE));
    forget_holds(&mut harness, &members);
    (harness, members)
}

/// Resets the count of a peer's holds while its rooms were opened.
fn forget_holds(harness: &mut Harness, conns: &[ConnId]) {
    conns.iter().for_each(|conn| harness.socket_mut(*conn).holds = 0);
}

/// Returns a client that is the operator of [`ELSEWHERE`], and members of frames, which are read
/// before it in every turn.
fn with_operator<const N: usize>(names: [&str; N]) -> (Harness, ConnId, [ConnId; N]) {
    let mut harness = Harness::remote(patient(Limits::default()));
    let members = names.map(|name| harness.greeted(FRAMES, name));
    let operator = harness.connect(MODERATORS);
    harness.send_bytes(operator, b"NICK op\r\nUSER op 0 * :op\r\nJOIN #s\r\n");
    harness.settle();
    members.iter().for_each(|conn| harness.enter(*conn, ELSEWHERE));
    harness.heard(operator);
    forget_holds(&mut harness, &members);
    forget_holds(&mut harness, &[operator]);
    (harness, operator, members)
}

/// Takes an append that holds these messages. Returns its room.
#[track_caller]
fn append(harness: &mut Harness, expected: &[&str]) -> RoomId {
    let (room, messages) = harness.take_append().expect("an append");
    assert_eq!(messages, expected);
    room
}

/// Settles, and returns the frames that each of the peers has received since.
fn settled<const N: usize>(harness: &mut Harness, conns: [ConnId; N]) -> [Vec<String>; N] {
    harness.settle();
    conns.map(|conn| harness.heard(conn))
}

fn error(refusal: Refusal) -> String {
    format!("error {}", refusal.code())
}

const NOTHING: [String; 0] = [];

#[test]
fn a_peer_is_not_read_beyond_its_own_message_before_the_outcome() {
    let (mut harness, [ann, bob]) = with_members(patient(Limits::default()), ["ann", "bob"]);
    harness.publish_as(bob, ROOM, "one", 1, false);
    harness.ping(bob, 1);
    harness.ping(ann, 1);
    let [of_ann, of_bob] = settled(&mut harness, [ann, bob]);
    assert_eq!((of_ann, of_bob), (vec!["pong 1".to_owned()], vec![]), "others are read");
    assert_eq!(harness.socket(bob).holds, 1);
    let room = append(&mut harness, &["r#1 one"]);
    assert_eq!(harness.take_append(), None);
    harness.ping(bob, 2);
    harness.settle();
    assert_eq!(harness.socket(bob).holds, 1, "visited although only the outcome helps");
    harness.commit(room, Kept(1));
    let [of_ann, of_bob] = settled(&mut harness, [ann, bob]);
    assert_eq!(of_ann, ["r#1 one"]);
    assert_eq!(of_bob, ["ack 1 at 1", "pong 1", "pong 2"]);
    assert_eq!(harness.take_append(), None);
    harness.engine.assert_idle();
}

#[test]
fn a_peer_with_a_message_pending_may_publish_more_in_that_room_only() {
    let (mut harness, [ann, bob]) = with_members(patient(Limits::default()), ["ann", "bob"]);
    harness.publish_as(bob, ROOM, "one", 1, false);
    harness.publish_as(bob, ROOM, "two", 2, false);
    harness.publish_as(bob, ELSEWHERE, "three", 3, false);
    harness.publish_as(bob, ROOM, "four", 4, false);
    harness.settle();
    let room = append(&mut harness, &["r#1 one", "r#2 two"]);
    assert_eq!(harness.take_append(), None, "answers come in order");
    harness.commit(room, Kept(1));
    assert_eq!(settled(&mut harness, [ann, bob]), [["r#1 one"], ["ack 1 at 1"]]);
    assert_eq!(harness.take_append(), None, "one is pending still");
    harness.commit(room, Kept(2));
    assert_eq!(settled(&mut harness, [ann, bob]), [["r#2 two"], ["ack 2 at 2"]]);
    let elsewhere = append(&mut harness, &["s#1 three"]);
    assert_eq!(harness.take_append(), None);
    harness.commit(elsewhere, Kept(1));
    assert_eq!(settled(&mut harness, [ann, bob]), [["s#1 three"], ["ack 3 at 1"]]);
    append(&mut harness, &["r#3 four"]);
}

#[test]
fn a_message_said_again_waits_for_the_first_and_is_answered_as_that() {
    let (mut harness, [ann, bob]) = with_members(patient(Limits::default()), ["ann", "bob"]);
    for (id, text) in [(1, "one"), (2, "two"), (1, "one")] {
        harness.publish_as(bob, ROOM, text, id, false);
    }
    harness.settle();
    let room = append(&mut harness, &["r#1 one", "r#2 two"]);
    harness.commit(room, Kept(2));
    let [of_ann, of_bob] = settled(&mut harness, [ann, bob]);
    assert_eq!(of_ann, ["r#1 one", "r#2 two"]);
    assert_eq!(of_bob, ["ack 1 at 1", "ack 2 at 2", "ack 1 at 1"], "in the order of the requests");
}

#[test]
fn a_congested_room_makes_its_publishers_wait_and_nobody_else() {
    let (mut harness, [ann, bob, cyd]) = with_members(patient(narrow()), ["ann", "bob", "cyd"]);
    for number in 1..=4 {
        harness.publish_as(bob, ROOM, padded(&format!("b{number}"), 12_000), number, false);
    }
    harness.settle();
    // Beyond 16 KB nothing more is proposed.
    harness.publish_as(ann, ROOM, "a1", 1, false);
    harness.publish_as(cyd, ELSEWHERE, "c1", 1, false);
    harness.ping(ann, 1);
    assert_eq!(settled(&mut harness, [ann, bob, cyd]), [NOTHING; 3]);
    let room = append(&mut harness, &["r#1 b1", "r#2 b2"]);
    let elsewhere = append(&mut harness, &["s#1 c1"]);
    assert_eq!([ann, bob, cyd].map(|conn| harness.socket(conn).holds), [1, 1, 0]);
    harness.commit(elsewhere, Kept(1));
    let [.., of_cyd] = settled(&mut harness, [ann, bob, cyd]);
    assert_eq!(of_cyd, ["ack 1 at 1"]);
    harness.commit(room, Kept(1));
    assert_eq!(settled(&mut harness, [bob]), [["ack 1 at 1"]], "answered, and heard of s before");
    assert_eq!([ann, bob].map(|conn| harness.socket(conn).holds), [1, 1]);
    harness.commit(room, Kept(2));
    harness.settle();
    let room = append(&mut harness, &["r#3 a1", "r#4 b3", "r#5 b4"]);
    harness.commit(room, Kept(5));
    harness.settle();
    assert_eq!(harness.take_append(), None);
    let of_ann = harness.heard(ann);
    assert_eq!(of_ann.last().map(String::as_str), Some("pong 1"));
    let of_bob = harness.heard(bob);
    assert_eq!(of_bob, ["ack 2 at 2", "r#3 a1", "ack 3 at 4", "ack 4 at 5"]);
    harness.engine.assert_idle();
}

#[test]
fn publishers_go_on_once_their_room_is_congested_no_longer() {
    let (mut harness, [bob, ..]) = with_members(patient(narrow()), ["bob", "cyd"]);
    for number in 1..=5 {
        harness.publish_as(bob, ROOM, padded(&format!("b{number}"), 4_000), number, false);
    }
    harness.settle();
    let room = append(&mut harness, &["r#1 b1", "r#2 b2", "r#3 b3", "r#4 b4"]);
    for kept in [1, 2] {
        harness.commit(room, Kept(kept));
        harness.settle();
    }
    // The fifth was proposed meanwhile, and goes with the next append at once.
    harness.commit(room, Kept(4));
    harness.turn();
    append(&mut harness, &["r#5 b5"]);
}

#[test]
fn a_leave_waits_for_the_messages_before_it() {
    let (mut harness, [ann, bob]) = with_members(patient(Limits::default()), ["ann", "bob"]);
    harness.publish_as(bob, ROOM, "one", 1, false);
    harness.leave(bob, ROOM);
    assert_eq!(settled(&mut harness, [ann, bob]), [NOTHING; 2]);
    let room = append(&mut harness, &["r#1 one"]);
    harness.commit(room, Kept(1));
    let [of_ann, of_bob] = settled(&mut harness, [ann, bob]);
    assert_eq!(of_ann, ["r#1 one", "went bob, 1"]);
    assert_eq!(of_bob, ["ack 1 at 1", "left r at 1"]);
}

#[test]
fn a_peer_that_owes_too_much_once_the_outcome_is_known_is_read_when_it_has_read() {
    let (mut harness, [bob]) = with_members(patient(narrow()), ["bob"]);
    harness.block(bob);
    // A little less than half of an outbox; the acknowledgements make it more.
    for token in 0..622 {
        harness.ping(bob, token);
    }
    for id in 1..=10 {
        harness.publish_as(bob, ROOM, "m", id, true);
    }
    harness.ping(bob, 700);
    harness.settle();
    let (room, messages) = harness.take_append().expect("an append");
    assert_eq!((messages.len(), harness.socket(bob).holds), (10, 1));
    harness.commit(room, Kept(10));
    harness.settle();
    harness.unblock(bob);
    let [of_bob] = settled(&mut harness, [bob]);
    assert_eq!(of_bob.last().map(String::as_str), Some("pong 700"));
    assert_eq!(of_bob.len(), 622 + 2 * 10 + 1);
}

#[test]
fn a_change_of_a_room_waits_until_nothing_is_pending_and_comes_before_what_waits_behind_it() {
    let (mut harness, op, [ann, bob, cyd]) = with_operator(["ann", "bob", "cyd"]);
    harness.publish_as(ann, ELSEWHERE, "one", 1, false);
    harness.publish_as(ann, ELSEWHERE, "two", 2, false);
    harness.settle();
    harness.send_bytes(op, b"TOPIC #s :new\r\nPING x\r\n");
    harness.settle();
    harness.publish_as(bob, ELSEWHERE, "three", 3, false);
    harness.settle();
    assert_eq!([op, ann, bob].map(|conn| harness.socket(conn).holds), [1, 0, 1]);
    let room = append(&mut harness, &["s#1 one", "s#2 two"]);
    harness.commit(room, Kept(1));
    harness.settle();
    let lines = harness.heard(op);
    assert!(matches!(&lines[..], [line] if line.ends_with("PRIVMSG #s :one")), "{lines:?}");
    assert_eq!([op, bob].map(|conn| harness.socket(conn).holds), [1, 1], "one is pending still");
    harness.commit(room, Kept(2));
    // A peer that waits for nothing is read before all others.
    harness.turn();
    harness.publish_as(cyd, ELSEWHERE, "four", 4, false);
    harness.turn();
    let lines = harness.heard(op);
    let words: Vec<_> = lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(words, ["PRIVMSG", "TOPIC", "PONG"], "{lines:?}");
    harness.settle();
    let room = append(&mut harness, &["s#3 three", "s#4 four"]);
    harness.commit(room, Kept(4));
    harness.settle();
    harness.engine.assert_idle();
}

#[test]
fn a_change_of_a_room_has_its_turn_while_others_publish_without_end() {
    let (mut harness, op, members) = with_operator(["ann", "bob", "cyd", "dan"]);
    harness.publish_as(members[0], ELSEWHERE, "first", 1, false);
    harness.settle();
    harness.send_bytes(op, b"TOPIC #s :new\r\n");
    harness.turn();
    let mut pending = harness.take_append().map(|(room, messages)| (room, messages.len() as u64));
    let mut kept = 0;
    for (id, conn) in (2..).zip(members.iter().cycle().skip(1).take(8)) {
        harness.publish_as(*conn, ELSEWHERE, "next", id, false);
        if let Some((room, count)) = pending.take() {
            kept += count;
            harness.commit(room, Kept(kept));
        }
        harness.turn();
        pending = harness.take_append().map(|(room, messages)| (room, messages.len() as u64));
        let lines = harness.heard(op);
        if lines.iter().any(|line| line.contains(" TOPIC ")) {
            assert_eq!(kept, 1, "behind what was pending when it was asked for");
            return;
        }
    }
    panic!("its turn never comes");
}

#[test]
fn a_room_that_is_over_once_its_last_message_is_through_is_joined_then() {
    let (mut harness, op, []) = with_operator([]);
    let bob = harness.greeted(FRAMES, "bob");
    harness.send_bytes(op, b"MODE #s +k secret\r\nPRIVMSG #s :one\r\n");
    harness.settle();
    harness.engine.lost(op);
    harness.settle();
    harness.join(bob, ELSEWHERE, None);
    assert_eq!(settled(&mut harness, [bob]), [NOTHING]);
    assert_eq!(harness.socket(bob).holds, 1);
    let room = append(&mut harness, &["s#1 one"]);
    harness.commit(room, Kept(1));
    assert_eq!(settled(&mut harness, [bob]), [NOTHING], "the store has not forgotten the room");
    assert_eq!(harness.take_append(), None);
    assert_eq!(settled(&mut harness, [bob]), [["joined s at 0"]], "another room of that name");
}

#[test]
fn a_client_that_answers_from_the_hub_is_not_read_at_all() {
    let (mut harness, op, [ann]) = with_operator(["ann"]);
    harness.send_bytes(op, b"PRIVMSG #s :one\r\nPRIVMSG #s :two\r\n");
    harness.settle();
    assert_eq!(harness.socket(op).holds, 1);
    let room = append(&mut harness, &["s#1 one"]);
    harness.settle();
    assert_eq!(harness.take_append(), None);
    harness.commit(room, Kept(1));
    assert_eq!(settled(&mut harness, [ann]), [["s#1 one"]]);
    append(&mut harness, &["s#2 two"]);
}

#[test]
fn a_peer_closed_while_it_waits_is_told_so_and_its_message_arrives() {
    let (mut harness, [ann, bob]) = with_members(patient(Limits::default()), ["ann", "bob"]);
    harness.publish_as(bob, ROOM, "one", 1, false);
    harness.publish_as(bob, ELSEWHERE, "never", 2, false);
    harness.settle();
    harness.engine.close(bob, CloseReason::Stopped);
    let bye = format!("bye {}", CloseReason::Stopped.code());
    assert_eq!(settled(&mut harness, [bob]), [[bye]]);
    let room = append(&mut harness, &["r#1 one"]);
    harness.commit(room, Kept(1));
    let [of_ann, of_bob] = settled(&mut harness, [ann, bob]);
    assert!(of_ann.contains(&"r#1 one".to_owned()), "{of_ann:?}");
    assert_eq!(of_bob, NOTHING);
    assert_eq!(harness.take_append(), None, "what waited is not carried out");
    harness.socket_mut(bob).is_half_closed = true;
    harness.settle();
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::Stopped));
}

#[test]
fn a_peer_closed_while_it_waits_for_a_room_publishes_nothing() {
    let (mut harness, [ann, bob]) = with_members(patient(narrow()), ["ann", "bob"]);
    harness.publish_as(ann, ROOM, padded("a1", 12_000), 1, false);
    harness.publish_as(ann, ROOM, padded("a2", 12_000), 2, false);
    harness.settle();
    harness.publish_as(bob, ROOM, "never", 1, false);
    harness.settle();
    assert_eq!(harness.socket(bob).holds, 1);
    harness.engine.lost(bob);
    harness.settle();
    assert_eq!(harness.socket(bob).closed, Some(CloseReason::Lost));
    let room = append(&mut harness, &["r#1 a1", "r#2 a2"]);
    harness.commit(room, Kept(2));
    harness.settle();
    assert_eq!(harness.take_append(), None);
    harness.engine.assert_idle();
}

#[test]
fn a_peer_that_hangs_up_while_it_waits_is_answered_first() {
    for asks in [false, true] {
        let (mut harness, [ann, bob]) = with_members(patient(Limits::default()), ["ann", "bob"]);
        harness.publish_as(bob, ROOM, "one", 1, false);
        if asks {
            harness.ping(bob, 1);
        }
        harness.socket_mut(bob).is_half_closed = true;
        assert_eq!(settled(&mut harness, [ann, bob]), [NOTHING; 2]);
        assert!(harness.engine.is_open(bob));
        let room = append(&mut harness, &["r#1 one"]);
        harness.commit(room, Kept(1));
        harness.settle();
        let mut expected = vec!["ack 1 at 1".to_owned()];
        expected.extend(asks.then(|| "pong 1".to_owned()));
        expected.push(format!("bye {}", CloseReason::PeerClosed.code()));
        assert_eq!(harness.heard(bob), expected);
        assert_eq!(harness.heard(ann)[0], "r#1 one");
        assert_eq!(harness.socket(bob).closed, Some(CloseReason::PeerClosed));
    }
}

#[test]
fn a_message_that_is_not_kept_takes_the_later_ones_with_it_and_its_number_is_given_again() {
    let (mut harness, [ann, bob, cyd]) =
        with_members(patient(Limits::default()), ["ann", "bob", "cyd"]);
    harness.publish_as(ann, ROOM, "one", 1, false);
    harness.settle();
    harness.publish_as(bob, ROOM, "two", 2, false);
    harness.ping(bob, 2);
    harness.settle();
    let room = append(&mut harness, &["r#1 one", "r#2 two"]);
    harness.publish_as(cyd, ROOM, "three", 3, false);
    harness.ping(cyd, 3);
    harness.settle();
    assert_eq!(harness.take_append(), None, "one append of a room is under way");
    harness.commit(room, Kept(1));
    let [of_ann, of_bob, of_cyd] = settled(&mut harness, [ann, bob, cyd]);
    assert_eq!(of_ann, ["ack 1 at 1"]);
    assert_eq!([of_bob, of_cyd], [["r#1 one"]; 2]);
    harness.commit(room, NotKept);
    let [of_ann, of_bob, of_cyd] = settled(&mut harness, [ann, bob, cyd]);
    assert_eq!(of_ann, NOTHING);
    assert_eq!(of_bob, [error(Refusal::NotKept), "pong 2".to_owned()]);
    assert_eq!(of_cyd, [error(Refusal::NotKept), "pong 3".to_owned()]);
    harness.publish_as(cyd, ROOM, "three", 3, false);
    harness.settle();
    append(&mut harness, &["r#2 three"]);
}

#[test]
fn a_peer_that_loses_patience_goes_on_and_a_late_outcome_still_counts() {
    for says_so in [false, true] {
        let (mut harness, [ann, bob]) = with_members(Limits::default(), ["ann", "bob"]);
        harness.publish_as(bob, ROOM, "one", 1, false);
        harness.ping(bob, 1);
        harness.settle();
        let room = append(&mut harness, &["r#1 one"]);
        let patience = Limits::default().commit_patience;
        harness.pass(patience - Duration::from_millis(200));
        assert_eq!(settled(&mut harness, [bob]), [NOTHING]);
        match says_so {
            true => harness.commit(room, Unknown),
            false => harness.pass(Duration::from_millis(400)),
        }
        let [of_ann, of_bob] = settled(&mut harness, [ann, bob]);
        assert_eq!((of_ann, of_bob), (vec![], vec![error(Refusal::Unknown), "pong 1".to_owned()]));
        harness.ping(bob, 2);
        assert_eq!(settled(&mut harness, [bob]), [["pong 2"]]);
        harness.commit(room, Kept(1));
        let [of_ann, of_bob] = settled(&mut harness, [ann, bob]);
        assert_eq!((of_ann, of_bob), (vec!["r#1 one".to_owned()], vec![]));
        // The repeated message is the same message.
        harness.publish_as(bob, ROOM, "one", 1, false);
        assert_eq!(settled(&mut harness, [bob]), [["ack 1 at 1"]]);
        assert_eq!(harness.take_append(), None);
    }
}

#[test]
fn the_silence_of_a_peer_that_waits_is_not_its_own() {
    let (mut harness, [bob]) = with_members(patient(Limits::default()), ["bob"]);
    let ping_after = Limits::default().ping_after;
    harness.publish_as(bob, ROOM, "one", 1, false);
    harness.ping(bob, 1);
    harness.pass(ping_after * 10);
    assert!(harness.engine.is_open(bob));
    assert_eq!(settled(&mut harness, [bob]), [NOTHING]);
    let room = append(&mut harness, &["r#1 one"]);
    harness.commit(room, Kept(1));
    harness.pass(ping_after / 2);
    assert_eq!(settled(&mut harness, [bob]), [["ack 1 at 1", "pong 1"]]);
}

#[test]
fn what_comes_of_a_room_that_nothing_waits_for_is_ignored() {
    let (mut harness, [bob]) = with_members(patient(Limits::default()), ["bob"]);
    harness.publish_as(bob, ROOM, "one", 1, false);
    harness.settle();
    let room = append(&mut harness, &["r#1 one"]);
    for _ in 0..2 {
        harness.commit(room, Kept(1));
        harness.engine.assert_sound();
    }
    harness.settle();
    for outcome in [Kept(1), NotKept, Unknown] {
        harness.commit(room, outcome);
        harness.settle();
    }
    assert_eq!(harness.heard(bob), ["ack 1 at 1"]);
    harness.engine.assert_idle();
}
