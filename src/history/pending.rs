//! The proposals of one room: messages whose outcome is not known yet, in the order in which they
//! were accepted.
//!
//! ```text
//!            kept      under way        later
//!        ├─────────┼───────────────┼─────────────┤
//! head → │ 5  6  7 │ 8  9 10 11 12 │  .  .  .  . │
//! ```
//!
//! One append of a room is under way at a time: later proposals go with the next one. So an offset
//! is given out again only once nobody can keep the message that had it.
//!
//! A clear of the room has its place among the proposals, and is handed out alone, between appends.
//! Events go with the message that they follow, or alone if there is no message.

use super::recent::SaidId;
use crate::id::Offset;
use crate::now::Tick;
use crate::payload::Message;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A message whose outcome is not known yet, and the state that waits for it.
#[derive(Debug)]
pub struct Proposal<W> {
    /// The message. It has its offset once it is part of an append.
    pub message: Rc<Message>,
    /// The id under which the message is kept only once.
    pub id: Option<SaidId>,
    /// The state that waits for the outcome.
    pub waiting: W,
}

/// The outcome of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// All messages up to this offset are kept.
    Kept(Offset),
    /// The messages of the append that were not reported as kept are certainly not kept.
    NotKept,
    /// The outcome is not known yet, and may take long. One of the others follows.
    Unknown,
}

/// The most events of one room that wait to be handed out. Further ones are dropped, and counted.
pub const EVENTS_MAX: usize = 64;

/// The most bytes of waiting events of one room.
pub const EVENTS_BYTES: usize = 16 << 10;

/// An event between messages: it has no offset of its own, but follows a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedEvent<E> {
    /// The newest message before; 0 before the first.
    pub after: Offset,
    /// Its number among all events of the room: they ascend, and have holes where events were not kept.
    pub n: u64,
    /// The event.
    pub event: E,
}

/// An event that waits for the next append.
#[derive(Debug)]
struct Waiting<E> {
    /// The number of proposals before it, counted from the first one ever.
    place: u64,
    weight: usize,
    event: E,
}

/// The part of a room that is written next.
#[derive(Debug)]
pub enum Part<E> {
    /// These messages, numbered, and the events among them.
    Append(Vec<(Rc<Message>, Option<SaidId>)>, Vec<PlacedEvent<E>>),
    /// All that the room kept so far is forgotten.
    Clear,
}

/// The fate of a message that was proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// The message was kept, and the room has forgotten it since.
    Forgotten,
    NotKept,
}

#[derive(Debug)]
pub(super) struct Pending<W, E> {
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
    /// Proposals that are to be forgotten once they are kept, from the oldest on. A clear follows them.
    forgotten: usize,
    clear: Clear,
    /// True if another clear is wanted after the one that is under way.
    clears_again: bool,
    /// Events that wait for the next append.
    events: VecDeque<Waiting<E>>,
    events_weight: usize,
    /// The places of the events of the append under way.
    events_under_way: VecDeque<Offset>,
    /// The time at which the room is ready again: for events without messages, or for a clear that
    /// failed.
    comes_at: Option<Tick>,
    /// True if that time has come.
    is_due: bool,
    /// True if the room is in the queue of ready rooms.
    pub(super) is_queued: bool,
}

/// The clear of a room, step by step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Clear {
    #[default]
    No,
    /// Requested. It is handed out once nothing is pending before it.
    Wanted,
    /// Refused. It is requested again after a while.
    Refused,
    UnderWay,
    /// Done, but not applied yet.
    Done,
}

// Not derived: the type parameters need no default.
impl<W, E> Default for Pending<W, E> {
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
            clear: Clear::No,
            clears_again: false,
            events: VecDeque::new(),
            events_weight: 0,
            events_under_way: VecDeque::new(),
            comes_at: None,
            is_due: false,
            is_queued: false,
        }
    }
}

impl<W, E> Pending<W, E> {
    pub(super) fn len(&self) -> usize {
        self.proposals.len()
    }

    /// True if nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        !self.holds_room() && self.events.is_empty() && self.events_under_way.is_empty()
    }

    /// True if the room must exist until its proposals and clear are complete.
    pub(super) fn holds_room(&self) -> bool {
        !self.proposals.is_empty() || self.clear != Clear::No
    }

    /// Returns the bytes of memory of the proposals. A clear counts as a message without content.
    pub(super) fn weight(&self) -> usize {
        let clear = if self.clear == Clear::No { 0 } else { Message::OVERHEAD };
        self.weight + clear
    }

    pub(super) fn push(&mut self, proposal: Proposal<W>) {
        self.weight += proposal.message.weight();
        if let Some(id) = proposal.id {
            self.ids.insert(id, self.first + self.proposals.len() as u64);
        }
        self.proposals.push_back(proposal);
    }

    /// Returns the proposal with this id.
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

    /// True if an append or a clear may begin.
    pub(super) fn is_ready(&self) -> bool {
        let is_under_way = self.under_way + self.kept + self.failed > 0
            || matches!(self.clear, Clear::UnderWay | Clear::Done)
            || !self.events_under_way.is_empty();
        let is_refused = self.clear == Clear::Refused && self.forgotten == 0 && !self.is_due;
        let has_something = self.holds_room() || self.is_due && !self.events.is_empty();
        !is_refused && has_something && (!is_under_way || self.overtakes())
    }

    /// True if a clear may overtake an append: never, except for a planted bug.
    fn overtakes(&self) -> bool {
        planted!("clear-overtakes-an-append") && self.clear == Clear::Wanted
    }

    /// Begins the next part to write: an append of all proposals up to a clear, numbered behind
    /// `head`, or the clear. `events` is the number of events handed out so far.
    pub(super) fn begin(&mut self, head: Offset, events: &mut u64) -> Part<E> {
        self.is_due = false;
        let is_wanted = matches!(self.clear, Clear::Wanted | Clear::Refused);
        if is_wanted && (self.forgotten == 0 || self.overtakes()) {
            self.clear = Clear::UnderWay;
            return Part::Clear;
        }
        self.under_way = if is_wanted { self.forgotten } else { self.proposals.len() };
        let events = self.take_events(head, events);
        let messages = self.number(head);
        Part::Append(messages, events)
    }

    /// Takes the events up to the end of the append that begins.
    fn take_events(&mut self, head: Offset, count: &mut u64) -> Vec<PlacedEvent<E>> {
        let end = self.first + self.under_way as u64;
        let mut taken = Vec::new();
        while let Some(waiting) = self.events.pop_front_if(|waiting| waiting.place <= end) {
            let after = head + waiting.place.saturating_sub(self.first);
            *count += 1;
            self.events_weight -= waiting.weight;
            self.events_under_way.push_back(after);
            taken.push(PlacedEvent { after, n: *count, event: waiting.event });
        }
        taken
    }

    fn number(&mut self, head: Offset) -> Vec<(Rc<Message>, Option<SaidId>)> {
        if planted!("commit-out-of-order") && self.under_way > 1 && self.ids.is_empty() {
            self.proposals.swap(0, 1);
        }
        let proposals = self.proposals.iter_mut().take(self.under_way);
        let numbered = (head + 1..).zip(proposals).map(|(offset, proposal)| {
            Rc::make_mut(&mut proposal.message).offset = offset;
            (Rc::clone(&proposal.message), proposal.id)
        });
        numbered.collect()
    }

    /// Adds an event behind all proposals. Returns the time at which the room becomes due, if no
    /// such time was set before; or an error if there are too many events.
    pub(super) fn add_event(
        &mut self,
        (event, weight): (E, usize),
        at: Tick,
    ) -> Result<Option<Tick>, ()> {
        if self.events.len() >= EVENTS_MAX || self.events_weight + weight > EVENTS_BYTES {
            return Err(());
        }
        let place = self.first + self.proposals.len() as u64;
        self.events_weight += weight;
        self.events.push_back(Waiting { place, weight, event });
        Ok(self.come_at(at))
    }

    /// Makes the room due at this time, unless a time is set already. Returns the time, if it is
    /// new.
    fn come_at(&mut self, at: Tick) -> Option<Tick> {
        if self.comes_at.is_some() {
            return None;
        }
        self.comes_at = Some(at);
        self.comes_at
    }

    /// Marks the room as due, if its time has come.
    pub(super) fn came(&mut self, now: Tick) {
        if self.comes_at.take_if(|at| *at <= now).is_some() {
            self.is_due = true;
        }
    }

    /// Takes the outcome of the append or clear that is under way. Returns true if there is
    /// something to apply; the number of lost events; and the time at which the room becomes due,
    /// if no such time was set before.
    pub(super) fn settle(
        &mut self,
        outcome: CommitOutcome,
        head: Offset,
        retry: Tick,
    ) -> (bool, usize, Option<Tick>) {
        let (mut lost, mut comes) = (0, None);
        if outcome != CommitOutcome::Unknown && self.clear == Clear::UnderWay {
            self.clear = match outcome {
                CommitOutcome::Kept(_) => Clear::Done,
                _ => {
                    comes = self.come_at(retry);
                    Clear::Refused
                }
            };
            return (self.has_outcome(), 0, comes);
        }
        match outcome {
            CommitOutcome::Kept(last) => {
                self.events_under_way.retain(|after| *after > last);
                let kept = usize::try_from(last.saturating_sub(head)).unwrap_or(usize::MAX);
                debug_assert!(kept <= self.under_way, "more is kept than was to be");
                self.kept = kept.clamp(self.kept, self.under_way.max(self.kept));
            }
            CommitOutcome::NotKept if self.under_way > self.kept => {
                lost = std::mem::take(&mut self.events_under_way).len();
                // All later proposals fail, too: nothing may be kept after a message that is lost.
                self.failed = self.proposals.len() - self.kept;
                self.under_way = self.kept;
            }
            CommitOutcome::NotKept => lost = std::mem::take(&mut self.events_under_way).len(),
            CommitOutcome::Unknown => {}
        }
        (self.has_outcome(), lost, comes)
    }

    /// True if the outcome of the oldest proposal is known.
    pub(super) fn has_outcome(&self) -> bool {
        self.kept + self.failed > 0 || self.clear == Clear::Done
    }

    /// Marks all proposals to be forgotten once they are kept, and requests a clear behind them.
    pub(super) fn forget(&mut self) {
        self.forgotten = self.proposals.len();
        match self.clear {
            Clear::UnderWay | Clear::Done => self.clears_again = true,
            _ => self.clear = Clear::Wanted,
        }
        (self.events, self.events_weight) = (VecDeque::new(), 0);
    }

    /// True if a clear is not done.
    pub(super) fn is_clearing(&self) -> bool {
        self.clear != Clear::No
    }

    /// Takes the outcome of a clear, if it is known.
    pub(super) fn take_cleared(&mut self) -> bool {
        let is_done = self.clear == Clear::Done;
        if is_done {
            let is_wanted = std::mem::take(&mut self.clears_again);
            self.clear = if is_wanted { Clear::Wanted } else { Clear::No };
        }
        is_done
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
