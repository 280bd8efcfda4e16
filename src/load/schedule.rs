//! The schedule of messages: due times and publishers.

use std::ops::Range;

/// The pace of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pacing {
    /// Open loop: messages per second of all publishers together, whatever the server does.
    Rate(f64),
    /// Closed loop: messages in flight per publisher.
    Window(u32),
}

impl std::fmt::Display for Pacing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rate(rate) => write!(f, "{rate} messages/s"),
            Self::Window(window) => write!(f, "saturated, {window} in flight per publisher"),
        }
    }
}

/// The order of publishers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One after the other.
    InTurn,
    /// Random, with this seed.
    Random(u64),
}

/// A group of publishers with a pace.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The pace.
    pub pacing: Pacing,
    /// The publishers.
    pub publishers: Range<u32>,
    /// The order of publishers, in an open loop.
    pub choice: Choice,
    /// Messages due at the same moment, in an open loop.
    pub burst: u32,
}

/// A running stream.
#[derive(Debug)]
pub struct Clock {
    stream: Stream,
    began: u64,
    /// Messages taken so far.
    taken: u64,
    random: Random,
}

impl Clock {
    /// Starts a stream.
    pub fn new(stream: Stream, began: u64) -> Self {
        let seed = match stream.choice {
            Choice::InTurn => 1,
            Choice::Random(seed) => seed,
        };
        Self { stream, began, taken: 0, random: Random::new(seed) }
    }

    /// Returns the stream.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Returns the due time of the next message, in an open loop.
    pub fn next_due(&self) -> Option<u64> {
        let Pacing::Rate(rate) = self.stream.pacing else { return None };
        let burst = u64::from(self.stream.burst.max(1));
        let first_of_burst = self.taken / burst * burst;
        // Computed from the start, because a sum of intervals would accumulate rounding errors.
        Some(self.began + (first_of_burst as f64 * 1e9 / rate) as u64)
    }

    /// Returns the publisher of the next message.
    pub fn next_publisher(&self) -> u32 {
        let publishers = &self.stream.publishers;
        let count = u64::from(publishers.end - publishers.start);
        let place = match self.stream.choice {
            Choice::InTurn => self.taken % count,
            Choice::Random(_) => self.random.peek() % count,
        };
        publishers.start + place as u32
    }

    /// Advances to the next message.
    pub fn take(&mut self) {
        self.taken += 1;
        self.random.next();
    }
}

/// A pseudo-random generator (xorshift64*).
#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Creates a generator from a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// Returns the next number without advancing.
    pub fn peek(&self) -> u64 {
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// Returns the next number.
    #[allow(clippy::should_implement_trait, reason = "it is endless, and needs no Option")]
    pub fn next(&mut self) -> u64 {
        let number = self.peek();
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_does_not_depend_on_when_it_is_said() {
        let stream = Stream {
            pacing: Pacing::Rate(3.0),
            publishers: 4..6,
            choice: Choice::InTurn,
            burst: 1,
        };
        let mut clock = Clock::new(stream, 1_000);
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.push((clock.next_due().unwrap(), clock.next_publisher()));
            clock.take();
        }
        assert_eq!(taken, [(1_000, 4), (333_334_333, 5), (666_667_666, 4), (1_000_001_000, 5)]);
    }

    #[test]
    fn a_burst_is_due_at_once() {
        let choice = Choice::Random(7);
        let stream = Stream { pacing: Pacing::Rate(10.0), publishers: 0..100, choice, burst: 3 };
        let mut clock = Clock::new(stream, 0);
        let mut dues = Vec::new();
        let mut publishers = Vec::new();
        for _ in 0..7 {
            dues.push(clock.next_due().unwrap());
            publishers.push(clock.next_publisher());
            clock.take();
        }
        assert_eq!(dues, [0, 0, 0, 300_000_000, 300_000_000, 300_000_000, 600_000_000]);
        publishers.dedup();
        assert!(publishers.len() > 4, "{publishers:?}");
    }
}
