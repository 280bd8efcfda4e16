//! The proposals of one room: messages whose outcome is not known yet, in the order in which they
//! were let through.
//!
//! ```text
//!            kept      under way        later
//!        ├─────────┼───────────────┼─────────────┤
//! head → │ 5  6  7 │ 8  9 10 11 12 │  .  .  .  . │
//! ```
//!
//! One append of a room is under way at a time: what is proposed meanwhile goes with the next one.
//! So a number is given out again only once nobody can keep the message that had it.

use super::recent::SaidId;
use crate::id::Offset;
use crate::payload::Message;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A message whose outcome is not known yet, and what waits for it.
#[derive(Debug)]
pub struct Proposal<W> {
    /// The message. It has its offset once it is part of an append.
    pub message: Rc<Message>,
    /// Under this id it is kept once.
    pub id: Option<SaidId>,
    /// What waits for the outcome.
    pub waiting: W,
}

/// What came of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// All messages up to this offset are kept.
    Kept(Offset),
    /// The messages of the append that were not said to be kept certainly are not.
    NotKept,
    /// Nobody can say yet, and it may take long. One of the others follows.
    Unknown,
}

/// The fate of a message that was proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// It was kept, and the room has forgotten all that it kept by then.
    Forgotten,
    NotKept,
}

#[derive(Debug)]
pub(super) struct Pending<W> {
    proposals: VecDeque<Proposal<W>>,
    /// The number of the oldest proposal, counted from the first one ever.
    first: u64,
    /// The number of each proposal that has an id.
    ids: HashMap<SaidId, u64>,
    weight: usize,
    /// Proposals that are part of the append under way, from the oldest on.
    under_way: usize,
    /// Of those, proposals that are known to be kept.
    kept: usize,
    /// Proposals that failed, from the oldest on that is not kept.
    failed: usize,
    /// Proposals that are to be forgotten once they are kept, from the oldest on.
    forgotten: usize,
}

// Not derived: nothing is asked of what waits.
impl<W> Default for Pending<W> {
    fn default() -> Self {
        Self {
            proposals: VecDeque::new(),
            first: 0,
            ids: HashMap::new(),
            weight: 0,
            under_way: 0,
            kept: 0,
            failed: 0,
            forgotten: 0,
        }
    }
}

impl<W> Pending<W> {
    pub(super) fn len(&self) -> usize {
        self.proposals.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn push(&mut self, proposal: Proposal<W>) {
        self.weight += proposal.message.weight();
        if let Some(id) = proposal.id {
            self.ids.insert(id, self.first + self.proposals.len() as u64);
        }
        self.proposals.push_back(proposal);
    }

    /// The proposal with this id.
    pub(super) fn find(&mut self, id: SaidId) -> Option<&mut Proposal<W>> {
        let index = self.ids.get(&id)? - self.first;
        self.proposals.get_mut(index as usize)
    }

    pub(super) fn has(&self, id: SaidId) -> bool {
        self.ids.contains_key(&id)
    }

    pub(super) fn last(&mut self) -> Option<&mut Proposal<W>> {
        self.proposals.back_mut()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Proposal<W>> {
        self.proposals.iter_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Proposal<W>> {
        self.proposals.iter()
    }

    /// True if an append may begin.
    pub(super) fn is_ready(&self) -> bool {
        self.under_way + self.kept + self.failed == 0 && !self.proposals.is_empty()
    }

    /// Numbers all proposals behind `head`, and begins an append of them.
    pub(super) fn begin(&mut self, head: Offset) -> Vec<(Rc<Message>, Option<SaidId>)> {
        self.under_way = self.proposals.len();
        if planted!("commit-out-of-order") && self.under_way > 1 && self.ids.is_empty() {
            self.proposals.swap(0, 1);
        }
        let numbered = (head + 1..).zip(&mut self.proposals).map(|(offset, proposal)| {
            Rc::make_mut(&mut proposal.message).offset = offset;
            (Rc::clone(&proposal.message), proposal.id)
        });
        numbered.collect()
    }

    /// Takes what came of the append that is under way. Returns true if there is something to apply.
    pub(super) fn settle(&mut self, outcome: CommitOutcome, head: Offset) -> bool {
        match outcome {
            CommitOutcome::Kept(last) => {
                let kept = usize::try_from(last.saturating_sub(head)).unwrap_or(usize::MAX);
                debug_assert!(kept <= self.under_way, "more is kept than was to be");
                self.kept = kept.clamp(self.kept, self.under_way.max(self.kept));
            }
            CommitOutcome::NotKept if self.under_way > self.kept => {
                // All that was proposed since fails, too: nothing is kept that came after what is lost.
                self.failed = self.proposals.len() - self.kept;
                self.under_way = self.kept;
            }
            CommitOutcome::NotKept | CommitOutcome::Unknown => {}
        }
        self.has_outcome()
    }

    /// True if the outcome of the oldest proposal is known.
    pub(super) fn has_outcome(&self) -> bool {
        self.kept + self.failed > 0
    }

    /// Forgets all proposals once they are kept.
    pub(super) fn forget(&mut self) {
        self.forgotten = self.proposals.len();
    }

    /// Takes the oldest proposal, if its outcome is known.
    pub(super) fn pop(&mut self) -> Option<(Proposal<W>, Fate)> {
        let is_kept = self.kept > 0;
        if is_kept {
            self.kept -= 1;
            self.under_way -= 1;
        } else {
            self.failed = self.failed.checked_sub(1)?;
        }
        let proposal = self.proposals.pop_front()?;
        self.first += 1;
        self.weight -= proposal.message.weight();
        if let Some(id) = proposal.id {
            self.ids.remove(&id);
        }
        let is_forgotten = self.forgotten > 0;
        self.forgotten = self.forgotten.saturating_sub(1);
        let fate = match is_kept {
            true if is_forgotten => Fate::Forgotten,
            true => Fate::Kept,
            false => Fate::NotKept,
        };
        Some((proposal, fate))
    }
}
