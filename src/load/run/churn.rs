//! Visits: connect, join, say one message, leave; over and over.

use super::super::ledger::new_histogram;
use super::super::outcome::{Latency, Round};
use super::super::schedule::{Choice, Clock, Pacing, Stream};
use super::{Progress, Run};

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
        let mut visits = vec![Visit::Away; voices as usize];
        let mut free: Vec<u32> = (0..voices).rev().collect();
        let (mut joins, mut done, mut failed) = (new_histogram(), 0u64, 0u64);
        let mut through = Vec::new();
        self.arrived.clear();
        let before = self.look();
        let busy_before = self.crowd.busy();
        let mut next_check = began;
        loop {
            let now = self.crowd.now();
            if now >= last || (now >= end && free.len() == voices as usize) {
                break;
            }
            // Who finds nobody free to go comes later, and is late from when it was due.
            let mut due = clock.next_due().filter(|due| *due < end);
            while let Some(at) = due.filter(|due| *due <= now)
                && let Some(voice) = free.pop()
            {
                self.crowd.connect(self.body(voice))?;
                visits[voice as usize] = Visit::Coming(at);
                clock.take();
                due = clock.next_due().filter(|due| *due < end);
            }
            let wake = due.filter(|_| !free.is_empty()).unwrap_or(u64::MAX);
            self.turn(wake.max(now))?;
            self.arrivals(&mut visits, &mut joins);
            let readers = self.plan.readers.len();
            for index in std::mem::take(&mut self.gone) {
                if let Some(voice) = index.checked_sub(readers)
                    && visits[voice] != Visit::Away
                {
                    failed += 1;
                    visits[voice] = Visit::Away;
                    free.push(voice as u32);
                }
            }
            self.ledger.take_through(&mut through);
            for voice in through.drain(..) {
                if matches!(visits[voice as usize], Visit::Spoken(_))
                    && self.ledger.in_flight(voice) == 0
                {
                    done += 1;
                    self.go(voice, &mut visits, &mut free);
                }
            }
            let now = self.crowd.now();
            if now >= next_check {
                next_check = now + 100_000_000;
                for voice in 0..voices {
                    let (Visit::Coming(since) | Visit::Spoken(since)) = visits[voice as usize]
                    else {
                        continue;
                    };
                    if now.saturating_sub(since) > PATIENCE {
                        failed += 1;
                        self.ledger.forgive(voice);
                        self.go(voice, &mut visits, &mut free);
                    }
                }
            }
            self.done = (now - began) as f64 / (end - began) as f64;
        }
        let after = self.look();
        let seconds = (self.crowd.now() - began) as f64 / 1e9;
        self.outcome.seconds = seconds;
        self.outcome.said = done;
        self.outcome.delivered = after.delivered - before.delivered;
        if let Some(server) = &mut self.outcome.server {
            server.cpu = (after.server_cpu - before.server_cpu) / seconds;
            let visits = done.max(1) as f64;
            server.cpu_per_delivery = (after.server_cpu - before.server_cpu) * 1e9 / visits;
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
            join: Latency::of(&joins),
            retries: failed,
            server_cpu: after.server_cpu - before.server_cpu,
        });
        self.drain(u8::MAX)?;
        Ok(())
    }

    /// Visitors that have come in say their message.
    fn arrivals(&mut self, visits: &mut [Visit], joins: &mut hdrhistogram::Histogram<u64>) {
        let readers = self.plan.readers.len();
        for index in std::mem::take(&mut self.arrived) {
            let Some(voice) = index.checked_sub(readers) else { continue };
            if let Visit::Coming(due) = visits[voice] {
                let now = self.crowd.now();
                joins.saturating_record(now.saturating_sub(due));
                visits[voice] = Visit::Spoken(now);
                self.say_one(voice as u32, now);
            }
        }
    }

    fn go(&mut self, voice: u32, visits: &mut [Visit], free: &mut Vec<u32>) {
        let member = self.body(voice);
        self.crowd.leave(member);
        self.crowd.cut(member);
        visits[voice as usize] = Visit::Away;
        free.push(voice);
    }
}
