//! Lines: what people type and `framing=line` keeps whole.

use super::Parsed;
use memchr::memchr;

/// Splits the first line off `bytes`, without its `\r\n` or bare `\n`.
///
/// The limit is applied to what has *arrived*: a peer that never sends a newline is refused once
/// `line_max` bytes hold none, rather than at whatever memory it can make us hold. `line_max`
/// counts the line with its ending.
///
/// # Errors
/// [`LineTooLong`] when the first `line_max` bytes hold no newline.
pub fn parse(bytes: &[u8], line_max: usize) -> Result<Parsed<&[u8]>, LineTooLong> {
    let window = bytes.get(..line_max).unwrap_or(bytes);
    match memchr(b'\n', window).and_then(|end| window.get(..end)) {
        Some(line) => {
            Ok(Parsed::Complete(line.strip_suffix(b"\r").unwrap_or(line), line.len() + 1))
        }
        _ if bytes.len() >= line_max => Err(LineTooLong),
        _ => Ok(Parsed::Partial),
    }
}

/// No newline within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

/// Remembers how much of an unfinished line was searched, so that a line that arrives a byte at a
/// time is searched once and not once per byte.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    searched: u32,
}

impl Watch {
    /// Whether parsing `bytes` again can end differently than it did last time: a newline has come,
    /// or the line has reached its limit. `bytes` grows until this says yes.
    pub fn has_news(&mut self, bytes: &[u8], line_max: usize) -> bool {
        let fresh = bytes.get(self.searched as usize..).unwrap_or(bytes);
        let has_news = bytes.len() >= line_max || fresh.contains(&b'\n');
        self.searched = if has_news { 0 } else { u32::try_from(bytes.len()).unwrap_or(0) };
        has_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_p3_a_byte_at_a_time_is_searched_once() {
        let (mut watch, line) = (Watch::default(), b"a line of some length\n");
        for end in 1..line.len() {
            assert!(!watch.has_news(&line[..end], 64), "{end}");
            assert_eq!(watch.searched as usize, end);
        }
        assert!(watch.has_news(line, 64));
        assert!(!watch.has_news(b"next", 64));
        assert!(watch.has_news(b"next", 4));
    }

    fn lines_when_cut_at(stream: &[u8], cut: usize) -> Vec<Vec<u8>> {
        let (mut held, mut lines) = (Vec::new(), Vec::new());
        for part in [&stream[..cut], &stream[cut..]] {
            held.extend_from_slice(part);
            while let Ok(Parsed::Complete(line, used)) = parse(&held, 64) {
                lines.push(line.to_vec());
                held.drain(..used);
            }
        }
        lines
    }

    #[test]
    fn a_cut_anywhere_changes_nothing() {
        let stream = b"hello\r\nworld\n\r\n\nlast\xff\n";
        let whole = lines_when_cut_at(stream, stream.len());
        assert_eq!(whole, [&b"hello"[..], b"world", b"", b"", b"last\xff"]);
        for cut in 0..stream.len() {
            assert_eq!(lines_when_cut_at(stream, cut), whole, "cut at byte {cut}");
        }
    }

    #[test]
    fn the_limit_counts_what_arrived() {
        assert_eq!(parse(b"1234567\n", 8), Ok(Parsed::Complete(&b"1234567"[..], 8)));
        assert_eq!(parse(b"12345678\n", 8), Err(LineTooLong));
        assert_eq!(parse(b"1234567", 8), Ok(Parsed::Partial));
        assert_eq!(parse(b"12345678", 8), Err(LineTooLong));
        assert_eq!(parse(b"", 0), Err(LineTooLong));
    }
}
