//! Membership: joining and leaving rooms, and the notices of it to the other members.

use super::event::Event;
use super::name;
use super::notice::{Departure, Notice};
use super::person::Membership;
use super::rate::Act;
use super::reply::Reply;
use super::rights::Rights;
use super::room::Room;
use super::state::{Hub, room_mut};
use crate::id::{ConnId, RequestId, Resume, RoomId};
use crate::now::Now;
use crate::reason::Refusal;
use std::rc::Rc;
use std::time::Duration;

/// The shortest time between two announcements of a big room's count.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// The place from which a member begins to read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// The next message.
    Now,
    /// The message after this place, if no message since is missing; else the next message.
    After(Resume),
    /// The message after this place, if no message since is missing; else the oldest message in
    /// memory.
    Kept(Resume),
}

impl Hub {
    pub(super) fn join(
        &mut self,
        conn: ConnId,
        name: &str,
        key: Option<&str>,
        start: Start,
        now: Now,
    ) -> Result<(), Refusal> {
        let person = self.people.get_mut(conn).ok_or(Refusal::NotMember)?;
        if !person.take_allowance(Act::Ask, now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        let joined = person.rooms.len();
        let known = self.find(name);
        let again = known.is_some_and(|room| self.people.is_member(conn, room));
        if !again && joined >= self.limits.rooms_per_peer {
            return Err(Refusal::TooManyRooms);
        }
        let id = match known {
            Some(id) => id,
            None => self.find_or_make(name)?,
        };
        if !again {
            self.may_enter(conn, id, key)?;
        }
        if again {
            let head = self.room(id).map_or(0, Room::head);
            self.events.push_back(Event::Unseat { conn, room: id, answers: None, head });
        } else {
            self.enter(conn, id, now);
        }
        self.spare(conn, id);
        let Some(room) = self.room(id) else { return Err(Refusal::BadRoom) };
        // Pages of a store are not sent to clients that cannot ask for less.
        let in_memory = room.history.in_memory_from();
        let (recovered, from, oldest) = match start {
            Start::Now => (false, None, room.oldest()),
            Start::After(resume) => {
                let from = room.recoverable(resume);
                (from.is_some(), from, room.oldest())
            }
            Start::Kept(resume) => {
                let from = room.recoverable(resume);
                let kept = Some(in_memory).filter(|_| !planted!("events-forget-what-is-kept"));
                let oldest = if from.is_some() { room.oldest() } else { in_memory };
                (from.is_some(), from.or(kept), oldest)
            }
        };
        let reply = Reply::Joined {
            room: id,
            name: Rc::clone(&room.name),
            recovered,
            epoch: room.epoch,
            head: room.head(),
            oldest,
            members: room.count(),
        };
        let from = from.filter(|first| *first <= room.head());
        let replayed = from.into_iter().flat_map(|first| room.history.from(first));
        let cost: usize = replayed.map(|message| message.weight()).sum();
        // A client cannot ask for less than all that it missed. A long replay must not use up its
        // allowance for minutes.
        self.charge(conn, cost.min(self.limits.allowance()), now);
        self.reply(conn, reply);
        self.events.push_back(Event::Seat { conn, room: id, from });
        Ok(())
    }

    /// Excludes a peer from the notices that wait in a room: the answer to its join includes them.
    fn spare(&mut self, conn: ConnId, id: RoomId) {
        if !self.has_pending() {
            return;
        }
        let room = room_mut(&mut self.rooms, id);
        for waiting in room.into_iter().flat_map(|room| room.history.waiting_mut()) {
            waiting.spare(conn);
        }
    }

    /// Makes `conn` a member. The others are notified first, so the new member does not receive its
    /// own arrival.
    fn enter(&mut self, conn: ConnId, id: RoomId, now: Now) {
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        let Some(person) = self.people.get_mut(conn) else { return };
        person.rooms.push(Membership { room: id, index: room.members.len() as u32 });
        if room.members.is_empty() {
            let is_common = self.commons.contains(&name::folded(&room.name));
            let since = now.unix_ms / 1000;
            *room.rights =
                if is_common { Rights::common(since) } else { Rights::founded(conn, since) };
            if !is_common && self.people.presence(conn).is_some() {
                room.rights.close();
            }
        }
        room.rights.entered(conn);
        room.members.push(conn);
        let Some(who) = self.people.identity(conn) else { return };
        let away = self.people.presence(conn).and_then(|presence| presence.away.clone());
        let absent = away.map(|words| Notice::Away(who.clone(), Some(words)));
        self.announce(id, now, Vec::new(), |count| Notice::Came(who, count));
        if let Some(absent) = absent {
            self.announce(id, now, Vec::new(), |_| absent);
        }
    }

    pub(super) fn leave(
        &mut self,
        conn: ConnId,
        id: RoomId,
        reason: Option<Rc<str>>,
        now: Now,
    ) -> Result<(), Refusal> {
        let person = self.people.get_mut(conn).ok_or(Refusal::NotMember)?;
        if !person.is_member(id) {
            return Err(Refusal::NotMember);
        }
        // No rate applies: a peer can leave no more often than it joins.
        let Some(who) = self.people.identity(conn) else { return Ok(()) };
        self.unseat(conn, id, Some(self.request_of(conn)));
        self.announce(id, now, Vec::new(), |count| {
            Notice::Went(who, count, Departure::Left(reason))
        });
        self.forget_if_over(id);
        Ok(())
    }

    /// Removes `conn` from the room. The caller notifies the other members, and forgets the room if
    /// it is over.
    pub(super) fn unseat(&mut self, conn: ConnId, id: RoomId, answers: Option<RequestId>) {
        let Some(person) = self.people.get_mut(conn) else { return };
        let Some(index) = person.forget_room(id) else { return };
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        let head = room.head();
        self.events.push_back(Event::Unseat { conn, room: id, answers, head });
        room.members.swap_remove(index);
        if let Some(moved) = room.members.get(index).copied() {
            self.people.move_member(moved, id, index);
        }
        if !planted!("rank-outlives-its-member") {
            room.rights.left(conn);
        }
        // Rights end with the last member. The messages of a closed room must not reach the next
        // person who enters.
        if room.members.is_empty() && !room.rights.is_open() {
            self.history.clear(id, &mut room.history);
        }
    }

    /// Announces a change of the members to the room: by name, or in a big room by count, at
    /// intervals.
    pub(super) fn announce(
        &mut self,
        id: RoomId,
        now: Now,
        except: Vec<ConnId>,
        by_name: impl FnOnce(u32) -> Notice,
    ) {
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        if room.members.len() <= self.limits.presence_members {
            let notice = by_name(room.count());
            self.notify(id, notice, except, now);
        } else if room.counts_at.is_none() {
            let at = now.tick().after(COUNT_EVERY);
            room.counts_at = Some(at);
            self.events.push_back(Event::Remind(id, at));
        }
    }
}
