//! Lines of text.

use super::Parsed;
use memchr::memchr;

/// Splits off the first line, without its `\r
/// ` or `
/// `.
///
/// The limit applies to the bytes received: a peer that sends no newline is refused once `line_max`
/// bytes have arrived. `line_max` counts the line with its end.
///
/// # Errors
/// [`LineTooLong`] if the first `line_max` bytes contain no newline.
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

/// An error: no newline within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

/// The searched length of an incomplete line, so that a line that arrives byte by byte is searched
/// once.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineSearch {
    searched: u32,
}

impl LineSearch {
    /// True if parsing `bytes` again can have another result: a newline has arrived, or the limit
    /// is reached. `bytes` grows until then.
    pub fn may_complete(&mut self, bytes: &[u8], line_max: usize) -> bool {
        let fresh = bytes.get(self.searched as usize..).unwrap_or(bytes);
        let may_complete = bytes.len() >= line_max || fresh.contains(&b'\n');
        self.searched = if may_complete { 0 } else { u32::try_from(bytes.len()).unwrap_or(0) };
        may_complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_p3_a_byte_at_a_time_is_searched_once() {
        let (mut watch, line) = (LineSearch::default(), b"a line of some length\n");
        for end in 1..line.len() {
            assert!(!watch.may_complete(&line[..end], 64), "{end}");
            assert_eq!(watch.searched as usize, end);
        }
        assert!(watch.may_complete(line, 64));
        assert!(!watch.may_complete(b"next", 64));
        assert!(watch.may_complete(b"next", 4));
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
