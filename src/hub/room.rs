//! One room: its members and its history.

use super::notice::Notice;
use super::proposal::Waiting;
use super::rights::Rights;
use crate::history::RoomHistory;
use crate::id::{ConnId, Epoch, Offset, Resume, RoomId};
use crate::now::Tick;
use std::rc::Rc;

/// A room, from its first join until it has no members and no history.
#[derive(Debug)]
pub struct Room {
    /// The room's number.
    pub id: RoomId,
    /// Its name, as first spelt.
    pub name: Rc<str>,
    /// The id of its numbering.
    pub epoch: Epoch,
    /// The members, in no order. Each member's `Person` knows its index here.
    pub members: Vec<ConnId>,
    /// The messages published, and those that are kept.
    pub history: RoomHistory<Waiting, Notice>,
    /// The room's rights.
    pub rights: Box<Rights>,
    /// The time at which a waiting peer's patience ends; a reminder is set for it.
    pub patience_at: Option<Tick>,
    /// The time at which the new count of a big room is announced; a reminder is set for it.
    pub counts_at: Option<Tick>,
    /// The number of peers with a pending request here, for which the room was opened. The room is
    /// kept until those requests are carried out.
    pub pins: usize,
}

impl Room {
    /// Creates an empty room.
    pub fn new(id: RoomId, name: Rc<str>, epoch: Epoch) -> Self {
        Self {
            id,
            name,
            epoch,
            members: Vec::new(),
            history: RoomHistory::default(),
            rights: Box::default(),
            patience_at: None,
            counts_at: None,
            pins: 0,
        }
    }

    /// Returns the newest offset; 0 before the first message.
    pub fn head(&self) -> Offset {
        self.history.head()
    }

    /// Returns the oldest offset kept, or the next offset if no message is kept.
    pub fn oldest(&self) -> Offset {
        self.history.oldest()
    }

    /// Returns the first offset to replay, if all messages after `resume` are kept.
    pub fn recoverable(&self, resume: Resume) -> Option<Offset> {
        let is_known = resume.epoch == self.epoch && resume.offset <= self.head();
        let skipped = planted!("resume-skips-a-message") && resume.offset < self.head();
        let next = resume.offset.saturating_add(1);
        (is_known && next >= self.oldest()).then(|| next + u64::from(skipped))
    }

    /// Returns the number of members, as sent on the wire.
    pub fn count(&self) -> u32 {
        self.members.len() as u32
    }

    /// True if the room may be forgotten.
    pub fn is_over(&self) -> bool {
        self.is_deserted() && self.pins == 0
    }

    /// True if no message was ever published here and there are no members. Only pending requests
    /// keep such a room.
    pub fn is_blank(&self) -> bool {
        self.is_deserted() && self.head() == 0
    }

    fn is_deserted(&self) -> bool {
        self.members.is_empty() && self.history.is_over()
    }
}
