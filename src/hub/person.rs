//! The people who are here, and their names.

use super::departed::Departed;
use super::notice::Departure;
use super::rate::{Act, Rate};
use super::watches::Watches;
use crate::id::{ConnId, RoomId};
use crate::limits::Limits;
use crate::now::Now;
use crate::payload::{Identity, Profile};
use core::net::IpAddr;
use slab::Slab;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::rc::Rc;

/// Everyone connected, by slot; and who holds which name.
#[derive(Debug, Default)]
pub struct People {
    slots: Vec<Option<Person>>,
    names: HashMap<Rc<str>, ConnId>,
    /// The presences of those whose protocol has words for it.
    presences: Slab<Presence>,
    /// Who is told when the holder of a name comes and goes.
    watches: Watches,
    /// Where those come from whose addresses are shown.
    addresses: HashMap<ConnId, IpAddr>,
    /// Those with a presence who left of late, the latest first.
    departed: Departed,
    /// Connected, with a name or without.
    present: usize,
    /// The most names there were at once.
    most: usize,
    /// How many are invisible, and how many are operators of the relay.
    flagged: (usize, usize),
    /// Guests' names given so far.
    pub guests: u64,
}

/// A presence: the hub's state of a person whose protocol has words for it.
#[derive(Debug)]
pub struct Presence {
    /// What they say about themselves.
    pub profile: Rc<Profile>,
    /// What they say to those who ask while they are away.
    pub away: Option<Rc<str>>,
    /// What they are known as.
    pub flags: Flags,
    /// When they came, in seconds since 1970.
    pub since: u64,
    /// When they last said something, in seconds since 1970.
    pub spoke: u64,
    /// What the others are told when they go. Few say it before they do: an idle peer pays for a pointer.
    pub departure: Option<Box<Departure>>,
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
    /// The generation of the connection. Its slot is the person's place among [`People`].
    generation: NonZeroU32,
    /// What everyone calls them; empty before hello.
    pub name: Rc<str>,
    /// Proves, on a later connection, that this is the same person.
    pub key: u64,
    /// Where they are, in no order. The first two need no memory elsewhere.
    pub rooms: SmallVec<[Membership; 2]>,
    /// How much of their allowance is used up.
    pub rate: Rate,
    /// Stands for the network they come from.
    cloak: u64,
    /// Where their presence is, if they have one; else [`NO_PRESENCE`] or [`HEARS`].
    presence: u32,
}

/// In place of a presence's key: nothing is known of them, and what is said to them alone does not
/// reach them.
const NO_PRESENCE: u32 = u32::MAX;

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

    /// They come from elsewhere than it seemed: see [`People::arrive`].
    pub fn moved(&mut self, exempt: bool, cloak: u64) {
        self.rate = if exempt { Rate::UNLIMITED } else { Rate::default() };
        self.cloak = cloak;
    }

    /// Takes the price of an act out of the person's allowance; false if too little is left.
    pub fn take_allowance(&mut self, act: Act, now: Now, limits: &Limits) -> bool {
        self.rate.take(act, now.running, limits)
    }

    /// Forgets a room; where they stood in its list, if they were in it.
    pub fn forget_room(&mut self, room: RoomId) -> Option<usize> {
        let at = self.rooms.iter().position(|membership| membership.room == room)?;
        Some(self.rooms.swap_remove(at).index as usize)
    }
}

impl People {
    /// Somebody connected. `exempt`: no rate applies to them; `cloak`: stands for their network.
    pub fn arrive(&mut self, conn: ConnId, exempt: bool, cloak: u64) {
        if self.slots.len() <= conn.slot() {
            self.slots.resize_with(conn.slot() + 1, || None);
        }
        let (name, rooms) = (Rc::from(""), SmallVec::new());
        let rate = if exempt { Rate::UNLIMITED } else { Rate::default() };
        let (generation, presence) = (conn.generation(), NO_PRESENCE);
        let person = Person { generation, name, key: 0, rooms, rate, cloak, presence };
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
            if let Some(presence) = self.presences.try_remove(person.presence as usize) {
                self.count(presence.flags, false);
                for name in &presence.watches {
                    self.unwatch(name, conn);
                }
            }
        }
    }

    /// The address that is shown once they describe themselves, if one is.
    pub fn show(&mut self, conn: ConnId, ip: Option<IpAddr>) {
        match ip.filter(|_| self.get(conn).is_some()) {
            Some(ip) => drop(self.addresses.insert(conn, ip.to_canonical())),
            None => drop(self.addresses.remove(&conn)),
        }
    }

    /// Where somebody comes from, if that is to be shown.
    pub fn address(&self, conn: ConnId) -> Option<IpAddr> {
        self.addresses.get(&conn).copied()
    }

    /// Remembers an identity that departed, or took another name.
    pub fn remember(&mut self, who: Identity, at: u64) {
        self.departed.remember(who, at);
    }

    /// Those of that name who departed, the latest first, with the time in seconds since 1970.
    pub fn departed(&self, name: &str) -> impl Iterator<Item = (&Identity, u64)> {
        self.departed.named(name)
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

    /// Gives a person a presence, or changes what they say about themselves.
    pub fn describe(&mut self, conn: ConnId, profile: Profile, now: Now) {
        if let Some(presence) = self.presence_mut(conn) {
            presence.profile = Rc::new(profile);
            return;
        }
        let since = now.unix_ms / 1000;
        let presence = Presence {
            profile: Rc::new(profile),
            away: None,
            flags: Flags::default(),
            since,
            spoke: since,
            departure: None,
            watches: Vec::new(),
        };
        let key = self.presences.insert(presence) as u32;
        if let Some(person) = self.get_mut(conn) {
            person.presence = key;
        }
    }

    /// Changes what a person is known as.
    pub fn flag(&mut self, conn: ConnId, flags: Flags) {
        let Some(presence) = self.presence_mut(conn) else { return };
        let before = std::mem::replace(&mut presence.flags, flags);
        if before.bot != flags.bot {
            presence.profile =
                Rc::new(Profile { is_bot: flags.bot, ..(*presence.profile).clone() });
        }
        self.count(before, false);
        self.count(flags, true);
    }

    /// A person's presence.
    pub fn presence(&self, conn: ConnId) -> Option<&Presence> {
        self.presences.get(self.get(conn)?.presence as usize)
    }

    /// The same, to change.
    pub fn presence_mut(&mut self, conn: ConnId) -> Option<&mut Presence> {
        let key = self.get(conn)?.presence;
        self.presences.get_mut(key as usize)
    }

    /// What is said to somebody alone reaches them. That of those with a presence always does.
    pub fn hears(&mut self, conn: ConnId) {
        if let Some(person) = self.get_mut(conn).filter(|person| person.presence == NO_PRESENCE) {
            person.presence = HEARS;
        }
    }

    /// Whether what is said to somebody alone reaches them.
    pub fn is_hearer(&self, conn: ConnId) -> bool {
        self.get(conn).is_some_and(|person| person.presence != NO_PRESENCE)
    }

    /// Everybody with a presence and a name. Visits all: for what only operators ask for.
    pub fn with_presence(&self) -> impl Iterator<Item = ConnId> {
        self.each_named().filter(|(_, person)| person.presence < HEARS).map(|(conn, _)| conn)
    }

    /// Everybody with a name. Visits all.
    pub fn named(&self) -> impl Iterator<Item = ConnId> {
        self.each_named().map(|(conn, _)| conn)
    }

    fn each_named(&self) -> impl Iterator<Item = (ConnId, &Person)> {
        self.slots.iter().enumerate().filter_map(|(slot, person)| {
            let person = person.as_ref().filter(|person| !person.name.is_empty())?;
            Some((ConnId::new(u32::try_from(slot).ok()?, person.generation), person))
        })
    }

    /// A person, as others see them.
    pub fn identity(&self, conn: ConnId) -> Option<Identity> {
        let person = self.get(conn)?;
        let profile = self.presence(conn).map(|presence| Rc::clone(&presence.profile));
        Some(Identity { name: Rc::clone(&person.name), cloak: person.cloak, profile })
    }

    /// The number that stands for a connection's network; 0 if it is gone.
    pub fn cloak_of(&self, conn: ConnId) -> u64 {
        self.get(conn).map_or(0, |person| person.cloak)
    }

    /// Who wants to be told of a (folded) name.
    pub fn watchers(&self, folded: &str) -> &[ConnId] {
        self.watches.of(folded)
    }

    /// Somebody wants to be told of a (folded) name.
    pub fn watch(&mut self, folded: Rc<str>, conn: ConnId) {
        let Some(presence) = self.presence_mut(conn) else { return };
        if !presence.watches.contains(&folded) {
            presence.watches.push(Rc::clone(&folded));
            self.watches.add(folded, conn);
        }
    }

    /// Somebody no longer wants to be told of a (folded) name.
    pub fn unwatch(&mut self, folded: &Rc<str>, conn: ConnId) {
        if let Some(presence) = self.presence_mut(conn) {
            presence.watches.retain(|watched| watched != folded);
        }
        self.watches.remove(folded, conn);
    }

    /// The person `conn` names, if they are still here.
    pub fn get(&self, conn: ConnId) -> Option<&Person> {
        self.slots
            .get(conn.slot())?
            .as_ref()
            .filter(|person| person.generation == conn.generation())
    }

    /// The same, to change.
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Person> {
        self.slots
            .get_mut(conn.slot())?
            .as_mut()
            .filter(|person| person.generation == conn.generation())
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
