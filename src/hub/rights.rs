//! Room rights: the conditions for entering and publishing, and the members' ranks. They apply to
//! members of every protocol alike.

use super::pattern::{Pattern, Subject};
use crate::id::ConnId;
use crate::payload::Identity;
use std::collections::HashMap;
use std::rc::Rc;

/// The most entries in one list of a room. Every entry is compared with every person who enters.
pub const LIST_MAX: usize = 100;

/// The most unused invitations of a room. The oldest is dropped first.
const INVITED_MAX: usize = 100;

/// A room's rights, until its last member leaves.
#[derive(Debug, Default)]
pub struct Rights {
    /// The switches that are on: one bit per [`Switch`].
    switches: u8,
    /// The password for entering the room.
    pub key: Option<Rc<str>>,
    /// The most members the room may have.
    pub limit: Option<u32>,
    lists: [Vec<Entry>; List::ALL.len()],
    ranks: HashMap<ConnId, Ranks>,
    invited: Vec<ConnId>,
    /// The topic.
    pub topic: Option<Topic>,
    /// The time at which the first member entered, in seconds since 1970.
    pub since: u64,
}

/// A room's topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// The text.
    pub text: Rc<str>,
    /// The person who set the topic.
    pub by: Identity,
    /// The time, in seconds since 1970.
    pub at: u64,
}

/// A boolean setting of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Switch {
    /// Only invited persons may enter.
    InviteOnly = 1,
    /// Only operators and members with a voice may publish.
    Moderated = 2,
    /// Only members may publish.
    MembersOnly = 4,
    /// The room is listed for its members only.
    Secret = 8,
    /// Only operators may set the topic.
    TopicLocked = 16,
}

/// A list of patterns that name persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Bans: matching persons may not enter or publish.
    Bans,
    /// Exceptions: bans do not apply to matching persons.
    Excepts,
    /// Invite exceptions: matching persons may enter an invite-only room.
    Invites,
}

impl List {
    /// All lists.
    pub const ALL: &[Self] = &[Self::Bans, Self::Excepts, Self::Invites];
}

/// One pattern of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The pattern.
    pub pattern: Rc<Pattern>,
    /// The person who added the entry.
    pub by: Identity,
    /// The time, in seconds since 1970.
    pub at: u64,
}

/// A rank that a member of a room can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rank {
    /// May change the room's rights.
    Operator = 1,
    /// May publish in a moderated room.
    Voice = 2,
}

/// The set of a member's ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ranks(u8);

impl Ranks {
    /// True if the set contains `rank`.
    pub fn has(self, rank: Rank) -> bool {
        self.0 & rank as u8 != 0
    }
}

/// A change of rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// True if the right is set, false if it is removed.
    pub on: bool,
    /// The right that changes.
    pub what: What,
}

/// A right that a [`Change`] sets or removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A switch.
    Switch(Switch),
    /// The password for entering. Removing it does not compare the value.
    Key(Rc<str>),
    /// The limit on members.
    Limit(u32),
    /// An entry of a list.
    Entry(List, Rc<Pattern>),
    /// A member's rank, with the member's name as the others see it.
    Rank(Rank, ConnId, Rc<str>),
}

/// The reason why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unchanged {
    /// The right already had this value.
    Already,
    /// The list is full.
    Full,
}

impl Rights {
    /// Returns the rights of a new room whose first member is its operator.
    pub(super) fn founded(by: ConnId, since: u64) -> Self {
        let mut rights = Self::common(since);
        rights.ranks.insert(by, Ranks(Rank::Operator as u8));
        rights
    }

    /// Returns the rights of a new room without an operator. Nothing is restricted.
    pub(super) fn common(since: u64) -> Self {
        Self { since, ..Self::default() }
    }

    /// Switches on [`Switch::MembersOnly`] and [`Switch::TopicLocked`]. Founders whose protocol has
    /// commands for rights expect both.
    pub(super) fn close(&mut self) {
        self.switches |= Switch::MembersOnly as u8 | Switch::TopicLocked as u8;
    }

    /// True if `switch` is on.
    pub fn is_on(&self, switch: Switch) -> bool {
        self.switches & switch as u8 != 0
    }

    /// Returns the ranks of a member.
    pub fn ranks(&self, conn: ConnId) -> Ranks {
        self.ranks.get(&conn).copied().unwrap_or_default()
    }

    /// True if the member is an operator of the room.
    pub fn is_operator(&self, conn: ConnId) -> bool {
        self.ranks(conn).has(Rank::Operator)
    }

    /// Iterates over the members that have a rank.
    pub fn ranked(&self) -> impl Iterator<Item = (ConnId, Ranks)> {
        self.ranks.iter().map(|(conn, ranks)| (*conn, *ranks))
    }

    /// Returns the entries of a list, oldest first.
    pub fn list(&self, list: List) -> &[Entry] {
        self.lists.get(list as usize).map_or(&[], Vec::as_slice)
    }

    /// True if anybody may enter, so that nothing in the room is a secret of its members.
    pub fn is_open(&self) -> bool {
        !self.is_on(Switch::InviteOnly) && !self.is_on(Switch::Secret) && self.key.is_none()
    }

    /// True if a pattern of the list matches the person.
    fn names(&self, list: List, person: &Subject<'_>) -> bool {
        self.list(list).iter().any(|entry| entry.pattern.fits(person))
    }

    /// True if the room has any ban.
    pub(super) fn has_bans(&self) -> bool {
        !self.list(List::Bans).is_empty()
    }

    /// True if the person is banned and not excepted.
    pub(super) fn bans(&self, who: &Identity) -> bool {
        if !self.has_bans() {
            return false;
        }
        let person = Subject::new(who);
        self.names(List::Bans, &person) && !self.names(List::Excepts, &person)
    }

    /// True if the person may enter an invite-only room: the person was invited or matches the list
    /// of invite exceptions.
    pub(super) fn invites(&self, conn: ConnId, who: &Identity) -> bool {
        self.invited.contains(&conn) || self.names(List::Invites, &Subject::new(who))
    }

    /// True if the person has an unused invitation.
    pub(super) fn was_invited(&self, conn: ConnId) -> bool {
        self.invited.contains(&conn)
    }

    pub(super) fn invite(&mut self, conn: ConnId) {
        self.invited.retain(|invited| *invited != conn);
        if self.invited.len() >= INVITED_MAX {
            self.invited.remove(0);
        }
        self.invited.push(conn);
    }

    /// Removes the invitation of a member that has entered.
    pub(super) fn entered(&mut self, conn: ConnId) {
        self.invited.retain(|invited| *invited != conn);
    }

    /// Removes the ranks of a member that has left.
    pub(super) fn left(&mut self, conn: ConnId) {
        self.ranks.remove(&conn);
    }

    /// Makes one change. Fails if nothing changes or the list is full.
    pub(super) fn apply(
        &mut self,
        change: &Change,
        by: &Identity,
        at: u64,
    ) -> Result<(), Unchanged> {
        match &change.what {
            What::Switch(switch) => {
                if self.is_on(*switch) == change.on {
                    return Err(Unchanged::Already);
                }
                self.switches ^= *switch as u8;
            }
            What::Key(key) => {
                let key = change.on.then(|| Rc::clone(key));
                if self.key == key {
                    return Err(Unchanged::Already);
                }
                self.key = key;
            }
            What::Limit(limit) => {
                let limit = change.on.then_some(*limit);
                if self.limit == limit {
                    return Err(Unchanged::Already);
                }
                self.limit = limit;
            }
            What::Entry(list, pattern) => {
                return self.apply_entry(change.on, *list, pattern, by, at);
            }
            What::Rank(rank, conn, _) => {
                let ranks = self.ranks.entry(*conn).or_default();
                if ranks.has(*rank) == change.on {
                    return Err(Unchanged::Already);
                }
                ranks.0 ^= *rank as u8;
                if ranks.0 == 0 {
                    self.ranks.remove(conn);
                }
            }
        }
        Ok(())
    }

    fn apply_entry(
        &mut self,
        on: bool,
        list: List,
        pattern: &Rc<Pattern>,
        by: &Identity,
        at: u64,
    ) -> Result<(), Unchanged> {
        let Some(entries) = self.lists.get_mut(list as usize) else { return Ok(()) };
        let known = entries.iter().position(|entry| entry.pattern.is_same(pattern));
        match (on, known) {
            (true, Some(_)) | (false, None) => return Err(Unchanged::Already),
            (true, None) if entries.len() >= LIST_MAX => return Err(Unchanged::Full),
            (true, None) => {
                let (pattern, by) = (Rc::clone(pattern), by.clone());
                entries.push(Entry { pattern, by, at });
            }
            (false, Some(index)) => drop(entries.remove(index)),
        }
        Ok(())
    }
}
