//! Pages: messages that are older than those in memory are read from the store that keeps them. The
//! engine hands out requests, takes their outcomes, and pauses the peers that wait for an answer.
//!
//! ```text
//! a question of a peer ──→ Query  ─┐                          ┌─→ answered, or refused
//!                                  ├→ take_page_request, page ┤
//! a replay below memory ─→ Replay ─┘                          └─→ laid out by the flush, or told as a gap
//! ```
//!
//! A peer has one query and one page of a replay under way, at most. A page is dropped if its peer
//! is gone, or reads from another place by now.

use super::Engine;
use super::peer::{Hold, Peer};
use super::tape::Place;
use super::tapes::Tapes;
use crate::history::{Mark, PageOutcome, PageRequest, Question, ReadId, Select, StoredPage};
use crate::hub::PageQuery;
use crate::id::{ConnId, Epoch, Offset, RoomId};
use crate::limits::REPLAY_PAGE;
use crate::now::{Now, Tick};
use crate::payload::Message;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// The most requests for pages without an outcome. Further ones are refused.
const PAGES_MAX: usize = 1_024;

/// The pages that are read from the store, and the peers that wait for them.
///
/// Invariants: a waiting query, and a waiting replay, has a request without an outcome; a peer with
/// a waiting query is not read.
#[derive(Debug, Default)]
pub(super) struct Pages {
    last: ReadId,
    /// The requests to hand out.
    ready: VecDeque<PageRequest>,
    /// The requests without an outcome.
    asked: HashMap<ReadId, Asked>,
    /// The queries of peers.
    queries: HashMap<ConnId, (ReadId, PageQuery)>,
    /// The replays that read from the store.
    replays: HashMap<ConnId, Replay>,
}

/// A request without an outcome.
#[derive(Clone, Copy, Debug)]
struct Asked {
    conn: ConnId,
    is_replay: bool,
    head: Offset,
    question: Question,
    /// The time after which no peer waits any longer.
    until: Tick,
}

/// A peer's replay that reads messages older than those in memory.
#[derive(Debug)]
struct Replay {
    id: ReadId,
    room: RoomId,
    epoch: Epoch,
    /// The next offset for the peer.
    next: Offset,
    state: State,
}

#[derive(Debug)]
enum State {
    Asked,
    /// The messages to send, from the next offset on.
    Arrived(VecDeque<Rc<Message>>),
    /// The store could not answer.
    Lost,
}

impl Pages {
    /// True if a query of the peer waits for its answer.
    pub(super) fn has_query(&self, conn: ConnId) -> bool {
        self.queries.contains_key(&conn)
    }

    /// True if the peer's replay waits for a page.
    pub(super) fn is_replaying(&self, conn: ConnId) -> bool {
        self.replays.get(&conn).is_some_and(|replay| matches!(replay.state, State::Asked))
    }

    /// True if all that is pending for a peer first has to be read from the store.
    pub(super) fn awaits_page_only(&self, peer: &Peer, tapes: &Tapes) -> bool {
        let is_recovering = |seat| matches!(tapes.at(seat), Some((_, Place::Recovering(_))));
        self.is_replaying(peer.id)
            && peer.outbox.is_none()
            && !peer.has_pending_output
            && peer.seats.iter().copied().filter(|seat| tapes.has_pending(*seat)).all(is_recovering)
    }

    /// Returns the room that the peer's replay reads from the store.
    pub(super) fn replay_room(&self, conn: ConnId) -> Option<RoomId> {
        self.replays.get(&conn).map(|replay| replay.room)
    }

    /// Takes the messages that have arrived for a replay; `Err` if the store could not answer.
    pub(super) fn take_arrived(
        &mut self,
        conn: ConnId,
        room: RoomId,
        next: Offset,
    ) -> Result<VecDeque<Rc<Message>>, ()> {
        let is_it = |replay: &mut Replay| !matches!(replay.state, State::Asked);
        let is_here = self.replays.get_mut(&conn).is_some_and(is_it);
        let replay = if is_here { self.replays.remove(&conn) } else { None };
        match replay.filter(|replay| (replay.room, replay.next) == (room, next)) {
            Some(Replay { state: State::Arrived(messages), .. }) => Ok(messages),
            Some(Replay { state: State::Lost, .. }) => Err(()),
            Some(Replay { state: State::Asked, .. }) | None => Ok(VecDeque::new()),
        }
    }

    /// Keeps the messages that did not fit for the next visit.
    pub(super) fn put_back(
        &mut self,
        conn: ConnId,
        (room, epoch): (RoomId, Epoch),
        messages: VecDeque<Rc<Message>>,
    ) {
        if let Some(first) = messages.front() {
            let (next, state) = (first.offset, State::Arrived(messages));
            let replay = Replay { id: ReadId::default(), room, epoch, next, state };
            self.replays.insert(conn, replay);
        }
    }

    /// Forgets the replay of a peer in a room.
    pub(super) fn forget_replay(&mut self, conn: ConnId, room: RoomId) {
        if self.replay_room(conn) == Some(room) {
            self.replays.remove(&conn);
        }
    }

    /// Forgets the query and the replay of a peer. Its requests continue, and count, until they
    /// have an outcome.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.queries.remove(&conn);
        self.replays.remove(&conn);
    }

    /// Returns the time at which the first request has taken too long.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.asked.values().map(|asked| asked.until).min()
    }

    fn ask(&mut self, asked: Asked, name: Rc<str>, epoch: Epoch) -> ReadId {
        self.last = self.last.next();
        let (id, Asked { head, question, .. }) = (self.last, asked);
        self.ready.push_back(PageRequest { id, name, epoch, head, question });
        self.asked.insert(id, asked);
        id
    }

    /// Takes out a request that has an outcome now, handed out or not.
    fn end(&mut self, id: ReadId) -> Option<Asked> {
        self.ready.retain(|request| request.id != id);
        self.asked.remove(&id)
    }

    /// Checks the invariants above.
    ///
    /// # Panics
    /// When one does not hold.
    pub(super) fn assert_invariants(&self) {
        assert!(self.asked.len() <= PAGES_MAX && self.ready.len() <= self.asked.len());
        for (conn, (id, query)) in &self.queries {
            let asked = self.asked.get(id).expect("a question that waits is asked");
            assert!(asked.conn == *conn && query.conn == *conn && !asked.is_replay);
        }
        for (conn, replay) in &self.replays {
            let asked = self.asked.get(&replay.id);
            let is_asked = asked.is_some_and(|asked| asked.conn == *conn && asked.is_replay);
            assert!(
                is_asked || !matches!(replay.state, State::Asked),
                "a replay waits for nothing"
            );
        }
    }
}

impl Engine {
    /// Returns the next page to read from the store, for [`page`](Self::page).
    pub fn take_page_request(&mut self) -> Option<PageRequest> {
        self.pages.ready.pop_front()
    }

    /// Takes the outcome of a request for a page. Outcomes come in any order, late, or never; an
    /// outcome for which no peer waits is dropped.
    pub fn page(&mut self, id: ReadId, outcome: PageOutcome, now: Now) {
        let now = self.world.lived(now);
        let Some(asked) = self.pages.end(id) else { return };
        let page = match outcome {
            PageOutcome::Page(page) => page.checked(asked.head, asked.question),
            PageOutcome::Failed => None,
        };
        self.end_page(id, asked, page, now);
    }

    /// Ends the requests that took too long.
    pub(super) fn expire_pages(&mut self, now: Now) {
        if self.pages.next_deadline().is_none_or(|at| at > now.tick()) {
            return;
        }
        let late = self.pages.asked.iter().filter(|(_, asked)| asked.until <= now.tick());
        let late: Vec<ReadId> = late.map(|(id, _)| *id).collect();
        for id in late {
            if let Some(asked) = self.pages.end(id) {
                self.end_page(id, asked, None, now);
            }
        }
    }

    fn end_page(&mut self, id: ReadId, asked: Asked, page: Option<StoredPage>, now: Now) {
        let conn = asked.conn;
        if asked.is_replay {
            return self.replay_arrived(id, conn, page, now);
        }
        let is_it = |(_, (wanted, _)): &(ConnId, (ReadId, PageQuery))| *wanted == id;
        let Some((_, (_, query))) = self.pages.queries.remove_entry(&conn).filter(is_it) else {
            return self.metrics.count_stale();
        };
        self.world.hub_mut().answer_page(&query, page, now);
        self.settle(now);
        self.wake_held(conn);
    }

    /// Requests the answer to a query from the store. The peer is not read before it has the
    /// answer.
    pub(super) fn ask_store(&mut self, query: PageQuery, now: Now) {
        let room = self.world.hub().room(query.room);
        let Some(room) = room.filter(|_| self.pages.asked.len() < PAGES_MAX) else {
            self.world.hub_mut().answer_page(&query, None, now);
            return;
        };
        let (name, epoch, head) = (Rc::clone(&room.name), room.epoch, room.head());
        let PageQuery { conn, question, .. } = query;
        let until = self.patience_ends(now);
        let asked = Asked { conn, is_replay: false, head, question, until };
        let id = self.pages.ask(asked, name, epoch);
        self.pages.queries.insert(conn, (id, query));
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.held = Some(Hold::Commit);
        }
    }

    /// Returns the first tick at which a peer that asks the store now has waited long enough.
    pub(super) fn patience_ends(&self, now: Now) -> Tick {
        let until = now.tick().after(self.world.limits().commit_patience);
        Tick(until.0.saturating_add(1))
    }

    /// Requests the next page of a replay from the store.
    pub(super) fn ask_replay(&mut self, conn: ConnId, id: RoomId, next: Offset) {
        let Some(room) = self.world.hub().room(id) else { return };
        let (name, epoch, head) = (Rc::clone(&room.name), room.epoch, room.head());
        let (select, bytes) =
            (Select::After(Mark::Offset(next.saturating_sub(1))), self.replay_bytes());
        let question = Question { select, limit: 0, bytes };
        let mut replay =
            Replay { id: ReadId::default(), room: id, epoch, next, state: State::Lost };
        if self.pages.asked.len() < PAGES_MAX {
            let until = self.patience_ends(self.world.now());
            let asked = Asked { conn, is_replay: true, head, question, until };
            replay.id = self.pages.ask(asked, name, epoch);
            replay.state = State::Asked;
        } else {
            self.mark_ready(conn);
        }
        self.pages.replays.insert(conn, replay);
    }

    /// Returns the number of bytes of a replay that are prepared at a time.
    pub(super) fn replay_bytes(&self) -> usize {
        REPLAY_PAGE.min(self.world.limits().outbox / 4)
    }

    fn replay_arrived(&mut self, id: ReadId, conn: ConnId, page: Option<StoredPage>, now: Now) {
        let hub = self.world.hub();
        let is_it = |replay: &&mut Replay| {
            let room = hub.room(replay.room);
            let is_same = room.is_some_and(|room| room.epoch == replay.epoch);
            let is_asked = replay.id == id && matches!(replay.state, State::Asked);
            is_asked && is_same
        };
        let Some(replay) = self.pages.replays.get_mut(&conn).filter(is_it) else {
            return self.metrics.count_stale();
        };
        let (room, next) = (replay.room, replay.next);
        let mut weight = 0;
        replay.state = match page {
            Some(StoredPage { oldest, messages }) => {
                weight = messages.iter().map(|message| message.weight()).sum();
                let first = messages.first().map(|first| first.offset);
                self.world.hub_mut().note_oldest(room, oldest);
                match first {
                    Some(first) if first == next => State::Arrived(messages.into()),
                    // The store has forgotten messages: that is a gap, as the oldest offset now
                    // shows.
                    _ if oldest > next => State::Arrived(VecDeque::new()),
                    _ => State::Lost,
                }
            }
            None => State::Lost,
        };
        let Some(peer) = self.peers.get_mut(conn) else { return };
        (peer.heard, peer.pinged) = (now.tick(), false);
        // An overrun peer has not requested this replay.
        if peer.awaits_replay() {
            let cost = weight.min(self.world.limits().allowance());
            self.world.hub_mut().charge(conn, cost, now);
        }
        self.mark_ready(conn);
    }

    /// Checks that peers and the requests that they wait for agree.
    ///
    /// # Panics
    /// When they do not.
    pub(super) fn assert_reads(&self) {
        self.pages.assert_invariants();
        self.opens.assert_invariants(self.world.hub());
        for peer in self.peers.iter().filter(|peer| peer.is_open()) {
            let is_held = peer.awaits_commit();
            let is_waiting = self.is_reading(peer.id);
            assert!(is_held || !is_waiting, "{} waits for the store, and is read", peer.id);
        }
        let is_here =
            |conn: &ConnId| self.peers.get(*conn).is_some_and(|peer: &Peer| peer.id == *conn);
        assert!(self.pages.queries.keys().all(is_here) && self.pages.replays.keys().all(is_here));
    }
}
