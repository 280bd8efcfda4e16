//! The people who are here, and their names.

use super::rate::Rate;
use crate::id::{ConnId, RoomId};
use crate::limits::Limits;
use crate::now::Now;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::rc::Rc;

/// Everyone connected, by slot; and who holds which name.
#[derive(Debug, Default)]
pub struct People {
    slots: Vec<Option<Person>>,
    names: HashMap<Rc<str>, ConnId>,
    /// Guests' names given so far.
    pub guests: u64,
}

/// Somebody connected. Nameless until the first hello.
#[derive(Debug)]
pub struct Person {
    conn: ConnId,
    /// What everyone calls them; empty before hello.
    pub name: Rc<str>,
    /// Proves, on a later connection, that this is the same person.
    pub key: u64,
    /// Where they are, in no order. The first two need no memory elsewhere.
    pub rooms: SmallVec<[Membership; 2]>,
    rate: Rate,
}

/// One room somebody is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Which one.
    pub room: RoomId,
    /// Where they stand in its list of members.
    pub index: u32,
}

impl Person {
    /// Whether they are in the room.
    pub fn is_member(&self, room: RoomId) -> bool {
        self.rooms.iter().any(|membership| membership.room == room)
    }

    /// Takes one action from their allowance.
    pub fn may_act(&mut self, now: Now, limits: &Limits) -> bool {
        self.rate.take(now.running, limits)
    }

    /// Forgets a room; where they stood in its list, if they were in it.
    pub fn forget_room(&mut self, room: RoomId) -> Option<usize> {
        let at = self.rooms.iter().position(|membership| membership.room == room)?;
        Some(self.rooms.swap_remove(at).index as usize)
    }
}

impl People {
    /// Somebody connected.
    pub fn arrive(&mut self, conn: ConnId, unlimited: bool) {
        if self.slots.len() <= conn.slot() {
            self.slots.resize_with(conn.slot() + 1, || None);
        }
        let (name, rooms) = (Rc::from(""), SmallVec::new());
        let rate = if unlimited { Rate::UNLIMITED } else { Rate::default() };
        let person = Person { conn, name, key: 0, rooms, rate };
        self.slots[conn.slot()] = Some(person);
    }

    /// Somebody is gone.
    pub fn depart(&mut self, conn: ConnId) {
        if self.get(conn).is_none() {
            return;
        }
        if let Some(person) = self.slots.get_mut(conn.slot()).and_then(Option::take) {
            self.forget_name(conn, &person.name);
        }
    }

    /// The person `conn` names, if they are still here.
    pub fn get(&self, conn: ConnId) -> Option<&Person> {
        self.slots.get(conn.slot())?.as_ref().filter(|person| person.conn == conn)
    }

    /// The same, to change.
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Person> {
        self.slots.get_mut(conn.slot())?.as_mut().filter(|person| person.conn == conn)
    }

    /// Whether `conn` is in `room`.
    pub fn is_member(&self, conn: ConnId, room: RoomId) -> bool {
        self.get(conn).is_some_and(|person| person.is_member(room))
    }

    /// Who holds a (folded) name.
    pub fn holder(&self, folded: &Rc<str>) -> Option<ConnId> {
        self.names.get(folded).copied()
    }

    /// Gives `conn` a name that nobody else holds.
    pub fn name(&mut self, conn: ConnId, name: &Rc<str>, folded: Rc<str>, key: u64) {
        let Some(person) = self.get_mut(conn) else { return };
        person.key = key;
        let before = std::mem::replace(&mut person.name, Rc::clone(name));
        self.forget_name(conn, &before);
        self.names.insert(folded, conn);
    }

    /// Whoever stood last in a room's list now stands at `index`.
    pub fn move_member(&mut self, conn: ConnId, room: RoomId, index: usize) {
        let rooms = self.get_mut(conn).map(|person| person.rooms.iter_mut());
        if let Some(seat) = rooms.into_iter().flatten().find(|seat| seat.room == room) {
            seat.index = index as u32;
        }
    }

    fn forget_name(&mut self, conn: ConnId, name: &Rc<str>) {
        let folded = super::name::folded(name);
        if self.names.get(&folded) == Some(&conn) {
            self.names.remove(&folded);
        }
    }

    /// Checks names against people; answers how many memberships there are in all.
    ///
    /// # Panics
    /// When they disagree.
    pub fn assert_sound(&self) -> usize {
        for (folded, conn) in &self.names {
            let person = self.get(*conn).expect("a name is held by somebody");
            assert_eq!(super::name::folded(&person.name), *folded);
        }
        let people = self.slots.iter().flatten();
        let named = people.clone().filter(|person| !person.name.is_empty()).count();
        assert_eq!(named, self.names.len());
        people.map(|person| person.rooms.len()).sum()
    }
}
