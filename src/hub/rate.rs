//! The message rate and query allowance of one person.

use crate::limits::{ASKING_BURSTS, Limits, MESSAGE_COST};
use std::time::Duration;

/// The kind of an action. Each kind may use up a different part of the allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// An action that others receive, such as a message: within one burst.
    Say,
    /// A query, or entering a room: within [`ASKING_BURSTS`].
    Ask,
}

/// A leaky bucket in eight bytes: the time at which it will have run empty (the "theoretical
/// arrival time" of ITU-T I.371's generic cell rate algorithm), in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    empty_at: u64,
}

impl Rate {
    /// An allowance without a limit.
    pub const UNLIMITED: Self = Self { empty_at: u64::MAX };

    /// Returns the time until the action is allowed; zero if it is allowed now.
    pub fn wait(self, act: Act, now: Duration, limits: &Limits) -> Duration {
        if self.has_no_end(limits) {
            return Duration::ZERO;
        }
        let bursts = if act == Act::Say { 1 } else { ASKING_BURSTS };
        let acts = (u64::from(limits.rate_burst) * u64::from(bursts)).saturating_sub(1);
        let level = self.empty_at.saturating_sub(micros(now));
        let room = micros(limits.rate_every).saturating_mul(acts);
        Duration::from_micros(level.saturating_sub(room))
    }

    /// Charges the cost of a message if the action is allowed now. Returns false and charges
    /// nothing otherwise.
    pub fn take(&mut self, act: Act, now: Duration, limits: &Limits) -> bool {
        let may = self.wait(act, now, limits).is_zero();
        if may {
            self.charge(MESSAGE_COST, now, limits);
        }
        may
    }

    /// Charges the cost of `cost` bytes of answers. The charge may exceed what is left of the
    /// allowance.
    pub fn charge(&mut self, cost: usize, now: Duration, limits: &Limits) {
        if self.has_no_end(limits) {
            return;
        }
        let cost = micros(limits.rate_every).saturating_mul(cost as u64) / MESSAGE_COST as u64;
        let empty_at = self.empty_at.max(micros(now)).saturating_add(cost);
        self.empty_at = empty_at.min(Self::UNLIMITED.empty_at - 1);
    }

    fn has_no_end(self, limits: &Limits) -> bool {
        limits.rate_every.is_zero() || self.empty_at == Self::UNLIMITED.empty_at
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::QUESTION_COST;

    const EVERY: Duration = Duration::from_millis(100);

    fn limits() -> Limits {
        Limits { rate_burst: 3, rate_every: EVERY, ..Limits::default() }
    }

    #[test]
    fn a_burst_then_the_rate() {
        let limits = limits();
        let mut rate = Rate::default();
        let mut take = |millis| rate.take(Act::Say, Duration::from_millis(millis), &limits);
        assert_eq!([take(1_000), take(1_000), take(1_000), take(1_000)], [true, true, true, false]);
        assert_eq!([take(1_099), take(1_100), take(1_100)], [false, true, false]);
        assert_eq!([take(9_000), take(9_000), take(9_000), take(9_000)], [true, true, true, false]);
    }

    #[test]
    fn who_has_no_more_to_say_may_still_ask() {
        let (limits, now) = (limits(), Duration::from_secs(1));
        let mut rate = Rate::default();
        let joins = (0..20).take_while(|_| rate.take(Act::Ask, now, &limits)).count();
        assert_eq!(joins, 3 * ASKING_BURSTS as usize);
        assert_eq!(rate.wait(Act::Ask, now, &limits), EVERY);
        // Three bursts more than one have to be paid for first.
        assert_eq!(rate.wait(Act::Say, now, &limits), EVERY * (9 + 1));
        let mut rate = Rate::default();
        let questions = (0..1_000).take_while(|_| {
            let may = rate.wait(Act::Ask, now, &limits).is_zero();
            rate.charge(QUESTION_COST, now, &limits);
            may
        });
        // Sixteen to a message; the last message's worth may be begun by any of them.
        assert_eq!(questions.count(), 16 * (3 * ASKING_BURSTS as usize - 1) + 1);
    }

    #[test]
    fn no_cost_is_so_high_that_the_allowance_has_no_end() {
        let limits = Limits { rate_every: Duration::MAX, rate_burst: u32::MAX, ..limits() };
        let mut rate = Rate::default();
        rate.charge(usize::MAX, Duration::from_secs(1), &limits);
        assert!(!rate.has_no_end(&limits));
        let limits = Limits { rate_every: EVERY, rate_burst: 1, ..limits };
        assert!(!rate.wait(Act::Ask, Duration::from_secs(1), &limits).is_zero());
    }
}
