//! The storm scenario: all clients connect at once, and reconnect after a disconnection.

use super::super::delivery_record::new_histogram;
use super::super::outcome::{Latency, Round};
use super::super::server;
use super::{Progress, Run};
use crate::load::error::LoadError;

/// Time without progress after which the run fails.
const TIMEOUT: u64 = 20_000_000_000;

/// Time after which a client gives up a connect and retries, as real clients do: with a full listen
/// queue, some kernels establish connections that the server never sees.
const CONNECT_TIMEOUT: u64 = 5_000_000_000;

/// Pause before the retry of a failed connection.
const RETRY: u64 = 100_000_000;

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Connects all clients at once, then disconnects and reconnects them `cuts` times.
    pub(super) fn storm(&mut self, cuts: u32) -> Result<(), LoadError> {
        self.load_began = Some(self.connections.now());
        self.connect_round("all connect")?;
        self.outcome.connect.seconds = self.outcome.rounds[0].seconds;
        for cut in 1..=cuts {
            self.run_for(std::time::Duration::from_secs(1))?;
            (0..self.connections.len()).for_each(|index| self.connections.reset(index));
            self.present = 0;
            self.connect_round(&format!("reconnect {cut}"))?;
        }
        Ok(())
    }

    fn connect_round(&mut self, name: &str) -> Result<(), LoadError> {
        self.stage = "storm";
        let count = self.connections.len();
        let cpu = || self.pid.and_then(server::usage).map_or(0.0, |used| used.cpu);
        let (began, cpu_before) = (self.connections.now(), cpu());
        let everyone_before = std::mem::replace(&mut self.join, new_histogram());
        let mut waiting: Vec<usize> = (0..count).rev().collect();
        let (mut retries, mut retry_at) = (0, began);
        let (mut progress, mut next_look) = ((0, began), began);
        while self.present < count {
            let now = self.connections.now();
            // In small batches, so that replies are read in between.
            if now >= retry_at {
                for index in waiting.split_off(waiting.len().saturating_sub(64)) {
                    self.connections.connect(index)?;
                }
            }
            self.turn(if waiting.is_empty() { now + super::TICK } else { now.max(retry_at) })?;
            let gone = std::mem::take(&mut self.gone);
            if !gone.is_empty() {
                retries += gone.len() as u64;
                retry_at = self.connections.now() + RETRY;
                // A client that had joined and was disconnected must join again.
                self.present = self.present.min(count - gone.len());
                waiting.extend(gone);
            }
            if now >= next_look {
                next_look = now + RETRY;
                let late =
                    self.connections.connecting_since_before(now.saturating_sub(CONNECT_TIMEOUT));
                retries += late.len() as u64;
                late.iter().for_each(|index| self.connections.reset(*index));
                waiting.extend(late);
            }
            self.done = self.present as f64 / count as f64;
            if self.present > progress.0 {
                progress = (self.present, self.connections.now());
            }
            let is_closed = self.present == 0 && progress.0 == 0 && retries > 2 * count as u64;
            if is_closed || self.connections.now() - progress.1 > TIMEOUT {
                let (present, reasons) = (self.present, self.reasons());
                return Err(LoadError::NoProgress(format!(
                    "only {present} of {count} connections joined: {reasons}"
                )));
            }
        }
        let seconds = (self.connections.now() - began) as f64 / 1e9;
        let cpu_after = self.pid.and_then(server::usage).map_or(0.0, |used| used.cpu);
        let join = Latency::of(&self.join);
        let (name, server_cpu) = (name.to_owned(), cpu_after - cpu_before);
        self.outcome.rounds.push(Round { name, seconds, join, retries, server_cpu });
        let _ = self.join.add(&everyone_before);
        Ok(())
    }
}
