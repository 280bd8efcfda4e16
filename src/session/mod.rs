//! One peer's conversation, per protocol: bytes ↔ commands.

pub mod frame;
pub mod raw;

use crate::hub::{Command, Notice, Reply};
use crate::id::RoomId;
use crate::limits::Limits;
use crate::payload::Message;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use std::borrow::Cow;

/// What a listener serves, and how. `http`, `irc` and `udp` will be rows here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Plain sockets.
    Raw(raw::Options),
    /// The frame protocol, binary or JSON.
    Frame(frame::Options),
}

/// What happens to a peer that falls off the end of a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overrun {
    /// It is told the gap and goes on.
    #[default]
    Gap,
    /// It is closed with [`CloseReason::SlowConsumer`].
    Close,
}

/// One spelling of a room's traffic: all members of a dialect receive identical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Payloads as they came.
    Chunk,
    /// Payloads, each ended by a newline.
    Line,
    /// Binary frames.
    Binary,
    /// JSON frames.
    Json,
}

impl Dialect {
    /// How many there are, for tables indexed by dialect.
    pub const COUNT: usize = 4;

    /// Whether a member can be told that it missed something.
    pub fn can_tell_gap(self) -> bool {
        matches!(self, Self::Binary | Self::Json)
    }

    /// Appends a message as this dialect's members receive it.
    pub fn write_message(self, room: RoomId, message: &Message, out: &mut Vec<u8>) {
        match self {
            Self::Chunk => raw::write_chunk(&message.payload, out),
            Self::Line => raw::write_line(&message.payload, out),
            Self::Binary => frame::write_message(frame::Spelling::Binary, room, message, out),
            Self::Json => frame::write_message(frame::Spelling::Json, room, message, out),
        }
    }

    /// Appends news of members; nothing in dialects that have no word for it.
    pub fn write_notice(self, room: RoomId, notice: &Notice, out: &mut Vec<u8>) {
        match self {
            Self::Chunk | Self::Line => {}
            Self::Binary => frame::write_notice(frame::Spelling::Binary, room, notice, out),
            Self::Json => frame::write_notice(frame::Spelling::Json, room, notice, out),
        }
    }
}

/// What a session made of the bytes it was shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The peer asks for something that the hub decides.
    Command(Command<'a>),
    /// The peer wants its token back.
    Ping(u64),
    /// The peer is alive, and that was all.
    Alive,
    /// The peer is done.
    Bye,
}

/// Why a conversation cannot go on, and the sentence the peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Under which the end is counted.
    pub reason: CloseReason,
    /// More than the reason says by itself.
    pub text: Cow<'static, str>,
}

impl From<CloseReason> for Fault {
    fn from(reason: CloseReason) -> Self {
        Self { reason, text: Cow::Borrowed(reason.text()) }
    }
}

/// What happens to a peer by itself when it connects.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Sent first.
    pub greeting: &'a [u8],
    /// Joined next.
    pub room: &'a str,
}

impl Service {
    /// For protocols without a handshake: what connecting alone means.
    pub fn opening(&self) -> Option<Opening<'_>> {
        match self {
            Self::Raw(options) => {
                Some(Opening { greeting: options.greeting.as_bytes(), room: &options.room })
            }
            Self::Frame(_) => None,
        }
    }

    /// What overruns lead to, in a dialect that leaves the choice.
    pub fn overrun(&self) -> Overrun {
        match self {
            Self::Raw(_) => Overrun::Close,
            Self::Frame(options) => options.overrun,
        }
    }

    /// Whether silence means death. Plain sockets have no way to answer a ping.
    pub fn pings(&self) -> bool {
        matches!(self, Self::Frame(_))
    }

    /// One word, for logs and counters.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Raw(_) => "raw",
            Self::Frame(_) => "frame",
        }
    }
}

/// The state of one conversation.
#[derive(Debug)]
pub enum Session {
    /// See [`raw`].
    Raw(raw::Raw),
    /// See [`frame`].
    Frame(frame::Frame),
}

impl Session {
    /// A conversation that has not begun.
    pub fn new(service: &Service) -> Self {
        match service {
            Service::Raw(_) => Self::Raw(raw::Raw::default()),
            Service::Frame(_) => Self::Frame(frame::Frame::default()),
        }
    }

    /// Reads the first step off `bytes`. With `ended`, no more bytes will come.
    ///
    /// # Errors
    /// The conversation's end, in the fault of the peer.
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        ended: bool,
        service: &Service,
        limits: &Limits,
    ) -> Result<Parsed<Step<'a>>, Fault> {
        match (self, service) {
            (Self::Raw(raw), Service::Raw(options)) => raw.receive(bytes, ended, options, limits),
            (Self::Frame(frame), Service::Frame(_)) => frame.receive(bytes, limits),
            _ => Err(CloseReason::Internal.into()),
        }
    }

    /// Appends an answer, and remembers what it means for the conversation.
    pub fn write_reply(&mut self, reply: &Reply, limits: &Limits, out: &mut Vec<u8>) {
        match self {
            Self::Raw(raw) => raw.heed(reply),
            Self::Frame(frame) => frame.write_reply(reply, limits, out),
        }
    }

    /// Appends the answer to a ping of the peer's.
    pub fn write_pong(&self, token: u64, out: &mut Vec<u8>) {
        if let Self::Frame(frame) = self {
            frame.write_pong(token, out);
        }
    }

    /// Appends a ping of ours.
    pub fn write_ping(&self, out: &mut Vec<u8>) {
        if let Self::Frame(frame) = self {
            frame.write_ping(out);
        }
    }

    /// Appends the notice that the relay will be gone soon.
    pub fn write_draining(&self, out: &mut Vec<u8>) {
        if let Self::Frame(frame) = self {
            frame.write_draining(out);
        }
    }

    /// Appends the last words: what was wrong, if the peer was wrong, and goodbye.
    pub fn write_farewell(&self, fault: &Fault, out: &mut Vec<u8>) {
        if let Self::Frame(frame) = self {
            frame.write_farewell(fault, out);
        }
    }

    /// The spelling in which this peer hears its rooms.
    pub fn dialect(&self, service: &Service) -> Dialect {
        match (self, service) {
            (Self::Frame(frame), _) => frame.dialect(),
            (Self::Raw(_), Service::Raw(options)) => options.framing.dialect(),
            (Self::Raw(_), Service::Frame(_)) => Dialect::Chunk,
        }
    }

    /// One word for what the peer speaks, for counters: a service may be spoken to in several ways.
    pub fn protocol(&self, service: &Service) -> &'static str {
        service.word()
    }

    /// Whether the peer can be told that what it asked for was refused. One that cannot is closed:
    /// losing its words and going on would be silent.
    pub fn can_tell_refusal(&self) -> bool {
        matches!(self, Self::Frame(_))
    }

    /// Whether the peer has a name; before that the handshake deadline runs.
    pub fn is_greeted(&self) -> bool {
        match self {
            Self::Raw(_) => true,
            Self::Frame(frame) => frame.is_greeted(),
        }
    }
}
