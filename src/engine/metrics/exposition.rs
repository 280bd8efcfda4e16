//! The totals and histograms in Prometheus' text format.

use super::Metrics;
use crate::reason::{CloseReason, Refusal};
use crate::wire::exposition::{Exposition, Kind};

impl Metrics {
    /// Writes the totals since the start.
    pub(super) fn write_totals(&self, text: &mut Exposition) {
        let counts = &self.totals;
        for (name, help, value) in [
            ("hobnob_accepted_total", "Connections ever accepted.", counts.accepted),
            ("hobnob_messages_total", "Messages said in rooms.", counts.messages),
            ("hobnob_private_messages_total", "Messages told to one person alone.", counts.private),
            (
                "hobnob_deliveries_total",
                "Messages, once for each member who was to hear them.",
                counts.deliveries,
            ),
            ("hobnob_received_bytes_total", "Bytes read from sockets.", counts.bytes_in),
            ("hobnob_sent_bytes_total", "Bytes written to sockets.", counts.bytes_out),
            (
                "hobnob_overruns_total",
                "Times that a member fell further behind than a backlog holds.",
                counts.overruns,
            ),
            ("hobnob_gaps_total", "Gaps told to members that missed messages.", counts.gaps),
            (
                "hobnob_oversized_total",
                "Messages too long for the transport of a member, and not sent to it.",
                counts.oversized,
            ),
            (
                "hobnob_replayed_total",
                "Messages replayed to members that came back or had fallen behind.",
                counts.replayed,
            ),
            (
                "hobnob_stale_events_total",
                "Events for connections that were gone already.",
                counts.stale,
            ),
        ] {
            text.family(name, Kind::Counter, help).value(value);
        }
        let help = "Connections that ended, by the reason.";
        let mut closes = text.family("hobnob_closes_total", Kind::Counter, help);
        for (reason, count) in CloseReason::ALL.iter().zip(counts.closes) {
            closes.labelled("reason", reason.word(), count);
        }
        let help = "Requests that were not carried out, by the reason.";
        let mut refusals = text.family("hobnob_refusals_total", Kind::Counter, help);
        for (refusal, count) in Refusal::ALL.iter().zip(counts.refusals) {
            refusals.labelled("reason", refusal.word(), count);
        }
    }

    /// Writes the outcomes of the messages that a store was to keep. Each message is counted once:
    /// as unknown, if its sender received that report first.
    pub(super) fn write_commits(&self, unknown: u64, text: &mut Exposition) {
        let help = "Messages that a store was to keep, by what came of them.";
        let mut commits = text.family("hobnob_commits_total", Kind::Counter, help);
        let not_kept = self.commits.count() - self.kept;
        for (outcome, count) in [("kept", self.kept), ("not_kept", not_kept), ("unknown", unknown)]
        {
            commits.labelled("outcome", outcome, count);
        }
        let help = "Time from proposing a message to what came of it.";
        let mut times = text.family("hobnob_commit_duration_seconds", Kind::Histogram, help);
        let commits = &self.commits;
        times.buckets(commits.buckets(), commits.count(), commits.sum().as_secs_f64());
    }

    /// Writes the durations of turns, and the delays of deadlines.
    pub(super) fn write_durations(&self, text: &mut Exposition) {
        let help = "Time from waking up to sleeping again.";
        let mut turns = text.family("hobnob_turn_duration_seconds", Kind::Histogram, help);
        turns.buckets(self.turns.buckets(), self.turns.count(), self.turns.sum().as_secs_f64());
        let help = "How late the loop came to a deadline that was due.";
        let mut lag = text.family("hobnob_loop_lag_seconds", Kind::Histogram, help);
        lag.buckets(self.lag.buckets(), self.lag.count(), self.lag.sum().as_secs_f64());
    }
}
