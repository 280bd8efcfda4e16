//! Time, as the event loop passes it to all other modules.

use std::time::Duration;

/// The time of an event.
///
/// Only `net` reads clocks; all other modules receive the time. The two readings have different
/// purposes and never mix: deadlines use `running`, which cannot jump; stamps use `unix_ms`, which
/// can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since the relay began.
    pub running: Duration,
    /// Wall-clock milliseconds since 1970, for stamping messages.
    pub unix_ms: u64,
}

impl Now {
    /// Returns `running` in whole ticks.
    pub fn tick(self) -> Tick {
        Tick((self.running.as_millis() / u128::from(Tick::MILLIS)) as u32)
    }
}

/// Coarse monotonic time. A `u32` of 100 ms ticks lasts 13 years and costs an idle peer four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(pub u32);

impl Tick {
    /// Length of a tick, in milliseconds. Every deadline here is counted in seconds, so a tenth is
    /// fine enough, and coarse enough that thousands of peers share one wake-up.
    pub const MILLIS: u64 = 100;

    /// Returns the first tick that lies no earlier than `wait` after this one.
    pub fn after(self, wait: Duration) -> Self {
        let ticks = wait.as_millis().div_ceil(u128::from(Self::MILLIS));
        Self(self.0.saturating_add(u32::try_from(ticks).unwrap_or(u32::MAX)))
    }

    /// Returns the start of the tick, as monotonic time.
    pub fn start(self) -> Duration {
        Duration::from_millis(u64::from(self.0) * Self::MILLIS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_round_away_from_early_and_clamp() {
        let now = Now { running: Duration::from_millis(1_250), unix_ms: 0 };
        assert_eq!(now.tick(), Tick(12));
        assert_eq!(now.tick().after(Duration::from_millis(1)), Tick(13));
        assert_eq!(now.tick().after(Duration::ZERO), Tick(12));
        assert_eq!(now.tick().after(Duration::MAX), Tick(u32::MAX));
        assert_eq!(Tick(12).start(), Duration::from_millis(1_200));
    }
}
