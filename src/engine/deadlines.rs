//! Deadlines: coarse wheels, not a timer per peer.

use super::peer::{Peer, Peers};
use crate::id::{ConnId, RoomId};
use crate::now::Tick;

/// Slots of the wheel: 51.2 s, so that one lap holds every default deadline. Later deadlines take
/// more than one lap.
const SLOTS: usize = 512;

/// The deadlines of peers and rooms.
///
/// Invariant: a peer whose `due` lies ahead has an entry for that time. Other entries for the peer
/// are outdated, and are ignored when their time comes.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    peers: Wheel<ConnId>,
    rooms: Wheel<RoomId>,
}

impl Deadlines {
    /// Sets the time at which a peer is checked again, in place of the one before.
    pub(super) fn set_peer(&mut self, peer: &mut Peer, at: Tick) {
        peer.due = at;
        self.peers.schedule(at, peer.id);
    }

    /// Sets a time at which a room is checked.
    pub(super) fn set_room(&mut self, room: RoomId, at: Tick) {
        self.rooms.schedule(at, room);
    }

    /// Returns the next peer that an entry names whose time has come.
    pub(super) fn pop_peer(&mut self, now: Tick) -> Option<ConnId> {
        self.peers.pop_due(now)
    }

    /// Returns the next room whose time has come.
    pub(super) fn pop_room(&mut self, now: Tick) -> Option<RoomId> {
        self.rooms.pop_due(now)
    }

    /// Returns the time of the first entry.
    pub(super) fn next(&self) -> Option<Tick> {
        self.peers.next().into_iter().chain(self.rooms.next()).min()
    }

    /// Checks the invariant above. It visits every peer.
    ///
    /// # Panics
    /// When it does not hold.
    pub(super) fn assert_invariants(&self, peers: &Peers) {
        for peer in peers.iter().filter(|peer| peer.due > self.peers.at) {
            assert!(self.peers.has(peer.due, &peer.id), "{} is due and forgotten", peer.id);
        }
    }
}

/// A timer wheel: the peers or rooms that are due at each tick. Entries are never removed early:
/// when the time of an entry comes, its peer or room checks if there is still something to do.
#[derive(Debug)]
struct Wheel<T> {
    slots: Vec<Slot<T>>,
    /// The tick up to which all due entries have been taken out.
    at: Tick,
    due: Vec<T>,
    len: usize,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(SLOTS).collect();
        Self { slots, at: Tick(0), due: Vec::new(), len: 0 }
    }
}

impl<T> Wheel<T> {
    /// Adds an entry that returns `what` at the time `at`.
    fn schedule(&mut self, at: Tick, what: T) {
        let slot = at.max(self.at).0 as usize % SLOTS;
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.earliest = slot.earliest.min(at.max(self.at));
            slot.entries.push((at, what));
            self.len += 1;
        }
    }

    /// Returns the next entry whose time has come.
    fn pop_due(&mut self, now: Tick) -> Option<T> {
        while self.due.is_empty() && self.at <= now {
            // After a long sleep every slot is visited once, not once per missed tick.
            self.at = self.at.max(Tick(now.0.saturating_sub(SLOTS as u32)));
            let slot = self.slots.get_mut(self.at.0 as usize % SLOTS);
            // Slots that have only entries of a later lap are skipped.
            if let Some(slot) = slot.filter(|slot| slot.earliest <= now) {
                slot.take_due(now, &mut self.due);
            }
            if self.at == now {
                break;
            }
            self.at.0 += 1;
        }
        let what = self.due.pop()?;
        self.len -= 1;
        Some(what)
    }

    /// Returns the time at which [`pop_due`](Self::pop_due) next has an entry.
    fn next(&self) -> Option<Tick> {
        if !self.due.is_empty() {
            return Some(self.at);
        }
        if self.len == 0 {
            return None;
        }
        // Slots come in the order of their ticks; the first of this lap is the answer, and only if
        // there is none are later laps compared.
        let ahead = (0..SLOTS as u32).map(|ahead| Tick(self.at.0.saturating_add(ahead)));
        let soon = ahead.filter_map(|tick| Some((tick, self.slots.get(tick.0 as usize % SLOTS)?)));
        let soon =
            soon.into_iter().find(|(tick, slot)| slot.earliest <= *tick).map(|(tick, _)| tick);
        soon.or_else(|| self.slots.iter().map(|slot| slot.earliest).min())
    }
}

impl<T: PartialEq> Wheel<T> {
    /// True if there is an entry for that time, which lies ahead.
    fn has(&self, at: Tick, what: &T) -> bool {
        let slot = self.slots.get(at.0 as usize % SLOTS);
        slot.is_some_and(|slot| slot.entries.iter().any(|entry| entry.0 == at && entry.1 == *what))
    }
}

/// The entries of one tick of every lap.
#[derive(Debug)]
struct Slot<T> {
    entries: Vec<(Tick, T)>,
    /// The earliest tick of them. A slot with only later entries is skipped.
    earliest: Tick,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), earliest: Tick(u32::MAX) }
    }
}

impl<T> Slot<T> {
    fn take_due(&mut self, now: Tick, due: &mut Vec<T>) {
        due.extend(self.entries.extract_if(.., |(at, _)| *at <= now).map(|(_, what)| what));
        self.earliest = self.entries.iter().map(|(at, _)| *at).min().unwrap_or(Tick(u32::MAX));
        if self.entries.is_empty() && self.entries.capacity() > 64 {
            self.entries = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut Wheel<u32>, now: u32) -> Vec<u32> {
        let mut due: Vec<u32> = std::iter::from_fn(|| wheel.pop_due(Tick(now))).collect();
        due.sort_unstable();
        due
    }

    #[test]
    fn everything_comes_once_and_never_early() {
        let mut wheel = Wheel::default();
        let times = [0, 1, 5, 5, 511, 512, 513, 1_024, 2_000, u32::MAX];
        for at in times {
            wheel.schedule(Tick(at), at);
        }
        let mut seen = Vec::new();
        for now in 0..3_000 {
            for at in due(&mut wheel, now) {
                assert_eq!(at, now);
                seen.push(at);
            }
        }
        assert_eq!(seen, times[..9]);
        assert_eq!(wheel.len, 1);
    }

    #[test]
    fn once_everything_due_is_out_the_next_deadline_lies_ahead() {
        let mut wheel = Wheel::default();
        for at in [5, 5 + SLOTS as u32, 5 + 5 * SLOTS as u32, 3_000] {
            wheel.schedule(Tick(at), at);
        }
        for now in 0..4_000 {
            while wheel.pop_due(Tick(now)).is_some() {}
            assert!(wheel.next().is_none_or(|next| next > Tick(now)), "at {now}");
        }
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn the_next_deadline_is_never_late() {
        let mut wheel = Wheel::default();
        assert_eq!(wheel.next(), None);
        wheel.schedule(Tick(700), 700);
        assert!(wheel.next().unwrap() <= Tick(700));
        wheel.schedule(Tick(30), 30);
        assert_eq!(wheel.next(), Some(Tick(30)));
        assert!(due(&mut wheel, 29).is_empty());
        assert_eq!(due(&mut wheel, 10_000), [30, 700]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn what_is_already_due_comes_at_once() {
        let mut wheel = Wheel::default();
        assert!(due(&mut wheel, 100).is_empty());
        wheel.schedule(Tick(3), 3);
        assert_eq!(due(&mut wheel, 100), [3]);
        wheel.schedule(Tick(100), 100);
        wheel.schedule(Tick(101), 101);
        assert_eq!(due(&mut wheel, 100), [100]);
        assert_eq!(due(&mut wheel, 101), [101]);
    }
}
