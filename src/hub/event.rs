//! What the hub is told, and what it answers.

use crate::history::Select;
use crate::id::{ConnId, Epoch, Offset, Resume, RoomId};
use crate::now::Tick;
use crate::payload::{Form, Message};
use crate::reason::{CloseReason, Refusal};
use std::borrow::Cow;
use std::rc::Rc;

/// What a person asks for, in no protocol's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Take a name: the first thing anybody does.
    Hello {
        /// The name wanted; empty for a guest's.
        name: Cow<'a, str>,
        /// Proof of having been here before, or 0.
        key: u64,
    },
    /// Enter a room, or read again from a place in it.
    Join {
        /// Repeated in the answer.
        request: u64,
        /// The room's name.
        room: Cow<'a, str>,
        /// Where to go on from.
        resume: Option<Resume>,
    },
    /// Enter a room only to hear it. Where it cannot be read on from the place given, it is read from
    /// the oldest message that is kept: whoever asks this way has no second question.
    Listen {
        /// The room's name.
        room: Cow<'a, str>,
        /// Where to go on from.
        resume: Option<Resume>,
    },
    /// Leave a room.
    Leave {
        /// Repeated in the answer.
        request: u64,
        /// Which one.
        room: RoomId,
    },
    /// Say something in a room.
    Say {
        /// Which one.
        room: RoomId,
        /// The sender's name for this message, or 0.
        id: u64,
        /// Whether the sender wants its own copy.
        echo: bool,
        /// What is said.
        bytes: Cow<'a, [u8]>,
        /// What is known of it.
        form: Form,
    },
    /// Ask who is in a room.
    Members {
        /// Repeated in the answer.
        request: u64,
        /// Which one.
        room: Where<'a>,
    },
    /// Ask for what was said in a room.
    History {
        /// Repeated in the answer.
        request: u64,
        /// Which one.
        room: Where<'a>,
        /// Which messages.
        select: Select,
        /// How many at most; 0 for as many as one page has room for.
        limit: usize,
    },
    /// Say something in a room from outside.
    Post {
        /// The room's name.
        room: Cow<'a, str>,
        /// Under which name; empty for a guest's, the same for as long as the connection lasts.
        sender: Cow<'a, str>,
        /// Proof that the name is the sender's, if somebody holds it; or 0.
        key: u64,
        /// The sender's own word for this message: what was said under it before is not said again.
        once: Option<Cow<'a, str>>,
        /// What is said.
        bytes: Cow<'a, [u8]>,
        /// See [`Payload::form`](crate::payload::Payload::form).
        form: Form,
    },
    /// Ask which rooms there are.
    Rooms {
        /// Where to go on, from an earlier answer; 0 to begin.
        from: usize,
        /// How many at most.
        limit: usize,
    },
}

/// A room, as whoever asks knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where<'a> {
    /// By the number it was given on joining: the answer is for members only.
    Joined(RoomId),
    /// By its name, from outside.
    Named(Cow<'a, str>),
}

impl Command<'_> {
    /// The same, with nothing borrowed.
    pub fn into_owned(self) -> Command<'static> {
        match self {
            Self::Hello { name, key } => Command::Hello { name: owned(name), key },
            Self::Join { request, room, resume } => {
                Command::Join { request, room: owned(room), resume }
            }
            Self::Listen { room, resume } => Command::Listen { room: owned(room), resume },
            Self::Leave { request, room } => Command::Leave { request, room },
            Self::Say { room, id, echo, bytes, form } => {
                Command::Say { room, id, echo, bytes: Cow::Owned(bytes.into_owned()), form }
            }
            Self::Members { request, room } => {
                Command::Members { request, room: room.into_owned() }
            }
            Self::History { request, room, select, limit } => {
                Command::History { request, room: room.into_owned(), select, limit }
            }
            Self::Post { room, sender, key, once, bytes, form } => Command::Post {
                room: owned(room),
                sender: owned(sender),
                key,
                once: once.map(owned),
                bytes: Cow::Owned(bytes.into_owned()),
                form,
            },
            Self::Rooms { from, limit } => Command::Rooms { from, limit },
        }
    }
}

impl Where<'_> {
    fn into_owned(self) -> Where<'static> {
        match self {
            Self::Joined(room) => Where::Joined(room),
            Self::Named(name) => Where::Named(owned(name)),
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// What must happen next, in this order.
#[derive(Debug)]
pub enum Event {
    /// Tell one person something.
    Reply(ConnId, Reply),
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
    /// Everyone in the room hears of its members.
    Notice(RoomId, Notice),
    /// End a connection.
    Close(ConnId, CloseReason),
    /// Call `room_due` at this time.
    Remind(RoomId, Tick),
    /// The room is no more: its id may be let again.
    Gone(RoomId),
}

/// News of a room's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody joined; members now.
    Came(Rc<str>, u32),
    /// Somebody left; members now.
    Went(Rc<str>, u32),
    /// Members now, in a room too big for names.
    Count(u32),
}

/// An answer to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To `Hello`.
    Welcome {
        /// The connection named.
        id: ConnId,
        /// The name given.
        name: Rc<str>,
        /// The key that proves it.
        key: u64,
    },
    /// To `Join`.
    Joined {
        /// The request answered.
        request: u64,
        /// The room.
        room: RoomId,
        /// Its name, as first spelt.
        name: Rc<str>,
        /// Whether all that was missed follows.
        recovered: bool,
        /// The room's numbering.
        epoch: Epoch,
        /// Its newest offset.
        head: Offset,
        /// Its oldest offset kept.
        oldest: Offset,
        /// Members now.
        members: u32,
    },
    /// To `Leave`.
    Left {
        /// The request answered.
        request: u64,
        /// The room.
        room: RoomId,
        /// The last message sent to this person.
        offset: Offset,
    },
    /// To `Say`.
    Ack {
        /// The room.
        room: RoomId,
        /// The sender's id of the message.
        id: u64,
        /// Its place.
        offset: Offset,
    },
    /// To `Members`.
    Members {
        /// The request answered.
        request: u64,
        /// The room.
        room: RoomId,
        /// Members now.
        count: u32,
        /// Their names, unless they are too many.
        names: Vec<Rc<str>>,
    },
    /// To `History`.
    History {
        /// The request answered.
        request: u64,
        /// The room.
        room: RoomId,
        /// What was found there.
        page: Page,
    },
    /// To `Post`.
    Posted {
        /// The room's name, as first spelt.
        room: Rc<str>,
        /// Its numbering.
        epoch: Epoch,
        /// The message's place, the first one if it was said before.
        offset: Offset,
        /// When it was said.
        unix_ms: u64,
        /// The name it was said under.
        sender: Rc<str>,
    },
    /// To `Rooms`.
    Rooms {
        /// Some rooms.
        rooms: Vec<RoomLine>,
        /// Where the next ones begin, if there may be more.
        next: Option<usize>,
        /// How many there are.
        total: usize,
    },
    /// These messages were lost to this person.
    Gap {
        /// The room.
        room: RoomId,
        /// The first one.
        from: Offset,
        /// The last one.
        to: Offset,
    },
    /// To anything that was not carried out.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The request or message id.
        request: u64,
    },
}

/// One room in a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLine {
    /// Its name, as first spelt.
    pub name: Rc<str>,
    /// Its numbering.
    pub epoch: Epoch,
    /// Its newest offset.
    pub head: Offset,
    /// Its oldest offset kept.
    pub oldest: Offset,
    /// Members now.
    pub members: u32,
}

/// A piece of a room's past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The room's numbering.
    pub epoch: Epoch,
    /// Its newest offset.
    pub head: Offset,
    /// Its oldest offset kept.
    pub oldest: Offset,
    /// What was asked for, ascending, or the end of it that one page has room for.
    pub messages: Vec<Rc<Message>>,
}
