//! Frames, written and read in either spelling. Independent of sessions.

use crate::hub::Notice;
use crate::id::RoomId;
use crate::limits::Limits;
use crate::payload::Message;
use crate::session::carrier::Carrier;
use crate::wire::Parsed;
use crate::wire::binary;
use crate::wire::frame::{ClientFrame, FRAME_OVERHEAD, FrameError, ServerFrame};
#[cfg(feature = "json")]
use crate::wire::json;
use crate::wire::websocket::{self, Opcode};
use std::borrow::Cow;

/// The spelling of frames: binary or JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Length, kind, body.
    Binary,
    /// One JSON object per line.
    Json,
}

impl Spelling {
    /// Returns the spelling that the first byte of a connection selects. A JSON object begins with
    /// `{`, and a frame with the top byte of a length of at most 16 MiB and a little.
    pub(crate) fn of(first: u8) -> Option<Self> {
        match first {
            b'{' if cfg!(feature = "json") => Some(Self::Json),
            0 | 1 => Some(Self::Binary),
            _ => None,
        }
    }

    pub(crate) fn is_built(self) -> bool {
        self == Self::Binary || cfg!(feature = "json")
    }

    pub(crate) fn parse(
        self,
        bytes: &[u8],
        max: usize,
    ) -> Result<Parsed<ClientFrame<'_>>, FrameError> {
        match self {
            #[cfg(feature = "json")]
            Self::Json => json::parse_client(bytes, max),
            _ => binary::parse_client(bytes, max),
        }
    }

    /// Returns the length of the longest frame or line, in bytes.
    pub(crate) fn max(self, limits: &Limits) -> usize {
        match self {
            #[cfg(feature = "json")]
            Self::Json => json::line_max(limits.message),
            _ => limits.message + FRAME_OVERHEAD,
        }
    }

    /// Reads a message that consists of exactly one frame.
    pub(crate) fn read(self, message: &[u8]) -> Result<ClientFrame<'_>, FrameError> {
        match (self, message) {
            #[cfg(feature = "json")]
            (Self::Json, object) => json::read_client(object),
            (_, [kind, body @ ..]) => binary::read_client(*kind, body),
            (_, []) => Err(FrameError::Malformed("a frame needs at least its kind byte")),
        }
    }

    pub(crate) fn write(self, carrier: Carrier, frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
        let from = out.len();
        self.write_to_stream(frame, out);
        match (carrier, self) {
            (Carrier::Stream | Carrier::Chunked, _) => {}
            // A WebSocket message marks its own end: no length before it, no newline after it.
            (Carrier::WebSocket, Self::Binary) => {
                websocket::enclose_after(Opcode::Binary, from, binary::LENGTH_SIZE, out);
            }
            (Carrier::WebSocket, Self::Json) => {
                out.truncate(out.len().saturating_sub(1));
                websocket::enclose_after(Opcode::Text, from, 0, out);
            }
        }
    }

    fn write_to_stream(self, frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
        match self {
            #[cfg(feature = "json")]
            Self::Json => json::write_server(frame, out),
            _ => binary::write_server(frame, out),
        }
    }
}

/// Appends a message in this spelling.
pub fn write_message(
    spelling: Spelling,
    carrier: Carrier,
    room: RoomId,
    message: &Message,
    out: &mut Vec<u8>,
) {
    let frame = ServerFrame::Message {
        room: room.to_bits(),
        offset: message.offset,
        time: message.unix_ms,
        sender: Cow::Borrowed(&message.sender.name),
        payload: Cow::Borrowed(&message.payload.bytes),
    };
    spelling.write(carrier, &frame, out);
}

/// Appends a presence event in this spelling.
pub fn write_notice(
    spelling: Spelling,
    carrier: Carrier,
    room: RoomId,
    notice: &Notice,
    out: &mut Vec<u8>,
) {
    let room = room.to_bits();
    let came = |name, count| ServerFrame::Came { room, count, name: Cow::Borrowed(name) };
    let went = |name, count| ServerFrame::Went { room, count, name: Cow::Borrowed(name) };
    let frame = match notice {
        Notice::Came(who, count) => came(&who.name, *count),
        Notice::Went(who, count, _) => went(&who.name, *count),
        &Notice::Count(count) => {
            ServerFrame::Members { request: 0, room, count, names: Vec::new() }
        }
        // Frames identify people by name: the old name goes, and the new one comes.
        Notice::Renamed(who, name, count) => {
            spelling.write(carrier, &went(&who.name, count.saturating_sub(1)), out);
            came(name, *count)
        }
        Notice::Topic(..)
        | Notice::Changed(..)
        | Notice::Invited(..)
        | Notice::Away(..)
        | Notice::RealName(_)
        | Notice::Ephemeral(..) => return,
    };
    spelling.write(carrier, &frame, out);
}
