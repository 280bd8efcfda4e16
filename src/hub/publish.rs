//! Publishing: checks the rights, rate, name and length of a message, and proposes it.

use super::command::{Sender, Where};
use super::name;
use super::proposal::{Answer, Draft, Progress, Speaker};
use super::publish_api::Posted;
use super::rate::Act;
use super::state::Hub;
use crate::id::{ConnId, Offset, RoomId};
use crate::now::Now;
use crate::payload::{Form, Identity, Manner, Payload};
use crate::reason::Refusal;
use std::borrow::Cow;

impl Hub {
    /// Publishes a message to a room, according to the kind of sender.
    pub(super) fn publish(
        &mut self,
        conn: ConnId,
        room: &Where<'_>,
        sender: &Sender<'_>,
        (bytes, form, manner): (Cow<'_, [u8]>, Form, Manner),
        now: Now,
    ) -> Result<Progress, Refusal> {
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
                self.publish_from_outside(conn, posted, payload, now)
            }
        }
    }

    /// Publishes a message of the program that embeds the relay, as `sender`, to a room that need
    /// not exist yet. Returns the offset, if the message is kept at once.
    ///
    /// # Errors
    /// The reason why nothing was published.
    pub fn publish_from_host(
        &mut self,
        room: &str,
        sender: &str,
        bytes: &[u8],
        now: Now,
    ) -> Result<Option<Offset>, Refusal> {
        self.check_host_message(sender, bytes)?;
        let room = self.find_or_make(room)?;
        let payload = Payload { bytes: bytes.into(), ..Payload::default() };
        let sender = Identity::named(sender);
        let draft = Draft { sender, payload, id: None, skip: None };
        let offset = self.propose(room, draft, None, now);
        self.forget_if_over(room);
        Ok(offset)
    }

    /// Checks a message of the program that embeds the relay.
    ///
    /// # Errors
    /// The name is invalid, or the message is too long.
    pub fn check_host_message(&self, sender: &str, bytes: &[u8]) -> Result<(), Refusal> {
        // The wire format has no room for longer names, and clients expect no space in one.
        if !name::is_person_name(sender) {
            return Err(Refusal::BadName);
        }
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        Ok(())
    }

    fn publish_as_member(
        &mut self,
        conn: ConnId,
        room: &Where<'_>,
        (said, echo): (u64, bool),
        (bytes, form, manner): (Cow<'_, [u8]>, Form, Manner),
        now: Now,
    ) -> Result<Progress, Refusal> {
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
        let sender = self.people.identity(conn).ok_or(Refusal::NotMember)?;
        let answer = if said == 0 { Answer::Nothing } else { Answer::Ack(said) };
        let speaker = Speaker { conn, since: now.running, request: self.request_of(conn), answer };
        let payload = Payload { bytes: bytes.into_owned().into(), form, manner };
        let skip = (!echo).then_some(conn);
        Ok(self.submit(id, Draft { sender, payload, id: said_id, skip }, speaker, now))
    }

    fn publish_as_person(
        &mut self,
        conn: ConnId,
        room: &Where<'_>,
        echo: bool,
        (bytes, form, manner): (Cow<'_, [u8]>, Form, Manner),
        now: Now,
    ) -> Result<Progress, Refusal> {
        let sender = self.charge_message(conn, now)?;
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        self.note_activity(conn, now);
        let room = self.room_meant(room).ok_or(Refusal::NotMember)?;
        self.may_say(conn, room)?;
        // The person may have become a member before the message is kept.
        let skip = (self.is_remote() || self.people.is_member(conn, room)).then_some(conn);
        let payload = Payload { bytes: bytes.into_owned().into(), form, manner };
        let answer = if echo { Answer::Echo } else { Answer::Nothing };
        let speaker = Speaker { conn, since: now.running, request: self.request_of(conn), answer };
        Ok(self.submit(room, Draft { sender, payload, id: None, skip }, speaker, now))
    }

    /// Returns the room of a request, if it exists.
    pub(super) fn room_meant(&self, room: &Where<'_>) -> Option<RoomId> {
        match room {
            Where::Joined(id) => Some(*id),
            Where::Named(name) => self.find(name),
        }
    }
}
