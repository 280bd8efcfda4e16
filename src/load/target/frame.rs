//! hobnob's frames in binary encoding.

use super::{ConnectionOptions, LONGEST, ProtocolError, ServerEvent};
use crate::wire::Parsed;
use crate::wire::binary::{self, kind};
use crate::wire::frame::{ClientFrame, ServerFrame, VERSION};
use std::borrow::Cow;

/// The adapter of one connection.
#[derive(Debug)]
pub struct Frame {
    /// The room's number, once joined.
    room: u32,
    own_copies: bool,
}

impl Frame {
    pub(super) fn open(options: ConnectionOptions, out: &mut Vec<u8>) -> Self {
        // Without a name the relay chooses one: a reconnect cannot find its name in use.
        let name = Cow::Borrowed("");
        binary::write_client(
            &ClientFrame::Hello { version: VERSION, private: false, key: 0, name },
            out,
        );
        Self { room: 0, own_copies: options.own_copies }
    }

    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        let room = Cow::Owned(format!("bench{room}"));
        binary::write_client(&ClientFrame::Join { request: 1, resume: None, key: None, room }, out);
        true
    }

    pub(super) fn leave(&mut self, _room: u32, out: &mut Vec<u8>) {
        binary::write_client(&ClientFrame::Leave { request: 2, room: self.room }, out);
        binary::write_client(&ClientFrame::Bye, out);
    }

    pub(super) fn publish(&self, _room: u32, payload: &[u8], out: &mut Vec<u8>) {
        let (room, payload) = (self.room, Cow::Borrowed(payload));
        let say = ClientFrame::Say { room, id: 0, echo: self.own_copies, payload };
        binary::write_client(&say, out);
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        match binary::split(bytes, LONGEST).map_err(|error| error.to_string())? {
            Parsed::Complete((kind, body), used) => {
                Ok(Parsed::Complete(self.hear(kind, body, reply)?, used))
            }
            Parsed::Partial => Ok(Parsed::Partial),
        }
    }

    /// Parses one frame, independent of its carrier.
    pub(super) fn hear<'a>(
        &mut self,
        kind: u8,
        body: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<ServerEvent<'a>, ProtocolError> {
        // A message arrives a million times per second: only the fields needed are decoded.
        if kind == kind::server::Message {
            let payload = body.get(20).and_then(|&sender| body.get(21 + usize::from(sender)..));
            let payload = payload.ok_or("a message ends before its payload")?;
            return Ok(ServerEvent::Message(payload));
        }
        let frame = binary::read_server(kind, body).map_err(|error| error.to_string())?;
        Ok(match frame {
            ServerFrame::Welcome { .. } => ServerEvent::Ready,
            ServerFrame::Joined { room, .. } => {
                self.room = room;
                ServerEvent::Joined
            }
            ServerFrame::Gap { from, to, .. } => ServerEvent::Gap { from, to },
            ServerFrame::Error { text, .. } => ServerEvent::Refused(text.into_owned()),
            ServerFrame::Bye { text, .. } => ServerEvent::Ended(text.into_owned()),
            ServerFrame::Ping { token } => {
                binary::write_client(&ClientFrame::Pong { token }, reply);
                ServerEvent::Other
            }
            _ => ServerEvent::Other,
        })
    }
}
