//! The connected persons and their names.

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

/// All connected persons by slot, and the holder of each name.
#[derive(Debug, Default)]
pub struct People {
    slots: Vec<Option<Person>>,
    names: HashMap<Rc<str>, ConnId>,
    /// The presences of persons whose protocol has them.
    presences: Slab<Presence>,
    /// The watchers of each name: they are notified when its holder connects or disconnects.
    watches: Watches,
    /// The addresses of persons whose address is shown.
    addresses: HashMap<ConnId, IpAddr>,
    /// Recently departed identities that had a presence, the latest first.
    departed: Departed,
    /// The number of connected persons, with a name or without.
    present: usize,
    /// The highest number of names held at once.
    most: usize,
    /// The number of invisible persons, and of operators of the relay.
    flagged: (usize, usize),
    /// The number of guest names given so far.
    pub guests: u64,
}

/// The state of a person whose protocol describes its users, such as IRC.
#[derive(Debug)]
pub struct Presence {
    /// The profile that the person gave.
    pub profile: Rc<Profile>,
    /// The away message, while the person is away.
    pub away: Option<Rc<str>>,
    /// The person's flags.
    pub flags: Flags,
    /// The time of the description, in seconds since 1970.
    pub since: u64,
    /// The time of the last message, in seconds since 1970.
    pub spoke: u64,
    /// The reason that neighbours receive when the person disconnects. Few peers send one before
    /// they disconnect, and an idle peer pays only for the pointer.
    pub departure: Option<Box<Departure>>,
    /// The (folded) names that the person watches.
    pub watches: Vec<Rc<str>>,
}

/// The flags of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Listed only for persons who share a room with this one.
    pub invisible: bool,
    /// An operator of the relay: may disconnect others, and has an operator's rights in every room.
    pub operator: bool,
    /// Receives the calls of operators.
    pub listens: bool,
    /// A program.
    pub bot: bool,
}

/// Numbers of connected persons by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Persons with a name.
    pub named: usize,
    /// Persons that have no name yet.
    pub nameless: usize,
    /// The highest number of persons with a name at once.
    pub most: usize,
    /// Invisible persons.
    pub invisible: usize,
    /// Operators of the relay.
    pub operators: usize,
}

/// A connected person. The name is empty before login.
#[derive(Debug)]
pub struct Person {
    /// The generation of the connection. Its slot is the person's place among [`People`].
    generation: NonZeroU32,
    /// The name; empty before login.
    pub name: Rc<str>,
    /// The key that proves on a later connection that this is the same person.
    pub key: u64,
    /// The person's memberships, in no order. The first two need no memory elsewhere.
    pub rooms: SmallVec<[Membership; 2]>,
    /// The used part of the person's allowance.
    pub rate: Rate,
    /// A number that stands for the person's network.
    cloak: u64,
    /// The key of the person's presence if there is one; else [`NO_PRESENCE`] or [`HEARS`].
    presence: u32,
}

/// Replaces a presence's key: the person has no presence, and direct messages do not reach the
/// person.
const NO_PRESENCE: u32 = u32::MAX;

/// Replaces a presence's key: the person has no presence, but direct messages reach the person.
const HEARS: u32 = u32::MAX - 1;

/// A person's membership of one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The room.
    pub room: RoomId,
    /// The person's index in the room's list of members.
    pub index: u32,
}

impl Person {
    /// True if the person is a member of the room.
    pub fn is_member(&self, room: RoomId) -> bool {
        self.rooms.iter().any(|membership| membership.room == room)
    }

    /// Sets the exemption and the cloak after the person's real origin became known: see
    /// [`People::arrive`].
    pub fn moved(&mut self, exempt: bool, cloak: u64) {
        self.rate = if exempt { Rate::UNLIMITED } else { Rate::default() };
        self.cloak = cloak;
    }

    /// Takes the price of an act out of the person's allowance; false if too little is left.
    pub fn take_allowance(&mut self, act: Act, now: Now, limits: &Limits) -> bool {
        self.rate.take(act, now.running, limits)
    }

    /// Removes the membership of a room. Returns the person's index in the room's list of members,
    /// if the person was a member.
    pub fn forget_room(&mut self, room: RoomId) -> Option<usize> {
        let at = self.rooms.iter().position(|membership| membership.room == room)?;
        Some(self.rooms.swap_remove(at).index as usize)
    }
}

impl People {
    /// Adds a person that connected. `exempt`: the message rate does not apply to the person.
    /// `cloak`: a number that stands for the person's network.
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

    /// Removes a person that disconnected.
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

    /// Sets or clears the address that is shown once the person has a profile.
    pub fn show(&mut self, conn: ConnId, ip: Option<IpAddr>) {
        match ip.filter(|_| self.get(conn).is_some()) {
            Some(ip) => drop(self.addresses.insert(conn, ip.to_canonical())),
            None => drop(self.addresses.remove(&conn)),
        }
    }

    /// Returns the person's address if it is shown.
    pub fn address(&self, conn: ConnId) -> Option<IpAddr> {
        self.addresses.get(&conn).copied()
    }

    /// Remembers an identity that disconnected or changed its name.
    pub fn remember(&mut self, who: Identity, at: u64) {
        self.departed.remember(who, at);
    }

    /// Iterates over the departed identities of that name, the latest first, with the time in
    /// seconds since 1970.
    pub fn departed(&self, name: &str) -> impl Iterator<Item = (&Identity, u64)> {
        self.departed.named(name)
    }

    /// Counts the connected persons by kind.
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

    /// Gives the person a presence, or replaces the profile of an existing one.
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

    /// Replaces the person's flags.
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

    /// Returns the person's presence.
    pub fn presence(&self, conn: ConnId) -> Option<&Presence> {
        self.presences.get(self.get(conn)?.presence as usize)
    }

    /// Returns the person's presence, mutable.
    pub fn presence_mut(&mut self, conn: ConnId) -> Option<&mut Presence> {
        let key = self.get(conn)?.presence;
        self.presences.get_mut(key as usize)
    }

    /// Marks the person as reachable by direct messages. A person with a presence always is.
    pub fn hears(&mut self, conn: ConnId) {
        if let Some(person) = self.get_mut(conn).filter(|person| person.presence == NO_PRESENCE) {
            person.presence = HEARS;
        }
    }

    /// True if direct messages reach the person.
    pub fn is_hearer(&self, conn: ConnId) -> bool {
        self.get(conn).is_some_and(|person| person.presence != NO_PRESENCE)
    }

    /// Iterates over all persons with a presence and a name. Visits every slot, so only operators'
    /// requests use it.
    pub fn with_presence(&self) -> impl Iterator<Item = ConnId> {
        self.each_named().filter(|(_, person)| person.presence < HEARS).map(|(conn, _)| conn)
    }

    /// Iterates over all persons with a name. Visits every slot.
    pub fn named(&self) -> impl Iterator<Item = ConnId> {
        self.each_named().map(|(conn, _)| conn)
    }

    fn each_named(&self) -> impl Iterator<Item = (ConnId, &Person)> {
        self.slots.iter().enumerate().filter_map(|(slot, person)| {
            let person = person.as_ref().filter(|person| !person.name.is_empty())?;
            Some((ConnId::new(u32::try_from(slot).ok()?, person.generation), person))
        })
    }

    /// Returns the person's identity, as others see it.
    pub fn identity(&self, conn: ConnId) -> Option<Identity> {
        let person = self.get(conn)?;
        let profile = self.presence(conn).map(|presence| Rc::clone(&presence.profile));
        Some(Identity { name: Rc::clone(&person.name), cloak: person.cloak, profile })
    }

    /// Returns the number that stands for a connection's network; 0 if the connection is gone.
    pub fn cloak_of(&self, conn: ConnId) -> u64 {
        self.get(conn).map_or(0, |person| person.cloak)
    }

    /// Returns the watchers of a (folded) name.
    pub fn watchers(&self, folded: &str) -> &[ConnId] {
        self.watches.of(folded)
    }

    /// Makes `conn` a watcher of a (folded) name.
    pub fn watch(&mut self, folded: Rc<str>, conn: ConnId) {
        let Some(presence) = self.presence_mut(conn) else { return };
        if !presence.watches.contains(&folded) {
            presence.watches.push(Rc::clone(&folded));
            self.watches.add(folded, conn);
        }
    }

    /// Removes `conn` from the watchers of a (folded) name.
    pub fn unwatch(&mut self, folded: &Rc<str>, conn: ConnId) {
        if let Some(presence) = self.presence_mut(conn) {
            presence.watches.retain(|watched| watched != folded);
        }
        self.watches.remove(folded, conn);
    }

    /// Returns the person of `conn`, if still connected.
    pub fn get(&self, conn: ConnId) -> Option<&Person> {
        self.slots
            .get(conn.slot())?
            .as_ref()
            .filter(|person| person.generation == conn.generation())
    }

    /// Returns the person of `conn`, mutable, if still connected.
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Person> {
        self.slots
            .get_mut(conn.slot())?
            .as_mut()
            .filter(|person| person.generation == conn.generation())
    }

    /// True if `conn` is a member of `room`.
    pub fn is_member(&self, conn: ConnId, room: RoomId) -> bool {
        self.get(conn).is_some_and(|person| person.is_member(room))
    }

    /// Returns the holder of a (folded) name.
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

    /// Sets the member's index in the list of `room`, after the list moved the member.
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

    /// Checks names against people. Returns the number of memberships in all.
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
