//! Payloads, as plain sockets receive them. Independent of sessions.

use crate::payload::{Form, Payload};
use crate::session::carrier::Carrier;
use crate::wire::websocket::{self, Opcode};

/// Appends a message as a chunk-framed socket receives it. Pieces of a stream pass unchanged. A
/// text with message boundaries of its own gets a newline at its end: without it, the next message
/// would continue its line on a terminal. A WebSocket message marks its own end.
pub fn write_chunk(carrier: Carrier, payload: &Payload, out: &mut Vec<u8>) {
    if carrier == Carrier::WebSocket {
        return write_web(payload, out);
    }
    out.extend_from_slice(&payload.bytes);
    let is_text = match payload.form {
        Form::Text => true,
        Form::Binary | Form::Chunk => false,
        Form::Unsaid => std::str::from_utf8(&payload.bytes).is_ok(),
    };
    if is_text && !payload.bytes.ends_with(b"\n") {
        out.push(b'\n');
    }
}

/// Appends a message as a line-framed socket receives it: with a newline at its end, added only if
/// the message has none.
pub fn write_line(payload: &Payload, out: &mut Vec<u8>) {
    out.extend_from_slice(&payload.bytes);
    if !payload.bytes.ends_with(b"\n") {
        out.push(b'\n');
    }
}

/// Appends a message as a browser's plain socket receives it: text as text and binary as binary. A
/// payload from a protocol that does not distinguish them is text if it is UTF-8.
fn write_web(payload: &Payload, out: &mut Vec<u8>) {
    let is_text = match payload.form {
        Form::Text => true,
        Form::Binary => false,
        Form::Unsaid | Form::Chunk => std::str::from_utf8(&payload.bytes).is_ok(),
    };
    let opcode = if is_text { Opcode::Text } else { Opcode::Binary };
    websocket::write(opcode, &payload.bytes, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_are_added_only_where_a_message_had_edges() {
        let written = |bytes: &[u8], form| {
            let payload = Payload { bytes: bytes.into(), form, ..Payload::default() };
            let (mut chunks, mut lines) = (Vec::new(), Vec::new());
            write_chunk(Carrier::Stream, &payload, &mut chunks);
            write_line(&payload, &mut lines);
            (chunks, lines)
        };
        assert_eq!(written(b"hi", Form::Chunk), (b"hi".to_vec(), b"hi\n".to_vec()));
        assert_eq!(written(b"hi", Form::Unsaid), (b"hi\n".to_vec(), b"hi\n".to_vec()));
        assert_eq!(written(b"hi\n", Form::Text), (b"hi\n".to_vec(), b"hi\n".to_vec()));
        let bytes = (b"\xff\x00".to_vec(), b"\xff\x00\n".to_vec());
        assert_eq!(written(b"\xff\x00", Form::Unsaid), bytes);
        assert_eq!(written(b"hi", Form::Binary), (b"hi".to_vec(), b"hi\n".to_vec()));
    }
}
