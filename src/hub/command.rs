//! Commands: the requests that the hub carries out.

use super::person::Flags;
use super::rights::Change;
use crate::history::Select;
use crate::id::{ConnId, Resume, RoomId};
use crate::payload::{Attributes, Form, Manner};
use std::borrow::Cow;

/// A request of a person, independent of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Log in and take a name. Every peer does this first.
    Hello {
        /// The name wanted; empty for a guest's.
        name: Cow<'a, str>,
        /// The key of an earlier login under this name, or 0.
        key: u64,
        /// True if the person's protocol can deliver direct messages.
        private: bool,
    },
    /// Enter a room, or read again from an offset in it.
    Join {
        /// The room's name.
        room: Cow<'a, str>,
        /// The password for entering, if the room's operators set one.
        key: Option<Cow<'a, str>>,
        /// The offset after which to resume.
        resume: Option<Resume>,
    },
    /// Enter a room only to receive. If the room cannot be resumed at the given offset, reading
    /// begins at the oldest message kept, because this kind of client cannot make a second request.
    Listen {
        /// The room's name.
        room: Cow<'a, str>,
        /// The offset after which to resume.
        resume: Option<Resume>,
    },
    /// Leave a room.
    Leave {
        /// The room.
        room: RoomId,
        /// The reason given to the other members, if any.
        reason: Option<Cow<'a, str>>,
    },
    /// Publish a message to a room.
    Publish {
        /// The room.
        room: Where<'a>,
        /// The kind of sender, which decides the name and the answer.
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
        /// The recipient.
        to: Addressee<'a>,
        /// The message.
        bytes: Cow<'a, [u8]>,
        /// See [`Payload::manner`](crate::payload::Payload::manner).
        manner: Manner,
    },
    /// Send other clients something that is not kept, for example a typing notification.
    Ephemeral {
        /// The recipients.
        to: Target,
        /// The content.
        attributes: Attributes,
        /// True if the sender wants a private copy.
        echo: bool,
    },
    /// List the members of a room.
    Members {
        /// The room.
        room: Where<'a>,
    },
    /// Read messages from a room's history.
    History {
        /// The room.
        room: Where<'a>,
        /// The messages wanted.
        select: Select,
        /// The most messages wanted; 0 for as many as one page holds.
        limit: usize,
    },
    /// List the rooms.
    Rooms {
        /// The position that an earlier answer gave; 0 to begin.
        from: usize,
        /// The most rooms wanted.
        limit: usize,
    },
    /// Set one's own profile, if the protocol has profiles. Direct messages reach this person from
    /// then on.
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
    /// Set a room's topic. An empty topic removes it.
    Topic {
        /// The room.
        room: RoomId,
        /// The topic.
        text: Cow<'a, str>,
    },
    /// Change the rights of a room.
    Change {
        /// The room.
        room: RoomId,
        /// The changes, in order.
        changes: Vec<Change>,
    },
    /// Invite a person into a room.
    Invite {
        /// The room.
        room: RoomId,
        /// The person.
        whom: ConnId,
    },
    /// Kick a member out of a room.
    Kick {
        /// The room.
        room: RoomId,
        /// The person.
        whom: ConnId,
        /// The reason given to everybody.
        reason: Cow<'a, str>,
    },
    /// Set an away message, or end being away if there is none.
    Away {
        /// The away message.
        message: Option<Cow<'a, str>>,
    },
    /// Change one's own full name.
    RealName {
        /// The text.
        text: Cow<'a, str>,
    },
    /// Set one's own flags.
    Flags(Flags),
    /// Start or stop watching a name: its watchers learn when the holder connects and disconnects.
    Watch {
        /// The name.
        name: Cow<'a, str>,
        /// True to start, false to stop.
        on: bool,
    },
    /// Set the reason that the others receive when this person disconnects.
    Farewell {
        /// The reason.
        reason: Cow<'a, str>,
    },
    /// Disconnect another person. For operators of the relay.
    Disconnect {
        /// The person.
        whom: ConnId,
        /// The reason given to everybody.
        reason: Cow<'a, str>,
    },
    /// Send a message to all operators of the relay, and to every person who listens to calls.
    Call {
        /// The text.
        text: Cow<'a, str>,
    },
}

/// A reference to a room in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where<'a> {
    /// The room's number, as given on joining. The answer is for members only.
    Joined(RoomId),
    /// The room's name, for persons that may not be members.
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

    /// Returns the command with nothing borrowed.
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
        /// True if the sender receives the message with the other members.
        echo: bool,
    },
    /// A person under its own name, in the room or not, where the room's rights allow it. It does not
    /// receive the message with the other members.
    Person {
        /// True if the sender wants a private copy: [`Reply::Echo`](super::Reply::Echo).
        echo: bool,
    },
    /// A peer outside of all rooms. The room is made if it does not exist. Answered with
    /// [`Reply::Published`](super::Reply::Published).
    Outside {
        /// The name; empty for a guest's, the same for as long as the connection lasts.
        name: Cow<'a, str>,
        /// The key that proves the name to be the sender's, if the name is held; or 0.
        key: u64,
        /// The sender's own key for this message. Only one message is published under one key.
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
        /// The connection.
        conn: ConnId,
        /// True if the sender wants a copy.
        echo: bool,
    },
}

/// The recipients of an ephemeral message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All members of a room.
    Room(RoomId),
    /// One person.
    Person(ConnId),
}
