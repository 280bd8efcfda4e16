//! Direct messages: from one person to another.

use super::command::Addressee;
use super::reply::Reply;
use super::state::Hub;
use crate::id::ConnId;
use crate::now::Now;
use crate::payload::Identity;
use crate::payload::{Manner, Message, Payload};
use crate::reason::Refusal;
use std::borrow::Cow;
use std::rc::Rc;

impl Hub {
    pub(super) fn direct(
        &mut self,
        conn: ConnId,
        to: Addressee<'_>,
        bytes: Cow<'_, [u8]>,
        manner: Manner,
        now: Now,
    ) -> Result<(), Refusal> {
        match to {
            Addressee::Name(name) => self.direct_to_name(conn, &name, bytes, manner, now),
            Addressee::Connection { conn: other, echo } => {
                self.direct_to_connection(conn, other, echo, bytes, manner, now)
            }
        }
    }

    fn direct_to_name(
        &mut self,
        conn: ConnId,
        name: &str,
        bytes: Cow<'_, [u8]>,
        manner: Manner,
        now: Now,
    ) -> Result<(), Refusal> {
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        let who = self.charge_message(conn, now)?;
        let other = self.holder(name).ok_or(Refusal::NoSuchPerson)?;
        let is_notice = manner.is_notice;
        let payload = Payload { bytes: bytes.into_owned().into(), manner, ..Payload::default() };
        let (to, message) = self.direct_message(who, other, payload, now)?;
        let unix_ms = message.unix_ms;
        self.reply(other, Reply::DirectMessage { to, message, is_echo: false });
        // No program may answer a notice, and so the away message does not either.
        let away = self.people.presence(other).filter(|_| !is_notice);
        let away = away.and_then(|presence| presence.away.clone());
        self.reply(conn, Reply::DirectSent { unix_ms, away });
        Ok(())
    }

    fn direct_to_connection(
        &mut self,
        conn: ConnId,
        other: ConnId,
        echo: bool,
        bytes: Cow<'_, [u8]>,
        manner: Manner,
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.charge_message(conn, now)?;
        if bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        self.note_activity(conn, now);
        let payload = Payload { bytes: bytes.into_owned().into(), manner, ..Payload::default() };
        let (to, message) = self.direct_message(who, other, payload, now)?;
        if echo {
            let (to, message) = (Rc::clone(&to), Rc::clone(&message));
            self.reply(conn, Reply::DirectMessage { to, message, is_echo: true });
        }
        self.reply(other, Reply::DirectMessage { to, message, is_echo: false });
        Ok(())
    }

    /// Creates a direct message. Returns the recipient's name and the message.
    fn direct_message(
        &mut self,
        who: Identity,
        other: ConnId,
        payload: Payload,
        now: Now,
    ) -> Result<(Rc<str>, Rc<Message>), Refusal> {
        let to = self.hearer(other)?;
        let (offset, unix_ms) = (self.mint(), now.unix_ms);
        Ok((to, Rc::new(Message { offset, unix_ms, sender: who, payload })))
    }

    /// Returns the name of a person if direct messages reach the person.
    pub(super) fn hearer(&self, conn: ConnId) -> Result<Rc<str>, Refusal> {
        let person = self.people.get(conn).filter(|person| !person.name.is_empty());
        let person = person.ok_or(Refusal::NoSuchPerson)?;
        if self.people.is_hearer(conn) || planted!("told-to-who-does-not-look") {
            Ok(Rc::clone(&person.name))
        } else {
            Err(Refusal::CannotHear)
        }
    }

    /// Records the time of the person's last message.
    pub(super) fn note_activity(&mut self, conn: ConnId, now: Now) {
        if let Some(presence) = self.people.presence_mut(conn) {
            presence.spoke = now.unix_ms / 1000;
        }
    }
}
