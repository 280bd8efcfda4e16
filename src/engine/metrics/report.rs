//! Answers to admin queries, and the sizes in them: each report visits every peer once.

use super::super::Engine;
use super::super::peer::Peer;
use crate::now::Now;
use crate::session::{AdminReport, Query, Service, Session};
use crate::wire::exposition::{Exposition, Kind};
use std::time::Duration;

impl Engine {
    /// Records the duration of the last turn.
    pub fn turned(&mut self, took: Duration) {
        self.metrics.record_turn(took);
    }

    /// Sets the most peers that are accepted: with as many, the relay reports that it is full.
    pub fn has_room_for(&mut self, most: usize) {
        self.metrics.set_capacity(most);
    }

    /// Sets the reason why new peers are refused, or clears it. `/readyz` reports it to load
    /// balancers.
    pub fn strained(&mut self, why: Option<&'static str>) {
        self.metrics.set_unready(why);
    }

    /// True if a service is for admin queries.
    pub fn is_for_admins(&self, service: usize) -> bool {
        self.world.service(service).is_some_and(Service::is_admin)
    }

    /// Answers an admin query.
    pub(in super::super) fn report(&self, query: Query, now: Now) -> AdminReport {
        match query {
            Query::Metrics => AdminReport::Metrics(self.metrics()),
            Query::Ready => AdminReport::Ready(
                self.metrics.unreadiness(self.closing.is_draining(), self.peers.len()),
            ),
            Query::Top(most) => AdminReport::Top(self.top(most, now.tick())),
        }
    }

    /// Returns every number of the relay, in Prometheus' text format.
    pub fn metrics(&self) -> String {
        let mut text = Exposition::default();
        self.write_sizes(&mut text);
        self.metrics.write_totals(&mut text);
        self.write_store(&mut text);
        self.metrics.write_durations(&mut text);
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
        let help = "Memory for the ids of messages, so that each is said once.";
        gauge("hobnob_said_once_bytes", help, counts.said_once);
        let help = "Whether the relay lets everybody go.";
        gauge("hobnob_draining", help, u64::from(self.closing.is_draining()));
    }

    fn write_store(&self, text: &mut Exposition) {
        let hub = self.world.hub();
        let (messages, bytes) = hub.pending_sizes();
        let help = "Messages that wait for a store.";
        text.family("hobnob_pending_messages", Kind::Gauge, help).value(messages as u64);
        let help = "Bytes of messages that wait for a store.";
        text.family("hobnob_pending_bytes", Kind::Gauge, help).value(bytes as u64);
        self.metrics.write_commits(hub.unknown_outcomes(), text);
        let help = "Joins, parts, topics and changes of rights that were to be stored and are not.";
        let mut dropped = text.family("hobnob_events_dropped_total", Kind::Counter, help);
        dropped.value(hub.events_dropped());
    }

    /// Counts the connections of each protocol, with a row for every known protocol.
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

    /// True if a peer is blocked, or reads from history instead of a tape.
    fn is_laggard(&self, peer: &Peer) -> bool {
        peer.blocked || peer.seats.iter().any(|seat| self.tapes.is_recovering(*seat))
    }
}
