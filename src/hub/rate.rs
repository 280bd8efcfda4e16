//! How often one person may speak.

use crate::limits::Limits;
use std::time::Duration;

/// A leaky bucket in eight bytes: the time at which it will have run empty (the "theoretical
/// arrival time" of ITU-T I.371's generic cell rate algorithm), in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    empty_at: u64,
}

impl Rate {
    /// An allowance without end.
    pub const UNLIMITED: Self = Self { empty_at: u64::MAX };

    /// Takes one from the allowance; false if it is used up, and then nothing is taken.
    pub fn take(&mut self, now: Duration, limits: &Limits) -> bool {
        if limits.rate_per_second == 0 || self.empty_at == u64::MAX {
            return true;
        }
        let now = now.as_micros() as u64;
        let each = 1_000_000 / u64::from(limits.rate_per_second);
        let room = each * u64::from(limits.rate_burst - 1);
        let empty_at = self.empty_at.max(now);
        if empty_at - now > room {
            return false;
        }
        self.empty_at = empty_at + each;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let limits = Limits { rate_burst: 3, rate_per_second: 10, ..Limits::default() };
        let mut rate = Rate::default();
        let mut take = |millis| rate.take(Duration::from_millis(millis), &limits);
        assert_eq!([take(1_000), take(1_000), take(1_000), take(1_000)], [true, true, true, false]);
        assert_eq!([take(1_099), take(1_100), take(1_100)], [false, true, false]);
        assert_eq!([take(9_000), take(9_000), take(9_000), take(9_000)], [true, true, true, false]);
    }
}
