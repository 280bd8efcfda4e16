//! What one person is answered.

use super::notice::{Ephemeral, Notice};
use crate::id::{ConnId, Epoch, Offset, RoomId};
use crate::payload::Identity;
use crate::payload::Message;
use crate::reason::Refusal;
use std::rc::Rc;

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
        /// Members now.
        count: u32,
        /// Their names, unless they are too many.
        names: Vec<Rc<str>>,
    },
    /// To `History`.
    History {
        /// The room.
        room: RoomId,
        /// What was found there.
        page: Page,
    },
    /// To `Publish` from outside.
    Published {
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
    /// A direct message. The sender gets it, too, if it asked to.
    DirectMessage {
        /// To whom.
        to: Rc<str>,
        /// What.
        message: Rc<Message>,
        /// The sender's own copy.
        is_echo: bool,
    },
    /// To `DirectMessage` by name: it is on its way.
    DirectSent {
        /// When it was said, in milliseconds since 1970.
        unix_ms: u64,
        /// What the other says to those who ask while they are away.
        away: Option<Rc<str>>,
    },
    /// The sender's own copy of what it published.
    Echo {
        /// Where.
        room: RoomId,
        /// What.
        message: Rc<Message>,
    },
    /// An ephemeral message to one person.
    Ephemeral {
        /// To whom.
        to: Rc<str>,
        /// What, and from whom.
        message: Ephemeral,
        /// The sender's own copy.
        is_echo: bool,
    },
    /// News of a room of which this person alone is told here: it made them.
    Notice(RoomId, Notice),
    /// News of a person: of oneself, or of one that is watched.
    News(Notice),
    /// A watched name came or went.
    Watched {
        /// The name, and who has it if somebody has.
        name: Rc<str>,
        /// Who has it now.
        who: Option<Identity>,
    },
    /// Asked into a room.
    Invited {
        /// By whom.
        by: Identity,
        /// The room's name.
        room: Rc<str>,
        /// When, in milliseconds since 1970.
        unix_ms: u64,
    },
    /// Kicked out of a room.
    Kicked {
        /// By whom.
        by: Identity,
        /// The room.
        room: RoomId,
        /// Its name.
        name: Rc<str>,
        /// Why.
        reason: Rc<str>,
    },
    /// About to be disconnected by an operator of the relay.
    Disconnected {
        /// By whom.
        by: Identity,
        /// Why.
        reason: Rc<str>,
    },
    /// An operator calls out.
    Call {
        /// Who.
        by: Identity,
        /// What.
        text: Rc<str>,
    },
    /// To anything that was not carried out.
    Refused {
        /// Why.
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
