//! Jobs: work that may block. Workers outside of the engine do it; each job ends with one outcome.
//!
//! ```text
//! Action::Job → waiting (by address) → Effect::Job(id, job) → running → completed(id, outcome)
//! ```
//!
//! A peer has one job at most and is not read until its outcome arrives, so that the number of
//! connections bounds the jobs. A job whose owner is gone is not started.

use super::Engine;
use super::effect::Effect;
use super::peer::{Awaited, Peer, Peers};
use crate::id::{ConnId, JobId, RequestId};
use crate::now::{Now, Tick};
use crate::password::{Claim, Hash};
use crate::session::{Action, Conversation, Job, Outcome};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The most hashes whose password is remembered as checked: one for each listener and operator that
/// requires a password.
const PROVEN_MAX: usize = 64;

/// The time after which an owner no longer waits for a job. Checking a password takes tens of
/// milliseconds; reading a configuration takes as long as the disk needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The side that waits for the outcome of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobOwner {
    /// A request of a peer. If the peer is gone, the outcome is dropped.
    Peer(ConnId, RequestId),
    /// The relay itself.
    Relay,
}

/// The jobs that wait for a worker, and those that a worker has.
///
/// Invariant: a peer owns one job at most, and one if and only if it waits for an answer.
#[derive(Debug)]
pub(super) struct Jobs {
    /// Jobs of the relay itself. They start before all others.
    relay: VecDeque<Job>,
    /// Jobs of peers that have logged in: password guesses before login must not delay operators.
    greeted: Turns,
    /// Jobs of the other peers. The two queues take turns: password guesses by logged-in peers must
    /// not delay others either.
    newcomers: Turns,
    /// True if the last job started for a peer was that of a logged-in peer.
    is_newcomers_turn: bool,
    /// Jobs that a worker has, the oldest first.
    running: VecDeque<Running>,
    /// The number of jobs that the workers do at once.
    at_once: usize,
    last: JobId,
    /// Hashes whose password was accepted, with a number derived from it. Otherwise a thousand
    /// clients that reconnect at once with the relay's password would wait for each other's checks.
    proven: Vec<(Hash, u64)>,
}

/// A job that waits for a worker.
#[derive(Debug)]
struct Waiting {
    conn: ConnId,
    request: RequestId,
    job: Job,
}

/// A job that a worker has.
#[derive(Debug)]
struct Running {
    id: JobId,
    /// The owner; `None` after it was notified that the job took too long.
    owner: Option<JobOwner>,
    job: Job,
    until: Tick,
}

/// The waiting jobs, by the address of their peer. Addresses take turns, so that one address does
/// not delay the others.
///
/// Invariant: an address is in `order` once if it has jobs, and not otherwise.
#[derive(Debug, Default)]
struct Turns {
    jobs: HashMap<u64, VecDeque<Waiting>>,
    order: VecDeque<u64>,
}

impl Turns {
    fn push(&mut self, address: u64, waiting: Waiting) {
        let jobs = self.jobs.entry(address).or_default();
        if jobs.is_empty() {
            self.order.push_back(address);
        }
        jobs.push_back(waiting);
    }

    /// Takes the next job of the next address.
    fn pop(&mut self) -> Option<Waiting> {
        let address = self.order.pop_front()?;
        let jobs = self.jobs.get_mut(&address)?;
        let next = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&address);
        } else {
            self.order.push_back(address);
        }
        next
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.jobs.values().flatten()
    }

    /// Takes all jobs for which `is_it` returns true, in the order of the addresses.
    fn take_if(&mut self, is_it: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let mut taken = Vec::new();
        for address in std::mem::take(&mut self.order) {
            let jobs = self.jobs.remove(&address).unwrap_or_default();
            let (these, others): (VecDeque<_>, VecDeque<_>) = jobs.into_iter().partition(&is_it);
            taken.extend(these);
            if !others.is_empty() {
                self.jobs.insert(address, others);
                self.order.push_back(address);
            }
        }
        taken
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            relay: VecDeque::new(),
            greeted: Turns::default(),
            newcomers: Turns::default(),
            is_newcomers_turn: false,
            running: VecDeque::new(),
            at_once: 1,
            last: JobId::default(),
            proven: Vec::new(),
        }
    }
}

impl Jobs {
    /// True if a worker is free.
    fn has_worker(&self) -> bool {
        self.running.len() < self.at_once
    }

    /// Hands a job to a worker.
    fn start(&mut self, owner: JobOwner, job: Job, now: Tick) -> Effect {
        self.last = self.last.next();
        let (id, until) = (self.last, now.after(PATIENCE));
        self.running.push_back(Running { id, owner: Some(owner), job: job.clone(), until });
        Effect::Job(id, job)
    }

    /// Takes the next job whose owner is still connected, if a worker is free.
    pub(super) fn next(&mut self, peers: &Peers, now: Tick) -> Option<Effect> {
        while self.has_worker() {
            if let Some(job) = self.relay.pop_front() {
                return Some(self.start(JobOwner::Relay, job, now));
            }
            let is_newcomer =
                self.greeted.is_empty() || self.is_newcomers_turn && !self.newcomers.is_empty();
            let queue = if is_newcomer { &mut self.newcomers } else { &mut self.greeted };
            let Waiting { conn, request, job } = queue.pop()?;
            if peers.get(conn).is_some_and(Peer::is_heard) {
                self.is_newcomers_turn = !is_newcomer;
                return Some(self.start(JobOwner::Peer(conn, request), job, now));
            }
        }
        None
    }

    /// Returns the peer for which the newest job was started.
    #[cfg(test)]
    pub(super) fn newest_owner(&self) -> Option<ConnId> {
        match self.running.back()?.owner? {
            JobOwner::Peer(conn, _) => Some(conn),
            JobOwner::Relay => None,
        }
    }

    /// Returns the time after which the oldest job has taken too long.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        let waited_for = self.running.iter().filter(|running| running.owner.is_some());
        waited_for.map(|running| running.until).min()
    }

    /// True if a job could be started at once.
    pub(super) fn is_pressing(&self) -> bool {
        let is_empty =
            self.relay.is_empty() && self.greeted.is_empty() && self.newcomers.is_empty();
        self.has_worker() && !is_empty
    }

    /// Checks the invariant.
    ///
    /// # Panics
    /// When it does not hold.
    pub(super) fn assert_invariants(&self, peers: &Peers) {
        assert!(self.running.len() <= self.at_once, "more jobs than workers take");
        let waiting = self.greeted.iter().chain(self.newcomers.iter()).map(|job| job.conn);
        let running = self.running.iter().filter_map(|running| match running.owner {
            Some(JobOwner::Peer(conn, _)) => Some(conn),
            Some(JobOwner::Relay) | None => None,
        });
        let mut owners: Vec<ConnId> = waiting.chain(running).collect();
        owners.retain(|conn| peers.get(*conn).is_some_and(Peer::is_heard));
        owners.sort_unstable_by_key(|conn| conn.to_bits());
        assert!(owners.windows(2).all(|pair| pair[0] != pair[1]), "a peer has two jobs");
        for conn in &owners {
            let awaits = peers.get(*conn).is_some_and(Peer::awaits_answer);
            assert!(awaits, "{conn} has a job and does not wait for it");
        }
        let waiting = peers.iter().filter(|peer| peer.awaits_answer()).count();
        assert_eq!(waiting, owners.len(), "a peer waits for a job that it does not have");
    }
}

impl Engine {
    /// Sets the number of jobs that the workers do at once. The default is 1.
    pub fn takes_jobs(&mut self, at_once: usize) {
        self.jobs.at_once = at_once.max(1);
    }

    /// Queues a job of a peer. The peer is not read until it receives the outcome.
    pub(super) fn begin_job(&mut self, conn: ConnId, id: RequestId, job: Job) {
        if let Job::VerifyPassword(claim) = &job
            && self.is_proven(claim)
        {
            return self.complete(conn, id, Outcome::Verified(true));
        }
        let address = self.world.hub().cloak_of(conn);
        let Some(peer) = self.peers.get_mut(conn) else { return };
        peer.wait_for(Awaited::Answer);
        let Jobs { greeted, newcomers, .. } = &mut self.jobs;
        let queue = if peer.session.is_greeted() { greeted } else { newcomers };
        queue.push(address, Waiting { conn, request: id, job });
    }

    /// Queues a job that reads the configuration again, on the operator's request.
    pub fn reload_config(&mut self) {
        self.jobs.relay.push_back(Job::ReloadConfig);
    }

    fn is_proven(&self, claim: &Claim) -> bool {
        let seal = self.world.hub().seal(claim);
        self.jobs.proven.iter().any(|(hash, proof)| *hash == claim.hash && *proof == seal)
    }

    /// Takes the outcome of a job. Outcomes come in any order, late, or never. An outcome is
    /// dropped if its owner no longer waits, or the job is not known.
    pub fn completed(&mut self, id: JobId, outcome: &Outcome, now: Now) {
        let now = self.world.lived(now);
        let running = &mut self.jobs.running;
        let Some(index) = running.iter().position(|running| running.id == id) else { return };
        let Some(Running { owner, job, .. }) = running.remove(index) else { return };
        if let (Job::VerifyPassword(claim), Outcome::Verified(true)) = (&job, outcome) {
            self.prove(claim);
        }
        match owner {
            Some(JobOwner::Peer(conn, request)) => self.tell_outcome(conn, request, outcome, now),
            Some(JobOwner::Relay) | None => {}
        }
    }

    /// Notifies the owners of jobs that took too long. Their workers stay busy until they report.
    pub(super) fn expire_jobs(&mut self, now: Now) {
        let late = self.jobs.running.iter_mut().filter(|running| running.until <= now.tick());
        let owners: Vec<JobOwner> = late.filter_map(|running| running.owner.take()).collect();
        for owner in owners {
            if let JobOwner::Peer(conn, request) = owner {
                self.tell_outcome(conn, request, &Outcome::Failed, now);
            }
        }
    }

    /// Reports the outcome to a waiting peer, and reads from it again.
    fn tell_outcome(&mut self, conn: ConnId, request: RequestId, outcome: &Outcome, now: Now) {
        let conn = match planted!("job-is-answered-to-a-stranger") {
            true => self
                .peers
                .iter()
                .find(|peer| peer.id.slot() == conn.slot())
                .map_or(conn, |peer| peer.id),
            false => conn,
        };
        let Some(peer) = self.peers.get_mut(conn) else {
            self.metrics.count_stale();
            return;
        };
        peer.answered();
        if peer.is_heard() {
            self.complete(conn, request, outcome.clone());
            self.go_on(conn, now);
            self.listen_again(conn);
        }
    }

    /// Remembers that the password of that hash was accepted. Peers that wait with the same
    /// password repeat their request, each in its turn.
    fn prove(&mut self, claim: &Claim) {
        let proven = &mut self.jobs.proven;
        if proven.iter().any(|(hash, _)| *hash == claim.hash) || proven.len() >= PROVEN_MAX {
            return;
        }
        proven.push((claim.hash.clone(), self.world.hub().seal(claim)));
        let is_same = |waiting: &Waiting| matches!(&waiting.job, Job::VerifyPassword(other) if other == claim);
        let Jobs { greeted, newcomers, .. } = &mut self.jobs;
        let known = [greeted.take_if(is_same), newcomers.take_if(is_same)];
        for Waiting { conn, request, job } in known.into_iter().flatten() {
            let Some(peer) = self.peers.get_mut(conn) else { continue };
            peer.answered();
            peer.pause(Action::Job(request, job));
            self.listen_again(conn);
        }
    }

    /// Forgets the accepted passwords, because the hashes may change.
    pub(super) fn forget_proofs(&mut self) {
        self.jobs.proven.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_turns() {
        let mut turns = Turns::default();
        for (address, request) in [(1, 1), (1, 2), (1, 3), (2, 4), (3, 5), (2, 6)] {
            let request = RequestId::from_number(request);
            let conn = ConnId::new(0, std::num::NonZeroU32::MIN);
            turns.push(address, Waiting { conn, request, job: Job::ReloadConfig });
        }
        let order: Vec<u64> =
            std::iter::from_fn(|| turns.pop()).map(|job| job.request.number()).collect();
        assert_eq!(order, [1, 4, 5, 2, 6, 3]);
        assert_eq!(turns.iter().count(), 0);
    }
}
