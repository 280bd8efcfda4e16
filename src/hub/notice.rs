//! Notices: what the members of a room are told beside its messages.

use super::rights::Change;
use super::who::Who;
use std::rc::Rc;

/// News of a room: of its members, mostly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody joined; members now.
    Came(Who, u32),
    /// Somebody left; members now.
    Went(Who, u32, Going),
    /// Members now, in a room too big for names.
    Count(u32),
    /// Somebody has another name; members, as before.
    Renamed(Who, Rc<str>, u32),
    /// The room has another topic.
    Topic(Who, Rc<str>),
    /// Rights changed.
    Changed(Who, Rc<[Change]>),
    /// Somebody was asked in.
    Invited(Who, Rc<str>),
    /// Somebody is away, or back.
    Away(Who, Option<Rc<str>>),
    /// Somebody is called something else in full: see their face.
    RealName(Who),
    /// A client's note to the other clients. It is not kept.
    Signal(Signal),
}

/// A client's note to other clients: see [`Command::Signal`](super::Command::Signal).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Who.
    pub who: Who,
    /// What, as IRC writes it.
    pub tags: Rc<str>,
    /// Unlike that of any other signal or private message.
    pub id: u64,
}

/// The way in which a person left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Going {
    /// Out of this room, with these words.
    Left(Option<Rc<str>>),
    /// Out of the relay, with these words.
    Quit(Rc<str>),
    /// Put out by somebody, with these words.
    Expelled(Who, Rc<str>),
}
