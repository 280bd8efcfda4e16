//! The search for the highest rate: the rate doubles until a bound is exceeded, then bisection
//! follows.

use super::super::outcome::{Group, Step};
use super::super::plan::Bound;
use super::super::schedule::{Pacing, Stream};
use super::{Progress, Run};
use crate::load::error::LoadError;
use std::time::Duration;

/// The relative precision of the highest rate, as 1/x.
const PRECISION: f64 = 16.0;

/// The fewest messages of a step.
const MESSAGES_MIN: f64 = 10.0;

/// The most steps, doublings and bisections together.
const STEPS_MAX: usize = 24;

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Tries rates of the first stream. The result's figures are those of the highest rate within
    /// the bounds.
    pub(super) fn find_max(&mut self, bound: Bound) -> Result<(), LoadError> {
        let Some(first) = self.plan.streams.first() else { return Ok(()) };
        let Pacing::Rate(mut rate) = first.pacing else {
            let text =
                "a search for the highest rate needs a first stream with a rate, not a window";
            return Err(LoadError::Plan { field: "streams", text: text.to_owned() });
        };
        let (mut held, mut broken) = (0.0, f64::INFINITY);
        let mut best = None;
        for _ in 0..STEPS_MAX {
            let step = self.try_rate(rate, bound)?;
            if step.broken.is_none() {
                held = rate;
                let outcome = &self.outcome;
                best = Some((
                    outcome.seconds,
                    outcome.said,
                    outcome.delivered,
                    outcome.overheard,
                    outcome.groups.clone(),
                    outcome.server.clone(),
                    outcome.generator.clone(),
                ));
            } else {
                broken = rate;
            }
            self.outcome.steps.push(step);
            if broken.is_finite() && (broken - held) * PRECISION <= broken {
                break;
            }
            rate = if broken.is_finite() { f64::midpoint(held, broken) } else { rate * 2.0 };
            if rate * bound.step.as_secs_f64() < MESSAGES_MIN {
                break;
            }
        }
        if let Some((seconds, said, delivered, overheard, groups, server, generator)) = best {
            let outcome = &mut self.outcome;
            (outcome.seconds, outcome.said) = (seconds, said);
            (outcome.delivered, outcome.overheard) = (delivered, overheard);
            (outcome.groups, outcome.server, outcome.generator) = (groups, server, generator);
        }
        Ok(())
    }

    fn try_rate(&mut self, rate: f64, bound: Bound) -> Result<Step, LoadError> {
        let mut streams: Vec<Stream> = self.plan.streams.clone();
        streams[0].pacing = Pacing::Rate(rate);
        self.publish(&streams, Duration::from_millis(500), bound.step)?;
        let deliveries = self.record.settle();
        let groups = self.plan.groups.iter().zip(&deliveries);
        self.outcome.groups =
            groups.map(|(name, deliveries)| Group::new(name, 0, deliveries)).collect();
        for (index, group) in self.outcome.groups.iter_mut().enumerate() {
            let readers = self.plan.readers.iter();
            group.readers = readers.filter(|(_, at)| usize::from(*at) == index).count() as u64;
        }
        let group = &self.outcome.groups[0];
        let missing = group.lost + group.told + group.cut_off;
        let lost = missing as f64 / (missing + group.delivered).max(1) as f64;
        let p99 = group.latency.p99;
        let asked = rate * self.outcome.seconds;
        let broken = if lost > bound.loss {
            Some(format!("{:.3} % lost", lost * 100.0))
        } else if u128::from(p99) > bound.p99.as_nanos() {
            Some(format!("p99 {:.1} ms", p99 as f64 / 1e6))
        } else if (self.outcome.said as f64) < asked * 0.95 - 2.0 {
            Some(format!("only {} of {asked:.0} messages were accepted", self.outcome.said))
        } else {
            None
        };
        Ok(Step {
            rate,
            delivered: self.outcome.deliveries_per_second(),
            p99,
            lost,
            server_cpu: self.outcome.server.as_ref().map_or(0.0, |server| server.cpu),
            broken,
        })
    }
}
