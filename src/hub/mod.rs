//! Rooms, members, names, presence, offsets: decides, and writes no bytes.

mod command;
mod event;
mod government;
mod hello;
pub mod mask;
mod membership;
mod name;
mod nick;
mod outside;
mod person;
mod questions;
mod rate;
mod reply;
mod rights;
mod room;
mod society;
mod speech;

pub use command::{Command, Flags, Target, Where};
pub use event::{Event, Going, Notice, Signal, Who};
pub use name::{guest_number, is_person_name, is_room_name};
pub use nick::{is_nick, name_of, nick_of};
pub use person::{Census, Past, Record};
pub use rate::Act;
pub use reply::{Page, Reply, RoomLine};
pub use rights::{Change, Entry, LIST_MAX, List, Rank, Ranks, Rights, Switch, Topic, What};
pub use room::Room;

use crate::id::{ConnId, Epoch, RequestId, RoomId};
use crate::limits::Limits;
use crate::now::{Now, Tick};
use crate::payload::Payload;
use crate::reason::{CloseReason, Refusal};
use core::net::IpAddr;
use membership::Start;
use outside::Posted;
use person::{Membership, People};
use slab::Slab;
use society::Told;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

/// Who is here, which rooms they are in, what is said there, and what must happen next.
///
/// The hub owns no socket, writes no bytes and reads no clock. Facts go in through `arrive`,
/// `handle_command`, `say_from_host`, `room_due` and `depart`; after each, consequences come out of
/// [`poll_event`](Self::poll_event) until it answers `None`, in the order in which they happened.
#[derive(Debug)]
pub struct Hub {
    limits: Rc<Limits>,
    people: People,
    rooms: Slab<Room>,
    room_ids: HashMap<Rc<str>, RoomId>,
    /// The (folded) names of rooms that belong to nobody who enters them first.
    commons: HashSet<Rc<str>>,
    rooms_made: u32,
    /// Bytes kept of all rooms' pasts.
    kept: usize,
    events: VecDeque<Event>,
    /// The request that is being carried out, and whose it is.
    asking: Option<(ConnId, RequestId)>,
    minted: u64,
    secret: u64,
}

impl Hub {
    /// An empty hub. Epochs and keys are derived from `secret`, which must be random where
    /// strangers could profit from guessing them.
    pub fn new(limits: Rc<Limits>, secret: u64) -> Self {
        Self {
            limits,
            people: People::default(),
            rooms: Slab::new(),
            room_ids: HashMap::new(),
            commons: HashSet::new(),
            rooms_made: 0,
            kept: 0,
            events: VecDeque::new(),
            asking: None,
            minted: 0,
            secret,
        }
    }

    /// The next thing that must happen.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The room `id` names, if it still exists.
    pub fn room(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(id.slot()).filter(|room| room.id == id)
    }

    /// Every room, in no order.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().map(|(_, room)| room)
    }

    /// What `conn` is called; empty before hello.
    pub fn name_of(&self, conn: ConnId) -> &str {
        self.people.get(conn).map_or("", |person| &person.name)
    }

    /// How many rooms there are.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Bytes kept of what was said, in all rooms.
    pub fn kept_bytes(&self) -> usize {
        self.kept
    }

    /// The rooms `conn` is in.
    pub fn rooms_of(&self, conn: ConnId) -> impl Iterator<Item = RoomId> {
        self.people.get(conn).into_iter().flat_map(|person| person.rooms.iter().map(|m| m.room))
    }

    /// The room of that name belongs to everybody: who enters it first is not its operator. For
    /// rooms in which plain sockets find themselves, and which nobody is to lock before them.
    pub fn keep_common(&mut self, room: &str) {
        self.commons.insert(name::folded(&room.into()));
    }

    /// Somebody connected. `unlimited` peers are not held to the message rate. `network` stands for
    /// where they come from; only a number derived from it is ever shown.
    pub fn arrive(&mut self, conn: ConnId, unlimited: bool, network: u64) {
        self.people.arrive(conn, unlimited, self.cloak(network));
    }

    /// `conn` turned out to come from elsewhere: see [`arrive`](Self::arrive).
    pub fn introduce(&mut self, conn: ConnId, unlimited: bool, network: u64) {
        let cloak = self.cloak(network);
        if let Some(person) = self.people.get_mut(conn) {
            person.introduce(unlimited, cloak);
        }
    }

    /// Where `conn` comes from is to be shown: to those who speak IRC, if it does so as well.
    pub fn show(&mut self, conn: ConnId, ip: IpAddr) {
        self.people.show(conn, ip);
    }

    fn cloak(&self, network: u64) -> u32 {
        (derive(self.secret, "cloak", network) >> 32) as u32
    }

    /// A number that stands for something and does not tell it.
    pub fn seal(&self, of: impl Hash) -> u64 {
        derive(self.secret, "seal", of)
    }

    /// From now on these limits are in force.
    pub fn reconfigure(&mut self, limits: Rc<Limits>) {
        self.limits = limits;
    }

    /// Carries out what somebody asks for. What answers it carries `request`, and behind the last
    /// answer comes [`Event::Done`] if it [is one](RequestId::is_some).
    pub fn handle_command(
        &mut self,
        conn: ConnId,
        request: RequestId,
        command: Command<'_>,
        now: Now,
    ) {
        self.asking = Some((conn, request));
        self.carry_out(conn, command, now);
        self.asking = None;
        if request.is_some() {
            self.events.push_back(Event::Done(conn, request));
        }
    }

    /// Returns the request of `conn` that is being carried out.
    fn request_of(&self, conn: ConnId) -> RequestId {
        match self.asking {
            Some((asker, request)) if asker == conn => request,
            _ => RequestId::NONE,
        }
    }

    fn carry_out(&mut self, conn: ConnId, command: Command<'_>, now: Now) {
        let refused = match command {
            Command::Hello { name, key, private } => {
                let greeted = self.hello(conn, &name, key, now);
                if private && greeted.is_ok() {
                    self.people.hears(conn);
                }
                greeted.map_err(|why| (why, 0))
            }
            Command::Join { request, room, key, resume } => {
                let start = resume.map_or(Start::Now, Start::After);
                let joined = self.join(conn, request, &room, key.as_deref(), start, now);
                joined.map_err(|why| (why, request))
            }
            Command::Listen { room, resume } => {
                let start = resume.map_or(Start::Now, Start::Kept);
                self.join(conn, 0, &room, None, start, now).map_err(|why| (why, 0))
            }
            Command::Leave { request, room, reason } => {
                let reason = reason.map(|reason| Rc::from(&*reason));
                self.leave(conn, request, room, reason, now).map_err(|why| (why, request))
            }
            Command::Say { room, id, echo, bytes, form } => {
                self.say(conn, room, id, echo, bytes, form, now).map_err(|why| (why, id))
            }
            Command::Members { request, room } => {
                self.members(conn, request, &room, now).map_err(|why| (why, request))
            }
            Command::History { request, room, select, limit } => {
                self.history(conn, request, &room, select, limit, now).map_err(|why| (why, request))
            }
            Command::Post { room, sender, key, once, bytes, form } => {
                let bytes = bytes.into_owned().into();
                let payload = Payload { bytes, form, ..Payload::default() };
                let (room, sender, once) = (&*room, &*sender, once.as_deref());
                let posted = Posted { room, sender, key, once };
                let reply = self.post(conn, posted, payload, now);
                reply.map(|reply| self.reply(conn, reply)).map_err(|why| (why, 0))
            }
            Command::Rooms { from, limit } => {
                self.rooms_from(conn, from, limit, now).map_err(|why| (why, 0))
            }
            Command::Describe { user, real_name } => {
                self.describe(conn, &user, &real_name, now);
                Ok(())
            }
            Command::Rename { name } => self.rename(conn, &name, now).map_err(|why| (why, 0)),
            Command::Speak { to, bytes, manner, echo } => {
                self.speak(conn, to, bytes, manner, echo, now).map_err(|why| (why, 0))
            }
            Command::Tell { request, name, bytes, is_notice } => {
                let told = self.tell(conn, request, &name, bytes, is_notice, now);
                told.map_err(|why| (why, request))
            }
            Command::Signal { to, tags, echo } => {
                self.signal(conn, to, tags, echo, now).map_err(|why| (why, 0))
            }
            Command::Topic { room, text } => {
                self.give_topic(conn, room, &text, now).map_err(|why| (why, 0))
            }
            Command::Change { room, changes } => {
                self.change(conn, room, changes, now).map_err(|why| (why, 0))
            }
            Command::Invite { room, whom } => {
                self.invite(conn, room, whom, now).map_err(|why| (why, 0))
            }
            Command::Expel { room, whom, reason } => {
                self.expel(conn, room, whom, &reason, now).map_err(|why| (why, 0))
            }
            Command::Away { message } => {
                self.away(conn, message.as_deref(), now).map_err(|why| (why, 0))
            }
            Command::RealName { text } => {
                self.rename_fully(conn, &text, now).map_err(|why| (why, 0))
            }
            Command::Flags(flags) => {
                self.people.flag(conn, flags);
                Ok(())
            }
            Command::Watch { name, on } => {
                self.watch(conn, &name, on);
                Ok(())
            }
            Command::Farewell { reason } => {
                if let Some(record) = self.people.record_mut(conn) {
                    record.farewell = Some((*reason).into());
                }
                Ok(())
            }
            Command::End { whom, reason } => self.end(conn, whom, &reason).map_err(|why| (why, 0)),
            Command::Call { text } => self.call(conn, &text).map_err(|why| (why, 0)),
        };
        if let Err((refusal, request)) = refused {
            self.reply(conn, Reply::Refused { refusal, request });
        }
    }

    /// Somebody is gone, for whatever reason. Nothing happens the second time.
    pub fn depart(&mut self, conn: ConnId, why: CloseReason, now: Now) {
        let Some(who) = self.people.who(conn) else { return };
        let record = self.people.record(conn);
        let words = record.and_then(|record| record.farewell.clone());
        let words = words.unwrap_or_else(|| why.text().into());
        let rooms: Vec<RoomId> = self.rooms_of(conn).collect();
        let mut told = Told::new(&rooms, &self.limits);
        for room in rooms {
            self.unseat(conn, room, None);
            let except = told.but_once(self.room(room), &self.people);
            let going = Going::Quit(Rc::clone(&words));
            self.announce(room, now, except, |count| Notice::Went(who.clone(), count, going));
            self.forget_if_over(room);
        }
        if !who.name.is_empty() {
            if who.seen.face.is_some() {
                self.people.remember(who.clone(), now.unix_ms / 1000);
            }
            self.tell_watchers(&who.name, None);
        }
        self.people.depart(conn);
    }

    /// A reminder's time has come.
    pub fn room_due(&mut self, id: RoomId, now: Now) {
        let tick = now.tick();
        let age = self.limits.history_age;
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        if room.counts_at.is_some_and(|at| at <= tick) {
            room.counts_at = None;
            let count = Notice::Count(room.count());
            self.events.push_back(Event::Notice(id, count, Vec::new()));
        }
        if room.ages_at.is_some_and(|at| at <= tick) {
            let before = room.recent.weight();
            room.recent.forget_before(oldest_worth_keeping(tick, age));
            self.kept -= before - room.recent.weight();
            room.ages_at =
                room.recent.oldest_said().map(|said| said.after(age).max(Tick(tick.0 + 1)));
            if let Some(at) = room.ages_at {
                self.events.push_back(Event::Remind(id, at));
            }
        }
        self.forget_if_over(id);
    }

    fn mint(&mut self) -> u64 {
        self.minted += 1;
        derive(self.secret, "minted", self.minted)
    }

    /// The room of that name, in any spelling of it.
    pub fn find(&self, name: &str) -> Option<RoomId> {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.room_ids.get(name.to_ascii_lowercase().as_str()).copied()
        } else {
            self.room_ids.get(name).copied()
        }
    }

    fn find_or_make(&mut self, name: &str) -> Result<RoomId, Refusal> {
        if let Some(id) = self.find(name) {
            return Ok(id);
        }
        if !name::is_room_name(name) {
            return Err(Refusal::BadRoom);
        }
        if self.rooms.len() >= self.limits.rooms {
            return Err(Refusal::RelayRoomsFull);
        }
        let epoch = Epoch(self.mint());
        self.rooms_made = self.rooms_made.wrapping_add(1);
        let slot = self.rooms.vacant_key();
        let id = RoomId::new(slot, self.rooms_made).ok_or(Refusal::RelayRoomsFull)?;
        let name: Rc<str> = name.into();
        self.room_ids.insert(name::folded(&name), id);
        self.rooms.insert(Room::new(id, name, epoch));
        Ok(id)
    }

    fn forget_if_over(&mut self, id: RoomId) {
        if let Some(room) = self.room(id).filter(|room| room.is_over()) {
            self.room_ids.remove(&name::folded(&room.name));
            self.rooms.remove(id.slot());
            self.events.push_back(Event::Gone(id));
        }
    }

    fn reply(&mut self, conn: ConnId, reply: Reply) {
        let request = self.request_of(conn);
        self.events.push_back(Event::Reply(conn, request, reply));
    }

    /// Checks that people, names, rooms and member lists agree. For tests: it visits everything.
    ///
    /// # Panics
    /// When they do not.
    #[doc(hidden)]
    pub fn assert_sound(&self) {
        let mut kept = 0;
        for (slot, room) in &self.rooms {
            assert_eq!(room.id.slot(), slot);
            assert!(!room.is_over(), "room {} should be forgotten", room.name);
            assert_eq!(self.find(&room.name), Some(room.id));
            assert!(room.recent.oldest().is_none_or(|oldest| oldest <= room.head));
            kept += room.recent.weight();
            for (index, member) in room.members.iter().enumerate() {
                let person = self.people.get(*member).expect("a member is somebody");
                assert!(person.rooms.contains(&Membership { room: room.id, index: index as u32 }));
            }
        }
        assert_eq!(kept, self.kept);
        assert!(self.kept <= self.limits.history_total);
        assert_eq!(self.room_ids.len(), self.rooms.len());
        let seats: usize = self.rooms.iter().map(|(_, room)| room.members.len()).sum();
        assert_eq!(seats, self.people.assert_sound());
    }
}

/// Below this, a message is too old at `tick`.
fn oldest_worth_keeping(tick: Tick, age: Duration) -> Tick {
    Tick(tick.0.saturating_sub(Tick(0).after(age).0.saturating_sub(1)))
}

fn room_mut(rooms: &mut Slab<Room>, id: RoomId) -> Option<&mut Room> {
    rooms.get_mut(id.slot()).filter(|room| room.id == id)
}

/// A number nobody can guess without the secret: SipHash over it, a purpose and what it is for.
/// Never 0.
fn derive(secret: u64, purpose: &str, of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (secret, purpose, of, secret.rotate_left(32)).hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests;
