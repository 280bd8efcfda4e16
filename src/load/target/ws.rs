//! A WebSocket server (RFC 6455) that sends each message to all clients; and hobnob's frames in
//! binary messages.

use super::frame::Frame;
use super::{ConnectionOptions, LONGEST, ProtocolError, ServerEvent, printable};
use crate::wire::Parsed;
use crate::wire::binary::LENGTH_SIZE;
use crate::wire::websocket::{self, Opcode};
use std::io::Write;

const FIN: u8 = 0x80;

/// The mask protects proxies from crafted payloads. Without a proxy, a constant mask is sufficient.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The adapter of one connection.
#[derive(Debug)]
pub struct Ws {
    upgraded: bool,
    /// The adapter of the frames inside the messages, if they carry frames.
    frames: Option<Frame>,
}

impl Ws {
    pub(super) fn open(host: &str, path: &str, out: &mut Vec<u8>) -> Self {
        // Writing to a vector cannot fail. The key is the example of the RFC.
        let _ = write!(
            out,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        Self { upgraded: false, frames: None }
    }

    /// Opens a connection that carries frames. Hello follows the handshake at once: both replies
    /// come together.
    pub(super) fn open_frames(
        host: &str,
        path: &str,
        options: ConnectionOptions,
        out: &mut Vec<u8>,
    ) -> Self {
        let mut ws = Self::open(host, path, out);
        let mut hello = Vec::new();
        ws.frames = Some(Frame::open(options, &mut hello));
        wrap(&hello, out);
        ws
    }

    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        let Some(frames) = &mut self.frames else { return false };
        let mut join = Vec::new();
        let joins = frames.join(room, &mut join);
        wrap(&join, out);
        joins
    }

    pub(super) fn leave(&mut self, _room: u32, out: &mut Vec<u8>) {
        websocket::write_masked(Opcode::Close, MASK, &1000u16.to_be_bytes(), out);
    }

    pub(super) fn publish(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        match &self.frames {
            None => websocket::write_masked(Opcode::Text, MASK, payload, out),
            Some(frames) => {
                let mut say = Vec::new();
                frames.publish(room, payload, &mut say);
                wrap(&say, out);
            }
        }
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        if !self.upgraded {
            return self.answer(bytes);
        }
        let found = websocket::parse_server(bytes, LONGEST).map_err(|error| error.to_string())?;
        let Parsed::Complete((first, payload), used) = found else { return Ok(Parsed::Partial) };
        const TEXT: u8 = FIN | Opcode::Text as u8;
        const BINARY: u8 = FIN | Opcode::Binary as u8;
        const CLOSE: u8 = FIN | Opcode::Close as u8;
        const PING: u8 = FIN | Opcode::Ping as u8;
        const PONG: u8 = FIN | Opcode::Pong as u8;
        let heard = match (first, &mut self.frames) {
            (BINARY, Some(frames)) => {
                let (kind, body) = payload.split_first().ok_or("an empty frame")?;
                let mut answer = Vec::new();
                let heard = frames.hear(*kind, body, &mut answer)?;
                wrap(&answer, reply);
                heard
            }
            (TEXT | BINARY, _) => ServerEvent::Message(payload),
            (CLOSE, _) => {
                let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                let text = payload.get(2..).map(printable).unwrap_or_default();
                ServerEvent::Ended(format!("close {code} {text}"))
            }
            (PING, _) => {
                websocket::write_masked(Opcode::Pong, MASK, payload, reply);
                ServerEvent::Other
            }
            (PONG, _) => ServerEvent::Other,
            _ => {
                return Err("a fragmented message, which the generator does not support".to_owned());
            }
        };
        Ok(Parsed::Complete(heard, used))
    }

    /// Parses the response to the handshake.
    fn answer<'a>(&mut self, bytes: &'a [u8]) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            return match bytes.len() > 64 << 10 {
                true => Err("the response to the handshake is too long".to_owned()),
                false => Ok(Parsed::Partial),
            };
        };
        if !bytes.starts_with(b"HTTP/1.1 101") {
            let status = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
            return Err(format!("not a WebSocket: {}", printable(status)));
        }
        self.upgraded = true;
        // With frames, the connection is ready after the welcome.
        let heard = if self.frames.is_some() { ServerEvent::Other } else { ServerEvent::Ready };
        Ok(Parsed::Complete(heard, end + 4))
    }
}

/// Wraps each frame of a stream in a message.
fn wrap(mut frames: &[u8], out: &mut Vec<u8>) {
    while let Some((length, rest)) = frames.split_first_chunk::<LENGTH_SIZE>() {
        let (frame, behind) = rest.split_at((u32::from_be_bytes(*length) as usize).min(rest.len()));
        websocket::write_masked(Opcode::Binary, MASK, frame, out);
        frames = behind;
    }
}
