//! What was seen, and what two looks come to together: rates.

use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Looks that a curve goes back.
const LOOKS: usize = 240;

/// One look.
pub(super) struct Seen {
    numbers: HashMap<String, f64>,
    pub(super) top: TopAnswer,
    pub(super) state: String,
}

/// What `GET /top` answers.
#[derive(Default, Deserialize)]
pub(super) struct TopAnswer {
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
    /// Messages a second, once it was seen twice.
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

/// What the rooms are sorted by.
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

impl Seen {
    /// Nothing if that is not what a relay answers.
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

    /// A number that has no label.
    pub(super) fn number(&self, name: &str) -> f64 {
        self.numbers.get(name).copied().unwrap_or(0.0)
    }

    /// A family's numbers that are not 0, by their label, the greatest first.
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

/// The curves there are.
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

/// Everything that was seen, as far as it is shown.
#[derive(Default)]
pub(super) struct History {
    last: Option<(Seen, Instant)>,
    rates: [VecDeque<u64>; 4],
    /// Messages a second that were told to one person alone.
    pub(super) private: f64,
    /// The share of its time that the loop was awake, between the last two looks.
    pub(super) busy: f64,
    /// The time within which 99 of 100 turns between the last two looks were done.
    pub(super) turn: Option<Duration>,
}

impl History {
    /// One more look.
    pub(super) fn add(&mut self, mut seen: Seen, at: Instant) {
        if let Some((before, then)) = &self.last {
            let seconds = at.saturating_duration_since(*then).as_secs_f64().max(0.001);
            // Another relay, or the same one begun again.
            if seen.top.running_ms < before.top.running_ms {
                *self = Self::default();
            } else {
                for (rates, curve) in self.rates.iter_mut().zip(Curve::ALL) {
                    let more = seen.number(curve.metric()) - before.number(curve.metric());
                    rates.push_back((more / seconds).round().max(0.0) as u64);
                    if rates.len() > LOOKS {
                        rates.pop_front();
                    }
                }
                let rate = |name| (seen.number(name) - before.number(name)) / seconds;
                self.private = rate("hobnob_private_messages_total").max(0.0);
                self.busy = rate("hobnob_turn_duration_seconds_sum").clamp(0.0, 1.0);
                self.turn = turn(before, &seen);
                let heads: HashMap<&str, u64> =
                    before.top.rooms.iter().map(|room| (&*room.room, room.head)).collect();
                for room in &mut seen.top.rooms {
                    let before = heads.get(&*room.room).copied().unwrap_or(room.head);
                    room.rate = room.head.saturating_sub(before) as f64 / seconds;
                }
            }
        }
        self.last = Some((seen, at));
    }

    /// The last look.
    pub(super) fn seen(&self) -> Option<&Seen> {
        self.last.as_ref().map(|(seen, _)| seen)
    }

    /// A curve, the newest last.
    pub(super) fn curve(&self, curve: Curve) -> &VecDeque<u64> {
        &self.rates[curve as usize]
    }

    /// The rooms in this order.
    pub(super) fn rooms(&self, order: Order) -> Vec<BigRoom> {
        let mut rooms = self.seen().map(|seen| seen.top.rooms.clone()).unwrap_or_default();
        match order {
            Order::Members => rooms.sort_by_key(|room| std::cmp::Reverse(room.members)),
            Order::Rate => rooms.sort_by(|a, b| b.rate.total_cmp(&a.rate)),
            Order::Backlog => rooms.sort_by_key(|room| std::cmp::Reverse(room.backlog)),
            Order::Name => rooms.sort_by(|a, b| a.room.cmp(&b.room)),
        }
        rooms
    }
}

/// The bound under which 99 of 100 turns between two looks stayed; nothing if there were none.
fn turn(before: &Seen, seen: &Seen) -> Option<Duration> {
    const FAMILY: &str = "hobnob_turn_duration_seconds";
    let more = |name: &str| seen.number(name) - before.number(name);
    let count = more(&format!("{FAMILY}_count"));
    let mut bounds: Vec<(f64, f64)> = Vec::new();
    for name in seen.numbers.keys() {
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

    fn look(messages: u64, running_ms: u64, head: u64) -> Seen {
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
        Seen::read(&metrics, &top, "ready").expect("that is what a relay answers")
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
        assert_eq!(history.seen().unwrap().by_label("hobnob_closes_total"), [("lost", 3.0)]);
        // It was begun again: its numbers say nothing about before.
        history.add(look(5, 100, 1), start + Duration::from_secs(3));
        assert!(history.curve(Curve::Messages).is_empty());
    }

    #[test]
    fn what_no_relay_answers_is_not_taken_for_an_answer() {
        assert!(Seen::read("<html>", "{}", "").is_none());
        assert!(Seen::read("hobnob_messages_total 1\n", "not JSON", "").is_none());
    }
}
