//! The ids under which messages of one room were published, so that each is published once.
//!
//! Ids outlive their messages: an id is forgotten after a number of later ids and after a time,
//! even if the room still keeps its message.

use super::recent::SaidId;
use crate::id::Offset;
use crate::limits::{Limits, SAID_ONCE_LEAST};
use crate::now::Tick;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The ids of the last messages of one room that had an id, bounded by count and age.
///
/// Invariant: `order` has each id once, the oldest first, and `places` has the same ids.
#[derive(Debug, Default)]
pub(super) struct SaidIds {
    order: VecDeque<Said>,
    places: HashMap<SaidId, Offset>,
    /// The buckets that `places` has allocated. Its capacity does not show them once ids were
    /// removed.
    buckets: usize,
}

#[derive(Debug)]
struct Said {
    id: SaidId,
    at: Tick,
}

impl SaidIds {
    /// Remembers the offset of the message with this id, and forgets the oldest ids beyond the
    /// limit.
    pub(super) fn remember(&mut self, id: SaidId, offset: Offset, at: Tick, limits: &Limits) {
        while !self.order.is_empty() && self.order.len() >= limits.said_once_messages {
            self.forget_oldest();
        }
        if limits.said_once_messages > 0 {
            self.order.push_back(Said { id, at });
            self.places.insert(id, offset);
            self.buckets = self.buckets.max(buckets(self.places.capacity()));
        }
    }

    /// Returns the offset of the message with this id.
    pub(super) fn find(&self, id: SaidId) -> Option<Offset> {
        self.places.get(&id).copied()
    }

    /// Forgets the ids that are as old as `age`.
    pub(super) fn forget_old(&mut self, now: Tick, age: Duration) {
        while self.order.front().is_some_and(|oldest| oldest.at.after(age) <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.places.remove(&oldest.id);
        }
    }

    /// Forgets the older half of the ids, but not the least number that every room remembers.
    /// Returns false if no more than that is left.
    pub(super) fn forget_half(&mut self) -> bool {
        let least = (self.order.len() / 2).max(SAID_ONCE_LEAST);
        if self.order.len() <= least {
            return false;
        }
        while self.order.len() > least {
            self.forget_oldest();
        }
        self.order.shrink_to_fit();
        self.places.shrink_to_fit();
        self.buckets = buckets(self.places.capacity());
        true
    }

    /// Returns the time of the oldest id.
    pub(super) fn oldest_at(&self) -> Option<Tick> {
        self.order.front().map(|said| said.at)
    }

    /// True if no id is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns the bytes of memory that the ids take, including this struct.
    pub(super) fn weight(&self) -> usize {
        /// One byte of control for each bucket, and a group of them beyond the last.
        const GROUP: usize = 16;
        let order = self.order.capacity() * size_of::<Said>();
        let places = self.buckets * (size_of::<(SaidId, Offset)>() + 1);
        let beyond = if self.buckets > 0 { GROUP } else { 0 };
        size_of::<Self>() + order + places + beyond
    }
}

/// Returns the buckets of a hash map that has this capacity and from which nothing was removed: a
/// power of two of which an eighth stays free.
fn buckets(capacity: usize) -> usize {
    match capacity {
        0 => 0,
        1..=3 => 4,
        4..=7 => 8,
        _ => (capacity * 8 / 7).next_power_of_two(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(said_once_messages: usize) -> Limits {
        Limits { said_once_messages, ..Limits::default() }
    }

    #[test]
    fn count_and_age_each_bound_what_is_remembered() {
        let mut said = SaidIds::default();
        for offset in 1..=5 {
            said.remember((9, offset), offset, Tick(offset as u32), &limits(3));
        }
        assert_eq!(
            (said.find((9, 2)), said.find((9, 3)), said.find((8, 3))),
            (None, Some(3), None)
        );
        let age = Duration::from_secs(1);
        said.forget_old(Tick(12), age);
        assert_eq!((said.find((9, 3)), said.oldest_at()), (Some(3), Some(Tick(3))));
        said.forget_old(Tick(13), age);
        assert_eq!((said.find((9, 3)), said.find((9, 4))), (None, Some(4)));
        said.forget_old(Tick(15), age);
        assert!(said.is_empty());
        said.remember((9, 9), 9, Tick(9), &limits(0));
        assert!(said.is_empty() && said.find((9, 9)).is_none());
    }

    #[test]
    fn the_newest_ids_are_not_given_up_for_want_of_memory() {
        let mut said = SaidIds::default();
        for offset in 1..=100 {
            said.remember((9, offset), offset, Tick(0), &limits(1_000));
        }
        let mut weight = said.weight();
        for left in [50, 25, SAID_ONCE_LEAST] {
            assert!(said.forget_half());
            assert_eq!(said.order.len(), left);
            assert!(std::mem::replace(&mut weight, said.weight()) > said.weight());
        }
        assert!(!said.forget_half());
        let oldest = 101 - SAID_ONCE_LEAST as Offset;
        assert_eq!((said.find((9, oldest - 1)), said.find((9, oldest))), (None, Some(oldest)));
        assert!(said.weight() <= SAID_ONCE_LEAST * 100, "{}", said.weight());
    }

    /// The memory of a hash map is known from its capacity right after it was allocated.
    #[test]
    fn the_buckets_of_a_map_are_counted_whatever_was_removed() {
        let mut said = SaidIds::default();
        for offset in 1..=50_000 {
            said.remember((9, offset), offset, Tick(0), &limits(1_000));
            // A map never has fewer buckets than its capacity needs.
            assert!(said.buckets >= buckets(said.places.capacity()));
            assert!(said.buckets <= 4_096, "{}", said.buckets);
        }
        let each = said.weight() / 1_000;
        assert!((24 + 25..=24 * 2 + 25 * 4 + 1).contains(&each), "{each}");
        for (capacity, expected) in [(0, 0), (3, 4), (7, 8), (14, 16), (28, 32), (1_792, 2_048)] {
            assert_eq!(buckets(capacity), expected);
        }
    }
}
