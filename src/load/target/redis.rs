//! Redis: SUBSCRIBE and PUBLISH, in RESP2. A subscribed connection cannot publish, so
//! publishers do not receive their own messages.

use super::{LONGEST, ProtocolError, ServerEvent, digits, line, printable};
use crate::wire::Parsed;
use std::io::Write;

/// The adapter of one connection; the protocol needs no state.
#[derive(Debug)]
pub struct Redis;

impl Redis {
    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        command(&[b"SUBSCRIBE", channel(room).as_bytes()], out);
        true
    }

    pub(super) fn leave(&mut self, room: u32, out: &mut Vec<u8>) {
        command(&[b"UNSUBSCRIBE", channel(room).as_bytes()], out);
    }

    pub(super) fn publish(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        command(&[b"PUBLISH", channel(room).as_bytes(), payload], out);
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        _reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        let Some((first, used)) = line(bytes) else { return Ok(Parsed::Partial) };
        match first.split_first() {
            Some((b'*', count)) => push(bytes, used, digits(count).ok_or("no count after `*`")?),
            Some((b'-', error)) => {
                Ok(Parsed::Complete(ServerEvent::Refused(printable(error)), used))
            }
            Some((b'+' | b':', _)) => Ok(Parsed::Complete(ServerEvent::Other, used)),
            _ => Err(format!("`{}` is not a reply of Redis", printable(first))),
        }
    }
}

fn channel(room: u32) -> String {
    format!("bench{room}")
}

fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Parses a push to subscribers: an array of a word, a channel, and a payload or a count.
fn push(
    bytes: &[u8],
    mut at: usize,
    count: usize,
) -> Result<Parsed<ServerEvent<'_>>, ProtocolError> {
    let (mut kind, mut last) = (&b""[..], &b""[..]);
    for index in 0..count.min(16) {
        let Some((header, used)) = line(&bytes[at..]) else { return Ok(Parsed::Partial) };
        at += used;
        if let Some(length) = header.strip_prefix(b"$") {
            // `$-1` is a null value, without a line end after it.
            if length != b"-1" {
                let length = digits(length).filter(|&length| length <= LONGEST);
                let length = length.ok_or("no length after `$`")?;
                let Some(value) = bytes.get(at..at + length + 2) else {
                    return Ok(Parsed::Partial);
                };
                last = &value[..length];
                at += length + 2;
            }
        } else if !header.starts_with(b":") {
            return Err(format!("`{}` in an array", printable(header)));
        }
        if index == 0 {
            kind = last;
        }
    }
    let heard = match kind {
        b"message" => ServerEvent::Message(last),
        b"subscribe" => ServerEvent::Joined,
        _ => ServerEvent::Other,
    };
    Ok(Parsed::Complete(heard, at))
}
