//! One connected client, as the engine knows it.

use super::outbox::Outbox;
use crate::id::{ConnId, Offset};
use crate::limits::Limits;
use crate::now::Tick;
use crate::reason::CloseReason;
use crate::session::{Action, Conversation, Fault, Session};
use slab::Slab;
use smallvec::SmallVec;
use std::num::NonZeroU32;

/// Everyone connected. A slot is named together with its tenant's generation.
#[derive(Debug, Default)]
pub struct Peers {
    slots: Slab<Peer>,
    generation: u32,
}

/// One connected client. Everything that only a busy peer needs is behind a pointer.
#[derive(Debug)]
pub struct Peer {
    /// The peer's own name.
    pub id: ConnId,
    /// Its conversation.
    pub session: Session,
    /// Which of the engine's services it came to.
    pub service: u8,
    /// Where its entry in the wheel stands. Other entries that name it are left over.
    pub due: Tick,
    /// When it was last heard.
    pub heard: Tick,
    /// Pinged, and not heard since.
    pub pinged: bool,
    /// The kernel took no more; no write until it says otherwise.
    pub blocked: bool,
    /// Its transport holds bytes that the kernel has not taken.
    pub has_pending_output: bool,
    /// Waiting in the ready lane of the flush.
    pub ready: bool,
    /// Why it is not read from, if it is not.
    pub held: Option<Hold>,
    /// It will send no more.
    pub ended: bool,
    /// It has said all it wanted to, and goes once it has what it is owed.
    pub leaving: bool,
    /// Bytes that came and are not parsed yet.
    pub inbox: Option<Box<Inbox>>,
    /// What it alone is owed.
    pub outbox: Option<Box<Outbox>>,
    /// Its place on each of its tapes. The first two need no memory elsewhere.
    pub seats: SmallVec<[Seat; 2]>,
    /// Why it is set aside, if it is.
    pub aside: Option<Box<Aside>>,
}

// There are ten thousand of them, and nearly all are idle.
const _: () = assert!(size_of::<Peer>() <= 88);

/// Why a peer is not read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It has to read some of what it is owed, or to be answered.
    Output,
    /// The store that keeps the messages has to answer first.
    Commit,
}

/// Why a peer is set aside, and not listened to. It is never two of these at once: what would make it
/// wait for a second thing is not read, and who goes waits for nothing.
#[derive(Debug)]
pub enum Aside {
    /// It asked for something, and must have it before it is listened to again.
    Waiting(Awaited),
    /// It asked for something that cannot be done yet.
    Paused(Action<'static>),
    /// It closes.
    Closing(Close),
}

/// What a peer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The replay of this tape's room up to an offset, so that no answer overtakes it.
    Replay(u32, Offset),
    /// The answer of somebody outside: see [`Engine::verified`](super::Engine::verified).
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

/// Bytes that came and are not parsed yet.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    parsed: usize,
}

impl Inbox {
    /// An inbox that holds these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), parsed: 0 }
    }

    /// What is still to be parsed.
    pub fn unparsed(&self) -> &[u8] {
        self.bytes.get(self.parsed..).unwrap_or_default()
    }

    /// `count` bytes were parsed. Space is reused once it is worth the move.
    pub fn parsed(&mut self, count: usize) {
        self.parsed += count;
        if self.parsed * 2 >= self.bytes.len() {
            self.bytes.drain(..self.parsed);
            self.parsed = 0;
        }
    }

    /// More came.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// The close of a peer.
#[derive(Debug)]
pub struct Close {
    /// The reason, and what the peer is told.
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
    /// Requested; `reap` acts on it.
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
    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Lets a slot; `None` when there are 2³² peers.
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

    /// The tenant `id` names, if it has not left.
    pub fn get(&self, id: ConnId) -> Option<&Peer> {
        self.slots
            .get(id.slot())
            .filter(|peer| peer.id == id || planted!("stale-id-meets-a-stranger"))
    }

    /// The same, to change.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Peer> {
        self.slots
            .get_mut(id.slot())
            .filter(|peer| peer.id == id || planted!("stale-id-meets-a-stranger"))
    }

    /// Frees the slot.
    pub fn remove(&mut self, id: ConnId) -> Option<Peer> {
        self.get(id)?;
        self.slots.try_remove(id.slot())
    }

    /// Everyone, in the order of slots.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.slots.iter().map(|(_, peer)| peer)
    }
}

impl Peer {
    /// The outbox, made if there is none.
    pub fn outbox_mut(&mut self) -> &mut Outbox {
        self.outbox.get_or_insert_default()
    }

    /// It no longer reads `tape`, so nothing there is to be left out. An empty outbox goes.
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

    /// True if only an outcome of the store lets it go on.
    pub fn awaits_commit(&self) -> bool {
        self.held == Some(Hold::Commit)
    }

    /// Bytes it asked for and has not read.
    pub fn owed(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.weight())
    }

    /// True if it must read some of what it asked for, or wait for an answer, before it is read from
    /// again. Before login it may owe less.
    pub fn is_to_wait(&self, limits: &Limits) -> bool {
        let owed_max = limits.outbox_soft_for(self.session.is_greeted());
        self.awaits().is_some()
            || self.owed() > owed_max
            || self.outbox.as_ref().is_some_and(|outbox| outbox.has_page())
    }

    /// Whether somebody outside is to answer it first.
    pub fn awaits_answer(&self) -> bool {
        self.awaits() == Some(Awaited::Answer)
    }

    /// True if it has asked for a replay, and must have it first.
    pub fn awaits_replay(&self) -> bool {
        matches!(self.awaits(), Some(Awaited::Replay(..)))
    }

    fn awaits(&self) -> Option<Awaited> {
        match self.aside.as_deref()? {
            Aside::Waiting(awaited) => Some(*awaited),
            Aside::Paused(_) | Aside::Closing(_) => None,
        }
    }

    /// It is not listened to before it has this.
    pub fn wait_for(&mut self, awaited: Awaited) {
        if self.is_open() {
            self.aside = Some(Box::new(Aside::Waiting(awaited)));
        }
    }

    /// Keeps an action that cannot be carried out yet. It comes before everything else.
    pub fn pause(&mut self, action: Action<'static>) {
        if self.is_open() {
            self.aside = Some(Box::new(Aside::Paused(action)));
        }
    }

    /// Takes the action that was kept.
    pub fn take_paused(&mut self) -> Option<Action<'static>> {
        let is_paused = |aside: &mut Box<Aside>| matches!(**aside, Aside::Paused(_));
        match *self.aside.take_if(is_paused)? {
            Aside::Paused(action) => Some(action),
            Aside::Waiting(_) | Aside::Closing(_) => None,
        }
    }

    /// Somebody outside has answered it.
    pub fn answered(&mut self) {
        if self.awaits_answer() {
            self.aside = None;
        }
    }

    /// It no longer waits for the replay of `tape`, if that `is_over`, told the last offset of it.
    pub fn replayed(&mut self, tape: usize, is_over: impl FnOnce(Offset) -> bool) {
        if let Some(Awaited::Replay(awaited, last)) = self.awaits()
            && awaited as usize == tape
            && is_over(last)
        {
            self.aside = None;
        }
    }

    /// Whether it still takes part: nobody has asked for its end.
    pub fn is_open(&self) -> bool {
        self.closing().is_none()
    }

    /// True if answers are still sent: until its final bytes are laid out its tapes go on, and what it asked
    /// for is among what comes on them. Not if it has fallen off one, and only the end of a message follows.
    pub fn is_owed_answers(&self) -> bool {
        self.closing().is_none_or(|close| {
            let is_whole = !matches!(
                close.fault.reason,
                CloseReason::SlowConsumer | CloseReason::OutboxFull | CloseReason::Lost
            );
            close.phase == Phase::Marked && is_whole
        })
    }

    /// Whether what it sends is heeded.
    pub fn is_heard(&self) -> bool {
        self.is_open() && !self.leaving
    }

    /// True if it may be written to: it is open or has final bytes to send, and its kernel takes more.
    pub fn is_writable(&self) -> bool {
        !self.blocked
            && match self.phase() {
                None | Some(Phase::FinalBytes) => true,
                // The end of the stream may be output, too.
                Some(Phase::Lingering) => self.has_pending_output,
                Some(Phase::Marked | Phase::Done) => false,
            }
    }

    /// The step that its close has reached.
    pub fn phase(&self) -> Option<Phase> {
        self.closing().map(|closing| closing.phase)
    }

    /// Its close, once it is requested.
    pub fn closing(&self) -> Option<&Close> {
        match self.aside.as_deref()? {
            Aside::Waiting(_) | Aside::Paused(_) => None,
            Aside::Closing(close) => Some(close),
        }
    }

    /// The same, to change.
    pub fn closing_mut(&mut self) -> Option<&mut Close> {
        match self.aside.as_deref_mut()? {
            Aside::Waiting(_) | Aside::Paused(_) => None,
            Aside::Closing(close) => Some(close),
        }
    }

    /// Its seat on a tape.
    pub fn seat_on(&self, tape: usize) -> Option<Seat> {
        self.seats.iter().find(|seat| seat.tape as usize == tape).copied()
    }
}
