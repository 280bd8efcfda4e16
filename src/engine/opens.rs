//! Opening rooms that are not in memory: the store that keeps the messages is asked for the room
//! before any command is carried out there. All peers that wait for one room share one request.
//!
//! A waiting command is kept, owned, in its peer, and is carried out once the room is in memory.
//! The room is pinned until all waiting peers have had their turn.

use super::Engine;
use super::commits::Wait;
use crate::history::{OpenOutcome, OpenRequest, ReadId};
use crate::hub::Hub;
use crate::id::{ConnId, RequestId, RoomId};
use crate::limits::QUESTION_COST;
use crate::now::{Now, Tick};
use crate::reason::Refusal;
use crate::session::Action;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// The most rooms that are being opened at once. A command for another one is refused.
const OPENS_MAX: usize = 1_024;

/// The most messages of the program that embeds the relay that wait for one room.
const HOST_MESSAGES_MAX: usize = 64;

/// The rooms that are being opened, and the peers that wait for them.
///
/// Invariants: a peer waits for one room at most, in the list of that room, and is not read
/// meanwhile. A room has as many pins as there are passes for it, and entries in `unpinned`.
#[derive(Debug, Default)]
pub(super) struct Opens {
    last: ReadId,
    /// The requests to hand out.
    ready: VecDeque<OpenRequest>,
    /// The opening rooms, by the name under which a room is looked up.
    rooms: HashMap<Rc<str>, Opening>,
    /// The waiting peers, each with its room's name.
    waiting: HashMap<ConnId, Rc<str>>,
    /// The peers whose room was opened or refused, and that have not had their turn.
    passes: HashMap<ConnId, Pass>,
    /// Rooms with a pin that is no longer needed, once for each.
    unpinned: Vec<RoomId>,
}

/// A room that is being opened.
#[derive(Debug)]
struct Opening {
    id: ReadId,
    /// The time after which no peer waits any longer.
    until: Tick,
    conns: Vec<ConnId>,
    host: Vec<HostMessage>,
}

/// A message of the program that embeds the relay.
#[derive(Debug)]
struct HostMessage {
    sender: Box<str>,
    bytes: Box<[u8]>,
    unix_ms: u64,
}

/// The outcome for a peer that has not had its turn.
#[derive(Clone, Copy, Debug)]
enum Pass {
    /// The room is in memory, and pinned.
    Opened(RoomId),
    /// The command is refused.
    Refused(Refusal),
}

/// The decision on an action that may have to wait for the store.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gate {
    /// The action is carried out.
    Open,
    /// The action waits. The peer is not read meanwhile.
    Wait,
    /// The action is refused.
    Refuse(RequestId, Refusal),
}

impl Opens {
    /// Returns the time at which the first request has taken too long.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.rooms.values().map(|opening| opening.until).min()
    }

    /// True if rooms must be unpinned in the next turn.
    pub(super) fn is_pressing(&self) -> bool {
        !self.unpinned.is_empty()
    }

    /// True if the peer waits for a room.
    pub(super) fn has(&self, conn: ConnId) -> bool {
        self.waiting.contains_key(&conn)
    }

    /// True if messages of the program that embeds the relay wait for a room.
    pub(super) fn has_host_messages(&self) -> bool {
        self.rooms.values().any(|opening| !opening.host.is_empty())
    }

    /// Checks the invariants above.
    ///
    /// # Panics
    /// When one does not hold.
    pub(super) fn assert_invariants(&self, hub: &Hub) {
        assert!(self.rooms.len() <= OPENS_MAX && self.ready.len() <= self.rooms.len());
        for (conn, key) in &self.waiting {
            let listed = self.rooms.get(key).map_or(0, |opening| {
                opening.conns.iter().filter(|waiting| *waiting == conn).count()
            });
            assert_eq!(listed, 1, "{conn} waits for {key}");
            assert!(hub.find(key).is_none(), "{key} is there, and is waited for");
        }
        let opened = self.passes.values().filter_map(|pass| match pass {
            Pass::Opened(room) => Some(*room),
            Pass::Refused(_) => None,
        });
        let mut pins: HashMap<RoomId, usize> = HashMap::new();
        for room in opened.chain(self.unpinned.iter().copied()) {
            *pins.entry(room).or_default() += 1;
        }
        let pinned = hub.rooms().filter(|room| room.pins > 0).map(|room| (room.id, room.pins));
        assert_eq!(pinned.collect::<HashMap<_, _>>(), pins, "pins and those who need them");
    }

    /// Forgets what a peer waits for.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.waiting.remove(&conn);
        if let Some(Pass::Opened(room)) = self.passes.remove(&conn) {
            self.unpinned.push(room);
        }
    }
}

impl Engine {
    /// Returns the next request for a room that the store must answer, for
    /// [`opened`](Self::opened).
    pub fn take_open_request(&mut self) -> Option<OpenRequest> {
        self.opens.ready.pop_front()
    }

    /// Takes the outcome of a request for a room. Outcomes come in any order, late, or never; an
    /// outcome for which no peer waits is dropped.
    pub fn opened(&mut self, request: &OpenRequest, outcome: OpenOutcome, now: Now) {
        let now = self.world.lived(now);
        let key = Hub::room_key(&request.name);
        let is_it = |opening: &Opening| {
            opening.id == request.id || planted!("outcome-of-a-closed-room-meets-its-successor")
        };
        if self.opens.rooms.get(&key).is_some_and(is_it) {
            self.end_open(&key, outcome, now);
        } else {
            self.metrics.count_stale();
        }
    }

    /// Ends the requests that took too long, and unpins the rooms that no peer waits for.
    pub(super) fn expire_opens(&mut self, now: Now) {
        let late = self.opens.rooms.iter().filter(|(_, opening)| opening.until <= now.tick());
        let late: Vec<Rc<str>> = late.map(|(key, _)| Rc::clone(key)).collect();
        for key in late {
            self.end_open(&key, OpenOutcome::Failed, now);
        }
        for room in std::mem::take(&mut self.opens.unpinned) {
            self.world.hub_mut().unpin_room(room);
            self.settle(now);
        }
    }

    fn end_open(&mut self, key: &Rc<str>, outcome: OpenOutcome, now: Now) {
        let Some(opening) = self.opens.rooms.remove(key) else { return };
        let request = self.opens.ready.iter().position(|request| request.id == opening.id);
        request.and_then(|index| self.opens.ready.remove(index));
        let Opens { waiting, .. } = &mut self.opens;
        let is_here = |conn: &ConnId| waiting.get(conn).is_some_and(|waits| waits == key);
        let mut conns = opening.conns;
        conns.retain(is_here);
        if planted!("waiter-of-an-opened-room-is-forgotten") {
            conns.truncate(1);
        }
        let pins = conns.len() + 1;
        let room = self.world.hub_mut().open_room(key, outcome, pins, now);
        self.settle(now);
        for conn in conns {
            let pass = room.map_or_else(Pass::Refused, Pass::Opened);
            self.opens.waiting.remove(&conn);
            self.opens.passes.insert(conn, pass);
            self.wake_held(conn);
        }
        let Ok(room) = room else { return };
        for HostMessage { sender, bytes, unix_ms } in opening.host {
            let then = Now { unix_ms, ..now };
            // No caller waits for the outcome.
            let _ = self.world.hub_mut().publish_from_host(key, &sender, &bytes, then);
            self.settle(now);
        }
        self.opens.unpinned.push(room);
    }

    /// Decides on an action, if a store keeps the messages.
    pub(super) fn gate(&mut self, conn: ConnId, action: &Action<'_>, now: Now) -> Gate {
        if let Action::Command(id, _) = action {
            match self.opens.passes.remove(&conn) {
                Some(Pass::Opened(room)) => self.opens.unpinned.push(room),
                Some(Pass::Refused(refusal)) => return Gate::Refuse(*id, refusal),
                None => {}
            }
        }
        let wait = if self.world.hub().has_pending() { self.wait_of(conn, action) } else { None };
        if let Some(wait) = wait {
            self.hold(conn, wait);
            return Gate::Wait;
        }
        let Action::Command(id, command) = action else { return Gate::Open };
        match self.world.hub().room_to_open(conn, command, now) {
            None => Gate::Open,
            Some(name) => match self.open_for(name, now) {
                None => Gate::Refuse(*id, Refusal::Unavailable),
                Some((key, opening)) => {
                    opening.conns.push(conn);
                    self.opens.waiting.insert(conn, key);
                    self.world.hub_mut().charge(conn, QUESTION_COST, now);
                    self.hold(conn, Wait::Own);
                    Gate::Wait
                }
            },
        }
    }

    /// Finds the request for a room, or creates one; `None` if there are too many.
    fn open_for(&mut self, name: &str, now: Now) -> Option<(Rc<str>, &mut Opening)> {
        let (until, limits) = (self.patience_ends(now), self.world.limits());
        let (messages, bytes) = (limits.history_messages, limits.history_page());
        let key = Hub::room_key(name);
        let Opens { last, ready, rooms, .. } = &mut self.opens;
        if !rooms.contains_key(&key) {
            if rooms.len() >= OPENS_MAX {
                return None;
            }
            *last = last.next();
            let id = *last;
            ready.push_back(OpenRequest { id, name: name.into(), messages, bytes });
            let opening = Opening { id, until, conns: Vec::new(), host: Vec::new() };
            rooms.insert(Rc::clone(&key), opening);
        }
        let opening = rooms.get_mut(&key)?;
        Some((key, opening))
    }

    /// Queues a message of the program that embeds the relay until the room is opened.
    pub(super) fn say_once_opened(
        &mut self,
        room: &str,
        sender: &str,
        bytes: &[u8],
        now: Now,
    ) -> Result<(), Refusal> {
        self.world.hub().check_host_message(sender, bytes)?;
        let (_, opening) = self.open_for(room, now).ok_or(Refusal::Unavailable)?;
        if opening.host.len() >= HOST_MESSAGES_MAX {
            return Err(Refusal::Unavailable);
        }
        let (sender, bytes, unix_ms) = (sender.into(), bytes.into(), now.unix_ms);
        opening.host.push(HostMessage { sender, bytes, unix_ms });
        Ok(())
    }

    /// True if the peer waits for the store to be read.
    pub(super) fn is_reading(&self, conn: ConnId) -> bool {
        self.opens.has(conn) || self.pages.has_query(conn)
    }
}
