//! One room: who is in it, and what was said there.

use super::rights::Rights;
use crate::history::Recent;
use crate::id::{ConnId, Epoch, Offset, Resume, RoomId};
use crate::now::Tick;
use std::rc::Rc;

/// A room, from its first join until nobody is in it and nothing is kept of it.
#[derive(Debug)]
pub struct Room {
    /// The room's number.
    pub id: RoomId,
    /// Its name, as first spelt.
    pub name: Rc<str>,
    /// The id of its numbering.
    pub epoch: Epoch,
    /// The newest offset; 0 before anything was said.
    pub head: Offset,
    /// Everyone in it, in no order. Each member's `Person` knows its index here.
    pub members: Vec<ConnId>,
    /// What was said of late.
    pub recent: Recent,
    /// What it demands, and who may do what.
    pub rights: Box<Rights>,
    /// When the oldest message kept will be too old; a reminder is under way for then.
    pub ages_at: Option<Tick>,
    /// When the new count of a big room is announced; a reminder is under way for then.
    pub counts_at: Option<Tick>,
}

impl Room {
    /// An empty room.
    pub fn new(id: RoomId, name: Rc<str>, epoch: Epoch) -> Self {
        Self {
            id,
            name,
            epoch,
            head: 0,
            members: Vec::new(),
            recent: Recent::default(),
            rights: Box::default(),
            ages_at: None,
            counts_at: None,
        }
    }

    /// The oldest offset kept, or the one that will be said next.
    pub fn oldest(&self) -> Offset {
        self.recent.oldest().unwrap_or(self.head + 1)
    }

    /// Whether everything after `resume` can be had, and so the first offset to replay.
    pub fn recoverable(&self, resume: Resume) -> Option<Offset> {
        let is_known = resume.epoch == self.epoch && resume.offset <= self.head;
        let skipped = planted!("resume-skips-a-message") && resume.offset < self.head;
        let next = resume.offset.saturating_add(1);
        (is_known && next >= self.oldest()).then(|| next + u64::from(skipped))
    }

    /// Members, as counted on the wire.
    pub fn count(&self) -> u32 {
        self.members.len() as u32
    }

    /// Whether the room may be forgotten.
    pub fn is_over(&self) -> bool {
        self.members.is_empty() && self.recent.is_empty()
    }
}
