//! Replies: the answers to one person.

use super::notice::{Ephemeral, Notice};
use crate::id::{ConnId, Epoch, Offset, RoomId};
use crate::payload::Identity;
use crate::payload::Message;
use crate::reason::Refusal;
use std::rc::Rc;

/// An answer, or another event for one person alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To `Hello`.
    Welcome {
        /// The connection that logged in.
        id: ConnId,
        /// The name given.
        name: Rc<str>,
        /// The key that proves the name on a later connection.
        key: u64,
    },
    /// To `Join`.
    Joined {
        /// The room.
        room: RoomId,
        /// Its name, as first spelt.
        name: Rc<str>,
        /// True if all missed messages follow.
        recovered: bool,
        /// The room's numbering.
        epoch: Epoch,
        /// Its newest offset.
        head: Offset,
        /// Its oldest offset kept.
        oldest: Offset,
        /// The number of members.
        members: u32,
    },
    /// To `Leave`.
    Left {
        /// The room.
        room: RoomId,
        /// The last message sent to this person.
        offset: Offset,
    },
    /// To `Publish` by a member, if the message has an id.
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
        /// The room.
        room: RoomId,
        /// The number of members.
        count: u32,
        /// The members' names, unless there are too many.
        names: Vec<Rc<str>>,
    },
    /// To `History`.
    History {
        /// The room.
        room: RoomId,
        /// The messages found.
        page: Page,
    },
    /// To `Publish` from outside.
    Published {
        /// The room's name, as first spelt.
        room: Rc<str>,
        /// Its numbering.
        epoch: Epoch,
        /// The message's offset; that of the first message, if it was published before.
        offset: Offset,
        /// The time at which it was published.
        unix_ms: u64,
        /// The sender's name.
        sender: Rc<str>,
    },
    /// To `Rooms`.
    Rooms {
        /// Some rooms.
        rooms: Vec<RoomLine>,
        /// The position of the next rooms, if there may be more.
        next: Option<usize>,
        /// The number of all rooms.
        total: usize,
    },
    /// A gap: messages that this person did not receive.
    Gap {
        /// The room.
        room: RoomId,
        /// The first one.
        from: Offset,
        /// The last one.
        to: Offset,
    },
    /// A direct message. The sender receives a copy on request.
    DirectMessage {
        /// The recipient's name.
        to: Rc<str>,
        /// The message.
        message: Rc<Message>,
        /// True if this is the sender's own copy.
        is_echo: bool,
    },
    /// To `DirectMessage` by name: the message was accepted.
    DirectSent {
        /// The time at which it was accepted, in milliseconds since 1970.
        unix_ms: u64,
        /// The recipient's away message, while the recipient is away.
        away: Option<Rc<str>>,
    },
    /// The sender's own copy of what it published.
    Echo {
        /// The room.
        room: RoomId,
        /// The message.
        message: Rc<Message>,
    },
    /// An ephemeral message to one person.
    Ephemeral {
        /// The recipient's name.
        to: Rc<str>,
        /// The message and its sender.
        message: Ephemeral,
        /// True if this is the sender's own copy.
        is_echo: bool,
    },
    /// A notice of a room for the person who caused it; the other members receive it separately.
    Notice(RoomId, Notice),
    /// A notice of a person: of the recipient, or of a watched person.
    News(Notice),
    /// The holder of a watched name connected or disconnected.
    Watched {
        /// The name.
        name: Rc<str>,
        /// The holder of the name, if there is one now.
        who: Option<Identity>,
    },
    /// An invitation into a room.
    Invited {
        /// The person who did it.
        by: Identity,
        /// The room's name.
        room: Rc<str>,
        /// The time, in milliseconds since 1970.
        unix_ms: u64,
    },
    /// The recipient was kicked out of a room.
    Kicked {
        /// The person who did it.
        by: Identity,
        /// The room.
        room: RoomId,
        /// Its name.
        name: Rc<str>,
        /// The reason.
        reason: Rc<str>,
    },
    /// The recipient is about to be disconnected by an operator of the relay.
    Disconnected {
        /// The person who did it.
        by: Identity,
        /// The reason.
        reason: Rc<str>,
    },
    /// A call of an operator of the relay.
    Call {
        /// The operator.
        by: Identity,
        /// The message.
        text: Rc<str>,
    },
    /// To any command that was not carried out.
    Refused {
        /// The reason.
        refusal: Refusal,
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
    /// The number of members.
    pub members: u32,
}

/// A page of a room's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The room's numbering.
    pub epoch: Epoch,
    /// Its newest offset.
    pub head: Offset,
    /// Its oldest offset kept.
    pub oldest: Offset,
    /// The messages requested, ascending. If they do not fit one page, it holds the requested end
    /// of them.
    pub messages: Vec<Rc<Message>>,
}
