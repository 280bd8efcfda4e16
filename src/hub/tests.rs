mod commit;
mod said_once;

use super::*;
use crate::history::Mark;
use crate::history::Select;
use crate::id::{ConnId, Epoch, Offset, RequestId, Resume, RoomId};
use crate::limits::Limits;
use crate::now::Now;
use crate::payload::{Form, Manner, Message};
use crate::reason::{CloseReason, Refusal};
use crate::secret::Secrets;
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

/// A hub whose events are recorded as short words.
struct World {
    hub: Hub,
    now: Now,
}

fn conn(slot: u32) -> ConnId {
    ConnId::new(slot, NonZeroU32::MIN)
}

fn world(change: impl FnOnce(&mut Limits)) -> World {
    let mut limits = Limits { rate_every: Duration::ZERO, ..Limits::default() };
    change(&mut limits);
    let mut hub = Hub::new(Rc::new(limits), Secrets::from_number(7));
    (0..9).for_each(|slot| hub.arrive(conn(slot), Origin::default()));
    World { hub, now: Now { running: Duration::from_secs(100), unix_ms: 1 } }
}

impl World {
    /// Returns the events that followed the last command, in order. Bookkeeping between hub and
    /// engine is left out.
    fn news(&mut self) -> Vec<String> {
        let events = std::iter::from_fn(|| self.hub.poll_event());
        let words = events.filter_map(|event| {
            Some(match event {
                Event::Reply(to, id, reply) => format!("{}: {}", to.slot(), word_of(id, &reply)),
                Event::Deliver { message, skip, .. } => {
                    let text = String::from_utf8_lossy(&message.payload.bytes).into_owned();
                    let not_to = skip.map_or(String::new(), |skip| format!(" not {}", skip.slot()));
                    format!("{} {}: {text}{not_to}", message.offset, message.sender)
                }
                Event::Notice(_, Notice::Came(name, count), _) => format!("+{name} {count}"),
                Event::Notice(_, Notice::Went(name, count, _), _) => format!("-{name} {count}"),
                Event::Notice(_, Notice::Count(count), _) => format!("={count}"),
                Event::Close(who, reason) => format!("close {} {reason}", who.slot()),
                Event::Seat { conn, from: Some(from), .. } => {
                    format!("seat {} from {from}", conn.slot())
                }
                Event::Page(query) => format!("{}: page", query.conn.slot()),
                Event::Gone(_) => "gone".to_owned(),
                Event::Notice(_, notice, _) => format!("{notice:?}"),
                Event::Done(..)
                | Event::Settled(_)
                | Event::Seat { .. }
                | Event::Unseat { .. }
                | Event::Remind(..) => {
                    return None;
                }
            })
        });
        words.collect()
    }

    fn command(&mut self, slot: u32, command: Command<'_>) -> Vec<String> {
        let id = RequestId::from_number(number_of(&command));
        self.hub.handle_command(conn(slot), id, command, self.now);
        let news = self.news();
        self.hub.assert_sound();
        news
    }

    fn hello(&mut self, slot: u32, name: &str, key: u64) -> Vec<String> {
        self.command(slot, Command::Hello { name: name.into(), key, private: false })
    }

    fn join(&mut self, slot: u32, room: &str) -> Vec<String> {
        self.command(slot, Command::Join { room: room.into(), key: None, resume: None })
    }

    fn resume(&mut self, slot: u32, room: &str, epoch: Epoch, offset: Offset) -> Vec<String> {
        let resume = Some(Resume { epoch, offset });
        self.command(slot, Command::Join { room: room.into(), key: None, resume })
    }

    fn leave(&mut self, slot: u32, room: &str) -> Vec<String> {
        let room = self.id(room);
        self.command(slot, Command::Leave { room, reason: None })
    }

    fn say(&mut self, slot: u32, room: &str, id: u64, text: &str) -> Vec<String> {
        let (room, bytes) = (self.id(room), Cow::Borrowed(text.as_bytes()));
        self.command(slot, publish(room, id, true, bytes))
    }

    fn members(&mut self, slot: u32, room: &str) -> Vec<String> {
        let room = Where::Joined(self.id(room));
        self.command(slot, Command::Members { room })
    }

    fn history(&mut self, slot: u32, room: Where<'_>, limit: usize) -> Vec<String> {
        let select = Select::Before(Mark::End);
        self.command(slot, Command::History { room, select, limit })
    }

    fn depart(&mut self, slot: u32) -> Vec<String> {
        self.hub.depart(conn(slot), CloseReason::Lost, self.now);
        let news = self.news();
        self.hub.assert_sound();
        news
    }

    /// Returns the events of a room's reminder, this much later.
    fn later(&mut self, seconds: u64, room: &str) -> Vec<String> {
        self.now.running += Duration::from_secs(seconds);
        self.hub.room_due(self.id(room), self.now);
        let news = self.news();
        self.hub.assert_sound();
        news
    }

    fn id(&self, room: &str) -> RoomId {
        self.hub.find(room).unwrap_or(RoomId::from_bits(u32::MAX))
    }

    fn epoch(&self, room: &str) -> Epoch {
        self.hub.room(self.id(room)).unwrap().epoch
    }

    fn key(&self, slot: u32) -> u64 {
        self.hub.people.get(conn(slot)).unwrap().key
    }

    /// Returns a world with persons named a, b, c … in `lobby`.
    fn lobby(change: impl FnOnce(&mut Limits), people: u32) -> Self {
        let mut world = world(change);
        for slot in 0..people {
            let name = char::from(b'a' + slot as u8).to_string();
            world.hello(slot, &name, 0);
            world.join(slot, "lobby");
        }
        world
    }
}

/// Returns a command that publishes a message of a member.
fn publish(room: RoomId, id: u64, echo: bool, bytes: Cow<'_, [u8]>) -> Command<'_> {
    let (room, sender) = (Where::Joined(room), Sender::Member { id, echo });
    Command::Publish { room, sender, bytes, form: Form::Unsaid, manner: Manner::default() }
}

/// Returns the number of each request, by its kind.
fn number_of(command: &Command<'_>) -> u64 {
    match command {
        Command::DirectMessage { .. } => 4,
        Command::Join { .. } => 5,
        Command::Leave { .. } => 6,
        Command::Members { .. } => 8,
        Command::History { .. } => 9,
        Command::Publish { sender: Sender::Member { id, .. }, .. } => *id,
        _ => 0,
    }
}

fn word_of(id: RequestId, reply: &Reply) -> String {
    let number = id.number();
    match reply {
        Reply::Welcome { name, .. } => format!("welcome {name}"),
        Reply::Joined { name, recovered, head, oldest, members, .. } => {
            let recovered = if *recovered { " recovered" } else { "" };
            format!("joined {name} {oldest}..{head} with {members}{recovered}")
        }
        Reply::Left { .. } => "left".to_owned(),
        Reply::Ack { id, offset, .. } => format!("ack {id} {offset}"),
        Reply::Members { count, names, .. } => format!("members {count} {}", names.join(" ")),
        Reply::History { page, .. } => {
            let offsets = page.messages.iter().map(|message| message.offset.to_string());
            let offsets = offsets.collect::<Vec<_>>().join(" ");
            format!("history {}..{}: {offsets}", page.oldest, page.head)
        }
        Reply::Published { room, offset, sender, .. } => {
            format!("posted {room} {offset} by {sender}")
        }
        Reply::Rooms { rooms, next, total } => {
            let names: Vec<&str> = rooms.iter().map(|room| &*room.name).collect();
            format!("rooms {} of {total}, then {next:?}", names.join(" "))
        }
        Reply::DirectMessage { to, message, .. } => {
            let text = String::from_utf8_lossy(&message.payload.bytes);
            format!("{to} hears {}: {text}", message.sender)
        }
        Reply::DirectSent { away, .. } => {
            format!("passed {number} {}", away.as_deref().unwrap_or("here"))
        }
        Reply::Gap { from, to, .. } => format!("gap {from} {to}"),
        Reply::Refused { refusal } => format!("{refusal} {number}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn names_are_held_by_one_person_at_a_time() {
    let mut world = world(|_| {});
    assert_eq!(world.hello(0, "Ann", 0), ["0: welcome Ann"]);
    for (slot, name, key, news) in [
        (1, "ann", 0, "1: name_taken 0"),
        (1, "ANN", 99, "1: name_taken 0"),
        (1, "a b", 0, "1: bad_name 0"),
        (1, "bob", 42, "1: welcome bob"),
        (2, "", 0, "2: welcome guest1"),
        (3, "guest1", 0, "3: welcome guest2"),
        (4, "Guest77", 5, "4: welcome guest3"),
    ] {
        assert_eq!(world.hello(slot, name, key), [news], "{name} {key}");
    }
    assert_eq!(world.key(1), 42);
    world.depart(0);
    assert_eq!(world.hello(5, "aNN", 0), ["5: welcome aNN"]);
}

#[test]
fn who_shows_the_key_takes_its_place_again() {
    let mut world = World::lobby(|_| {}, 2);
    let key = world.key(0);
    assert_eq!(world.hello(2, "a", key ^ 1), ["2: name_taken 0"]);
    // The departure is announced before the new arrival.
    assert_eq!(world.hello(2, "A", key), ["close 0 replaced", "-a 1", "2: welcome A"]);
    assert_eq!(world.join(2, "lobby"), ["+A 2", "2: joined lobby 1..0 with 2"]);
    assert!(world.depart(0).is_empty());
    assert!(world.say(0, "lobby", 0, "ghost").contains(&"0: not_member 0".to_owned()));
    // A guest's key is known again without being remembered.
    world.hello(3, "", 0);
    let key = world.key(3);
    world.depart(3);
    assert_eq!(world.hello(4, "guest1", key), ["4: welcome guest1"]);
    assert_eq!(world.hello(5, "guest1", key), ["close 4 replaced", "5: welcome guest1"]);
}

#[test]
fn the_past_is_read_by_members_and_by_name_from_outside() {
    let mut world = World::lobby(|limits| limits.message = 1_000, 1);
    for id in 1..=4 {
        world.say(0, "lobby", id, &"x".repeat(300));
    }
    let room = Where::Joined(world.id("lobby"));
    assert_eq!(world.history(0, room.clone(), 9), ["0: history 1..4: 3 4"], "no more than fits");
    assert_eq!(world.history(0, room.clone(), 1), ["0: history 1..4: 4"]);
    world.hello(1, "eve", 0);
    assert_eq!(world.history(1, room.clone(), 1), ["1: not_member 9"]);
    assert_eq!(world.history(1, Where::Named("LOBBY".into()), 1), ["1: history 1..4: 4"]);
    assert_eq!(world.history(1, Where::Named("attic".into()), 1), ["1: no_room 9"]);
    world.depart(0);
    assert_eq!(world.history(1, Where::Joined(RoomId::from_bits(7)), 1), ["1: not_member 9"]);
}

fn post<'a>(room: &'a str, sender: &'a str, key: u64, once: Option<&'a str>) -> Command<'a> {
    let (room, sender, once) = (room.into(), sender.into(), once.map(Cow::Borrowed));
    let sender = Sender::Outside { name: sender, key, once };
    let (room, bytes) = (Where::Named(room), Cow::Borrowed(&b"hi"[..]));
    Command::Publish { room, sender, bytes, form: Form::Text, manner: Manner::default() }
}

#[test]
fn who_posts_from_outside_is_nobody_else() {
    let mut world = World::lobby(|_| {}, 1);
    let key = world.key(0);
    let said = |news: Vec<String>| news.last().unwrap().clone();
    // Without a name: a guest, and the same one as long as the connection lasts.
    assert_eq!(said(world.command(5, post("Attic", "", 0, None))), "5: posted Attic 1 by guest1");
    assert_eq!(said(world.command(5, post("attic", "", 0, None))), "5: posted Attic 2 by guest1");
    assert_eq!(said(world.command(5, post("lobby", "bot", 0, None))), "5: posted lobby 1 by bot");
    for (room, sender, with, news) in [
        ("lobby", "A", 0, "5: name_taken 0"),
        ("lobby", "A", key, "5: posted lobby 2 by A"),
        ("lobby", "guest1", 0, "5: name_taken 0"),
        ("lobby", "guest9", 7, "5: name_taken 0"),
        ("lobby", "a b", 0, "5: bad_name 0"),
        ("a b", "bot", 0, "5: bad_room 0"),
    ] {
        assert_eq!(said(world.command(5, post(room, sender, with, None))), news, "{sender}");
    }
}

#[test]
fn what_is_posted_under_one_word_is_said_once() {
    let change =
        |limits: &mut Limits| (limits.history_messages, limits.said_once_messages) = (1, 3);
    let mut world = World::lobby(change, 1);
    let said = |news: Vec<String>| news.last().unwrap().clone();
    let first = "5: posted lobby 1 by bot";
    assert_eq!(said(world.command(5, post("lobby", "bot", 0, Some("k1")))), first);
    assert_eq!(world.command(6, post("lobby", "BOT", 0, Some("k1"))), ["6: posted lobby 1 by bot"]);
    // Another sender's key, and another key, and another room.
    let other = world.command(5, post("lobby", "tob", 0, Some("k1")));
    assert_eq!(said(other), "5: posted lobby 2 by tob");
    assert_eq!(
        said(world.command(5, post("attic", "bot", 0, Some("k1")))),
        "5: posted attic 1 by bot"
    );
    assert_eq!(
        said(world.command(5, post("lobby", "bot", 0, Some("k2")))),
        "5: posted lobby 3 by bot"
    );
    // A message that is no longer kept is recognised until its key is forgotten.
    assert_eq!(
        said(world.command(6, post("lobby", "bot", 0, Some("k1")))),
        first.replace('5', "6")
    );
    world.command(5, post("lobby", "bot", 0, Some("k3")));
    assert_eq!(
        said(world.command(5, post("lobby", "bot", 0, Some("k1")))),
        "5: posted lobby 5 by bot"
    );
}

#[test]
fn rooms_are_listed_a_page_at_a_time() {
    let mut world = World::lobby(|_| {}, 1);
    for room in ["b", "c", "d"] {
        world.join(0, room);
    }
    let ask = |world: &mut World, from| world.command(9, Command::Rooms { from, limit: 2 });
    assert_eq!(ask(&mut world, 0), ["9: rooms lobby b of 4, then Some(2)"]);
    world.leave(0, "c");
    assert_eq!(ask(&mut world, 2), ["9: rooms d of 3, then None"]);
    assert_eq!(ask(&mut world, usize::MAX), ["9: rooms  of 3, then None"]);
}

#[test]
fn one_question_for_rooms_looks_at_so_many_places_and_says_where_to_go_on() {
    let mut world = world(|_| {});
    for room in 0..5000 {
        world.command(1, post(&format!("r{room}"), "bot", 0, None));
    }
    let mut ask = |from| {
        let limit = usize::MAX;
        world.hub.handle_command(
            conn(1),
            RequestId::NONE,
            Command::Rooms { from, limit },
            world.now,
        );
        match world.hub.poll_event() {
            Some(Event::Reply(_, _, Reply::Rooms { rooms, next, .. })) => (rooms.len(), next),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(0), (4096, Some(4096)));
    assert_eq!(ask(4096).0, 5000 - 4096);
}

#[test]
fn one_word_of_two_strangers_is_two_words() {
    let mut world = World::lobby(|_| {}, 1);
    for (slot, network) in [(5, 1), (6, 2), (7, 1)] {
        world.hub.moved(conn(slot), Origin { network, ..Origin::default() });
    }
    let mut said = |slot, key| {
        world.command(slot, post("lobby", "bot", key, Some("k1"))).last().unwrap().clone()
    };
    assert_eq!(said(5, 0), "5: posted lobby 1 by bot");
    assert_eq!(said(6, 0), "6: posted lobby 2 by bot");
    assert_eq!(said(7, 0), "7: posted lobby 1 by bot", "the first one, on another connection");
    assert_eq!(said(7, 9), "7: posted lobby 3 by bot", "another key");
}

#[test]
fn members_hear_of_each_other_by_name_until_they_are_many() {
    let mut world = world(|limits| limits.presence_members = 2);
    for slot in 0..4 {
        world.hello(slot, &format!("p{slot}"), 0);
    }
    assert_eq!(world.join(0, "x"), ["+p0 1", "0: joined x 1..0 with 1"]);
    assert_eq!(world.join(1, "X"), ["+p1 2", "1: joined x 1..0 with 2"]);
    assert_eq!(world.members(0, "x"), ["0: members 2 p0 p1"]);
    assert_eq!(world.join(2, "x"), ["2: joined x 1..0 with 3"]);
    assert_eq!(world.join(3, "x"), ["3: joined x 1..0 with 4"]);
    assert_eq!(world.members(0, "x"), ["0: members 4 "]);
    // One count for all changes of a second.
    assert!(world.later(0, "x").is_empty());
    assert_eq!(world.later(2, "x"), ["=4"]);
    assert!(world.later(2, "x").is_empty());
    assert_eq!(world.depart(3), [""; 0]);
    assert_eq!(world.depart(2), ["-p2 2"]);
    assert_eq!(world.later(2, "x"), ["=2"]);
    assert_eq!(world.leave(1, "x"), ["-p1 1"]);
}

#[test]
fn joining_and_leaving() {
    let mut world = world(|limits| (limits.rooms_per_peer, limits.rooms) = (2, 3));
    for slot in 0..2 {
        world.hello(slot, &format!("p{slot}"), 0);
    }
    world.join(0, "x");
    world.join(0, "y");
    assert_eq!(world.join(0, "z"), ["0: too_many_rooms 5"]);
    assert_eq!(world.join(0, "x"), ["0: joined x 1..0 with 1"], "again is no second membership");
    assert_eq!(world.join(1, "no room"), ["1: bad_room 5"]);
    world.join(1, "z");
    assert_eq!(world.join(1, "w"), ["1: relay_rooms_full 5"]);
    assert_eq!(
        world.hub.publish_from_host("w", "host", b"hi", world.now),
        Err(Refusal::RelayRoomsFull)
    );
    assert_eq!(world.leave(1, "x"), ["1: not_member 6"]);
    assert_eq!(world.members(1, "x"), ["1: not_member 8"]);
    assert_eq!(world.say(1, "x", 3, "hi"), ["1: not_member 3"]);
    assert_eq!(world.leave(1, "z"), ["-p1 0", "gone"]);
    assert_eq!(world.hub.room_count(), 2);
}

#[test]
fn messages_are_numbered_and_acknowledged() {
    let mut world = World::lobby(|limits| limits.message = 4, 2);
    assert_eq!(world.say(0, "lobby", 0, "one"), ["1 a: one"]);
    assert_eq!(world.say(1, "lobby", 7, "two"), ["2 b: two", "1: ack 7 2"]);
    assert_eq!(world.say(1, "lobby", 8, "three"), ["1: message_too_long 8"]);
    let room = world.id("lobby");
    let bytes = Cow::Borrowed(&b"tri"[..]);
    let publish = publish(room, 0, false, bytes);
    assert_eq!(world.command(0, publish), ["3 a: tri not 0"]);
    assert_eq!(world.hub.publish_from_host("LOBBY", "host", b"four", world.now), Ok(Some(4)));
    assert_eq!(world.news(), ["4 host: four"]);
}

#[test]
fn an_id_is_said_once_as_long_as_it_is_remembered() {
    let change =
        |limits: &mut Limits| (limits.history_messages, limits.said_once_messages) = (2, 2);
    let mut world = World::lobby(change, 2);
    assert_eq!(world.say(0, "lobby", 7, "one"), ["1 a: one", "0: ack 7 1"]);
    assert_eq!(world.say(0, "lobby", 7, "one"), ["0: ack 7 1"]);
    // Another person's id, and the same person's on another connection.
    assert_eq!(world.say(1, "lobby", 7, "two"), ["2 b: two", "1: ack 7 2"]);
    let key = world.key(0);
    world.hello(2, "a", key);
    world.join(2, "lobby");
    assert_eq!(world.say(2, "lobby", 7, "one"), ["2: ack 7 1"]);
    assert_eq!(world.say(1, "lobby", 0, "three"), ["3 b: three"]);
    assert_eq!(world.say(2, "lobby", 7, "one"), ["2: ack 7 1"], "it is not kept any more");
    assert_eq!(world.say(1, "lobby", 8, "four"), ["4 b: four", "1: ack 8 4"]);
    assert_eq!(world.say(2, "lobby", 7, "one"), ["5 a: one", "2: ack 7 5"]);
}

#[test]
fn what_is_recovered_and_what_is_not() {
    let mut world = World::lobby(|limits| limits.history_messages = 3, 1);
    for text in ["one", "two", "three", "four", "five"] {
        world.say(0, "lobby", 0, text);
    }
    let epoch = world.epoch("lobby");
    world.hello(1, "b", 0);
    let news = ["+b 2", "1: joined lobby 3..5 with 2 recovered", "seat 1 from 4"];
    assert_eq!(world.resume(1, "lobby", epoch, 3), news);
    for (epoch, offset, recovered, seat) in [
        (epoch, 5, true, None),
        (epoch, 2, true, Some(3)),
        (epoch, 1, false, None),
        (epoch, 0, false, None),
        (epoch, 6, false, None),
        (epoch, u64::MAX, false, None),
        (Epoch(epoch.0 ^ 1), 4, false, None),
    ] {
        let recovered = if recovered { " recovered" } else { "" };
        let mut news = vec![format!("1: joined lobby 3..5 with 2{recovered}")];
        news.extend(seat.map(|from| format!("seat 1 from {from}")));
        assert_eq!(world.resume(1, "lobby", epoch, offset), news, "{offset}");
    }
}

#[test]
fn a_room_lives_while_anybody_is_there_or_anything_is_kept() {
    let mut world = World::lobby(|limits| limits.history_age = Duration::from_secs(60), 1);
    world.say(0, "lobby", 0, "one");
    let epoch = world.epoch("lobby");
    assert_eq!(world.depart(0), ["-a 0"]);
    world.hello(1, "b", 0);
    let news = ["+b 1", "1: joined lobby 1..1 with 1 recovered", "seat 1 from 1"];
    assert_eq!(world.resume(1, "lobby", epoch, 0), news);
    assert_eq!(world.depart(1), ["-b 0"]);
    assert!(world.later(59, "lobby").is_empty());
    assert_eq!(world.later(2, "lobby"), ["gone"]);
    assert_eq!((world.hub.room_count(), world.hub.kept_bytes()), (0, 0));
    world.hello(2, "c", 0);
    let news = ["+c 1", "2: joined Lobby 1..0 with 1"];
    assert_eq!(world.resume(2, "Lobby", epoch, 1), news, "another room, though of that name");
    assert_ne!(world.epoch("lobby"), epoch);
}

#[test]
fn the_past_of_all_rooms_together_is_bounded() {
    let change = |limits: &mut Limits| limits.history_total = 3 * (Message::OVERHEAD + 3);
    let mut world = World::lobby(change, 1);
    world.join(0, "other");
    for _ in 0..4 {
        world.say(0, "lobby", 0, "one");
    }
    assert_eq!(world.hub.kept_bytes(), 3 * (Message::OVERHEAD + 3));
    // The room that is spoken in pays, with all it has if need be.
    world.say(0, "other", 0, "two");
    assert_eq!(world.join(0, "other"), ["0: joined other 2..1 with 1"]);
    assert_eq!(world.join(0, "lobby"), ["0: joined lobby 2..4 with 1"]);
}

#[test]
fn the_rate_is_for_what_others_hear() {
    let mut world = world(one_a_second);
    world.hello(0, "a", 0);
    world.join(0, "x");
    world.say(0, "x", 0, "one");
    assert_eq!(world.say(0, "x", 9, "two"), ["0: rate_limited 9"]);
    // A peer whose message allowance is used up may still join, query and leave.
    assert_eq!(world.join(0, "y"), ["+a 1", "0: joined y 1..0 with 1"]);
    assert_eq!(world.members(0, "x"), ["0: members 1 a"]);
    world.now.running += Duration::from_secs(2);
    assert_eq!(world.say(0, "x", 9, "two"), ["0: rate_limited 9"]);
    world.now.running += Duration::from_secs(1);
    assert_eq!(world.say(0, "x", 9, "two"), ["2 a: two", "0: ack 9 2"]);
    assert_eq!(world.say(0, "x", 9, "two"), ["0: rate_limited 9"]);

    world.hub.arrive(conn(9), Origin { exempt: true, ..Origin::default() });
    world.hello(9, "b", 0);
    world.join(9, "x");
    for offset in 3..20 {
        assert_eq!(world.say(9, "x", 0, "hi"), [format!("{offset} b: hi")]);
    }
}

/// Sets a burst of two messages, and so of eight rooms or as many pages of answers.
fn one_a_second(limits: &mut Limits) {
    (limits.rate_burst, limits.rate_every) = (2, Duration::from_secs(1));
}

#[test]
fn questions_cost_what_their_answers_weigh() {
    let ask = |world: &mut World, kind: usize| match kind {
        0 => world.members(0, "x"),
        1 => world.history(0, Where::Named("x".into()), 0),
        _ => world.command(0, Command::Rooms { from: 0, limit: 1 }),
    };
    let mut counts = Vec::new();
    for kind in 0..3 {
        let mut world = world(one_a_second);
        world.hello(0, "a", 0);
        world.join(0, "x");
        let length = 64 << 10;
        world.hub.publish_from_host("x", "host", &vec![b'x'; length], world.now).unwrap();
        world.news();
        let refused = |news: &[String]| news.len() == 1 && news[0].contains(": rate_limited ");
        counts.push((0..1_000).take_while(|_| !refused(&ask(&mut world, kind))).count());
        assert_eq!(world.join(0, "y"), ["0: rate_limited 5"]);
        assert_eq!(world.leave(0, "x"), ["-a 0"], "nobody is kept from going");
    }
    // Entering took one of eight, and the last may be overdrawn. A short question is a sixteenth and a
    // byte, a page is a message and a sixteenth, and looking at every room is a whole message.
    assert_eq!(counts, [6 * 16, 6, 7]);
}

#[test]
fn who_missed_very_much_is_not_silenced_for_longer_than_the_allowance() {
    let mut world = world(|limits| {
        one_a_second(limits);
        limits.history_bytes = 64 << 20;
    });
    world.hello(0, "a", 0);
    world.hello(1, "b", 0);
    world.join(1, "x");
    let epoch = world.epoch("x");
    for _ in 0..500 {
        world.hub.publish_from_host("x", "host", &[b'x'; 60_000], world.now).unwrap();
    }
    world.news();
    let news = world.resume(0, "x", epoch, 0);
    assert_eq!(news.last().unwrap(), "seat 0 from 1");
    assert_eq!(world.join(0, "y"), ["0: rate_limited 5"]);
    // The join and eight more, of which seven have to be paid for.
    world.now.running += Duration::from_secs(7);
    assert_eq!(world.say(0, "x", 1, "hm"), ["0: rate_limited 1"]);
    world.now.running += Duration::from_secs(1);
    assert_eq!(world.say(0, "x", 1, "hi").len(), 2);
}

#[test]
fn a_list_of_members_survives_goings_in_the_middle() {
    let mut world = World::lobby(|_| {}, 5);
    world.depart(1);
    world.leave(3, "lobby");
    world.join(3, "lobby");
    assert_eq!(world.members(0, "lobby"), ["0: members 4 a e c d"]);
    for slot in [0, 4, 3, 2] {
        world.depart(slot);
    }
    assert_eq!(world.hub.room_count(), 0);
}

#[test]
fn what_is_said_to_one_alone_reaches_who_takes_it() {
    let mut world = World::lobby(|_| {}, 2);
    let tell = |name: &'static str, text: &'static str| Command::DirectMessage {
        to: Addressee::Name(name.into()),
        bytes: Cow::Borrowed(text.as_bytes()),
        manner: Manner::default(),
    };
    assert_eq!(world.command(0, tell("b", "psst")), ["0: cannot_hear 4"]);
    world.hello(2, "", 0);
    let hello = |private| Command::Hello { name: "Zoë".into(), key: 7, private };
    world.command(3, hello(true));
    assert_eq!(world.command(0, tell("zoë", "psst")), ["3: Zoë hears a: psst", "0: passed 4 here"]);
    // A peer without a name neither receives nor sends direct messages.
    assert_eq!(world.command(5, tell("zoë", "psst")), ["5: not_member 4"]);
    // Known and away, from then on; and by another name, no longer under the first.
    let describe = Command::Describe { user: "z".into(), real_name: "Z".into() };
    world.command(3, describe);
    world.command(3, Command::Away { message: Some("tea".into()) });
    assert_eq!(world.command(0, tell("ZOë", "psst")), ["3: Zoë hears a: psst", "0: passed 4 tea"]);
    world.command(3, Command::Rename { name: "anna".into() });
    assert_eq!(world.command(0, tell("zoë", "psst")), ["0: no_such_person 4"]);
    // The name's next holder need not take any.
    world.command(4, hello(false));
    assert_eq!(world.command(0, tell("zoë", "psst")), ["0: cannot_hear 4"]);
    world.depart(3);
    assert_eq!(world.command(0, tell("anna", "psst")), ["0: no_such_person 4"]);
}
