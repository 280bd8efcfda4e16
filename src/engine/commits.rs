//! Commits: messages that a store outside of the relay keeps. The engine hands out appends, takes what
//! came of them, and holds the peers that wait for that.

use super::Engine;
use super::peer::Hold;
use crate::history::{Append, CommitOutcome};
use crate::hub::{Command, Where};
use crate::id::{ConnId, RoomId};
use crate::now::Now;
use crate::session::{Action, Conversation};
use std::collections::{HashMap, VecDeque};

/// Bytes of messages whose outcome is applied in one turn, at most: what one peer may send in one. The
/// rest comes in the next turn.
const OUTCOME_BYTES: usize = crate::limits::READ_MAX;

/// The rooms with outcomes to be applied, and the peers that wait for a room.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// In the order in which the outcomes came.
    rooms: VecDeque<RoomId>,
    waiting: HashMap<RoomId, Waiters>,
}

/// The peers that wait for one room.
#[derive(Debug, Default)]
struct Waiters {
    conns: Vec<ConnId>,
    /// True if one of them waits until nothing is pending. Nothing more is proposed before it has
    /// had its turn, or it might wait for ever.
    is_drained: bool,
}

/// The reason for which a peer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Messages of its own are pending.
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
}

impl Engine {
    /// Has messages kept by a store outside of the relay, from the first one on: see
    /// [`take_append`](Self::take_append).
    pub fn keep_remotely(&mut self) {
        self.world.hub_mut().keep_remotely();
    }

    /// Returns the next messages to be kept, for [`committed`](Self::committed). A room has one append
    /// under way at most.
    pub fn take_append(&mut self) -> Option<Append> {
        self.world.hub_mut().take_append()
    }

    /// Takes what came of the append of a room that is under way. [`expire`](Self::expire) delivers.
    pub fn committed(&mut self, room: RoomId, outcome: CommitOutcome, now: Now) {
        if self.world.hub_mut().committed(room, outcome) && !self.commits.rooms.contains(&room) {
            self.commits.rooms.push_back(room);
        }
        self.settle(self.world.lived(now));
    }

    /// Applies outcomes, up to the budget of a turn.
    pub(super) fn apply_outcomes(&mut self, now: Now) {
        let mut bytes = 0;
        while bytes < OUTCOME_BYTES
            && let Some(room) = self.commits.rooms.front().copied()
        {
            let (weight, has_more) =
                self.world.hub_mut().apply_outcome(room, now).unwrap_or((0, false));
            bytes += weight;
            if !has_more {
                self.commits.rooms.pop_front();
            }
            self.settle(now);
            self.wake_waiters(room);
        }
    }

    /// Reads nothing more from a peer before it need not wait.
    pub(super) fn hold(&mut self, conn: ConnId, wait: Wait) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        peer.held = Some(Hold::Commit);
        let (room, is_drained) = match wait {
            Wait::Own => return,
            Wait::Room(room) => (room, false),
            Wait::Drained(room) => (room, true),
        };
        let waiters = self.commits.waiting.entry(room).or_default();
        waiters.conns.push(conn);
        waiters.is_drained |= is_drained;
    }

    /// The reason for which an action has to wait for a commit, if it has to.
    pub(super) fn wait_of(&self, conn: ConnId, action: &Action<'_>) -> Option<Wait> {
        let own = self.world.hub().pending_room(conn);
        let own_wait = own.map(|_| Wait::Own);
        let command = match action {
            // Nothing is told before its turn by these.
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
                // Answers come in order: those of one room do by themselves.
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

    /// True if nothing more is to be proposed in a room until some outcomes are known.
    fn is_stalled(&self, room: RoomId) -> bool {
        let pending = self.world.hub().pending_bytes(room);
        let is_drained = || self.commits.waiting.get(&room).is_some_and(|w| w.is_drained);
        pending > 0 && (is_drained() || self.is_congested_with(room, pending))
    }

    /// Has the peers that wait for a room read from again, once they need not.
    fn wake_waiters(&mut self, room: RoomId) {
        let Some(waiters) = self.commits.waiting.get(&room) else { return };
        let pending = self.world.hub().pending_bytes(room);
        let is_to_wait = waiters.is_drained || self.is_congested_with(room, pending);
        if pending > 0 && is_to_wait {
            return;
        }
        let waiters = self.commits.waiting.remove(&room).unwrap_or_default();
        for conn in waiters.conns {
            self.wake_held(conn);
        }
    }

    /// Has a peer read from again that waited for a commit. It was not its own silence that it kept.
    pub(super) fn wake_held(&mut self, conn: ConnId) {
        let tick = self.world.now().tick();
        let Some(peer) = self.peers.get_mut(conn).filter(|peer| peer.awaits_commit()) else {
            return;
        };
        peer.held = Some(Hold::Output);
        (peer.heard, peer.pinged) = (tick, false);
        self.listen_again(conn);
    }

    /// True if a message of the peer is pending that it must hear of before anything else.
    pub(super) fn awaits_own(&self, conn: ConnId) -> bool {
        self.world.hub().has_pending() && self.world.hub().pending_room(conn).is_some()
    }

    /// True if the peer is not to be read from at all meanwhile, because it answers from the hub itself.
    pub(super) fn is_behind_own(&self, conn: ConnId) -> bool {
        let peer = self.peers.get(conn);
        peer.is_some_and(|peer| peer.session.answers_from_hub()) && self.awaits_own(conn)
    }
}
