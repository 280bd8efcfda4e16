//! The output of a chat.

use super::keyboard::Printer;
use crate::cli::text;
use std::env;
use std::io;
use std::process::Command;

/// Colours for names that are legible on dark and light backgrounds.
const NAME_COLOURS: [u8; 10] = [31, 32, 33, 34, 35, 36, 91, 92, 94, 95];

/// The output of a chat. Text from outside is escaped here.
pub(super) struct Screen {
    printer: Printer,
    colours: bool,
    /// The local clock's offset from UTC, in minutes.
    utc_offset_min: i64,
}

impl Screen {
    pub(super) fn new(printer: Printer, terminal: bool) -> Self {
        // no-color.org: any value except the empty string disables colours.
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { printer, colours: terminal && !no_colour, utc_offset_min: local_offset() }
    }

    /// Prints a message; `room` if it is not the current room.
    pub(super) fn message(
        &mut self,
        time: u64,
        room: Option<&str>,
        sender: &str,
        payload: &[u8],
    ) -> io::Result<()> {
        let clock = self.dim(&clock(time, self.utc_offset_min));
        let room = room.map(|room| format!("[{}] ", text::printable(room))).unwrap_or_default();
        let line = text::sender_line(&self.name(sender), payload);
        (self.printer)(&format!("{clock} {room}{line}\n"))
    }

    /// Prints a direct message, sent or received.
    pub(super) fn direct_message(
        &mut self,
        time: u64,
        from: &str,
        to: &str,
        payload: &[u8],
    ) -> io::Result<()> {
        let clock = self.dim(&clock(time, self.utc_offset_min));
        let (from, to) = (self.name(from), self.name(to));
        (self.printer)(&format!("{clock} [{from} → {to}] {}\n", text::message_text(&from, payload)))
    }

    /// Prints a notice.
    pub(super) fn notice(&mut self, notice: &str) -> io::Result<()> {
        let line = self.dim(&format!("* {}", text::printable(notice)));
        (self.printer)(&format!("{line}\n"))
    }

    /// Prints several lines of the program's text.
    pub(super) fn lines(&mut self, lines: &str) -> io::Result<()> {
        lines.lines().try_for_each(|line| self.notice(line))
    }

    fn dim(&self, text: &str) -> String {
        if self.colours { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn name(&self, name: &str) -> String {
        let shown = text::printable(name);
        if self.colours {
            format!("\x1b[{}m{shown}\x1b[0m", colour(name))
        } else {
            shown.into_owned()
        }
    }
}

/// Returns the colour of a name: a hash (FNV-1a), the same on every machine.
fn colour(name: &str) -> u8 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    NAME_COLOURS[(hash % NAME_COLOURS.len() as u64) as usize]
}

/// Formats a time in milliseconds since 1970 as `HH:MM`.
fn clock(unix_ms: u64, utc_offset_min: i64) -> String {
    let minutes = (unix_ms / 60_000) as i64;
    let of_day = minutes.saturating_add(utc_offset_min).rem_euclid(24 * 60);
    format!("{:02}:{:02}", of_day / 60, of_day % 60)
}

/// Returns the local clock's offset from UTC in minutes, read from `date`, because the standard
/// library has no time zones; 0 if that fails.
fn local_offset() -> i64 {
    let output = Command::new("date").arg("+%z").output();
    let answer = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    answer.and_then(|answer| parse_offset(std::str::from_utf8(&answer).ok()?)).unwrap_or(0)
}

/// Parses an offset such as `+0200` into minutes.
fn parse_offset(text: &str) -> Option<i64> {
    let text = text.trim();
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let digits = text.get(1..).filter(|digits| digits.len() == 4)?;
    let number: i64 = digits.parse::<u16>().ok()?.into();
    Some(sign * (number / 100 * 60 + number % 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    fn shown(colours: bool, show: impl FnOnce(&mut Screen)) -> String {
        let out = Rc::new(RefCell::new(String::new()));
        let copy = Rc::clone(&out);
        let printer: Printer = Box::new(move |line| {
            copy.borrow_mut().push_str(line);
            Ok(())
        });
        show(&mut Screen { printer, colours, utc_offset_min: 120 });
        out.take()
    }

    #[test]
    fn a_message_shows_when_who_and_what() {
        let time = (22 * 60 + 5) * 60_000;
        let line = |room| shown(false, |screen| screen.message(time, room, "ann", b"hi").unwrap());
        assert_eq!(line(None), "00:05 ann: hi\n");
        assert_eq!(line(Some("attic")), "00:05 [attic] ann: hi\n");
    }

    #[test]
    fn what_somebody_does_is_told_so() {
        let action = text::action_payload("waves");
        let line = shown(false, |screen| screen.message(0, None, "ann", &action).unwrap());
        assert_eq!(line, "02:00 * ann waves\n");
        let line = shown(false, |screen| screen.direct_message(0, "ann", "you", &action).unwrap());
        assert_eq!(line, "02:00 [ann → you] * ann waves\n");
    }

    #[test]
    fn a_private_message_shows_from_whom_to_whom() {
        let line = shown(false, |screen| screen.direct_message(0, "ann", "you", b"psst").unwrap());
        assert_eq!(line, "02:00 [ann → you] psst\n");
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_raw() {
        let evil = "\x1b]0;x\x07\n";
        let lines = shown(false, |screen| {
            screen.message(0, Some(evil), evil, evil.as_bytes()).unwrap();
            screen.direct_message(0, evil, evil, evil.as_bytes()).unwrap();
            screen.notice(evil).unwrap();
        });
        assert_eq!(lines.matches(|char: char| char.is_control()).collect::<String>(), "\n\n\n");
    }

    #[test]
    fn colours_are_stable_and_only_where_wanted() {
        assert_eq!(colour("ann"), colour("ann"));
        assert!((0..20).any(|n| colour(&format!("guest{n}")) != colour("ann")));
        let line = shown(true, |screen| screen.message(0, None, "ann", b"hi").unwrap());
        assert!(line.contains(&format!("\x1b[{}mann\x1b[0m", colour("ann"))));
    }

    #[test]
    fn offsets_of_the_clock_are_understood() {
        assert_eq!(parse_offset("+0200\n"), Some(120));
        assert_eq!(parse_offset("-0330"), Some(-210));
        for text in ["", "0200", "+2", "+02:00", "+02a0", "ä"] {
            assert_eq!(parse_offset(text), None, "{text}");
        }
        assert_eq!(clock(0, -60), "23:00");
    }
}
