//! What only somebody outside can answer: whether a password is right, which takes too long for the
//! loop, and what the configuration says by now. Whoever asked is not listened to meanwhile.

use super::Engine;
use super::peer::{Awaited, Peer};
use crate::id::ConnId;
use crate::limits::Limits;
use crate::now::Now;
use crate::password::{Claim, Hash};
use crate::session::irc::{Doing, Irc, Reloaded};
use crate::session::{Service, View};
use std::collections::VecDeque;
use std::iter;
use std::rc::Rc;

/// Hashes whose password is known again: one for each listener and operator that asks for one.
const PROVEN_MAX: usize = 64;

/// Questions for somebody outside. A peer has one at most.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Passwords to be checked of those who are welcome: they go before those at the door, against
    /// whom they perhaps want to be operators.
    inside: VecDeque<(ConnId, Claim)>,
    /// Passwords to be checked of those who are not.
    at_the_door: VecDeque<(ConnId, Claim)>,
    /// Who wants the configuration to be read again.
    reloads: VecDeque<ConnId>,
    /// Hashes whose password has been given, and what stands for it. Else a thousand clients that
    /// come back at once with the password of the relay would wait for each other's.
    proven: Vec<(Hash, u64)>,
}

impl Engine {
    /// Has a claim verified, or knows already.
    pub(super) fn verify(&mut self, conn: ConnId, claim: Claim, now: Now) {
        let seal = self.hub.seal(&claim);
        let is_known = |(hash, proof): &(Hash, u64)| *hash == claim.hash && *proof == seal;
        if self.claims.proven.iter().any(is_known) {
            return self.let_go_on(conn, now, |irc, view| irc.verified(true, view));
        }
        self.queue(conn, claim);
    }

    fn queue(&mut self, conn: ConnId, claim: Claim) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        peer.wait_for(Awaited::Answer);
        let Claims { inside, at_the_door, .. } = &mut self.claims;
        let queue = if peer.session.is_greeted() { inside } else { at_the_door };
        queue.push_back((conn, claim));
    }

    /// The next password to be checked, for [`verified`](Self::verified).
    pub fn take_claim(&mut self) -> Option<(ConnId, Claim)> {
        let Claims { inside, at_the_door, .. } = &mut self.claims;
        let peers = &self.peers;
        let mut claims = iter::from_fn(|| inside.pop_front().or_else(|| at_the_door.pop_front()));
        // Whoever is gone does not cost a check.
        claims.find(|(conn, _)| peers.get(*conn).is_some_and(Peer::is_heard))
    }

    /// Whether a claim that the peer made holds.
    pub fn verified(&mut self, conn: ConnId, claim: &Claim, holds: bool, now: Now) {
        let now = self.lived(now);
        if holds {
            self.prove(claim);
        }
        self.answered(conn, now, |irc, view| irc.verified(holds, view));
    }

    /// From now on the password behind that hash is known. Whoever waits with the same asks once
    /// more, each when its turn comes.
    fn prove(&mut self, claim: &Claim) {
        let proven = &mut self.claims.proven;
        if proven.iter().any(|(hash, _)| *hash == claim.hash) || proven.len() >= PROVEN_MAX {
            return;
        }
        proven.push((claim.hash.clone(), self.hub.seal(claim)));
        let Claims { inside, at_the_door, .. } = &mut self.claims;
        let waiting = inside.drain(..).chain(at_the_door.drain(..)).collect::<Vec<_>>();
        for (conn, other) in waiting {
            if other != *claim {
                self.queue(conn, other);
                continue;
            }
            let Some(peer) = self.peers.get_mut(conn) else { continue };
            if let Some(irc) = peer.session.irc() {
                irc.do_first(Doing::Verify(other));
            }
            self.listen_again(conn);
        }
    }

    /// The peer wants the configuration to be read again.
    pub(super) fn ask_reload(&mut self, conn: ConnId) {
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.wait_for(Awaited::Answer);
            self.claims.reloads.push_back(conn);
        }
    }

    /// The next peer that wants the configuration to be read again, for [`reloaded`](Self::reloaded).
    pub fn take_reload(&mut self) -> Option<ConnId> {
        self.claims.reloads.pop_front()
    }

    /// What came of it.
    pub fn reloaded(&mut self, conn: ConnId, reloaded: &Reloaded, now: Now) {
        let now = self.lived(now);
        self.answered(conn, now, |irc, view| irc.reloaded(reloaded, view));
    }

    /// From now on the relay works like this. The services are those it was made with, each with
    /// other options at most.
    pub fn reconfigure(&mut self, services: Vec<Service>, limits: Limits) {
        debug_assert_eq!(services.len(), self.services.len());
        for (service, other) in self.services.iter_mut().zip(services) {
            service.adopt(other);
        }
        self.limits = Rc::new(limits);
        self.hub.reconfigure(Rc::clone(&self.limits));
        self.claims.proven.clear();
    }

    /// A peer that waited has its answer, and is listened to again.
    fn answered(&mut self, conn: ConnId, now: Now, tell: impl FnOnce(&mut Irc, &View<'_>)) {
        let Some(peer) = self.peers.get_mut(conn) else {
            self.counts.stale += 1;
            return;
        };
        peer.answered();
        if peer.is_heard() {
            self.let_go_on(conn, now, tell);
            self.go_on(conn, now);
            self.listen_again(conn);
        }
    }

    /// A peer no longer waits for an answer.
    fn listen_again(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        peer.answered();
        let owed_max = self.limits.outbox_soft_for(peer.session.is_greeted());
        if peer.held && !peer.is_to_wait(owed_max) {
            peer.held = false;
            self.resumable.push_back(conn);
        }
    }

    /// Lets a session know what it waited for; what comes of it is among its doings.
    fn let_go_on(&mut self, conn: ConnId, now: Now, tell: impl FnOnce(&mut Irc, &View<'_>)) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let Some(service) = self.services.get(usize::from(peer.service)) else { return };
        let (hub, limits) = (&self.hub, &*self.limits);
        let Now { unix_ms, running } = now;
        let view = View { hub, limits, service, conn, unix_ms, running };
        if let Some(irc) = peer.session.irc() {
            tell(irc, &view);
        }
    }
}
