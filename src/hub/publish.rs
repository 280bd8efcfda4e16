//! What is said in a room: it is given its offset, kept for a while, and delivered.

use super::event::Event;
use super::name;
use super::reply::Reply;
use super::state::{Hub, room_mut};
use super::who::Who;
use crate::history::SaidId;
use crate::id::{ConnId, Offset, RoomId};
use crate::now::Now;
use crate::payload::{Form, Message, Payload, Seen};
use crate::reason::Refusal;
use std::borrow::Cow;
use std::rc::Rc;

impl Hub {
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

    #[expect(clippy::too_many_arguments, reason = "the fields of one command")]
    pub(super) fn say(
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
        let sought = said_id.filter(|_| !planted!("repeat-is-said-again"));
        let seen = sought.and_then(|said_id| self.room(id)?.recent.find(said_id));
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

    pub(super) fn publish(
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
}
