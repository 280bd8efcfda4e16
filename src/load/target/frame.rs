//! hobnob's frames, in their binary spelling.

use super::{Habits, Heard, LONGEST, Nonsense};
use crate::wire::Parsed;
use crate::wire::binary::{self, kind};
use crate::wire::frame::{ClientFrame, ServerFrame, VERSION};
use std::borrow::Cow;

/// One connection's conversation.
#[derive(Debug)]
pub struct Frame {
    /// The number the relay gave the room, once it did.
    room: u32,
    own_copies: bool,
}

impl Frame {
    pub(super) fn open(habits: Habits, out: &mut Vec<u8>) -> Self {
        // Without a name one is given, and nobody who comes back can find it taken.
        let name = Cow::Borrowed("");
        binary::write_client(
            &ClientFrame::Hello { version: VERSION, private: false, key: 0, name },
            out,
        );
        Self { room: 0, own_copies: habits.own_copies }
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

    pub(super) fn say(&self, _room: u32, payload: &[u8], out: &mut Vec<u8>) {
        let (room, payload) = (self.room, Cow::Borrowed(payload));
        let say = ClientFrame::Say { room, id: 0, echo: self.own_copies, payload };
        binary::write_client(&say, out);
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<Heard<'a>>, Nonsense> {
        match binary::split(bytes, LONGEST).map_err(|error| error.to_string())? {
            Parsed::Complete((kind, body), used) => {
                Ok(Parsed::Complete(self.hear(kind, body, reply)?, used))
            }
            Parsed::Partial => Ok(Parsed::Partial),
        }
    }

    /// Reads one frame, of whatever carries it.
    pub(super) fn hear<'a>(
        &mut self,
        kind: u8,
        body: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Heard<'a>, Nonsense> {
        // What comes a million times a second is looked at only as far as it is needed.
        if kind == kind::server::Message {
            let payload = body.get(20).and_then(|&sender| body.get(21 + usize::from(sender)..));
            let payload = payload.ok_or("a message ends before its payload")?;
            return Ok(Heard::Message(payload));
        }
        let frame = binary::read_server(kind, body).map_err(|error| error.to_string())?;
        Ok(match frame {
            ServerFrame::Welcome { .. } => Heard::Ready,
            ServerFrame::Joined { room, .. } => {
                self.room = room;
                Heard::Joined
            }
            ServerFrame::Gap { from, to, .. } => Heard::Gap { from, to },
            ServerFrame::Error { text, .. } => Heard::Refused(text.into_owned()),
            ServerFrame::Bye { text, .. } => Heard::Ended(text.into_owned()),
            ServerFrame::Ping { token } => {
                binary::write_client(&ClientFrame::Pong { token }, reply);
                Heard::Other
            }
            _ => Heard::Other,
        })
    }
}
