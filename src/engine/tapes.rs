//! All tapes, by room and dialect, and their shared memory and order of appends.

use super::peer::{Peer, Seat};
use super::tape::{Fallen, Place, Pool, Tape};
use crate::id::{ConnId, Offset, RoomId};
use crate::limits::Limits;
use crate::session::Dialect;
use slab::Slab;
use smallvec::SmallVec;

/// All tapes.
///
/// Invariants: a tape has a member, and is listed once, under its room and dialect; a member's peer
/// has a [`Seat`] that names its tape and index; the pool's count is the capacity of all blocks;
/// stamps on a tape ascend, and none is greater than the count of appends.
#[derive(Debug, Default)]
pub(super) struct Tapes {
    slab: Slab<Tape>,
    pool: Pool,
    /// Each room's tapes, by the slot of its id.
    rooms: Vec<RoomTapes>,
    /// The number of appends so far. A stamp orders the pending bytes of one peer across its tapes
    /// and its outbox.
    stamp: u64,
}

/// One room's tapes: one per dialect of its members.
#[derive(Debug, Default)]
struct RoomTapes {
    /// The room; the slot may have held other rooms before.
    room: Option<RoomId>,
    /// The tapes by dialect, in no order. There are more dialects than any room has at once.
    tapes: SmallVec<[(Dialect, u32); 2]>,
}

/// The stretch of a tape that one append wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appended {
    /// The position at which the stretch begins.
    pub from: u64,
    /// The position at which the stretch ends.
    pub to: u64,
    /// The number of members of the tape.
    pub members: usize,
    /// True if the append began a round: the schedule must visit the tape.
    pub has_begun_round: bool,
}

/// The member that took the index of one that left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    /// The member.
    pub conn: ConnId,
    /// True if a round is under way, which may have passed the index already.
    pub has_round: bool,
}

impl Tapes {
    /// Returns the number of appends so far.
    pub(super) fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Begins the next append. It has one stamp on all tapes.
    pub(super) fn next_append(&mut self) {
        self.stamp += 1;
    }

    /// Returns the bytes allocated in blocks, used or not.
    pub(super) fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    /// Returns the tape of this key.
    pub(super) fn get(&self, key: usize) -> Option<&Tape> {
        self.slab.get(key)
    }

    /// Returns the tape of a seat, and the member's place on it.
    pub(super) fn at(&self, seat: Seat) -> Option<(&Tape, Place)> {
        let tape = self.slab.get(seat.tape as usize)?;
        Some((tape, tape.place(seat.index as usize)?))
    }

    /// True if there is something on the tape, or in history, that the member has not received.
    pub(super) fn has_pending(&self, seat: Seat) -> bool {
        self.at(seat).is_some_and(|(tape, place)| place != Place::At(tape.end()))
    }

    /// True if the member reads from history instead of its tape.
    pub(super) fn is_recovering(&self, seat: Seat) -> bool {
        matches!(self.at(seat), Some((_, Place::Recovering(_))))
    }

    /// Returns the dialects of a room's members, and the key of each one's tape.
    pub(super) fn of_room(&self, room: RoomId) -> &[(Dialect, u32)] {
        let tapes = self.rooms.get(room.slot()).filter(|tapes| tapes.room == Some(room));
        tapes.map_or(&[], |tapes| &tapes.tapes)
    }

    fn each_of_room(&self, room: RoomId) -> impl Iterator<Item = &Tape> {
        self.of_room(room).iter().filter_map(|(_, key)| self.slab.get(*key as usize))
    }

    /// Returns a peer's seat in a room.
    pub(super) fn seat_in(&self, peer: &Peer, room: RoomId) -> Option<Seat> {
        self.of_room(room).iter().find_map(|(_, key)| peer.seat_on(*key as usize))
    }

    /// Returns the bytes held for members of a room that are behind.
    pub(super) fn held(&self, room: RoomId) -> usize {
        self.each_of_room(room).map(Tape::held).sum()
    }

    /// Returns the greatest number of bytes on a tape of the room that some members were not offered.
    pub(super) fn unoffered(&self, room: RoomId) -> usize {
        self.each_of_room(room).map(Tape::unoffered).max().unwrap_or(0)
    }

    /// Returns the tape whose oldest block must go before `need` bytes fit on a tape: that tape for
    /// its own limit, and the one that holds most for the limit of all together, so that no room pays
    /// for another's laggards.
    pub(super) fn to_trim(&self, key: usize, need: usize, limits: &Limits) -> Option<usize> {
        if self.pool.reserved() + need > limits.backlog_total {
            let heaviest = self.slab.iter().max_by_key(|(_, tape)| tape.held());
            if let Some((heaviest, _)) = heaviest.filter(|(_, tape)| tape.held() > 0) {
                return Some(heaviest);
            }
        }
        let is_full = self.slab.get(key).is_some_and(|tape| tape.is_full(need, limits.backlog));
        is_full.then_some(key)
    }

    /// Frees a tape's oldest block. Returns the members that still needed it.
    pub(super) fn trim(&mut self, key: usize) -> Vec<Fallen> {
        self.slab.get_mut(key).map_or_else(Vec::new, |tape| tape.trim(&mut self.pool))
    }

    /// Appends a whole message to a tape, under the current stamp. Nothing is done per member.
    pub(super) fn append(
        &mut self,
        key: usize,
        message: &[u8],
        offset: Offset,
    ) -> Option<Appended> {
        let tape = self.slab.get_mut(key)?;
        let from = tape.end();
        let has_begun_round = tape.append(message, offset, self.stamp, &mut self.pool);
        Some(Appended { from, to: tape.end(), members: tape.members().len(), has_begun_round })
    }

    /// Moves a member forward to a position on its tape.
    pub(super) fn advance(&mut self, seat: Seat, position: u64) {
        if let Some(tape) = self.slab.get_mut(seat.tape as usize) {
            tape.advance(seat.index as usize, position, &mut self.pool);
        }
    }

    /// Moves a member that has read all of history to the end of its tape.
    pub(super) fn rejoin(&mut self, seat: Seat) {
        if let Some(tape) = self.slab.get_mut(seat.tape as usize) {
            tape.advance(seat.index as usize, tape.end(), &mut self.pool);
        }
    }

    /// Records the offset that a member reads next in history.
    pub(super) fn recover(&mut self, seat: Seat, next: Offset) {
        if let Some(tape) = self.slab.get_mut(seat.tape as usize) {
            tape.recover(seat.index as usize, next);
        }
    }

    /// Returns the next member of a tape's round that has something to receive; `None` ends the visit.
    pub(super) fn next_in_round(&mut self, key: usize, quantum: &mut usize) -> Option<ConnId> {
        self.slab.get_mut(key)?.next_in_round(quantum, &mut self.pool)
    }

    /// True while a round of the tape is under way.
    pub(super) fn has_round(&self, key: usize) -> bool {
        self.slab.get(key).is_some_and(Tape::has_round)
    }

    /// Seats a member at the end of the room's tape in this dialect, or in history. `upcoming` is the
    /// offset that the room's next message will have.
    pub(super) fn seat(
        &mut self,
        conn: ConnId,
        (room, dialect): (RoomId, Dialect),
        upcoming: Offset,
        recovering: Option<Offset>,
    ) -> Option<Seat> {
        let key = self.key_for(room, dialect, upcoming);
        let index = self.slab.get_mut(key)?.seat(conn, recovering);
        Some(Seat { tape: key as u32, index: index as u32 })
    }

    fn key_for(&mut self, room: RoomId, dialect: Dialect, upcoming: Offset) -> usize {
        if self.rooms.len() <= room.slot() {
            self.rooms.resize_with(room.slot() + 1, RoomTapes::default);
        }
        let tapes = &mut self.rooms[room.slot()];
        if tapes.room != Some(room) {
            debug_assert!(tapes.tapes.is_empty(), "the room before left no tapes");
            *tapes = RoomTapes { room: Some(room), ..RoomTapes::default() };
        }
        if let Some((_, key)) = tapes.tapes.iter().find(|(spoken, _)| *spoken == dialect) {
            return *key as usize;
        }
        let key = self.slab.insert(Tape::new(room, dialect, upcoming));
        tapes.tapes.push((dialect, key as u32));
        key
    }

    /// Removes a member, and its tape if it was the last. The member that takes its index is
    /// returned: its peer's seat must be changed, and a round may have passed it.
    pub(super) fn unseat(&mut self, seat: Seat) -> Option<Moved> {
        let key = seat.tape as usize;
        let tape = self.slab.get_mut(key)?;
        let moved = tape.unseat(seat.index as usize, &mut self.pool);
        let (room, has_round) = (tape.room, tape.has_round());
        if tape.members().is_empty() {
            self.slab.try_remove(key);
            if let Some(tapes) = self.rooms.get_mut(room.slot()) {
                tapes.tapes.retain(|(_, tape)| *tape as usize != key);
            }
        }
        moved.map(|conn| Moved { conn, has_round })
    }

    /// Forgets a room. Its members have left before, and their tapes are gone.
    pub(super) fn forget_room(&mut self, room: RoomId) {
        if let Some(tapes) = self.rooms.get_mut(room.slot()).filter(|t| t.room == Some(room)) {
            debug_assert!(tapes.tapes.is_empty());
            *tapes = RoomTapes::default();
        }
    }

    /// Returns the keys of tapes with a round under way.
    pub(super) fn rounds(&self) -> impl Iterator<Item = usize> {
        self.slab.iter().filter(|(_, tape)| tape.has_round()).map(|(key, _)| key)
    }

    /// Checks the invariants above. It visits everything.
    ///
    /// # Panics
    /// When one does not hold.
    pub(super) fn assert_invariants(&self, backlog_max: usize) {
        let mut reserved = 0;
        for (key, tape) in &self.slab {
            reserved += tape.assert_sound(backlog_max);
            assert!(tape.last_stamp().is_none_or(|stamp| stamp <= self.stamp), "a later stamp");
            assert!(!tape.members().is_empty(), "a tape without members");
            let listed = self.of_room(tape.room).iter();
            let listed = listed.filter(|entry| **entry == (tape.dialect, key as u32));
            assert_eq!(listed.count(), 1, "a tape is listed once, under its room");
        }
        let listed: usize = self.rooms.iter().map(|tapes| tapes.tapes.len()).sum();
        assert_eq!(listed, self.slab.len(), "every tape that is listed exists");
        assert_eq!(reserved, self.reserved(), "blocks lent and blocks held");
    }

    /// Returns all members, each with its seat.
    pub(super) fn members(&self) -> impl Iterator<Item = (ConnId, Seat)> {
        self.slab.iter().flat_map(|(key, tape)| {
            let members = tape.members().iter().enumerate();
            members.map(move |(index, member)| {
                (member.conn, Seat { tape: key as u32, index: index as u32 })
            })
        })
    }
}
