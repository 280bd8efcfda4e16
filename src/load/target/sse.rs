//! Server-Sent Events over HTTP, as hobnob serves them: readers GET `/rooms/benchN/events`,
//! publishers POST to `/rooms/benchN/messages`, one request after the other on a separate
//! connection.
//!
//! The payload is read from the event's JSON in place, so it must not contain characters that JSON
//! escapes; stamps do not.

use super::{LONGEST, ProtocolError, ServerEvent, digits, line, printable};
use crate::wire::Parsed;
use std::io::Write;

/// The adapter of one connection.
#[derive(Debug)]
pub struct Sse {
    host: String,
    /// True once the head of an event stream was read: events follow.
    is_stream: bool,
    /// True if the body of the response comes in chunks.
    is_chunked: bool,
    /// Bytes of the current chunk that were not read yet, including its line end.
    chunk: usize,
}

impl Sse {
    pub(super) fn open(host: String) -> Self {
        Self { host, is_stream: false, is_chunked: false, chunk: 0 }
    }

    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "GET /rooms/bench{room}/events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n",
            self.host
        );
        true
    }

    /// The protocol has no leave: the connection is closed.
    pub(super) fn leave(&mut self, _room: u32, _out: &mut Vec<u8>) {}

    pub(super) fn publish(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        let (host, length) = (&self.host, payload.len());
        let _ = write!(
            out,
            "POST /rooms/bench{room}/messages?sender=bench HTTP/1.1\r\nHost: {host}\r\n\
             Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n",
        );
        out.extend_from_slice(payload);
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        _reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        match (self.is_stream, self.is_chunked) {
            (false, _) => self.answer(bytes),
            (true, false) => event(bytes),
            (true, true) => self.event_in_chunk(bytes),
        }
    }

    /// Parses an event inside of a chunk, or the size line or the end of a chunk.
    fn event_in_chunk<'a>(
        &mut self,
        bytes: &'a [u8],
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        const END: usize = "\r\n".len();
        if self.chunk == END {
            return Ok(match bytes.len() < END {
                true => Parsed::Partial,
                false => {
                    self.chunk = 0;
                    Parsed::Complete(ServerEvent::Other, END)
                }
            });
        }
        if self.chunk == 0 {
            let Some((size, used)) = line(bytes) else {
                return match bytes.len() > 32 {
                    true => Err("a chunk without a size".to_owned()),
                    false => Ok(Parsed::Partial),
                };
            };
            let size = std::str::from_utf8(size).ok();
            let size = size.and_then(|size| usize::from_str_radix(size.trim_end(), 16).ok());
            let size = size.filter(|size| *size <= LONGEST).ok_or("a chunk without a size")?;
            self.chunk = size + END;
            return Ok(Parsed::Complete(ServerEvent::Other, used));
        }
        let rest = self.chunk - END;
        let parsed = event(bytes.get(..rest).unwrap_or(bytes))?;
        match parsed {
            Parsed::Complete(_, used) => self.chunk -= used,
            Parsed::Partial if bytes.len() >= rest => {
                return Err("an event is cut by the end of a chunk".to_owned());
            }
            Parsed::Partial => {}
        }
        Ok(parsed)
    }

    /// Parses a response: the start of a stream, or the outcome of a POST.
    fn answer<'a>(&mut self, bytes: &'a [u8]) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            return match bytes.len() > 64 << 10 {
                true => Err("the head of a response is too long".to_owned()),
                false => Ok(Parsed::Partial),
            };
        };
        let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
        let status = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
        let Some(code) = status.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)) else {
            return Err(format!("not HTTP: {}", printable(status)));
        };
        let Some(length) = header(head, b"content-length").and_then(digits) else {
            self.is_stream = code == b"200";
            self.is_chunked = header(head, b"transfer-encoding") == Some(b"chunked");
            return match self.is_stream {
                true => Ok(Parsed::Complete(ServerEvent::Joined, end + 4)),
                false => Err(format!("a response without a length: {}", printable(status))),
            };
        };
        let Some(body) = rest.get(..length) else { return Ok(Parsed::Partial) };
        let heard = match code {
            [b'2', ..] => ServerEvent::Other,
            _ => ServerEvent::Refused(format!("{}: {}", printable(status), printable(body))),
        };
        Ok(Parsed::Complete(heard, end + 4 + length))
    }
}

/// Parses one event or comment: lines up to an empty one.
fn event(bytes: &[u8]) -> Result<Parsed<ServerEvent<'_>>, ProtocolError> {
    let (mut used, mut kind, mut data) = (0, &b"message"[..], None);
    while let Some((field, length)) = line(&bytes[used..]) {
        used += length;
        if field.is_empty() {
            return heard(kind, data.unwrap_or_default())
                .map(|heard| Parsed::Complete(heard, used));
        }
        if let Some(value) = field.strip_prefix(b"event: ") {
            kind = value;
        } else if let Some(value) = field.strip_prefix(b"data: ") {
            data = Some(value);
        }
    }
    match bytes.len() > LONGEST {
        true => Err("an event is too long".to_owned()),
        false => Ok(Parsed::Partial),
    }
}

fn heard<'a>(kind: &[u8], data: &'a [u8]) -> Result<ServerEvent<'a>, ProtocolError> {
    Ok(match kind {
        b"message" if data.is_empty() => ServerEvent::Other,
        b"message" => ServerEvent::Message(text(data).ok_or("an event without plain text")?),
        b"gap" => {
            ServerEvent::Gap { from: number(data, b"\"from\":"), to: number(data, b"\"to\":") }
        }
        b"bye" => ServerEvent::Ended(printable(data)),
        _ => ServerEvent::Other,
    })
}

/// Returns the value of `"text"`, if it contains no escape.
fn text(data: &[u8]) -> Option<&[u8]> {
    const FIELD: &[u8] = b"\"text\":\"";
    let value = data.get(memchr::memmem::find(data, FIELD)? + FIELD.len()..)?;
    let end = memchr::memchr2(b'"', b'\\', value)?;
    value.get(..end).filter(|_| value[end] == b'"')
}

/// Returns the number after a field's name; 0 if there is none.
fn number(data: &[u8], field: &[u8]) -> u64 {
    let Some(at) = memchr::memmem::find(data, field) else { return 0 };
    let digits = data[at + field.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, byte| number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')))
}

/// Returns the value of a header, whose name is given in lower case.
fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut lines = head.split(|&byte| byte == b'\n');
    lines.find_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        key.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}
