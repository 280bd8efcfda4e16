//! The counters and sizes that the relay reports.

use crate::reason::{CloseReason, Refusal};

/// Totals since the start, and sizes now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections now.
    pub connections: u64,
    /// Connections ever accepted.
    pub accepted: u64,
    /// Rooms now.
    pub rooms: u64,
    /// Messages published in rooms.
    pub messages: u64,
    /// Direct messages.
    pub private: u64,
    /// Messages, once for each member that they were sent to.
    pub deliveries: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// The number of times that a member was overrun.
    pub overruns: u64,
    /// Gap notices.
    pub gaps: u64,
    /// Messages that were too long for a peer's transport, and were not sent to it.
    pub oversized: u64,
    /// Messages replayed from history.
    pub replayed: u64,
    /// Events for connections that were already gone.
    pub stale: u64,
    /// Bytes allocated for tapes now.
    pub backlog: u64,
    /// Bytes of history now.
    pub history: u64,
    /// Bytes of memory that ids of messages take now.
    pub said_once: u64,
    /// Closes, in the order of [`CloseReason::ALL`].
    pub closes: [u64; CloseReason::ALL.len()],
    /// Refusals, in the order of [`Refusal::ALL`].
    pub refusals: [u64; Refusal::ALL.len()],
}

impl Counts {
    /// Counts one close.
    pub(super) fn count_close(&mut self, reason: CloseReason) {
        let index = CloseReason::ALL.iter().position(|member| *member == reason);
        if let Some(count) = index.and_then(|index| self.closes.get_mut(index)) {
            *count += 1;
        }
    }

    /// Counts one refusal.
    pub(super) fn count_refusal(&mut self, refusal: Refusal) {
        let index = Refusal::ALL.iter().position(|member| *member == refusal);
        if let Some(count) = index.and_then(|index| self.refusals.get_mut(index)) {
            *count += 1;
        }
    }
}
