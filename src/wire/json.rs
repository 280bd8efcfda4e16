//! The JSON encoding: one object per line, with its verb as `type`. Verbs and fields are those of
//! [`binary`](super::binary), with two differences. 64-bit numbers chosen by the relay (`id`,
//! `key`, `epoch`) are 16 hexadecimal digits, because many JSON readers keep only 53 bits. A
//! payload is `"text"` if it is UTF-8 without control characters (except tab and line ends),
//! otherwise `"base64"`; so a payload at most doubles.

mod object;
mod slot;
mod value;

pub use value::{Hex, Past, payload_length};

use super::frame::{ClientFrame, FrameError, ServerFrame};
use super::{Parsed, line};
use object::JsonFrame;
use serde::Deserialize;
use std::borrow::Cow;

/// Returns the longest line for a given longest payload: room for base64 (4/3), or for text in
/// which every character needs a short escape (2). The other fields take far less than 4 KiB.
pub fn line_max(message_max: usize) -> usize {
    message_max * 2 + 4096
}

/// Parses the first line of a client.
///
/// # Errors
/// See [`FrameError`]; the connection cannot go on.
pub fn parse_client(bytes: &[u8], max: usize) -> Result<Parsed<ClientFrame<'_>>, FrameError> {
    parse(bytes, max)
}

/// Parses the first line of a relay.
///
/// # Errors
/// See [`FrameError`]; the connection cannot go on.
pub fn parse_server(bytes: &[u8], max: usize) -> Result<Parsed<ServerFrame<'_>>, FrameError> {
    parse(bytes, max)
}

/// Appends a client's frame, with its newline.
pub fn write_client(frame: &ClientFrame<'_>, out: &mut Vec<u8>) {
    write(frame, out);
}

/// Appends a relay's frame, with its newline.
pub fn write_server(frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
    write(frame, out);
}

fn parse<'a, F: JsonFrame<'a>>(bytes: &'a [u8], max: usize) -> Result<Parsed<F>, FrameError> {
    match line::parse(bytes, max) {
        Err(line::LineTooLong) => Err(FrameError::TooLong { length: bytes.len(), max }),
        Ok(Parsed::Partial) => Ok(Parsed::Partial),
        Ok(Parsed::Complete(line, used)) => Ok(Parsed::Complete(read_object(line)?, used)),
    }
}

/// Reads a client's frame without a newline: a WebSocket message has its own end.
///
/// # Errors
/// See [`FrameError`].
pub fn read_client(object: &[u8]) -> Result<ClientFrame<'_>, FrameError> {
    read_object(object)
}

/// Reads a line in one pass if it begins with its verb. Any other line is read twice: first for its
/// verb, then for that verb's fields. serde's internally tagged enums would keep every field in
/// memory until the tag is found, 16 bytes per input byte. Here unknown values are skipped in
/// place, without recursion, at any nesting depth.
fn read_object<'a, F: JsonFrame<'a>>(object: &'a [u8]) -> Result<F, FrameError> {
    // serde would also accept an array of the fields.
    if !object.trim_ascii_start().starts_with(b"{") {
        return Err(FrameError::Malformed("a line is one JSON object"));
    }
    if let Some(frame) = object::read_in_one_pass(object) {
        return Ok(frame);
    }
    // Errors are found here, too, so that they do not depend on the position of the verb.
    let Verb { verb } = serde_json::from_slice(object)
        .map_err(|_| FrameError::Malformed("that line is not a JSON object with one \"type\""))?;
    object::read(&verb, object)
}

fn write<'a>(frame: &impl JsonFrame<'a>, out: &mut Vec<u8>) {
    frame.write(out);
    out.push(b'\n');
}

#[derive(Deserialize)]
struct Verb<'a> {
    #[serde(borrow, rename = "type")]
    verb: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use super::super::frame::arbitrary;
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 1 << 20;

    fn client_line(line: &str) -> Result<ClientFrame<'_>, FrameError> {
        match parse_client(line.as_bytes(), usize::MAX)? {
            Parsed::Complete(frame, used) => {
                assert_eq!(used, line.len());
                Ok(frame)
            }
            Parsed::Partial => panic!("no newline in {line:?}"),
        }
    }

    fn refused(line: &str) -> bool {
        matches!(client_line(line), Err(FrameError::Malformed(_)))
    }

    #[test]
    fn unknown_fields_are_passed_over_and_missing_ones_have_defaults() {
        let say = "{\"type\":\"say\",\"room\":1,\"text\":\"hi\"}\n";
        let expected = ClientFrame::Say { room: 1, id: 0, echo: true, payload: b"hi".into() };
        assert_eq!(client_line(say), Ok(expected.clone()));
        let say = "{\"color\":[{\"a\":1e999}],\"text\":\"hi\",\"base64\":null,\"room\":1,\"type\":\"say\"}\r\n";
        assert_eq!(client_line(say), Ok(expected));
    }

    #[test]
    fn a_line_is_one_object_and_says_each_thing_once() {
        assert!(refused("[\"leave\",1,2]\n"), "serde would read this as a leave");
        assert!(refused("\n"));
        assert!(refused("{\"type\":\"bye\"} {}\n"));
        assert!(refused("{\"type\":\"bye\",\"type\":\"bye\"}\n"));
        assert!(refused("{\"type\":\"leave\",\"room\":1,\"room\":2}\n"));
        assert!(refused("{\"type\":\"say\",\"room\":1}\n"));
        assert!(refused("{\"type\":\"say\",\"room\":1,\"text\":\"\",\"base64\":\"\"}\n"));
        assert!(refused("{\"type\":\"join\",\"room\":\"r\",\"offset\":1}\n"));
        assert!(
            refused("{\"type\":\"say\",\"room\":1,\"text\":\"\\ud800\"}\n"),
            "a lone surrogate"
        );
    }

    /// Fault P8, on a stack so small that recursion would end the process.
    #[test]
    fn fault_p8_depth_costs_no_stack() {
        let deep = || {
            let (open, close) = ("[".repeat(500_000), "]".repeat(500_000));
            assert!(refused(&format!("{{\"type\":\"ping\",\"x\":{open}\n")));
            assert!(refused(&format!("{open}\n")));
            assert!(refused(&format!("{{\"type\":\"ping\",\"token\":{open}{close}}}\n")));
            assert!(refused(&format!("{{\"type\":{open}{close}}}\n")));
            let objects = "{\"x\":".repeat(500_000);
            assert!(refused(&format!("{objects}\n")));
            // Whole and in a field without meaning: passed over like any other.
            let ping = format!("{{\"type\":\"ping\",\"x\":{open}{close}}}\n");
            assert_eq!(client_line(&ping), Ok(ClientFrame::Ping { token: 0 }));
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(deep).unwrap().join().unwrap();
    }

    #[test]
    fn the_limit_counts_the_line_with_its_newline() {
        let line = "{\"type\":\"bye\"}\n";
        for max in [line.len(), line.len() + 1] {
            assert_eq!(
                parse_client(line.as_bytes(), max),
                Ok(Parsed::Complete(ClientFrame::Bye, line.len()))
            );
        }
        let max = line.len() - 1;
        for bytes in [line.as_bytes(), &line.as_bytes()[..max]] {
            let length = bytes.len();
            assert_eq!(parse_client(bytes, max), Err(FrameError::TooLong { length, max }));
        }
        assert_eq!(parse_client(&line.as_bytes()[..max - 1], max), Ok(Parsed::Partial));
    }

    /// A relay's longest line must be one that a reader with the same limit takes.
    #[test]
    fn no_payload_makes_a_line_longer_than_its_limit() {
        const MESSAGE_MAX: usize = 64 << 10;
        for byte in 0..=u8::MAX {
            let message = ServerFrame::Message {
                room: u32::MAX,
                offset: u64::MAX,
                time: u64::MAX,
                sender: "\"".repeat(64).into(),
                payload: vec![byte; MESSAGE_MAX].into(),
            };
            let bytes = server_bytes(&message);
            let whole = Ok(Parsed::Complete(message, bytes.len()));
            assert_eq!(parse_server(&bytes, line_max(MESSAGE_MAX)), whole);
        }
    }

    #[test]
    fn lines_of_text_stay_readable() {
        let written = |payload: &'static [u8]| {
            let say = ClientFrame::Say { room: 1, id: 0, echo: true, payload: payload.into() };
            String::from_utf8(client_bytes(&say)).unwrap()
        };
        assert!(written(b"a\tb\r\n\"c\"").contains(r#""text":"a\tb\r\n\"c\"""#));
        assert!(written("zo\u{eb} \u{7f}\u{85}".as_bytes()).contains("\"text\":"));
        assert!(written(b"\x1b[1m").contains(r#""base64":"G1sxbQ==""#));
        assert!(written(b"\xff").contains(r#""base64":"/w==""#));
    }

    fn client_bytes(frame: &ClientFrame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write_client(frame, &mut out);
        out
    }

    fn server_bytes(frame: &ServerFrame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write_server(frame, &mut out);
        out
    }

    proptest! {
        #[test]
        fn client_frames_survive_and_a_cut_anywhere_waits(frame in arbitrary::client()) {
            let bytes = client_bytes(&frame);
            let whole = Parsed::Complete(frame, bytes.len());
            for (cut, shown) in arbitrary::cuts(&bytes, b"{\n").enumerate() {
                let found = parse_client(&shown, MAX);
                let expected = if cut < bytes.len() { &Parsed::Partial } else { &whole };
                prop_assert_eq!(found.as_ref(), Ok(expected), "cut at {}", cut);
            }
        }

        #[test]
        fn server_frames_survive_and_a_cut_anywhere_waits(frame in arbitrary::server()) {
            let bytes = server_bytes(&frame);
            let whole = Parsed::Complete(frame, bytes.len());
            for (cut, shown) in arbitrary::cuts(&bytes, b"{\n").enumerate() {
                let found = parse_server(&shown, MAX);
                let expected = if cut < bytes.len() { &Parsed::Partial } else { &whole };
                prop_assert_eq!(found.as_ref(), Ok(expected), "cut at {}", cut);
            }
        }

        #[test]
        fn a_payload_is_as_long_as_foretold(
            payload in prop_oneof![arbitrary::bytes(), "[a\"\\\\\t\r\n\u{7f}ç😀]*".prop_map(String::into_bytes)],
        ) {
            let length = payload_length(&payload);
            let (time, notice, sender) = (1, false, "ann".into());
            let payload = Cow::Owned(payload);
            let line = server_bytes(&ServerFrame::Told { time, notice, sender, payload });
            let line = String::from_utf8(line).expect("JSON is UTF-8");
            // It is the last field.
            let at = line.find("\"text\":\"").map(|at| at + 8);
            let at = at.or(line.find("\"base64\":\"").map(|at| at + 10)).expect("a payload");
            prop_assert_eq!(line.len() - at - "\"}\n".len(), length);
        }

        #[test]
        fn any_bytes_are_answered_within_themselves(bytes in arbitrary::bytes(), max in 0usize..300) {
            if let Ok(Parsed::Complete(_, used)) = parse_client(&bytes, max) {
                prop_assert!(0 < used && used <= bytes.len().min(max));
            }
            if let Ok(Parsed::Complete(_, used)) = parse_server(&bytes, max) {
                prop_assert!(0 < used && used <= bytes.len().min(max));
            }
        }

        /// One byte changed gets much deeper into the parsers than bytes without any sense.
        #[test]
        fn a_damaged_line_is_answered_within_itself(
            client in arbitrary::client(),
            server in arbitrary::server(),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = client_bytes(&client);
            *at.get_mut(&mut bytes) = byte;
            if let Ok(Parsed::Complete(_, used)) = parse_client(&bytes, MAX) {
                prop_assert!(0 < used && used <= bytes.len());
            }
            let mut bytes = server_bytes(&server);
            *at.get_mut(&mut bytes) = byte;
            if let Ok(Parsed::Complete(_, used)) = parse_server(&bytes, MAX) {
                prop_assert!(0 < used && used <= bytes.len());
            }
        }
    }
}
