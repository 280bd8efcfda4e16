//! What the hub is asked for.

use super::person::Flags;
use super::rights::Change;
use crate::history::Select;
use crate::id::{ConnId, Resume, RoomId};
use crate::payload::{Attributes, Form, Manner};
use std::borrow::Cow;

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
        /// Which one.
        room: RoomId,
        /// What the others are told, if anything.
        reason: Option<Cow<'a, str>>,
    },
    /// Publish a message to a room.
    Publish {
        /// The room.
        room: Where<'a>,
        /// Under which name, and what is answered.
        sender: Sender<'a>,
        /// The message.
        bytes: Cow<'a, [u8]>,
        /// See [`Payload::form`](crate::payload::Payload::form).
        form: Form,
        /// See [`Payload::manner`](crate::payload::Payload::manner).
        manner: Manner,
    },
    /// Send a message to one person.
    DirectMessage {
        /// Whom.
        to: Addressee<'a>,
        /// The message.
        bytes: Cow<'a, [u8]>,
        /// See [`Payload::manner`](crate::payload::Payload::manner).
        manner: Manner,
    },
    /// Send other clients something that is not kept: somebody is typing.
    Ephemeral {
        /// To whom.
        to: Target,
        /// The content.
        attributes: Attributes,
        /// Whether the sender wants a private copy.
        echo: bool,
    },
    /// Ask who is in a room.
    Members {
        /// Which one.
        room: Where<'a>,
    },
    /// Ask for what was said in a room.
    History {
        /// Which one.
        room: Where<'a>,
        /// Which messages.
        select: Select,
        /// How many at most; 0 for as many as one page has room for.
        limit: usize,
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
        /// See [`Profile::user`](crate::payload::Profile::user).
        user: Cow<'a, str>,
        /// See [`Profile::real_name`](crate::payload::Profile::real_name).
        real_name: Cow<'a, str>,
    },
    /// Take another name.
    Rename {
        /// The name wanted.
        name: Cow<'a, str>,
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
    /// Kick a member out of a room.
    Kick {
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
    /// Disconnect another person. For operators of the relay.
    Disconnect {
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

impl<'a> Command<'a> {
    /// Publishes a message to a room as a member of it.
    pub fn from_member(
        room: RoomId,
        id: u64,
        echo: bool,
        bytes: Cow<'a, [u8]>,
        form: Form,
    ) -> Self {
        let (room, sender) = (Where::Joined(room), Sender::Member { id, echo });
        Self::Publish { room, sender, bytes, form, manner: Manner::default() }
    }

    /// The same, with nothing borrowed.
    pub fn into_owned(self) -> Command<'static> {
        match self {
            Self::Hello { name, key, private } => {
                Command::Hello { name: owned(name), key, private }
            }
            Self::Join { room, key, resume } => {
                Command::Join { room: owned(room), key: key.map(owned), resume }
            }
            Self::Leave { room, reason } => Command::Leave { room, reason: reason.map(owned) },
            Self::Listen { room, resume } => Command::Listen { room: owned(room), resume },
            Self::Publish { room, sender, bytes, form, manner } => {
                let (room, sender) = (room.into_owned(), sender.into_owned());
                let bytes = Cow::Owned(bytes.into_owned());
                Command::Publish { room, sender, bytes, form, manner }
            }
            Self::DirectMessage { to, bytes, manner } => {
                let (to, bytes) = (to.into_owned(), Cow::Owned(bytes.into_owned()));
                Command::DirectMessage { to, bytes, manner }
            }
            Self::Ephemeral { to, attributes, echo } => Command::Ephemeral { to, attributes, echo },
            Self::Members { room } => Command::Members { room: room.into_owned() },
            Self::History { room, select, limit } => {
                Command::History { room: room.into_owned(), select, limit }
            }
            Self::Rooms { from, limit } => Command::Rooms { from, limit },
            Self::Describe { user, real_name } => {
                Command::Describe { user: owned(user), real_name: owned(real_name) }
            }
            Self::Rename { name } => Command::Rename { name: owned(name) },
            Self::Topic { room, text } => Command::Topic { room, text: owned(text) },
            Self::Change { room, changes } => Command::Change { room, changes },
            Self::Invite { room, whom } => Command::Invite { room, whom },
            Self::Kick { room, whom, reason } => {
                Command::Kick { room, whom, reason: owned(reason) }
            }
            Self::Away { message } => Command::Away { message: message.map(owned) },
            Self::RealName { text } => Command::RealName { text: owned(text) },
            Self::Flags(flags) => Command::Flags(flags),
            Self::Watch { name, on } => Command::Watch { name: owned(name), on },
            Self::Farewell { reason } => Command::Farewell { reason: owned(reason) },
            Self::Disconnect { whom, reason } => {
                Command::Disconnect { whom, reason: owned(reason) }
            }
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

impl Sender<'_> {
    fn into_owned(self) -> Sender<'static> {
        match self {
            Self::Member { id, echo } => Sender::Member { id, echo },
            Self::Person { echo } => Sender::Person { echo },
            Self::Outside { name, key, once } => {
                Sender::Outside { name: owned(name), key, once: once.map(owned) }
            }
        }
    }
}

impl Addressee<'_> {
    fn into_owned(self) -> Addressee<'static> {
        match self {
            Self::Name(name) => Addressee::Name(owned(name)),
            Self::Connection { conn, echo } => Addressee::Connection { conn, echo },
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// The sender of a published message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender<'a> {
    /// A member of the room, under its own name.
    Member {
        /// The sender's id of the message, or 0. With an id, the message is published once as long as it
        /// is kept, and answered with [`Reply::Ack`](super::Reply::Ack).
        id: u64,
        /// Whether the sender receives the message with the other members.
        echo: bool,
    },
    /// A person under its own name, in the room or not, where the room's rights allow it. It does not
    /// receive the message with the other members.
    Person {
        /// Whether the sender wants a private copy: [`Reply::Echo`](super::Reply::Echo).
        echo: bool,
    },
    /// A peer outside of all rooms. The room is made if it does not exist. Answered with
    /// [`Reply::Published`](super::Reply::Published).
    Outside {
        /// The name; empty for a guest's, the same for as long as the connection lasts.
        name: Cow<'a, str>,
        /// Proof that the name is the sender's, if somebody holds it; or 0.
        key: u64,
        /// The sender's own word for this message: under one word, one message is published.
        once: Option<Cow<'a, str>>,
    },
}

/// The person that a direct message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressee<'a> {
    /// The holder of a name, in any case. Answered with [`Reply::DirectSent`](super::Reply::DirectSent).
    Name(Cow<'a, str>),
    /// The person on a connection.
    Connection {
        /// Which one.
        conn: ConnId,
        /// Whether the sender wants a copy.
        echo: bool,
    },
}

/// To whom something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everyone in a room.
    Room(RoomId),
    /// One person.
    Person(ConnId),
}
