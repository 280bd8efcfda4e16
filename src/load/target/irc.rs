//! IRC: JOIN and PRIVMSG. A server sends a message to all members except its sender.
//!
//! A line has at most 512 bytes in total, so payloads up to about 400 bytes arrive uncut.

use super::{ConnectionOptions, LONGEST, ProtocolError, ServerEvent, line, printable};
use crate::wire::Parsed;
use std::io::Write;

/// The largest payload that fits a line besides the prefix that a server adds.
pub const SIZE_MAX: usize = 400;

/// The adapter of one connection.
#[derive(Debug)]
pub struct Irc {
    name_number: u32,
    /// Attempts to find a free nickname.
    tries: u32,
}

impl Irc {
    pub(super) fn open(options: ConnectionOptions, out: &mut Vec<u8>) -> Self {
        let irc = Self { name_number: options.name_number, tries: 0 };
        irc.nick(out);
        out.extend_from_slice(b"USER bench 0 * :bench\r\n");
        irc
    }

    /// Returns a nickname of at most nine characters, the limit of the oldest servers.
    fn nick(&self, out: &mut Vec<u8>) {
        let tries = char::from(b'a' + (self.tries % 26) as u8);
        // Writing to a vector cannot fail.
        let _ = write!(out, "NICK {tries}{:x}\r\n", self.name_number);
    }

    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        let _ = write!(out, "JOIN #bench{room}\r\n");
        true
    }

    pub(super) fn leave(&mut self, room: u32, out: &mut Vec<u8>) {
        let _ = write!(out, "PART #bench{room}\r\nQUIT\r\n");
    }

    pub(super) fn publish(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        let _ = write!(out, "PRIVMSG #bench{room} :");
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        let Some((first, used)) = line(bytes) else {
            return match bytes.len() > LONGEST {
                true => Err("a line that does not end".to_owned()),
                false => Ok(Parsed::Partial),
            };
        };
        let command = match first.strip_prefix(b":") {
            Some(rest) => memchr::memchr(b' ', rest).map_or(&b""[..], |at| &rest[at + 1..]),
            None => first,
        };
        let (word, rest) = match memchr::memchr(b' ', command) {
            Some(at) => (&command[..at], &command[at + 1..]),
            None => (command, &b""[..]),
        };
        let heard = match word {
            b"PRIVMSG" => {
                ServerEvent::Message(memchr::memchr(b':', rest).map_or(rest, |at| &rest[at + 1..]))
            }
            b"PING" => {
                reply.extend_from_slice(b"PONG ");
                reply.extend_from_slice(rest);
                reply.extend_from_slice(b"\r\n");
                ServerEvent::Other
            }
            b"001" => ServerEvent::Ready,
            // The end of NAMES completes the join.
            b"366" => ServerEvent::Joined,
            b"433" => {
                self.tries += 1;
                self.nick(reply);
                ServerEvent::Other
            }
            b"ERROR" => ServerEvent::Ended(printable(rest)),
            [b'4' | b'5', b'0'..=b'9', b'0'..=b'9'] if word != b"422" => {
                ServerEvent::Refused(printable(command))
            }
            _ => ServerEvent::Other,
        };
        Ok(Parsed::Complete(heard, used))
    }
}
