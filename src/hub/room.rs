//! One room: who is in it, and what was said there.

use super::notice::Notice;
use super::proposal::Waiting;
use super::rights::Rights;
use crate::history::RoomHistory;
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
    /// Everyone in it, in no order. Each member's `Person` knows its index here.
    pub members: Vec<ConnId>,
    /// What is published, and what is kept of it.
    pub history: RoomHistory<Waiting, Notice>,
    /// What it demands, and who may do what.
    pub rights: Box<Rights>,
    /// When somebody has waited for an outcome long enough; a reminder is under way for then.
    pub patience_at: Option<Tick>,
    /// When the new count of a big room is announced; a reminder is under way for then.
    pub counts_at: Option<Tick>,
    /// Peers that are about to do something here, for whom the room was opened. It is not forgotten
    /// before they had their turn.
    pub pins: usize,
}

impl Room {
    /// An empty room.
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

    /// The newest offset; 0 before anything was published.
    pub fn head(&self) -> Offset {
        self.history.head()
    }

    /// The oldest offset kept, or the one that comes next.
    pub fn oldest(&self) -> Offset {
        self.history.oldest()
    }

    /// Whether everything after `resume` can be had, and so the first offset to replay.
    pub fn recoverable(&self, resume: Resume) -> Option<Offset> {
        let is_known = resume.epoch == self.epoch && resume.offset <= self.head();
        let skipped = planted!("resume-skips-a-message") && resume.offset < self.head();
        let next = resume.offset.saturating_add(1);
        (is_known && next >= self.oldest()).then(|| next + u64::from(skipped))
    }

    /// Members, as counted on the wire.
    pub fn count(&self) -> u32 {
        self.members.len() as u32
    }

    /// True if the room may be forgotten.
    pub fn is_over(&self) -> bool {
        self.is_deserted() && self.pins == 0
    }

    /// True if nobody has ever published here, and nobody is here: it is there only for those who are
    /// about to come.
    pub fn is_blank(&self) -> bool {
        self.is_deserted() && self.head() == 0
    }

    fn is_deserted(&self) -> bool {
        self.members.is_empty() && self.history.is_over()
    }
}
