//! Visits: connect, join, say one message, leave; over and over.

use super::super::ledger::new_histogram;
use super::super::outcome::{Latency, Round, Tick};
use super::super::schedule::{Choice, Clock, Pacing, Stream};
use super::{Progress, Run};
use hdrhistogram::Histogram;
use std::time::Duration;

/// How long a visit may take.
const PATIENCE: u64 = 5_000_000_000;

/// Where a visitor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visit {
    Away,
    /// On the way in since; the visit was due then.
    Coming(u64),
    /// Has said its message then, and waits until a reader has heard it.
    Spoken(u64),
}

/// The visitors, one for each voice, and the results of their visits.
struct Visitors {
    visits: Vec<Visit>,
    /// Voices that are away, and may come again.
    free: Vec<u32>,
    /// From when a visit was due to when the visitor was in.
    joins: Histogram<u64>,
    done: u64,
    failed: u64,
    /// Voices heard in the last turn. Kept for its memory.
    heard: Vec<u32>,
}

impl Visitors {
    fn new(voices: u32) -> Self {
        Self {
            visits: vec![Visit::Away; voices as usize],
            free: (0..voices).rev().collect(),
            joins: new_histogram(),
            done: 0,
            failed: 0,
            heard: Vec::new(),
        }
    }

    fn are_away(&self) -> bool {
        self.free.len() == self.visits.len()
    }

    fn set_away(&mut self, voice: u32) {
        self.visits[voice as usize] = Visit::Away;
        self.free.push(voice);
    }
}

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Visits at this rate, each due at its time whatever became of those before it.
    pub(super) fn churn(&mut self, rate: f64) -> Result<(), String> {
        let voices = self.plan.voices.len() as u32;
        let stream = Stream {
            pacing: Pacing::Rate(rate),
            voices: 0..voices,
            choice: Choice::InTurn,
            burst: 1,
        };
        let began = self.crowd.now();
        let end = began + (self.plan.warmup + self.plan.duration).as_nanos() as u64;
        let last = end + PATIENCE;
        self.stage = "visits";
        self.load_began = Some(began);
        self.ledger.measure(began + self.plan.warmup.as_nanos() as u64..end);
        let mut clock = Clock::new(stream, began);
        let mut visitors = Visitors::new(voices);
        self.arrived.clear();
        let before = self.look();
        let busy_before = self.crowd.busy();
        let mut next_check = began;
        loop {
            let now = self.crowd.now();
            if now >= last || (now >= end && visitors.are_away()) {
                break;
            }
            let wake = self.send_due_visitors(&mut visitors, &mut clock, now, end)?;
            self.turn(wake.max(now))?;
            self.say_on_arrival(&mut visitors);
            self.count_cut_off(&mut visitors);
            self.end_heard_visits(&mut visitors);
            let now = self.crowd.now();
            if now >= next_check {
                next_check = now + 100_000_000;
                self.end_overdue_visits(&mut visitors, now);
            }
            self.done = (now - began) as f64 / (end - began) as f64;
        }
        let seconds = (self.crowd.now() - began) as f64 / 1e9;
        self.keep_visits(&visitors, seconds, &before, busy_before);
        self.drain(u8::MAX)
    }

    /// Connects a visitor for each visit that is due. A visit that finds no visitor free starts
    /// later, and counts as late from when it was due. Returns when the next visit is due.
    fn send_due_visitors(
        &mut self,
        visitors: &mut Visitors,
        clock: &mut Clock,
        now: u64,
        end: u64,
    ) -> Result<u64, String> {
        let mut due = clock.next_due().filter(|due| *due < end);
        while let Some(at) = due.filter(|due| *due <= now)
            && let Some(voice) = visitors.free.pop()
        {
            self.crowd.connect(self.body(voice))?;
            visitors.visits[voice as usize] = Visit::Coming(at);
            clock.take();
            due = clock.next_due().filter(|due| *due < end);
        }
        Ok(due.filter(|_| !visitors.free.is_empty()).unwrap_or(u64::MAX))
    }

    /// Visitors that have come in say their message.
    fn say_on_arrival(&mut self, visitors: &mut Visitors) {
        let readers = self.plan.readers.len();
        for index in std::mem::take(&mut self.arrived) {
            let Some(voice) = index.checked_sub(readers) else { continue };
            if let Visit::Coming(due) = visitors.visits[voice] {
                let now = self.crowd.now();
                visitors.joins.saturating_record(now.saturating_sub(due));
                visitors.visits[voice] = Visit::Spoken(now);
                self.say_one(voice as u32, now);
            }
        }
    }

    /// Counts a visit as failed if the server closed its connection.
    fn count_cut_off(&mut self, visitors: &mut Visitors) {
        let readers = self.plan.readers.len();
        for index in std::mem::take(&mut self.gone) {
            if let Some(voice) = index.checked_sub(readers)
                && visitors.visits[voice] != Visit::Away
            {
                visitors.failed += 1;
                visitors.set_away(voice as u32);
            }
        }
    }

    /// Visitors leave once a reader has heard their message.
    fn end_heard_visits(&mut self, visitors: &mut Visitors) {
        let mut heard = std::mem::take(&mut visitors.heard);
        self.ledger.take_through(&mut heard);
        for voice in heard.drain(..) {
            if matches!(visitors.visits[voice as usize], Visit::Spoken(_))
                && self.ledger.in_flight(voice) == 0
            {
                visitors.done += 1;
                self.leave(visitors, voice);
            }
        }
        visitors.heard = heard;
    }

    /// Visits that take longer than [`PATIENCE`] have failed.
    fn end_overdue_visits(&mut self, visitors: &mut Visitors, now: u64) {
        for voice in 0..visitors.visits.len() as u32 {
            let (Visit::Coming(since) | Visit::Spoken(since)) = visitors.visits[voice as usize]
            else {
                continue;
            };
            if now.saturating_sub(since) > PATIENCE {
                visitors.failed += 1;
                self.ledger.forgive(voice);
                self.leave(visitors, voice);
            }
        }
    }

    fn leave(&mut self, visitors: &mut Visitors, voice: u32) {
        let member = self.body(voice);
        self.crowd.leave(member);
        self.crowd.cut(member);
        visitors.set_away(voice);
    }

    /// Keeps the results of the visits, and what was used since `before`.
    fn keep_visits(
        &mut self,
        visitors: &Visitors,
        seconds: f64,
        before: &Tick,
        busy_before: Duration,
    ) {
        let after = self.look();
        let server_cpu = after.server_cpu - before.server_cpu;
        self.outcome.seconds = seconds;
        self.outcome.said = visitors.done;
        self.outcome.delivered = after.delivered - before.delivered;
        if let Some(server) = &mut self.outcome.server {
            server.cpu = server_cpu / seconds;
            server.cpu_per_delivery = server_cpu * 1e9 / visitors.done.max(1) as f64;
        }
        let generator = &mut self.outcome.generator;
        generator.busy = (self.crowd.busy() - busy_before).as_secs_f64() / seconds;
        generator.cpu = (after.own_cpu - before.own_cpu) / seconds;
        let mut lag = new_histogram();
        for micros in self.crowd.take_turns() {
            lag.saturating_record(u64::from(micros) * 1_000);
        }
        generator.lag = Latency::of(&lag);
        self.outcome.rounds.push(Round {
            name: "visits".to_owned(),
            seconds,
            join: Latency::of(&visitors.joins),
            retries: visitors.failed,
            server_cpu,
        });
    }
}
