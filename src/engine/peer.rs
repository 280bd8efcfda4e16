//! Peers: the connected clients, as the engine knows them.

use super::outbox::Outbox;
use crate::id::{ConnId, Offset};
use crate::limits::Limits;
use crate::now::Tick;
use crate::reason::CloseReason;
use crate::session::{Action, Conversation, Fault, Session};
use slab::Slab;
use smallvec::SmallVec;
use std::num::NonZeroU32;

/// All connected peers. A slot is named together with the generation of its peer.
#[derive(Debug, Default)]
pub struct Peers {
    slots: Slab<Peer>,
    generation: u32,
}

/// One connected client. State that only a busy peer needs is behind a pointer.
#[derive(Debug)]
pub struct Peer {
    /// The peer's id.
    pub id: ConnId,
    /// The protocol session.
    pub session: Session,
    /// The index of the service that the peer connected to.
    pub service: u8,
    /// The tick of the peer's entry in the wheel. Other entries that name the peer are outdated.
    pub due: Tick,
    /// The time at which the peer last sent something.
    pub heard: Tick,
    /// True if the peer was pinged and has sent nothing since.
    pub pinged: bool,
    /// True if the kernel accepts no more bytes. There are no writes until the socket is writable.
    pub blocked: bool,
    /// True if the transport holds bytes that the kernel has not accepted.
    pub has_pending_output: bool,
    /// True if the peer waits in the ready lane of the flush.
    pub ready: bool,
    /// The reason why the relay does not read from the peer, if it does not.
    pub held: Option<Hold>,
    /// True if the peer has ended its stream.
    pub ended: bool,
    /// True if the peer is leaving: it closes once it has received what is pending.
    pub leaving: bool,
    /// Received bytes that are not parsed yet.
    pub inbox: Option<Box<Inbox>>,
    /// Pending bytes for this peer alone.
    pub outbox: Option<Box<Outbox>>,
    /// The peer's seat on each of its tapes. The first two need no memory elsewhere.
    pub seats: SmallVec<[Seat; 2]>,
    /// The reason why the peer's commands wait, if they do.
    pub aside: Option<Box<Aside>>,
}

// There are ten thousand peers, and nearly all are idle.
const _: () = assert!(size_of::<Peer>() <= 88);

/// The reason why the relay does not read from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The peer has to read some of its pending output, or wait for an answer.
    Output,
    /// The store has to report the outcome of an append first.
    Commit,
}

/// The reason why a peer's commands are not carried out. There is never more than one: nothing is
/// read that could make the peer wait for a second reason, and a closing peer waits for nothing.
#[derive(Debug)]
pub enum Aside {
    /// The peer requested something, and its next command waits for the answer.
    Waiting(Awaited),
    /// The peer requested an action that cannot be carried out yet.
    Paused(Action<'static>),
    /// The peer is closing.
    Closing(Close),
}

/// The answer that a peer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The replay of this tape's room up to an offset, so that no answer overtakes it.
    Replay(u32, Offset),
    /// The answer of a job: see [`Engine::verified`](super::Engine::verified).
    Answer,
}

/// A peer's place on one tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The tape.
    pub tape: u32,
    /// The peer's index among its members.
    pub index: u32,
}

/// Received bytes that are not parsed yet.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    parsed: usize,
}

impl Inbox {
    /// Creates an inbox that holds these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), parsed: 0 }
    }

    /// Returns the bytes that are not parsed yet.
    pub fn unparsed(&self) -> &[u8] {
        self.bytes.get(self.parsed..).unwrap_or_default()
    }

    /// Removes `count` parsed bytes. The space is reused once at least half of it is parsed.
    pub fn parsed(&mut self, count: usize) {
        self.parsed += count;
        if self.parsed * 2 >= self.bytes.len() {
            self.bytes.drain(..self.parsed);
            self.parsed = 0;
        }
    }

    /// Appends received bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// The close of a peer.
#[derive(Debug)]
pub struct Close {
    /// The reason, and the text sent to the peer.
    pub fault: Fault,
    /// The step that it has reached.
    pub phase: Phase,
    /// The time at which the socket is dropped, whatever the peer does.
    pub until: Tick,
    /// Bytes read and thrown away since.
    pub discarded: usize,
}

/// The steps of a close, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The close was requested; `reap` carries it out.
    Marked,
    /// The peer has left its rooms, and its final bytes are being sent.
    FinalBytes,
    /// Everything was sent. The socket stays until the peer hangs up too: closing it with unread
    /// bytes inside would reset the connection and take the final bytes with it.
    Lingering,
    /// The socket can be dropped; `release` follows.
    Done,
}

impl Peers {
    /// Returns the number of peers.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a peer in a free slot; `None` if there are 2³² peers.
    pub fn insert(&mut self, session: Session, service: u8, now: Tick) -> Option<ConnId> {
        self.generation = self.generation.wrapping_add(1).max(1);
        let slot = u32::try_from(self.slots.vacant_key()).ok()?;
        let id = ConnId::new(slot, NonZeroU32::new(self.generation)?);
        self.slots.insert(Peer {
            id,
            session,
            service,
            due: now,
            heard: now,
            pinged: false,
            blocked: false,
            has_pending_output: false,
            ready: false,
            held: None,
            ended: false,
            leaving: false,
            inbox: None,
            outbox: None,
            seats: SmallVec::new(),
            aside: None,
        });
        Some(id)
    }

    /// Returns the peer with this id, if it is still connected.
    pub fn get(&self, id: ConnId) -> Option<&Peer> {
        self.slots
            .get(id.slot())
            .filter(|peer| peer.id == id || planted!("stale-id-meets-a-stranger"))
    }

    /// Returns the peer with this id, mutable, if it is still connected.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Peer> {
        self.slots
            .get_mut(id.slot())
            .filter(|peer| peer.id == id || planted!("stale-id-meets-a-stranger"))
    }

    /// Removes a peer and frees its slot.
    pub fn remove(&mut self, id: ConnId) -> Option<Peer> {
        self.get(id)?;
        self.slots.try_remove(id.slot())
    }

    /// Iterates over all peers, in the order of slots.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.slots.iter().map(|(_, peer)| peer)
    }
}

impl Peer {
    /// Returns the outbox, created if there is none.
    pub fn outbox_mut(&mut self) -> &mut Outbox {
        self.outbox.get_or_insert_default()
    }

    /// Forgets the skips on a tape that the peer no longer reads. Drops an empty outbox.
    pub fn forget_skips(&mut self, tape: usize) {
        if let Some(outbox) = &mut self.outbox {
            if !planted!("skip-outlives-its-tape") {
                outbox.skipped(tape, u64::MAX);
            }
            if outbox.is_empty() {
                self.outbox = None;
            }
        }
    }

    /// True if the peer is not read from until the store reports an outcome.
    pub fn awaits_commit(&self) -> bool {
        self.held == Some(Hold::Commit)
    }

    /// Returns the pending bytes that count against the peer.
    pub fn owed(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.weight())
    }

    /// True if the peer must read pending output, or wait for an answer, before the relay reads
    /// from it again. Before login the limit is lower.
    pub fn is_to_wait(&self, limits: &Limits) -> bool {
        let owed_max = limits.outbox_soft_for(self.session.is_greeted());
        self.awaits().is_some()
            || self.owed() > owed_max
            || self.outbox.as_ref().is_some_and(|outbox| outbox.has_page())
    }

    /// True if the peer waits for the answer of a job.
    pub fn awaits_answer(&self) -> bool {
        self.awaits() == Some(Awaited::Answer)
    }

    /// True if the peer waits for a replay that it requested.
    pub fn awaits_replay(&self) -> bool {
        matches!(self.awaits(), Some(Awaited::Replay(..)))
    }

    fn awaits(&self) -> Option<Awaited> {
        match self.aside.as_deref()? {
            Aside::Waiting(awaited) => Some(*awaited),
            Aside::Paused(_) | Aside::Closing(_) => None,
        }
    }

    /// Makes the peer's commands wait for this answer.
    pub fn wait_for(&mut self, awaited: Awaited) {
        if self.is_open() {
            self.aside = Some(Box::new(Aside::Waiting(awaited)));
        }
    }

    /// Keeps an action that cannot be carried out yet. It precedes all later actions.
    pub fn pause(&mut self, action: Action<'static>) {
        if self.is_open() {
            self.aside = Some(Box::new(Aside::Paused(action)));
        }
    }

    /// Takes out the action that was kept.
    pub fn take_paused(&mut self) -> Option<Action<'static>> {
        let is_paused = |aside: &mut Box<Aside>| matches!(**aside, Aside::Paused(_));
        match *self.aside.take_if(is_paused)? {
            Aside::Paused(action) => Some(action),
            Aside::Waiting(_) | Aside::Closing(_) => None,
        }
    }

    /// Ends the wait for the answer of a job.
    pub fn answered(&mut self) {
        if self.awaits_answer() {
            self.aside = None;
        }
    }

    /// Ends the wait for the replay of `tape` if `is_over` returns true for its last offset.
    pub fn replayed(&mut self, tape: usize, is_over: impl FnOnce(Offset) -> bool) {
        if let Some(Awaited::Replay(awaited, last)) = self.awaits()
            && awaited as usize == tape
            && is_over(last)
        {
            self.aside = None;
        }
    }

    /// True if no close of the peer was requested.
    pub fn is_open(&self) -> bool {
        self.closing().is_none()
    }

    /// True if answers are still sent. Until the final bytes are prepared, the tapes are still
    /// sent, and the answers are among their bytes. False if the peer was overrun or lost, because
    /// only the end of a message follows.
    pub fn is_owed_answers(&self) -> bool {
        self.closing().is_none_or(|close| {
            let is_whole = !matches!(
                close.fault.reason,
                CloseReason::SlowConsumer | CloseReason::OutboxFull | CloseReason::Lost
            );
            close.phase == Phase::Marked && is_whole
        })
    }

    /// True if the peer's commands are carried out.
    pub fn is_heard(&self) -> bool {
        self.is_open() && !self.leaving
    }

    /// True if the peer may be written to: it is open or has final bytes to send, and its kernel
    /// accepts more.
    pub fn is_writable(&self) -> bool {
        !self.blocked
            && match self.phase() {
                None | Some(Phase::FinalBytes) => true,
                // The end of the stream may be output, too.
                Some(Phase::Lingering) => self.has_pending_output,
                Some(Phase::Marked | Phase::Done) => false,
            }
    }

    /// Returns the step that the peer's close has reached.
    pub fn phase(&self) -> Option<Phase> {
        self.closing().map(|closing| closing.phase)
    }

    /// Returns the peer's close, once requested.
    pub fn closing(&self) -> Option<&Close> {
        match self.aside.as_deref()? {
            Aside::Waiting(_) | Aside::Paused(_) => None,
            Aside::Closing(close) => Some(close),
        }
    }

    /// Returns the peer's close, mutable, once requested.
    pub fn closing_mut(&mut self) -> Option<&mut Close> {
        match self.aside.as_deref_mut()? {
            Aside::Waiting(_) | Aside::Paused(_) => None,
            Aside::Closing(close) => Some(close),
        }
    }

    /// Returns the peer's seat on a tape.
    pub fn seat_on(&self, tape: usize) -> Option<Seat> {
        self.seats.iter().find(|seat| seat.tape as usize == tape).copied()
    }
}
