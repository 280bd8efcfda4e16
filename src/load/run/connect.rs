//! The start of a load: connect all clients, and check that messages arrive.

use super::super::plan::Plan;
use super::super::stamp::{PROBE, Stamp};
use super::{Progress, Run};
use crate::load::error::LoadError;
use std::time::Duration;

/// Connects in progress at a time. Fewer than a listen queue holds: a client that finds the queue
/// full retries only after a second.
const CONNECTING_MAX: usize = 256;

/// Time without progress after which the run fails.
const TIMEOUT: u64 = 20_000_000_000;

/// Interval between two probes of a room.
const PROBE_INTERVAL: u64 = 1_000_000_000;

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Connects all clients of the plan, at its rate.
    pub(super) fn connect_all(&mut self) -> Result<(), LoadError> {
        self.stage = "connecting";
        let plan: &Plan = self.plan;
        // Visitors connect later.
        let count = match plan.kind {
            super::LoadKind::Churn { .. } => plan.readers.len(),
            _ => self.connections.len(),
        };
        let began = self.connections.now();
        let interval = if plan.connect_rate > 0.0 { 1e9 / plan.connect_rate } else { 0.0 };
        let (mut begun, mut progress) = (0, (0, began));
        while self.present < count {
            let now = self.connections.now();
            let mut due = began + (begun as f64 * interval) as u64;
            while begun < count && due <= now && begun - self.present < CONNECTING_MAX {
                self.connections.connect(begun)?;
                begun += 1;
                due = began + (begun as f64 * interval) as u64;
            }
            let can_begin = begun < count && begun - self.present < CONNECTING_MAX;
            self.turn(if can_begin { due.max(now) } else { now + super::TICK })?;
            self.done = self.present as f64 / count as f64;
            if self.present > progress.0 {
                progress = (self.present, self.connections.now());
            }
            let is_hopeless = !self.gone.is_empty() || !self.refused.is_empty();
            if is_hopeless || self.connections.now() - progress.1 > TIMEOUT {
                return Err(LoadError::NoProgress(format!(
                    "only {} of {count} connections joined: {}",
                    self.present,
                    if is_hopeless { self.reasons() } else { "no progress".to_owned() }
                )));
            }
        }
        self.outcome.connect.seconds = (self.connections.now() - began) as f64 / 1e9;
        Ok(())
    }

    /// Publishes a probe in every room until each reader has received it: a confirmed join or an
    /// accepted connection does not mean that messages arrive.
    pub(super) fn probe_rooms(&mut self) -> Result<(), LoadError> {
        if self.plan.publishers.is_empty()
            || matches!(self.plan.kind, super::LoadKind::Churn { .. })
        {
            return Ok(());
        }
        self.stage = "probing";
        let began = self.connections.now();
        let (mut next, everyone) = (began, self.plan.readers.len());
        while self.record.without_probe() > 0 {
            let now = self.connections.now();
            if now >= next {
                next = now + PROBE_INTERVAL;
                for room in self.record.rooms_without_probe() {
                    self.probe(room);
                }
            }
            self.turn(next)?;
            self.done = 1.0 - self.record.without_probe() as f64 / everyone as f64;
            if now - began > TIMEOUT {
                return Err(LoadError::NoProgress(format!(
                    "{} of {everyone} readers receive no messages of their room: {}",
                    self.record.without_probe(),
                    self.reasons()
                )));
            }
        }
        // Repeated probes are still on their way.
        self.run_for(Duration::from_millis(200))
    }

    fn probe(&mut self, room: u32) {
        let Some(publisher) = self.plan.publishers.iter().position(|at| *at == room) else {
            return;
        };
        let mut payload = Vec::new();
        let due = self.connections.now();
        Stamp { publisher: PROBE, sequence: 0, due }.write(self.plan.size, &mut payload);
        self.connections.publish(self.connection_of(publisher as u32), &payload);
    }
}
