//! The carrier of a browser's messages: the handshake, frames both ways, compression, pings, and a close.

use crate::random::Random;
use hobnob::wire::Parsed;
use hobnob::wire::deflate::{Deflater, Inflater};
use hobnob::wire::websocket::{Opcode, parse_server, write_masked};

const FIN: u8 = 0x80;
const COMPRESSED: u8 = 0x40;

/// Longest message that is expected of the relay.
const LONGEST: usize = 1 << 20;

/// One frame of the relay.
pub enum Came {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close,
}

/// One end of a WebSocket.
pub struct Web {
    random: Random,
    deflater: Deflater,
    inflater: Inflater,
    deflates: bool,
    /// The handshake was answered.
    pub is_open: bool,
    /// The relay answered in HTTP, and nothing more is to be expected of it.
    pub is_refused: bool,
    /// The code with which this end closed, and with which the other did.
    pub closing: Option<u16>,
    pub closed: Option<u16>,
}

impl Web {
    pub fn new(seed: u64, deflates: bool) -> Self {
        Self {
            random: Random::new(seed),
            deflater: Deflater::default(),
            inflater: Inflater::default(),
            deflates,
            is_open: false,
            is_refused: false,
            closing: None,
            closed: None,
        }
    }

    pub fn handshake(&self, path: &str, subprotocol: &str) -> String {
        let deflate = if self.deflates {
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        } else {
            ""
        };
        let subprotocol = match subprotocol {
            "" => String::new(),
            name => format!("Sec-WebSocket-Protocol: {name}\r\n"),
        };
        format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {subprotocol}{deflate}\r\n"
        )
    }

    /// Writes a message, in as many frames as it pleases, and now and then pings before them: their
    /// payloads, and how long `out` is behind each.
    pub fn wrap(
        &mut self,
        is_text: bool,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Vec<(Vec<u8>, usize)> {
        let is_packed = self.deflates && self.random.chance(500);
        let packed = is_packed.then(|| self.deflater.deflate(message)).flatten();
        let (mut first, payload) = match packed {
            Some(packed) => (COMPRESSED, packed.to_vec()),
            None => (0, message.to_vec()),
        };
        first |= if is_text { Opcode::Text as u8 } else { Opcode::Binary as u8 };
        let more = if self.random.chance(200) { self.random.within(1, 4) } else { 0 };
        let mut cuts: Vec<usize> =
            (0..more).map(|_| self.random.within(0, payload.len())).collect();
        cuts.push(payload.len());
        cuts.sort_unstable();
        let (mut pings, mut from) = (Vec::new(), 0);
        for (index, to) in cuts.iter().copied().enumerate() {
            if self.random.chance(50) {
                let token: Vec<u8> = (0..self.random.below(10)).map(|byte| byte as u8).collect();
                self.control(Opcode::Ping, &token, out);
                pings.push((token, out.len()));
            }
            let fin = if index == more { FIN } else { 0 };
            self.frame(fin | first, &payload[from..to], out);
            (first, from) = (Opcode::Continuation as u8, to);
        }
        pings
    }

    pub fn control(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        self.frame(FIN | opcode as u8, payload, out);
    }

    fn frame(&mut self, first: u8, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let mask = (self.random.next() as u32).to_be_bytes();
        write_masked(Opcode::Text, mask, payload, out);
        out[start] = first;
    }

    /// Takes the first thing the relay said off `bytes`, if all of it is there.
    pub fn unwrap(&mut self, bytes: &[u8]) -> Option<(Option<Came>, usize)> {
        if self.is_refused {
            return (!bytes.is_empty()).then_some((None, bytes.len()));
        }
        if !self.is_open {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            let head = String::from_utf8_lossy(&bytes[..end]);
            self.is_open = head.starts_with("HTTP/1.1 101 ");
            self.is_refused = !self.is_open;
            self.deflates &= head.contains("permessage-deflate");
            return Some((None, end));
        }
        let found = parse_server(bytes, LONGEST).expect("[spelling] a frame");
        let Parsed::Complete((first, payload), used) = found else { return None };
        assert!(self.closed.is_none(), "[close last] then a frame came");
        let is_packed = first & COMPRESSED != 0;
        assert!(self.deflates || !is_packed, "[spelling] compressed for one that cannot read it");
        let payload = match is_packed {
            true => self.inflater.inflate(payload, LONGEST).expect("[spelling] deflated data"),
            false => payload.to_vec(),
        };
        let came = match first & !COMPRESSED {
            0x81 => {
                assert!(std::str::from_utf8(&payload).is_ok(), "[spelling] text is UTF-8");
                Came::Text(payload)
            }
            0x82 => Came::Binary(payload),
            0x88 => {
                let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                self.closed = Some(code);
                Came::Close
            }
            0x89 => Came::Ping(payload),
            0x8a => Came::Pong(payload),
            other => panic!("[spelling] no frame begins with {other:#x}"),
        };
        Some((Some(came), used))
    }
}
