//! The order in which peers are flushed.

use super::peer::{Peer, Peers};
use super::tape::Tape;
use super::tapes::Tapes;
use crate::id::ConnId;
use std::collections::{HashSet, VecDeque};

/// The visits that a lane gets before the next lane has its turn. Small rooms are finished within
/// one; a big room's flush continues between them.
const QUANTUM: usize = 64;

/// A queue of peers to flush. Lanes take turns, so that no peer waits for all of a big room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// Peers with pending bytes of their own, or that became writable again.
    Ready,
    /// The members of a tape that was appended to, by the tape's round.
    Tape(usize),
}

/// The peers to flush, in the order of their turns.
///
/// Invariants: a peer waits in the ready lane once, or not at all, as its `ready` says, and leaves
/// it with its turn; an id whose peer is gone is skipped. The ready lane is among the lanes, once,
/// while a peer waits in it. A tape with a round under way has a lane. Only a writable peer is
/// returned: it is open or has final bytes to send, and its kernel accepts more.
#[derive(Debug)]
pub(super) struct Schedule {
    lanes: VecDeque<Lane>,
    ready: VecDeque<ConnId>,
    /// The visits left for the first lane.
    quantum: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { lanes: VecDeque::new(), ready: VecDeque::new(), quantum: QUANTUM }
    }
}

impl Schedule {
    /// True if no peer needs a flush.
    pub(super) fn is_empty(&self) -> bool {
        debug_assert!(self.ready.is_empty() || self.lanes.contains(&Lane::Ready));
        self.lanes.is_empty()
    }

    /// Returns the next peer to flush.
    pub(super) fn next(&mut self, peers: &mut Peers, tapes: &mut Tapes) -> Option<ConnId> {
        while let Some(lane) = self.lanes.front().copied() {
            let next = match lane {
                Lane::Ready => self.next_ready(peers),
                Lane::Tape(key) => tapes.next_in_round(key, &mut self.quantum),
            };
            match next {
                Some(conn) if peers.get(conn).is_some_and(Peer::is_writable) => return Some(conn),
                Some(_) => {}
                None => self.next_lane(lane, tapes),
            }
        }
        None
    }

    fn next_ready(&mut self, peers: &mut Peers) -> Option<ConnId> {
        self.quantum = self.quantum.checked_sub(1)?;
        let conn = self.ready.pop_front()?;
        if let Some(peer) = peers.get_mut(conn) {
            debug_assert!(peer.ready, "a peer that waits is marked");
            peer.ready = false;
        }
        Some(conn)
    }

    /// Ends the turn of the first lane. It goes to the back if it has more.
    fn next_lane(&mut self, lane: Lane, tapes: &Tapes) {
        self.quantum = QUANTUM;
        self.lanes.pop_front();
        let has_more = match lane {
            Lane::Ready => !self.ready.is_empty(),
            Lane::Tape(key) => tapes.has_round(key),
        };
        if has_more {
            self.lanes.push_back(lane);
        }
    }

    /// Puts a peer in the ready lane, unless it waits there or its kernel accepts no more.
    pub(super) fn mark_ready(&mut self, peer: &mut Peer) {
        if peer.ready || peer.blocked {
            return;
        }
        peer.ready = true;
        if self.ready.is_empty() && !self.lanes.contains(&Lane::Ready) {
            self.lanes.push_back(Lane::Ready);
        }
        self.ready.push_back(peer.id);
    }

    /// Adds a lane for a tape whose round begins.
    pub(super) fn begin_round(&mut self, tape: usize) {
        self.lanes.push_back(Lane::Tape(tape));
    }

    /// True if the peer's turn will come, in the ready lane or in the round of a tape.
    pub(super) fn will_visit(&self, peer: &Peer, tapes: &Tapes) -> bool {
        peer.ready
            || peer.seats.iter().any(|seat| {
                let will_visit = |tape: &Tape| tape.will_visit(seat.index as usize);
                tapes.has_pending(*seat) && tapes.get(seat.tape as usize).is_some_and(will_visit)
            })
    }

    /// Checks the invariants above. It visits every peer and tape.
    ///
    /// # Panics
    /// When one does not hold.
    pub(super) fn assert_invariants(&self, peers: &Peers, tapes: &Tapes) {
        let mut waiting = HashSet::new();
        for peer in self.ready.iter().filter_map(|conn| peers.get(*conn)) {
            assert!(peer.ready && waiting.insert(peer.id), "{} waits once", peer.id);
        }
        let marked = peers.iter().filter(|peer| peer.ready).count();
        assert_eq!(marked, waiting.len(), "a peer marked ready waits in the ready lane");
        let ready = self.lanes.iter().filter(|lane| **lane == Lane::Ready).count();
        assert!(ready <= 1 && (ready == 1 || self.ready.is_empty()), "the ready lane has turns");
        for key in tapes.rounds() {
            assert!(self.lanes.contains(&Lane::Tape(key)), "a round without a lane");
        }
        assert!(self.quantum <= QUANTUM);
    }
}
