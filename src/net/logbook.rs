//! One line per event of a connection, and never so many that they become the event.

use log::{Level, log};
use std::fmt;

/// Lines of one class that are written in one second; the rest is counted.
const LINES_PER_SECOND: u32 = 50;

/// What a line is about. Each class has its own allowance.
#[derive(Clone, Copy, Debug)]
pub(super) enum Class {
    Connected,
    Closed,
    Refused,
    Starved,
    Fault,
}

/// Writes lines, and leaves some out.
#[derive(Debug, Default)]
pub(super) struct Logbook {
    classes: [Allowance; 5],
}

#[derive(Debug, Default)]
struct Allowance {
    second: u64,
    lines: u32,
    suppressed: u64,
}

impl Logbook {
    /// Writes a line in the given second of the relay's life, unless the class has had enough.
    pub(super) fn note(&mut self, class: Class, second: u64, text: fmt::Arguments<'_>) {
        let (level, most) = match class {
            Class::Connected | Class::Closed | Class::Refused => (Level::Info, LINES_PER_SECOND),
            Class::Starved | Class::Fault => (Level::Warn, 1),
        };
        if !log::log_enabled!(target: "hobnob", level) {
            return;
        }
        let Some(allowance) = self.classes.get_mut(class as usize) else { return };
        match allowance.take(second, most) {
            None => {}
            Some(0) => log!(target: "hobnob", level, "{text}"),
            Some(suppressed) => {
                log!(target: "hobnob", level, "{text} (suppressed {suppressed} like it)");
            }
        }
    }
}

impl Allowance {
    /// Whether a line may be written, and how many were not since the last one.
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
