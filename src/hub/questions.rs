//! What is asked about a room, by those who may look into it.

use super::{Hub, Page, Reply, Where};
use crate::history::{Question, Select};
use crate::id::ConnId;
use crate::limits::QUESTION_COST;
use crate::now::Now;
use crate::reason::Refusal;
use std::rc::Rc;

impl Hub {
    pub(super) fn members(
        &mut self,
        conn: ConnId,
        request: u64,
        whence: &Where<'_>,
        now: Now,
    ) -> Result<(), Refusal> {
        let id = self.look_into(conn, whence)?;
        self.asking(conn, now)?;
        let room = self.room(id).ok_or(Refusal::NotMember)?;
        let names: Vec<_> = if room.members.len() <= self.limits.presence_members {
            let people = room.members.iter().filter_map(|member| self.people.get(*member));
            people.map(|person| Rc::clone(&person.name)).collect()
        } else {
            Vec::new()
        };
        let cost = QUESTION_COST + names.iter().map(|name| name.len()).sum::<usize>();
        let reply = Reply::Members { request, room: id, count: room.count(), names };
        self.charge(conn, cost, now);
        self.reply(conn, reply);
        Ok(())
    }

    pub(super) fn history(
        &mut self,
        conn: ConnId,
        request: u64,
        whence: &Where<'_>,
        select: Select,
        limit: usize,
        now: Now,
    ) -> Result<(), Refusal> {
        let id = self.look_into(conn, whence)?;
        self.asking(conn, now)?;
        let room = self.room(id).ok_or(Refusal::NotMember)?;
        let question = Question { select, limit, bytes: self.limits.history_page() };
        let messages: Vec<_> = room.recent.page(question).map(Rc::clone).collect();
        let cost = QUESTION_COST + messages.iter().map(|message| message.weight()).sum::<usize>();
        let (epoch, head, oldest) = (room.epoch, room.head, room.oldest());
        let reply =
            Reply::History { request, room: room.id, page: Page { epoch, head, oldest, messages } };
        self.charge(conn, cost, now);
        self.reply(conn, reply);
        Ok(())
    }
}
