//! The clock. No other file of the server reads the time.

use crate::now::Now;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A monotonic clock that starts with the relay.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { began: Instant::now() }
    }

    pub(super) fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { running: self.running(), unix_ms: unix.as_millis() as u64 }
    }

    /// Returns the monotonic time since the start.
    pub(super) fn running(&self) -> Duration {
        self.began.elapsed()
    }

    /// Converts a time since the start to an `Instant`.
    pub(super) fn instant(&self, running: Duration) -> Instant {
        self.began + running
    }
}
