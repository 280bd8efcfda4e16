//! The churn scenario: visitors connect, join, publish one message and leave.

use super::super::delivery_record::new_histogram;
use super::super::outcome::{Latency, Round, Tick};
use super::super::schedule::{Choice, Clock, Pacing, Stream};
use super::{Progress, Run};
use crate::load::error::LoadError;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Time limit of a visit.
const TIMEOUT: u64 = 5_000_000_000;

/// The state of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visit {
    Free,
    /// Connecting; the visit was due at this time.
    Connecting(u64),
    /// Published at this time, and waits until a reader has received the message.
    Published(u64),
}

/// The visitors, one per publisher, and the results of their visits.
struct Visitors {
    visits: Vec<Visit>,
    /// Publishers that are free for another visit.
    free: Vec<u32>,
    /// Time from a visit's due time to its join.
    joins: Histogram<u64>,
    done: u64,
    failed: u64,
    /// Publishers whose message arrived in the last turn; kept to reuse its memory.
    heard: Vec<u32>,
}

impl Visitors {
    fn new(publishers: u32) -> Self {
        Self {
            visits: vec![Visit::Free; publishers as usize],
            free: (0..publishers).rev().collect(),
            joins: new_histogram(),
            done: 0,
            failed: 0,
            heard: Vec::new(),
        }
    }

    fn are_all_free(&self) -> bool {
        self.free.len() == self.visits.len()
    }

    fn set_free(&mut self, publisher: u32) {
        self.visits[publisher as usize] = Visit::Free;
        self.free.push(publisher);
    }
}

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Runs visits at this rate, each at its due time, independent of earlier ones.
    pub(super) fn churn(&mut self, rate: f64) -> Result<(), LoadError> {
        let publishers = self.plan.publishers.len() as u32;
        let stream = Stream {
            pacing: Pacing::Rate(rate),
            publishers: 0..publishers,
            choice: Choice::InTurn,
            burst: 1,
        };
        let began = self.connections.now();
        let end = began + (self.plan.warmup + self.plan.duration).as_nanos() as u64;
        let last = end + TIMEOUT;
        self.stage = "visits";
        self.load_began = Some(began);
        self.record.measure(began + self.plan.warmup.as_nanos() as u64..end);
        let mut clock = Clock::new(stream, began);
        let mut visitors = Visitors::new(publishers);
        self.arrived.clear();
        let before = self.sample();
        let busy_before = self.connections.busy();
        let mut next_check = began;
        loop {
            let now = self.connections.now();
            if now >= last || (now >= end && visitors.are_all_free()) {
                break;
            }
            let wake = self.send_due_visitors(&mut visitors, &mut clock, now, end)?;
            self.turn(wake.max(now))?;
            self.publish_on_join(&mut visitors);
            self.count_cut_off(&mut visitors);
            self.end_heard_visits(&mut visitors);
            let now = self.connections.now();
            if now >= next_check {
                next_check = now + 100_000_000;
                self.end_overdue_visits(&mut visitors, now);
            }
            self.done = (now - began) as f64 / (end - began) as f64;
        }
        let seconds = (self.connections.now() - began) as f64 / 1e9;
        self.record_visits(&visitors, seconds, &before, busy_before);
        self.drain(u8::MAX)
    }

    /// Starts the visits that are due. A visit without a free visitor starts later, and its delay
    /// counts from the due time. Returns the time of the next visit.
    fn send_due_visitors(
        &mut self,
        visitors: &mut Visitors,
        clock: &mut Clock,
        now: u64,
        end: u64,
    ) -> Result<u64, LoadError> {
        let mut due = clock.next_due().filter(|due| *due < end);
        while let Some(at) = due.filter(|due| *due <= now)
            && let Some(publisher) = visitors.free.pop()
        {
            self.connections.connect(self.connection_of(publisher))?;
            visitors.visits[publisher as usize] = Visit::Connecting(at);
            clock.take();
            due = clock.next_due().filter(|due| *due < end);
        }
        Ok(due.filter(|_| !visitors.free.is_empty()).unwrap_or(u64::MAX))
    }

    /// Publishes the message of each visitor that has joined.
    fn publish_on_join(&mut self, visitors: &mut Visitors) {
        let readers = self.plan.readers.len();
        for index in std::mem::take(&mut self.arrived) {
            let Some(publisher) = index.checked_sub(readers) else { continue };
            if let Visit::Connecting(due) = visitors.visits[publisher] {
                let now = self.connections.now();
                visitors.joins.saturating_record(now.saturating_sub(due));
                visitors.visits[publisher] = Visit::Published(now);
                self.publish_one(publisher as u32, now);
            }
        }
    }

    /// Counts the visits whose connection the server closed as failed.
    fn count_cut_off(&mut self, visitors: &mut Visitors) {
        let readers = self.plan.readers.len();
        for index in std::mem::take(&mut self.gone) {
            if let Some(publisher) = index.checked_sub(readers)
                && visitors.visits[publisher] != Visit::Free
            {
                visitors.failed += 1;
                visitors.set_free(publisher as u32);
            }
        }
    }

    /// Ends the visits whose message a reader has received.
    fn end_heard_visits(&mut self, visitors: &mut Visitors) {
        let mut heard = std::mem::take(&mut visitors.heard);
        self.record.take_confirmed(&mut heard);
        for publisher in heard.drain(..) {
            if matches!(visitors.visits[publisher as usize], Visit::Published(_))
                && self.record.in_flight(publisher) == 0
            {
                visitors.done += 1;
                self.leave(visitors, publisher);
            }
        }
        visitors.heard = heard;
    }

    /// Ends the visits that exceed [`TIMEOUT`] as failed.
    fn end_overdue_visits(&mut self, visitors: &mut Visitors, now: u64) {
        for publisher in 0..visitors.visits.len() as u32 {
            let (Visit::Connecting(since) | Visit::Published(since)) =
                visitors.visits[publisher as usize]
            else {
                continue;
            };
            if now.saturating_sub(since) > TIMEOUT {
                visitors.failed += 1;
                self.record.give_up(publisher);
                self.leave(visitors, publisher);
            }
        }
    }

    fn leave(&mut self, visitors: &mut Visitors, publisher: u32) {
        let connection = self.connection_of(publisher);
        self.connections.leave(connection);
        self.connections.reset(connection);
        visitors.set_free(publisher);
    }

    /// Records the results of the visits, and the resources used since `before`.
    fn record_visits(
        &mut self,
        visitors: &Visitors,
        seconds: f64,
        before: &Tick,
        busy_before: Duration,
    ) {
        let after = self.sample();
        let server_cpu = after.server_cpu - before.server_cpu;
        self.outcome.seconds = seconds;
        self.outcome.said = visitors.done;
        self.outcome.delivered = after.delivered - before.delivered;
        if let Some(server) = &mut self.outcome.server {
            server.cpu = server_cpu / seconds;
            server.cpu_per_delivery = server_cpu * 1e9 / visitors.done.max(1) as f64;
        }
        let generator = &mut self.outcome.generator;
        generator.busy = (self.connections.busy() - busy_before).as_secs_f64() / seconds;
        generator.cpu = (after.own_cpu - before.own_cpu) / seconds;
        let mut lag = new_histogram();
        for micros in self.connections.take_turns() {
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
