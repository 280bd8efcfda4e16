//! What happens: what must be done next, and what rooms hear of.

use super::reply::Reply;
use super::rights::Change;
use crate::id::{ConnId, Offset, RequestId, RoomId};
use crate::now::Tick;
use crate::payload::{Message, Seen};
use crate::reason::CloseReason;
use std::fmt;
use std::rc::Rc;

/// A person, as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name.
    pub name: Rc<str>,
    /// What stands beside it.
    pub seen: Seen,
}

impl Who {
    /// What they are called in full; by their name, if their protocol has no word for it.
    pub fn real_name(&self) -> &str {
        self.seen.real_name().unwrap_or(&self.name)
    }
}

impl fmt::Display for Who {
    /// The name alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What must happen next, in this order.
#[derive(Debug)]
pub enum Event {
    /// Tell one person something: what it asked for with this request, or what it did not ask for.
    Reply(ConnId, RequestId, Reply),
    /// The request of that person is done with: nothing more answers it.
    Done(ConnId, RequestId),
    /// `conn` hears the room from now on; first, everything kept from `from` on.
    Seat {
        /// Who.
        conn: ConnId,
        /// Where.
        room: RoomId,
        /// The first offset to replay.
        from: Option<Offset>,
    },
    /// `conn` no longer hears the room. With a request, it is told up to where it did.
    Unseat {
        /// Who.
        conn: ConnId,
        /// Where.
        room: RoomId,
        /// The request to answer.
        request: Option<u64>,
        /// The request that led to this, if it is that person's own.
        asked: RequestId,
        /// The room's newest offset; the room itself may be gone.
        head: Offset,
    },
    /// Everyone in the room hears the message.
    Deliver {
        /// Where.
        room: RoomId,
        /// What.
        message: Rc<Message>,
        /// The sender, if it does not want its own copy.
        skip: Option<ConnId>,
    },
    /// Everyone in the room hears of it, except for some. Never many: those who hear it otherwise.
    Notice(RoomId, Notice, Vec<ConnId>),
    /// End a connection.
    Close(ConnId, CloseReason),
    /// Call `room_due` at this time.
    Remind(RoomId, Tick),
    /// The room is no more: its id may be let again.
    Gone(RoomId),
}

/// News of a room: of its members, mostly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody joined; members now.
    Came(Who, u32),
    /// Somebody left; members now.
    Went(Who, u32, Going),
    /// Members now, in a room too big for names.
    Count(u32),
    /// Somebody has another name; members, as before.
    Renamed(Who, Rc<str>, u32),
    /// The room has another topic.
    Topic(Who, Rc<str>),
    /// Rights changed.
    Changed(Who, Rc<[Change]>),
    /// Somebody was asked in.
    Invited(Who, Rc<str>),
    /// Somebody is away, or back.
    Away(Who, Option<Rc<str>>),
    /// Somebody is called something else in full: see their face.
    RealName(Who),
    /// What one client tells the others, and nobody keeps.
    Signal(Signal),
}

/// What one client tells others: see [`Command::Signal`](super::Command::Signal).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Who.
    pub who: Who,
    /// What, as IRC writes it.
    pub tags: Rc<str>,
    /// Unlike that of any other signal or private message.
    pub id: u64,
}

/// How somebody left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Going {
    /// Out of this room, with these words.
    Left(Option<Rc<str>>),
    /// Out of the relay, with these words.
    Quit(Rc<str>),
    /// Put out by somebody, with these words.
    Expelled(Who, Rc<str>),
}
