//! The wait before a reconnect.

use std::time::Duration;

/// The bound of the first wait.
const FIRST: Duration = Duration::from_millis(200);

/// The bound of every wait.
const CAP: Duration = Duration::from_secs(15);

/// Exponential backoff with full jitter: each wait is drawn uniformly between zero and a bound that
/// doubles. After a restart of the relay all clients reconnect; uniform waits spread them better
/// than a fixed wait with a little noise.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { failures: 0, random: seed }
    }

    /// Returns the wait before the next attempt.
    pub(super) fn next_wait(&mut self) -> Duration {
        let bound = FIRST.saturating_mul(1 << self.failures.min(16)).min(CAP);
        self.failures = self.failures.saturating_add(1);
        let bound_ms = bound.as_millis() as u64;
        Duration::from_millis(self.draw() % (bound_ms + 1))
    }

    /// Resets the bound after a stable connection.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Draws a number with SplitMix64: good enough to spread waits, and no dependency.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_no_further() {
        let longest = |failures: u32| {
            let waits = (0..2_000).map(|seed| {
                let mut backoff = Backoff { failures, random: seed };
                backoff.next_wait()
            });
            waits.max().unwrap()
        };
        assert!(longest(0) <= FIRST && longest(0) > FIRST * 9 / 10);
        assert!(longest(2) <= FIRST * 4 && longest(2) > FIRST * 3);
        assert!(longest(1_000) <= CAP && longest(1_000) > CAP * 9 / 10);
    }

    #[test]
    fn waits_are_spread_and_start_over() {
        let mut backoff = Backoff::new(7);
        let waits: Vec<Duration> = (0..50).map(|_| backoff.next_wait()).collect();
        assert!(waits[20..].windows(2).any(|pair| pair[0] != pair[1]));
        backoff.reset();
        assert!(backoff.next_wait() <= FIRST);
    }
}
