//! What the relay has done, counted where it happens and read by whoever watches.

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
    /// Messages said.
    pub messages: u64,
    /// Messages told to one person alone.
    pub private: u64,
    /// Messages × members who were to hear them.
    pub deliveries: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Times that a member fell off a tape.
    pub overruns: u64,
    /// Gaps told.
    pub gaps: u64,
    /// Messages replayed from history.
    pub replayed: u64,
    /// Events for connections that were gone already.
    pub stale: u64,
    /// Bytes set aside in tapes now.
    pub backlog: u64,
    /// Bytes kept of what was said now.
    pub history: u64,
    /// Ends, in the order of [`CloseReason::ALL`].
    pub closes: [u64; CloseReason::ALL.len()],
    /// Refusals, in the order of [`Refusal::ALL`].
    pub refusals: [u64; Refusal::ALL.len()],
}

impl Counts {
    /// Counts one end.
    pub fn closed(&mut self, reason: CloseReason) {
        let index = CloseReason::ALL.iter().position(|member| *member == reason);
        if let Some(count) = index.and_then(|index| self.closes.get_mut(index)) {
            *count += 1;
        }
    }

    /// Counts one refusal.
    pub fn refused(&mut self, refusal: Refusal) {
        let index = Refusal::ALL.iter().position(|member| *member == refusal);
        if let Some(count) = index.and_then(|index| self.refusals.get_mut(index)) {
            *count += 1;
        }
    }
}
