//! Dispatch: each command goes to the method that carries it out; a refusal becomes a reply.

use super::command::Command;
use super::event::Event;
use super::membership::Start;
use super::notice::Departure;
use super::proposal::{LateAnswer, Progress};
use super::reply::Reply;
use super::state::Hub;
use crate::id::{ConnId, RequestId};
use crate::now::Now;
use crate::reason::Refusal;
use std::rc::Rc;

impl Hub {
    /// Carries out a command. Its answers carry `request`. [`Event::Done`] follows the last answer
    /// if the request [is one](RequestId::is_some): in this call, unless the answer waits for the
    /// outcome of a message.
    pub fn handle_command(
        &mut self,
        conn: ConnId,
        request: RequestId,
        command: Command<'_>,
        now: Now,
    ) {
        self.asking = Some((conn, request));
        let progress = match self.carry_out(conn, command, now) {
            Ok(progress) => progress,
            Err(refusal) => {
                let (since, reply) = (now.running, Some(Reply::Refused { refusal }));
                self.answer_in_order(LateAnswer { conn, request, since, reply })
            }
        };
        self.asking = None;
        if request.is_some() && progress == Progress::Done {
            self.events.push_back(Event::Done(conn, request));
        }
    }

    fn carry_out(
        &mut self,
        conn: ConnId,
        command: Command<'_>,
        now: Now,
    ) -> Result<Progress, Refusal> {
        let done = match command {
            Command::Hello { name, key, private } => {
                self.hello(conn, &name, key, now)?;
                if private {
                    self.people.hears(conn);
                }
                Ok(())
            }
            Command::Join { room, key, resume } => {
                let start = resume.map_or(Start::Now, Start::After);
                self.join(conn, &room, key.as_deref(), start, now)
            }
            Command::Listen { room, resume } => {
                let start = resume.map_or(Start::Now, Start::Kept);
                self.join(conn, &room, None, start, now)
            }
            Command::Leave { room, reason } => {
                let reason = reason.map(|reason| Rc::from(&*reason));
                self.leave(conn, room, reason, now)
            }
            Command::Publish { room, sender, bytes, form, manner } => {
                return self.publish(conn, &room, &sender, (bytes, form, manner), now);
            }
            Command::DirectMessage { to, bytes, manner } => {
                self.direct(conn, to, bytes, manner, now)
            }
            Command::Ephemeral { to, attributes, echo } => {
                self.send_ephemeral(conn, to, attributes, echo, now)
            }
            Command::Members { room } => self.members(conn, &room, now),
            Command::History { room, select, limit } => {
                return self.history(conn, &room, select, limit, now);
            }
            Command::Rooms { from, limit } => self.rooms_from(conn, from, limit, now),
            Command::Describe { user, real_name } => {
                self.describe(conn, &user, &real_name, now);
                Ok(())
            }
            Command::Rename { name } => self.rename(conn, &name, now),
            Command::Topic { room, text } => self.give_topic(conn, room, &text, now),
            Command::Change { room, changes } => self.change(conn, room, changes, now),
            Command::Invite { room, whom } => self.invite(conn, room, whom, now),
            Command::Kick { room, whom, reason } => self.kick(conn, room, whom, &reason, now),
            Command::Away { message } => self.away(conn, message.as_deref(), now),
            Command::RealName { text } => self.rename_fully(conn, &text, now),
            Command::Flags(flags) => {
                self.people.flag(conn, flags);
                Ok(())
            }
            Command::Watch { name, on } => {
                self.watch(conn, &name, on);
                Ok(())
            }
            Command::Farewell { reason } => {
                if let Some(presence) = self.people.presence_mut(conn) {
                    presence.departure = Some(Box::new(Departure::Quit((*reason).into())));
                }
                Ok(())
            }
            Command::Disconnect { whom, reason } => self.disconnect(conn, whom, &reason),
            Command::Call { text } => self.call(conn, &text),
        };
        done.map(|()| Progress::Done)
    }
}
