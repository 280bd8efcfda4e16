//! The people who are here, and their names.

use super::rate::{Act, Rate};
use super::who::Who;
use crate::id::{ConnId, RoomId};
use crate::limits::Limits;
use crate::now::Now;
use crate::payload::{Face, Seen};
use core::net::IpAddr;
use slab::Slab;
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Everyone connected, by slot; and who holds which name.
#[derive(Debug, Default)]
pub struct People {
    slots: Vec<Option<Person>>,
    names: HashMap<Rc<str>, ConnId>,
    /// What is known of those whose protocol has words for it.
    records: Slab<Record>,
    /// Who wants to be told of a (folded) name.
    watchers: HashMap<Rc<str>, Vec<ConnId>>,
    /// Where those come from whose addresses are shown.
    addresses: HashMap<ConnId, IpAddr>,
    /// Those with a record who left of late, the latest first.
    past: VecDeque<Past>,
    /// Connected, with a name or without.
    present: usize,
    /// The most names there were at once.
    most: usize,
    /// How many are invisible, and how many are operators of the relay.
    flagged: (usize, usize),
    /// Guests' names given so far.
    pub guests: u64,
}

/// How many of those who left are remembered.
const PAST_MAX: usize = 1_000;

/// What is known of a person whose protocol has words for it.
#[derive(Debug)]
pub struct Record {
    /// What they say about themselves.
    pub face: Rc<Face>,
    /// What they say to those who ask while they are away.
    pub away: Option<Rc<str>>,
    /// What they are known as.
    pub flags: Flags,
    /// When they came, in seconds since 1970.
    pub since: u64,
    /// When they last said something, in seconds since 1970.
    pub spoke: u64,
    /// What the others are told when they go.
    pub farewell: Option<Rc<str>>,
    /// The (folded) names they watch.
    pub watches: Vec<Rc<str>>,
}

/// The flags of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Not listed for those who share no room with them.
    pub invisible: bool,
    /// An operator of the relay: may end connections, and has an operator's rights in every room.
    pub operator: bool,
    /// Wants to hear what operators call out.
    pub listens: bool,
    /// A program.
    pub bot: bool,
}

/// Somebody who was here.
#[derive(Clone, Debug)]
pub struct Past {
    /// Who.
    pub who: Who,
    /// When they left, in seconds since 1970.
    pub at: u64,
}

/// How many are here, and what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// With a name.
    pub named: usize,
    /// Without one yet.
    pub nameless: usize,
    /// The most there were with a name at once.
    pub most: usize,
    /// Invisible ones.
    pub invisible: usize,
    /// Operators of the relay.
    pub operators: usize,
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
    /// How much of their allowance is used up.
    pub rate: Rate,
    /// Stands for the network they come from.
    cloak: u32,
    /// Where their record is, if they have one; else [`NO_RECORD`] or [`HEARS`].
    record: u32,
}

/// In place of a record's key: nothing is known of them, and what is said to them alone does not
/// reach them.
const NO_RECORD: u32 = u32::MAX;

/// The same, but it does.
const HEARS: u32 = u32::MAX - 1;

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

    /// They come from elsewhere than it seemed: whether their allowance has an end, and what stands
    /// for their network.
    pub fn introduce(&mut self, unlimited: bool, cloak: u32) {
        self.rate = if unlimited { Rate::UNLIMITED } else { Rate::default() };
        self.cloak = cloak;
    }

    /// Says or does something that others hear of, if they may yet.
    pub fn may_act(&mut self, now: Now, limits: &Limits) -> bool {
        self.rate.take(Act::Say, now.running, limits)
    }

    /// Enters a room, if they may yet.
    pub fn may_enter(&mut self, now: Now, limits: &Limits) -> bool {
        self.rate.take(Act::Ask, now.running, limits)
    }

    /// Forgets a room; where they stood in its list, if they were in it.
    pub fn forget_room(&mut self, room: RoomId) -> Option<usize> {
        let at = self.rooms.iter().position(|membership| membership.room == room)?;
        Some(self.rooms.swap_remove(at).index as usize)
    }
}

impl People {
    /// Somebody connected.
    pub fn arrive(&mut self, conn: ConnId, unlimited: bool, cloak: u32) {
        if self.slots.len() <= conn.slot() {
            self.slots.resize_with(conn.slot() + 1, || None);
        }
        let (name, rooms) = (Rc::from(""), SmallVec::new());
        let rate = if unlimited { Rate::UNLIMITED } else { Rate::default() };
        let person = Person { conn, name, key: 0, rooms, rate, cloak, record: NO_RECORD };
        self.present += 1;
        self.slots[conn.slot()] = Some(person);
    }

    /// Somebody is gone.
    pub fn depart(&mut self, conn: ConnId) {
        if self.get(conn).is_none() {
            return;
        }
        if let Some(person) = self.slots.get_mut(conn.slot()).and_then(Option::take) {
            self.forget_name(conn, &person.name);
            self.addresses.remove(&conn);
            self.present -= 1;
            if let Some(record) = self.records.try_remove(person.record as usize) {
                self.count(record.flags, false);
                for name in &record.watches {
                    self.unwatch(name, conn);
                }
            }
        }
    }

    /// Somebody comes from there, and it is to be shown once they say who they are.
    pub fn show(&mut self, conn: ConnId, ip: IpAddr) {
        if self.get(conn).is_some() {
            self.addresses.insert(conn, ip.to_canonical());
        }
    }

    /// Where somebody comes from, if that is to be shown.
    pub fn address(&self, conn: ConnId) -> Option<IpAddr> {
        self.addresses.get(&conn).copied()
    }

    /// Whoever goes, or takes another name, is remembered for a while.
    pub fn remember(&mut self, who: Who, at: u64) {
        self.past.truncate(PAST_MAX - 1);
        self.past.push_front(Past { who, at });
    }

    /// Those of that name who were here, the latest first.
    pub fn past(&self, name: &str) -> impl Iterator<Item = &Past> {
        self.past.iter().filter(move |past| past.who.name.eq_ignore_ascii_case(name))
    }

    /// How many are here.
    pub fn census(&self) -> Census {
        Census {
            named: self.names.len(),
            nameless: self.present - self.names.len(),
            most: self.most,
            invisible: self.flagged.0,
            operators: self.flagged.1,
        }
    }

    fn count(&mut self, flags: Flags, one_more: bool) {
        let change = |count: &mut usize, is_so: bool| match (is_so, one_more) {
            (true, true) => *count += 1,
            (true, false) => *count -= 1,
            (false, _) => {}
        };
        change(&mut self.flagged.0, flags.invisible);
        change(&mut self.flagged.1, flags.operator);
    }

    /// Gives a person a record, or changes what they say about themselves.
    pub fn describe(&mut self, conn: ConnId, face: Face, now: Now) {
        if let Some(record) = self.record_mut(conn) {
            record.face = Rc::new(face);
            return;
        }
        let since = now.unix_ms / 1000;
        let record = Record {
            face: Rc::new(face),
            away: None,
            flags: Flags::default(),
            since,
            spoke: since,
            farewell: None,
            watches: Vec::new(),
        };
        let key = self.records.insert(record) as u32;
        if let Some(person) = self.get_mut(conn) {
            person.record = key;
        }
    }

    /// Changes what a person is known as.
    pub fn flag(&mut self, conn: ConnId, flags: Flags) {
        let Some(record) = self.record_mut(conn) else { return };
        let before = std::mem::replace(&mut record.flags, flags);
        if before.bot != flags.bot {
            record.face = Rc::new(Face { is_bot: flags.bot, ..(*record.face).clone() });
        }
        self.count(before, false);
        self.count(flags, true);
    }

    /// A person's record.
    pub fn record(&self, conn: ConnId) -> Option<&Record> {
        self.records.get(self.get(conn)?.record as usize)
    }

    /// The same, to change.
    pub fn record_mut(&mut self, conn: ConnId) -> Option<&mut Record> {
        let key = self.get(conn)?.record;
        self.records.get_mut(key as usize)
    }

    /// What is said to somebody alone reaches them. That of those with a record always does.
    pub fn hears(&mut self, conn: ConnId) {
        if let Some(person) = self.get_mut(conn).filter(|person| person.record == NO_RECORD) {
            person.record = HEARS;
        }
    }

    /// Whether what is said to somebody alone reaches them.
    pub fn is_hearer(&self, conn: ConnId) -> bool {
        self.get(conn).is_some_and(|person| person.record != NO_RECORD)
    }

    /// Everybody with a record and a name. Visits all: for what only operators ask for.
    pub fn recorded(&self) -> impl Iterator<Item = ConnId> {
        let people = self.slots.iter().flatten();
        people.filter(|p| p.record < HEARS && !p.name.is_empty()).map(|p| p.conn)
    }

    /// Everybody with a name. Visits all.
    pub fn named(&self) -> impl Iterator<Item = ConnId> {
        self.slots.iter().flatten().filter(|p| !p.name.is_empty()).map(|p| p.conn)
    }

    /// A person, as others see them.
    pub fn who(&self, conn: ConnId) -> Option<Who> {
        let person = self.get(conn)?;
        let face = self.record(conn).map(|record| Rc::clone(&record.face));
        let seen = Seen { cloak: person.cloak, face };
        Some(Who { name: Rc::clone(&person.name), seen })
    }

    /// Who wants to be told of a (folded) name.
    pub fn watchers(&self, folded: &str) -> &[ConnId] {
        self.watchers.get(folded).map_or(&[], Vec::as_slice)
    }

    /// Somebody wants to be told of a (folded) name.
    pub fn watch(&mut self, folded: Rc<str>, conn: ConnId) {
        let Some(record) = self.record_mut(conn) else { return };
        if !record.watches.contains(&folded) {
            record.watches.push(Rc::clone(&folded));
            self.watchers.entry(folded).or_default().push(conn);
        }
    }

    /// Somebody no longer wants to be told of a (folded) name.
    pub fn unwatch(&mut self, folded: &Rc<str>, conn: ConnId) {
        if let Some(record) = self.record_mut(conn) {
            record.watches.retain(|watched| watched != folded);
        }
        if let Some(watchers) = self.watchers.get_mut(folded) {
            watchers.retain(|watcher| *watcher != conn);
            if watchers.is_empty() {
                self.watchers.remove(folded);
            }
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
    pub fn holder(&self, folded: &str) -> Option<ConnId> {
        self.names.get(folded).copied()
    }

    /// Gives `conn` a name that nobody else holds.
    pub fn name(&mut self, conn: ConnId, name: &Rc<str>, folded: Rc<str>, key: u64) {
        let Some(person) = self.get_mut(conn) else { return };
        person.key = key;
        let before = std::mem::replace(&mut person.name, Rc::clone(name));
        self.forget_name(conn, &before);
        self.names.insert(folded, conn);
        self.most = self.most.max(self.names.len());
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
