//! Queries: the members of a room, its history, the list of rooms.

use super::command::Where;
use super::proposal::Progress;
use super::reply::{Page, Reply, RoomLine};
use super::rights::Switch;
use super::state::Hub;
use crate::history::{Question, Select};
use crate::id::{ConnId, RoomId};
use crate::limits::{MESSAGE_COST, QUESTION_COST};
use crate::now::Now;
use crate::reason::Refusal;
use std::rc::Rc;

/// The most slots that one query for rooms visits: rooms come and go, and leave empty slots. The
/// number is so small that the query takes no longer than a message in a big room.
const SLOTS_LOOKED_AT: usize = 1 << 12;

impl Hub {
    pub(super) fn members(
        &mut self,
        conn: ConnId,
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
        let reply = Reply::Members { room: id, count: room.count(), names };
        self.charge(conn, cost, now);
        self.reply(conn, reply);
        Ok(())
    }

    pub(super) fn history(
        &mut self,
        conn: ConnId,
        whence: &Where<'_>,
        select: Select,
        limit: usize,
        now: Now,
    ) -> Result<Progress, Refusal> {
        let id = self.look_into(conn, whence)?;
        self.asking(conn, now)?;
        let room = self.room(id).ok_or(Refusal::NotMember)?;
        let question = Question { select, limit, bytes: self.limits.history_page() };
        if room.history.reaches_below(question) {
            let is_private = matches!(whence, Where::Joined(_));
            return Ok(self.ask_for_page(conn, id, is_private, question, now));
        }
        let messages: Vec<_> = room.history.page(question).map(Rc::clone).collect();
        let cost = QUESTION_COST + messages.iter().map(|message| message.weight()).sum::<usize>();
        let (epoch, head, oldest) = (room.epoch, room.head(), room.oldest());
        let reply = Reply::History { room: room.id, page: Page { epoch, head, oldest, messages } };
        self.charge(conn, cost, now);
        self.reply(conn, reply);
        Ok(Progress::Done)
    }

    /// Replies with the rooms from a slot on.
    pub(super) fn rooms_from(
        &mut self,
        conn: ConnId,
        from: usize,
        limit: usize,
        now: Now,
    ) -> Result<(), Refusal> {
        self.asking(conn, now)?;
        // The query visits every room, even if it returns few.
        self.charge(conn, MESSAGE_COST, now);
        let mut rooms = Vec::new();
        let end = self.rooms.capacity().min(from.saturating_add(SLOTS_LOOKED_AT));
        let mut next = (end < self.rooms.capacity()).then_some(end);
        for slot in from..end {
            let Some(room) = self.rooms.get(slot) else { continue };
            if room.rights.is_on(Switch::Secret) {
                continue;
            }
            if rooms.len() == limit {
                next = Some(slot);
                break;
            }
            rooms.push(RoomLine {
                name: Rc::clone(&room.name),
                epoch: room.epoch,
                head: room.head(),
                oldest: room.oldest(),
                members: room.count(),
            });
        }
        self.reply(conn, Reply::Rooms { rooms, next, total: self.rooms.len() });
        Ok(())
    }

    /// Returns the room, if `conn` may read it.
    pub(super) fn look_into(&self, conn: ConnId, whence: &Where<'_>) -> Result<RoomId, Refusal> {
        match whence {
            Where::Joined(id) if self.people.is_member(conn, *id) => Ok(*id),
            Where::Joined(_) => Err(Refusal::NotMember),
            Where::Named(name) => {
                let id = self.find(name).ok_or(Refusal::NoRoom)?;
                // A room that was only opened for a lookup does not exist yet.
                self.room(id).filter(|room| !room.is_blank()).ok_or(Refusal::NoRoom)?;
                // The messages of a closed room are for its members; for others the room does not
                // exist.
                let is_open = self.room(id).is_some_and(|room| room.rights.is_open());
                if self.people.is_member(conn, id) {
                    return Ok(id);
                }
                if !is_open && !planted!("closed-room-is-read") {
                    return Err(Refusal::NoRoom);
                }
                let is_banned = self.people.identity(conn).is_none_or(|who| self.bans(id, &who));
                if is_banned { Err(Refusal::Banned) } else { Ok(id) }
            }
        }
    }
}
