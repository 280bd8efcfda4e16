//! What the hub is asked for.

use super::person::Flags;
use super::rights::Change;
use crate::history::Select;
use crate::id::{ConnId, Resume, RoomId};
use crate::payload::{Form, Manner};
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
        /// Whether their protocol has words for what is said to them alone.
        private: bool,
    },
    /// Enter a room, or read again from a place in it.
    Join {
        /// Repeated in the answer.
        request: u64,
        /// The room's name.
        room: Cow<'a, str>,
        /// What the room's operators may have asked for.
        key: Option<Cow<'a, str>>,
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
        /// What the others are told, if anything.
        reason: Option<Cow<'a, str>>,
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
    /// Say something about oneself, where the protocol has words for it. From then on private
    /// messages reach this person.
    Describe {
        /// See [`Face::user`](crate::payload::Face::user).
        user: Cow<'a, str>,
        /// See [`Face::real_name`](crate::payload::Face::real_name).
        real_name: Cow<'a, str>,
    },
    /// Take another name.
    Rename {
        /// The name wanted.
        name: Cow<'a, str>,
    },
    /// Say something in a room or to a person, with all that goes with it.
    Speak {
        /// To whom.
        to: Target,
        /// What is said.
        bytes: Cow<'a, [u8]>,
        /// How.
        manner: Manner,
        /// Whether the sender wants a private copy of what became of it.
        echo: bool,
    },
    /// Say something to a person, by their name.
    Tell {
        /// Repeated in the answer.
        request: u64,
        /// Whom.
        name: Cow<'a, str>,
        /// What is said.
        bytes: Cow<'a, [u8]>,
        /// See [`Manner::is_notice`].
        is_notice: bool,
    },
    /// Tell other clients something that is not kept: somebody is typing.
    Signal {
        /// To whom.
        to: Target,
        /// What, as IRC writes it.
        tags: Rc<str>,
        /// Whether the sender wants a private copy.
        echo: bool,
    },
    /// Give a room a topic; an empty one takes it away.
    Topic {
        /// Which room.
        room: RoomId,
        /// The topic.
        text: Cow<'a, str>,
    },
    /// Change what a room demands and who may do what there.
    Change {
        /// Which room.
        room: RoomId,
        /// The changes, in order.
        changes: Vec<Change>,
    },
    /// Ask a person into a room.
    Invite {
        /// Which room.
        room: RoomId,
        /// Whom.
        whom: ConnId,
    },
    /// Put a member out of a room.
    Expel {
        /// Which room.
        room: RoomId,
        /// Whom.
        whom: ConnId,
        /// What everybody is told.
        reason: Cow<'a, str>,
    },
    /// Be away, and say so to whoever asks; or, without a message, be back.
    Away {
        /// What is said.
        message: Option<Cow<'a, str>>,
    },
    /// Be called something else in full.
    RealName {
        /// What.
        text: Cow<'a, str>,
    },
    /// Be known as what one is.
    Flags(Flags),
    /// Be told when somebody comes and goes.
    Watch {
        /// The name.
        name: Cow<'a, str>,
        /// Or no longer.
        on: bool,
    },
    /// What the others are told when this person goes.
    Farewell {
        /// The words.
        reason: Cow<'a, str>,
    },
    /// End another's connection. For operators of the relay.
    End {
        /// Whose.
        whom: ConnId,
        /// What everybody is told.
        reason: Cow<'a, str>,
    },
    /// Say something to all operators of the relay, and to whoever else wants to hear it.
    Call {
        /// What.
        text: Cow<'a, str>,
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
            Self::Hello { name, key, private } => {
                Command::Hello { name: owned(name), key, private }
            }
            Self::Join { request, room, key, resume } => {
                Command::Join { request, room: owned(room), key: key.map(owned), resume }
            }
            Self::Leave { request, room, reason } => {
                Command::Leave { request, room, reason: reason.map(owned) }
            }
            Self::Listen { room, resume } => Command::Listen { room: owned(room), resume },
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
            Self::Describe { user, real_name } => {
                Command::Describe { user: owned(user), real_name: owned(real_name) }
            }
            Self::Rename { name } => Command::Rename { name: owned(name) },
            Self::Speak { to, bytes, manner, echo } => {
                Command::Speak { to, bytes: Cow::Owned(bytes.into_owned()), manner, echo }
            }
            Self::Tell { request, name, bytes, is_notice } => {
                let (name, bytes) = (owned(name), Cow::Owned(bytes.into_owned()));
                Command::Tell { request, name, bytes, is_notice }
            }
            Self::Signal { to, tags, echo } => Command::Signal { to, tags, echo },
            Self::Topic { room, text } => Command::Topic { room, text: owned(text) },
            Self::Change { room, changes } => Command::Change { room, changes },
            Self::Invite { room, whom } => Command::Invite { room, whom },
            Self::Expel { room, whom, reason } => {
                Command::Expel { room, whom, reason: owned(reason) }
            }
            Self::Away { message } => Command::Away { message: message.map(owned) },
            Self::RealName { text } => Command::RealName { text: owned(text) },
            Self::Flags(flags) => Command::Flags(flags),
            Self::Watch { name, on } => Command::Watch { name: owned(name), on },
            Self::Farewell { reason } => Command::Farewell { reason: owned(reason) },
            Self::End { whom, reason } => Command::End { whom, reason: owned(reason) },
            Self::Call { text } => Command::Call { text: owned(text) },
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

/// To whom something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everyone in a room.
    Room(RoomId),
    /// One person.
    Person(ConnId),
}
