//! What happened in one or many seeds.

use crate::world::ReadCounts;
use hobnob::engine::Counts;
use hobnob::reason::{CloseReason, Refusal};

/// What one or many peers have seen.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// How often a peer had read everything and stood within a frame.
    pub cuts: u64,
    /// Messages heard as events.
    pub events: u64,
    /// Messages posted over HTTP.
    pub posts: u64,
    /// Private messages heard.
    pub told: u64,
    /// Changes of rights that a client of IRC heard.
    pub orders: u64,
    /// How often one was put out.
    pub kicks: u64,
}

impl Tally {
    fn rows(&self) -> Vec<(&'static str, u64)> {
        let mut rows = vec![
            ("messages cut by a write", self.cuts),
            ("told alone", self.told),
            ("rights changed", self.orders),
            ("put out of a room", self.kicks),
        ];
        if cfg!(feature = "http") {
            rows.extend([("heard as events", self.events), ("posted over HTTP", self.posts)]);
        }
        rows
    }

    pub fn add(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.events += other.events;
        self.posts += other.posts;
        self.told += other.told;
        self.orders += other.orders;
        self.kicks += other.kicks;
    }
}

/// What happened in one or many seeds.
#[derive(Clone, Default)]
pub struct Totals {
    pub counts: Counts,
    pub seeds: u64,
    pub events: u64,
    pub turns: u64,
    pub short_writes: u64,
    /// Writes after which a transport held output.
    pub held_writes: u64,
    /// Streams whose end a transport held.
    pub held_ends: u64,
    /// Those for which the kernel had no space.
    pub blocked_ends: u64,
    pub empty_offers: u64,
    /// Messages that were written whole.
    pub whole_messages: u64,
    pub held: u64,
    pub unfinished: u64,
    pub stops: u64,
    pub quiet: u64,
    pub checked: u64,
    pub tally: Tally,
    pub stored: Stored,
    pub reads: ReadCounts,
}

/// What a store was asked for in one or many seeds.
#[derive(Clone, Copy, Default)]
pub struct Stored {
    pub clears: u64,
    pub refused_clears: u64,
    pub events: u64,
    /// Appends of nothing but events.
    pub event_appends: u64,
    /// Drains that ended before the store had said all.
    pub drains_cut: u64,
    /// Turns in which a goodbye waited for an outcome.
    pub goodbyes_late: u64,
}

impl Stored {
    fn rows(&self) -> [(&'static str, u64); 6] {
        [
            ("rooms forgotten by a store", self.clears),
            ("not forgotten at first", self.refused_clears),
            ("events stored", self.events),
            ("appends of events alone", self.event_appends),
            ("drains cut short", self.drains_cut),
            ("goodbyes that waited", self.goodbyes_late),
        ]
    }

    pub fn add(&mut self, other: &Self) {
        self.clears += other.clears;
        self.refused_clears += other.refused_clears;
        self.events += other.events;
        self.event_appends += other.event_appends;
        self.drains_cut += other.drains_cut;
        self.goodbyes_late += other.goodbyes_late;
    }
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        let counts = &other.counts;
        self.counts.accepted += counts.accepted;
        self.counts.messages += counts.messages;
        self.counts.deliveries += counts.deliveries;
        self.counts.bytes_in += counts.bytes_in;
        self.counts.bytes_out += counts.bytes_out;
        self.counts.overruns += counts.overruns;
        self.counts.gaps += counts.gaps;
        self.counts.replayed += counts.replayed;
        self.counts.stale += counts.stale;
        for (mine, theirs) in self.counts.closes.iter_mut().zip(&counts.closes) {
            *mine += theirs;
        }
        for (mine, theirs) in self.counts.refusals.iter_mut().zip(&counts.refusals) {
            *mine += theirs;
        }
        self.seeds += other.seeds;
        self.events += other.events;
        self.turns += other.turns;
        self.short_writes += other.short_writes;
        self.held_writes += other.held_writes;
        self.held_ends += other.held_ends;
        self.blocked_ends += other.blocked_ends;
        self.empty_offers += other.empty_offers;
        self.whole_messages += other.whole_messages;
        self.held += other.held;
        self.unfinished += other.unfinished;
        self.stops += other.stops;
        self.quiet += other.quiet;
        self.checked += other.checked;
        self.tally.add(&other.tally);
        self.stored.add(&other.stored);
        self.reads.pages += other.reads.pages;
        self.reads.opened += other.reads.opened;
        self.reads.shorter += other.reads.shorter;
        self.reads.repeated += other.reads.repeated;
    }

    fn rows(&self) -> Vec<(&'static str, u64)> {
        let counts = &self.counts;
        let mut rows = vec![
            ("connections", counts.accepted),
            ("messages", counts.messages),
            ("deliveries", counts.deliveries),
            ("bytes in", counts.bytes_in),
            ("bytes out", counts.bytes_out),
            ("overruns", counts.overruns),
            ("gaps", counts.gaps),
            ("replayed", counts.replayed),
            ("stale events", counts.stale),
            ("short writes", self.short_writes),
            ("writes held by a transport", self.held_writes),
            ("ends held by a transport", self.held_ends),
            ("ends without space", self.blocked_ends),
            ("messages written whole", self.whole_messages),
            ("reads held", self.held),
            ("reads unfinished", self.unfinished),
            ("process stopped", self.stops),
            ("quiet points", self.quiet),
            ("quiet points with a full audit", self.checked),
        ];
        rows.extend(self.tally.rows());
        rows.extend(self.stored.rows());
        rows.extend([
            ("pages of the store", self.reads.pages),
            ("rooms of the store", self.reads.opened),
            ("rooms that came back shorter", self.reads.shorter),
            ("outcomes that came once more", self.reads.repeated),
        ]);
        // These are the event loop's to say, and HTTP's.
        let elsewhere = [
            CloseReason::WrongHost,
            CloseReason::BadText,
            CloseReason::WrongSpelling,
            CloseReason::RelayFull,
            CloseReason::AddressFull,
            CloseReason::OutboxFull,
            CloseReason::Internal,
            // No listener here asks for a password.
            CloseReason::BadPassword,
        ];
        let closes = CloseReason::ALL.iter().zip(counts.closes);
        let closes = closes.filter(|(reason, _)| !elsewhere.contains(reason));
        let of_http = [CloseReason::Idle, CloseReason::BadRequest];
        let closes =
            closes.filter(|(reason, _)| cfg!(feature = "http") || !of_http.contains(reason));
        rows.extend(closes.map(|(reason, count)| (reason.word(), count)));
        let refusals = Refusal::ALL.iter().zip(counts.refusals);
        // Frames have no verb that names a room they are not in.
        let elsewhere = [Refusal::Draining, Refusal::NoRoom, Refusal::ListFull, Refusal::Expelled];
        let refusals = refusals.filter(|(refusal, _)| !elsewhere.contains(refusal));
        rows.extend(refusals.map(|(refusal, count)| (refusal.word(), count)));
        rows
    }

    pub fn print(&self) {
        println!("{} seeds, {} events, {} turns", self.seeds, self.events, self.turns);
        println!("{:>12} empty offers", self.empty_offers);
        for (what, count) in self.rows() {
            println!("{count:>12} {what}");
        }
    }

    /// A world in which nothing goes wrong proves nothing.
    pub fn assert_not_vacuous(&self) {
        for (what, count) in self.rows() {
            assert!(count > 0, "{what}: never seen");
        }
    }
}
