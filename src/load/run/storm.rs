//! Everyone at once: connecting, and coming back after everyone was cut.

use super::super::ledger::new_histogram;
use super::super::outcome::{Latency, Round};
use super::super::server;
use super::{Progress, Run};

/// Silence after which a storm is over, with or without everyone.
const PATIENCE: u64 = 20_000_000_000;

/// How long one who connects waits before it gives up and tries again, as people's programs do: to
/// some servers a connection is made that they then never learn of, because their queue was full.
const TOO_LONG: u64 = 5_000_000_000;

/// Pause before somebody who was turned away comes again.
const RETRY: u64 = 100_000_000;

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Everyone connects at once; then everyone is cut and comes back, so many times.
    pub(super) fn storm(&mut self, cuts: u32) -> Result<(), String> {
        self.load_began = Some(self.crowd.now());
        self.onslaught("everyone connects")?;
        self.outcome.crowd.seconds = self.outcome.rounds[0].seconds;
        for cut in 1..=cuts {
            self.rest(std::time::Duration::from_secs(1))?;
            (0..self.crowd.len()).for_each(|index| self.crowd.cut(index));
            self.present = 0;
            self.onslaught(&format!("cut and back {cut}"))?;
        }
        Ok(())
    }

    fn onslaught(&mut self, name: &str) -> Result<(), String> {
        self.stage = "storm";
        let count = self.crowd.len();
        let cpu = || self.pid.and_then(server::usage).map_or(0.0, |used| used.cpu);
        let (began, cpu_before) = (self.crowd.now(), cpu());
        let everyone_before = std::mem::replace(&mut self.join, new_histogram());
        let mut waiting: Vec<usize> = (0..count).rev().collect();
        let (mut retries, mut retry_at) = (0, began);
        let (mut progress, mut next_look) = ((0, began), began);
        while self.present < count {
            let now = self.crowd.now();
            // A few at a time only so that we hear what they say in between.
            if now >= retry_at {
                for index in waiting.split_off(waiting.len().saturating_sub(64)) {
                    self.crowd.connect(index)?;
                }
            }
            self.turn(if waiting.is_empty() { now + super::TICK } else { now.max(retry_at) })?;
            let gone = std::mem::take(&mut self.gone);
            if !gone.is_empty() {
                retries += gone.len() as u64;
                retry_at = self.crowd.now() + RETRY;
                // Whoever had come in and was thrown out again has to come in again.
                self.present = self.present.min(count - gone.len());
                waiting.extend(gone);
            }
            if now >= next_look {
                next_look = now + RETRY;
                let late = self.crowd.still_coming(now.saturating_sub(TOO_LONG));
                retries += late.len() as u64;
                late.iter().for_each(|index| self.crowd.cut(*index));
                waiting.extend(late);
            }
            self.done = self.present as f64 / count as f64;
            if self.present > progress.0 {
                progress = (self.present, self.crowd.now());
            }
            let is_closed = self.present == 0 && progress.0 == 0 && retries > 2 * count as u64;
            if is_closed || self.crowd.now() - progress.1 > PATIENCE {
                let (present, reasons) = (self.present, self.reasons());
                return Err(format!(
                    "{present} of {count} are in, and nobody else comes: {reasons}"
                ));
            }
        }
        let seconds = (self.crowd.now() - began) as f64 / 1e9;
        let cpu_after = self.pid.and_then(server::usage).map_or(0.0, |used| used.cpu);
        let join = Latency::of(&self.join);
        let (name, server_cpu) = (name.to_owned(), cpu_after - cpu_before);
        self.outcome.rounds.push(Round { name, seconds, join, retries, server_cpu });
        let _ = self.join.add(&everyone_before);
        Ok(())
    }
}
