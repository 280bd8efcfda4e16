//! The time of the engine: the loop's time without stalls.

use crate::now::{Now, Tick};
use std::time::Duration;

/// The delay of a deadline above which the process did not run, so that no peer is at fault.
const STALL: Duration = Duration::from_secs(2);

/// The time of the last wake-up, and the time during which the process did not run.
///
/// There are two clocks: the loop's, and the engine's, which is the same less `stalled`. Deadlines
/// use the engine's, so that no peer is closed for a silence of the process.
///
/// Invariant: `stalled` is no more than the time that has passed, and neither ever shrinks.
#[derive(Debug, Default)]
pub(super) struct Time {
    /// The time at which the loop last woke up.
    woken: Now,
    stalled: Duration,
}

impl Time {
    /// Records that the loop woke up. `due` is the deadline that it slept for, if there was one: if
    /// it overslept by far, the process was stopped or suspended.
    pub(super) fn wake(&mut self, now: Now, due: Option<Duration>) {
        debug_assert!(self.woken.running <= now.running, "time runs backwards");
        let expected = due.map_or(now.running, |due| due.max(self.woken.running));
        let overslept = now.running.saturating_sub(expected);
        if overslept > STALL {
            self.stalled += overslept;
        }
        self.woken = now;
        self.assert_invariants();
    }

    /// Converts the loop's time to the engine's.
    pub(super) fn lived(&self, now: Now) -> Now {
        Now { running: now.running.saturating_sub(self.stalled), unix_ms: now.unix_ms }
    }

    /// Returns the time of the last wake-up on the engine's clock.
    pub(super) fn now(&self) -> Now {
        self.lived(self.woken)
    }

    /// Converts a deadline to the loop's time.
    pub(super) fn told(&self, deadline: Tick) -> Duration {
        deadline.start() + self.stalled
    }

    /// Checks the invariant above.
    ///
    /// # Panics
    /// When it does not hold.
    pub(super) fn assert_invariants(&self) {
        debug_assert!(self.stalled <= self.woken.running, "stopped for longer than it has run");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Now {
        Now { running: Duration::from_secs(secs), unix_ms: 1_000 * secs }
    }

    #[test]
    fn time_overslept_is_taken_out_and_deadlines_are_told_with_it() {
        let mut time = Time::default();
        time.wake(at(10), Some(Duration::from_secs(8)));
        assert_eq!(time.now(), at(10), "two seconds late is late, not stopped");
        time.wake(at(40), Some(Duration::from_secs(15)));
        assert_eq!(time.now(), Now { running: Duration::from_secs(15), unix_ms: 40_000 });
        assert_eq!(time.told(Tick(200)), Duration::from_secs(45));
        assert_eq!(time.lived(at(41)).running, Duration::from_secs(16));
        // Without a deadline, no sleep is too long.
        time.wake(at(90), None);
        assert_eq!(time.now().running, Duration::from_secs(65));
    }
}
