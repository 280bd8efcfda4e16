//! A WebSocket server (RFC 6455) that sends each text message to everyone.

use super::{Heard, LONGEST, Nonsense, words};
use crate::wire::Parsed;
use std::io::Write;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const LAST: u8 = 0x80;

/// A client has to mask what it sends, so that no proxy takes it for something else. There is no
/// proxy here: one mask is as good as another.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One connection's conversation.
#[derive(Debug)]
pub struct Ws {
    upgraded: bool,
}

impl Ws {
    pub(super) fn open(host: &str, path: &str, out: &mut Vec<u8>) -> Self {
        // Writing to a vector has no way to fail. The key is the example of the RFC.
        let _ = write!(
            out,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        Self { upgraded: false }
    }

    pub(super) fn join(&mut self, _room: u32, _out: &mut Vec<u8>) -> bool {
        false
    }

    pub(super) fn leave(&mut self, _room: u32, out: &mut Vec<u8>) {
        frame(CLOSE, &1000u16.to_be_bytes(), out);
    }

    pub(super) fn say(&self, _room: u32, payload: &[u8], out: &mut Vec<u8>) {
        frame(TEXT, payload, out);
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<Heard<'a>>, Nonsense> {
        if !self.upgraded {
            return self.answer(bytes);
        }
        let Some((&[first, second], rest)) = bytes.split_first_chunk::<2>() else {
            return Ok(Parsed::Partial);
        };
        let (length, header) = match second {
            0..=125 => (u64::from(second), 2),
            126 => match rest.first_chunk::<2>() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
                None => return Ok(Parsed::Partial),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (u64::from_be_bytes(*length), 10),
                None => return Ok(Parsed::Partial),
            },
            _ => return Err("a masked frame from a server".to_owned()),
        };
        let length = usize::try_from(length).ok().filter(|&length| length <= LONGEST);
        let length = length.ok_or("a frame of an absurd length")?;
        let Some(payload) = bytes.get(header..header + length) else { return Ok(Parsed::Partial) };
        let heard = match (first & 15, first & LAST != 0) {
            (TEXT | BINARY, true) => Heard::Message(payload),
            (CLOSE, _) => {
                let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                let text = payload.get(2..).map(words).unwrap_or_default();
                Heard::Ended(format!("close {code} {text}"))
            }
            (PING, _) => {
                frame(PONG, payload, reply);
                Heard::Other
            }
            (PONG, _) => Heard::Other,
            _ => return Err("a message in several frames, which is not understood here".to_owned()),
        };
        Ok(Parsed::Complete(heard, header + length))
    }

    /// The answer to the handshake.
    fn answer<'a>(&mut self, bytes: &'a [u8]) -> Result<Parsed<Heard<'a>>, Nonsense> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            return match bytes.len() > 64 << 10 {
                true => Err("an answer to the handshake that does not end".to_owned()),
                false => Ok(Parsed::Partial),
            };
        };
        if !bytes.starts_with(b"HTTP/1.1 101") {
            let status = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
            return Err(format!("no WebSocket here: {}", words(status)));
        }
        self.upgraded = true;
        Ok(Parsed::Complete(Heard::Ready, end + 4))
    }
}

fn frame(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(LAST | kind);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}
