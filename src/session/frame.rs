//! The frame protocol: hello first, then verbs, in the spelling of the first byte.

use super::{Dialect, Fault, Overrun, Step};
use crate::history::{Mark, Select};
use crate::hub::{Addressee, Command, Notice, Reply, Sender, Where};
use crate::id::RoomId;
use crate::limits::Limits;
use crate::payload::{Form, Manner, Message};
use crate::reason::{CloseReason, Refusal};
use crate::wire::Parsed;
use crate::wire::binary;
use crate::wire::frame::{
    ClientFrame, FRAME_OVERHEAD, FrameError, Past, ServerFrame, Side, VERSION,
};
#[cfg(feature = "json")]
use crate::wire::json;
use crate::wire::line::Watch;
use crate::wire::sniff;
use crate::wire::websocket::{self, Opcode};
use std::borrow::Cow;

/// How a `frame` listener serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What happens to a peer that falls off the end of a tape.
    pub overrun: Overrun,
}

/// How a peer writes its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Length, kind, body.
    Binary,
    /// One JSON object per line.
    Json,
}

impl Spelling {
    /// Chosen by a connection's first byte: a JSON object begins with `{`, and a frame with the top
    /// byte of a length of at most 16 MiB and a little.
    fn of(first: u8) -> Option<Self> {
        match first {
            b'{' if cfg!(feature = "json") => Some(Self::Json),
            0 | 1 => Some(Self::Binary),
            _ => None,
        }
    }

    fn is_built(self) -> bool {
        self == Self::Binary || cfg!(feature = "json")
    }

    fn parse(self, bytes: &[u8], max: usize) -> Result<Parsed<ClientFrame<'_>>, FrameError> {
        match self {
            #[cfg(feature = "json")]
            Self::Json => json::parse_client(bytes, max),
            _ => binary::parse_client(bytes, max),
        }
    }

    /// Longest frame or line, in bytes.
    fn max(self, limits: &Limits) -> usize {
        match self {
            #[cfg(feature = "json")]
            Self::Json => json::line_max(limits.message),
            _ => limits.message + FRAME_OVERHEAD,
        }
    }

    /// Reads one message that is a frame and nothing else.
    fn read(self, message: &[u8]) -> Result<ClientFrame<'_>, FrameError> {
        match (self, message) {
            #[cfg(feature = "json")]
            (Self::Json, object) => json::read_client(object),
            (_, [kind, body @ ..]) => binary::read_client(*kind, body),
            (_, []) => Err(FrameError::Malformed("a frame needs at least its kind byte")),
        }
    }

    fn write(self, carrier: Carrier, frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
        let from = out.len();
        self.write_to_stream(frame, out);
        match (carrier, self) {
            (Carrier::Stream, _) => {}
            // A message says itself where it ends: no length before it, no newline behind it.
            (Carrier::Messages, Self::Binary) => {
                websocket::enclose_after(Opcode::Binary, from, binary::LENGTH_SIZE, out);
            }
            (Carrier::Messages, Self::Json) => {
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

/// What carries frames to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// A stream of bytes.
    #[default]
    Stream,
    /// WebSocket messages, one for each frame.
    Messages,
}

/// The state of one frame conversation.
#[derive(Debug, Default)]
pub struct Frame {
    spelling: Option<Spelling>,
    carrier: Carrier,
    /// Its rooms are heard compressed.
    deflates: bool,
    greeted: bool,
    /// It takes what is told to it alone.
    private: bool,
    watch: Watch,
}

impl Frame {
    /// A conversation in WebSocket messages.
    pub fn in_messages() -> Self {
        Self { carrier: Carrier::Messages, ..Self::default() }
    }

    /// What its rooms say may be compressed.
    pub fn deflate(&mut self) {
        self.deflates = true;
    }

    /// Reads one message: binary or text, as the first one was.
    ///
    /// # Errors
    /// The conversation's end, in the fault of the peer.
    pub fn receive_message<'a>(
        &mut self,
        spelling: Spelling,
        message: &'a [u8],
        limits: &Limits,
    ) -> Result<Step<'a>, Fault> {
        if !spelling.is_built() || *self.spelling.get_or_insert(spelling) != spelling {
            return Err(CloseReason::WrongSpelling.into());
        }
        if message.len() > self.message_max(spelling, limits) {
            return Err(CloseReason::FrameTooLong.into());
        }
        self.step(spelling.read(message).map_err(fault_of)?)
    }

    /// Longest message in this spelling, in bytes.
    pub fn message_max(&self, spelling: Spelling, limits: &Limits) -> usize {
        let max = spelling.max(limits);
        if self.greeted { max } else { max.min(limits.before_hello) }
    }

    /// See [`Session::receive`](super::Session::receive).
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        limits: &Limits,
    ) -> Result<Parsed<Step<'a>>, Fault> {
        let Some(first) = bytes.first() else { return Ok(Parsed::Partial) };
        let spelling = match self.spelling.or_else(|| Spelling::of(*first)) {
            Some(spelling) => *self.spelling.insert(spelling),
            None => return Err(unknown_opening(bytes)),
        };
        let max = self.message_max(spelling, limits);
        if spelling == Spelling::Json && !self.watch.has_news(bytes, max) {
            return Ok(Parsed::Partial);
        }
        match spelling.parse(bytes, max) {
            Ok(Parsed::Complete(frame, used)) => Ok(Parsed::Complete(self.step(frame)?, used)),
            Ok(Parsed::Partial) => Ok(Parsed::Partial),
            Err(error) => Err(fault_of(error)),
        }
    }

    fn step<'a>(&mut self, frame: ClientFrame<'a>) -> Result<Step<'a>, Fault> {
        let is_hello = matches!(frame, ClientFrame::Hello { .. });
        if is_hello == self.greeted && !matches!(frame, ClientFrame::Bye) {
            return Err(CloseReason::BadState.into());
        }
        Ok(Step::Command(match frame {
            ClientFrame::Hello { version, .. } if version != VERSION => {
                return Err(CloseReason::BadVersion.into());
            }
            ClientFrame::Hello { version: _, private, key, name } => {
                self.private = private;
                Command::Hello { name, key, private }
            }
            ClientFrame::Join { request, resume, key, room } => {
                Command::Join { request, room, key, resume }
            }
            ClientFrame::Leave { request, room } => {
                Command::Leave { request, room: RoomId::from_bits(room), reason: None }
            }
            ClientFrame::Say { room, id, echo, payload } => {
                let room = RoomId::from_bits(room);
                Command::Publish {
                    room: Where::Joined(room),
                    sender: Sender::Member { id, echo },
                    bytes: payload,
                    form: Form::Unsaid,
                    manner: Manner::default(),
                }
            }
            ClientFrame::Members { request, room } => {
                Command::Members { request, room: Where::Joined(RoomId::from_bits(room)) }
            }
            ClientFrame::History { request, room, side, limit } => {
                let room = Where::Joined(RoomId::from_bits(room));
                let select = match side {
                    Side::Before(0) => Select::Before(Mark::End),
                    Side::Before(offset) => Select::Before(Mark::Offset(offset)),
                    Side::After(offset) => Select::After(Mark::Offset(offset)),
                };
                Command::History { request, room, select, limit: limit as usize }
            }
            ClientFrame::Tell { request, notice, name, payload } => {
                let manner = Manner { is_notice: notice, ..Manner::default() };
                let to = Addressee::Name { name, request };
                Command::DirectMessage { to, bytes: payload, manner }
            }
            ClientFrame::Ping { token } => return Ok(Step::Ping(token)),
            ClientFrame::Pong { token: _ } => return Ok(Step::Alive),
            ClientFrame::Bye => return Ok(Step::Bye),
        }))
    }

    /// See [`Session::write_reply`](super::Session::write_reply).
    pub fn write_reply(&mut self, reply: &Reply, limits: &Limits, out: &mut Vec<u8>) {
        self.greeted |= matches!(reply, Reply::Welcome { .. });
        if let Some(frame) = frame_of(reply, self.private, limits) {
            self.write(&frame, out);
        }
    }

    /// Answers a ping.
    pub fn write_pong(&self, token: u64, out: &mut Vec<u8>) {
        self.write(&ServerFrame::Pong { token }, out);
    }

    /// Asks for a sign of life.
    pub fn write_ping(&self, out: &mut Vec<u8>) {
        self.write(&ServerFrame::Ping { token: 0 }, out);
    }

    /// The relay will be gone soon. Nothing to one that has not said how it spells: in the wrong
    /// spelling, everything after would be lost on it.
    pub fn write_draining(&self, out: &mut Vec<u8>) {
        if self.spelling.is_none() {
            return;
        }
        let (code, text) = (Refusal::Draining.code(), Cow::Borrowed(Refusal::Draining.text()));
        self.write(&ServerFrame::Error { code, request: 0, text }, out);
    }

    /// What was wrong, if it was the peer who was wrong, and goodbye.
    pub fn write_farewell(&self, fault: &Fault, out: &mut Vec<u8>) {
        let code = fault.reason.code();
        if code >= CloseReason::BadFrame.code() {
            let text = Cow::Borrowed(&*fault.text);
            self.write(&ServerFrame::Error { code, request: 0, text }, out);
        }
        let text = Cow::Borrowed(fault.reason.text());
        self.write(&ServerFrame::Bye { code, text }, out);
    }

    /// A peer whose spelling is unknown is most likely to read JSON, or a person.
    fn write(&self, frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
        self.spelling.unwrap_or(Spelling::Json).write(self.carrier, frame, out);
    }

    /// The spelling its rooms are heard in.
    pub fn dialect(&self) -> Dialect {
        match (self.carrier, self.spelling) {
            (Carrier::Stream, Some(Spelling::Json)) => Dialect::Json,
            (Carrier::Stream, _) => Dialect::Binary,
            (Carrier::Messages, Some(Spelling::Json)) if self.deflates => Dialect::WebJsonDeflated,
            (Carrier::Messages, Some(Spelling::Json)) => Dialect::WebJson,
            (Carrier::Messages, _) if self.deflates => Dialect::WebBinaryDeflated,
            (Carrier::Messages, _) => Dialect::WebBinary,
        }
    }

    /// Whether hello was said and answered.
    pub fn is_greeted(&self) -> bool {
        self.greeted
    }
}

fn unknown_opening(bytes: &[u8]) -> Fault {
    let reason = match sniff::foreign(bytes) {
        Some(_) => CloseReason::WrongProtocol,
        None => CloseReason::BadFrame,
    };
    let text = match reason {
        CloseReason::WrongProtocol => reason.text(),
        _ => "a connection begins with a binary frame, or with { for JSON: see docs/PROTOCOL.md",
    };
    Fault { reason, text: Cow::Borrowed(text) }
}

fn fault_of(error: FrameError) -> Fault {
    let reason = match error {
        FrameError::TooLong { .. } => CloseReason::FrameTooLong,
        FrameError::UnknownKind(_) => CloseReason::UnknownKind,
        FrameError::Malformed(_) => CloseReason::BadFrame,
    };
    Fault { reason, text: Cow::Owned(error.to_string()) }
}

/// Nothing for answers to what no frame asks for.
fn frame_of<'a>(reply: &'a Reply, private: bool, limits: &Limits) -> Option<ServerFrame<'a>> {
    Some(match reply {
        Reply::Welcome { id, name, key } => ServerFrame::Welcome {
            version: VERSION,
            id: id.to_bits(),
            key: *key,
            max_message: limits.message as u32,
            max_rooms: limits.rooms_per_peer as u32,
            ping_ms: u32::try_from(limits.ping_after.as_millis()).unwrap_or(u32::MAX),
            name: Cow::Borrowed(name),
        },
        Reply::Joined { request, room, name, recovered, epoch, head, oldest, members } => {
            ServerFrame::Joined {
                request: *request,
                room: room.to_bits(),
                recovered: *recovered,
                epoch: *epoch,
                head: *head,
                oldest: *oldest,
                members: *members,
                name: Cow::Borrowed(name),
            }
        }
        &Reply::Left { request, room, offset } => {
            ServerFrame::Left { request, room: room.to_bits(), offset }
        }
        &Reply::Ack { room, id, offset } => ServerFrame::Ack { room: room.to_bits(), id, offset },
        Reply::Members { request, room, count, names } => ServerFrame::Members {
            request: *request,
            room: room.to_bits(),
            count: *count,
            names: names.iter().map(|name| Cow::Borrowed(&**name)).collect(),
        },
        Reply::History { request, room, page } => ServerFrame::History {
            request: *request,
            room: room.to_bits(),
            oldest: page.oldest,
            messages: page.messages.iter().map(|message| past(message)).collect(),
        },
        &Reply::Gap { room, from, to } => ServerFrame::Gap { room: room.to_bits(), from, to },
        Reply::DirectMessage { message, .. } => ServerFrame::Told {
            time: message.unix_ms,
            notice: message.payload.manner.is_notice,
            sender: Cow::Borrowed(&message.sender.name),
            payload: Cow::Borrowed(&message.payload.bytes),
        },
        Reply::DirectSent { request, unix_ms, away } => ServerFrame::Passed {
            request: *request,
            time: *unix_ms,
            away: Cow::Borrowed(away.as_deref().unwrap_or_default()),
        },
        &Reply::Refused { refusal, request } => ServerFrame::Error {
            code: refusal.code(),
            request,
            text: Cow::Borrowed(refusal.text()),
        },
        // That it has left follows by itself.
        Reply::Kicked { by, name, reason, .. } => {
            // Whoever gave no reason gave their name.
            let reason = Some(reason).filter(|reason| **reason != by.name);
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let text = Cow::Owned(format!("{by} put you out of {name}{reason}"));
            ServerFrame::Error { code: Refusal::Expelled.code(), request: 0, text }
        }
        Reply::Invited { by, room, unix_ms } if private => ServerFrame::Told {
            time: *unix_ms,
            notice: true,
            sender: Cow::Borrowed(&by.name),
            payload: Cow::Owned(format!("invites you to {room}").into_bytes()),
        },
        // What frames have no words for, or their reader none.
        Reply::Invited { .. } => return None,
        Reply::Published { .. }
        | Reply::Rooms { .. }
        | Reply::Echo { .. }
        | Reply::Ephemeral { .. }
        | Reply::Notice(..)
        | Reply::News(_)
        | Reply::Watched { .. }
        | Reply::Disconnected { .. }
        | Reply::Call { .. } => return None,
    })
}

fn past(message: &Message) -> Past<'_> {
    Past {
        offset: message.offset,
        time: message.unix_ms,
        sender: Cow::Borrowed(&message.sender.name),
        payload: Cow::Borrowed(&message.payload.bytes),
    }
}

/// A message as the members of this spelling hear it.
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

/// News of members, as the members of this spelling hear it.
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
        // Frames know people by their names: one goes, and another comes.
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
