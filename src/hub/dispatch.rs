//! Dispatch: each command goes to the method that carries it out; a refusal becomes a reply.

use super::command::Command;
use super::event::Event;
use super::membership::Start;
use super::publish_api::Posted;
use super::reply::Reply;
use super::state::Hub;
use crate::id::{ConnId, RequestId};
use crate::now::Now;
use crate::payload::Payload;
use std::rc::Rc;

impl Hub {
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
}
