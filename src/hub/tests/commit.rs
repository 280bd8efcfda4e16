//! Tests of messages that a store outside of the relay keeps, with a later outcome.

use super::*;
use crate::history::CommitOutcome;
use crate::history::CommitOutcome::{Kept, NotKept, Unknown};

/// Returns a world with persons named a, b, c … in `lobby`, whose messages a store keeps.
fn remote_lobby(people: u32) -> World {
    let mut world = world(|_| {});
    world.hub.keep_remotely();
    for slot in 0..people {
        let name = char::from(b'a' + slot as u8).to_string();
        world.hello(slot, &name, 0);
        world.join(slot, "lobby");
    }
    world
}

impl World {
    /// Returns the first offset of the next append, and its texts.
    fn append(&mut self) -> Option<(Offset, Vec<String>)> {
        let Append { after, messages, .. } = self.hub.take_append()?;
        let texts = messages.iter().map(|(message, _)| &message.payload.bytes);
        Some((after + 1, texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect()))
    }

    /// Returns the events that follow an outcome.
    fn outcome(&mut self, room: &str, outcome: CommitOutcome) -> Vec<String> {
        let room = self.id(room);
        self.hub.committed(room, outcome, self.now);
        while self.hub.apply_outcome(room, self.now).is_some() {}
        let news = self.news();
        self.hub.assert_sound();
        news
    }
}

#[test]
fn a_message_is_delivered_and_acknowledged_once_it_is_kept() {
    let mut world = remote_lobby(2);
    assert!(world.append().is_none());
    assert!(world.say(0, "lobby", 7, "one").is_empty());
    assert!(world.hub.has_pending() && world.hub.pending_room(conn(0)).is_some());
    assert_eq!(world.append(), Some((1, vec!["one".to_owned()])));
    // One append of a room at a time: the next one takes all that came meanwhile.
    assert!(world.say(1, "lobby", 0, "two").is_empty());
    assert!(world.say(0, "lobby", 8, "three").is_empty());
    assert_eq!(world.append(), None);
    assert_eq!(world.outcome("lobby", Kept(1)), ["1 a: one", "0: ack 7 1"]);
    assert_eq!(world.append(), Some((2, vec!["two".to_owned(), "three".to_owned()])));
    assert_eq!(world.hub.publish_from_host("lobby", "host", b"four", world.now), Ok(None));
    assert_eq!(world.outcome("lobby", Kept(2)), ["2 b: two"]);
    assert_eq!(world.append(), None, "half of it is known");
    assert_eq!(world.outcome("lobby", Kept(3)), ["3 a: three", "0: ack 8 3"]);
    assert_eq!(world.hub.pending_room(conn(0)), None);
    world.append();
    assert_eq!(world.outcome("lobby", Kept(4)), ["4 host: four"]);
    assert!(!world.hub.has_pending());
}

#[test]
fn what_is_not_kept_takes_all_with_it_that_came_later_and_leaves_no_hole() {
    let mut world = remote_lobby(2);
    for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
        world.say(0, "lobby", id, text);
    }
    world.append();
    world.say(1, "lobby", 4, "four");
    assert_eq!(world.outcome("lobby", Kept(1)), ["1 a: one", "0: ack 1 1"]);
    let lost = ["0: not_kept 2", "0: not_kept 3", "1: not_kept 4"];
    assert_eq!(world.outcome("lobby", NotKept), lost);
    world.say(1, "lobby", 4, "four");
    assert_eq!(world.append(), Some((2, vec!["four".to_owned()])));
    assert_eq!(world.outcome("lobby", Kept(2)), ["2 b: four", "1: ack 4 2"]);
    // The unknown outcome is reported only once.
    assert!(world.outcome("lobby", NotKept).is_empty());
}

#[test]
fn the_second_under_one_id_shares_the_outcome_of_the_first() {
    for (outcome, first, second) in [
        (Kept(1), vec!["1 a: one", "0: ack 7 1", "2: ack 7 1"], vec!["2: ack 7 1"]),
        (NotKept, vec!["0: not_kept 7", "2: not_kept 7"], vec![]),
    ] {
        let mut world = remote_lobby(2);
        world.say(0, "lobby", 7, "one");
        world.append();
        let key = world.key(0);
        // The same person, on another connection.
        world.command(2, Command::Hello { name: "a".into(), key, private: false });
        world.join(2, "lobby");
        assert!(world.say(2, "lobby", 7, "one").is_empty());
        let all = world.outcome("lobby", outcome);
        let told = all.iter().filter(|line| !line.starts_with(['+', '-'])).collect::<Vec<_>>();
        assert_eq!(told, first.iter().collect::<Vec<_>>());
        assert_eq!(world.say(2, "lobby", 7, "one"), second);
    }
}

#[test]
fn notices_and_answers_do_not_overtake_what_is_pending() {
    let mut world = remote_lobby(2);
    world.say(0, "lobby", 1, "one");
    world.append();
    // The new member receives the answer to its join, and none of the notices before it.
    world.hello(2, "c", 0);
    assert_eq!(world.join(2, "lobby"), ["2: joined lobby 1..0 with 3"]);
    assert!(world.say(0, "lobby", 2, &"x".repeat(1 << 20)).is_empty(), "refused, but not yet");
    assert!(world.depart(1).is_empty());
    let news = world.outcome("lobby", Kept(1));
    assert_eq!(news, ["1 a: one", "0: ack 1 1", "+c 3", "0: message_too_long 2", "-b 2"]);
}

#[test]
fn a_room_is_not_over_before_its_last_message_is() {
    let mut world = remote_lobby(0);
    assert!(world.command(5, post("attic", "bot", 0, None)).is_empty());
    assert_eq!(world.append(), Some((1, vec!["hi".to_owned()])));
    let news = ["5: not_kept 0", "gone"];
    assert_eq!(world.outcome("attic", NotKept), news);
    world.command(5, post("attic", "bot", 0, None));
    world.append();
    assert_eq!(world.outcome("attic", Kept(1)), ["1 bot: hi", "5: posted attic 1 by bot"]);
}

#[test]
fn who_has_waited_long_enough_is_told_that_nobody_knows() {
    let mut world = remote_lobby(2);
    world.say(0, "lobby", 1, "one");
    world.append();
    assert!(world.later(5, "lobby").is_empty());
    world.say(0, "lobby", 2, "two");
    world.say(0, "lobby", 3, &"x".repeat(1 << 20));
    assert_eq!(world.later(6, "lobby"), ["0: unknown 1"]);
    assert!(world.hub.pending_room(conn(0)).is_some());
    assert_eq!(world.later(5, "lobby"), ["0: unknown 2", "0: message_too_long 3"]);
    assert_eq!(world.hub.pending_room(conn(0)), None);
    // A repeated message is pending again. Its outcome is not sent to the peer that received an
    // unknown outcome.
    assert!(world.say(0, "lobby", 1, "one").is_empty());
    assert_eq!(world.outcome("lobby", Kept(1)), ["1 a: one", "0: ack 1 1"]);
    world.append();
    assert_eq!(world.outcome("lobby", Kept(2)), ["2 a: two"]);
    world.say(1, "lobby", 4, "four");
    world.append();
    assert_eq!(world.outcome("lobby", Unknown), ["1: unknown 4"]);
    assert_eq!(world.outcome("lobby", Kept(3)), ["3 b: four"]);
}

/// Returns a world with a person in its own room, which is not open to everybody.
fn remote_den() -> World {
    let mut world = world(|_| {});
    world.hub.keep_remotely();
    world.hello(0, "a", 0);
    world.join(0, "den");
    let secret = Change { on: true, what: What::Switch(Switch::Secret) };
    let room = world.id("den");
    world.command(0, Command::Change { room, changes: vec![secret] });
    world
}

#[test]
fn a_store_forgets_a_room_behind_all_that_was_said_there() {
    let mut world = remote_den();
    world.say(0, "den", 0, "one");
    assert_eq!(world.append(), Some((1, vec!["one".to_owned()])));
    world.say(0, "den", 0, "two");
    assert!(world.depart(0).is_empty());
    assert_eq!(world.append(), None, "one append at a time");
    assert!(world.hub.is_closing(world.id("den")));
    world.command(5, post("den", "bot", 0, None));
    world.outcome("den", Kept(1));
    // The append before the room closed, then the clear, then the append after it.
    assert_eq!(world.append(), Some((2, vec!["two".to_owned()])));
    world.outcome("den", Kept(2));
    let clear = world.hub.take_append().unwrap();
    assert!(clear.clears && clear.after == 2 && clear.messages.is_empty());
    assert!(world.hub.take_append().is_none());
    // The clear is requested until it is done, but not again at once.
    assert!(world.outcome("den", NotKept).is_empty());
    assert!(world.hub.take_append().is_none());
    assert!(world.later(1, "den").is_empty());
    assert!(world.hub.take_append().unwrap().clears);
    assert!(world.outcome("den", Kept(2)).is_empty(), "something was said since");
    assert_eq!(world.append(), Some((3, vec!["hi".to_owned()])));
    assert_eq!(world.outcome("den", NotKept), ["5: not_kept 0", "gone"]);
}

#[test]
fn a_room_of_which_nothing_is_stored_ends_at_once() {
    let mut world = remote_den();
    assert_eq!(world.depart(0), ["-a 0", "gone"]);
    assert!(world.hub.take_append().is_none());
}

/// Returns the places, numbers and kinds of the events of the next append.
fn events(world: &mut World) -> Vec<(Offset, u64, String)> {
    let append = world.hub.take_append().unwrap();
    let told = |notice: &Notice| match notice {
        Notice::Came(who, count) => format!("+{who} {count}"),
        Notice::Went(who, count, _) => format!("-{who} {count}"),
        Notice::Topic(_, text) => format!("topic {text}"),
        other => panic!("{other:?} is not to be kept"),
    };
    append.events.iter().map(|placed| (placed.after, placed.n, told(&placed.event))).collect()
}

#[test]
fn events_are_stored_in_their_places() {
    let mut world = remote_lobby(1);
    let event = |after, n, text: &str| (after, n, text.to_owned());
    world.say(0, "lobby", 0, "one");
    assert_eq!(events(&mut world), [event(0, 1, "+a 1")]);
    world.hello(1, "b", 0);
    world.join(1, "lobby");
    world.say(0, "lobby", 0, "two");
    world.leave(1, "lobby");
    world.outcome("lobby", Kept(1));
    assert_eq!(events(&mut world), [event(1, 2, "+b 2"), event(2, 3, "-b 1")]);
    world.outcome("lobby", NotKept);
    // Those behind a message that is not kept are lost with its append, and their numbers with them.
    assert_eq!(world.hub.events_dropped(), 2);
    world.join(1, "lobby");
    assert!(world.hub.take_append().is_none(), "nothing is written for that alone");
    world.later(1, "lobby");
    assert_eq!(events(&mut world), [event(1, 4, "+b 2")]);
    world.leave(1, "lobby");
    world.later(1, "lobby");
    assert!(world.hub.take_append().is_none(), "one at a time");
    world.outcome("lobby", Kept(1));
    assert_eq!(events(&mut world), [event(1, 5, "-b 1")]);
}

#[test]
fn a_stranger_has_no_end_of_events_stored() {
    let mut world = remote_lobby(1);
    world.hello(1, "b", 0);
    for _ in 0..1_000 {
        world.join(1, "lobby");
        world.leave(1, "lobby");
    }
    world.later(1, "lobby");
    assert_eq!(events(&mut world).len(), crate::history::EVENTS_MAX);
    assert_eq!(world.hub.events_dropped(), 2_001 - crate::history::EVENTS_MAX as u64);
    assert!(world.hub.take_append().is_none());
}

#[test]
fn in_memory_no_event_is_kept() {
    let mut world = World::lobby(|_| {}, 3);
    world.leave(1, "lobby");
    world.later(1, "lobby");
    assert!(world.hub.take_append().is_none());
    assert_eq!((world.hub.events_dropped(), world.hub.kept_bytes()), (0, 0));
}
