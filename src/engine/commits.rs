//! Commits: messages that a store outside of the relay keeps. The engine hands out appends, takes
//! their outcomes, and pauses the peers that wait for them.

use super::Engine;
use super::peer::Hold;
use crate::history::CommitOutcome;
use crate::hub::{Append, Command, Where};
use crate::id::{ConnId, RoomId};
use crate::now::Now;
use crate::session::{Action, Conversation};
use std::collections::{HashMap, HashSet, VecDeque};

/// The most bytes of messages whose outcome is applied in one turn: as many as one peer may send in
/// one. The others follow in the next turn. A message counts once for each dialect of its room, and
/// at least once.
pub(super) const OUTCOME_BYTES: usize = crate::limits::READ_MAX;

/// The rooms with outcomes to apply, and the peers that wait for a room.
///
/// Invariant: a room waits in `rooms` once, or not at all, as `queued` says.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// The rooms take turns, so that none waits for all messages of another.
    rooms: VecDeque<RoomId>,
    queued: HashSet<RoomId>,
    waiting: HashMap<RoomId, Waiters>,
}

/// The peers that wait for one room.
#[derive(Debug, Default)]
struct Waiters {
    conns: Vec<ConnId>,
    /// Peers that wait until nothing is pending. No more is proposed before their turn, or they
    /// might wait for ever.
    drained: Vec<ConnId>,
}

/// The reason why a peer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The peer's own messages are pending.
    Own,
    /// Too much is pending in this room.
    Room(RoomId),
    /// Anything is pending in this room.
    Drained(RoomId),
}

impl Commits {
    /// True if outcomes are left for the next turn.
    pub(super) fn is_pressing(&self) -> bool {
        !self.rooms.is_empty()
    }

    fn queue(&mut self, room: RoomId) {
        if self.queued.insert(room) {
            self.rooms.push_back(room);
        }
    }

    /// Checks the invariant.
    ///
    /// # Panics
    /// When it does not hold.
    pub(super) fn assert_invariants(&self) {
        let rooms: HashSet<RoomId> = self.rooms.iter().copied().collect();
        assert_eq!(rooms, self.queued, "a room that has outcomes is queued");
        assert_eq!(rooms.len(), self.rooms.len(), "a room is queued once");
    }
}

impl Engine {
    /// Switches to a store outside of the relay that keeps all messages, from the first one on: see
    /// [`take_append`](Self::take_append).
    pub fn keep_remotely(&mut self) {
        self.world.hub_mut().keep_remotely();
    }

    /// Returns the next messages to keep, for [`committed`](Self::committed). A room has one append
    /// under way at most.
    pub fn take_append(&mut self) -> Option<Append> {
        self.world.hub_mut().take_append()
    }

    /// Takes the outcome of a room's append that is under way. [`expire`](Self::expire) delivers
    /// the messages.
    pub fn committed(&mut self, room: RoomId, outcome: CommitOutcome, now: Now) {
        if self.world.hub_mut().committed(room, outcome, now) {
            self.commits.queue(room);
        }
        self.settle(self.world.lived(now));
    }

    /// Applies outcomes, up to the budget of a turn: one message of each room in turn. A room whose
    /// flush is far behind waits for the flush: otherwise members that read at a normal speed would
    /// be overrun.
    pub(super) fn apply_outcomes(&mut self, now: Now) {
        let (mut cost, mut behind) = (0, VecDeque::new());
        while cost < OUTCOME_BYTES
            && let Some(room) = self.commits.rooms.pop_front()
        {
            if self.is_congested(room) {
                behind.push_back(room);
                continue;
            }
            let dialects = self.tapes.of_room(room).len().max(1);
            let applied = self.world.hub_mut().apply_outcome(room, now);
            if let Some((is_kept, took)) = applied.and_then(|applied| applied.outcome) {
                self.metrics.record_commit(is_kept, took);
            }
            cost += applied.map_or(0, |applied| applied.weight) * dialects;
            if applied.is_some_and(|applied| applied.has_more) {
                self.commits.rooms.push_back(room);
            } else {
                self.commits.queued.remove(&room);
            }
            self.settle(now);
            self.wake_waiters(room, now);
        }
        // These rooms come first in the next turn.
        if !behind.is_empty() {
            behind.append(&mut self.commits.rooms);
            self.commits.rooms = behind;
        }
    }

    /// Pauses reading from a peer until it need not wait.
    pub(super) fn hold(&mut self, conn: ConnId, wait: Wait) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        peer.held = Some(Hold::Commit);
        let (room, is_drained) = match wait {
            Wait::Own => return,
            Wait::Room(room) => (room, false),
            Wait::Drained(room) => (room, true),
        };
        let waiters = self.commits.waiting.entry(room).or_default();
        let conns = if is_drained { &mut waiters.drained } else { &mut waiters.conns };
        conns.push(conn);
    }

    /// Returns the reason why an action must wait for a commit, if it must.
    pub(super) fn wait_of(&self, conn: ConnId, action: &Action<'_>) -> Option<Wait> {
        let own = self.world.hub().pending_room(conn);
        let own_wait = own.map(|_| Wait::Own);
        let command = match action {
            // These actions send no answer out of order.
            Action::Nothing | Action::Charge(_) | Action::Close(_) => return None,
            Action::Finish if planted!("hang-up-forgets-pending-commits") => return None,
            Action::Command(_, command) => command,
            _ => return own_wait,
        };
        let drained = |room: RoomId| {
            (self.world.hub().pending_bytes(room) > 0).then_some(Wait::Drained(room))
        };
        match command {
            Command::Publish { room, sender, .. } => {
                let room = match room {
                    Where::Joined(room) => Some(*room),
                    Where::Named(name) => self.world.hub().find(name),
                };
                // Answers must come in order. The answers of one room do so by themselves.
                let is_elsewhere = own.is_some() && own != room;
                if is_elsewhere
                    || room.is_some_and(|room| self.world.hub().is_repeat(conn, room, sender))
                {
                    return own_wait;
                }
                room.filter(|room| self.is_stalled(*room)).map(Wait::Room)
            }
            _ if own.is_some() => own_wait,
            Command::Topic { room, .. }
            | Command::Change { room, .. }
            | Command::Invite { room, .. }
            | Command::Kick { room, .. } => drained(*room),
            Command::Join { room, .. } | Command::Listen { room, .. } => {
                let room = self.world.hub().find(room)?;
                if self.world.hub().is_closing(room) { drained(room) } else { None }
            }
            _ => None,
        }
    }

    /// True if no more may be proposed in a room until some outcomes are known.
    fn is_stalled(&self, room: RoomId) -> bool {
        let pending = self.world.hub().pending_bytes(room);
        let is_drained = || self.commits.waiting.get(&room).is_some_and(|w| !w.drained.is_empty());
        pending > 0 && (is_drained() || self.is_congested_with(room, pending))
    }

    /// Resumes reading from the peers that waited for a room, if they need not wait any longer.
    fn wake_waiters(&mut self, room: RoomId, now: Now) {
        let Some(waiters) = self.commits.waiting.get(&room) else { return };
        let pending = self.world.hub().pending_bytes(room);
        let is_to_wait = !waiters.drained.is_empty() || self.is_congested_with(room, pending);
        if pending > 0 && is_to_wait {
            return;
        }
        let Waiters { conns, drained } = self.commits.waiting.remove(&room).unwrap_or_default();
        // At once, because a peer that is read before them may propose a message again.
        for conn in drained {
            if self.wake_held(conn) {
                self.carry_out_paused(conn, now);
            }
        }
        if planted!("paused-room-is-never-resumed") {
            return;
        }
        for conn in conns {
            self.wake_held(conn);
        }
    }

    /// Resumes reading from a peer that waited for a commit. The wait does not count as the peer's
    /// silence. Returns false if the peer did not wait.
    pub(super) fn wake_held(&mut self, conn: ConnId) -> bool {
        let tick = self.world.now().tick();
        // The peer first waits for its page or room.
        let is_reading = self.is_reading(conn);
        let peer = self.peers.get_mut(conn).filter(|peer| peer.awaits_commit() && !is_reading);
        let Some(peer) = peer else { return false };
        peer.held = Some(Hold::Output);
        (peer.heard, peer.pinged) = (tick, false);
        self.listen_again(conn);
        true
    }

    /// True if a message of the peer is pending whose outcome it must receive before any other
    /// answer.
    pub fn awaits_outcome(&self, conn: ConnId) -> bool {
        self.world.hub().has_pending() && self.world.hub().pending_room(conn).is_some()
    }

    /// True if the peer must not be read from meanwhile, because its session answers from the hub
    /// itself.
    pub(super) fn is_behind_own(&self, conn: ConnId) -> bool {
        let peer = self.peers.get(conn);
        peer.is_some_and(|peer| peer.session.answers_from_hub()) && self.awaits_outcome(conn)
    }
}
