//! The publish API: messages from peers that are in no room, such as programs that use HTTP.

use super::command::Where;
use super::name;
use super::proposal::{Answer, Draft, Progress, Speaker};
use super::rate::Act;
use super::state::Hub;
use crate::history::SaidId;
use crate::id::{ConnId, RoomId};
use crate::now::Now;
use crate::payload::Identity;
use crate::payload::Payload;
use crate::reason::Refusal;
use std::rc::Rc;

/// A message that a peer outside of the room publishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted<'a> {
    pub(super) room: &'a Where<'a>,
    pub(super) sender: &'a str,
    pub(super) key: u64,
    pub(super) once: Option<&'a str>,
}

impl Hub {
    /// Publishes a message to a room without being a member. The room is made if it does not exist.
    /// With `once`, the message is published only if the room keeps no message of the same sender
    /// with the same `once`, the same key and from the same network.
    pub(super) fn publish_from_outside(
        &mut self,
        conn: ConnId,
        posted: Posted<'_>,
        payload: Payload,
        now: Now,
    ) -> Result<Progress, Refusal> {
        let person = self.people.get_mut(conn).ok_or(Refusal::NotMember)?;
        if payload.bytes.len() > self.limits.message {
            return Err(Refusal::MessageTooLong);
        }
        if !person.take_allowance(Act::Say, now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        let own_name = Rc::clone(&person.name);
        let sender = match posted.sender {
            "" if own_name.is_empty() => self.name_guest(conn),
            "" => own_name,
            name => self.borrow_name(name, posted.key)?,
        };
        let own = self.people.identity(conn).ok_or(Refusal::NotMember)?;
        let who = Identity { name: Rc::clone(&sender), ..own };
        let id = match posted.room {
            Where::Named(name) => self.find_or_make(name)?,
            Where::Joined(id) => self.room(*id).ok_or(Refusal::NotMember)?.id,
        };
        // Neither the peer nor the name of the message may be banned.
        let may_say = self.may_say(conn, id).and_then(|()| match self.bans(id, &who) {
            true => Err(Refusal::CannotSay),
            false => Ok(()),
        });
        if let Err(refusal) = may_say {
            self.forget_if_over(id);
            return Err(refusal);
        }
        let said_id = posted.once.map(|once| self.once(who.cloak, posted, once));
        let answer = Answer::Published { sender, unix_ms: now.unix_ms };
        let speaker = Speaker { conn, since: now.running, request: self.request_of(conn), answer };
        let draft = Draft { sender: who, payload, id: said_id, skip: None };
        let progress = self.submit(id, draft, speaker, now);
        self.forget_if_over(id);
        Ok(progress)
    }

    /// Returns a name to use for one message: one that nobody holds, or whose key is known.
    fn borrow_name(&self, sender: &str, key: u64) -> Result<Rc<str>, Refusal> {
        if !name::is_person_name(sender) {
            return Err(Refusal::BadName);
        }
        let sender: Rc<str> = sender.into();
        let is_free = match name::guest_number(&sender) {
            Some(number) => self.guest_key(number) == key,
            None => {
                let holder = self.people.holder(&name::folded(&sender));
                let holder = holder.and_then(|holder| self.people.get(holder));
                holder.is_none_or(|holder| holder.key == key)
            }
        };
        if is_free { Ok(sender) } else { Err(Refusal::NameTaken) }
    }

    /// Gives the peer a guest's name, which it keeps for as long as the connection lasts.
    fn name_guest(&mut self, conn: ConnId) -> Rc<str> {
        let (name, key) = self.new_guest();
        self.people.name(conn, &name, name::folded(&name), key);
        name
    }

    /// Returns the message id for a `once` key of a sender. Nobody can guess it or find it by
    /// trying. Many senders have no name, or one that nobody holds: the network and the key
    /// distinguish them, and are the same on the next connection.
    fn once(&self, cloak: u64, posted: Posted<'_>, once: &str) -> SaidId {
        self.secrets.message_id(cloak, posted.key, posted.sender, once)
    }

    pub(super) fn bans(&self, id: RoomId, who: &Identity) -> bool {
        self.room(id).is_some_and(|room| room.rights.bans(who))
    }
}
