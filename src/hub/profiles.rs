//! Profiles: the descriptions that persons give of themselves, and the notices of their changes.

use super::heard::Told;
use super::name;
use super::notice::Notice;
use super::person::{Census, Presence};
use super::reply::Reply;
use super::state::Hub;
use crate::id::{ConnId, RoomId};
use crate::now::Now;
use crate::payload::{Identity, Profile};
use crate::reason::Refusal;
use std::rc::Rc;

impl Hub {
    /// Returns the person's identity, as others see it.
    pub fn identity(&self, conn: ConnId) -> Option<Identity> {
        self.people.identity(conn)
    }

    /// Returns the person's presence, if the protocol has one.
    pub fn presence(&self, conn: ConnId) -> Option<&Presence> {
        self.people.presence(conn)
    }

    /// Returns the holder of a name, in any case.
    pub fn holder(&self, name: &str) -> Option<ConnId> {
        self.people.holder(&name.to_ascii_lowercase())
    }

    /// True if the person is a member of the room.
    pub fn is_member(&self, conn: ConnId, room: RoomId) -> bool {
        self.people.is_member(conn, room)
    }

    /// True if direct messages reach the person.
    pub fn is_hearer(&self, conn: ConnId) -> bool {
        self.people.is_hearer(conn)
    }

    /// True if the two persons share a room.
    pub fn are_neighbours(&self, one: ConnId, other: ConnId) -> bool {
        self.rooms_of(one).any(|room| self.people.is_member(other, room))
    }

    /// Counts the connected persons by kind.
    pub fn census(&self) -> Census {
        self.people.census()
    }

    /// Iterates over all persons with a name. Visits every slot.
    pub fn everybody(&self) -> impl Iterator<Item = ConnId> {
        self.people.named()
    }

    /// Iterates over the departed identities of that name, the latest first, with the time in
    /// seconds since 1970.
    pub fn departed(&self, name: &str) -> impl Iterator<Item = (&Identity, u64)> {
        self.people.departed(name)
    }

    pub(super) fn describe(&mut self, conn: ConnId, user: &str, real_name: &str, now: Now) {
        let is_bot = self.people.presence(conn).is_some_and(|presence| presence.flags.bot);
        let address = self.people.address(conn);
        let profile = Profile { user: user.into(), real_name: real_name.into(), is_bot, address };
        self.people.describe(conn, profile, now);
    }

    /// Sends a notice once to every person who shares a room with `conn`, and to the watchers of
    /// its name. `conn` does not receive it.
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
        // Watchers that share a room received the notice there.
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

    /// True if a notice to these rooms has to wait in one of them. Then each room receives a notice
    /// of its own, so that it follows the earlier events of that room.
    pub(super) fn is_late(&self, rooms: &[RoomId]) -> bool {
        self.history.pending() > 0 && rooms.iter().any(|room| self.pending_bytes(*room) > 0)
    }

    pub(super) fn rename(&mut self, conn: ConnId, name: &str, now: Now) -> Result<(), Refusal> {
        if !name::is_person_name(name) || name::guest_number(name).is_some() {
            return Err(Refusal::BadName);
        }
        let before = self.people.identity(conn).filter(|who| !who.name.is_empty());
        let before = before.ok_or(Refusal::NotMember)?;
        let name: Rc<str> = name.into();
        if *before.name == *name {
            return Ok(());
        }
        let folded = name::folded(&name);
        if self.people.holder(&folded).is_some_and(|holder| holder != conn) {
            return Err(Refusal::NameTaken);
        }
        self.charge_message(conn, now)?;
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
        let is_late = self.is_late(&rooms);
        let mut told = Told::new(&rooms, &self.limits);
        for room in rooms {
            let mut except = match is_late {
                true => Vec::new(),
                false => told.but_once(self.room(room), &self.people),
            };
            if !except.contains(&conn) {
                except.push(conn);
            }
            self.announce(room, now, except, renamed);
        }
        if is_new {
            self.tell_watchers(&name, self.people.identity(conn).as_ref());
        }
        Ok(())
    }

    pub(super) fn away(
        &mut self,
        conn: ConnId,
        message: Option<&str>,
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.charge_message(conn, now)?;
        let message: Option<Rc<str>> = message.map(Into::into);
        let Some(presence) = self.people.presence_mut(conn) else { return Ok(()) };
        let before = std::mem::replace(&mut presence.away, message.clone());
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
        self.charge_message(conn, now)?;
        let user = self.people.presence(conn).map(|presence| Rc::clone(&presence.profile.user));
        let Some(user) = user else { return Ok(()) };
        self.describe(conn, &user, text, now);
        let Some(who) = self.people.identity(conn) else { return Ok(()) };
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

    /// Notifies the watchers of a name that its holder connected or disconnected.
    pub(super) fn tell_watchers(&mut self, watched: &Rc<str>, who: Option<&Identity>) {
        for watcher in self.people.watchers(&name::folded(watched)).to_vec() {
            let name = Rc::clone(watched);
            self.reply(watcher, Reply::Watched { name, who: who.cloned() });
        }
    }
}
