//! A WebSocket client that does exactly what it is told, also what no browser would.

use super::{Client, Server};

/// A frame that the relay sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// FIN, the reserved bits, and the opcode.
    pub first: u8,
    pub payload: Vec<u8>,
}

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a client writes it.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A handshake for this path, with headers beside the usual ones.
pub fn handshake(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// A WebSocket.
pub struct Browser {
    pub client: Client,
    /// The head of the answer to the handshake.
    pub answer: String,
}

impl Browser {
    /// A WebSocket to the server's first listener.
    pub fn open(server: &Server, path: &str) -> Self {
        Self::open_with(server.connect(), path, "")
    }

    pub fn open_with(client: Client, path: &str, headers: &str) -> Self {
        Self::open_by(client, &handshake(path, headers))
    }

    /// By this handshake.
    pub fn open_by(mut client: Client, handshake: &str) -> Self {
        client.send(handshake.as_bytes());
        let head = client.read_until(b"\r\n\r\n");
        let answer = String::from_utf8(head).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        Self { client, answer }
    }

    /// Sends one frame.
    pub fn send(&mut self, first: u8, payload: &[u8]) {
        self.client.send(&frame(first, payload));
    }

    /// The next frame.
    pub fn next(&mut self) -> Frame {
        let header = self.client.read_exactly(2);
        assert!(header[1] & 0x80 == 0, "the relay does not mask");
        let length = match header[1] {
            126 => u16::from_be_bytes(self.client.read_exactly(2).try_into().unwrap()) as usize,
            127 => u64::from_be_bytes(self.client.read_exactly(8).try_into().unwrap()) as usize,
            short => short as usize,
        };
        Frame { first: header[0], payload: self.client.read_exactly(length) }
    }

    /// The next frame is this one.
    pub fn expect(&mut self, first: u8, payload: &[u8]) {
        let frame = self.next();
        let text = String::from_utf8_lossy(&frame.payload);
        assert_eq!((frame.first, &*frame.payload), (first, payload), "{text}");
    }

    /// The next frame closes with this code, and then the connection ends.
    pub fn expect_close(&mut self, code: u16) {
        let frame = self.next();
        let text = String::from_utf8_lossy(&frame.payload).into_owned();
        assert_eq!(
            (frame.first, frame.payload.get(..2)),
            (CLOSE, Some(&code.to_be_bytes()[..])),
            "{text}"
        );
        self.client.expect_end();
    }
}
