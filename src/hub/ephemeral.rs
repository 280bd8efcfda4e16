//! Ephemeral messages: not kept, to a room or a person.

use super::command::Target;
use super::notice::{Ephemeral, Notice};
use super::reply::Reply;
use super::state::Hub;
use crate::id::ConnId;
use crate::now::Now;
use crate::payload::Attributes;
use crate::reason::Refusal;
use std::rc::Rc;

impl Hub {
    pub(super) fn send_ephemeral(
        &mut self,
        conn: ConnId,
        to: Target,
        attributes: Attributes,
        echo: bool,
        now: Now,
    ) -> Result<(), Refusal> {
        let who = self.charge_message(conn, now)?;
        match to {
            Target::Room(room) => {
                self.may_say(conn, room)?;
                let notice = Notice::Ephemeral(Ephemeral { who, attributes, id: self.mint() });
                if echo {
                    self.reply(conn, Reply::Notice(room, notice.clone()));
                }
                self.notify(room, notice, vec![conn], now);
            }
            Target::Person(other) => {
                let to = self.hearer(other)?;
                let message = Ephemeral { who, attributes, id: self.mint() };
                if echo {
                    let (to, message) = (Rc::clone(&to), message.clone());
                    self.reply(conn, Reply::Ephemeral { to, message, is_echo: true });
                }
                self.reply(other, Reply::Ephemeral { to, message, is_echo: false });
            }
        }
        Ok(())
    }
}
