//! IRC: JOIN and PRIVMSG. A server sends a member's words to everyone but itself.
//!
//! A line has at most 512 bytes with everything in it, so payloads up to about 400 bytes arrive
//! whole.

use super::{Habits, Heard, LONGEST, Nonsense, line, words};
use crate::wire::Parsed;
use std::io::Write;

/// Payloads up to this size fit a line beside what a server puts before them.
pub const SIZE_MAX: usize = 400;

/// One connection's conversation.
#[derive(Debug)]
pub struct Irc {
    who: u32,
    /// Tries at a nickname that is free.
    tries: u32,
}

impl Irc {
    pub(super) fn open(habits: Habits, out: &mut Vec<u8>) -> Self {
        let irc = Self { who: habits.who, tries: 0 };
        irc.nick(out);
        out.extend_from_slice(b"USER bench 0 * :bench\r\n");
        irc
    }

    /// Nine characters at most: what the oldest servers allow.
    fn nick(&self, out: &mut Vec<u8>) {
        let tries = char::from(b'a' + (self.tries % 26) as u8);
        // Writing to a vector has no way to fail.
        let _ = write!(out, "NICK {tries}{:x}\r\n", self.who);
    }

    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        let _ = write!(out, "JOIN #bench{room}\r\n");
        true
    }

    pub(super) fn leave(&mut self, room: u32, out: &mut Vec<u8>) {
        let _ = write!(out, "PART #bench{room}\r\nQUIT\r\n");
    }

    pub(super) fn say(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        let _ = write!(out, "PRIVMSG #bench{room} :");
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<Heard<'a>>, Nonsense> {
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
                Heard::Message(memchr::memchr(b':', rest).map_or(rest, |at| &rest[at + 1..]))
            }
            b"PING" => {
                reply.extend_from_slice(b"PONG ");
                reply.extend_from_slice(rest);
                reply.extend_from_slice(b"\r\n");
                Heard::Other
            }
            b"001" => Heard::Ready,
            // The end of the names: whoever has it is in.
            b"366" => Heard::Joined,
            b"433" => {
                self.tries += 1;
                self.nick(reply);
                Heard::Other
            }
            b"ERROR" => Heard::Ended(words(rest)),
            [b'4' | b'5', b'0'..=b'9', b'0'..=b'9'] if word != b"422" => {
                Heard::Refused(words(command))
            }
            _ => Heard::Other,
        };
        Ok(Parsed::Complete(heard, used))
    }
}
