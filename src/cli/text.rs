//! Untrusted text on a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Escapes characters that move the cursor, change colours, control the terminal, or change the
/// direction of writing.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            '\r' => {}
            char if is_unsafe(char) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", char as u32);
            }
            char => out.push(char),
        }
    }
    Cow::Owned(out)
}

/// Returns a payload as one line, without the line end that plain sockets send.
pub(super) fn payload(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes)
        .map(|text| without_formatting(text.trim_end_matches(['\r', '\n'])))
    {
        Ok(Cow::Borrowed(text)) => printable(text),
        Ok(Cow::Owned(text)) => Cow::Owned(printable(&text).into_owned()),
        Err(_) => Cow::Owned(format!("<{} bytes>", bytes.len())),
    }
}

/// Removes IRC formatting: bold, italics, colours and the like.
fn without_formatting(text: &str) -> Cow<'_, str> {
    const FORMATS: [char; 9] =
        ['\x02', '\x03', '\x04', '\x0f', '\x11', '\x16', '\x1d', '\x1e', '\x1f'];
    if !text.contains(FORMATS) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((at, format)) = rest.char_indices().find(|(_, char)| FORMATS.contains(char)) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = after.strip_prefix(format).unwrap_or(after);
        rest = match format {
            '\x03' => skip_colours(after, 2, u8::is_ascii_digit),
            '\x04' => skip_colours(after, 6, u8::is_ascii_hexdigit),
            _ => after,
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Skips the digits of one or two colours, each of at most `width` digits.
fn skip_colours(text: &str, width: usize, is_digit: fn(&u8) -> bool) -> &str {
    let digits = |text: &str| text.bytes().take(width).take_while(is_digit).count();
    let (first, rest) = text.split_at(digits(text));
    match rest.strip_prefix(',').map(|second| second.split_at(digits(second))) {
        Some((second, rest)) if !first.is_empty() && !second.is_empty() => rest,
        _ => rest,
    }
}

/// The prefix of an action (CTCP ACTION), used by all protocols.
const ACTION: &[u8] = b"\x01ACTION ";

/// Returns the text of an action, if the payload is one.
fn action(payload: &[u8]) -> Option<&[u8]> {
    let action = payload.strip_prefix(ACTION)?;
    Some(action.strip_suffix(b"\x01").unwrap_or(action))
}

/// Returns the payload of an action.
pub(super) fn action_payload(action: &str) -> Vec<u8> {
    [ACTION, action.as_bytes(), b"\x01"].concat()
}

/// Returns a message with its sender on one line.
pub(super) fn sender_line(sender: &str, bytes: &[u8]) -> String {
    match action(bytes) {
        Some(_) => message_text(sender, bytes).into_owned(),
        None => format!("{sender}: {}", message_text(sender, bytes)),
    }
}

/// Returns a message's text without its sender, unless it is an action.
pub(super) fn message_text<'a>(sender: &str, bytes: &'a [u8]) -> Cow<'a, str> {
    if let Some(action) = action(bytes) {
        return Cow::Owned(format!("* {sender} {}", payload(action)));
    }
    match bytes {
        [1, query @ .., 1] => Cow::Owned(format!("CTCP {}", payload(query))),
        _ => payload(bytes),
    }
}

fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_drive_a_terminal_is_shown_instead() {
        assert_eq!(printable("grüße 👋"), "grüße 👋");
        assert_eq!(printable("\x1b[2Jx\x07\u{9b}1m\x7f"), "\\u{1b}[2Jx\\u{7}\\u{9b}1m\\u{7f}");
        assert_eq!(printable("a\r\nb\tc"), "a⏎b c");
        assert_eq!(printable("\u{202e}abc"), "\\u{202e}abc");
    }

    #[test]
    fn a_payload_that_is_no_text_is_counted() {
        assert_eq!(payload(b"hi\nthere\r\n"), "hi⏎there");
        assert_eq!(payload(&[0xff, 0, 1]), "<3 bytes>");
    }

    #[test]
    fn formatting_is_left_out() {
        for (formatted, plain) in [
            ("plain", "plain"),
            ("", ""),
            ("\x02", ""),
            ("\x02bold\x02 and\x0f", "bold and"),
            ("\x0304,02red\x03 and\x0312, \x031\x0312", "red and, "),
            ("\x03042, \x031,x", "2, ,x"),
            ("\x04ff0000,00ff00red\x04ff00", "red"),
            ("\x02\x1d\x1b[1m", "\\u{1b}[1m"),
        ] {
            assert_eq!(payload(formatted.as_bytes()), plain, "{formatted:?}");
        }
    }

    #[test]
    fn what_somebody_does_is_told_so() {
        assert_eq!(sender_line("bob", b"\x01ACTION waves\x01"), "* bob waves");
        assert_eq!(sender_line("bob", b"\x01ACTION waves"), "* bob waves");
        assert_eq!(sender_line("bob", &action_payload("waves \x1b")), "* bob waves \\u{1b}");
        assert_eq!(sender_line("bob", b"\x01VERSION\x01"), "bob: CTCP VERSION");
        assert_eq!(message_text("bob", b"\x01PING 7 \x1b\x01"), "CTCP PING 7 \\u{1b}");
        assert_eq!(sender_line("bob", b"ACTION waves"), "bob: ACTION waves");
    }
}
