//! NATS: SUB and PUB. The server replies to a PING after it has handled earlier requests.

use super::{ConnectionOptions, LONGEST, ProtocolError, ServerEvent, digits, line, printable};
use crate::wire::Parsed;
use std::io::Write;

/// The adapter of one connection.
#[derive(Debug, Default)]
pub struct Nats {
    /// True after the first PONG, which completes the login.
    is_in: bool,
    /// True until the next PONG, which confirms the subscription.
    is_joining: bool,
}

impl Nats {
    pub(super) fn open(options: ConnectionOptions, out: &mut Vec<u8>) -> Self {
        let echo = options.own_copies;
        // Writing to a vector cannot fail.
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

    pub(super) fn publish(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        let _ = write!(out, "PUB bench{room} {}\r\n", payload.len());
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        let Some((first, used)) = line(bytes) else { return Ok(Parsed::Partial) };
        if first.starts_with(b"MSG ") {
            let length = first.rsplit(|&byte| byte == b' ').next().and_then(digits);
            let length = length.filter(|&length| length <= LONGEST);
            let length = length.ok_or_else(|| format!("`{}` has no length", printable(first)))?;
            return Ok(match bytes.get(used..used + length + 2) {
                Some(body) => {
                    Parsed::Complete(ServerEvent::Message(&body[..length]), used + length + 2)
                }
                None => Parsed::Partial,
            });
        }
        let heard = match first {
            b"PONG" if !std::mem::replace(&mut self.is_in, true) => ServerEvent::Ready,
            b"PONG" if std::mem::take(&mut self.is_joining) => ServerEvent::Joined,
            b"PONG" => ServerEvent::Other,
            b"PING" => {
                reply.extend_from_slice(b"PONG\r\n");
                ServerEvent::Other
            }
            _ if first.starts_with(b"-ERR") => ServerEvent::Ended(printable(&first[4..])),
            _ if first.starts_with(b"INFO ") || first == b"+OK" => ServerEvent::Other,
            _ => return Err(format!("`{}` is nothing NATS says", printable(first))),
        };
        Ok(Parsed::Complete(heard, used))
    }
}
