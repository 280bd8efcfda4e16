//! What is told to whoever watches the relay. Nothing here is kept up while nobody asks: totals are
//! counted where they happen, and sizes are found by looking at everybody once.

use super::Engine;
use super::peer::Peer;
use super::tape::Place;
use crate::now::Now;
use crate::reason::{CloseReason, Refusal};
use crate::session::{AdminReport, Query, Service, Session};
use crate::wire::exposition::{Exposition, Kind};

impl Engine {
    /// The loop's last turn took so long.
    pub fn turned(&mut self, took: std::time::Duration) {
        self.pulse.turns.record(took);
    }

    /// The most peers that are let in.
    pub fn has_room_for(&mut self, most: usize) {
        self.full_at = most;
    }

    /// New peers are turned away, for this reason: whoever spreads them should know.
    pub fn strained(&mut self, why: Option<&'static str>) {
        self.strain = why;
    }

    /// Whether a service is for those who watch over the relay.
    pub fn is_for_admins(&self, service: usize) -> bool {
        self.services.get(service).is_some_and(Service::is_admin)
    }

    /// Answers whoever watches over the relay.
    pub(super) fn report(&self, query: Query, now: Now) -> AdminReport {
        match query {
            Query::Metrics => AdminReport::Metrics(self.metrics()),
            Query::Ready => AdminReport::Ready(self.unreadiness()),
            Query::Top(most) => AdminReport::Top(self.top(most, now.tick())),
        }
    }

    fn unreadiness(&self) -> Option<&'static str> {
        let draining = self.drain.is_some().then_some("draining");
        let full = (self.peers.len() >= self.full_at).then_some("full");
        draining.or(self.strain).or(full)
    }

    /// Every number of the relay, in Prometheus' text format.
    pub fn metrics(&self) -> String {
        let mut text = Exposition::default();
        self.write_sizes(&mut text);
        self.write_totals(&mut text);
        let help = "Time from waking up to sleeping again.";
        let mut turns = text.family("hobnob_turn_duration_seconds", Kind::Histogram, help);
        let taken = &self.pulse.turns;
        turns.buckets(taken.buckets(), taken.count(), taken.sum().as_secs_f64());
        let help = "How late the loop came to a deadline that was due.";
        let mut lag = text.family("hobnob_loop_lag_seconds", Kind::Histogram, help);
        let late = &self.pulse.lag;
        lag.buckets(late.buckets(), late.count(), late.sum().as_secs_f64());
        text.finish()
    }

    fn write_sizes(&self, text: &mut Exposition) {
        let counts = self.counts();
        let help = "The program that runs.";
        let mut build = text.family("hobnob_build_info", Kind::Gauge, help);
        build.labelled("version", env!("CARGO_PKG_VERSION"), 1);
        let help = "Connections now, by what they speak.";
        let mut connections = text.family("hobnob_connections", Kind::Gauge, help);
        for (protocol, count) in self.protocols() {
            connections.labelled("protocol", protocol, count);
        }
        let mut gauge = |name, help, value: u64| text.family(name, Kind::Gauge, help).value(value);
        gauge("hobnob_rooms", "Rooms now.", counts.rooms);
        let laggards = self.peers.iter().filter(|peer| self.is_laggard(peer)).count() as u64;
        let help = "Peers that have not read all they are owed: their kernel takes no more, or they read from history.";
        gauge("hobnob_laggards", help, laggards);
        let help = "Bytes set aside for what has not been read by everybody yet.";
        gauge("hobnob_backlog_bytes", help, counts.backlog);
        let help = "Bytes kept of what was said.";
        gauge("hobnob_history_bytes", help, counts.history);
        let help = "Whether the relay lets everybody go.";
        gauge("hobnob_draining", help, u64::from(self.drain.is_some()));
    }

    fn write_totals(&self, text: &mut Exposition) {
        let counts = &self.counts;
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

    /// How many connections speak what, with a row for every protocol there is.
    fn protocols(&self) -> Vec<(&'static str, u64)> {
        let mut rows: Vec<(&'static str, u64)> = Vec::new();
        for protocol in Session::PROTOCOLS {
            if rows.iter().all(|(known, _)| known != protocol) {
                rows.push((protocol, 0));
            }
        }
        for peer in self.peers.iter() {
            let word = peer.session.protocol();
            if let Some((_, count)) = rows.iter_mut().find(|(known, _)| *known == word) {
                *count += 1;
            }
        }
        rows
    }

    /// Whether a peer has not read all it is owed, and no write is under way that would change that.
    fn is_laggard(&self, peer: &Peer) -> bool {
        peer.blocked
            || peer.seats.iter().any(|seat| {
                let tape = self.tapes.get(seat.tape as usize);
                let member = tape.and_then(|tape| tape.members.get(seat.index as usize));
                matches!(member.map(|m| m.cursor.place()), Some(Place::Recovering(_)))
            })
    }
}
