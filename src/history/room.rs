//! The history of one room: its numbering, and what is kept.

use super::recent::{Question, Recent, SaidId};
use crate::id::Offset;
use crate::limits::Limits;
use crate::now::Tick;
use crate::payload::Message;
use std::rc::Rc;
use std::time::Duration;

/// The history of one room. Only [`History`](super::History) changes it.
#[derive(Debug, Default)]
pub struct RoomHistory {
    head: Offset,
    recent: Recent,
    /// When the oldest message kept will be too old; a reminder is under way for then.
    ages_at: Option<Tick>,
}

impl RoomHistory {
    /// Returns the newest offset; 0 before anything was published.
    pub fn head(&self) -> Offset {
        self.head
    }

    /// Returns the oldest offset kept, or the one that comes next.
    pub fn oldest(&self) -> Offset {
        self.recent.oldest().unwrap_or(self.head + 1)
    }

    /// Returns where the message with this id stands, if it is kept.
    pub fn find(&self, id: SaidId) -> Option<Offset> {
        self.recent.find(id)
    }

    /// Returns the messages kept from `first` on, in order.
    pub fn from(&self, first: Offset) -> impl Iterator<Item = &Rc<Message>> {
        self.recent.from(first)
    }

    /// Returns the message at this offset, if it is kept.
    pub fn get(&self, offset: Offset) -> Option<&Rc<Message>> {
        self.from(offset).next().filter(|message| message.offset == offset)
    }

    /// Returns the messages asked for, ascending: of those that fit neither `limit` nor `bytes`, the
    /// end that was asked for stays.
    pub fn page(&self, question: Question) -> impl Iterator<Item = &Rc<Message>> {
        self.recent.page(question)
    }

    /// Returns the bytes of memory that what is kept is counted as.
    pub fn weight(&self) -> usize {
        self.recent.weight()
    }

    /// True if nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    pub(super) fn keep(
        &mut self,
        message: Rc<Message>,
        id: Option<SaidId>,
        now: Tick,
        limits: &Limits,
    ) {
        debug_assert_eq!(message.offset, self.head + 1);
        self.head = message.offset;
        self.recent.keep(message, id, now, limits);
    }

    pub(super) fn forget_oldest(&mut self) {
        self.recent.forget_oldest();
    }

    pub(super) fn clear(&mut self) {
        self.recent = Recent::default();
    }

    /// Returns the time of the first reminder, if one is needed and none is under way.
    pub(super) fn remind_first(&mut self, now: Tick, age: Duration) -> Option<Tick> {
        if self.ages_at.is_some() || self.recent.is_empty() {
            return None;
        }
        self.ages_at = Some(now.after(age));
        self.ages_at
    }

    /// Forgets what is too old, if the reminder has come. Returns the time of the next one.
    pub(super) fn forget_old(&mut self, now: Tick, age: Duration) -> Option<Tick> {
        self.ages_at.filter(|at| *at <= now)?;
        self.recent.forget_before(oldest_worth_keeping(now, age));
        let next = self.recent.oldest_said().map(|said| said.after(age));
        self.ages_at = next.map(|at| at.max(Tick(now.0 + 1)));
        self.ages_at
    }
}

/// Below this, a message is too old at `now`.
fn oldest_worth_keeping(now: Tick, age: Duration) -> Tick {
    Tick(now.0.saturating_sub(Tick(0).after(age).0.saturating_sub(1)))
}
