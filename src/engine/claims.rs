//! What only somebody outside can answer: whether a password is right, which takes too long for the
//! loop, and what the configuration says by now. Whoever asked is not listened to meanwhile.

use super::Engine;
use super::peer::{Awaited, Peer};
use crate::id::{ConnId, RequestId};
use crate::limits::Limits;
use crate::now::Now;
use crate::password::{Claim, Hash};
use crate::session::{Action, Conversation, Job, Outcome, Reloaded, Service};
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
    inside: VecDeque<Asked>,
    /// Passwords to be checked of those who are not.
    at_the_door: VecDeque<Asked>,
    /// Who wants the configuration to be read again.
    reloads: VecDeque<ConnId>,
    /// The request of each peer that has one under way.
    under_way: Vec<(ConnId, RequestId)>,
    /// Hashes whose password has been given, and what stands for it. Else a thousand clients that
    /// come back at once with the password of the relay would wait for each other's.
    proven: Vec<(Hash, u64)>,
}

/// A password to be checked, and for which request of which peer.
type Asked = (ConnId, RequestId, Claim);

impl Engine {
    /// Has a password checked, or knows already.
    pub(super) fn verify(&mut self, conn: ConnId, id: RequestId, claim: Claim) {
        let seal = self.hub.seal(&claim);
        let is_known = |(hash, proof): &(Hash, u64)| *hash == claim.hash && *proof == seal;
        if self.claims.proven.iter().any(is_known) {
            return self.complete(conn, id, Outcome::Verified(true));
        }
        self.queue((conn, id, claim));
    }

    fn queue(&mut self, asked: Asked) {
        let Some(peer) = self.peers.get_mut(asked.0) else { return };
        peer.wait_for(Awaited::Answer);
        let Claims { inside, at_the_door, .. } = &mut self.claims;
        let queue = if peer.session.is_greeted() { inside } else { at_the_door };
        queue.push_back(asked);
    }

    /// Returns the next password to be checked, for [`verified`](Self::verified).
    pub fn take_claim(&mut self) -> Option<(ConnId, Claim)> {
        let Claims { inside, at_the_door, under_way, .. } = &mut self.claims;
        let peers = &self.peers;
        let mut claims = iter::from_fn(|| inside.pop_front().or_else(|| at_the_door.pop_front()));
        // Whoever is gone does not cost a check.
        let (conn, id, claim) =
            claims.find(|(conn, ..)| peers.get(*conn).is_some_and(Peer::is_heard))?;
        under_way.push((conn, id));
        Some((conn, claim))
    }

    /// Takes the outcome of a check that the peer asked for.
    pub fn verified(&mut self, conn: ConnId, claim: &Claim, holds: bool, now: Now) {
        if holds {
            self.prove(claim);
        }
        self.job_done(conn, Outcome::Verified(holds), now);
    }

    /// Notes that the password behind that hash is known from now on. Whoever waits with the same asks
    /// once more, each when its turn comes.
    fn prove(&mut self, claim: &Claim) {
        let proven = &mut self.claims.proven;
        if proven.iter().any(|(hash, _)| *hash == claim.hash) || proven.len() >= PROVEN_MAX {
            return;
        }
        proven.push((claim.hash.clone(), self.hub.seal(claim)));
        let Claims { inside, at_the_door, .. } = &mut self.claims;
        let waiting = inside.drain(..).chain(at_the_door.drain(..)).collect::<Vec<_>>();
        for (conn, id, other) in waiting {
            if other != *claim {
                self.queue((conn, id, other));
                continue;
            }
            let Some(peer) = self.peers.get_mut(conn) else { continue };
            peer.answered();
            peer.pause(Action::Job(id, Job::VerifyPassword(other)));
            self.listen_again(conn);
        }
    }

    /// Has the configuration read again.
    pub(super) fn ask_reload(&mut self, conn: ConnId, id: RequestId) {
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.wait_for(Awaited::Answer);
            self.claims.under_way.push((conn, id));
            self.claims.reloads.push_back(conn);
        }
    }

    /// Returns the next peer that wants the configuration to be read again, for
    /// [`reloaded`](Self::reloaded).
    pub fn take_reload(&mut self) -> Option<ConnId> {
        self.claims.reloads.pop_front()
    }

    /// Takes what came of reading the configuration again.
    pub fn reloaded(&mut self, conn: ConnId, reloaded: &Reloaded, now: Now) {
        self.job_done(conn, Outcome::Reloaded(reloaded.clone()), now);
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

    /// Tells a peer the outcome that it waited for, and reads from it again.
    fn job_done(&mut self, conn: ConnId, outcome: Outcome, now: Now) {
        let now = self.lived(now);
        let under_way = &mut self.claims.under_way;
        let asked = under_way.iter().position(|(asker, _)| *asker == conn);
        let asked = asked.map(|index| under_way.swap_remove(index).1);
        let Some(peer) = self.peers.get_mut(conn) else {
            self.counts.stale += 1;
            return;
        };
        peer.answered();
        if let Some(id) = asked.filter(|_| peer.is_heard()) {
            self.complete(conn, id, outcome);
            self.go_on(conn, now);
            self.listen_again(conn);
        }
    }
}
