//! The history of one room: its numbering, and the messages and ids that are kept.

use super::page;
use super::pending::{CommitOutcome, Fate, Part, Pending, Proposal};
use super::recent::{Question, Recent, SaidId};
use super::said::SaidIds;
use crate::id::Offset;
use crate::limits::Limits;
use crate::now::Tick;
use crate::payload::Message;
use std::rc::Rc;
use std::time::Duration;

/// The history of one room. Only [`History`](super::History) changes it. `W` is the type of the
/// state that waits for the outcome of a message.
#[derive(Debug)]
pub struct RoomHistory<W, E> {
    head: Offset,
    /// The oldest offset that a store outside keeps, if messages are kept there.
    stored_from: Option<Offset>,
    recent: Recent,
    /// The ids of messages that were published, if any had one.
    said: Option<Box<SaidIds>>,
    /// Messages whose outcome is not known yet, if there are any.
    pending: Option<Box<Pending<W, E>>>,
    /// The number of events that were handed out.
    events: u64,
    /// The time at which the oldest message or id expires; a reminder is set for it.
    ages_at: Option<Tick>,
}

impl<W, E> Default for RoomHistory<W, E> {
    fn default() -> Self {
        Self {
            head: 0,
            stored_from: None,
            recent: Recent::default(),
            said: None,
            pending: None,
            events: 0,
            ages_at: None,
        }
    }
}

impl<W, E> RoomHistory<W, E> {
    /// Returns the newest offset; 0 before the first message.
    pub fn head(&self) -> Offset {
        self.head
    }

    /// Returns the oldest offset kept, in memory or in a store, or the next offset if there is
    /// none.
    pub fn oldest(&self) -> Offset {
        let in_memory = self.in_memory_from();
        self.stored_from.map_or(in_memory, |stored| stored.min(in_memory))
    }

    /// Returns the oldest offset in memory, or the next offset if there is none.
    pub fn in_memory_from(&self) -> Offset {
        self.recent.oldest().unwrap_or(self.head + 1)
    }

    /// True if the answer to a query may include messages that only a store has.
    pub fn reaches_below(&self, question: Question) -> bool {
        let from = self.in_memory_from();
        self.oldest() < from && page::reaches_below(&self.recent, from, question)
    }

    /// Returns the messages in memory from `first` on, in order.
    pub fn from(&self, first: Offset) -> impl Iterator<Item = &Rc<Message>> {
        self.recent.from(first)
    }

    /// Returns the message at this offset, if it is kept.
    pub fn get(&self, offset: Offset) -> Option<&Rc<Message>> {
        self.from(offset).next().filter(|message| message.offset == offset)
    }

    /// Iterates over the requested messages in memory, ascending. If they exceed `limit` or
    /// `bytes`, the requested end of them stays.
    pub fn page(&self, question: Question) -> impl Iterator<Item = &Rc<Message>> {
        self.recent.page(question)
    }

    /// Returns the bytes of memory that the messages kept are counted as.
    pub fn weight(&self) -> usize {
        self.recent.weight()
    }

    /// Returns the bytes of memory that ids of messages take.
    pub fn said_weight(&self) -> usize {
        self.said.as_ref().map_or(0, |said| said.weight())
    }

    /// True if no message is kept.
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// True if the room need not exist for its history: no message and no id is kept, and neither a
    /// message nor a clear is pending.
    pub fn is_over(&self) -> bool {
        let is_pending = self.pending.as_ref().is_some_and(|pending| pending.holds_room());
        self.recent.is_empty() && self.said.is_none() && !is_pending
    }

    /// Returns the number of messages that wait for their outcome.
    pub fn pending(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.len())
    }

    /// Returns the bytes of memory that messages without an outcome are counted as.
    pub fn pending_weight(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.weight())
    }

    /// True if a message with this id waits for its outcome.
    pub fn is_pending(&self, id: SaidId) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.has(id))
    }

    /// Returns the state that waits for the outcome of the message with this id.
    pub fn waiting_of(&mut self, id: SaidId) -> Option<&mut W> {
        self.pending.as_mut()?.find(id).map(|proposal| &mut proposal.waiting)
    }

    /// Returns the state that waits for the outcome of the newest pending message.
    pub fn last_waiting(&mut self) -> Option<&mut W> {
        self.pending.as_mut()?.last().map(|proposal| &mut proposal.waiting)
    }

    /// Iterates over the waiting states, mutable, in the order of the messages.
    pub fn waiting_mut(&mut self) -> impl Iterator<Item = &mut W> {
        let proposals = self.pending.iter_mut().flat_map(|pending| pending.iter_mut());
        proposals.map(|proposal| &mut proposal.waiting)
    }

    /// Iterates over the waiting states.
    pub fn waiting(&self) -> impl Iterator<Item = &W> {
        let proposals = self.pending.iter().flat_map(|pending| pending.iter());
        proposals.map(|proposal| &proposal.waiting)
    }

    /// Begins the next part to write, if there is one and nothing is under way.
    pub fn begin(&mut self) -> Option<Part<E>> {
        let pending = self.pending.as_mut()?;
        pending.is_queued = false;
        let is_ready = pending.is_ready();
        let part = is_ready.then(|| pending.begin(self.head, &mut self.events));
        self.drop_pending();
        part
    }

    pub(super) fn settle(
        &mut self,
        outcome: CommitOutcome,
        retry: Tick,
    ) -> (bool, usize, Option<Tick>) {
        let settled =
            self.pending.as_mut().map(|pending| pending.settle(outcome, self.head, retry));
        self.drop_pending();
        settled.unwrap_or_default()
    }

    fn drop_pending(&mut self) {
        self.pending.take_if(|pending| pending.is_empty() && !pending.is_queued);
    }

    /// Adds an event behind all proposals.
    pub(super) fn add_event(&mut self, event: (E, usize), at: Tick) -> Result<Option<Tick>, ()> {
        self.pending.get_or_insert_default().add_event(event, at)
    }

    /// Marks the room as due, if its time has come.
    pub(super) fn came(&mut self, now: Tick) {
        if let Some(pending) = &mut self.pending {
            pending.came(now);
        }
    }

    /// Marks the room as queued if it is ready and was not queued. Returns true if so.
    pub(super) fn queue(&mut self) -> bool {
        self.pending.as_mut().is_some_and(|pending| {
            pending.is_ready() && !std::mem::replace(&mut pending.is_queued, true)
        })
    }

    /// Takes the outcome of a clear, if it is known.
    pub(super) fn take_cleared(&mut self) -> bool {
        let is_cleared = self.pending.as_mut().is_some_and(|pending| pending.take_cleared());
        self.drop_pending();
        is_cleared
    }

    /// True if the outcome of the oldest message is known.
    pub fn has_outcome(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.has_outcome())
    }

    /// Returns the history of a room that a store keeps from `oldest` on, with nothing in memory.
    pub(super) fn stored(head: Offset, oldest: Offset) -> Self {
        Self { head, stored_from: Some(oldest), ..Self::default() }
    }

    /// Continues the numbers of events after those that the store keeps.
    pub(super) fn continue_events(&mut self, last: u64) {
        self.events = last;
    }

    /// Records the oldest offset that the store keeps. It never decreases.
    pub(super) fn note_oldest(&mut self, oldest: Offset) {
        if let Some(stored) = &mut self.stored_from {
            *stored = oldest.max(*stored);
        }
    }

    pub(super) fn propose(&mut self, proposal: Proposal<W>) {
        self.pending.get_or_insert_default().push(proposal);
    }

    /// Takes the oldest message with an outcome. A message that was kept and then forgotten keeps
    /// its place in the numbering.
    pub(super) fn take_settled(&mut self) -> Option<(Proposal<W>, Fate)> {
        let (proposal, fate) = self.pending.as_mut()?.pop()?;
        self.drop_pending();
        let is_hole = planted!("hole-after-a-failed-batch") && fate == Fate::NotKept;
        if fate == Fate::Forgotten || is_hole {
            self.head += 1;
            self.note_oldest(self.head + 1);
        }
        Some((proposal, fate))
    }

    pub(super) fn keep(&mut self, message: Rc<Message>, now: Tick, limits: &Limits) {
        debug_assert_eq!(message.offset, self.head + 1);
        self.head = message.offset;
        self.recent.keep(message, now, limits);
    }

    pub(super) fn forget_oldest(&mut self) {
        self.recent.forget_oldest();
    }

    /// Remembers the id of the newest message.
    pub(super) fn remember(&mut self, id: SaidId, now: Tick, limits: &Limits) {
        let said = self.said.get_or_insert_default();
        said.forget_old(now, limits.said_once_age);
        said.remember(id, self.head, now, limits);
        self.change_said(|_| {});
    }

    /// Returns the offset of the message with this id, unless the id has expired.
    pub(super) fn find(&mut self, id: SaidId, now: Tick, age: Duration) -> Option<Offset> {
        self.change_said(|said| said.forget_old(now, age));
        let is_forgotten = |offset: &Offset| {
            planted!("said-id-is-forgotten-with-its-message") && *offset < self.oldest()
        };
        self.said.as_ref()?.find(id).filter(|offset| !is_forgotten(offset))
    }

    /// Forgets the older half of the ids. Returns false if no more can be forgotten.
    pub(super) fn forget_half_said(&mut self) -> bool {
        self.said.as_mut().is_some_and(|said| said.forget_half())
    }

    /// Changes the remembered ids. An empty set owns no memory.
    fn change_said(&mut self, change: impl FnOnce(&mut SaidIds)) {
        self.said = self.said.take().and_then(|mut said| {
            change(&mut said);
            (!said.is_empty()).then_some(said)
        });
    }

    pub(super) fn clear(&mut self) {
        self.recent = Recent::default();
        self.said = None;
        self.note_oldest(self.head + 1);
    }

    /// True if a clear is not done.
    pub(super) fn is_clearing(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.is_clearing())
    }

    /// True if a store may keep something of the room.
    pub(super) fn may_be_stored(&self) -> bool {
        self.head > 0 || self.events > 0 || self.pending() > 0
    }

    /// Requests a clear of the store, behind all that is pending.
    pub(super) fn clear_remotely(&mut self) {
        self.pending.get_or_insert_default().forget();
    }

    /// Returns the time of the first reminder, if one is needed and none is under way.
    pub(super) fn remind_first(&mut self, now: Tick, age: Duration) -> Option<Tick> {
        if self.ages_at.is_some() || self.recent.is_empty() && self.said.is_none() {
            return None;
        }
        self.ages_at = Some(now.after(age));
        self.ages_at
    }

    /// Forgets expired messages and ids, if the reminder has come. Returns the time of the next
    /// one.
    pub(super) fn forget_old(&mut self, now: Tick, limits: &Limits) -> Option<Tick> {
        self.ages_at.filter(|at| *at <= now)?;
        self.recent.forget_before(oldest_worth_keeping(now, limits.history_age));
        self.change_said(|said| said.forget_old(now, limits.said_once_age));
        let message = self.recent.oldest_said().map(|said| said.after(limits.history_age));
        let said = self.said.as_ref().and_then(|said| said.oldest_at());
        let said = said.map(|at| at.after(limits.said_once_age));
        let next = message.into_iter().chain(said).min();
        self.ages_at = next.map(|at| at.max(Tick(now.0 + 1)));
        self.ages_at
    }
}

/// Returns the tick before which a message is too old at `now`.
fn oldest_worth_keeping(now: Tick, age: Duration) -> Tick {
    Tick(now.0.saturating_sub(Tick(0).after(age).0.saturating_sub(1)))
}
