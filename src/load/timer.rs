//! A precise timer. A poll waits in whole milliseconds, rounded up: a message due between two
//! milliseconds would be late because of the generator.

use mio::{Registry, Token};
use std::io;
use std::time::Duration;

/// A timer that wakes a poll.
#[derive(Debug)]
pub struct Timer {
    #[cfg(target_os = "linux")]
    descriptor: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Timer {
    /// Creates a timer that wakes the poll of `registry` with `token`.
    ///
    /// # Errors
    /// A failure of the system to create a timer.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use mio::unix::SourceFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = SourceFd(&descriptor.as_raw_fd());
        mio::event::Source::register(&mut source, registry, token, mio::Interest::READABLE)?;
        Ok(Self { descriptor })
    }

    /// Wakes the poll after `wait`, instead of the time set before. Returns the timeout to pass to
    /// the poll.
    pub fn set(&self, wait: Duration) -> Duration {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let nothing = Timespec { tv_sec: 0, tv_nsec: 0 };
        let tv_nsec = wait.subsec_nanos().max(1).into();
        let it_value = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec };
        let setting = Itimerspec { it_interval: nothing, it_value };
        match timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &setting) {
            // Slightly longer: if both expired together, the poll would return twice.
            Ok(_) => wait + Duration::from_millis(1),
            Err(_) => wait,
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Timer {
    /// Creates a timer without effect: on other systems the poll's timeout is used.
    ///
    /// # Errors
    /// None.
    pub fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Returns the timeout to pass to the poll.
    pub fn set(&self, wait: Duration) -> Duration {
        wait
    }
}
