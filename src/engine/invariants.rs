//! Checks of the parts' invariants, and of those between parts. For tests: they visit everything.

use super::Engine;
use super::tape::Place;
use crate::hub::Room;
use crate::id::{ConnId, Offset, RoomId};
use std::collections::HashSet;

impl Engine {
    /// Checks the invariants of every part, and those between peers, seats, tapes, rooms and the hub.
    ///
    /// # Panics
    /// When one does not hold.
    #[doc(hidden)]
    pub fn assert_sound(&self) {
        self.world.assert_invariants(self.peers.iter());
        self.jobs.assert_invariants(&self.peers);
        self.commits.assert_invariants();
        self.assert_reads();
        self.metrics.assert_invariants(self.peers.len());
        self.closing.assert_invariants(&self.peers);
        self.deadlines.assert_invariants(&self.peers);
        self.tapes.assert_invariants(self.world.limits().backlog);
        self.schedule.assert_invariants(&self.peers, &self.tapes);
        for (conn, seat) in self.tapes.members() {
            let peer = self.peers.get(conn).expect("a member is connected");
            assert_eq!(peer.seat_on(seat.tape as usize), Some(seat), "a member has a seat");
        }
        for peer in self.peers.iter() {
            let rooms: HashSet<RoomId> = self.world.hub().rooms_of(peer.id).collect();
            let seats = peer.seats.iter().map(|seat| self.tapes.at(*seat).expect("a seat").0.room);
            let seats: HashSet<RoomId> = seats.collect();
            if peer.is_open() {
                assert_eq!(rooms, seats, "{} sits where it is a member", peer.id);
            }
            assert!(peer.outbox.as_ref().is_none_or(|outbox| !outbox.is_empty()));
            assert!(peer.inbox.as_ref().is_none_or(|inbox| !inbox.unparsed().is_empty()));
            let is_due = self.has_pending(peer.id) && peer.is_open() && !peer.blocked;
            let is_due = is_due && !self.pages.awaits_page_only(peer, &self.tapes);
            assert!(
                !is_due || self.schedule.will_visit(peer, &self.tapes),
                "{} is owed something and forgotten",
                peer.id
            );
        }
    }

    /// True if a peer is in the room of that name.
    #[doc(hidden)]
    pub fn is_in(&self, conn: ConnId, room: &str) -> bool {
        let room = self.world.hub().find(room);
        room.is_some_and(|room| self.world.hub().is_member(conn, room))
    }

    /// Returns the newest offset of a room, if it still exists.
    #[doc(hidden)]
    pub fn head_of(&self, room: RoomId) -> Option<Offset> {
        self.world.hub().room(room).map(Room::head)
    }

    /// Returns the name of a peer; empty before login.
    #[doc(hidden)]
    pub fn name_of(&self, conn: ConnId) -> &str {
        self.world.hub().name_of(conn)
    }

    /// Returns the number of bytes that are sent to a peer before everything else, in every case.
    #[doc(hidden)]
    pub fn rest_bytes(&self, conn: ConnId) -> u64 {
        let outbox = self.peers.get(conn).and_then(|peer| peer.outbox.as_ref());
        outbox.map_or(0, |outbox| outbox.first_bytes() as u64)
    }

    /// Returns the rooms that `conn` reads from history, with the next offset of each.
    #[doc(hidden)]
    pub fn recovering(&self, conn: ConnId) -> Vec<(RoomId, Offset)> {
        let seats = self.peers.get(conn).into_iter().flat_map(|peer| &peer.seats);
        let recovering = seats.filter_map(|seat| match self.tapes.at(*seat)? {
            (tape, Place::Recovering(next)) => Some((tape.room, next)),
            (_, Place::At(_)) => None,
        });
        recovering.collect()
    }

    /// Checks that no memory is held for any peer, as in an idle relay.
    ///
    /// # Panics
    /// If any memory is held.
    #[doc(hidden)]
    pub fn assert_idle(&self) {
        assert_eq!(self.tapes.reserved(), 0, "an idle room owns no memory");
        for peer in self.peers.iter() {
            assert!(peer.outbox.is_none() && peer.inbox.is_none(), "an idle peer owns no buffer");
            assert!(!peer.has_pending_output, "an idle peer's transport holds nothing");
        }
        assert!(self.schedule.is_empty());
    }
}
