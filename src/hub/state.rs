//! The hub: the state that every command works on, and the creation, lookup and removal of rooms.

use super::event::Event;
use super::name;
use super::notice::Notice;
use super::person::{Membership, People};
use super::proposal::{Behind, Waiting};
use super::reply::Reply;
use super::room::Room;
use crate::history::{History, RoomHistory};
use crate::id::{ConnId, Epoch, RequestId, RoomId};
use crate::limits::{Limits, SAID_ONCE_ROOM};
use crate::now::Now;
use crate::password::Claim;
use crate::reason::Refusal;
use crate::secret::Secrets;
use slab::Slab;
use std::collections::{HashMap, HashSet, VecDeque};
use std::iter;
use std::rc::Rc;

/// Persons, rooms, their messages, and the events that the engine must carry out.
///
/// The hub owns no socket, writes no bytes and reads no clock. The engine calls `arrive`,
/// `handle_command`, `publish_from_host`, `room_due` and `depart`; after each call it takes the
/// events out of [`poll_event`](Self::poll_event) until there are none, in the order in which they
/// happened.
#[derive(Debug)]
pub struct Hub {
    pub(super) limits: Rc<Limits>,
    pub(super) people: People,
    pub(super) rooms: Slab<Room>,
    pub(super) room_ids: HashMap<Rc<str>, RoomId>,
    /// The (folded) names of common rooms, whose first member does not become an operator.
    pub(super) commons: HashSet<Rc<str>>,
    pub(super) rooms_made: u32,
    pub(super) history: History,
    pub(super) events: VecDeque<Event>,
    /// The people with requests that wait for the outcome of a message: in which room, and how many.
    /// All are in one room, so that their answers come in order.
    pub(super) pending: HashMap<ConnId, (RoomId, usize)>,
    /// The number of messages whose outcome was reported as unknown.
    pub(super) unknown: u64,
    /// The peer and the request that is being carried out.
    pub(super) asking: Option<(ConnId, RequestId)>,
    pub(super) minted: u64,
    pub(super) secrets: Secrets,
}

impl Hub {
    /// Creates an empty hub. Epochs, keys and cloaks are derived from `secrets`, which must be
    /// random if strangers could profit from guessing them.
    pub fn new(limits: Rc<Limits>, secrets: Secrets) -> Self {
        Self {
            limits,
            people: People::default(),
            rooms: Slab::new(),
            room_ids: HashMap::new(),
            commons: HashSet::new(),
            rooms_made: 0,
            history: History::default(),
            events: VecDeque::new(),
            pending: HashMap::new(),
            unknown: 0,
            asking: None,
            minted: 0,
            secrets,
        }
    }

    /// Returns the request of `conn` that is being carried out.
    pub(super) fn request_of(&self, conn: ConnId) -> RequestId {
        match self.asking {
            Some((asker, request)) if asker == conn => request,
            _ => RequestId::NONE,
        }
    }

    /// Returns the next event to carry out.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the room with this id, if it still exists.
    pub fn room(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(id.slot()).filter(|room| room.id == id)
    }

    /// Iterates over all rooms, in no order.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().map(|(_, room)| room)
    }

    /// Returns the name of `conn`; empty before login.
    pub fn name_of(&self, conn: ConnId) -> &str {
        self.people.get(conn).map_or("", |person| &person.name)
    }

    /// Returns the number of rooms.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Returns the bytes of messages kept, in all rooms.
    pub fn kept_bytes(&self) -> usize {
        self.history.kept()
    }

    /// Returns the number of events of rooms that were to be stored and were dropped.
    pub fn events_dropped(&self) -> u64 {
        self.history.events_dropped()
    }

    /// Returns the bytes of memory that ids of messages take, in all rooms.
    pub fn said_bytes(&self) -> usize {
        self.history.said()
    }

    /// Iterates over the rooms of which `conn` is a member.
    pub fn rooms_of(&self, conn: ConnId) -> impl Iterator<Item = RoomId> {
        self.people.get(conn).into_iter().flat_map(|person| person.rooms.iter().map(|m| m.room))
    }

    /// Makes the room of that name a common room, whose first member does not become an operator.
    /// It is for rooms that plain sockets enter automatically, and that nobody may lock before
    /// them.
    pub fn keep_common(&mut self, room: &str) {
        self.commons.insert(name::folded(&room.into()));
    }

    /// Returns a number that stands for a claim without revealing its password.
    pub fn seal(&self, claim: &Claim) -> u64 {
        self.secrets.password_proof(claim.hash.as_str(), &claim.password)
    }

    /// Replaces the limits in force.
    pub fn reconfigure(&mut self, limits: Rc<Limits>) {
        self.limits = limits;
    }

    /// Handles a reminder of a room whose time has come.
    pub fn room_due(&mut self, id: RoomId, now: Now) {
        let tick = now.tick();
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        if room.counts_at.is_some_and(|at| at <= tick) {
            room.counts_at = None;
            let count = Notice::Count(room.count());
            self.notify(id, count, Vec::new(), now);
        }
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        if let Some(at) = self.history.forget_old(&mut room.history, tick, &self.limits) {
            self.events.push_back(Event::Remind(id, at));
        }
        if let Some(room) = room_mut(&mut self.rooms, id) {
            self.history.come_again(id, &mut room.history, tick);
        }
        self.lose_patience(id, now);
        self.forget_if_over(id);
    }

    pub(super) fn mint(&mut self) -> u64 {
        self.minted += 1;
        self.secrets.unique(self.minted)
    }

    /// Returns the room of that name, in any case.
    pub fn find(&self, name: &str) -> Option<RoomId> {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.room_ids.get(name.to_ascii_lowercase().as_str()).copied()
        } else {
            self.room_ids.get(name).copied()
        }
    }

    pub(super) fn find_or_make(&mut self, name: &str) -> Result<RoomId, Refusal> {
        if let Some(id) = self.find(name) {
            return Ok(id);
        }
        if !name::is_room_name(name) {
            return Err(Refusal::BadRoom);
        }
        if self.rooms.len() >= self.limits.rooms {
            return Err(Refusal::RelayRoomsFull);
        }
        let epoch = Epoch(self.mint());
        let history = self.history.begin();
        self.insert_room(name.into(), epoch, history)
    }

    /// Adds a room whose name is free. The limit on rooms must not be reached.
    pub(super) fn insert_room(
        &mut self,
        name: Rc<str>,
        epoch: Epoch,
        history: RoomHistory<Waiting, Notice>,
    ) -> Result<RoomId, Refusal> {
        self.rooms_made = self.rooms_made.wrapping_add(1);
        let slot = self.rooms.vacant_key();
        let id = RoomId::new(slot, self.rooms_made).ok_or(Refusal::RelayRoomsFull)?;
        self.room_ids.insert(name::folded(&name), id);
        self.rooms.insert(Room { history, ..Room::new(id, name, epoch) });
        Ok(id)
    }

    pub(super) fn forget_if_over(&mut self, id: RoomId) {
        if let Some(room) = self.room(id).filter(|room| room.is_over()) {
            self.room_ids.remove(&name::folded(&room.name));
            self.rooms.remove(id.slot());
            self.events.push_back(Event::Gone(id));
        }
    }

    /// Sends a notice to all members of a room except some, behind the messages that wait for their
    /// outcome there.
    pub(super) fn notify(&mut self, id: RoomId, notice: Notice, except: Vec<ConnId>, now: Now) {
        self.keep_notice(id, &notice, now);
        if self.history.pending() > 0
            && let Some(room) = room_mut(&mut self.rooms, id)
            && let Some(waiting) = room.history.last_waiting()
        {
            return waiting.behind.push(Behind::Notice(notice, except));
        }
        self.events.push_back(Event::Notice(id, notice, except));
    }

    /// Adds a notice to the history that a store keeps, in its place behind the messages. Its cost
    /// was charged when the person entered, or the person may do more there.
    fn keep_notice(&mut self, id: RoomId, notice: &Notice, now: Now) {
        if !self.history.is_remote() || !notice.is_kept() {
            return;
        }
        // A room without members needs no events.
        let room = room_mut(&mut self.rooms, id).filter(|room| !room.members.is_empty());
        let Some(room) = room else { return };
        let event = (notice.clone(), notice.weight());
        let comes = self.history.add_event(&mut room.history, event, now.tick());
        self.events.extend(comes.map(|at| Event::Remind(id, at)));
    }

    pub(super) fn reply(&mut self, conn: ConnId, reply: Reply) {
        let request = self.request_of(conn);
        self.events.push_back(Event::Reply(conn, request, reply));
    }

    /// Checks that people, names, rooms and member lists agree. For tests: it visits everything.
    ///
    /// # Panics
    /// If they do not.
    #[doc(hidden)]
    pub fn assert_sound(&self) {
        let (mut kept, mut said, mut said_rooms) = (0, 0, 0);
        let mut pending: HashMap<ConnId, usize> = HashMap::new();
        for (slot, room) in &self.rooms {
            assert_eq!(room.id.slot(), slot);
            assert!(!room.is_over(), "room {} should be forgotten", room.name);
            assert_eq!(self.find(&room.name), Some(room.id));
            assert!(room.history.is_empty() || room.oldest() <= room.head());
            kept += room.history.weight();
            said += room.history.said_weight();
            said_rooms += usize::from(room.history.said_weight() > 0);
            for (conn, at) in
                room.history.waiting().flat_map(Waiting::conns).zip(iter::repeat(room.id))
            {
                *pending.entry(conn).or_default() += 1;
                assert_eq!(
                    self.pending.get(&conn).map(|(room, _)| *room),
                    Some(at),
                    "what a peer waits for is in one room"
                );
            }
            for (index, member) in room.members.iter().enumerate() {
                let person = self.people.get(*member).expect("a member is somebody");
                assert!(person.rooms.contains(&Membership { room: room.id, index: index as u32 }));
            }
        }
        let counted = self.pending.iter().map(|(conn, (_, count))| (*conn, *count));
        assert_eq!(counted.collect::<HashMap<_, _>>(), pending, "who waits for what");
        assert_eq!(kept, self.history.kept());
        assert!(kept <= self.limits.history_total);
        assert_eq!(said, self.history.said());
        assert!(said <= self.limits.said_once_total + said_rooms * SAID_ONCE_ROOM);
        assert_eq!(self.room_ids.len(), self.rooms.len());
        let seats: usize = self.rooms.iter().map(|(_, room)| room.members.len()).sum();
        assert_eq!(seats, self.people.assert_sound());
    }
}

pub(super) fn room_mut(rooms: &mut Slab<Room>, id: RoomId) -> Option<&mut Room> {
    rooms.get_mut(id.slot()).filter(|room| room.id == id)
}
