//! Notices: what the members of a room are told beside its messages.

use super::rights::Change;
use crate::payload::{Attributes, Identity};
use std::rc::Rc;

/// News of a room: of its members, mostly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody joined; members now.
    Came(Identity, u32),
    /// Somebody left; members now.
    Went(Identity, u32, Departure),
    /// Members now, in a room too big for names.
    Count(u32),
    /// Somebody has another name; members, as before.
    Renamed(Identity, Rc<str>, u32),
    /// The room has another topic.
    Topic(Identity, Rc<str>),
    /// Rights changed.
    Changed(Identity, Rc<[Change]>),
    /// Somebody was asked in.
    Invited(Identity, Rc<str>),
    /// Somebody is away, or back.
    Away(Identity, Option<Rc<str>>),
    /// Somebody is called something else in full: see their profile.
    RealName(Identity),
    /// What one client tells the others, and nobody keeps.
    Ephemeral(Ephemeral),
}

impl Notice {
    /// True if it is part of what a room was like: who came and went, and what it demanded.
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

    /// Bytes of memory that it is counted as while it waits to be kept.
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
    /// Who.
    pub who: Identity,
    /// The content.
    pub attributes: Attributes,
    /// Unlike that of any other ephemeral or direct message.
    pub id: u64,
}

/// The way in which a person left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Out of this room, with these words.
    Left(Option<Rc<str>>),
    /// Out of the relay, with these words.
    Quit(Rc<str>),
    /// Out of the relay, disconnected by somebody, with these words.
    Disconnected(Identity, Rc<str>),
    /// Kicked out of this room by somebody, with these words.
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
