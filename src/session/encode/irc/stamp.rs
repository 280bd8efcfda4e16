//! Times as IRCv3 writes them: `2011-10-19T16:40:51.620Z` (server-time).

use std::fmt;

/// A time in milliseconds since 1970, written as ISO 8601 in UTC. Years have four digits.
#[derive(Clone, Copy, Debug)]
pub struct Stamp(pub u64);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil(days);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, ms) = (ms / 1000 % 60, ms % 1000);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let fields = [(0..4, year), (5..7, month), (8..10, day), (11..13, hour), (14..16, minute)];
        for (place, number) in fields.into_iter().chain([(17..19, second), (20..23, ms)]) {
            put_digits(text.get_mut(place).unwrap_or_default(), number);
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

/// Writes the last decimal digits of a number, as many as `place` holds. The general formatter
/// takes ten times as long, and every message has a time.
fn put_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Returns the year, month and day of a number of days since 1970 (Howard Hinnant's
/// `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}

/// Returns the days from 1970 to a date (the reverse, `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let y = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, yoe) = (y / 400, y % 400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    (era * 146_097 + doe).checked_sub(719_468)
}

/// Parses a stamp into milliseconds since 1970.
pub fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let ms: String = fraction.chars().chain("000".chars()).take(3).collect();
    let ms = ms.parse::<u64>().ok()?;
    let fits = (1970..=9999).contains(&year) && (1..=12).contains(&month);
    let fits = fits && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !fits {
        return None;
    }
    let days = days(year, month, day)?;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_as_they_are_written() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_319_042_451_620, "2011-10-19T16:40:51.620Z"),
            (1_790_000_000_000, "2026-09-21T14:13:20.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
        ] {
            assert_eq!(Stamp(ms).to_string(), text);
            assert_eq!(parse(text), Some(ms));
        }
        assert_eq!(parse("2011-10-19T16:40:51Z"), Some(1_319_042_451_000));
        for text in
            ["", "Z", "2011-10-19", "2011-13-19T16:40:51Z", "x-1-1T1:1:1Z", "1969-12-31T00:00:00Z"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
