//! Stores: pages of history, and rooms that are not in memory.

use super::command::{Command, Sender, Where};
use super::event::{Event, PageQuery};
use super::name::{folded, is_room_name};
use super::proposal::Progress;
use super::rate::Act;
use super::reply::{Page, Reply};
use super::state::{Hub, room_mut};
use crate::history::{OpenOutcome, Question, StoredPage, StoredRoom};
use crate::id::{ConnId, Offset, RoomId};
use crate::limits::QUESTION_COST;
use crate::now::Now;
use crate::reason::Refusal;
use std::rc::Rc;

impl Hub {
    /// True if a store outside of the relay keeps the messages.
    pub fn is_remote(&self) -> bool {
        self.history.is_remote()
    }

    /// Requests a page from the store. [`answer_page`](Self::answer_page) follows.
    pub(super) fn ask_for_page(
        &mut self,
        conn: ConnId,
        room: RoomId,
        is_private: bool,
        question: Question,
        now: Now,
    ) -> Progress {
        self.charge(conn, QUESTION_COST, now);
        let request = self.request_of(conn);
        let query = PageQuery { conn, request, room, is_private, question };
        self.events.push_back(Event::Page(query));
        Progress::Pending
    }

    /// Answers a query with the page of a store; without a page, the query is refused. The peer may
    /// have lost its right to the answer meanwhile.
    pub fn answer_page(&mut self, query: &PageQuery, page: Option<StoredPage>, now: Now) {
        let &PageQuery { conn, request, room: id, .. } = query;
        let reply = match page {
            Some(page) => self.page_for(query, page, now),
            None => Err(Refusal::Unavailable),
        };
        let reply = reply.unwrap_or_else(|refusal| Reply::Refused { refusal });
        debug_assert!(!matches!(&reply, Reply::History { room, .. } if *room != id));
        self.events.push_back(Event::Reply(conn, request, reply));
        if request.is_some() {
            self.events.push_back(Event::Done(conn, request));
        }
    }

    fn page_for(
        &mut self,
        query: &PageQuery,
        page: StoredPage,
        now: Now,
    ) -> Result<Reply, Refusal> {
        let &PageQuery { conn, room: id, is_private, .. } = query;
        let is_member = self.people.is_member(conn, id);
        if is_private && !is_member {
            return Err(Refusal::NotMember);
        }
        let room = self.room(id).ok_or(Refusal::NoRoom)?;
        if !is_member && !room.rights.is_open() {
            return Err(Refusal::NoRoom);
        }
        let weight: usize = page.messages.iter().map(|message| message.weight()).sum();
        self.note_oldest(id, page.oldest);
        self.charge(conn, weight, now);
        let room = self.room(id).ok_or(Refusal::NoRoom)?;
        let (epoch, head, oldest) = (room.epoch, room.head(), room.oldest());
        let mut messages = page.messages;
        messages.retain(|message| message.offset >= oldest);
        Ok(Reply::History { room: id, page: Page { epoch, head, oldest, messages } })
    }

    /// Records the oldest offset that the store still keeps of a room.
    pub fn note_oldest(&mut self, id: RoomId, oldest: Offset) {
        if let Some(room) = room_mut(&mut self.rooms, id) {
            self.history.note_oldest(&mut room.history, oldest);
        }
    }

    /// Returns the name of the room of a command, if the room is not in memory and the store has to
    /// be asked for it. A command that will be refused anyway does not ask the store.
    pub fn room_to_open<'c>(
        &self,
        conn: ConnId,
        command: &'c Command<'_>,
        now: Now,
    ) -> Option<&'c str> {
        let name = match command {
            Command::Join { room, .. }
            | Command::Listen { room, .. }
            | Command::History { room: Where::Named(room), .. }
            | Command::Members { room: Where::Named(room) }
            | Command::Publish {
                room: Where::Named(room), sender: Sender::Outside { .. }, ..
            } => room,
            _ => return None,
        };
        let may_ask = self.wait(conn, Act::Ask, now.running).is_zero();
        (may_ask && self.is_to_open(name)).then_some(name)
    }

    /// True if the store has to be asked for a room of that name.
    pub fn is_to_open(&self, name: &str) -> bool {
        let is_possible = is_room_name(name) && self.rooms.len() < self.limits.rooms;
        self.is_remote() && is_possible && self.find(name).is_none()
    }

    /// Adds a room that is not in memory, as the store knows it, and pins it for the peers with a
    /// pending request there.
    ///
    /// # Errors
    /// The room could not be opened.
    pub fn open_room(
        &mut self,
        name: &str,
        outcome: OpenOutcome,
        pins: usize,
        now: Now,
    ) -> Result<RoomId, Refusal> {
        let is_same = |stored: &StoredRoom| folded(&stored.name) == folded(&name.into());
        let id = match (self.find(name), outcome) {
            (Some(id), _) => id,
            (None, OpenOutcome::Absent) => self.find_or_make(name)?,
            (None, OpenOutcome::Found(stored)) if stored.is_sound() && is_same(&stored) => {
                self.restore(stored, now)?
            }
            (None, OpenOutcome::Found(_) | OpenOutcome::Failed) => {
                return Err(Refusal::Unavailable);
            }
        };
        if let Some(room) = room_mut(&mut self.rooms, id) {
            room.pins += pins;
        }
        Ok(id)
    }

    fn restore(&mut self, stored: StoredRoom, now: Now) -> Result<RoomId, Refusal> {
        if self.rooms.len() >= self.limits.rooms {
            return Err(Refusal::RelayRoomsFull);
        }
        let (name, epoch) = (Rc::clone(&stored.name), stored.epoch);
        let (history, remind) = self.history.restore(stored, now.tick(), &self.limits);
        let id = self.insert_room(name, epoch, history)?;
        if let Some(at) = remind {
            self.events.push_back(Event::Remind(id, at));
        }
        Ok(id)
    }

    /// Removes one pin of a room: the request of a peer for which it was opened was carried out, or
    /// the peer is gone.
    pub fn unpin_room(&mut self, id: RoomId) {
        if let Some(room) = room_mut(&mut self.rooms, id) {
            room.pins = room.pins.saturating_sub(1);
            self.forget_if_over(id);
        }
    }

    /// Returns the form of a room's name under which it is looked up.
    pub fn room_key(name: &str) -> Rc<str> {
        folded(&name.into())
    }
}
