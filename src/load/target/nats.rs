//! NATS: SUB and PUB. A PING behind a request is answered when the request is done.

use super::{Habits, Heard, LONGEST, Nonsense, digits, line, words};
use crate::wire::Parsed;
use std::io::Write;

/// One connection's conversation.
#[derive(Debug, Default)]
pub struct Nats {
    /// The first PONG came: the login is done.
    is_in: bool,
    /// The next PONG after that says that the subscription stands.
    is_joining: bool,
}

impl Nats {
    pub(super) fn open(habits: Habits, out: &mut Vec<u8>) -> Self {
        let echo = habits.own_copies;
        // Writing to a vector has no way to fail.
        let _ = write!(
            out,
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"echo\":{echo},\"lang\":\"hobnob\",\
             \"version\":\"1\",\"protocol\":1}}\r\nPING\r\n"
        );
        Self::default()
    }

    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        let _ = write!(out, "SUB bench{room} 1\r\nPING\r\n");
        self.is_joining = true;
        true
    }

    pub(super) fn leave(&mut self, _room: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"UNSUB 1\r\n");
    }

    pub(super) fn say(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        let _ = write!(out, "PUB bench{room} {}\r\n", payload.len());
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<Heard<'a>>, Nonsense> {
        let Some((first, used)) = line(bytes) else { return Ok(Parsed::Partial) };
        if first.starts_with(b"MSG ") {
            let length = first.rsplit(|&byte| byte == b' ').next().and_then(digits);
            let length = length.filter(|&length| length <= LONGEST);
            let length = length.ok_or_else(|| format!("`{}` has no length", words(first)))?;
            return Ok(match bytes.get(used..used + length + 2) {
                Some(body) => Parsed::Complete(Heard::Message(&body[..length]), used + length + 2),
                None => Parsed::Partial,
            });
        }
        let heard = match first {
            b"PONG" if !std::mem::replace(&mut self.is_in, true) => Heard::Ready,
            b"PONG" if std::mem::take(&mut self.is_joining) => Heard::Joined,
            b"PONG" => Heard::Other,
            b"PING" => {
                reply.extend_from_slice(b"PONG\r\n");
                Heard::Other
            }
            _ if first.starts_with(b"-ERR") => Heard::Ended(words(&first[4..])),
            _ if first.starts_with(b"INFO ") || first == b"+OK" => Heard::Other,
            _ => return Err(format!("`{}` is nothing NATS says", words(first))),
        };
        Ok(Parsed::Complete(heard, used))
    }
}
