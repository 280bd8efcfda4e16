//! What a room demands of those who enter and speak, and who may do what there. The same for members
//! of every protocol.

use super::pattern::{Pattern, Subject};
use crate::id::ConnId;
use crate::payload::Identity;
use std::collections::HashMap;
use std::rc::Rc;

/// Entries that one list of a room may have: each is compared with everybody who enters.
pub const LIST_MAX: usize = 100;

/// Invitations that wait to be used; the oldest goes first.
const INVITED_MAX: usize = 100;

/// A room's rights, until its last member leaves.
#[derive(Debug, Default)]
pub struct Rights {
    /// What is switched on, by [`Switch`].
    switches: u8,
    /// What one must know to enter.
    pub key: Option<Rc<str>>,
    /// How many members it may have.
    pub limit: Option<u32>,
    lists: [Vec<Entry>; List::ALL.len()],
    ranks: HashMap<ConnId, Ranks>,
    invited: Vec<ConnId>,
    /// What it is about.
    pub topic: Option<Topic>,
    /// When its first member came, in seconds since 1970.
    pub since: u64,
}

/// What a room is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// The topic.
    pub text: Rc<str>,
    /// Who gave it.
    pub by: Identity,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// What can be switched on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Switch {
    /// One enters by invitation only.
    InviteOnly = 1,
    /// Only operators and those with a voice speak.
    Moderated = 2,
    /// Only members speak.
    MembersOnly = 4,
    /// Not listed for those who are not members.
    Secret = 8,
    /// Only operators give it a topic.
    TopicLocked = 16,
}

/// A list of patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Who may not enter or speak.
    Bans,
    /// Who may all the same.
    Excepts,
    /// Who needs no invitation.
    Invites,
}

impl List {
    /// Every list.
    pub const ALL: &[Self] = &[Self::Bans, Self::Excepts, Self::Invites];
}

/// One pattern of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The pattern.
    pub pattern: Rc<Pattern>,
    /// Who put it there.
    pub by: Identity,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// What a member may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rank {
    /// May change everything.
    Operator = 1,
    /// May speak where it is moderated.
    Voice = 2,
}

/// What a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ranks(u8);

impl Ranks {
    /// Whether it is that.
    pub fn has(self, rank: Rank) -> bool {
        self.0 & rank as u8 != 0
    }
}

/// A change of rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Given, or taken away.
    pub on: bool,
    /// What.
    pub what: What,
}

/// What can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A switch.
    Switch(Switch),
    /// The key. Taken away whatever it is called.
    Key(Rc<str>),
    /// The limit on members.
    Limit(u32),
    /// An entry of a list.
    Entry(List, Rc<Pattern>),
    /// A member's rank, and the name by which the others know the member.
    Rank(Rank, ConnId, Rc<str>),
}

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unchanged {
    /// It was so before.
    Already,
    /// The list is full.
    Full,
}

impl Rights {
    /// Of a room that somebody has founded.
    pub(super) fn founded(by: ConnId, since: u64) -> Self {
        let mut rights = Self::common(since);
        rights.ranks.insert(by, Ranks(Rank::Operator as u8));
        rights
    }

    /// Of a room that belongs to nobody: everything is open.
    pub(super) fn common(since: u64) -> Self {
        Self { since, ..Self::default() }
    }

    /// What founders expect who have words for rights: for members only, and an operator's topic.
    pub(super) fn close(&mut self) {
        self.switches |= Switch::MembersOnly as u8 | Switch::TopicLocked as u8;
    }

    /// Whether something is switched on.
    pub fn is_on(&self, switch: Switch) -> bool {
        self.switches & switch as u8 != 0
    }

    /// What a member is.
    pub fn ranks(&self, conn: ConnId) -> Ranks {
        self.ranks.get(&conn).copied().unwrap_or_default()
    }

    /// Whether a member is an operator of the room.
    pub fn is_operator(&self, conn: ConnId) -> bool {
        self.ranks(conn).has(Rank::Operator)
    }

    /// Everybody with a rank.
    pub fn ranked(&self) -> impl Iterator<Item = (ConnId, Ranks)> {
        self.ranks.iter().map(|(conn, ranks)| (*conn, *ranks))
    }

    /// The entries of a list, oldest first.
    pub fn list(&self, list: List) -> &[Entry] {
        self.lists.get(list as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether anybody may enter: nothing here is a secret of its members.
    pub fn is_open(&self) -> bool {
        !self.is_on(Switch::InviteOnly) && !self.is_on(Switch::Secret) && self.key.is_none()
    }

    /// Whether a list has a pattern for this person.
    fn names(&self, list: List, person: &Subject<'_>) -> bool {
        self.list(list).iter().any(|entry| entry.pattern.fits(person))
    }

    /// True if somebody may be banned.
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

    /// Whether the person was asked in, or needs not be.
    pub(super) fn invites(&self, conn: ConnId, who: &Identity) -> bool {
        self.invited.contains(&conn) || self.names(List::Invites, &Subject::new(who))
    }

    /// Whether the person has an invitation of their own.
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

    /// The member came in: its invitation is used up.
    pub(super) fn entered(&mut self, conn: ConnId) {
        self.invited.retain(|invited| *invited != conn);
    }

    /// The member is gone, and its rank with it.
    pub(super) fn left(&mut self, conn: ConnId) {
        self.ranks.remove(&conn);
    }

    /// Makes one change, if it is one.
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
