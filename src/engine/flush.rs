//! The flush: the bytes that a peer is offered, and the steps after it accepted some of them.

use super::Engine;
use super::offer::{self, Ahead, Fit, SLICES};
use super::peer::{Hold, Peer, Phase, Seat};
use super::tape::Place;
use super::tapes::Tapes;
use crate::hub::Reply;
use crate::id::{ConnId, Offset, RequestId, RoomId};
use crate::payload::Message;
use crate::reason::CloseReason;
use std::io::IoSlice;

impl Engine {
    /// Returns the next peer to flush; `None` if all were flushed.
    pub fn take_dirty(&mut self) -> Option<ConnId> {
        self.schedule.next(&mut self.peers, &mut self.tapes)
    }

    /// Puts a peer in the ready lane.
    pub(super) fn mark_ready(&mut self, conn: ConnId) {
        if let Some(peer) = self.peers.get_mut(conn) {
            self.schedule.mark_ready(peer);
        }
    }

    /// Fills `slices` with the next bytes for a peer, in order. Returns the number of slices
    /// filled, and of bytes. `sent` or `blocked` must follow before anything else. Fills nothing if
    /// nothing is pending for the peer and its transport only has to write the bytes that it holds.
    pub fn slices<'a>(
        &'a mut self,
        conn: ConnId,
        slices: &mut [IoSlice<'a>; SLICES],
    ) -> (usize, usize) {
        match self.sole_place(conn) {
            Some(place) => self.offer.make_of_tape(conn, place, &self.tapes, slices),
            None => {
                self.replay(conn);
                self.offer(conn, slices)
            }
        }
    }

    /// Returns the place of a peer that takes bytes and for which only one room can be pending:
    /// nearly every peer. It needs no replay, and no comparison of stamps.
    fn sole_place(&self, conn: ConnId) -> Option<Ahead> {
        let peer = self.peers.get(conn).filter(|_| self.world.has_only_bytes())?;
        offer::sole_place(peer, &self.tapes)
    }

    /// Fills `slices` in the same way, but does not prepare more of a replay first.
    pub(super) fn offer<'a>(
        &'a mut self,
        conn: ConnId,
        slices: &mut [IoSlice<'a>; SLICES],
    ) -> (usize, usize) {
        let fit = self.fit_of(conn);
        if let Fit::Messages(max) = fit {
            self.leave_out_oversized(conn, max);
        }
        let Self { peers, tapes, offer, .. } = self;
        match peers.get(conn) {
            Some(peer) => offer.make(peer, fit, tapes, slices),
            None => {
                offer.clear();
                (0, 0)
            }
        }
    }

    /// Sets the kind of transport of a service's peers; the default is bytes. Must be called before
    /// the first peer connects.
    pub fn set_fit(&mut self, service: usize, fit: Fit) {
        debug_assert_eq!(self.peers.len(), 0, "a peer's transport stays what it is");
        self.world.set_fit(service, fit);
    }

    /// Returns the kind of a peer's transport.
    pub(super) fn fit_of(&self, conn: ConnId) -> Fit {
        if self.world.has_only_bytes() {
            return Fit::Bytes;
        }
        self.peers.get(conn).map_or(Fit::Bytes, |peer| self.world.fit_of(peer))
    }

    /// Skips the next messages on a peer's tapes that are too long for its transport. Each is
    /// counted, and reported as a gap if the protocol has one: the gap is sent before the next
    /// message is checked.
    fn leave_out_oversized(&mut self, conn: ConnId, max: usize) {
        while let Some(peer) = self.peers.get_mut(conn)
            && let Some((room, offset)) = offer::take_too_long(peer, max, &mut self.tapes)
        {
            self.metrics.count_oversized();
            if offset != 0 {
                self.tell_oversized(conn, room, offset, max);
            }
        }
    }

    /// Records that a peer's transport holds bytes, or no longer holds any, that the kernel has not
    /// accepted: it accepted them from the engine, or made them itself. The peer is visited until
    /// it holds none, and is not shut before. Must be called before `sent`, whenever the answer has
    /// changed.
    pub fn note_pending_output(&mut self, conn: ConnId, is_pending: bool) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        peer.has_pending_output = is_pending;
        if is_pending {
            self.mark_ready(conn);
        }
    }

    /// Records that the transport accepted `count` bytes of the offer.
    pub fn sent(&mut self, conn: ConnId, count: usize) {
        self.metrics.count_sent(count);
        self.take_offered(conn, count);
    }

    /// Records that the transport accepted the first `count` messages of the offer.
    pub fn sent_messages(&mut self, conn: ConnId, count: usize) {
        self.sent(conn, self.offer.length_of(count));
    }

    /// Moves a peer behind the first `count` bytes of its offer, frees bytes that it no longer
    /// needs, and schedules another visit if more is pending. Each delivery passes here, so the
    /// peer is looked up once.
    pub(super) fn take_offered(&mut self, conn: ConnId, count: usize) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        self.offer.take(count, peer, &mut self.tapes);
        if peer.outbox.as_ref().is_some_and(|outbox| outbox.is_empty()) {
            peer.outbox = None;
        }
        let is_pending = is_pending(peer, &self.tapes);
        // If only a page of a store is missing, its arrival schedules the visit.
        if is_pending && !self.pages.awaits_page_only(peer, &self.tapes) {
            self.schedule.mark_ready(peer);
        }
        let (phase, is_heard) = (peer.phase(), peer.is_heard());
        if peer.held == Some(Hold::Output) {
            self.listen_again(conn);
        }
        if is_pending || is_heard {
            return;
        }
        match phase {
            None => self.close(conn, CloseReason::PeerClosed),
            Some(Phase::FinalBytes) => {
                if let Some(peer) = self.peers.get_mut(conn) {
                    self.closing.final_bytes_sent(peer);
                }
            }
            Some(_) => {}
        }
    }

    /// True if something is pending for a peer: in its outbox, on a tape, or in history.
    pub(super) fn has_pending(&self, conn: ConnId) -> bool {
        self.peers.get(conn).is_some_and(|peer| is_pending(peer, &self.tapes))
    }

    /// Records that the kernel accepts no more bytes for this peer until `writable` is called.
    pub fn blocked(&mut self, conn: ConnId) {
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.blocked = true;
        }
    }

    /// Records that the kernel accepts more bytes for this peer, which may never have been blocked.
    ///
    /// If the peer was blocked, it has read something, which counts as a sign of life. Its own
    /// bytes may wait unread, because it is paused until it has read more; it must not be closed as
    /// silent meanwhile.
    pub fn writable(&mut self, conn: ConnId) {
        let tick = self.world.now().tick();
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

    /// Prepares the next page of history for a room that the peer reads from there, with gap
    /// notices. Moves the peer back to the tape once it has caught up.
    fn replay(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get(conn).filter(|peer| peer.is_open()) else { return };
        let mut recovering = peer.seats.iter().filter(|seat| self.tapes.is_recovering(**seat));
        let Some(first) = recovering.next().copied() else { return };
        // A replay from the store is continued first.
        let begun = self.pages.replay_room(conn);
        let begun = begun.and_then(|room| self.tapes.seat_in(peer, room));
        let begun = begun.filter(|seat| self.tapes.is_recovering(*seat));
        if !self.pages.is_replaying(conn) {
            self.replay_page(conn, begun.unwrap_or(first));
        }
    }

    /// Sends a gap notice for messages before `oldest` that the peer has not read. The peer
    /// continues behind them.
    fn tell_gap_before(&mut self, conn: ConnId, room: RoomId, next: &mut Offset, oldest: Offset) {
        if *next < oldest {
            let to = oldest - 1 + u64::from(planted!("gap-is-off-by-one"));
            self.reply(conn, RequestId::NONE, &Reply::Gap { room, from: *next, to });
            *next = oldest;
        }
    }

    /// Sends a gap notice for a message that is too long for the peer's transport.
    fn tell_left_out(&mut self, conn: ConnId, room: RoomId, offset: Offset) {
        self.metrics.count_oversized();
        self.reply(conn, RequestId::NONE, &Reply::Gap { room, from: offset, to: offset });
    }

    fn replay_page(&mut self, conn: ConnId, seat: Seat) {
        let Some((tape, Place::Recovering(mut next))) = self.tapes.at(seat) else { return };
        let (room_id, dialect) = (tape.room, tape.dialect);
        let arrived = self.pages.take_arrived(conn, room_id, next);
        let Some(room) = self.world.hub().room(room_id) else { return };
        let (epoch, head, count) = (room.epoch, room.head(), room.count());
        let in_memory = room.history.in_memory_from();
        // Messages that the store cannot return are a gap.
        let oldest = if arrived.is_ok() { room.oldest() } else { in_memory };
        self.tell_gap_before(conn, room_id, &mut next, oldest);
        let page = self.replay_bytes();
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let Some(room) = self.world.hub().room(room_id) else { return };
        let (fit, stamp) = (self.world.fit_of(peer), self.tapes.stamp());
        let (outbox, metrics) = (peer.outbox_mut(), &mut self.metrics);
        let (scratch, mut oversized) = (&mut self.scratch, None);
        // Returns false if the page is full, or ends behind a message that is too long.
        let mut lay_out = |message: &Message, next: &mut Offset| {
            if oversized.is_some() || outbox.unsent() >= page {
                return false;
            }
            *next = message.offset + 1;
            match fit {
                Fit::Bytes => dialect.write_message(room, message, outbox.segment(stamp)),
                Fit::Messages(max) => {
                    scratch.clear();
                    dialect.write_message(room, message, scratch);
                    if scratch.len() > max {
                        oversized = Some(message.offset);
                        return true;
                    }
                    outbox.add_message(stamp, scratch);
                }
            }
            outbox.page_laid();
            metrics.count_replayed();
            true
        };
        let mut arrived = arrived.unwrap_or_default();
        arrived.retain(|message| message.offset >= next);
        while arrived.front().is_some_and(|message| lay_out(message, &mut next)) {
            arrived.pop_front();
            let is_last = arrived.is_empty() && next == in_memory && next <= head;
            next += u64::from(is_last && planted!("page-hand-over-is-one-late"));
        }
        // The change from the last page to memory and from there to the tape is one step.
        if arrived.is_empty() && next >= in_memory {
            for message in room.history.from(next) {
                if !lay_out(message, &mut next) {
                    next += u64::from(planted!("page-skips-a-message"));
                    break;
                }
            }
        }
        let has_room = outbox.unsent() < page;
        if outbox.is_empty() {
            peer.outbox = None;
        }
        peer.replayed(seat.tape as usize, |last| next > last);
        if let Some(offset) = oversized {
            self.tell_left_out(conn, room_id, offset);
        }
        if next > head {
            self.tapes.rejoin(seat);
            // Notices of members may have been skipped: the count makes up for them. It also marks
            // the end of the replay.
            self.reply(
                conn,
                RequestId::NONE,
                &Reply::Members { room: room_id, count, names: Vec::new() },
            );
            return;
        }
        self.tapes.recover(seat, next);
        if !arrived.is_empty() {
            self.pages.put_back(conn, (room_id, epoch), arrived);
        } else if next < in_memory && has_room {
            self.ask_replay(conn, room_id, next);
        }
    }
}

fn is_pending(peer: &Peer, tapes: &Tapes) -> bool {
    let is_forgotten = !peer.is_open() && planted!("pending-output-is-forgotten-at-close");
    peer.outbox.is_some()
        || peer.has_pending_output && !is_forgotten
        || peer.seats.iter().any(|seat| tapes.has_pending(*seat))
}
