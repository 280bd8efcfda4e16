//! Reading from a store outside of the relay: pages of messages that are older than those in
//! memory, and rooms that only the store knows. Requests go out; outcomes come later, in any order,
//! or never.
//!
//! ```text
//!            in the store                       in memory       pending
//! ├─────────────────────────────────────────┬────────────────┬───────────┤
//! oldest                        in_memory_from            head
//! ```
//!
//! A query that only needs messages in memory is answered from there. A query that reaches below is
//! passed to the store completely.

use super::recent::{Mark, Question, Recent, SaidId, Select};
use crate::id::{Epoch, Offset};
use crate::payload::Message;
use std::rc::Rc;

/// The id of one request to read from a store. Never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReadId(u64);

impl ReadId {
    /// Returns the next id.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A query on the messages of one room that a store keeps.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// The request, for its outcome.
    pub id: ReadId,
    /// The room's name, as first spelt.
    pub name: Rc<str>,
    /// Its numbering.
    pub epoch: Epoch,
    /// The newest offset that may be part of the answer: later ones are not delivered yet.
    pub head: Offset,
    /// The messages wanted, and how many.
    pub question: Question,
}

/// The outcome of a request for a page.
#[derive(Clone, Debug)]
pub enum PageOutcome {
    /// The messages found.
    Page(StoredPage),
    /// The store could not answer.
    Failed,
}

/// Messages of one room, as a store has found them.
#[derive(Clone, Debug)]
pub struct StoredPage {
    /// The oldest offset that the store keeps of the room; the one after the newest if it keeps none.
    pub oldest: Offset,
    /// The messages, in their order and without a hole.
    pub messages: Vec<Rc<Message>>,
}

impl StoredPage {
    /// Returns the page without messages newer than `head`; `None` if it is not an answer to the
    /// query: it has a hole, or is longer than requested.
    pub fn checked(mut self, head: Offset, question: Question) -> Option<Self> {
        self.messages.retain(|message| message.offset <= head);
        let Question { limit, bytes, .. } = question;
        let first = self.messages.first().map_or(head + 1, |first| first.offset);
        let is_run = self.messages.iter().zip(first..).all(|(message, at)| message.offset == at);
        let weight: usize = self.messages.iter().map(|message| message.weight()).sum();
        let is_short = limit == 0 || self.messages.len() <= limit;
        let is_light = weight <= bytes || self.messages.len() == 1;
        let is_within = (1..=first).contains(&self.oldest);
        (is_run && is_short && is_light && is_within).then_some(self)
    }
}

/// A request for a room that the store may know and the relay does not have in memory.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// The request, for its outcome.
    pub id: ReadId,
    /// The room's name, as requested. Case does not matter.
    pub name: Rc<str>,
    /// The newest messages wanted, at most.
    pub messages: usize,
    /// The most bytes of weight, unless there is one message only.
    pub bytes: usize,
}

/// The outcome of a request for a room.
#[derive(Clone, Debug)]
pub enum OpenOutcome {
    /// The store knows nothing of a room of that name.
    Absent,
    /// The store knows the room.
    Found(StoredRoom),
    /// The store could not answer.
    Failed,
}

/// A room, as a store knows it.
#[derive(Clone, Debug)]
pub struct StoredRoom {
    /// Its name, as first spelt.
    pub name: Rc<str>,
    /// Its numbering: another one than before if the store has lost messages at its end.
    pub epoch: Epoch,
    /// The newest offset.
    pub head: Offset,
    /// The oldest offset that is kept; the one after the newest if none is.
    pub oldest: Offset,
    /// The newest messages, in their order and without a hole, each with the id under which it is kept
    /// once.
    pub messages: Vec<(Rc<Message>, Option<SaidId>)>,
    /// The number of the newest event.
    pub events: u64,
}

impl StoredRoom {
    /// True if offsets and messages agree.
    pub fn is_sound(&self) -> bool {
        let last = self.messages.last().map_or(self.head, |(last, _)| last.offset);
        let first = self.messages.first().map_or(self.head + 1, |(first, _)| first.offset);
        let mut run = self.messages.iter().zip(first..);
        let is_run = run.all(|((message, _), at)| message.offset == at);
        is_run && last == self.head && (1..=first).contains(&self.oldest)
    }
}

/// True if a query may have an answer, or a part of it, before the messages in memory. `from` is
/// the first offset there, or the next one.
pub(super) fn reaches_below(recent: &Recent, from: Offset, question: Question) -> bool {
    let is_below = |mark: Mark| match mark {
        Mark::Offset(offset) => offset.saturating_add(1) < from,
        Mark::Time(_) => recent.behind(mark) == 0,
        Mark::End => false,
    };
    // Fewer messages before a place are in memory than requested.
    let is_short = |limit: usize| {
        let range = recent.page_range(question);
        range.start == 0 && (limit == 0 || range.len() < limit)
    };
    match question.select {
        Select::Before(_) => is_short(question.limit),
        Select::After(mark) | Select::Between(mark, _) => is_below(mark),
        Select::Latest(after, _) => is_below(after) && is_short(question.limit),
        Select::Around(mark) => {
            let half = question.limit / 2;
            recent.page_range(question).start == 0 && (half == 0 || recent.place(mark) < half)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::now::Tick;
    use crate::payload::{Identity, Payload};

    fn message(offset: Offset) -> Rc<Message> {
        let payload = Payload { bytes: b"hi".as_slice().into(), ..Payload::default() };
        let (unix_ms, sender) = (offset * 10, Identity::named("ann"));
        Rc::new(Message { offset, unix_ms, sender, payload })
    }

    fn question(select: Select, limit: usize) -> Question {
        Question { select, limit, bytes: usize::MAX }
    }

    #[test]
    fn a_question_is_the_stores_if_older_messages_could_be_part_of_its_answer() {
        let mut recent = Recent::default();
        (5..=9).for_each(|n| recent.keep(message(n), Tick(0), &Limits::default()));
        let (at, time) = (Mark::Offset, Mark::Time);
        for (select, limit, expected) in [
            (Select::Before(Mark::End), 5, false),
            (Select::Before(Mark::End), 6, true),
            (Select::Before(Mark::End), 0, true),
            (Select::Before(at(8)), 3, false),
            (Select::Before(at(8)), 4, true),
            (Select::Before(at(2)), 1, true),
            (Select::Before(time(60)), 1, false),
            (Select::Before(time(50)), 1, true),
            (Select::After(at(4)), 9, false),
            (Select::After(at(3)), 1, true),
            (Select::After(time(50)), 1, false),
            (Select::After(time(49)), 1, true),
            (Select::After(Mark::End), 1, false),
            (Select::Between(at(4), at(6)), 9, false),
            (Select::Between(at(2), at(6)), 1, true),
            (Select::Latest(at(4), at(9)), 9, false),
            (Select::Latest(at(2), at(9)), 3, false),
            (Select::Latest(at(2), at(9)), 5, true),
            (Select::Around(at(7)), 4, false),
            (Select::Around(at(7)), 6, true),
            (Select::Around(at(1)), 2, true),
        ] {
            let is_below = reaches_below(&recent, 5, question(select, limit));
            assert_eq!(is_below, expected, "{select:?} {limit}");
        }
        assert!(reaches_below(&Recent::default(), 8, question(Select::Before(Mark::End), 1)));
        assert!(!reaches_below(&Recent::default(), 8, question(Select::After(at(7)), 1)));
    }

    #[test]
    fn a_page_with_a_hole_or_longer_than_asked_for_is_none() {
        let asked = Question { select: Select::After(Mark::Offset(1)), limit: 3, bytes: 1 << 10 };
        let page = |oldest, offsets: &[Offset]| {
            let messages = offsets.iter().map(|offset| message(*offset)).collect();
            let page = StoredPage { oldest, messages }.checked(6, asked);
            page.map(|page| page.messages.len())
        };
        assert_eq!(page(1, &[2, 3, 4]), Some(3));
        assert_eq!(page(1, &[]), Some(0));
        assert_eq!(page(7, &[]), Some(0));
        assert_eq!(page(1, &[5, 6, 7]), Some(2), "what is not delivered yet is left out");
        assert_eq!(page(1, &[2, 4]), None);
        assert_eq!(page(1, &[2, 3, 4, 5]), None);
        assert_eq!(page(3, &[2, 3]), None);
        assert_eq!(page(0, &[2]), None);
        assert_eq!(page(9, &[]), None);
    }
}
