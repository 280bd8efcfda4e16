//! Broadcast: one append per dialect, whatever the number of members.

use super::Engine;
use super::outbox::Skip;
use super::peer::Awaited;
use super::tape::{Fallen, Place};
use super::tapes::{Appended, Moved};
use crate::hub::{Notice, Reply, Room};
use crate::id::{ConnId, Offset, RequestId, RoomId};
use crate::payload::Message;
use crate::reason::CloseReason;
use crate::session::{Conversation, Overrun, Service};

/// A message or notice that is broadcast to a room.
pub(super) enum Said<'a> {
    Message { message: &'a Message, skip: Option<ConnId> },
    Notice { notice: &'a Notice, except: &'a [ConnId] },
}

impl Engine {
    /// Encodes once per dialect present and appends to each tape. The flush visits the members.
    pub(super) fn broadcast(&mut self, room: RoomId, said: &Said<'_>) {
        self.tapes.next_append();
        for index in 0.. {
            let Some((dialect, tape)) = self.tapes.of_room(room).get(index).copied() else { break };
            let Some(room) = self.world.hub().room(room) else { break };
            self.scratch.clear();
            match said {
                Said::Message { message, .. } => {
                    dialect.write_message(room, message, &mut self.scratch);
                }
                Said::Notice { notice, .. } => {
                    dialect.write_notice(room, notice, self.world.now().unix_ms, &mut self.scratch);
                }
            }
            dialect.compress(&mut self.scratch, &mut self.deflater);
            if !self.scratch.is_empty() {
                self.append(tape as usize, said);
            }
        }
    }

    /// Appends the bytes in `scratch` to a tape.
    fn append(&mut self, key: usize, said: &Said<'_>) {
        let (offset, except) = match said {
            Said::Message { message, skip } => (message.offset, skip.as_slice()),
            Said::Notice { except, .. } => (0, *except),
        };
        // The oldest blocks are freed until the new bytes fit.
        while let Some(full) = self.tapes.to_trim(key, self.scratch.len(), self.world.limits()) {
            self.trim(full);
        }
        let Some(appended) = self.tapes.append(key, &self.scratch, offset) else { return };
        let Appended { from, to, members, has_begun_round } = appended;
        if has_begun_round {
            self.schedule.begin_round(key);
        }
        let skip = Skip { tape: key, from, to };
        let carried = except.iter().filter(|conn| self.carry(**conn, skip)).count();
        if offset != 0 {
            self.metrics.count_deliveries(members - carried);
        }
    }

    /// Frees a tape's oldest block.
    fn trim(&mut self, key: usize) {
        for fallen in self.tapes.trim(key) {
            self.overrun(key, &fallen);
        }
    }

    /// Handles an overrun member. If its dialect can express a gap, it continues from history, with
    /// a notice of the gap; else it is closed. In both cases no message is cut short.
    fn overrun(&mut self, key: usize, fallen: &Fallen) {
        self.metrics.count_overrun();
        let Some(tape) = self.tapes.get(key) else { return };
        let (dialect, conn) = (tape.dialect, fallen.conn);
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let policy = self.world.service_of(peer).map(Service::overrun);
        if !fallen.rest.is_empty() && !planted!("overrun-cuts-a-message") {
            peer.outbox_mut().finish_first(&fallen.rest);
        }
        peer.forget_skips(key);
        if dialect.can_tell_gap() && policy == Some(Overrun::Gap) {
            self.mark_ready(conn);
        } else {
            // An answer that followed the lost messages would hide the loss.
            if let Some(outbox) = &mut peer.outbox {
                outbox.forget_from(fallen.stamp);
            }
            self.close(conn, CloseReason::SlowConsumer);
        }
    }

    /// Moves the sender past its own message: at once, or when its cursor gets there. Returns false
    /// if the sender does not read this tape, or only in a replay.
    fn carry(&mut self, sender: ConnId, skip: Skip) -> bool {
        let Some(peer) = self.peers.get_mut(sender) else { return false };
        let Some(seat) = peer.seat_on(skip.tape) else { return false };
        match self.tapes.at(seat).map(|(_, place)| place) {
            Some(Place::At(position))
                if position == skip.from
                    || planted!("sender-is-carried-too-far") && !peer.blocked =>
            {
                self.tapes.advance(seat, skip.to);
                true
            }
            Some(Place::At(_)) => {
                peer.outbox_mut().skip(skip);
                if peer.owed() > self.world.limits().outbox {
                    self.close(sender, CloseReason::OutboxFull);
                }
                true
            }
            // A replay is the room's history, including the reader's own messages.
            Some(Place::Recovering(_)) | None => false,
        }
    }

    /// True if the room's flush is so far behind that no more should be published for the moment.
    /// Only the relay's own work counts, which is done soon; slow members delay nobody.
    pub(super) fn is_congested(&self, room: RoomId) -> bool {
        self.is_congested_with(room, 0)
    }

    /// Returns the same with `pending` more bytes to send.
    pub(super) fn is_congested_with(&self, room: RoomId, pending: usize) -> bool {
        let most = (self.world.limits().backlog / 4).min(self.world.limits().send_buffer);
        self.tapes.unoffered(room) + pending > most
    }

    /// Seats a peer on the room's tape in its dialect, after a replay from `from`.
    pub(super) fn seat(&mut self, conn: ConnId, room: RoomId, from: Option<Offset>) {
        let Some(peer) = self.peers.get(conn).filter(|peer| peer.is_open()) else { return };
        let Some(service) = self.world.service_of(peer) else { return };
        let dialect = peer.session.dialect(service);
        let head = self.world.hub().room(room).map_or(0, Room::head);
        let seat = self.tapes.seat(conn, (room, dialect), head + 1, from);
        let (Some(seat), Some(peer)) = (seat, self.peers.get_mut(conn)) else { return };
        peer.seats.push(seat);
        if from.is_some() {
            peer.wait_for(Awaited::Replay(seat.tape, head));
            self.mark_ready(conn);
        }
    }

    /// Removes a peer from the room's tape. A half-sent message is completed, the rest dropped.
    /// With a request, the messages published before it are sent first, as far as they fit an
    /// outbox, and the reply has the last offset. If some were left out, a peer whose dialect
    /// cannot express a gap is closed.
    pub(super) fn unseat(
        &mut self,
        conn: ConnId,
        room: RoomId,
        answers: Option<RequestId>,
        head: Offset,
    ) {
        let is_dropped = planted!("kicked-loses-what-is-owed") && answers == Some(RequestId::NONE);
        if answers.is_some() && !is_dropped {
            let owed = self.lay_out(conn);
            if let Some(peer) = self.peers.get_mut(conn).filter(|_| !owed.bytes.is_empty()) {
                peer.outbox_mut().put_first(&owed);
                self.mark_ready(conn);
            }
            let is_behind = self.is_behind_in(conn, room) && !planted!("leave-drops-what-is-owed");
            if is_behind && !self.can_tell_gap(conn) {
                self.close(conn, CloseReason::SlowConsumer);
            }
        }
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let Some(seat) = self.tapes.seat_in(peer, room) else { return };
        let key = seat.tape as usize;
        let Some((tape, place)) = self.tapes.at(seat) else { return };
        let next = match place {
            Place::At(position) => {
                let rest = tape.rest_at(position);
                if !rest.is_empty() && !planted!("leave-cuts-a-message") {
                    peer.outbox_mut().finish_first(rest);
                }
                tape.next_offset(position).unwrap_or(head + 1)
            }
            Place::Recovering(next) => next,
        };
        peer.forget_skips(key);
        self.pages.forget_replay(conn, room);
        peer.seats.retain(|other| other.tape != seat.tape);
        peer.replayed(key, |_| true);
        if let Some(Moved { conn, has_round }) = self.tapes.unseat(seat) {
            let moved = self.peers.get_mut(conn);
            if let Some(moved) = moved.filter(|_| !planted!("moved-member-keeps-its-index")) {
                for other in moved.seats.iter_mut().filter(|other| other.tape == seat.tape) {
                    other.index = seat.index;
                }
            }
            // The round may have passed that index already.
            if has_round {
                self.mark_ready(conn);
            }
        }
        if let Some(id) = answers {
            self.reply(conn, id, &Reply::Left { room, offset: next.saturating_sub(1) });
        }
    }

    /// Moves a peer to the tapes of another dialect. What was published before is sent in the old one.
    pub(super) fn resubscribe(&mut self, conn: ConnId) {
        let rooms: Vec<RoomId> = self.world.hub().rooms_of(conn).collect();
        let owed = self.lay_out(conn);
        if let Some(peer) = self.peers.get_mut(conn).filter(|_| !owed.bytes.is_empty()) {
            peer.outbox_mut().put_first(&owed);
            self.mark_ready(conn);
        }
        let is_behind = rooms.iter().any(|room| self.is_behind_in(conn, *room));
        if is_behind && !planted!("new-dialect-drops-what-is-owed") {
            // Bytes beyond an outbox would be lost without notice.
            return self.close(conn, CloseReason::SlowConsumer);
        }
        for room in rooms {
            let head = self.world.hub().room(room).map_or(0, Room::head);
            self.unseat(conn, room, None, head);
            self.seat(conn, room, None);
        }
    }

    fn can_tell_gap(&self, conn: ConnId) -> bool {
        let Some(peer) = self.peers.get(conn) else { return false };
        let service = self.world.service_of(peer);
        service.is_some_and(|service| peer.session.dialect(service).can_tell_gap())
    }

    fn is_behind_in(&self, conn: ConnId, room: RoomId) -> bool {
        let Some(peer) = self.peers.get(conn) else { return false };
        let seat = self.tapes.seat_in(peer, room);
        seat.is_some_and(|seat| self.tapes.has_pending(seat))
    }
}
