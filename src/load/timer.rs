//! Waking up on time. A poll waits in whole milliseconds, and rounds up: a message due between two of
//! them would be late by our own fault.

use mio::{Registry, Token};
use std::io;
use std::time::Duration;

/// Wakes a poll at a moment of its own.
#[derive(Debug)]
pub struct Timer {
    #[cfg(target_os = "linux")]
    descriptor: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Timer {
    /// A timer that wakes the poll behind `registry` with `token`.
    ///
    /// # Errors
    /// If the system has none.
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

    /// Wakes the poll after `wait`, in place of what was set before. What a poll is to be given as
    /// its timeout.
    pub fn set(&self, wait: Duration) -> Duration {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let nothing = Timespec { tv_sec: 0, tv_nsec: 0 };
        let tv_nsec = wait.subsec_nanos().max(1).into();
        let it_value = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec };
        let setting = Itimerspec { it_interval: nothing, it_value };
        match timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &setting) {
            // A little longer: if both fell together, the poll would end twice.
            Ok(_) => wait + Duration::from_millis(1),
            Err(_) => wait,
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Timer {
    /// Nothing: other systems are woken by the poll's own timeout.
    ///
    /// # Errors
    /// None.
    pub fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self {})
    }

    /// What a poll is to be given as its timeout.
    pub fn set(&self, wait: Duration) -> Duration {
        wait
    }
}
