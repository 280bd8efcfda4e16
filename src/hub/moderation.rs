//! Moderation: checks of rights, and the commands of room and relay operators.

use super::event::Event;
use super::notice::{Departure, Notice};
use super::rate::Act;
use super::reply::Reply;
use super::rights::{Change, Rank, Switch, Topic, Unchanged, What};
use super::room::Room;
use super::state::{Hub, room_mut};
use crate::id::{ConnId, RequestId, RoomId};
use crate::now::Now;
use crate::payload::Identity;
use crate::reason::{CloseReason, Refusal};
use std::rc::Rc;

impl Hub {
    /// Checks that the person may enter a room.
    pub(super) fn may_enter(
        &self,
        conn: ConnId,
        id: RoomId,
        key: Option<&str>,
    ) -> Result<(), Refusal> {
        let Some(room) = self.room(id).filter(|room| !room.members.is_empty()) else {
            return Ok(());
        };
        let rights = &*room.rights;
        let Some(who) = self.people.identity(conn) else { return Err(Refusal::NotMember) };
        if self.is_relay_operator(conn) {
            return Ok(());
        }
        // An operator's invitation overrides all other conditions.
        if rights.was_invited(conn) {
            return Ok(());
        }
        if rights.bans(&who) {
            return Err(Refusal::Banned);
        }
        let is_closed = rights.is_on(Switch::InviteOnly) && !planted!("door-stands-open");
        if is_closed && !rights.invites(conn, &who) {
            return Err(Refusal::InviteOnly);
        }
        if rights.key.as_deref().is_some_and(|wanted| key != Some(wanted)) {
            return Err(Refusal::BadKey);
        }
        if rights.limit.is_some_and(|limit| room.count() >= limit) {
            return Err(Refusal::RoomFull);
        }
        Ok(())
    }

    /// Checks that the person may publish in a room, as a member or not.
    ///
    /// # Errors
    /// The reason why the person may not publish.
    pub fn may_say(&self, conn: ConnId, id: RoomId) -> Result<(), Refusal> {
        let room = self.room(id).ok_or(Refusal::NotMember)?;
        let rights = &*room.rights;
        let is_member = self.people.is_member(conn, id);
        if !is_member && rights.is_on(Switch::MembersOnly) {
            return Err(Refusal::CannotSay);
        }
        // Nearly every room: nobody needs a rank there, so none is looked up.
        if !rights.is_on(Switch::Moderated) && !rights.has_bans() {
            return Ok(());
        }
        let ranks = rights.ranks(conn);
        if ranks.has(Rank::Operator) || ranks.has(Rank::Voice) || self.is_relay_operator(conn) {
            return Ok(());
        }
        let is_banned = || self.people.identity(conn).is_none_or(|who| rights.bans(&who));
        if (rights.is_on(Switch::Moderated) || is_banned()) && !planted!("banned-may-speak") {
            return Err(Refusal::CannotSay);
        }
        Ok(())
    }

    fn is_relay_operator(&self, conn: ConnId) -> bool {
        self.people.presence(conn).is_some_and(|presence| presence.flags.operator)
    }

    /// True if the person may change the room's rights.
    pub fn is_operator(&self, conn: ConnId, id: RoomId) -> bool {
        let room = self.room(id);
        room.is_some_and(|room| room.rights.is_operator(conn)) || self.is_relay_operator(conn)
    }

    /// Returns the identity of the requesting member or relay operator, and charges a message.
    /// Fails if the person is neither, or is rate-limited.
    fn acting(&mut self, conn: ConnId, id: RoomId, now: Now) -> Result<Identity, Refusal> {
        let is_member = self.people.is_member(conn, id) || self.is_relay_operator(conn);
        let person = self.people.get_mut(conn).filter(|_| is_member);
        let person = person.ok_or(Refusal::NotMember)?;
        if !person.take_allowance(Act::Say, now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        self.people.identity(conn).ok_or(Refusal::NotMember)
    }

    /// Sends a notice to all members of a room, and a private copy to the member who caused it.
    fn proclaim(&mut self, conn: ConnId, id: RoomId, notice: Notice, now: Now) {
        self.reply(conn, Reply::Notice(id, notice.clone()));
        self.notify(id, notice, vec![conn], now);
    }

    pub(super) fn give_topic(
        &mut self,
        conn: ConnId,
        id: RoomId,
        text: &str,
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.acting(conn, id, now)?;
        let is_operator = self.is_operator(conn, id);
        let room = room_mut(&mut self.rooms, id).ok_or(Refusal::NotMember)?;
        if room.rights.is_on(Switch::TopicLocked) && !is_operator {
            return Err(Refusal::NotOperator);
        }
        let text: Rc<str> = text.into();
        let topic = Topic { text: Rc::clone(&text), by: who.clone(), at: now.unix_ms / 1000 };
        room.rights.topic = (!text.is_empty()).then_some(topic);
        self.proclaim(conn, id, Notice::Topic(who, text), now);
        Ok(())
    }

    pub(super) fn change(
        &mut self,
        conn: ConnId,
        id: RoomId,
        changes: Vec<Change>,
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.acting(conn, id, now)?;
        if !self.is_operator(conn, id) {
            return Err(Refusal::NotOperator);
        }
        let mut made = Vec::new();
        let mut refused = None;
        for change in changes {
            if let What::Rank(_, member, _) = &change.what
                && !self.people.is_member(*member, id)
            {
                continue;
            }
            let room = room_mut(&mut self.rooms, id).ok_or(Refusal::NotMember)?;
            match room.rights.apply(&change, &who, now.unix_ms / 1000) {
                Ok(()) => made.push(change),
                Err(Unchanged::Already) => {}
                Err(Unchanged::Full) => refused = Some(Refusal::ListFull),
            }
        }
        if !made.is_empty() {
            self.proclaim(conn, id, Notice::Changed(who, made.into()), now);
        }
        refused.map_or(Ok(()), Err)
    }

    pub(super) fn invite(
        &mut self,
        conn: ConnId,
        id: RoomId,
        whom: ConnId,
        now: Now,
    ) -> Result<(), Refusal> {
        let by = self.acting(conn, id, now)?;
        let is_operator = self.is_operator(conn, id);
        let guest = self.people.identity(whom).filter(|who| !who.name.is_empty());
        let guest = guest.ok_or(Refusal::NoSuchPerson)?;
        let room = room_mut(&mut self.rooms, id).ok_or(Refusal::NotMember)?;
        if room.rights.is_on(Switch::InviteOnly) && !is_operator {
            return Err(Refusal::NotOperator);
        }
        // Any member may send an invitation; only an operator's invitation grants entry.
        if is_operator {
            room.rights.invite(whom);
        }
        let name = Rc::clone(&room.name);
        self.reply(whom, Reply::Invited { by: by.clone(), room: name, unix_ms: now.unix_ms });
        self.proclaim(conn, id, Notice::Invited(by, guest.name), now);
        Ok(())
    }

    pub(super) fn kick(
        &mut self,
        conn: ConnId,
        id: RoomId,
        whom: ConnId,
        reason: &str,
        now: Now,
    ) -> Result<(), Refusal> {
        let by = self.acting(conn, id, now)?;
        if !self.is_operator(conn, id) {
            return Err(Refusal::NotOperator);
        }
        if !self.people.is_member(whom, id) {
            return Err(Refusal::NoSuchPerson);
        }
        let Some(who) = self.people.identity(whom) else { return Err(Refusal::NoSuchPerson) };
        let name = self.room(id).map(|room| Rc::clone(&room.name)).unwrap_or_default();
        let reason: Rc<str> = reason.into();
        let told = Reply::Kicked { by: by.clone(), room: id, name, reason: Rc::clone(&reason) };
        self.reply(whom, told);
        if !planted!("kicked-hears-on") {
            self.unseat(whom, id, Some(RequestId::NONE));
        }
        let count = self.room(id).map_or(0, Room::count);
        let notice = Notice::Went(who, count, Departure::Kicked(by, reason));
        if whom == conn {
            self.notify(id, notice, Vec::new(), now);
        } else {
            self.proclaim(conn, id, notice, now);
        }
        if planted!("kicked-hears-on") {
            self.unseat(whom, id, Some(RequestId::NONE));
        }
        self.forget_if_over(id);
        Ok(())
    }

    pub(super) fn disconnect(
        &mut self,
        conn: ConnId,
        whom: ConnId,
        reason: &str,
    ) -> Result<(), Refusal> {
        let flags = self.people.presence(conn).map(|presence| presence.flags).unwrap_or_default();
        if !flags.operator {
            return Err(Refusal::NotOperator);
        }
        let by = self.people.identity(conn).ok_or(Refusal::NotMember)?;
        if self.people.get(whom).is_none() {
            return Err(Refusal::NoSuchPerson);
        }
        let reason: Rc<str> = reason.into();
        if let Some(presence) = self.people.presence_mut(whom) {
            let departure = Departure::Disconnected(by.clone(), Rc::clone(&reason));
            presence.departure = Some(Box::new(departure));
        }
        self.reply(whom, Reply::Disconnected { by, reason });
        self.events.push_back(Event::Close(whom, CloseReason::Stopped));
        Ok(())
    }

    pub(super) fn call(&mut self, conn: ConnId, text: &str) -> Result<(), Refusal> {
        let flags = self.people.presence(conn).map(|presence| presence.flags).unwrap_or_default();
        if !flags.operator {
            return Err(Refusal::NotOperator);
        }
        let by = self.people.identity(conn).ok_or(Refusal::NotMember)?;
        let text: Rc<str> = text.into();
        let hearers: Vec<ConnId> = self.people.with_presence().collect();
        for hearer in hearers {
            let flags = self.people.presence(hearer).map(|presence| presence.flags);
            if flags.is_some_and(|flags| flags.operator || flags.listens) {
                let (by, text) = (by.clone(), Rc::clone(&text));
                self.reply(hearer, Reply::Call { by, text });
            }
        }
        Ok(())
    }
}
