//! Metrics: totals counted where they happen, the durations of turns, and readiness. Sizes are not
//! kept: a report visits every peer and room.

mod counts;
mod exposition;
mod histogram;
mod report;
mod top;

pub use counts::Counts;

use crate::reason::{CloseReason, Refusal};
use histogram::Histogram;
use std::time::Duration;

/// Totals since the start, the durations of turns, and readiness for new peers.
///
/// Invariant: every event is counted once. Each connection is accepted or refused, and has one close
/// reason when it is gone: closes and connections together are as many as both.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// The totals. Sizes in it are zero: [`Engine::counts`](super::Engine::counts) adds them.
    totals: Counts,
    /// Connections that were refused before they became peers. Their closes are in `totals`.
    refused: u64,
    /// Time from waking up to sleeping again.
    turns: Histogram,
    /// Time from a deadline to its turn. The clock of deadlines ticks ten times a second, and an
    /// idle loop wakes within a millisecond of it.
    lag: Histogram,
    /// Time from proposing a message to its outcome, and the number of messages kept; the others
    /// were not.
    commits: Histogram,
    kept: u64,
    /// The reason why the program that embeds the relay refuses new peers, if it does.
    unready: Option<&'static str>,
    /// The most peers accepted, if there is a limit.
    capacity: Option<usize>,
}

impl Metrics {
    /// Returns the totals, without sizes.
    pub(super) fn totals(&self) -> &Counts {
        &self.totals
    }

    /// Counts a connection that became a peer.
    pub(super) fn count_accepted(&mut self) {
        self.totals.accepted += 1;
    }

    /// Counts a connection that was refused before it became a peer.
    pub(super) fn count_refused_connection(&mut self, reason: CloseReason) {
        self.refused += 1;
        self.totals.count_close(reason);
    }

    /// Counts the close of a peer, once it is gone.
    pub(super) fn count_close(&mut self, reason: CloseReason) {
        self.totals.count_close(reason);
        debug_assert!(self.closes() <= self.totals.accepted + self.refused, "closed twice");
    }

    /// Counts a request that was not carried out.
    pub(super) fn count_refusal(&mut self, refusal: Refusal) {
        self.totals.count_refusal(refusal);
    }

    /// Counts an event for a connection that was gone already.
    pub(super) fn count_stale(&mut self) {
        self.totals.stale += 1;
    }

    /// Counts bytes that a peer sent.
    pub(super) fn count_received(&mut self, bytes: usize) {
        self.totals.bytes_in += bytes as u64;
    }

    /// Counts bytes that the kernel took for a peer.
    pub(super) fn count_sent(&mut self, bytes: usize) {
        self.totals.bytes_out += bytes as u64;
    }

    /// Counts a message published in a room.
    pub(super) fn count_message(&mut self) {
        self.totals.messages += 1;
    }

    /// Counts the members of one tape that receive a message.
    pub(super) fn count_deliveries(&mut self, members: usize) {
        self.totals.deliveries += members as u64;
    }

    /// Counts a direct message.
    pub(super) fn count_direct_message(&mut self) {
        self.totals.private += 1;
    }

    /// Counts an overrun member.
    pub(super) fn count_overrun(&mut self) {
        self.totals.overruns += 1;
    }

    /// Counts a gap notice.
    pub(super) fn count_gap(&mut self) {
        self.totals.gaps += 1;
    }

    /// Counts a message that was too long for a peer's transport, and was not sent to it.
    pub(super) fn count_oversized(&mut self) {
        self.totals.oversized += 1;
    }

    /// Counts a message replayed from history.
    pub(super) fn count_replayed(&mut self) {
        self.totals.replayed += 1;
    }

    /// Records the duration of a turn.
    pub(super) fn record_turn(&mut self, took: Duration) {
        self.turns.record(took);
    }

    /// Records the delay of a deadline.
    pub(super) fn record_lag(&mut self, late: Duration) {
        self.lag.record(late);
    }

    /// Records the outcome of a message that a store was to keep. Each message has one.
    pub(super) fn record_commit(&mut self, is_kept: bool, took: Duration) {
        self.commits.record(took);
        self.kept += u64::from(is_kept);
    }

    /// Sets the reason why new peers are refused, or clears it.
    pub(super) fn set_unready(&mut self, reason: Option<&'static str>) {
        self.unready = reason;
    }

    /// Sets the most peers that are accepted.
    pub(super) fn set_capacity(&mut self, most: usize) {
        self.capacity = Some(most);
    }

    /// Returns the reason why new peers are refused, if they are.
    fn unreadiness(&self, is_draining: bool, connections: usize) -> Option<&'static str> {
        let draining = is_draining.then_some("draining");
        let is_full = self.capacity.is_some_and(|most| connections >= most);
        draining.or(self.unready).or(is_full.then_some("full"))
    }

    fn closes(&self) -> u64 {
        self.totals.closes.iter().sum()
    }

    /// Checks the invariant above.
    ///
    /// # Panics
    /// When it does not hold.
    pub(super) fn assert_invariants(&self, connections: usize) {
        let ends = self.closes() + connections as u64;
        assert_eq!(ends, self.totals.accepted + self.refused, "one close reason each");
        let Counts { connections, rooms, backlog, history, said_once, .. } = self.totals;
        let sizes = [connections, rooms, backlog, history, said_once];
        assert_eq!(sizes, [0; 5], "sizes are not totals");
    }
}
