//! What people say about themselves and to each other, outside of rooms.

use super::command::Target;
use super::event::Event;
use super::heard::Told;
use super::name;
use super::notice::{Notice, Signal};
use super::person::{Census, Past, Record};
use super::reply::Reply;
use super::state::Hub;
use super::who::Who;
use crate::id::{ConnId, RoomId};
use crate::now::Now;
use crate::payload::{Face, Manner, Message, Payload};
use crate::reason::{CloseReason, Refusal};
use std::borrow::Cow;
use std::rc::Rc;

impl Hub {
    /// Somebody, as others see them.
    pub fn who(&self, conn: ConnId) -> Option<Who> {
        self.people.who(conn)
    }

    /// What is known of somebody whose protocol has words for it.
    pub fn record(&self, conn: ConnId) -> Option<&Record> {
        self.people.record(conn)
    }

    /// Who has that name, in any case.
    pub fn holder(&self, name: &str) -> Option<ConnId> {
        self.people.holder(&name.to_ascii_lowercase())
    }

    /// Whether somebody is in a room.
    pub fn is_member(&self, conn: ConnId, room: RoomId) -> bool {
        self.people.is_member(conn, room)
    }

    /// Whether what is said to somebody alone reaches them.
    pub fn is_hearer(&self, conn: ConnId) -> bool {
        self.people.is_hearer(conn)
    }

    /// Whether two share a room.
    pub fn are_neighbours(&self, one: ConnId, other: ConnId) -> bool {
        self.rooms_of(one).any(|room| self.people.is_member(other, room))
    }

    /// How many are here.
    pub fn census(&self) -> Census {
        self.people.census()
    }

    /// Everybody with a name. Visits all.
    pub fn everybody(&self) -> impl Iterator<Item = ConnId> {
        self.people.named()
    }

    /// Those of that name who were here, the latest first.
    pub fn past(&self, name: &str) -> impl Iterator<Item = &Past> {
        self.people.past(name)
    }

    pub(super) fn describe(&mut self, conn: ConnId, user: &str, real_name: &str, now: Now) {
        let is_bot = self.people.record(conn).is_some_and(|record| record.flags.bot);
        let address = self.people.address(conn);
        let face = Face { user: user.into(), real_name: real_name.into(), is_bot, address };
        self.people.describe(conn, face, now);
    }

    fn may_act(&mut self, conn: ConnId, now: Now) -> Result<Who, Refusal> {
        let person = self.people.get_mut(conn).filter(|person| !person.name.is_empty());
        let person = person.ok_or(Refusal::NotMember)?;
        if !person.may_act(now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        self.people.who(conn).ok_or(Refusal::NotMember)
    }

    /// Tells everybody who shares a room with somebody, once; not that one.
    fn tell_neighbours(&mut self, conn: ConnId, now: Now, notice: impl Fn(u32) -> Notice) {
        let rooms: Vec<RoomId> = self.rooms_of(conn).collect();
        let mut told = Told::new(&rooms, &self.limits);
        for room in rooms {
            if self.room(room).is_none_or(|r| r.members.len() > self.limits.presence_members) {
                continue;
            }
            let mut except = told.but_once(self.room(room), &self.people);
            if !except.contains(&conn) {
                except.push(conn);
            }
            self.announce(room, now, except, &notice);
        }
        // Whoever watches and shares a room has heard it there.
        let Some(name) = self.people.get(conn).map(|person| Rc::clone(&person.name)) else {
            return;
        };
        let watchers = self.people.watchers(&name::folded(&name)).to_vec();
        for watcher in watchers {
            if !self.are_neighbours(watcher, conn) {
                self.reply(watcher, Reply::News(notice(0)));
            }
        }
    }

    pub(super) fn rename(&mut self, conn: ConnId, name: &str, now: Now) -> Result<(), Refusal> {
        if !name::is_person_name(name) || name::guest_number(name).is_some() {
            return Err(Refusal::BadName);
        }
        let before = self.people.who(conn).filter(|who| !who.name.is_empty());
        let before = before.ok_or(Refusal::NotMember)?;
        let name: Rc<str> = name.into();
        if *before.name == *name {
            return Ok(());
        }
        let folded = name::folded(&name);
        if self.people.holder(&folded).is_some_and(|holder| holder != conn) {
            return Err(Refusal::NameTaken);
        }
        self.may_act(conn, now)?;
        let key = self.people.get(conn).map_or(0, |person| person.key);
        let is_new = name::folded(&before.name) != folded;
        if is_new {
            self.people.remember(before.clone(), now.unix_ms / 1000);
            self.tell_watchers(&before.name, None);
        }
        self.people.name(conn, &name, folded, key);
        let renamed = |count| Notice::Renamed(before.clone(), Rc::clone(&name), count);
        self.reply(conn, Reply::News(renamed(0)));
        let rooms: Vec<RoomId> = self.rooms_of(conn).collect();
        let mut told = Told::new(&rooms, &self.limits);
        for room in rooms {
            let mut except = told.but_once(self.room(room), &self.people);
            if !except.contains(&conn) {
                except.push(conn);
            }
            self.announce(room, now, except, renamed);
        }
        if is_new {
            self.tell_watchers(&name, self.people.who(conn).as_ref());
        }
        Ok(())
    }

    pub(super) fn away(
        &mut self,
        conn: ConnId,
        message: Option<&str>,
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.may_act(conn, now)?;
        let message: Option<Rc<str>> = message.map(Into::into);
        let Some(record) = self.people.record_mut(conn) else { return Ok(()) };
        let before = std::mem::replace(&mut record.away, message.clone());
        let is_news = before != message;
        let notice = Notice::Away(who, message);
        self.reply(conn, Reply::News(notice.clone()));
        if is_news {
            self.tell_neighbours(conn, now, |_| notice.clone());
        }
        Ok(())
    }

    pub(super) fn rename_fully(
        &mut self,
        conn: ConnId,
        text: &str,
        now: Now,
    ) -> Result<(), Refusal> {
        self.may_act(conn, now)?;
        let user = self.people.record(conn).map(|record| Rc::clone(&record.face.user));
        let Some(user) = user else { return Ok(()) };
        self.describe(conn, &user, text, now);
        let Some(who) = self.people.who(conn) else { return Ok(()) };
        self.reply(conn, Reply::News(Notice::RealName(who.clone())));
        self.tell_neighbours(conn, now, |_| Notice::RealName(who.clone()));
        Ok(())
    }

    pub(super) fn watch(&mut self, conn: ConnId, watched: &str, on: bool) {
        let folded = name::folded(&watched.into());
        if on {
            self.people.watch(folded, conn);
        } else {
            self.people.unwatch(&folded, conn);
        }
    }

    /// A name came or went.
    pub(super) fn tell_watchers(&mut self, watched: &Rc<str>, who: Option<&Who>) {
        for watcher in self.people.watchers(&name::folded(watched)).to_vec() {
            let name = Rc::clone(watched);
            self.reply(watcher, Reply::Watched { name, who: who.cloned() });
        }
    }

    pub(super) fn speak(
        &mut self,
        conn: ConnId,
        to: Target,
        bytes: Cow<'_, [u8]>,
        manner: Manner,
        echo: bool,
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.may_act(conn, now)?;
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        if let Some(record) = self.people.record_mut(conn) {
            record.spoke = now.unix_ms / 1000;
        }
        let bytes = bytes.into_owned().into();
        let payload = Payload { bytes, manner, ..Payload::default() };
        match to {
            Target::Room(room) => {
                self.may_say(conn, room)?;
                let skip = self.people.is_member(conn, room).then_some(conn);
                self.publish(room, who, payload, None, skip, now);
                let said = match self.events.back() {
                    Some(Event::Deliver { message, .. }) if echo => Some(Rc::clone(message)),
                    _ => None,
                };
                if let Some(message) = said {
                    self.reply(conn, Reply::Said { room, message });
                }
            }
            Target::Person(other) => {
                let (to, message) = self.whisper(who, other, payload, now)?;
                if echo {
                    let (to, message) = (Rc::clone(&to), Rc::clone(&message));
                    self.reply(conn, Reply::Whisper { to, message, is_echo: true });
                }
                self.reply(other, Reply::Whisper { to, message, is_echo: false });
            }
        }
        Ok(())
    }

    pub(super) fn tell(
        &mut self,
        conn: ConnId,
        request: u64,
        name: &str,
        bytes: Cow<'_, [u8]>,
        is_notice: bool,
        now: Now,
    ) -> Result<(), Refusal> {
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        let who = self.may_act(conn, now)?;
        let other = self.holder(name).ok_or(Refusal::NoSuchPerson)?;
        let manner = Manner { is_notice, ..Manner::default() };
        let payload = Payload { bytes: bytes.into_owned().into(), manner, ..Payload::default() };
        let (to, message) = self.whisper(who, other, payload, now)?;
        let unix_ms = message.unix_ms;
        self.reply(other, Reply::Whisper { to, message, is_echo: false });
        // No program is to answer a notice, and so neither does anybody's absence.
        let away = self.people.record(other).filter(|_| !is_notice);
        let away = away.and_then(|record| record.away.clone());
        self.reply(conn, Reply::Passed { request, unix_ms, away });
        Ok(())
    }

    /// What one says to another alone, and the other's name.
    fn whisper(
        &mut self,
        who: Who,
        other: ConnId,
        payload: Payload,
        now: Now,
    ) -> Result<(Rc<str>, Rc<Message>), Refusal> {
        let to = self.hearer(other)?;
        let Who { name: sender, seen } = who;
        let (offset, unix_ms) = (self.mint(), now.unix_ms);
        Ok((to, Rc::new(Message { offset, unix_ms, sender, seen, payload })))
    }

    /// The name of somebody who can be told something privately.
    fn hearer(&self, conn: ConnId) -> Result<Rc<str>, Refusal> {
        let person = self.people.get(conn).filter(|person| !person.name.is_empty());
        let person = person.ok_or(Refusal::NoSuchPerson)?;
        if self.people.is_hearer(conn) || planted!("told-to-who-does-not-look") {
            Ok(Rc::clone(&person.name))
        } else {
            Err(Refusal::CannotHear)
        }
    }

    pub(super) fn signal(
        &mut self,
        conn: ConnId,
        to: Target,
        tags: Rc<str>,
        echo: bool,
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.may_act(conn, now)?;
        match to {
            Target::Room(room) => {
                self.may_say(conn, room)?;
                let notice = Notice::Signal(Signal { who, tags, id: self.mint() });
                if echo {
                    self.reply(conn, Reply::Notice(room, notice.clone()));
                }
                self.events.push_back(Event::Notice(room, notice, vec![conn]));
            }
            Target::Person(other) => {
                let to = self.hearer(other)?;
                let signal = Signal { who, tags, id: self.mint() };
                if echo {
                    let (to, signal) = (Rc::clone(&to), signal.clone());
                    self.reply(conn, Reply::Signal { to, signal, is_echo: true });
                }
                self.reply(other, Reply::Signal { to, signal, is_echo: false });
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, conn: ConnId, whom: ConnId, reason: &str) -> Result<(), Refusal> {
        let flags = self.people.record(conn).map(|record| record.flags).unwrap_or_default();
        if !flags.operator {
            return Err(Refusal::NotOperator);
        }
        let by = self.people.who(conn).ok_or(Refusal::NotMember)?;
        if self.people.get(whom).is_none() {
            return Err(Refusal::NoSuchPerson);
        }
        if let Some(record) = self.people.record_mut(whom) {
            record.farewell = Some(format!("Killed ({} ({reason}))", by.name).into());
        }
        self.reply(whom, Reply::Ended { by, reason: reason.into() });
        self.events.push_back(Event::Close(whom, CloseReason::Stopped));
        Ok(())
    }

    pub(super) fn call(&mut self, conn: ConnId, text: &str) -> Result<(), Refusal> {
        let flags = self.people.record(conn).map(|record| record.flags).unwrap_or_default();
        if !flags.operator {
            return Err(Refusal::NotOperator);
        }
        let by = self.people.who(conn).ok_or(Refusal::NotMember)?;
        let text: Rc<str> = text.into();
        let hearers: Vec<ConnId> = self.people.recorded().collect();
        for hearer in hearers {
            let flags = self.people.record(hearer).map(|record| record.flags);
            if flags.is_some_and(|flags| flags.operator || flags.listens) {
                let (by, text) = (by.clone(), Rc::clone(&text));
                self.reply(hearer, Reply::Call { by, text });
            }
        }
        Ok(())
    }
}
