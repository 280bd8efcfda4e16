//! A log with a limit of lines per second for each class of event.

use log::{Level, log};
use std::fmt;

/// Lines of one class written per second; further lines are counted.
const LINES_PER_SECOND: u32 = 50;

/// A class of log lines. Each class has its own allowance.
#[derive(Clone, Copy, Debug)]
pub(super) enum LogClass {
    Connected,
    Closed,
    Refused,
    AcceptFailed,
    Fault,
}

/// A log that drops and counts lines beyond the allowance of their class.
#[derive(Debug, Default)]
pub(super) struct RateLimitedLog {
    classes: [Allowance; 5],
}

#[derive(Debug, Default)]
struct Allowance {
    second: u64,
    lines: u32,
    suppressed: u64,
}

impl RateLimitedLog {
    /// Writes a line at the given second of the relay's uptime, unless the class has used its
    /// allowance.
    pub(super) fn write(&mut self, class: LogClass, second: u64, text: fmt::Arguments<'_>) {
        let (level, most) = match class {
            LogClass::Connected | LogClass::Closed | LogClass::Refused => {
                (Level::Info, LINES_PER_SECOND)
            }
            LogClass::AcceptFailed | LogClass::Fault => (Level::Warn, 1),
        };
        if !log::log_enabled!(target: "hobnob", level) {
            return;
        }
        let Some(allowance) = self.classes.get_mut(class as usize) else { return };
        match allowance.take(second, most) {
            None => {}
            Some(0) => log!(target: "hobnob", level, "{text}"),
            Some(suppressed) => {
                log!(target: "hobnob", level, "{text} ({suppressed} similar lines suppressed)");
            }
        }
    }
}

impl Allowance {
    /// Takes one line from the allowance. Returns the number of lines suppressed since the last
    /// one; `None` if this line is suppressed too.
    fn take(&mut self, second: u64, most: u32) -> Option<u64> {
        if self.second != second {
            (self.second, self.lines) = (second, 0);
        }
        if self.lines >= most {
            self.suppressed += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_r11_lines_are_limited_and_the_rest_counted() {
        let mut allowance = Allowance::default();
        let taken: Vec<_> = (0..4).map(|_| allowance.take(7, 2)).collect();
        assert_eq!(taken, [Some(0), Some(0), None, None]);
        assert_eq!([allowance.take(8, 2), allowance.take(8, 2)], [Some(2), Some(0)]);
    }
}
