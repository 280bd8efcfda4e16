//! What a client tells its application.

use crate::id::Offset;
use crate::reason::CloseReason;
use crate::reason::Refusal;
use crate::wire::frame::FrameError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A room's name, shared between the many events that carry it.
pub type RoomName = Arc<str>;

/// Something the application should know. Per room, messages come in order and once, across any
/// number of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The relay answered the greeting: the connection is up, for the first time or again.
    Welcomed {
        /// The name everyone sees; not always the one asked for.
        name: String,
    },
    /// The name asked for belongs to somebody else, so another one is being tried.
    NameTaken {
        /// The name refused.
        name: String,
        /// The next one; empty means that the relay is asked to choose.
        trying: String,
    },
    /// The room is joined, for the first time or again. What was missed follows as messages.
    Joined {
        /// The room.
        room: RoomName,
        /// Members now, this one included.
        members: u32,
        /// What became of the messages said in the meantime.
        recovered: Recovered,
    },
    /// The room is left, as asked.
    Left {
        /// The room.
        room: RoomName,
    },
    /// An operator of the room has put this client out of it, and says so in an [`Event::Refused`] just
    /// before this. The room is not joined again unless asked to.
    Expelled {
        /// The room.
        room: RoomName,
    },
    /// Somebody, perhaps this client, said something.
    Message {
        /// The room.
        room: RoomName,
        /// The message's place in the room.
        offset: Offset,
        /// When the relay received it, in milliseconds since 1970.
        time: u64,
        /// Who said it.
        sender: String,
        /// What was said: any bytes, and as little to be trusted.
        payload: Vec<u8>,
    },
    /// Somebody joined.
    Came {
        /// The room.
        room: RoomName,
        /// Members now.
        count: u32,
        /// Who.
        name: String,
    },
    /// Somebody left.
    Went {
        /// The room.
        room: RoomName,
        /// Members now.
        count: u32,
        /// Who.
        name: String,
    },
    /// Who is in a room: the answer to [`members`](super::Client::members), or the new count of a
    /// room too big to announce names.
    Members {
        /// The room.
        room: RoomName,
        /// Members now.
        count: u32,
        /// Their names; empty when the room is too big to list.
        names: Vec<String>,
        /// Whether the application asked.
        asked: bool,
    },
    /// What was said in a room: the answer to [`history`](super::Client::history).
    History {
        /// The room.
        room: RoomName,
        /// What [`history`](super::Client::history) returned.
        request: u64,
        /// The oldest offset that the relay still keeps; that of the next message if it keeps none.
        oldest: Offset,
        /// Messages in their order, perhaps fewer than were asked for. Some may have been told
        /// before: offsets tell.
        messages: Vec<Past>,
    },
    /// These messages will not come: they were lost to this client for ever.
    Gap {
        /// The room.
        room: RoomName,
        /// The first one missing.
        from: Offset,
        /// The last one missing.
        to: Offset,
    },
    /// A message was said, and its place is known.
    Acked {
        /// The room.
        room: RoomName,
        /// What [`say`](super::Client::say) returned.
        id: u64,
        /// The message's place in the room.
        offset: Offset,
    },
    /// Somebody told this client something, and nobody else.
    Told {
        /// When the relay received it, in milliseconds since 1970.
        time: u64,
        /// Who said it.
        sender: String,
        /// Said so that no program answers it.
        notice: bool,
        /// What was said: any bytes, and as little to be trusted.
        payload: Vec<u8>,
    },
    /// What was told is on its way to that person. Nobody knows whether they read it.
    Passed {
        /// What [`tell`](super::Client::tell) returned.
        id: u64,
        /// Whom, as it was told.
        name: String,
        /// When the relay received it, in milliseconds since 1970.
        time: u64,
        /// What that person says to those who ask while they are away; empty if they are not.
        away: String,
    },
    /// Something asked for was not done, and will not be tried again.
    Refused {
        /// What had been asked.
        request: Request,
        /// Why, where this client knows the code.
        refusal: Option<Refusal>,
        /// Why, in the relay's words: not to be trusted with a terminal.
        text: String,
    },
    /// The relay will go away soon. The connection will be lost, and found again elsewhere or later.
    Draining,
    /// There is no connection now.
    Disconnected {
        /// Why.
        cause: Cause,
        /// When the next try is due; `None` if there will be none.
        retry_in: Option<Duration>,
    },
}

/// A message of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The message's place in the room.
    pub offset: Offset,
    /// When the relay received it, in milliseconds since 1970.
    pub time: u64,
    /// Who said it.
    pub sender: String,
    /// What was said: any bytes, and as little to be trusted.
    pub payload: Vec<u8>,
}

/// What had been asked of the relay when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To join this room. The client is not in it.
    Join(RoomName),
    /// To say a message in this room. It was not said.
    Say {
        /// The room.
        room: RoomName,
        /// What [`say`](super::Client::say) returned.
        id: u64,
    },
    /// To tell somebody something. It was not passed on; or, without a refusal, it may have been.
    Tell {
        /// Whom.
        name: String,
        /// What [`tell`](super::Client::tell) returned.
        id: u64,
    },
    /// Anything else.
    Other,
}

/// What became of the messages said in a room before it was joined, or while it was out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// The first time here.
    Fresh {
        /// How many messages from before follow, because the application asked for history.
        history: u64,
    },
    /// Nothing was said meanwhile.
    NothingMissed,
    /// Everything missed follows.
    Complete {
        /// How many messages.
        missed: u64,
    },
    /// Some messages are gone. What is still kept follows.
    Lost {
        /// How many; `None` if that cannot be known, because the room's numbering began anew.
        lost: Option<u64>,
        /// How many messages follow.
        following: u64,
    },
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No connection came about.
    Unreachable {
        /// The system's error.
        kind: io::ErrorKind,
        /// The same in words.
        text: String,
    },
    /// The connection broke.
    Broken(String),
    /// The relay ended the connection without a word.
    Ended,
    /// The relay said why it ended the connection.
    Bye {
        /// Why, where this client knows the code.
        reason: Option<CloseReason>,
        /// Why, in the relay's words: not to be trusted with a terminal.
        text: String,
    },
    /// Nothing was heard for too long.
    Silent,
    /// What came is not this protocol.
    Nonsense(FrameError),
    /// The relay accepts no name of those tried.
    NameRefused(String),
    /// The application asked for it.
    Asked,
}

impl Cause {
    /// Whether trying again would only lead to the same end, or, worse, to two clients that take
    /// the name from one another for ever.
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
            Self::Nonsense(_) | Self::NameRefused(_) | Self::Asked => true,
            _ => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { text, .. } | Self::Broken(text) | Self::NameRefused(text) => {
                f.write_str(text)
            }
            Self::Ended => f.write_str("the relay ended the connection"),
            Self::Bye { reason: Some(reason), .. } => f.write_str(reason.text()),
            Self::Bye { reason: None, text } => f.write_str(text),
            Self::Silent => f.write_str("nothing was heard from the relay"),
            Self::Nonsense(error) => write!(f, "that is no relay's frame listener: {error}"),
            Self::Asked => f.write_str("closed"),
        }
    }
}

/// Why [`say`](super::Client::say) did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SayError {
    /// Too many messages are not yet acknowledged. Wait for an [`Event::Acked`].
    Busy,
    /// The room was never joined, or was left.
    NotJoined,
    /// The relay takes no message of that length.
    TooLong {
        /// Its limit, in bytes.
        max: usize,
    },
    /// The client is closed.
    Closed,
}

impl fmt::Display for SayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many messages are not yet acknowledged"),
            Self::NotJoined => f.write_str("that room is not joined"),
            Self::TooLong { max } => write!(f, "the relay takes at most {max} bytes in a message"),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for SayError {}
