//! Server-Sent Events over HTTP, as hobnob serves them: readers GET `/rooms/benchN/events`, and who
//! says something POSTs it to `/rooms/benchN/messages`, one request after the other on a connection
//! of its own.
//!
//! A payload is read out of the event's JSON where it lies, so it must be text without anything
//! that JSON escapes; stamps are.

use super::{Heard, LONGEST, Nonsense, digits, line, words};
use crate::wire::Parsed;
use std::io::Write;

/// One connection's conversation.
#[derive(Debug)]
pub struct Sse {
    host: String,
    /// The head of an endless answer has come: what follows is events.
    is_stream: bool,
    /// Its body comes in chunks.
    is_chunked: bool,
    /// Bytes of the chunk under way that are not read yet, its end included.
    chunk: usize,
}

impl Sse {
    pub(super) fn open(host: String) -> Self {
        Self { host, is_stream: false, is_chunked: false, chunk: 0 }
    }

    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        // Writing to a vector has no way to fail.
        let _ = write!(
            out,
            "GET /rooms/bench{room}/events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n",
            self.host
        );
        true
    }

    /// There is no word for it but to hang up.
    pub(super) fn leave(&mut self, _room: u32, _out: &mut Vec<u8>) {}

    pub(super) fn say(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
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
    ) -> Result<Parsed<Heard<'a>>, Nonsense> {
        match (self.is_stream, self.is_chunked) {
            (false, _) => self.answer(bytes),
            (true, false) => event(bytes),
            (true, true) => self.event_in_chunk(bytes),
        }
    }

    /// One event of a chunk; or the end of one, or its beginning.
    fn event_in_chunk<'a>(&mut self, bytes: &'a [u8]) -> Result<Parsed<Heard<'a>>, Nonsense> {
        const END: usize = "\r\n".len();
        if self.chunk == END {
            return Ok(match bytes.len() < END {
                true => Parsed::Partial,
                false => {
                    self.chunk = 0;
                    Parsed::Complete(Heard::Other, END)
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
            return Ok(Parsed::Complete(Heard::Other, used));
        }
        let rest = self.chunk - END;
        let parsed = event(bytes.get(..rest).unwrap_or(bytes))?;
        match parsed {
            Parsed::Complete(_, used) => self.chunk -= used,
            Parsed::Partial if bytes.len() >= rest => {
                return Err("an event that is cut by the end of a chunk".to_owned());
            }
            Parsed::Partial => {}
        }
        Ok(parsed)
    }

    /// The answer to a request: the beginning of a stream, or what became of a message.
    fn answer<'a>(&mut self, bytes: &'a [u8]) -> Result<Parsed<Heard<'a>>, Nonsense> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            return match bytes.len() > 64 << 10 {
                true => Err("the head of an answer that does not end".to_owned()),
                false => Ok(Parsed::Partial),
            };
        };
        let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
        let status = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
        let Some(code) = status.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)) else {
            return Err(format!("no HTTP here: {}", words(status)));
        };
        let Some(length) = header(head, b"content-length").and_then(digits) else {
            self.is_stream = code == b"200";
            self.is_chunked = header(head, b"transfer-encoding") == Some(b"chunked");
            return match self.is_stream {
                true => Ok(Parsed::Complete(Heard::Joined, end + 4)),
                false => Err(format!("an answer without a length: {}", words(status))),
            };
        };
        let Some(body) = rest.get(..length) else { return Ok(Parsed::Partial) };
        let heard = match code {
            [b'2', ..] => Heard::Other,
            _ => Heard::Refused(format!("{}: {}", words(status), words(body))),
        };
        Ok(Parsed::Complete(heard, end + 4 + length))
    }
}

/// One event, or one comment: lines up to an empty one.
fn event(bytes: &[u8]) -> Result<Parsed<Heard<'_>>, Nonsense> {
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
        true => Err("an event that does not end".to_owned()),
        false => Ok(Parsed::Partial),
    }
}

fn heard<'a>(kind: &[u8], data: &'a [u8]) -> Result<Heard<'a>, Nonsense> {
    Ok(match kind {
        b"message" if data.is_empty() => Heard::Other,
        b"message" => Heard::Message(text(data).ok_or("an event without plain text")?),
        b"gap" => Heard::Gap { from: number(data, b"\"from\":"), to: number(data, b"\"to\":") },
        b"bye" => Heard::Ended(words(data)),
        _ => Heard::Other,
    })
}

/// The value of `"text"`, if nothing in it is escaped.
fn text(data: &[u8]) -> Option<&[u8]> {
    const FIELD: &[u8] = b"\"text\":\"";
    let value = data.get(memchr::memmem::find(data, FIELD)? + FIELD.len()..)?;
    let end = memchr::memchr2(b'"', b'\\', value)?;
    value.get(..end).filter(|_| value[end] == b'"')
}

/// The digits behind a field's name; 0 if there are none.
fn number(data: &[u8], field: &[u8]) -> u64 {
    let Some(at) = memchr::memmem::find(data, field) else { return 0 };
    let digits = data[at + field.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, byte| number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')))
}

/// The value of a header, by its name in lower case.
fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut lines = head.split(|&byte| byte == b'\n');
    lines.find_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        key.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}
