//! Dispatch: each command goes to the method that carries it out; a refusal becomes a reply.

use super::command::Command;
use super::membership::Start;
use super::notice::Departure;
use super::reply::Reply;
use super::state::Hub;
use crate::id::ConnId;
use crate::now::Now;
use std::rc::Rc;

impl Hub {
    /// Somebody asks for something.
    pub fn handle_command(&mut self, conn: ConnId, command: Command<'_>, now: Now) {
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
            Command::Publish { room, sender, bytes, form, manner } => {
                self.publish(conn, &room, &sender, (bytes, form, manner), now)
            }
            Command::DirectMessage { to, bytes, manner } => {
                let request = to.request();
                self.direct(conn, to, bytes, manner, now).map_err(|why| (why, request))
            }
            Command::Ephemeral { to, attributes, echo } => {
                self.send_ephemeral(conn, to, attributes, echo, now).map_err(|why| (why, 0))
            }
            Command::Members { request, room } => {
                self.members(conn, request, &room, now).map_err(|why| (why, request))
            }
            Command::History { request, room, select, limit } => {
                self.history(conn, request, &room, select, limit, now).map_err(|why| (why, request))
            }
            Command::Rooms { from, limit } => {
                self.rooms_from(conn, from, limit, now).map_err(|why| (why, 0))
            }
            Command::Describe { user, real_name } => {
                self.describe(conn, &user, &real_name, now);
                Ok(())
            }
            Command::Rename { name } => self.rename(conn, &name, now).map_err(|why| (why, 0)),
            Command::Topic { room, text } => {
                self.give_topic(conn, room, &text, now).map_err(|why| (why, 0))
            }
            Command::Change { room, changes } => {
                self.change(conn, room, changes, now).map_err(|why| (why, 0))
            }
            Command::Invite { room, whom } => {
                self.invite(conn, room, whom, now).map_err(|why| (why, 0))
            }
            Command::Kick { room, whom, reason } => {
                self.kick(conn, room, whom, &reason, now).map_err(|why| (why, 0))
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
                if let Some(presence) = self.people.presence_mut(conn) {
                    presence.departure = Some(Departure::Quit((*reason).into()));
                }
                Ok(())
            }
            Command::Disconnect { whom, reason } => {
                self.disconnect(conn, whom, &reason).map_err(|why| (why, 0))
            }
            Command::Call { text } => self.call(conn, &text).map_err(|why| (why, 0)),
        };
        if let Err((refusal, request)) = refused {
            self.reply(conn, Reply::Refused { refusal, request });
        }
    }
}
