//! Samples of a relay's metrics, and the rates between two samples.

use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Samples kept for each curve.
const SAMPLES_MAX: usize = 240;

/// One sample.
pub(super) struct Sample {
    numbers: HashMap<String, f64>,
    pub(super) top: TopResponse,
    pub(super) state: String,
}

/// The response of `GET /top`.
#[derive(Default, Deserialize)]
pub(super) struct TopResponse {
    pub(super) version: String,
    pub(super) running_ms: u64,
    pub(super) rooms: Vec<BigRoom>,
    pub(super) peers: Vec<SlowPeer>,
}

#[derive(Clone, Default, Deserialize)]
pub(super) struct BigRoom {
    pub(super) room: String,
    pub(super) members: u32,
    pub(super) head: u64,
    pub(super) backlog: u64,
    pub(super) history: u64,
    /// Messages per second, once there are two samples.
    #[serde(skip)]
    pub(super) rate: f64,
}

#[derive(Deserialize)]
pub(super) struct SlowPeer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) owed: u64,
    pub(super) blocked: bool,
    pub(super) silent_ms: u64,
}

/// The order of rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Members,
    Rate,
    Backlog,
    Name,
}

impl Order {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Members => Self::Rate,
            Self::Rate => Self::Backlog,
            Self::Backlog => Self::Name,
            Self::Name => Self::Members,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Rate => "messages/s",
            Self::Backlog => "backlog",
            Self::Name => "name",
        }
    }
}

impl Sample {
    /// Parses a sample. `None` if it does not come from a relay.
    pub(super) fn read(metrics: &str, top: &str, state: &str) -> Option<Self> {
        let lines = metrics.lines().filter(|line| !line.starts_with('#'));
        let numbers = lines.filter_map(|line| {
            let (name, number) = line.rsplit_once(' ')?;
            Some((name.to_owned(), number.parse().ok()?))
        });
        let numbers: HashMap<String, f64> = numbers.collect();
        numbers.contains_key("hobnob_messages_total").then_some(())?;
        Some(Self { numbers, top: serde_json::from_str(top).ok()?, state: state.to_owned() })
    }

    /// Returns a metric without labels.
    pub(super) fn number(&self, name: &str) -> f64 {
        self.numbers.get(name).copied().unwrap_or(0.0)
    }

    /// Returns the nonzero values of a metric by label, the greatest first.
    pub(super) fn by_label(&self, family: &str) -> Vec<(&str, f64)> {
        let of_family = self.numbers.iter().filter_map(|(name, number)| {
            let label = name.strip_prefix(family)?.strip_prefix('{')?;
            let (_, value) = label.strip_suffix("\"}")?.split_once("=\"")?;
            (*number > 0.0).then_some((value, *number))
        });
        let mut rows: Vec<(&str, f64)> = of_family.collect();
        rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        rows
    }
}

/// The curves.
#[derive(Clone, Copy)]
pub(super) enum Curve {
    Messages,
    Deliveries,
    Received,
    Sent,
}

impl Curve {
    pub(super) const ALL: [Self; 4] =
        [Self::Messages, Self::Deliveries, Self::Received, Self::Sent];

    fn metric(self) -> &'static str {
        match self {
            Self::Messages => "hobnob_messages_total",
            Self::Deliveries => "hobnob_deliveries_total",
            Self::Received => "hobnob_received_bytes_total",
            Self::Sent => "hobnob_sent_bytes_total",
        }
    }
}

/// The samples and rates to show.
#[derive(Default)]
pub(super) struct History {
    last: Option<(Sample, Instant)>,
    rates: [VecDeque<u64>; 4],
    /// Direct messages per second.
    pub(super) private: f64,
    /// The share of time that the loop was busy between the last two samples.
    pub(super) busy: f64,
    /// The bound of the 99th percentile of turn times between the last two samples.
    pub(super) turn: Option<Duration>,
}

impl History {
    /// Adds a sample.
    pub(super) fn add(&mut self, mut sample: Sample, at: Instant) {
        if let Some((before, then)) = &self.last {
            let seconds = at.saturating_duration_since(*then).as_secs_f64().max(0.001);
            // Another relay, or the same one after a restart.
            if sample.top.running_ms < before.top.running_ms {
                *self = Self::default();
            } else {
                for (rates, curve) in self.rates.iter_mut().zip(Curve::ALL) {
                    let more = sample.number(curve.metric()) - before.number(curve.metric());
                    rates.push_back((more / seconds).round().max(0.0) as u64);
                    if rates.len() > SAMPLES_MAX {
                        rates.pop_front();
                    }
                }
                let rate = |name| (sample.number(name) - before.number(name)) / seconds;
                self.private = rate("hobnob_private_messages_total").max(0.0);
                self.busy = rate("hobnob_turn_duration_seconds_sum").clamp(0.0, 1.0);
                self.turn = turn(before, &sample);
                let heads: HashMap<&str, u64> =
                    before.top.rooms.iter().map(|room| (&*room.room, room.head)).collect();
                for room in &mut sample.top.rooms {
                    let before = heads.get(&*room.room).copied().unwrap_or(room.head);
                    room.rate = room.head.saturating_sub(before) as f64 / seconds;
                }
            }
        }
        self.last = Some((sample, at));
    }

    /// Returns the last sample.
    pub(super) fn last_sample(&self) -> Option<&Sample> {
        self.last.as_ref().map(|(sample, _)| sample)
    }

    /// Returns a curve, the newest value last.
    pub(super) fn curve(&self, curve: Curve) -> &VecDeque<u64> {
        &self.rates[curve as usize]
    }

    /// Returns the rooms in the given order.
    pub(super) fn rooms(&self, order: Order) -> Vec<BigRoom> {
        let mut rooms =
            self.last_sample().map(|sample| sample.top.rooms.clone()).unwrap_or_default();
        match order {
            Order::Members => rooms.sort_by_key(|room| std::cmp::Reverse(room.members)),
            Order::Rate => rooms.sort_by(|a, b| b.rate.total_cmp(&a.rate)),
            Order::Backlog => rooms.sort_by_key(|room| std::cmp::Reverse(room.backlog)),
            Order::Name => rooms.sort_by(|a, b| a.room.cmp(&b.room)),
        }
        rooms
    }
}

/// Returns the bound of the 99th percentile of turn times between two samples; `None` if there were
/// no turns.
fn turn(before: &Sample, sample: &Sample) -> Option<Duration> {
    const FAMILY: &str = "hobnob_turn_duration_seconds";
    let more = |name: &str| sample.number(name) - before.number(name);
    let count = more(&format!("{FAMILY}_count"));
    let mut bounds: Vec<(f64, f64)> = Vec::new();
    for name in sample.numbers.keys() {
        let bound = name.strip_prefix(FAMILY).and_then(|rest| rest.strip_prefix("_bucket{le=\""));
        let bound = bound.and_then(|rest| rest.strip_suffix("\"}"));
        if let Some(bound) = bound.and_then(|bound| bound.parse::<f64>().ok()) {
            bounds.push((bound, more(name)));
        }
    }
    bounds.retain(|(bound, _)| bound.is_finite());
    bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let within = bounds.into_iter().find(|(_, within)| *within >= count * 0.99)?;
    (count > 0.0).then(|| Duration::from_secs_f64(within.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(messages: u64, running_ms: u64, head: u64) -> Sample {
        let metrics = format!(
            "# HELP hobnob_messages_total x\nhobnob_messages_total {messages}\n\
             hobnob_private_messages_total {head}\n\
             hobnob_turn_duration_seconds_bucket{{le=\"0.001\"}} {messages}\n\
             hobnob_turn_duration_seconds_bucket{{le=\"+Inf\"}} {messages}\n\
             hobnob_turn_duration_seconds_count {messages}\n\
             hobnob_turn_duration_seconds_sum {}\n\
             hobnob_closes_total{{reason=\"lost\"}} 3\nhobnob_closes_total{{reason=\"idle\"}} 0\n",
            messages as f64 / 1000.0
        );
        let top = format!(
            "{{\"version\":\"1\",\"running_ms\":{running_ms},\"peers\":[],\"rooms\":\
             [{{\"room\":\"tea\",\"members\":2,\"head\":{head},\"backlog\":0,\"history\":9}}]}}"
        );
        Sample::read(&metrics, &top, "ready").expect("that is what a relay answers")
    }

    #[test]
    fn two_looks_make_a_rate() {
        let (mut history, start) = (History::default(), Instant::now());
        history.add(look(100, 1_000, 7), start);
        history.add(look(300, 3_000, 27), start + Duration::from_secs(2));
        assert_eq!(history.curve(Curve::Messages), &[100]);
        assert_eq!(history.rooms(Order::Rate)[0].rate, 10.0);
        assert_eq!(history.private, 10.0);
        assert!((history.busy - 0.1).abs() < 1e-9);
        assert_eq!(history.turn, Some(Duration::from_millis(1)));
        assert_eq!(history.last_sample().unwrap().by_label("hobnob_closes_total"), [("lost", 3.0)]);
        // It was begun again: its numbers say nothing about before.
        history.add(look(5, 100, 1), start + Duration::from_secs(3));
        assert!(history.curve(Curve::Messages).is_empty());
    }

    #[test]
    fn what_no_relay_answers_is_not_taken_for_an_answer() {
        assert!(Sample::read("<html>", "{}", "").is_none());
        assert!(Sample::read("hobnob_messages_total 1\n", "not JSON", "").is_none());
    }
}
