//! Lines: what people type and `framing=line` keeps whole.

use super::Parsed;

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
    let mut parts = window.splitn(2, |&byte| byte == b'\n');
    match (parts.next(), parts.next()) {
        (Some(line), Some(_)) => {
            Ok(Parsed::Complete(line.strip_suffix(b"\r").unwrap_or(line), line.len() + 1))
        }
        _ if bytes.len() >= line_max => Err(LineTooLong),
        _ => Ok(Parsed::Partial),
    }
}

/// No newline within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

#[cfg(test)]
mod tests {
    use super::*;

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
