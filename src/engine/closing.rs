//! The closing peers, and the drain of the relay.

use super::peer::{Aside, Close, Peer, Peers, Phase};
use crate::id::ConnId;
use crate::limits::LINGER;
use crate::now::Tick;
use crate::reason::CloseReason;
use crate::session::Fault;
use std::collections::HashSet;
use std::time::Duration;

/// Bytes that a peer may still send after its close before its socket is dropped all the same.
const DISCARD_MAX: usize = 1 << 20;

/// The time per peer that a drain takes at most. Few peers are closed at once; many are spread out,
/// so that they do not all reconnect at once.
const DRAIN_PACE: Duration = Duration::from_millis(10);

/// The closing peers, by their next step, and the drain.
///
/// Invariants: a peer's [`Phase`] only moves forward. A marked peer is in `marked`, once. A peer is in
/// `shut` at most once, after its final bytes were sent. A peer that is done is in `done`, once, until
/// it is taken from there and released.
#[derive(Debug, Default)]
pub(super) struct Closing {
    marked: Vec<ConnId>,
    shut: Vec<ConnId>,
    done: Vec<ConnId>,
    drain: Option<Drain>,
}

/// The drain of the relay: peers are closed evenly until it is over.
///
/// Invariant: it begins before it is over, and no more peers are left than there were.
#[derive(Debug)]
struct Drain {
    began: Tick,
    over: Tick,
    /// The peers still to be closed.
    peers: Vec<ConnId>,
    /// The peers that are closed once the outcome of their messages is known.
    waiting: HashSet<ConnId>,
    /// The time at which these peers receive an unknown outcome, early enough to read it.
    unknown_at: Tick,
    total: usize,
    now: Tick,
}

impl Closing {
    /// True if a peer needs work at once.
    pub(super) fn is_pressing(&self) -> bool {
        [&self.marked, &self.shut, &self.done].iter().any(|list| !list.is_empty())
    }

    /// Marks a peer to be closed. The first reason counts, except for a broken connection, and for
    /// a peer that can no longer receive all pending bytes.
    pub(super) fn mark(&mut self, peer: &mut Peer, fault: Fault) {
        match peer.closing_mut() {
            None => {
                // The time limit starts when `reap` has handled the peer.
                let is_early = planted!("deadline-meets-a-marked-peer");
                let until = if is_early { Tick(0) } else { Tick(u32::MAX) };
                let close = Close { fault, phase: Phase::Marked, until, discarded: 0 };
                peer.aside = Some(Box::new(Aside::Closing(close)));
                self.marked.push(peer.id);
            }
            // The peer was overrun since: the rest of the pending bytes has a hole.
            Some(close) if fault.reason == CloseReason::SlowConsumer => {
                if close.phase == Phase::Marked && close.fault.reason != CloseReason::Lost {
                    close.fault = fault;
                }
            }
            Some(close) if fault.reason == CloseReason::Lost => {
                if close.phase == Phase::Marked {
                    close.fault = fault;
                } else {
                    self.finish(peer);
                }
            }
            Some(_) => {}
        }
    }

    /// Takes the next marked peer. [`begin_final_bytes`](Self::begin_final_bytes) must follow.
    pub(super) fn pop_marked(&mut self) -> Option<ConnId> {
        self.marked.pop()
    }

    /// Records that a peer's final bytes are prepared. The socket is dropped at `until` at the
    /// latest.
    pub(super) fn begin_final_bytes(&mut self, peer: &mut Peer, until: Tick) {
        if let Some(close) = peer.closing_mut() {
            debug_assert_eq!(close.phase, Phase::Marked);
            (close.phase, close.until) = (Phase::FinalBytes, until);
        }
    }

    /// Records that the kernel has accepted a peer's final bytes.
    pub(super) fn final_bytes_sent(&mut self, peer: &mut Peer) {
        if peer.ended {
            return self.finish(peer);
        }
        if let Some(close) = peer.closing_mut() {
            debug_assert_eq!(close.phase, Phase::FinalBytes);
            close.phase = Phase::Lingering;
            self.shut.push(peer.id);
        }
    }

    /// Counts bytes that a closing peer sent. Too many end its wait.
    pub(super) fn discard(&mut self, peer: &mut Peer, count: usize) {
        let Some(close) = peer.closing_mut() else { return };
        close.discarded += count;
        if close.discarded > DISCARD_MAX && close.phase != Phase::Marked {
            self.finish(peer);
        }
    }

    /// Ends a closing peer's wait if its time is over.
    pub(super) fn expire(&mut self, peer: &mut Peer, now: Tick) {
        if peer.closing().is_some_and(|close| close.until <= now) {
            self.finish(peer);
        }
    }

    /// Ends a closing peer's wait: its socket can be dropped.
    pub(super) fn finish(&mut self, peer: &mut Peer) {
        if let Some(close) = peer.closing_mut().filter(|close| close.phase != Phase::Done) {
            debug_assert!(close.phase != Phase::Marked, "{} has not left its rooms", peer.id);
            close.phase = Phase::Done;
            self.done.push(peer.id);
        }
    }

    /// Takes the next peer whose socket must be shut for writing.
    pub(super) fn pop_shut(&mut self) -> Option<ConnId> {
        self.shut.pop()
    }

    /// Takes the next peer whose socket must be dropped.
    pub(super) fn pop_done(&mut self) -> Option<ConnId> {
        self.done.pop()
    }

    /// True if the relay drains.
    pub(super) fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// Begins the drain: these peers are closed evenly, within `grace`, and those that wait for an outcome
    /// before `hard` is over.
    pub(super) fn begin_drain(
        &mut self,
        peers: Vec<ConnId>,
        now: Tick,
        (grace, hard): (Duration, Duration),
    ) {
        let total = peers.len();
        let pace = DRAIN_PACE * u32::try_from(total).unwrap_or(u32::MAX);
        let over = now.after(pace.min(grace));
        let unknown_at = now.after(hard.saturating_sub(LINGER));
        let waiting = HashSet::new();
        self.drain = Some(Drain { began: now, over, peers, waiting, unknown_at, total, now });
    }

    /// Returns the time at which the drain closes the next peers.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        let drain = self.drain.as_ref()?;
        let next = Tick(drain.now.0.saturating_add(1));
        match drain.peers.is_empty() {
            false => Some(next),
            true => (!drain.waiting.is_empty()).then(|| drain.unknown_at.max(next)),
        }
    }

    /// Marks a peer to be closed once the outcome of its messages is known.
    pub(super) fn wait_for_outcome(&mut self, conn: ConnId) {
        if let Some(drain) = &mut self.drain {
            drain.waiting.insert(conn);
        }
    }

    /// Takes out a peer whose outcomes are known now. True if it was to be closed then.
    pub(super) fn take_waiting(&mut self, conn: ConnId) -> bool {
        self.drain.as_mut().is_some_and(|drain| drain.waiting.remove(&conn))
    }

    /// True if the drain no longer waits for outcomes.
    pub(super) fn is_out_of_patience(&self, now: Tick) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.unknown_at <= now)
    }

    /// Takes the peers that the drain closes by now.
    pub(super) fn take_drained(&mut self, now: Tick) -> Vec<ConnId> {
        let Some(drain) = &mut self.drain else { return Vec::new() };
        drain.now = now;
        let span = u64::from((drain.over.0 - drain.began.0).max(1));
        let lived = u64::from(now.0.saturating_sub(drain.began.0) + 1).min(span);
        let keep = drain.total - (drain.total as u64 * lived / span) as usize;
        drain.peers.split_off(keep.min(drain.peers.len()))
    }

    /// Checks the invariants above. It visits every peer.
    ///
    /// # Panics
    /// When one does not hold, or a peer was taken from `done` and not released.
    pub(super) fn assert_invariants(&self, peers: &Peers) {
        let phase = |conn: &ConnId| peers.get(*conn).and_then(Peer::phase);
        for (list, expected) in [(&self.marked, Phase::Marked), (&self.done, Phase::Done)] {
            let unique: HashSet<ConnId> = list.iter().copied().collect();
            assert_eq!(unique.len(), list.len(), "a peer is {expected:?} once");
            assert!(list.iter().all(|conn| phase(conn) == Some(expected)), "{expected:?}");
            let all = peers.iter().filter(|peer| peer.phase() == Some(expected)).count();
            assert_eq!(all, list.len(), "a peer that is {expected:?} and forgotten");
        }
        let is_shut = |conn| matches!(phase(conn), Some(Phase::Lingering | Phase::Done));
        assert!(self.shut.iter().all(is_shut), "a socket is shut before its final bytes are sent");
        if let Some(drain) = &self.drain {
            assert!(drain.began <= drain.over && drain.peers.len() <= drain.total);
        }
    }
}
