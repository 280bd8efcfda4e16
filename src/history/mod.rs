//! The messages of each room: what is kept of them, in which order, and for how long. Sans I/O.
//!
//! There is one [`History`] per relay, and one [`RoomHistory`] per room. No other module changes what
//! a room keeps.

mod recent;
mod room;

pub use recent::{Mark, Question, SaidId, Select};
pub use room::RoomHistory;

use crate::limits::Limits;
use crate::now::Tick;
use crate::payload::Message;
use std::rc::Rc;

/// The history of all rooms together: where messages are kept, and how many bytes that is.
#[derive(Debug, Default)]
pub struct History {
    kept: usize,
}

/// A message that was kept.
#[derive(Debug)]
pub struct Kept {
    /// The message, with its offset.
    pub message: Rc<Message>,
    /// When the room wants to forget its oldest message, if no reminder is under way yet.
    pub remind: Option<Tick>,
}

impl History {
    /// Returns the bytes that are kept, in all rooms.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Gives a message the next offset of its room and keeps it, within the limits.
    pub fn append(
        &mut self,
        room: &mut RoomHistory,
        mut message: Message,
        id: Option<SaidId>,
        now: Tick,
        limits: &Limits,
    ) -> Kept {
        message.offset = room.head() + 1;
        let message = Rc::new(message);
        let before = room.weight();
        room.keep(Rc::clone(&message), id, now, limits);
        self.kept = self.kept - before + room.weight();
        // The room that is published to pays, with all it has if need be.
        while self.kept > limits.history_total && !room.is_empty() {
            let before = room.weight();
            room.forget_oldest();
            self.kept -= before - room.weight();
        }
        Kept { message, remind: room.remind_first(now, limits.history_age) }
    }

    /// Forgets what is too old in a room whose reminder may have come. Returns when to come again.
    pub fn forget_old(
        &mut self,
        room: &mut RoomHistory,
        now: Tick,
        limits: &Limits,
    ) -> Option<Tick> {
        let before = room.weight();
        let remind = room.forget_old(now, limits.history_age);
        self.kept -= before - room.weight();
        remind
    }

    /// Forgets everything that a room keeps. Its numbering goes on.
    pub fn clear(&mut self, room: &mut RoomHistory) {
        self.kept -= room.weight();
        room.clear();
    }
}
