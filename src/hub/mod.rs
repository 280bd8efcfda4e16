//! Rooms, members, names, presence, offsets: decides, and writes no bytes.

mod command;
mod event;
mod government;
pub mod mask;
mod name;
mod nick;
mod outside;
mod person;
mod rate;
mod reply;
mod rights;
mod room;
mod society;

pub use command::{Command, Flags, Target, Where};
pub use event::{Event, Going, Notice, Signal, Who};
pub use name::{guest_number, is_person_name, is_room_name};
pub use nick::{is_nick, name_of, nick_of};
pub use person::{Census, Past, Record};
pub use rate::Act;
pub use reply::{Page, Reply, RoomLine};
pub use rights::{Change, Entry, LIST_MAX, List, Rank, Ranks, Rights, Switch, Topic, What};
pub use room::Room;

use crate::history::{Question, Recent, SaidId, Select};
use crate::id::{ConnId, Epoch, Offset, Resume, RoomId};
use crate::limits::{Limits, QUESTION_COST};
use crate::now::{Now, Tick};
use crate::payload::{Form, Message, Payload, Seen};
use crate::reason::{CloseReason, Refusal};
use core::net::IpAddr;
use outside::Posted;
use person::{Membership, People};
use slab::Slab;
use society::Told;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

/// How often at most a big room's new count is announced.
const COUNT_EVERY: Duration = Duration::from_secs(1);

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

    /// Somebody asks for something.
    pub fn handle_command(&mut self, conn: ConnId, command: Command<'_>, now: Now) {
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

    /// The program around the relay says something, as `sender`, to a room that need not exist yet.
    ///
    /// # Errors
    /// Why it was not said.
    pub fn say_from_host(
        &mut self,
        room: &str,
        sender: &str,
        bytes: &[u8],
        now: Now,
    ) -> Result<Offset, Refusal> {
        // The wire has no space for longer names, and nobody expects a space in one.
        if !name::is_person_name(sender) {
            return Err(Refusal::BadName);
        }
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        let room = self.find_or_make(room)?;
        let payload = Payload { bytes: bytes.into(), ..Payload::default() };
        let who = Who { name: sender.into(), seen: Seen::default() };
        let offset = self.publish(room, who, payload, None, None, now);
        self.forget_if_over(room);
        Ok(offset)
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

    fn hello(&mut self, conn: ConnId, name: &str, key: u64, now: Now) -> Result<(), Refusal> {
        // A guest's name is good only with the key it was given with; else it is as if none was
        // asked for, so that a client that comes back after a restart is not turned away.
        let returning = name::guest_number(name).filter(|number| self.guest_key(*number) == key);
        let (name, key) = match returning {
            Some(_) => (Rc::from(name), key),
            None if name.is_empty() || name::guest_number(name).is_some() => self.new_guest(),
            None if !name::is_person_name(name) => return Err(Refusal::BadName),
            None => (Rc::from(name), if key == 0 { self.mint() } else { key }),
        };
        let folded = name::folded(&name);
        if let Some(holder) = self.people.holder(&folded).filter(|holder| *holder != conn) {
            if self.people.get(holder).is_none_or(|person| person.key != key) {
                return Err(Refusal::NameTaken);
            }
            // Gone for the hub at once, so that its going is told before the newcomer's coming.
            self.events.push_back(Event::Close(holder, CloseReason::Replaced));
            self.depart(holder, CloseReason::Replaced, now);
        }
        self.people.name(conn, &name, folded, key);
        let news = Rc::clone(&name);
        self.reply(conn, Reply::Welcome { id: conn, name, key });
        self.tell_watchers(&news, self.people.who(conn).as_ref());
        Ok(())
    }

    /// Nobody can hold the name yet: it cannot be chosen, and no number is given twice.
    fn new_guest(&mut self) -> (Rc<str>, u64) {
        self.people.guests += 1;
        let number = self.people.guests;
        (format!("guest{number}").into(), self.guest_key(number))
    }

    /// A guest's key follows from its number, so it is known again without being remembered.
    fn guest_key(&self, number: u64) -> u64 {
        derive(self.secret, "guest", number)
    }

    fn mint(&mut self) -> u64 {
        self.minted += 1;
        derive(self.secret, "minted", self.minted)
    }

    fn join(
        &mut self,
        conn: ConnId,
        request: u64,
        name: &str,
        key: Option<&str>,
        start: Start,
        now: Now,
    ) -> Result<(), Refusal> {
        let person = self.people.get_mut(conn).ok_or(Refusal::NotMember)?;
        if !person.may_enter(now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        let joined = person.rooms.len();
        let known = self.find(name);
        let again = known.is_some_and(|room| self.people.is_member(conn, room));
        if !again && joined >= self.limits.rooms_per_peer {
            return Err(Refusal::TooManyRooms);
        }
        let id = match known {
            Some(id) => id,
            None => self.find_or_make(name)?,
        };
        if !again {
            self.may_enter(conn, id, key)?;
        }
        if again {
            let head = self.room(id).map_or(0, |room| room.head);
            self.events.push_back(Event::Unseat { conn, room: id, request: None, head });
        } else {
            self.enter(conn, id, now);
        }
        let Some(room) = self.room(id) else { return Err(Refusal::BadRoom) };
        let (recovered, from) = match start {
            Start::Now => (false, None),
            Start::After(resume) => {
                let from = room.recoverable(resume);
                (from.is_some(), from)
            }
            Start::Kept(resume) => {
                let from = room.recoverable(resume);
                (from.is_some(), from.or(Some(room.oldest())))
            }
        };
        let reply = Reply::Joined {
            request,
            room: id,
            name: Rc::clone(&room.name),
            recovered,
            epoch: room.epoch,
            head: room.head,
            oldest: room.oldest(),
            members: room.count(),
        };
        let from = from.filter(|first| *first <= room.head);
        self.reply(conn, reply);
        self.events.push_back(Event::Seat { conn, room: id, from });
        Ok(())
    }

    /// Makes `conn` a member. The others are told first, so the newcomer does not hear of itself.
    fn enter(&mut self, conn: ConnId, id: RoomId, now: Now) {
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        let Some(person) = self.people.get_mut(conn) else { return };
        person.rooms.push(Membership { room: id, index: room.members.len() as u32 });
        if room.members.is_empty() {
            let is_common = self.commons.contains(&name::folded(&room.name));
            let since = now.unix_ms / 1000;
            *room.rights =
                if is_common { Rights::common(since) } else { Rights::founded(conn, since) };
            if !is_common && self.people.record(conn).is_some() {
                room.rights.close();
            }
        }
        room.rights.entered(conn);
        room.members.push(conn);
        let Some(who) = self.people.who(conn) else { return };
        let away = self.people.record(conn).and_then(|record| record.away.clone());
        let absent = away.map(|words| Notice::Away(who.clone(), Some(words)));
        self.announce(id, now, Vec::new(), |count| Notice::Came(who, count));
        if let Some(absent) = absent {
            self.announce(id, now, Vec::new(), |_| absent);
        }
    }

    fn leave(
        &mut self,
        conn: ConnId,
        request: u64,
        id: RoomId,
        reason: Option<Rc<str>>,
        now: Now,
    ) -> Result<(), Refusal> {
        let person = self.people.get_mut(conn).ok_or(Refusal::NotMember)?;
        if !person.is_member(id) {
            return Err(Refusal::NotMember);
        }
        // Held to no rate: who wants to go, goes, and can go no more often than come.
        let Some(who) = self.people.who(conn) else { return Ok(()) };
        self.unseat(conn, id, Some(request));
        self.announce(id, now, Vec::new(), |count| Notice::Went(who, count, Going::Left(reason)));
        self.forget_if_over(id);
        Ok(())
    }

    /// Takes `conn` out of the room. Who is to hear of it is the caller's business, and whether the
    /// room is over.
    fn unseat(&mut self, conn: ConnId, id: RoomId, request: Option<u64>) {
        let Some(person) = self.people.get_mut(conn) else { return };
        let Some(index) = person.forget_room(id) else { return };
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        self.events.push_back(Event::Unseat { conn, room: id, request, head: room.head });
        room.members.swap_remove(index);
        if let Some(moved) = room.members.get(index).copied() {
            self.people.move_member(moved, id, index);
        }
        room.rights.left(conn);
        // Rights end with the last member. What was said behind a door that is no more is not for
        // whoever comes next.
        if room.members.is_empty() && !room.rights.is_open() {
            self.kept -= room.recent.weight();
            room.recent = Recent::default();
        }
    }

    /// Tells the room that its members changed: by name, or in a big room by count, now and then.
    fn announce(
        &mut self,
        id: RoomId,
        now: Now,
        except: Vec<ConnId>,
        by_name: impl FnOnce(u32) -> Notice,
    ) {
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        if room.members.len() <= self.limits.presence_members {
            self.events.push_back(Event::Notice(id, by_name(room.count()), except));
        } else if room.counts_at.is_none() {
            let at = now.tick().after(COUNT_EVERY);
            room.counts_at = Some(at);
            self.events.push_back(Event::Remind(id, at));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one command")]
    fn say(
        &mut self,
        conn: ConnId,
        id: RoomId,
        said: u64,
        echo: bool,
        bytes: Cow<'_, [u8]>,
        form: Form,
        now: Now,
    ) -> Result<(), Refusal> {
        let person = self.people.get_mut(conn).ok_or(Refusal::NotMember)?;
        if !person.is_member(id) {
            return Err(Refusal::NotMember);
        }
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        if !person.may_act(now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        let said_id = (said != 0).then_some((person.key, said));
        self.may_say(conn, id)?;
        let who = self.people.who(conn).ok_or(Refusal::NotMember)?;
        let seen = said_id.and_then(|said_id| self.room(id)?.recent.find(said_id));
        let offset = match seen {
            Some(first) => first,
            None => {
                let bytes = bytes.into_owned().into();
                let payload = Payload { bytes, form, ..Payload::default() };
                self.publish(id, who, payload, said_id, (!echo).then_some(conn), now)
            }
        };
        if said != 0 {
            self.reply(conn, Reply::Ack { room: id, id: said, offset });
        }
        Ok(())
    }

    fn publish(
        &mut self,
        id: RoomId,
        who: Who,
        payload: Payload,
        said_id: Option<SaidId>,
        skip: Option<ConnId>,
        now: Now,
    ) -> Offset {
        let Some(room) = room_mut(&mut self.rooms, id) else { return 0 };
        room.head += 1;
        let offset = room.head;
        let Who { name: sender, seen } = who;
        let message = Rc::new(Message { offset, unix_ms: now.unix_ms, sender, seen, payload });
        let before = room.recent.weight();
        room.recent.keep(Rc::clone(&message), said_id, now.tick(), &self.limits);
        self.kept = self.kept - before + room.recent.weight();
        while self.kept > self.limits.history_total && !room.recent.is_empty() {
            let before = room.recent.weight();
            room.recent.forget_oldest();
            self.kept -= before - room.recent.weight();
        }
        if room.ages_at.is_none() && !room.recent.is_empty() {
            let at = now.tick().after(self.limits.history_age);
            room.ages_at = Some(at);
            self.events.push_back(Event::Remind(id, at));
        }
        self.events.push_back(Event::Deliver { room: id, message, skip });
        offset
    }

    fn members(
        &mut self,
        conn: ConnId,
        request: u64,
        whence: &Where<'_>,
        now: Now,
    ) -> Result<(), Refusal> {
        let id = self.look_into(conn, whence)?;
        self.asking(conn, now)?;
        let room = self.room(id).ok_or(Refusal::NotMember)?;
        let names: Vec<_> = if room.members.len() <= self.limits.presence_members {
            let people = room.members.iter().filter_map(|member| self.people.get(*member));
            people.map(|person| Rc::clone(&person.name)).collect()
        } else {
            Vec::new()
        };
        let cost = QUESTION_COST + names.iter().map(|name| name.len()).sum::<usize>();
        let reply = Reply::Members { request, room: id, count: room.count(), names };
        self.charge(conn, cost, now);
        self.reply(conn, reply);
        Ok(())
    }

    fn history(
        &mut self,
        conn: ConnId,
        request: u64,
        whence: &Where<'_>,
        select: Select,
        limit: usize,
        now: Now,
    ) -> Result<(), Refusal> {
        let id = self.look_into(conn, whence)?;
        self.asking(conn, now)?;
        let room = self.room(id).ok_or(Refusal::NotMember)?;
        let question = Question { select, limit, bytes: self.limits.history_page() };
        let messages: Vec<_> = room.recent.page(question).map(Rc::clone).collect();
        let cost = QUESTION_COST + messages.iter().map(|message| message.weight()).sum::<usize>();
        let (epoch, head, oldest) = (room.epoch, room.head, room.oldest());
        let reply =
            Reply::History { request, room: room.id, page: Page { epoch, head, oldest, messages } };
        self.charge(conn, cost, now);
        self.reply(conn, reply);
        Ok(())
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
        self.events.push_back(Event::Reply(conn, reply));
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

/// Where a member begins to read.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// With what is said next.
    Now,
    /// Behind this place, if that can be done without a hole; else with what is said next.
    After(Resume),
    /// The same, or else with the oldest message that is kept.
    Kept(Resume),
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
