//! The one place that reads clocks.

use crate::now::Now;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time since the relay began.
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

    /// The monotonic half of it alone.
    pub(super) fn running(&self) -> Duration {
        self.began.elapsed()
    }

    /// A moment of the relay's time as everybody else's.
    pub(super) fn instant(&self, running: Duration) -> Instant {
        self.began + running
    }
}
