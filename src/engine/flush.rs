//! What each peer is to be sent, in which order, and whose turn it is.

use super::Engine;
use super::outbox::Outbox;
use super::peer::{Peer, Phase, Seat};
use super::tape::Place;
use super::tapes::Tapes;
use crate::hub::Reply;
use crate::id::{ConnId, RequestId};
use crate::limits::REPLAY_PAGE;
use crate::now::Now;
use crate::reason::CloseReason;
use smallvec::SmallVec;
use std::io::IoSlice;

/// Most pieces of one write. Sixteen full blocks are more than a socket buffer takes.
pub const SLICES: usize = 16;

/// Visits a lane gets before the next lane has its turn. Small rooms are done within one; a big
/// room's flush goes on between them.
pub(super) const QUANTUM: usize = 64;

/// A queue of peers to be offered something. Lanes take turns, so that nobody waits for all of a
/// big room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Peers with something of their own, or that became writable again.
    Ready,
    /// The members of a tape that was appended to, by the tape's round.
    Tape(usize),
}

/// One piece of what a peer is offered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// The rest of a message half sent.
    Rest(usize),
    /// A segment of its outbox.
    Private { segment: usize, len: usize },
    /// A stretch of a tape.
    Tape { seat: Seat, from: u64, len: usize },
}

impl Engine {
    /// The next peer to be offered something. `None` when everybody was.
    pub fn take_dirty(&mut self) -> Option<ConnId> {
        while let Some(lane) = self.lanes.front().copied() {
            let next = match lane {
                Lane::Ready => self.next_ready(),
                Lane::Tape(key) => self.tapes.next_in_round(key, &mut self.quantum),
            };
            match next {
                Some(conn) if self.may_write(conn) => return Some(conn),
                Some(_) => {}
                None => self.next_lane(lane),
            }
        }
        None
    }

    fn next_ready(&mut self) -> Option<ConnId> {
        self.quantum = self.quantum.checked_sub(1)?;
        let conn = self.ready.pop_front()?;
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.ready = false;
        }
        Some(conn)
    }

    fn may_write(&self, conn: ConnId) -> bool {
        self.peers.get(conn).is_some_and(|peer| {
            !peer.blocked && matches!(peer.phase(), None | Some(Phase::Farewell))
        })
    }

    /// The first lane has had its turn: to the back with it, if it has more.
    fn next_lane(&mut self, lane: Lane) {
        self.quantum = QUANTUM;
        self.lanes.pop_front();
        let has_more = match lane {
            Lane::Ready => !self.ready.is_empty(),
            Lane::Tape(key) => self.tapes.has_round(key),
        };
        if has_more {
            self.lanes.push_back(lane);
        }
    }

    /// Puts a peer in the ready lane.
    pub(super) fn mark_ready(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(conn).filter(|peer| !peer.ready && !peer.blocked)
        else {
            return;
        };
        peer.ready = true;
        if self.ready.is_empty() && !self.lanes.contains(&Lane::Ready) {
            self.lanes.push_back(Lane::Ready);
        }
        self.ready.push_back(conn);
    }

    /// What `conn` is to be written next, in order; how many of `slices` were filled, and how many
    /// bytes that is. Must be followed by `sent` or `blocked` before anything else.
    pub fn slices<'a>(
        &'a mut self,
        conn: ConnId,
        slices: &mut [IoSlice<'a>; SLICES],
    ) -> (usize, usize) {
        self.replay(conn);
        self.offer(conn, slices)
    }

    /// The same, without laying out more of a replay first.
    pub(super) fn offer<'a>(
        &'a mut self,
        conn: ConnId,
        slices: &mut [IoSlice<'a>; SLICES],
    ) -> (usize, usize) {
        let mut offer = std::mem::take(&mut self.offered);
        offer.clear();
        if let Some(peer) = self.peers.get(conn) {
            if let Some(place) = sole_place(peer, &self.tapes) {
                return self.offer_tape(place, offer, slices);
            }
            self.plan(peer, &mut offer);
        }
        self.offered = offer;
        let this = &*self;
        let outbox = this.peers.get(conn).and_then(|peer| peer.outbox.as_deref());
        let mut total = 0;
        for (slice, piece) in slices.iter_mut().zip(&this.offered) {
            let bytes = this.bytes_of(piece, outbox);
            total += bytes.len();
            *slice = IoSlice::new(bytes);
        }
        (this.offered.len(), total)
    }

    /// For a peer with one room and nothing of its own, which is nearly everybody: all that lies
    /// ahead of it, without a look at stamps.
    fn offer_tape<'a>(
        &'a mut self,
        place: Ahead,
        mut offer: Vec<Piece>,
        slices: &mut [IoSlice<'a>; SLICES],
    ) -> (usize, usize) {
        let Ahead { seat, position: from } = place;
        let (mut filled, mut len) = (0, 0);
        if let Some(tape) = self.tapes.get(seat.tape as usize) {
            for (slice, bytes) in slices.iter_mut().zip(tape.ahead_of(from)) {
                *slice = IoSlice::new(bytes);
                filled += 1;
                len += bytes.len();
            }
        }
        offer.push(Piece::Tape { seat, from, len });
        self.offered = offer;
        (filled, len)
    }

    fn bytes_of<'a>(&'a self, piece: &Piece, outbox: Option<&'a Outbox>) -> &'a [u8] {
        let bytes = match *piece {
            Piece::Rest(_) => outbox.map(Outbox::rest),
            Piece::Private { segment, .. } => {
                outbox.and_then(|outbox| outbox.get(segment)).map(|(_, bytes)| bytes)
            }
            Piece::Tape { seat, from, len } => {
                let stretch = self.tapes.get(seat.tape as usize);
                let stretch =
                    stretch.and_then(|tape| tape.stretch(from, from + len as u64, u64::MAX));
                stretch.map(|stretch| stretch.bytes)
            }
        };
        bytes.unwrap_or_default()
    }

    /// Lays out everything a peer is owed in the order in which the engine did it: by the count of
    /// appends at which each piece came about, across its outbox and all its tapes. What is half
    /// sent has the lowest count of all, so it is always finished first.
    fn plan(&self, peer: &Peer, offer: &mut Vec<Piece>) {
        let mut places = self.places(peer);
        let outbox = peer.outbox.as_deref();
        if let Some(rest) = outbox.map(|outbox| outbox.rest().len()).filter(|len| *len > 0) {
            offer.push(Piece::Rest(rest));
        }
        let mut segment = 0;
        while offer.len() < SLICES {
            let private = outbox.and_then(|outbox| outbox.get(segment));
            let limit = private.map_or(u64::MAX, |(stamp, _)| stamp);
            let limit = limit.saturating_sub(u64::from(planted!("reply-overtakes-a-broadcast")));
            match self.plan_tape(&mut places, limit, outbox) {
                Some(piece) => offer.push(piece),
                None => match private {
                    Some((_, bytes)) => {
                        offer.push(Piece::Private { segment, len: bytes.len() });
                        segment += 1;
                    }
                    None => return,
                },
            }
        }
    }

    /// The next stretch of tape to go out before anything stamped later than `limit`; moves its
    /// place behind it.
    fn plan_tape(&self, places: &mut Places, limit: u64, outbox: Option<&Outbox>) -> Option<Piece> {
        let first = match places.len() {
            0 => return None,
            // One tape is the common case: nothing to compare.
            1 => 0,
            _ => {
                let stamps = places.iter().map(|place| self.stamp_at(place));
                stamps.enumerate().min_by_key(|(_, stamp)| *stamp)?.0
            }
        };
        let others = places.iter().enumerate().filter(|(index, _)| *index != first);
        let next = others.map(|(_, place)| self.stamp_at(place)).min().unwrap_or(u64::MAX);
        let place = places.get_mut(first)?;
        let key = place.seat.tape as usize;
        let tape = self.tapes.get(key)?;
        let skip = outbox.and_then(|outbox| outbox.skip_after(key, place.position));
        let until = skip.map_or(tape.end(), |skip| skip.from);
        let stretch = tape.stretch(place.position, until, limit.min(next.saturating_sub(1)))?;
        if stretch.stamp > limit {
            return None;
        }
        let (from, len) = (place.position, stretch.bytes.len());
        let piece = Piece::Tape { seat: place.seat, from, len };
        place.position += len as u64;
        if let Some(skip) = skip.filter(|skip| skip.from == place.position) {
            place.position = skip.to;
        }
        if place.position >= tape.end() {
            places.swap_remove(first);
        }
        Some(piece)
    }

    fn stamp_at(&self, place: &Ahead) -> u64 {
        let tape = self.tapes.get(place.seat.tape as usize);
        tape.and_then(|tape| tape.stretch(place.position, u64::MAX, 0))
            .map_or(u64::MAX, |s| s.stamp)
    }

    /// Where the peer stands on the tapes that it has not read to the end.
    fn places(&self, peer: &Peer) -> Places {
        let places = peer.seats.iter().filter_map(|seat| match self.tapes.at(*seat)? {
            (tape, Place::At(position)) if position < tape.end() => {
                Some(Ahead { seat: *seat, position })
            }
            _ => None,
        });
        places.collect()
    }

    /// The kernel took `count` bytes of what was offered.
    pub fn sent(&mut self, conn: ConnId, count: usize) {
        self.metrics.count_sent(count);
        self.take_offered(conn, count);
    }

    /// Moves a peer behind the first `count` bytes of what it was offered.
    pub(super) fn take_offered(&mut self, conn: ConnId, count: usize) {
        let offer = std::mem::take(&mut self.offered);
        let mut left = count;
        for piece in &offer {
            if left == 0 {
                break;
            }
            left -= self.sent_piece(conn, piece, left);
        }
        self.offered = offer;
        self.after_write(conn);
    }

    /// Takes note of at most `count` bytes of one piece; how many they were.
    fn sent_piece(&mut self, conn: ConnId, piece: &Piece, count: usize) -> usize {
        let Some(peer) = self.peers.get_mut(conn) else { return count };
        match *piece {
            Piece::Rest(len) => {
                let taken = len.min(count);
                peer.outbox_mut().sent_rest(taken);
                taken
            }
            Piece::Private { len, .. } => {
                let taken = len.min(count);
                peer.outbox_mut().sent(taken);
                taken
            }
            Piece::Tape { seat, from, len } => {
                let (key, taken) = (seat.tape as usize, len.min(count));
                let mut to = from + taken as u64;
                let outbox = peer.outbox.as_deref_mut();
                if let Some(outbox) = outbox
                    && let Some(skip) = outbox.skip_after(key, to).filter(|skip| skip.from == to)
                {
                    to = skip.to;
                    outbox.skipped(key, to);
                }
                self.tapes.advance(seat, to);
                taken
            }
        }
    }

    /// Lets go of what a peer no longer needs, and sees whether it is owed more.
    fn after_write(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        if peer.outbox.as_ref().is_some_and(|outbox| outbox.is_empty()) {
            peer.outbox = None;
        }
        let (phase, is_heard) = (peer.phase(), peer.is_heard());
        if peer.held {
            self.listen_again(conn);
        }
        if self.is_owed(conn) {
            self.mark_ready(conn);
        } else if phase == Some(Phase::Farewell) {
            self.farewell_sent(conn);
        } else if phase.is_none() && !is_heard {
            self.close(conn, CloseReason::PeerClosed);
        }
    }

    /// Whether a peer has anything still to be sent.
    pub(super) fn is_owed(&self, conn: ConnId) -> bool {
        let Some(peer) = self.peers.get(conn) else { return false };
        peer.outbox.is_some() || peer.seats.iter().any(|seat| self.tapes.has_pending(*seat))
    }

    /// The kernel takes no more for this peer. It comes back through `writable`.
    pub fn blocked(&mut self, conn: ConnId) {
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.blocked = true;
        }
    }

    /// The kernel would take more for this peer. Said of many that never were blocked; that is fine.
    ///
    /// Of one that was, it is a sign of life: the other end has read. Its own words may be waiting
    /// unread, because it is held until it has read more; it must not be taken for dead meanwhile.
    pub fn writable(&mut self, conn: ConnId) {
        let tick = self.lived(Now { running: self.woken, unix_ms: 0 }).tick();
        match self.peers.get_mut(conn) {
            Some(peer) if peer.blocked => {
                peer.blocked = false;
                peer.heard = tick;
                peer.pinged = false;
                if !planted!("writable-wakes-nobody") {
                    self.mark_ready(conn);
                }
            }
            Some(_) => {}
            None => self.metrics.count_stale(),
        }
    }

    /// Lays out the next page of history for each room that the peer reads from there, gaps told,
    /// and puts it back on the tape once it has caught up.
    fn replay(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get(conn).filter(|peer| peer.is_open()) else { return };
        let mut recovering = peer.seats.iter().filter(|seat| self.tapes.is_recovering(**seat));
        if let Some(seat) = recovering.next().copied() {
            self.replay_page(conn, seat);
        }
    }

    fn replay_page(&mut self, conn: ConnId, seat: Seat) {
        let Some((tape, Place::Recovering(mut next))) = self.tapes.at(seat) else { return };
        let (room_id, dialect) = (tape.room, tape.dialect);
        let Some(room) = self.hub.room(room_id) else { return };
        let (head, oldest, count) = (room.head, room.oldest(), room.count());
        if next < oldest {
            let to = oldest - 1 + u64::from(planted!("gap-is-off-by-one"));
            self.reply(conn, RequestId::NONE, &Reply::Gap { room: room_id, from: next, to });
            next = oldest;
        }
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let Some(room) = self.hub.room(room_id) else { return };
        let page = REPLAY_PAGE.min(self.limits.outbox / 4);
        for message in room.recent.from(next) {
            let outbox = peer.outbox_mut();
            if outbox.unsent() >= page {
                next += u64::from(planted!("page-skips-a-message"));
                break;
            }
            dialect.write_message(room, message, outbox.segment(self.tapes.stamp()));
            outbox.page_laid();
            self.metrics.count_replayed();
            next = message.offset + 1;
        }
        peer.replayed(seat.tape as usize, |last| next > last);
        if next > head {
            self.tapes.rejoin(seat);
            // News of members may have passed meanwhile: the count says so, and that this is all.
            self.reply(
                conn,
                RequestId::NONE,
                &Reply::Members { room: room_id, count, names: Vec::new() },
            );
        } else {
            self.tapes.recover(seat, next);
        }
    }
}

/// Where a peer stands on its tapes; few have many.
type Places = SmallVec<[Ahead; 4]>;

/// Where a peer stands whose one room is all that it can be owed.
fn sole_place(peer: &Peer, tapes: &Tapes) -> Option<Ahead> {
    let ([seat], None) = (peer.seats.as_slice(), &peer.outbox) else { return None };
    match tapes.at(*seat)?.1 {
        Place::At(position) => Some(Ahead { seat: *seat, position }),
        Place::Recovering(_) => None,
    }
}

/// A place on a tape ahead of which there is something to send.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    seat: Seat,
    position: u64,
}
