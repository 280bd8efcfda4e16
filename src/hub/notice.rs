//! Notices: the events that the members of a room receive beside its messages.

use super::rights::Change;
use crate::payload::{Attributes, Identity};
use std::rc::Rc;

/// An event of a room, mostly of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A person joined; the number of members now.
    Came(Identity, u32),
    /// A person left; the number of members now.
    Went(Identity, u32, Departure),
    /// The number of members now, in a room too big for names.
    Count(u32),
    /// A person has changed its name; the number of members, unchanged.
    Renamed(Identity, Rc<str>, u32),
    /// The topic was changed.
    Topic(Identity, Rc<str>),
    /// Rights changed.
    Changed(Identity, Rc<[Change]>),
    /// A person was invited.
    Invited(Identity, Rc<str>),
    /// A person is away, or back.
    Away(Identity, Option<Rc<str>>),
    /// A person has changed its full name: see the profile.
    RealName(Identity),
    /// An ephemeral message of one client to the others, which is not kept.
    Ephemeral(Ephemeral),
}

impl Notice {
    /// True if the notice is kept as part of a room's history: joins, leaves, topics and rights.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Self::Came(..) | Self::Went(..) | Self::Topic(..) | Self::Changed(..) => true,
            Self::Count(_)
            | Self::Renamed(..)
            | Self::Invited(..)
            | Self::Away(..)
            | Self::RealName(_)
            | Self::Ephemeral(_) => false,
        }
    }

    /// Returns the bytes of memory that the notice is counted as while it waits to be kept.
    pub(super) fn weight(&self) -> usize {
        let words = match self {
            Self::Topic(_, words) => words.len(),
            Self::Went(_, _, Departure::Left(words)) => {
                words.as_ref().map_or(0, |words| words.len())
            }
            Self::Went(_, _, Departure::Quit(words))
            | Self::Went(_, _, Departure::Disconnected(_, words) | Departure::Kicked(_, words)) => {
                words.len()
            }
            Self::Changed(_, changes) => size_of_val(&**changes),
            _ => 0,
        };
        size_of::<Self>() + words
    }
}

/// A message between clients that is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ephemeral {
    /// The sender.
    pub who: Identity,
    /// The content.
    pub attributes: Attributes,
    /// A unique id among all ephemeral and direct messages.
    pub id: u64,
}

/// The way in which a person left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Left this room, with this reason.
    Left(Option<Rc<str>>),
    /// Disconnected, with this reason.
    Quit(Rc<str>),
    /// Disconnected by another person, with this reason.
    Disconnected(Identity, Rc<str>),
    /// Kicked out of this room by another person, with this reason.
    Kicked(Identity, Rc<str>),
}

impl Departure {
    /// Returns the same departure as one out of a single room.
    pub(super) fn of_one_room(self) -> Self {
        match self {
            Self::Left(words) => Self::Left(words),
            Self::Quit(words) | Self::Disconnected(_, words) => Self::Left(Some(words)),
            Self::Kicked(by, words) => Self::Kicked(by, words),
        }
    }
}
