//! From one room to all who are in it: one append per dialect, whatever the number of members.

use super::outbox::Skip;
use super::peer::{Awaited, Seat};
use super::tape::{Fallen, Place, Tape};
use super::{Engine, Lane};
use crate::hub::{Notice, Reply};
use crate::id::{ConnId, Offset, RequestId, RoomId};
use crate::payload::Message;
use crate::reason::CloseReason;
use crate::session::{Conversation, Dialect, Overrun, Service};
use smallvec::SmallVec;

/// One room's tapes: one per dialect that somebody there speaks.
#[derive(Debug, Default)]
pub(super) struct RoomTapes {
    /// Whose they are; the slot may have had other tenants.
    pub(super) room: Option<RoomId>,
    /// In no order. There are more dialects than any room has at once.
    pub(super) tapes: SmallVec<[(Dialect, u32); 2]>,
}

/// What is told to a room.
pub(super) enum Said<'a> {
    Message { message: &'a Message, skip: Option<ConnId> },
    Notice { notice: &'a Notice, except: &'a [ConnId] },
}

impl Engine {
    /// Encodes once per dialect present and appends to each tape. The members find out at the flush.
    pub(super) fn broadcast(&mut self, room: RoomId, said: &Said<'_>) {
        self.stamp += 1;
        for index in 0.. {
            let Some((dialect, tape)) = self.tapes_of(room).get(index).copied() else { break };
            let Some(room) = self.hub.room(room) else { break };
            self.scratch.clear();
            match said {
                Said::Message { message, .. } => {
                    dialect.write_message(room, message, &mut self.scratch);
                }
                Said::Notice { notice, .. } => {
                    dialect.write_notice(room, notice, self.unix_ms, &mut self.scratch);
                }
            }
            dialect.compress(&mut self.scratch, &mut self.deflater);
            if !self.scratch.is_empty() {
                self.append(tape as usize, said);
            }
        }
    }

    /// Appends what lies in `scratch`.
    fn append(&mut self, key: usize, said: &Said<'_>) {
        let (offset, except) = match said {
            Said::Message { message, skip } => (message.offset, skip.as_slice()),
            Said::Notice { except, .. } => (0, *except),
        };
        self.make_room(key);
        let Some(tape) = self.tapes.get_mut(key) else { return };
        let from = tape.end();
        if tape.append(&self.scratch, offset, self.stamp, &mut self.pool) {
            self.lanes.push_back(Lane::Tape(key));
        }
        let to = tape.end();
        let hearers = tape.members.len();
        let skip = Skip { tape: key, from, to };
        let carried = except.iter().filter(|conn| self.carry(**conn, skip)).count();
        if offset != 0 {
            self.metrics.count_deliveries(hearers - carried);
        }
    }

    /// Lets the oldest blocks go until the new bytes fit: of this tape for its own limit, and of
    /// whichever holds most for the limit of all together, so that no room pays for another's
    /// laggards.
    fn make_room(&mut self, key: usize) {
        let need = self.scratch.len();
        while self.pool.reserved() + need > self.limits.backlog_total {
            let heaviest = self.tapes.iter().max_by_key(|(_, tape)| tape.held());
            match heaviest.filter(|(_, tape)| tape.held() > 0).map(|(heaviest, _)| heaviest) {
                Some(heaviest) => self.trim(heaviest),
                None => break,
            }
        }
        while self.tapes.get(key).is_some_and(|tape| tape.is_full(need, self.limits.backlog)) {
            self.trim(key);
        }
    }

    /// Lets a tape's oldest block go.
    fn trim(&mut self, key: usize) {
        let Some(tape) = self.tapes.get_mut(key) else { return };
        for fallen in tape.trim(&mut self.pool) {
            self.overrun(key, &fallen);
        }
    }

    /// A member fell off. Where its dialect can say so it goes on from history, which tells it what
    /// is lost; else it is closed. Either way no message is cut short.
    fn overrun(&mut self, key: usize, fallen: &Fallen) {
        self.metrics.count_overrun();
        let Some(tape) = self.tapes.get(key) else { return };
        let dialect = tape.dialect;
        let Some(conn) = tape.members.get(fallen.index).map(|member| member.conn) else { return };
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let policy = self.services.get(usize::from(peer.service)).map(Service::overrun);
        if !fallen.rest.is_empty() && !planted!("overrun-cuts-a-message") {
            peer.outbox_mut().finish_first(&fallen.rest);
        }
        peer.forget_skips(key);
        if dialect.can_tell_gap() && policy == Some(Overrun::Gap) {
            self.mark_ready(conn);
        } else {
            // An answer from behind what is lost would read as if nothing were.
            if let Some(outbox) = &mut peer.outbox {
                outbox.forget_from(fallen.stamp);
            }
            self.close(conn, CloseReason::SlowConsumer);
        }
    }

    /// Moves the sender past its own message: at once, or when it gets there.
    /// False if it does not read this tape, or only in a replay.
    fn carry(&mut self, sender: ConnId, skip: Skip) -> bool {
        let Some(peer) = self.peers.get_mut(sender) else { return false };
        let Some(seat) = peer.seat_on(skip.tape) else { return false };
        let Some(tape) = self.tapes.get_mut(skip.tape) else { return false };
        let index = seat.index as usize;
        match tape.members.get(index).map(|member| member.cursor.place()) {
            Some(Place::At(position))
                if position == skip.from
                    || planted!("sender-is-carried-too-far") && !peer.blocked =>
            {
                tape.advance(index, skip.to, &mut self.pool);
                true
            }
            Some(Place::At(_)) => {
                peer.outbox_mut().skip(skip);
                if peer.owed() > self.limits.outbox {
                    self.close(sender, CloseReason::OutboxFull);
                }
                true
            }
            // A replay is the room as it was, the reader's own words included.
            Some(Place::Recovering(_)) | None => false,
        }
    }

    /// Whether the room's flush is so far behind that more should not be said for the moment. That
    /// is the relay's own debt, soon paid; slow members do not hold anybody up.
    pub(super) fn is_congested(&self, room: RoomId) -> bool {
        let most = (self.limits.backlog / 4).min(self.limits.send_buffer);
        let tapes = self.tapes_of(room).iter();
        tapes
            .filter_map(|(_, tape)| self.tapes.get(*tape as usize))
            .any(|tape| tape.unoffered() > most)
    }

    /// `conn` hears the room from now on, after a replay from `from`.
    pub(super) fn seat(&mut self, conn: ConnId, room: RoomId, from: Option<Offset>) {
        let Some(peer) = self.peers.get(conn).filter(|peer| peer.is_open()) else { return };
        let Some(service) = self.services.get(usize::from(peer.service)) else { return };
        let dialect = peer.session.dialect(service);
        let key = self.tape_for(room, dialect);
        let Some(tape) = self.tapes.get_mut(key) else { return };
        let index = tape.seat(conn, from);
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.seats.push(Seat { tape: key as u32, index: index as u32 });
        }
        if from.is_some() {
            let head = self.hub.room(room).map_or(0, |room| room.head);
            if let Some(peer) = self.peers.get_mut(conn) {
                peer.wait_for(Awaited::Replay(key as u32, head));
            }
            self.mark_ready(conn);
        }
    }

    /// `conn` no longer hears the room; a message half sent is finished, the rest dropped. With a
    /// request, what was said before it is heard first, as far as it fits an outbox, and the peer is
    /// told up to where that was. One that has no word for that is closed if it was not all.
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
            if let Some(peer) = self.peers.get_mut(conn).filter(|_| !owed.is_empty()) {
                peer.outbox_mut().finish_first(&owed);
                self.mark_ready(conn);
            }
            let is_behind = self.is_behind_in(conn, room) && !planted!("leave-drops-what-is-owed");
            if is_behind && !self.can_tell_gap(conn) {
                self.close(conn, CloseReason::SlowConsumer);
            }
        }
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let tapes = self.rooms.get(room.slot()).filter(|tapes| tapes.room == Some(room));
        let mut tapes = tapes.into_iter().flat_map(|tapes| &tapes.tapes);
        let seat = tapes.find_map(|(_, tape)| peer.seat_on(*tape as usize));
        let Some(seat) = seat else { return };
        let (key, index) = (seat.tape as usize, seat.index as usize);
        let Some(tape) = self.tapes.get_mut(key) else { return };
        let next = match tape.members.get(index).map(|member| member.cursor.place()) {
            Some(Place::At(position)) => {
                let rest = tape.half_sent(position);
                if !rest.is_empty() && !planted!("leave-cuts-a-message") {
                    peer.outbox_mut().finish_first(rest);
                }
                tape.next_offset(position).unwrap_or(head + 1)
            }
            Some(Place::Recovering(next)) => next,
            None => return,
        };
        peer.forget_skips(key);
        peer.seats.retain(|other| other.tape != seat.tape);
        peer.replayed(key, |_| true);
        let moved = tape.unseat(index, &mut self.pool);
        let (is_deserted, has_round) = (tape.members.is_empty(), tape.round.is_some());
        let to_tell = moved.filter(|_| !planted!("moved-member-keeps-its-index"));
        if let Some(moved) = to_tell.and_then(|moved| self.peers.get_mut(moved)) {
            for other in moved.seats.iter_mut().filter(|other| other.tape == seat.tape) {
                other.index = seat.index;
            }
        }
        if let Some(moved) = moved.filter(|_| has_round) {
            self.mark_ready(moved);
        }
        if is_deserted {
            self.forget_tape(room, key);
        }
        if let Some(id) = answers {
            self.reply(conn, id, &Reply::Left { room, offset: next.saturating_sub(1) });
        }
    }

    /// Bytes held for those of a room who are behind.
    pub(super) fn held_for(&self, room: RoomId) -> usize {
        let tapes = self.tapes_of(room).iter();
        tapes.filter_map(|(_, tape)| self.tapes.get(*tape as usize)).map(Tape::held).sum()
    }

    /// `conn` speaks another dialect from now on: what was said in the old one is heard first.
    pub(super) fn resubscribe(&mut self, conn: ConnId) {
        let rooms: Vec<RoomId> = self.hub.rooms_of(conn).collect();
        let owed = self.lay_out(conn);
        if let Some(peer) = self.peers.get_mut(conn).filter(|_| !owed.is_empty()) {
            peer.outbox_mut().finish_first(&owed);
            self.mark_ready(conn);
        }
        let is_behind = rooms.iter().any(|room| self.is_behind_in(conn, *room));
        if is_behind && !planted!("new-dialect-drops-what-is-owed") {
            // More than an outbox holds would be lost without a word.
            return self.close(conn, CloseReason::SlowConsumer);
        }
        for room in rooms {
            let head = self.hub.room(room).map_or(0, |room| room.head);
            self.unseat(conn, room, None, head);
            self.seat(conn, room, None);
        }
    }

    fn can_tell_gap(&self, conn: ConnId) -> bool {
        let Some(peer) = self.peers.get(conn) else { return false };
        let service = self.services.get(usize::from(peer.service));
        service.is_some_and(|service| peer.session.dialect(service).can_tell_gap())
    }

    fn is_behind_in(&self, conn: ConnId, room: RoomId) -> bool {
        let Some(peer) = self.peers.get(conn) else { return false };
        self.tapes_of(room).iter().any(|(_, key)| {
            let seat = peer.seat_on(*key as usize);
            let tape = self.tapes.get(*key as usize);
            seat.zip(tape).is_some_and(|(seat, tape)| {
                let member = tape.members.get(seat.index as usize);
                member.is_some_and(|member| member.cursor.place() != Place::At(tape.end()))
            })
        })
    }

    fn tapes_of(&self, room: RoomId) -> &[(Dialect, u32)] {
        let tapes = self.rooms.get(room.slot()).filter(|tapes| tapes.room == Some(room));
        tapes.map_or(&[], |tapes| &tapes.tapes)
    }

    fn tape_for(&mut self, room: RoomId, dialect: Dialect) -> usize {
        if self.rooms.len() <= room.slot() {
            self.rooms.resize_with(room.slot() + 1, RoomTapes::default);
        }
        let tapes = &mut self.rooms[room.slot()];
        if tapes.room != Some(room) {
            *tapes = RoomTapes { room: Some(room), ..RoomTapes::default() };
        }
        if let Some((_, tape)) = tapes.tapes.iter().find(|(spoken, _)| *spoken == dialect) {
            return *tape as usize;
        }
        let upcoming = self.hub.room(room).map_or(0, |room| room.head) + 1;
        let tape = self.tapes.insert(Tape::new(room, dialect, upcoming));
        tapes.tapes.push((dialect, tape as u32));
        tape
    }

    fn forget_tape(&mut self, room: RoomId, key: usize) {
        self.tapes.try_remove(key);
        if let Some(room) = self.rooms.get_mut(room.slot()) {
            room.tapes.retain(|(_, tape)| *tape as usize != key);
        }
    }

    /// The room is no more. Its members left before, and their tapes with them.
    pub(super) fn forget_room(&mut self, room: RoomId) {
        if let Some(tapes) = self.rooms.get_mut(room.slot()).filter(|t| t.room == Some(room)) {
            debug_assert!(tapes.tapes.is_empty());
            *tapes = RoomTapes::default();
        }
    }
}
