//! What was said: the recent past of each room, in memory. A durable store will stand behind the
//! same calls.

use crate::id::Offset;
use crate::limits::Limits;
use crate::now::Tick;
use crate::payload::Message;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A message's name as its sender gave it: the sender's key and the sender's id for it.
pub type SaidId = (u64, u64);

/// The last messages of one room, bounded by count, bytes and age.
///
/// Invariant: offsets are consecutive, so a place is found by subtraction; and every id in `ids`
/// belongs to a message still kept.
#[derive(Debug, Default)]
pub struct Recent {
    kept: VecDeque<Kept>,
    weight: usize,
    ids: HashMap<SaidId, Offset>,
}

#[derive(Debug)]
struct Kept {
    message: Rc<Message>,
    said: Tick,
    id: Option<SaidId>,
}

impl Recent {
    /// Keeps one more message, and forgets the oldest until the room's own limits hold again.
    pub fn keep(&mut self, message: Rc<Message>, id: Option<SaidId>, said: Tick, limits: &Limits) {
        debug_assert!(
            self.kept.back().is_none_or(|last| last.message.offset + 1 == message.offset)
        );
        self.weight += message.weight();
        if let Some(id) = id {
            self.ids.insert(id, message.offset);
        }
        self.kept.push_back(Kept { message, said, id });
        while self.kept.len() > limits.history_messages || self.weight > limits.history_bytes {
            self.forget_oldest();
        }
    }

    /// Forgets everything said before `since`.
    pub fn forget_before(&mut self, since: Tick) {
        while self.kept.front().is_some_and(|oldest| oldest.said < since) {
            self.forget_oldest();
        }
    }

    /// Forgets one message, if there is any. An empty past owns no memory.
    pub fn forget_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.weight -= oldest.message.weight();
            if let Some(id) = oldest.id {
                self.ids.remove(&id);
            }
        }
        if self.kept.is_empty() {
            *self = Self::default();
        }
    }

    /// Where a message with this id stands, if it was said and is still kept.
    pub fn find(&self, id: SaidId) -> Option<Offset> {
        self.ids.get(&id).copied()
    }

    /// The oldest offset kept.
    pub fn oldest(&self) -> Option<Offset> {
        self.kept.front().map(|kept| kept.message.offset)
    }

    /// When the oldest message kept was said.
    pub fn oldest_said(&self) -> Option<Tick> {
        self.kept.front().map(|kept| kept.said)
    }

    /// The messages kept from `first` on, in order.
    pub fn from(&self, first: Offset) -> impl Iterator<Item = &Rc<Message>> {
        let skip = first.saturating_sub(self.oldest().unwrap_or(0)) as usize;
        self.kept.range(skip.min(self.kept.len())..).map(|kept| &kept.message)
    }

    /// Bytes of memory the past is counted as.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Payload;

    fn message(offset: Offset, length: usize) -> Rc<Message> {
        let payload = Payload { bytes: vec![b'x'; length].into(), chunk: false };
        Rc::new(Message { offset, unix_ms: 0, sender: "ann".into(), payload })
    }

    fn offsets(recent: &Recent, first: Offset) -> Vec<Offset> {
        recent.from(first).map(|message| message.offset).collect()
    }

    #[test]
    fn count_bytes_and_age_each_bound_the_past() {
        let limits = Limits { history_messages: 3, history_bytes: 1_000, ..Limits::default() };
        let mut recent = Recent::default();
        for offset in 1..=5 {
            recent.keep(message(offset, 10), Some((9, offset)), Tick(offset as u32), &limits);
        }
        assert_eq!(offsets(&recent, 0), [3, 4, 5]);
        assert_eq!(offsets(&recent, 5), [5]);
        assert!(offsets(&recent, 6).is_empty());
        assert_eq!((recent.find((9, 2)), recent.find((9, 3))), (None, Some(3)));

        recent.keep(message(6, 700), None, Tick(6), &limits);
        assert_eq!(offsets(&recent, 0), [5, 6]);
        recent.forget_before(Tick(6));
        assert_eq!(offsets(&recent, 0), [6]);
        recent.forget_before(Tick(7));
        assert!(recent.is_empty() && recent.weight() == 0 && recent.ids.capacity() == 0);
    }

    #[test]
    fn a_message_over_the_whole_limit_is_not_kept() {
        let limits = Limits { history_bytes: 200, ..Limits::default() };
        let mut recent = Recent::default();
        recent.keep(message(1, 300), Some((1, 1)), Tick(0), &limits);
        assert!(recent.is_empty());
        assert_eq!(recent.find((1, 1)), None);
    }
}
