//! Everyone in, and certain to hear.

use super::super::plan::Plan;
use super::super::stamp::{ROLL_CALL, Stamp};
use super::{Progress, Run};
use std::time::Duration;

/// Connections under way at a time: fewer than servers let wait to be accepted, for whoever finds
/// the queue full tries again only after a second.
const UNDER_WAY: usize = 256;

/// How long nothing may happen before we ask what is wrong.
const PATIENCE: u64 = 20_000_000_000;

/// How often a room is called until everybody has answered.
const CALL_EVERY: u64 = 1_000_000_000;

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Connects everyone that is there from the beginning, at the plan's rate.
    pub(super) fn assemble(&mut self) -> Result<(), String> {
        self.stage = "connecting";
        let plan: &Plan = self.plan;
        // Visitors come later, and by themselves.
        let count = match plan.act {
            super::Act::Churn { .. } => plan.readers.len(),
            _ => self.crowd.len(),
        };
        let began = self.crowd.now();
        let interval = if plan.connect_rate > 0.0 { 1e9 / plan.connect_rate } else { 0.0 };
        let (mut begun, mut progress) = (0, (0, began));
        while self.present < count {
            let now = self.crowd.now();
            let mut due = began + (begun as f64 * interval) as u64;
            while begun < count && due <= now && begun - self.present < UNDER_WAY {
                self.crowd.connect(begun)?;
                begun += 1;
                due = began + (begun as f64 * interval) as u64;
            }
            let can_begin = begun < count && begun - self.present < UNDER_WAY;
            self.turn(if can_begin { due.max(now) } else { now + super::TICK })?;
            self.done = self.present as f64 / count as f64;
            if self.present > progress.0 {
                progress = (self.present, self.crowd.now());
            }
            let is_hopeless = !self.gone.is_empty() || !self.refused.is_empty();
            if is_hopeless || self.crowd.now() - progress.1 > PATIENCE {
                return Err(format!(
                    "{} of {count} connections are in, and no more can come: {}",
                    self.present,
                    if is_hopeless { self.reasons() } else { "nothing happens".to_owned() }
                ));
            }
        }
        self.outcome.crowd.seconds = (self.crowd.now() - began) as f64 / 1e9;
        Ok(())
    }

    /// Says something in every room until every reader there has heard it: that a server said
    /// "joined", or accepted a connection, does not mean that messages arrive.
    pub(super) fn call_the_roll(&mut self) -> Result<(), String> {
        if self.plan.voices.is_empty() || matches!(self.plan.act, super::Act::Churn { .. }) {
            return Ok(());
        }
        self.stage = "calling the roll";
        let began = self.crowd.now();
        let (mut next, everyone) = (began, self.plan.readers.len());
        while self.ledger.absent() > 0 {
            let now = self.crowd.now();
            if now >= next {
                next = now + CALL_EVERY;
                for room in self.ledger.rooms_with_absent() {
                    self.call(room);
                }
            }
            self.turn(next)?;
            self.done = 1.0 - self.ledger.absent() as f64 / everyone as f64;
            if now - began > PATIENCE {
                return Err(format!(
                    "{} of {everyone} readers hear nothing of what is said in their room: {}",
                    self.ledger.absent(),
                    self.reasons()
                ));
            }
        }
        // What was called twice is still under way.
        self.rest(Duration::from_millis(200))
    }

    fn call(&mut self, room: u32) {
        let Some(voice) = self.plan.voices.iter().position(|at| *at == room) else { return };
        let mut payload = Vec::new();
        let due = self.crowd.now();
        Stamp { voice: ROLL_CALL, sequence: 0, due }.write(self.plan.size, &mut payload);
        self.crowd.say(self.body(voice as u32), &payload);
    }
}
