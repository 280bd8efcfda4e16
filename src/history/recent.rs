//! The recent history of one room, in memory, and the queries on it.

use crate::id::Offset;
use crate::limits::Limits;
use crate::now::Tick;
use crate::payload::Message;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

/// The id of a message: the sender's key and the sender's id for the message.
pub type SaidId = (u64, u64);

/// A place in a room's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The place of a message. 0 is before the first.
    Offset(Offset),
    /// A time, in milliseconds since 1970: the place before the first message of that time or
    /// later. If the relay's clock was set back, it is one of several such places.
    Time(u64),
    /// The place behind the last message.
    End,
}

/// A selection of messages from a room's history. Marks themselves are not included, except that of
/// [`Around`](Self::Around).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The newest before this place.
    Before(Mark),
    /// The oldest after it.
    After(Mark),
    /// An equal number on each side of the place.
    Around(Mark),
    /// The oldest between two places.
    Between(Mark, Mark),
    /// The newest between two places.
    Latest(Mark, Mark),
}

/// A query on a room's history. The answer may be shorter than requested, and is never longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The messages selected.
    pub select: Select,
    /// The most messages; 0 for as many as fit.
    pub limit: usize,
    /// The most bytes of weight. One message is always returned, whatever its weight.
    pub bytes: usize,
}

/// The last messages of one room, bounded by count, bytes and age.
///
/// Invariant: offsets are consecutive, so a place is found by subtraction.
#[derive(Debug, Default)]
pub struct Recent {
    kept: VecDeque<Kept>,
    weight: usize,
}

#[derive(Debug)]
struct Kept {
    message: Rc<Message>,
    said: Tick,
}

impl Recent {
    /// Keeps one more message. Forgets the oldest ones until the room's limits hold again.
    pub fn keep(&mut self, message: Rc<Message>, said: Tick, limits: &Limits) {
        debug_assert!(
            self.kept.back().is_none_or(|last| last.message.offset + 1 == message.offset)
        );
        self.weight += message.weight();
        self.kept.push_back(Kept { message, said });
        while self.kept.len() > limits.history_messages || self.weight > limits.history_bytes {
            self.forget_oldest();
        }
    }

    /// Forgets all messages published before `since`.
    pub fn forget_before(&mut self, since: Tick) {
        while self.kept.front().is_some_and(|oldest| oldest.said < since) {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest message, if there is one. An empty history owns no memory.
    pub fn forget_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.weight -= oldest.message.weight();
        }
        if self.kept.is_empty() {
            *self = Self::default();
        }
    }

    /// Returns the oldest offset kept.
    pub fn oldest(&self) -> Option<Offset> {
        self.kept.front().map(|kept| kept.message.offset)
    }

    /// Returns the time at which the oldest message kept was published.
    pub fn oldest_said(&self) -> Option<Tick> {
        self.kept.front().map(|kept| kept.said)
    }

    /// Iterates over the messages kept from `first` on, in order.
    pub fn from(&self, first: Offset) -> impl Iterator<Item = &Rc<Message>> {
        let skip = first.saturating_sub(self.oldest().unwrap_or(0)) as usize;
        self.kept.range(skip.min(self.kept.len())..).map(|kept| &kept.message)
    }

    /// Iterates over the requested messages, ascending. If they exceed `limit` or `bytes`, the
    /// requested end of them stays.
    pub fn page(&self, question: Question) -> impl Iterator<Item = &Rc<Message>> {
        let range = self.page_range(question);
        self.kept.range(range).map(|kept| &kept.message)
    }

    pub(super) fn page_range(&self, question: Question) -> Range<usize> {
        let Question { select, limit, bytes } = question;
        let limit = if limit == 0 { usize::MAX } else { limit };
        match select {
            Select::Before(mark) => self.newest(0..self.place(mark), limit, bytes),
            Select::After(mark) => self.oldest_of(self.behind(mark)..self.kept.len(), limit, bytes),
            Select::Between(after, before) => {
                self.oldest_of(self.behind(after)..self.place(before), limit, bytes)
            }
            Select::Latest(after, before) => {
                self.newest(self.behind(after)..self.place(before), limit, bytes)
            }
            Select::Around(mark) => {
                let place = self.place(mark);
                let before = self.newest(0..place, limit / 2, bytes / 2);
                let (count, weight) = (before.len(), self.weight_of(before.clone()));
                let rest = bytes.saturating_sub(weight);
                let after = self.oldest_of(place..self.kept.len(), limit - count, rest);
                before.start..after.end
            }
        }
    }

    /// Returns the index of the first message at or behind the mark.
    pub(super) fn place(&self, mark: Mark) -> usize {
        let place = match mark {
            Mark::End => return self.kept.len(),
            Mark::Time(time) => self.kept.partition_point(|kept| kept.message.unix_ms < time),
            Mark::Offset(offset) => offset.saturating_sub(self.oldest().unwrap_or(0)) as usize,
        };
        place.min(self.kept.len())
    }

    /// Returns the index of the first message behind the mark.
    pub(super) fn behind(&self, mark: Mark) -> usize {
        match mark {
            Mark::Offset(offset) => self.place(Mark::Offset(offset.saturating_add(1))),
            Mark::Time(time) => self.place(Mark::Time(time.saturating_add(1))),
            Mark::End => self.kept.len(),
        }
    }

    fn newest(&self, range: Range<usize>, limit: usize, bytes: usize) -> Range<usize> {
        let start = range.end.saturating_sub(limit).max(range.start);
        let kept = self.kept.range(start..range.end.max(start)).rev();
        range.end.max(start) - fitting(kept, bytes)..range.end.max(start)
    }

    fn oldest_of(&self, range: Range<usize>, limit: usize, bytes: usize) -> Range<usize> {
        let end = range.start.saturating_add(limit).min(range.end).max(range.start);
        range.start..range.start + fitting(self.kept.range(range.start..end), bytes)
    }

    fn weight_of(&self, range: Range<usize>) -> usize {
        self.kept.range(range).map(|kept| kept.message.weight()).sum()
    }

    /// Returns the bytes of memory that the history is counted as.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// True if no message is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// Returns the number of first messages that weigh no more than `bytes` together; at least one, if
/// there is any.
fn fitting<'a>(kept: impl Iterator<Item = &'a Kept>, bytes: usize) -> usize {
    let weights = kept.scan(0, |sum, kept| {
        *sum += kept.message.weight();
        Some(*sum)
    });
    weights.enumerate().take_while(|(index, sum)| *index == 0 || *sum <= bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Identity, Payload};

    fn message(offset: Offset, length: usize) -> Rc<Message> {
        let payload = Payload { bytes: vec![b'x'; length].into(), ..Payload::default() };
        let sender = Identity::named("ann");
        Rc::new(Message { offset, unix_ms: 0, sender, payload })
    }

    fn offsets(recent: &Recent, first: Offset) -> Vec<Offset> {
        recent.from(first).map(|message| message.offset).collect()
    }

    #[test]
    fn count_bytes_and_age_each_bound_the_past() {
        let limits = Limits { history_messages: 3, history_bytes: 1_000, ..Limits::default() };
        let mut recent = Recent::default();
        for offset in 1..=5 {
            recent.keep(message(offset, 10), Tick(offset as u32), &limits);
        }
        assert_eq!(offsets(&recent, 0), [3, 4, 5]);
        assert_eq!(offsets(&recent, 5), [5]);
        assert!(offsets(&recent, 6).is_empty());

        recent.keep(message(6, 600), Tick(6), &limits);
        assert_eq!(offsets(&recent, 0), [5, 6]);
        recent.forget_before(Tick(6));
        assert_eq!(offsets(&recent, 0), [6]);
        recent.forget_before(Tick(7));
        assert!(recent.is_empty() && recent.weight() == 0 && recent.kept.capacity() == 0);
    }

    /// Ten messages from offset 11, published 100 ms apart from 1,100 on; each weighs `EACH`.
    const EACH: usize = Message::OVERHEAD + 10;

    fn ten() -> Recent {
        let mut recent = Recent::default();
        for offset in 11..=20 {
            let mut said = Rc::unwrap_or_clone(message(offset, 10));
            said.unix_ms = offset * 100;
            recent.keep(Rc::new(said), Tick(0), &Limits::default());
        }
        recent
    }

    fn asked(recent: &Recent, select: Select, limit: usize, bytes: usize) -> Vec<Offset> {
        let page = recent.page(Question { select, limit, bytes });
        page.map(|message| message.offset).collect()
    }

    #[test]
    fn a_page_is_the_end_of_the_past_that_was_asked_for() {
        use Mark::{End, Offset as At, Time};
        use Select::{After, Around, Before, Between, Latest};
        let recent = ten();
        let ask = |select, limit| asked(&recent, select, limit, usize::MAX);
        assert_eq!(ask(Before(End), 3), [18, 19, 20]);
        assert_eq!(ask(Before(At(18)), 3), [15, 16, 17]);
        assert_eq!(ask(Before(At(13)), 3), [11, 12]);
        assert_eq!(ask(Before(At(99)), 1), [20]);
        assert!(ask(Before(At(11)), 3).is_empty() && ask(Before(At(0)), 3).is_empty());
        assert_eq!(ask(After(At(0)), 2), [11, 12], "from the oldest kept");
        assert_eq!(ask(After(At(11)), 2), [12, 13]);
        assert_eq!(ask(After(At(18)), 0), [19, 20], "0 is no limit");
        assert!(ask(After(At(20)), 3).is_empty() && ask(After(At(u64::MAX)), 3).is_empty());
        assert!(ask(After(End), 3).is_empty());
        assert_eq!(ask(Before(Time(1_300)), 9), [11, 12]);
        assert_eq!(ask(Before(Time(1_301)), 9), [11, 12, 13]);
        assert_eq!(ask(After(Time(1_300)), 2), [14, 15]);
        assert_eq!(ask(After(Time(1_299)), 2), [13, 14]);
        assert_eq!(ask(Around(At(15)), 4), [13, 14, 15, 16]);
        assert_eq!(ask(Around(At(15)), 1), [15]);
        assert_eq!(ask(Around(At(11)), 4), [11, 12, 13, 14], "what one side lacks the other has");
        assert_eq!(ask(Around(End), 4), [19, 20]);
        assert_eq!(ask(Between(At(12), At(19)), 3), [13, 14, 15]);
        assert_eq!(ask(Latest(At(12), At(19)), 3), [16, 17, 18]);
        assert_eq!(ask(Latest(At(18), End), 9), [19, 20]);
        assert!(ask(Between(At(19), At(12)), 3).is_empty());
        assert!(ask(Latest(At(19), At(12)), 3).is_empty());
    }

    #[test]
    fn a_page_is_bounded_in_bytes_but_never_empty_for_that() {
        use Select::{After, Around, Before};
        let recent = ten();
        let (end, start) = (Mark::End, Mark::Offset(0));
        assert_eq!(asked(&recent, Before(end), 9, 2 * EACH), [19, 20]);
        assert_eq!(asked(&recent, Before(end), 9, 2 * EACH - 1), [20]);
        assert_eq!(asked(&recent, Before(end), 9, 0), [20]);
        assert_eq!(asked(&recent, After(start), 9, 3 * EACH), [11, 12, 13]);
        assert_eq!(asked(&recent, After(start), 9, 1), [11]);
        let around = Around(Mark::Offset(15));
        assert_eq!(asked(&recent, around, 9, 4 * EACH), [13, 14, 15, 16]);
        assert!(asked(&Recent::default(), Before(end), 9, 1_000).is_empty());
    }

    #[test]
    fn a_message_over_the_whole_limit_is_not_kept() {
        let limits = Limits { history_bytes: 200, ..Limits::default() };
        let mut recent = Recent::default();
        recent.keep(message(1, 300), Tick(0), &limits);
        assert!(recent.is_empty());
    }
}
