//! The messages of each room: which are kept, in which order, and for how long. Sans I/O.
//!
//! There is one [`History`] per relay, and one [`RoomHistory`] per room. No other module changes
//! the history of a room. A relay keeps its messages in one of two ways:
//!
//! - in memory, where a message is kept in the call that [appends](History::append) it;
//! - remotely, where a message is [proposed](History::propose), handed out as part of an [`Append`],
//!   and has its [outcome](CommitOutcome) later.

mod page;
mod pending;
mod recent;
mod room;
mod said;

pub use page::{
    OpenOutcome, OpenRequest, PageOutcome, PageRequest, ReadId, StoredPage, StoredRoom,
};
pub use pending::{CommitOutcome, EVENTS_MAX, Part, PlacedEvent};
pub use recent::{Mark, Question, SaidId, Select};
pub use room::RoomHistory;

use crate::id::{Epoch, Offset, RoomId};
use crate::limits::Limits;
use crate::now::Tick;
use crate::payload::Message;
use pending::{Fate, Proposal};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// The history of all rooms together: the place where messages are kept, and their bytes.
#[derive(Debug, Default)]
pub struct History {
    kind: Kind,
    kept: usize,
    /// Bytes of memory that ids of messages take.
    said: usize,
}

/// The place where messages are kept.
#[derive(Debug, Default)]
enum Kind {
    #[default]
    Memory,
    Remote(Remote),
}

/// The messages of all rooms whose outcome is not known yet.
#[derive(Debug, Default)]
struct Remote {
    /// Rooms that have messages to keep, and no append under way.
    ready: VecDeque<RoomId>,
    proposals: usize,
    /// The weight of the proposals, in bytes.
    bytes: usize,
    /// Rooms whose clear is not done.
    clears: usize,
    /// Events that were dropped: there were too many, or a store did not keep them.
    events_dropped: u64,
}

/// Time after which events are written even without messages, and a failed clear is repeated.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// A message that was kept.
#[derive(Debug)]
pub struct Kept {
    /// The message, with its offset.
    pub message: Rc<Message>,
    /// The time at which the room's oldest message expires, if no reminder is set yet.
    pub remind: Option<Tick>,
}

/// A message whose outcome is known, and the state that waited for it.
#[derive(Debug)]
pub enum Settled<W> {
    /// The message is kept.
    Kept(Kept, W),
    /// The message is certainly not kept.
    NotKept(Rc<Message>, W),
    /// A clear instead of a message: all that the room kept is forgotten.
    Cleared,
}

/// Messages of one room that are to be kept, all or the first ones, and the events among them. An
/// event is kept if all messages up to its place are kept. `E` is the type of an event.
#[derive(Debug)]
pub struct Append<E> {
    /// The room.
    pub room: RoomId,
    /// Its name, as first spelt.
    pub name: Rc<str>,
    /// Its numbering.
    pub epoch: Epoch,
    /// The newest offset before. A store outside of the relay keeps none of the messages here yet.
    pub after: Offset,
    /// The messages in their order, each with the id under which it is kept once.
    pub messages: Vec<(Rc<Message>, Option<SaidId>)>,
    /// The events, in order, each behind `after` or one of the messages.
    pub events: Vec<PlacedEvent<E>>,
    /// True if there are no messages and events, and everything up to `after` is to be forgotten
    /// instead. The clear is done when the append is reported as kept.
    pub clears: bool,
}

impl History {
    /// Returns a history that is kept outside of the relay.
    pub fn remote() -> Self {
        Self { kind: Kind::Remote(Remote::default()), kept: 0, said: 0 }
    }

    /// True if messages are kept outside of the relay.
    pub fn is_remote(&self) -> bool {
        matches!(self.kind, Kind::Remote(_))
    }

    /// Returns the history of a room of which nothing is kept.
    pub fn begin<W, E>(&self) -> RoomHistory<W, E> {
        match self.kind {
            Kind::Memory => RoomHistory::default(),
            Kind::Remote(_) => RoomHistory::stored(0, 1),
        }
    }

    /// Returns the history of a room that a store knows, with its newest messages in memory, and
    /// the time at which the oldest of them expires. The messages must be [sound].
    ///
    /// [sound]: StoredRoom::is_sound
    pub fn restore<W, E>(
        &mut self,
        stored: StoredRoom,
        now: Tick,
        limits: &Limits,
    ) -> (RoomHistory<W, E>, Option<Tick>) {
        let before = stored.head - stored.messages.len() as Offset;
        let (mut room, mut remind) = (RoomHistory::stored(before, stored.oldest), None);
        room.continue_events(stored.events);
        for (message, id) in stored.messages {
            remind = remind.or(self.keep(&mut room, message, id, now, limits).remind);
        }
        (room, remind)
    }

    /// Records the oldest offset that a store still keeps of a room.
    pub fn note_oldest<W, E>(&self, room: &mut RoomHistory<W, E>, oldest: Offset) {
        room.note_oldest(oldest);
    }

    /// Returns the bytes of messages that are kept, in all rooms.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Returns the bytes of memory that ids of messages take, in all rooms.
    pub fn said(&self) -> usize {
        self.said
    }

    /// Returns the offset of the message with this id in a room, if it was published there
    /// recently.
    pub fn find<W, E>(
        &mut self,
        room: &mut RoomHistory<W, E>,
        id: SaidId,
        now: Tick,
        limits: &Limits,
    ) -> Option<Offset> {
        let before = room.said_weight();
        let found = room.find(id, now, limits.said_once_age);
        self.said = self.said - before + room.said_weight();
        found
    }

    /// Returns the number of messages that wait for their outcome, in all rooms.
    pub fn pending(&self) -> usize {
        match &self.kind {
            Kind::Memory => 0,
            Kind::Remote(remote) => remote.proposals,
        }
    }

    /// Returns the weight of messages that wait for their outcome, in all rooms.
    pub fn pending_weight(&self) -> usize {
        match &self.kind {
            Kind::Memory => 0,
            Kind::Remote(remote) => remote.bytes,
        }
    }

    /// True if no message and no clear waits for its outcome, in all rooms.
    pub fn is_settled(&self) -> bool {
        match &self.kind {
            Kind::Memory => true,
            Kind::Remote(remote) => remote.proposals + remote.clears == 0,
        }
    }

    /// Gives a message the next offset of its room and keeps it, within the limits.
    #[inline]
    pub fn append<W, E>(
        &mut self,
        room: &mut RoomHistory<W, E>,
        mut message: Message,
        id: Option<SaidId>,
        now: Tick,
        limits: &Limits,
    ) -> Kept {
        message.offset = room.head() + 1;
        self.keep(room, Rc::new(message), id, now, limits)
    }

    #[inline]
    fn keep<W, E>(
        &mut self,
        room: &mut RoomHistory<W, E>,
        message: Rc<Message>,
        id: Option<SaidId>,
        now: Tick,
        limits: &Limits,
    ) -> Kept {
        let before = room.weight();
        room.keep(Rc::clone(&message), now, limits);
        self.kept = self.kept - before + room.weight();
        // The room that is published to loses old messages, all of them if necessary.
        while self.kept > limits.history_total && !room.is_empty() {
            let before = room.weight();
            room.forget_oldest();
            self.kept -= before - room.weight();
        }
        let mut age = limits.history_age;
        if let Some(id) = id {
            self.remember(room, id, now, limits);
            age = age.min(limits.said_once_age);
        }
        Kept { message, remind: room.remind_first(now, age) }
    }

    /// Remembers the id of a room's newest message. If all ids together take too much memory, the
    /// room that is published to forgets older ids, but never the newest, however many other rooms
    /// have.
    fn remember<W, E>(
        &mut self,
        room: &mut RoomHistory<W, E>,
        id: SaidId,
        now: Tick,
        limits: &Limits,
    ) {
        let mut before = room.said_weight();
        room.remember(id, now, limits);
        loop {
            self.said = self.said - before + room.said_weight();
            before = room.said_weight();
            if self.said <= limits.said_once_total || !room.forget_half_said() {
                return;
            }
        }
    }

    /// Proposes a message whose outcome comes later, with the state that waits for it.
    pub fn propose<W, E>(
        &mut self,
        id: RoomId,
        room: &mut RoomHistory<W, E>,
        message: Message,
        said_id: Option<SaidId>,
        waiting: W,
    ) {
        let Kind::Remote(remote) = &mut self.kind else { return };
        remote.proposals += 1;
        remote.bytes += message.weight();
        let message = Rc::new(message);
        room.propose(Proposal { message, id: said_id, waiting });
        remote.note_ready(id, room);
    }

    /// Adds an event and its weight behind all proposals of a room. Returns the time at which the
    /// room must [come again](Self::come_again), if no such time was set before.
    pub fn add_event<W, E>(
        &mut self,
        room: &mut RoomHistory<W, E>,
        event: (E, usize),
        now: Tick,
    ) -> Option<Tick> {
        let Kind::Remote(remote) = &mut self.kind else { return None };
        room.add_event(event, now.after(COME_AGAIN)).unwrap_or_else(|()| {
            remote.events_dropped += 1;
            None
        })
    }

    /// Returns the number of events that were dropped: there were too many, or a store did not keep
    /// them.
    pub fn events_dropped(&self) -> u64 {
        match &self.kind {
            Kind::Memory => 0,
            Kind::Remote(remote) => remote.events_dropped,
        }
    }

    /// Makes a room ready to write the events or the clear that waited for this time.
    pub fn come_again<W, E>(&mut self, id: RoomId, room: &mut RoomHistory<W, E>, now: Tick) {
        if let Kind::Remote(remote) = &mut self.kind {
            room.came(now);
            remote.note_ready(id, room);
        }
    }

    /// Takes the outcome of a room's append or clear that is under way. Returns true if there is
    /// something to apply, and the time at which the room must come again, if no such time was set
    /// before.
    pub fn settle<W, E>(
        &mut self,
        id: RoomId,
        room: &mut RoomHistory<W, E>,
        outcome: CommitOutcome,
        now: Tick,
    ) -> (bool, Option<Tick>) {
        let Kind::Remote(remote) = &mut self.kind else { return (false, None) };
        let (has_outcome, lost, comes) = room.settle(outcome, now.after(COME_AGAIN));
        remote.events_dropped += lost as u64;
        remote.note_ready(id, room);
        (has_outcome, comes)
    }

    /// Returns a room that has, or had, messages to keep and no append under way.
    pub fn take_ready(&mut self) -> Option<RoomId> {
        match &mut self.kind {
            Kind::Memory => None,
            Kind::Remote(remote) => remote.ready.pop_front(),
        }
    }

    /// Applies the oldest outcome of a room whose outcomes were reported.
    pub fn apply_next<W, E>(
        &mut self,
        id: RoomId,
        room: &mut RoomHistory<W, E>,
        now: Tick,
        limits: &Limits,
    ) -> Option<Settled<W>> {
        let Kind::Remote(remote) = &mut self.kind else { return None };
        if room.take_cleared() {
            remote.clears -= usize::from(!room.is_clearing());
            remote.note_ready(id, room);
            return Some(Settled::Cleared);
        }
        let (proposal, fate) = room.take_settled()?;
        remote.proposals -= 1;
        remote.bytes -= proposal.message.weight();
        remote.note_ready(id, room);
        let Proposal { message, id, waiting, .. } = proposal;
        Some(match fate {
            Fate::Kept => Settled::Kept(self.keep(room, message, id, now, limits), waiting),
            Fate::Forgotten => Settled::Kept(Kept { message, remind: None }, waiting),
            Fate::NotKept => Settled::NotKept(message, waiting),
        })
    }

    /// Forgets expired messages and ids of a room whose reminder may have come. Returns the time of
    /// the next reminder.
    pub fn forget_old<W, E>(
        &mut self,
        room: &mut RoomHistory<W, E>,
        now: Tick,
        limits: &Limits,
    ) -> Option<Tick> {
        let (before, said) = (room.weight(), room.said_weight());
        let remind = room.forget_old(now, limits);
        self.kept -= before - room.weight();
        self.said -= said - room.said_weight();
        remind
    }

    /// Forgets everything that a room keeps, and its pending messages. A store must forget it, too.
    /// The numbering continues.
    pub fn clear<W, E>(&mut self, id: RoomId, room: &mut RoomHistory<W, E>) {
        self.kept -= room.weight();
        self.said -= room.said_weight();
        let is_stored = room.may_be_stored();
        room.clear();
        if let Kind::Remote(remote) = &mut self.kind
            && is_stored
        {
            remote.clears += usize::from(!room.is_clearing());
            room.clear_remotely();
            remote.note_ready(id, room);
        }
    }
}

impl Remote {
    /// Queues a room if something of it can be written.
    fn note_ready<W, E>(&mut self, id: RoomId, room: &mut RoomHistory<W, E>) {
        if room.queue() {
            self.ready.push_back(id);
        }
    }
}
