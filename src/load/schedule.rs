//! When the next message is due, and who says it.

use std::ops::Range;

/// What sets the pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pacing {
    /// Open loop: so many messages a second from all voices together, whatever the server does.
    Rate(f64),
    /// Closed loop: each voice keeps so many messages under way.
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

/// Which voice is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One after the other.
    InTurn,
    /// Anybody, from this seed.
    Random(u64),
}

/// Voices with a pace of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The pace.
    pub pacing: Pacing,
    /// Its voices.
    pub voices: Range<u32>,
    /// Who is next, in an open loop.
    pub choice: Choice,
    /// So many messages are due at the same moment, in an open loop.
    pub burst: u32,
}

/// A stream under way.
#[derive(Debug)]
pub struct Clock {
    stream: Stream,
    began: u64,
    /// Messages taken so far.
    taken: u64,
    random: Random,
}

impl Clock {
    /// A stream that begins now.
    pub fn new(stream: Stream, began: u64) -> Self {
        let seed = match stream.choice {
            Choice::InTurn => 1,
            Choice::Random(seed) => seed,
        };
        Self { stream, began, taken: 0, random: Random::new(seed) }
    }

    /// The stream.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// When the next message of an open loop is due.
    pub fn next_due(&self) -> Option<u64> {
        let Pacing::Rate(rate) = self.stream.pacing else { return None };
        let burst = u64::from(self.stream.burst.max(1));
        let first_of_burst = self.taken / burst * burst;
        // From the beginning each time: adding up intervals would add up their rounding.
        Some(self.began + (first_of_burst as f64 * 1e9 / rate) as u64)
    }

    /// The voice that says the next message.
    pub fn next_voice(&self) -> u32 {
        let voices = &self.stream.voices;
        let count = u64::from(voices.end - voices.start);
        let place = match self.stream.choice {
            Choice::InTurn => self.taken % count,
            Choice::Random(_) => self.random.peek() % count,
        };
        voices.start + place as u32
    }

    /// Goes on to the message after the next.
    pub fn take(&mut self) {
        self.taken += 1;
        self.random.next();
    }
}

/// Numbers without a pattern, the same for the same seed (xorshift64*).
#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// The number that is next.
    pub fn peek(&self) -> u64 {
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// Takes a number.
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
        let stream =
            Stream { pacing: Pacing::Rate(3.0), voices: 4..6, choice: Choice::InTurn, burst: 1 };
        let mut clock = Clock::new(stream, 1_000);
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.push((clock.next_due().unwrap(), clock.next_voice()));
            clock.take();
        }
        assert_eq!(taken, [(1_000, 4), (333_334_333, 5), (666_667_666, 4), (1_000_001_000, 5)]);
    }

    #[test]
    fn a_burst_is_due_at_once() {
        let choice = Choice::Random(7);
        let stream = Stream { pacing: Pacing::Rate(10.0), voices: 0..100, choice, burst: 3 };
        let mut clock = Clock::new(stream, 0);
        let mut dues = Vec::new();
        let mut voices = Vec::new();
        for _ in 0..7 {
            dues.push(clock.next_due().unwrap());
            voices.push(clock.next_voice());
            clock.take();
        }
        assert_eq!(dues, [0, 0, 0, 300_000_000, 300_000_000, 300_000_000, 600_000_000]);
        voices.dedup();
        assert!(voices.len() > 4, "{voices:?}");
    }
}
