//! Closes: requested anywhere, carried out in `reap`.

use super::Engine;
use super::offer::{Fit, Piece, SLICES};
use super::outbox::LaidOut;
use super::peer::Peer;
use crate::id::ConnId;
use crate::limits::LINGER;
use crate::now::Now;
use crate::reason::CloseReason;
use crate::session::{Conversation, Fault, Service};
use std::io::IoSlice;

impl Engine {
    /// Closes a connection, for a reason. The first reason counts; `reap` acts on it.
    pub fn close(&mut self, conn: ConnId, fault: impl Into<Fault>) {
        if let Some(peer) = self.peers.get_mut(conn) {
            self.closing.mark(peer, fault.into());
        }
    }

    /// Closes a peer that sends no more requests, once it has read the pending bytes, history
    /// included; or as a slow consumer, if it does not read them.
    pub(super) fn close_when_read(&mut self, conn: ConnId, now: Now) {
        if !self.has_pending(conn) {
            return self.close(conn, CloseReason::PeerClosed);
        }
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.leaving = true;
            self.set_deadline(conn, now.tick().after(self.world.limits().ping_grace));
        }
    }

    /// Removes every marked peer from its rooms, and prepares its final bytes.
    pub fn reap(&mut self, now: Now) {
        let now = self.world.lived(now);
        while let Some(conn) = self.closing.pop_marked() {
            let Some(close) = self.peers.get(conn).and_then(Peer::closing) else { continue };
            let fault = close.fault.clone();
            let owed = match fault.reason {
                CloseReason::Lost => LaidOut::default(),
                _ => self.final_bytes(conn, &fault),
            };
            self.pages.forget(conn);
            self.opens.forget(conn);
            self.world.hub_mut().depart(conn, fault.reason, now);
            self.settle(now);
            let Some(peer) = self.peers.get_mut(conn) else { continue };
            peer.inbox = None;
            peer.outbox = None;
            if !owed.bytes.is_empty() {
                peer.outbox_mut().put_first(&owed);
            }
            let until = now.tick().after(LINGER);
            self.closing.begin_final_bytes(peer, until);
            if fault.reason == CloseReason::Lost {
                self.closing.finish(peer);
            } else if self.has_pending(conn) {
                self.mark_ready(conn);
            } else if let Some(peer) = self.peers.get_mut(conn) {
                self.closing.final_bytes_sent(peer);
            }
            self.set_deadline(conn, until);
        }
    }

    /// Collects everything that was pending for the peer when its close was requested, and the
    /// close message of its protocol.
    fn final_bytes(&mut self, conn: ConnId, fault: &Fault) -> LaidOut {
        // More of a tape does not help an overrun peer, except for the end of a message.
        let is_overrun =
            matches!(fault.reason, CloseReason::SlowConsumer | CloseReason::OutboxFull);
        let mut owed = if is_overrun { self.half_sent(conn) } else { self.lay_out(conn) };
        let before = owed.bytes.len();
        if let Some(peer) = self.peers.get(conn) {
            peer.session.write_close(fault, &mut owed.bytes);
        }
        if let Fit::Messages(max) = self.fit_of(conn) {
            match owed.bytes.len() - before {
                0 => {}
                length if length > max => owed.bytes.truncate(before),
                _ => owed.ends.push(owed.bytes.len()),
            }
        }
        owed
    }

    /// Collects the bytes that must be completed before anything else can be sent: the rest of a
    /// message, or the first of the answers. No whole messages, because some that were to precede
    /// them are gone.
    fn half_sent(&mut self, conn: ConnId) -> LaidOut {
        let is_whole = self.fit_of(conn) != Fit::Bytes;
        let mut slices = [IoSlice::new(&[]); SLICES];
        self.offer(conn, &mut slices);
        let first = slices.first().map_or_else(Vec::new, |slice| slice.to_vec());
        let bytes = match self.offer.first() {
            Some(Piece::Tape { seat, from, .. }) => {
                let tape = self.tapes.get(seat.tape as usize);
                tape.map_or_else(Vec::new, |tape| tape.rest_at(from).to_vec())
            }
            Some(Piece::Rest(_) | Piece::Private { .. }) => first,
            None => Vec::new(),
        };
        let end = Some(bytes.len()).filter(|end| is_whole && *end > 0);
        LaidOut { bytes, ends: end.into_iter().collect() }
    }

    /// Takes everything that is pending for the peer off its tapes and out of its outbox, in order:
    /// whole messages only, and no more than an outbox holds.
    pub(super) fn lay_out(&mut self, conn: ConnId) -> LaidOut {
        let LaidOut { bytes: mut owed, mut ends } = LaidOut::default();
        let is_whole = self.fit_of(conn) != Fit::Bytes;
        loop {
            let room = self.world.limits().outbox.saturating_sub(owed.len());
            let before = owed.len();
            let mut slices = [IoSlice::new(&[]); SLICES];
            let (filled, _) = self.offer(conn, &mut slices);
            for slice in slices.iter().take(filled) {
                let fits = slice.len() <= room.saturating_sub(owed.len() - before);
                if !(fits || owed.is_empty()) {
                    break;
                }
                owed.extend_from_slice(slice);
                ends.extend(is_whole.then_some(owed.len()));
            }
            let taken = owed.len() - before;
            if taken == 0 {
                break;
            }
            // These bytes are not sent yet: they are counted when the kernel accepts them.
            if planted!("metric-is-counted-twice") {
                self.metrics.count_sent(taken);
            }
            self.take_offered(conn, taken);
        }
        LaidOut { bytes: owed, ends }
    }

    /// Frees the slot of a peer whose socket is dropped.
    pub fn release(&mut self, conn: ConnId) {
        if let Some(close) = self.peers.remove(conn).as_ref().and_then(Peer::closing) {
            self.metrics.count_close(close.fault.reason);
        }
        if self.closing.is_draining() {
            self.close_admins();
        }
    }

    fn is_admin(&self, peer: &Peer) -> bool {
        self.world.service_of(peer).is_some_and(Service::is_admin)
    }

    /// True if only peers of admin services are connected.
    pub(super) fn is_left_alone(&self) -> bool {
        self.peers.iter().all(|peer| self.is_admin(peer))
    }

    /// Closes the peers of admin services, if no others are left.
    fn close_admins(&mut self) {
        if self.is_left_alone() {
            let peers: Vec<ConnId> = self.peers.iter().map(|peer| peer.id).collect();
            for conn in peers {
                self.close(conn, CloseReason::Shutdown);
            }
        }
    }

    /// Begins the drain: new peers are refused, all others are notified, then closed evenly.
    pub fn drain(&mut self, now: Now) {
        if self.closing.is_draining() {
            return;
        }
        let now = self.world.lived(now).tick();
        let others = self.peers.iter().filter(|peer| !self.is_admin(peer));
        let peers: Vec<ConnId> = others.map(|peer| peer.id).collect();
        for conn in &peers {
            self.tell(*conn, |session, view, out| session.write_draining(view, out));
        }
        let limits = self.world.limits();
        let times = (limits.drain_grace, limits.drain_hard);
        self.closing.begin_drain(peers, now, times);
        self.close_admins();
    }

    /// True if the relay drains, all peers are gone, and no outcome of a store is pending.
    pub fn is_drained(&self) -> bool {
        self.closing.is_draining()
            && self.peers.len() == 0
            && self.world.hub().is_settled()
            && !self.opens.has_host_messages()
    }

    /// Closes the peers that the drain closes by now. A peer that waits for the outcome of a
    /// message is closed once it has the outcome, or the report that it is unknown.
    pub(super) fn expire_drain(&mut self, now: Now) {
        let is_over = self.closing.is_out_of_patience(now.tick());
        if is_over && self.world.hub().has_pending() {
            self.world.hub_mut().give_up_all();
            self.settle(now);
        }
        for conn in self.closing.take_drained(now.tick()) {
            let is_to_wait = !is_over && self.awaits_outcome(conn);
            if is_to_wait && !planted!("pending-is-forgotten-at-shutdown") {
                self.closing.wait_for_outcome(conn);
            } else {
                self.close(conn, CloseReason::Shutdown);
            }
        }
    }

    /// Continues with a peer after the outcomes of all its messages are known.
    pub(super) fn outcomes_known(&mut self, conn: ConnId) {
        match self.closing.take_waiting(conn) {
            true => self.close(conn, CloseReason::Shutdown),
            false => {
                self.wake_held(conn);
            }
        }
    }

    /// True if a peer is connected, and its close was not requested.
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.peers.get(conn).is_some_and(Peer::is_open)
    }
}
