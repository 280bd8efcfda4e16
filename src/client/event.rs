//! The events that a client reports to its application.

use crate::id::Offset;
use crate::reason::CloseReason;
use crate::reason::Refusal;
use crate::wire::frame::FrameError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The name of a room, shared by all events of that room.
pub type RoomName = Arc<str>;

/// An event for the application. The messages of a room come in order and exactly once, across
/// reconnects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The relay accepted the hello: the client is connected, for the first time or again.
    Welcomed {
        /// The name in use; it may differ from the requested one.
        name: String,
    },
    /// The requested name is in use by another client; the client tries the next one.
    NameTaken {
        /// The name that was refused.
        name: String,
        /// The next name; empty if the relay will choose one.
        trying: String,
    },
    /// The room is joined, for the first time or again. Missed messages follow.
    Joined {
        /// The room.
        room: RoomName,
        /// The number of members, including this client.
        members: u32,
        /// The outcome for the messages missed meanwhile.
        recovered: Recovered,
    },
    /// The room was left at the application's request.
    Left {
        /// The room.
        room: RoomName,
    },
    /// An operator removed this client from the room; the reason precedes this as
    /// [`Event::Refused`]. The client does not rejoin by itself.
    Kicked {
        /// The room.
        room: RoomName,
    },
    /// A message was published in a room, possibly by this client.
    Message {
        /// The room.
        room: RoomName,
        /// The message's offset in the room.
        offset: Offset,
        /// The time at which the relay received the message, in milliseconds since 1970.
        time: u64,
        /// The name of the sender.
        sender: String,
        /// Arbitrary bytes, from an untrusted sender.
        payload: Vec<u8>,
    },
    /// A person joined a room.
    MemberJoined {
        /// The room.
        room: RoomName,
        /// The number of members.
        count: u32,
        /// The person's name.
        name: String,
    },
    /// A person left a room.
    MemberLeft {
        /// The room.
        room: RoomName,
        /// The number of members.
        count: u32,
        /// The person's name.
        name: String,
    },
    /// The members of a room: the reply to [`request_members`](super::Client::request_members), or
    /// the new count of a room too large to announce names.
    Members {
        /// The room.
        room: RoomName,
        /// The number of members.
        count: u32,
        /// Their names; empty if the room is too large to list them.
        names: Vec<String>,
        /// True if the application requested the list.
        requested: bool,
    },
    /// HistoryMessage messages of a room: the reply to [`request_history`](super::Client::request_history).
    History {
        /// The room.
        room: RoomName,
        /// The value returned by [`request_history`](super::Client::request_history).
        request: u64,
        /// The oldest offset that the relay keeps; the next message's offset if it keeps none.
        oldest: Offset,
        /// Messages in order, possibly fewer than requested. Some may have been delivered before;
        /// compare offsets.
        messages: Vec<HistoryMessage>,
    },
    /// These messages are lost for this client.
    Gap {
        /// The room.
        room: RoomName,
        /// The first missing offset.
        from: Offset,
        /// The last missing offset.
        to: Offset,
    },
    /// A message was published, and its offset is known.
    Acked {
        /// The room.
        room: RoomName,
        /// The value returned by [`publish`](super::Client::publish).
        id: u64,
        /// The message's offset in the room.
        offset: Offset,
    },
    /// A direct message to this client.
    DirectMessage {
        /// The time at which the relay received the message, in milliseconds since 1970.
        time: u64,
        /// The name of the sender.
        sender: String,
        /// True for a notice, which programs must not answer.
        notice: bool,
        /// Arbitrary bytes, from an untrusted sender.
        payload: Vec<u8>,
    },
    /// The relay passed a direct message on. It is unknown whether the receiver reads it.
    DirectMessagePassed {
        /// The value returned by [`send_direct`](super::Client::send_direct).
        id: u64,
        /// The receiver's name, as given.
        name: String,
        /// The time at which the relay received the message, in milliseconds since 1970.
        time: u64,
        /// The receiver's away text; empty if the receiver is not away.
        away: String,
    },
    /// A request was refused and will not be retried.
    Refused {
        /// The refused request.
        request: Request,
        /// The reason, if this client knows the code.
        refusal: Option<Refusal>,
        /// The relay's text for the reason: escape it before printing it to a terminal.
        text: String,
    },
    /// The relay will close the connection soon; the client then reconnects.
    Draining,
    /// The connection is lost or closed.
    Disconnected {
        /// The cause.
        cause: DisconnectCause,
        /// The wait before the next attempt; `None` if there will be none.
        retry_in: Option<Duration>,
    },
}

/// A past message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryMessage {
    /// The message's offset in the room.
    pub offset: Offset,
    /// The time at which the relay received the message, in milliseconds since 1970.
    pub time: u64,
    /// The name of the sender.
    pub sender: String,
    /// Arbitrary bytes, from an untrusted sender.
    pub payload: Vec<u8>,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Join this room. The client is not in it.
    Join(RoomName),
    /// Publish a message in this room. It was not published.
    Publish {
        /// The room.
        room: RoomName,
        /// The value returned by [`publish`](super::Client::publish).
        id: u64,
    },
    /// Send a direct message. It was not passed on; if the event has no refusal, it may have been.
    DirectMessage {
        /// The receiver's name.
        name: String,
        /// The value returned by [`send_direct`](super::Client::send_direct).
        id: u64,
    },
    /// Any other request.
    Other,
}

/// The outcome for messages published before a join, or while the client was disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// The first join of this room.
    Fresh {
        /// The number of past messages that follow, at most as many as requested.
        history: u64,
    },
    /// No message was missed.
    NothingMissed,
    /// All missed messages follow.
    Complete {
        /// The number of missed messages.
        missed: u64,
    },
    /// Some messages are lost. The remaining ones follow.
    Lost {
        /// The number of lost messages; `None` if unknown because the room's epoch changed.
        lost: Option<u64>,
        /// The number of messages that follow.
        following: u64,
    },
}

/// The cause of a disconnection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectCause {
    /// The connection could not be established.
    Unreachable {
        /// The kind of the system's error.
        kind: io::ErrorKind,
        /// The text of the system's error.
        text: String,
    },
    /// The connection broke.
    Broken(String),
    /// The relay closed the connection without a reason.
    Closed,
    /// The relay closed the connection with a reason.
    Bye {
        /// The reason, if this client knows the code.
        reason: Option<CloseReason>,
        /// The relay's text for the reason: escape it before printing it to a terminal.
        text: String,
    },
    /// The relay did not reply in time.
    TimedOut,
    /// The peer does not follow the protocol.
    NotARelay(FrameError),
    /// The relay refused the name.
    NameRefused(String),
    /// The application closed the client.
    Requested,
}

impl DisconnectCause {
    /// True if a retry would end the same way, or if two clients would take the name from each
    /// other for ever.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Bye { reason: Some(reason), .. } => matches!(
                reason,
                CloseReason::Replaced
                    | CloseReason::Stopped
                    | CloseReason::BadFrame
                    | CloseReason::FrameTooLong
                    | CloseReason::UnknownKind
                    | CloseReason::BadState
                    | CloseReason::BadVersion
                    | CloseReason::WrongProtocol
            ),
            Self::NotARelay(_) | Self::NameRefused(_) | Self::Requested => true,
            _ => false,
        }
    }
}

impl fmt::Display for DisconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { text, .. } | Self::Broken(text) | Self::NameRefused(text) => {
                f.write_str(text)
            }
            Self::Closed => f.write_str("the relay closed the connection"),
            Self::Bye { reason: Some(reason), .. } => f.write_str(reason.text()),
            Self::Bye { reason: None, text } => f.write_str(text),
            Self::TimedOut => f.write_str("the relay did not reply in time"),
            Self::NotARelay(error) => {
                write!(f, "the peer does not speak the frame protocol: {error}: check the port")
            }
            Self::Requested => f.write_str("closed"),
        }
    }
}

/// The reason why a message was not accepted for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// Too many messages are unacknowledged. Wait for an [`Event::Acked`].
    Busy,
    /// The room is not joined.
    NotJoined,
    /// The message is longer than the relay accepts.
    TooLong {
        /// The relay's limit, in bytes.
        max: usize,
    },
    /// The client is closed.
    Closed,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => {
                f.write_str("too many messages are unacknowledged: wait for acknowledgements")
            }
            Self::NotJoined => f.write_str("the room is not joined: join it first"),
            Self::TooLong { max } => {
                write!(f, "the message is too long: the relay accepts at most {max} bytes")
            }
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for PublishError {}
