//! Publishing: a message to a room is given its offset, kept for a while, and delivered.

use super::command::{Sender, Where};
use super::event::Event;
use super::name;
use super::publish_api::Posted;
use super::rate::Act;
use super::reply::Reply;
use super::state::{Hub, room_mut};
use crate::history::SaidId;
use crate::id::{ConnId, Offset, RoomId};
use crate::now::Now;
use crate::payload::Identity;
use crate::payload::{Form, Manner, Message, Payload};
use crate::reason::Refusal;
use std::borrow::Cow;
use std::rc::Rc;

impl Hub {
    /// Publishes to a room, in the way of its sender.
    pub(super) fn publish(
        &mut self,
        conn: ConnId,
        room: &Where<'_>,
        sender: &Sender<'_>,
        (bytes, form, manner): (Cow<'_, [u8]>, Form, Manner),
        now: Now,
    ) -> Result<(), Refusal> {
        match sender {
            &Sender::Member { id, echo } => {
                self.publish_as_member(conn, room, (id, echo), (bytes, form, manner), now)
            }
            &Sender::Person { echo } => {
                self.publish_as_person(conn, room, echo, (bytes, form, manner), now)
            }
            Sender::Outside { name, key, once } => {
                let payload = Payload { bytes: bytes.into_owned().into(), form, manner };
                let posted = Posted { room, sender: name, key: *key, once: once.as_deref() };
                let reply = self.publish_from_outside(conn, posted, payload, now)?;
                self.reply(conn, reply);
                Ok(())
            }
        }
    }

    /// Publishes for the program around the relay, as `sender`, to a room that need not exist yet.
    ///
    /// # Errors
    /// Why nothing was published.
    pub fn publish_from_host(
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
        let who = Identity::named(sender);
        let offset = self.commit(room, who, payload, None, None, now);
        self.forget_if_over(room);
        Ok(offset)
    }

    fn publish_as_member(
        &mut self,
        conn: ConnId,
        room: &Where<'_>,
        (said, echo): (u64, bool),
        (bytes, form, manner): (Cow<'_, [u8]>, Form, Manner),
        now: Now,
    ) -> Result<(), Refusal> {
        let id = self.room_meant(room).ok_or(Refusal::NotMember)?;
        let person = self.people.get_mut(conn).ok_or(Refusal::NotMember)?;
        if !person.is_member(id) {
            return Err(Refusal::NotMember);
        }
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        if !person.take_allowance(Act::Say, now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        let said_id = (said != 0).then_some((person.key, said));
        self.may_say(conn, id)?;
        let who = self.people.identity(conn).ok_or(Refusal::NotMember)?;
        let sought = said_id.filter(|_| !planted!("repeat-is-said-again"));
        let seen = sought.and_then(|said_id| self.room(id)?.recent.find(said_id));
        let offset = match seen {
            Some(first) => first,
            None => {
                let bytes = bytes.into_owned().into();
                let payload = Payload { bytes, form, manner };
                self.commit(id, who, payload, said_id, (!echo).then_some(conn), now)
            }
        };
        if said != 0 {
            self.reply(conn, Reply::Ack { room: id, id: said, offset });
        }
        Ok(())
    }

    fn publish_as_person(
        &mut self,
        conn: ConnId,
        room: &Where<'_>,
        echo: bool,
        (bytes, form, manner): (Cow<'_, [u8]>, Form, Manner),
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.charge_message(conn, now)?;
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        self.note_activity(conn, now);
        let room = self.room_meant(room).ok_or(Refusal::NotMember)?;
        self.may_say(conn, room)?;
        let skip = self.people.is_member(conn, room).then_some(conn);
        let payload = Payload { bytes: bytes.into_owned().into(), form, manner };
        self.commit(room, who, payload, None, skip, now);
        let said = match self.events.back() {
            Some(Event::Deliver { message, .. }) if echo => Some(Rc::clone(message)),
            _ => None,
        };
        if let Some(message) = said {
            self.reply(conn, Reply::Echo { room, message });
        }
        Ok(())
    }

    /// The room meant, if it exists.
    pub(super) fn room_meant(&self, room: &Where<'_>) -> Option<RoomId> {
        match room {
            Where::Joined(id) => Some(*id),
            Where::Named(name) => self.find(name),
        }
    }

    /// Gives the message its offset, keeps it and has it delivered.
    pub(super) fn commit(
        &mut self,
        id: RoomId,
        who: Identity,
        payload: Payload,
        said_id: Option<SaidId>,
        skip: Option<ConnId>,
        now: Now,
    ) -> Offset {
        let Some(room) = room_mut(&mut self.rooms, id) else { return 0 };
        room.head += 1;
        let offset = room.head;
        let message = Rc::new(Message { offset, unix_ms: now.unix_ms, sender: who, payload });
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
}
