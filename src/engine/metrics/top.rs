//! The biggest rooms and the slowest peers.

use super::super::Engine;
use super::super::peer::Peer;
use super::super::tape::Place;
use crate::hub::Room;
use crate::now::Tick;
use crate::session::action::{BigRoom, SlowPeer, Top};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

impl Engine {
    /// Returns the `most` biggest rooms and slowest peers. Visits every room and peer once.
    pub(super) fn top(&self, most: usize, now: Tick) -> Top {
        let rooms =
            greatest(most, self.world.hub().rooms().map(|room| (u64::from(room.count()), room)));
        let slow = self.peers.iter().map(|peer| (self.pending_bytes(peer), peer));
        let peers = greatest(most, slow.filter(|(owed, _)| *owed > 0));
        Top {
            running_ms: now.start().as_millis() as u64,
            rooms: rooms.into_iter().map(|(_, room)| self.big(room)).collect(),
            peers: peers.into_iter().map(|(owed, peer)| self.slow(peer, owed, now)).collect(),
        }
    }

    fn big(&self, room: &Room) -> BigRoom {
        BigRoom {
            members: room.count(),
            backlog: self.tapes.held(room.id),
            head: room.head(),
            history: room.history.weight(),
            name: room.name.to_string(),
        }
    }

    fn slow(&self, peer: &Peer, owed: u64, now: Tick) -> SlowPeer {
        let silent = now.0.saturating_sub(peer.heard.0);
        SlowPeer {
            owed,
            silent_ms: u64::from(silent) * Tick::MILLIS,
            blocked: peer.blocked,
            id: peer.id.to_string(),
            protocol: peer.session.protocol(),
            name: self.world.hub().name_of(peer.id).to_owned(),
        }
    }

    /// Counts the bytes that a peer has not been sent: its private ones, and those of its rooms
    /// from its cursors on.
    fn pending_bytes(&self, peer: &Peer) -> u64 {
        let private = peer.outbox.as_ref().map_or(0, |outbox| outbox.unsent() as u64);
        let shared = peer.seats.iter().filter_map(|seat| {
            let (tape, place) = self.tapes.at(*seat)?;
            Some(match place {
                Place::At(position) => tape.end().saturating_sub(position),
                Place::Recovering(_) => tape.held() as u64,
            })
        });
        private + shared.sum::<u64>()
    }
}

/// Returns the `most` items with the greatest numbers, the greatest first. It never holds more of
/// them.
fn greatest<T>(most: usize, all: impl Iterator<Item = (u64, T)>) -> Vec<(u64, T)> {
    let mut kept: Vec<T> = Vec::new();
    let mut least: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    for (number, what) in all {
        if kept.len() < most {
            least.push(Reverse((number, kept.len())));
            kept.push(what);
        } else if let Some(mut last) = least.peek_mut().filter(|last| last.0.0 < number) {
            let index = last.0.1;
            *last = Reverse((number, index));
            if let Some(slot) = kept.get_mut(index) {
                *slot = what;
            }
        }
    }
    let mut order: Vec<(u64, usize)> = least.into_iter().map(|Reverse(place)| place).collect();
    order.sort_unstable_by_key(|(number, index)| (Reverse(*number), *index));
    let mut kept: Vec<Option<T>> = kept.into_iter().map(Some).collect();
    let take = |(number, index): (u64, usize)| Some((number, kept.get_mut(index)?.take()?));
    order.into_iter().filter_map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_greatest_are_kept_and_in_order() {
        let all = [(3, "c"), (9, "i"), (1, "a"), (5, "e"), (8, "h"), (2, "b")];
        assert_eq!(greatest(3, all.into_iter()), [(9, "i"), (8, "h"), (5, "e")]);
        assert_eq!(greatest(9, all.into_iter()).len(), 6);
        assert!(greatest(0, all.into_iter()).is_empty());
    }
}
