//! How connections end: asked for anywhere, done here, in `reap`.

use super::Engine;
use super::effect::Effect;
use super::offer::{Piece, SLICES};
pub(super) use super::peer::Phase;
use super::peer::{Aside, Closing, Peer};
use crate::id::ConnId;
use crate::limits::LINGER;
use crate::now::{Now, Tick};
use crate::reason::CloseReason;
use crate::session::{Conversation, Fault, Service};
use std::io::IoSlice;
use std::time::Duration;

/// Bytes that a peer may still send after its end before nobody listens to it for politeness' sake.
const DISCARD_MAX: usize = 1 << 20;

/// Least time between two closes of a drain: few peers are let go at once, many are spread out so
/// that they do not all come back at once.
const DRAIN_PACE: Duration = Duration::from_millis(10);

/// The end of the relay, under way.
#[derive(Debug)]
pub(super) struct Drain {
    began: Tick,
    over: Tick,
    /// Still to be closed.
    peers: Vec<ConnId>,
    total: usize,
    now: Tick,
}

impl Drain {
    /// When the next peers are to be closed.
    pub(super) fn next(&self) -> Option<Tick> {
        (!self.peers.is_empty()).then(|| Tick(self.now.0.saturating_add(1)))
    }
}

impl Engine {
    /// Ends a connection, for a reason. The first reason counts; `reap` acts on it.
    pub fn close(&mut self, conn: ConnId, fault: impl Into<Fault>) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let fault = fault.into();
        match peer.closing_mut() {
            None => {
                // Its time does not run before `reap` has seen to it.
                let is_early = planted!("deadline-meets-a-marked-peer");
                let until = if is_early { Tick(0) } else { Tick(u32::MAX) };
                let (phase, discarded) = (Phase::Marked, 0);
                let closing = Closing { fault, phase, until, discarded };
                peer.aside = Some(Box::new(Aside::Closing(closing)));
                self.marked.push(conn);
            }
            Some(closing) if fault.reason == CloseReason::Lost => {
                if closing.phase == Phase::Marked {
                    closing.fault = fault;
                } else {
                    self.mark_done(conn);
                }
            }
            Some(_) => {}
        }
    }

    /// The peer is done. It is closed once it has read what it is owed, history included; or if it
    /// does not read that, as one that does not.
    pub(super) fn let_go(&mut self, conn: ConnId, now: Now) {
        if !self.is_owed(conn) {
            return self.close(conn, CloseReason::PeerClosed);
        }
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.leaving = true;
            self.schedule(conn, now.tick().after(self.limits.ping_grace));
        }
    }

    /// Says farewell to everyone marked: out of their rooms, and their last words laid out.
    pub fn reap(&mut self, now: Now) {
        let now = self.lived(now);
        while let Some(conn) = self.marked.pop() {
            let Some(peer) = self.peers.get(conn) else { continue };
            let Some(closing) = peer.closing() else { continue };
            let fault = closing.fault.clone();
            let owed = match fault.reason {
                CloseReason::Lost => Vec::new(),
                _ => self.last_words(conn, &fault),
            };
            self.hub.depart(conn, fault.reason, now);
            self.settle(now);
            let Some(peer) = self.peers.get_mut(conn) else { continue };
            peer.inbox = None;
            peer.outbox = None;
            if !owed.is_empty() {
                peer.outbox_mut().finish_first(&owed);
            }
            let until = now.tick().after(LINGER);
            if let Some(closing) = peer.closing_mut() {
                (closing.phase, closing.until) = (Phase::Farewell, until);
            }
            self.schedule(conn, until);
            if fault.reason == CloseReason::Lost {
                self.mark_done(conn);
            } else if owed.is_empty() {
                self.farewell_sent(conn);
            } else {
                self.mark_ready(conn);
            }
        }
    }

    /// Everything the peer was owed when its end was asked for, and goodbye.
    fn last_words(&mut self, conn: ConnId, fault: &Fault) -> Vec<u8> {
        // One that fell off its tape is not helped by more of it, beyond the end of a message.
        let is_overrun =
            matches!(fault.reason, CloseReason::SlowConsumer | CloseReason::OutboxFull);
        let mut owed = if is_overrun { self.half_sent(conn) } else { self.lay_out(conn) };
        if let Some(peer) = self.peers.get(conn) {
            peer.session.write_close(fault, &mut owed);
        }
        owed
    }

    /// What has to be finished before anything else can be told: the rest of a message, or the first of
    /// the answers. No whole messages, because some that were to go before them are gone.
    fn half_sent(&mut self, conn: ConnId) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        self.offer(conn, &mut slices);
        let first = slices.first().map_or_else(Vec::new, |slice| slice.to_vec());
        match self.offer.first() {
            Some(Piece::Tape { seat, from, .. }) => {
                let tape = self.tapes.get(seat.tape as usize);
                tape.map_or_else(Vec::new, |tape| tape.rest_at(from).to_vec())
            }
            Some(Piece::Rest(_) | Piece::Private { .. }) => first,
            None => Vec::new(),
        }
    }

    /// Takes everything the peer is owed off its tapes and out of its outbox, in order: whole
    /// messages only, and no more than an outbox holds.
    pub(super) fn lay_out(&mut self, conn: ConnId) -> Vec<u8> {
        let mut owed = Vec::new();
        loop {
            let room = self.limits.outbox.saturating_sub(owed.len());
            let before = owed.len();
            let mut slices = [IoSlice::new(&[]); SLICES];
            let (filled, _) = self.offer(conn, &mut slices);
            for slice in slices.iter().take(filled) {
                let fits = slice.len() <= room.saturating_sub(owed.len() - before);
                if !(fits || owed.is_empty()) {
                    break;
                }
                owed.extend_from_slice(slice);
            }
            let taken = owed.len() - before;
            if taken == 0 {
                break;
            }
            // Not bytes that the kernel took: they are counted when it does.
            if planted!("metric-is-counted-twice") {
                self.metrics.count_sent(taken);
            }
            self.take_offered(conn, taken);
        }
        owed
    }

    /// The last words are with the kernel.
    pub(super) fn farewell_sent(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let ended = peer.ended;
        let Some(closing) = peer.closing_mut() else { return };
        if ended {
            self.mark_done(conn);
        } else {
            closing.phase = Phase::Lingering;
            self.effects.push_back(Effect::Shut(conn));
        }
    }

    /// A peer that was told goodbye has had its time.
    pub(super) fn farewell_due(&mut self, conn: ConnId, now: Tick) {
        let until = self.peers.get(conn).and_then(Peer::closing).map(|closing| closing.until);
        if until.is_some_and(|until| until <= now) {
            self.mark_done(conn);
        }
    }

    /// A peer on its way out sent more.
    pub(super) fn discard(&mut self, conn: ConnId, count: usize) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let Some(closing) = peer.closing_mut() else { return };
        closing.discarded += count;
        if closing.discarded > DISCARD_MAX && closing.phase != Phase::Marked {
            self.mark_done(conn);
        }
    }

    pub(super) fn mark_done(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        if let Some(closing) = peer.closing_mut().filter(|closing| closing.phase != Phase::Done) {
            closing.phase = Phase::Done;
            self.effects.push_back(Effect::Drop(conn, closing.fault.reason));
        }
    }

    /// The socket is gone: frees the slot.
    pub fn release(&mut self, conn: ConnId) {
        if let Some(closing) = self.peers.remove(conn).as_ref().and_then(Peer::closing) {
            self.metrics.count_close(closing.fault.reason);
        }
        if self.drain.is_some() {
            self.let_admins_go();
        }
    }

    fn is_admin(&self, peer: &Peer) -> bool {
        self.services.get(usize::from(peer.service)).is_some_and(Service::is_admin)
    }

    /// Whether nobody is here but those who watch over the relay.
    pub(super) fn is_left_alone(&self) -> bool {
        self.peers.iter().all(|peer| self.is_admin(peer))
    }

    /// Those who watch are the last to go.
    fn let_admins_go(&mut self) {
        if self.is_left_alone() {
            let peers: Vec<ConnId> = self.peers.iter().map(|peer| peer.id).collect();
            for conn in peers {
                self.close(conn, CloseReason::Shutdown);
            }
        }
    }

    /// Begins to end the relay: nobody new, everybody told, then closed evenly.
    pub fn drain(&mut self, now: Now) {
        if self.drain.is_some() {
            return;
        }
        let now = self.lived(now).tick();
        let others = self.peers.iter().filter(|peer| !self.is_admin(peer));
        let peers: Vec<ConnId> = others.map(|peer| peer.id).collect();
        for conn in &peers {
            self.tell(*conn, |session, view, out| session.write_draining(view, out));
        }
        let total = peers.len();
        let pace = DRAIN_PACE * u32::try_from(total).unwrap_or(u32::MAX);
        let over = now.after(pace.min(self.limits.drain_grace));
        self.drain = Some(Drain { began: now, over, peers, total, now });
        self.let_admins_go();
    }

    /// Whether a drain has let everybody go.
    pub fn is_drained(&self) -> bool {
        self.drain.is_some() && self.peers.len() == 0
    }

    /// Closes as many as should be gone by now.
    pub(super) fn expire_drain(&mut self, now: Tick) {
        let Some(drain) = &mut self.drain else { return };
        drain.now = now;
        let span = u64::from((drain.over.0 - drain.began.0).max(1));
        let lived = u64::from(now.0.saturating_sub(drain.began.0) + 1).min(span);
        let keep = drain.total - (drain.total as u64 * lived / span) as usize;
        let gone = drain.peers.split_off(keep.min(drain.peers.len()));
        for conn in gone {
            self.close(conn, CloseReason::Shutdown);
        }
    }

    /// Whether a peer takes part: connected, and not on its way out.
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.peers.get(conn).is_some_and(Peer::is_open)
    }
}
