//! Tests of message ids: each is published once, for as long as its room remembers the id.

use super::*;
use crate::history::CommitOutcome::Kept;
use crate::limits::SAID_ONCE_LEAST;

/// Sets limits for a lobby that keeps one message, and remembers three ids for ten seconds.
fn forgetful(limits: &mut Limits) {
    (limits.history_messages, limits.said_once_messages) = (1, 3);
    (limits.history_age, limits.said_once_age) = (Duration::from_secs(60), Duration::from_secs(10));
}

#[test]
fn an_id_outlives_its_message() {
    let mut world = World::lobby(forgetful, 1);
    for id in 1..=3 {
        world.say(0, "lobby", id, "x");
    }
    assert_eq!(world.say(0, "lobby", 1, "x"), ["0: ack 1 1"], "the message is not there any more");
    // The fourth id takes the place of the first.
    assert_eq!(world.say(0, "lobby", 4, "x"), ["4 a: x", "0: ack 4 4"]);
    assert_eq!(world.say(0, "lobby", 2, "x"), ["0: ack 2 2"]);
    assert_eq!(world.say(0, "lobby", 1, "x"), ["5 a: x", "0: ack 1 5"]);
    // Messages without an id take nobody's.
    for _ in 0..9 {
        world.say(0, "lobby", 0, "x");
    }
    assert_eq!(world.say(0, "lobby", 3, "x"), ["0: ack 3 3"]);
    world.hub.assert_sound();
}

#[test]
fn an_id_is_forgotten_in_time_and_not_before() {
    let mut world = World::lobby(forgetful, 1);
    world.say(0, "lobby", 1, "x");
    world.now.running += Duration::from_millis(9_900);
    assert_eq!(world.say(0, "lobby", 1, "x"), ["0: ack 1 1"]);
    // To the tick, whenever the reminder comes.
    world.now.running += Duration::from_millis(100);
    assert_eq!(world.say(0, "lobby", 1, "x"), ["2 a: x", "0: ack 1 2"]);
    world.later(10, "lobby");
    assert_eq!(world.hub.said_bytes(), 0, "without anybody asking");
    world.hub.assert_sound();
}

#[test]
fn an_id_outlives_its_message_where_a_store_keeps_it() {
    let mut world = world(forgetful);
    world.hub.keep_remotely();
    world.hello(0, "a", 0);
    world.join(0, "lobby");
    let room = world.id("lobby");
    for id in 1..=3 {
        world.say(0, "lobby", id, "x");
        let append = world.hub.take_append().unwrap();
        assert_eq!(append.messages[0].1.map(|(_, said)| said), Some(id));
        world.hub.committed(room, Kept(id), world.now);
        while world.hub.apply_outcome(room, world.now).is_some() {}
        world.news();
    }
    assert_eq!(world.say(0, "lobby", 1, "x"), ["0: ack 1 1"]);
    world.now.running += Duration::from_secs(10);
    assert!(world.say(0, "lobby", 1, "x").is_empty(), "proposed as a new one");
    world.hub.assert_sound();
}

/// Checks that neither messages nor ids of other rooms cause a message to be published twice here.
#[test]
fn what_fills_up_elsewhere_cuts_no_window() {
    let mut world = World::lobby(
        |limits| {
            limits.history_total = 100 * Message::OVERHEAD;
            limits.said_once_total = 64 << 10;
        },
        1,
    );
    world.join(0, "other");
    world.say(0, "lobby", 1, "x");
    for id in 1..=2_000 {
        world.say(0, "other", id, "x");
    }
    assert!(world.hub.said_bytes() > 32 << 10);
    world.hub.assert_sound();
    for id in 2..=SAID_ONCE_LEAST as u64 {
        world.say(0, "lobby", id, "x");
    }
    for id in 1..=SAID_ONCE_LEAST as u64 {
        assert_eq!(world.say(0, "lobby", id, "x"), [format!("0: ack {id} {id}")]);
    }
    world.hub.assert_sound();
    let all = 64 << 10;
    assert!(world.hub.said_bytes() <= all, "{}", world.hub.said_bytes());
}

#[test]
fn what_a_room_remembers_ends_with_it() {
    let mut world = World::lobby(forgetful, 1);
    world.say(0, "lobby", 1, "x");
    assert_eq!(world.depart(0), ["-a 0"]);
    assert!(world.later(11, "lobby").is_empty(), "the message is still there");
    assert_eq!(world.hub.said_bytes(), 0);
    assert_eq!(world.later(50, "lobby"), ["gone"]);
}
