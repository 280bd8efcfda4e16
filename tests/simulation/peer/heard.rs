//! One thing that a peer heard, in the words of no protocol. Each protocol's reader turns its bytes into
//! these, and one checker compares them with the model.

use super::rights::Modes;
use super::want::Token;
use hobnob::id::Offset;
use hobnob::reason::Refusal;
use hobnob::wire::frame::Past;
use std::collections::{BTreeSet, HashSet};

/// One thing that a peer heard.
#[derive(Debug)]
pub enum Heard<'a> {
    /// The name and the key, where there is one.
    Welcome(Option<(&'a str, u64)>),
    Joined {
        request: u64,
        room: u32,
        name: &'a str,
        numbering: Option<Numbering>,
    },
    Left {
        request: u64,
        room: u32,
        offset: Option<Offset>,
    },
    /// The peer was put out of a room; it hears of which later.
    Kicked,
    /// A message and its place in its room.
    Message {
        room: u32,
        offset: Offset,
        time: u64,
        sender: &'a str,
        payload: &'a [u8],
    },
    /// A message, or its next line, whose place only the model knows.
    Unplaced {
        room: u32,
        content: Content<'a>,
    },
    /// Messages that are lost to the peer.
    Gap {
        room: u32,
        from: Offset,
        to: Offset,
    },
    Presence(Presence<'a>),
    /// An operator did something in a room.
    Moderated {
        room: u32,
        by: &'a str,
        order: Order<'a>,
    },
    /// A direct message, or its next line.
    Direct {
        time: Option<u64>,
        is_notice: bool,
        sender: &'a str,
        target: Option<&'a str>,
        payload: &'a [u8],
    },
    /// The words of somebody who is away.
    Away {
        name: &'a str,
        words: &'a str,
    },
    Ping(Token),
    Pong(Token),
    Reply(Reply<'a>),
    Refused {
        refusal: Option<Refusal>,
        of: Subject<'a>,
    },
    /// The peer has done something wrong, which is the end.
    Blamed(u16),
    /// The relay says that it goes.
    Draining,
    /// The last that the relay says, and why.
    Closed(Option<u16>),
    /// Of no consequence, but that it stands between other things.
    Else,
}

/// The numbering of a room's messages when a peer joins.
#[derive(Clone, Copy, Debug)]
pub struct Numbering {
    pub recovered: bool,
    pub epoch: u64,
    pub head: Offset,
    pub oldest: Offset,
    pub members: u32,
}

/// A message without its place.
#[derive(Debug)]
pub enum Content<'a> {
    Whole { is_text: bool, payload: Vec<u8> },
    Line { person: &'a str, text: &'a str, msgid: Option<String> },
}

/// A change of a room's members, or a list of them.
#[derive(Debug)]
pub enum Presence<'a> {
    /// With how many members there are then, if that is told.
    Came {
        room: u32,
        person: &'a str,
        count: Option<u32>,
    },
    Went {
        room: u32,
        name: &'a str,
        count: Option<u32>,
    },
    /// A room that does not announce names has so many members.
    Count {
        room: u32,
        count: u32,
    },
    /// Somebody left all rooms.
    Quit {
        name: &'a str,
    },
    Renamed {
        from: &'a str,
        to: &'a str,
    },
    Listed(Listing),
}

/// One thing that an operator does.
#[derive(Debug)]
pub enum Order<'a> {
    Modes { letters: &'a str, params: &'a [&'a str] },
    Topic,
    Kick(&'a str),
}

/// An answer that is no event for others, too.
#[derive(Debug)]
pub enum Reply<'a> {
    Acknowledged {
        room: u32,
        id: u64,
        offset: Offset,
    },
    Members {
        request: u64,
        room: u32,
        count: u32,
        names: usize,
    },
    History {
        request: u64,
        room: u32,
        oldest: Offset,
        messages: &'a [Past<'a>],
    },
    Passed {
        request: u64,
        time: u64,
        away: &'a str,
    },
    Capabilities,
    /// It is an operator of the relay now, or not.
    Oper(bool),
    Away(bool),
    Channels(BTreeSet<usize>),
    Modes(u32, Modes),
    Bans(u32, BTreeSet<String>),
    Numeric(&'a str),
    Posted {
        epoch: u64,
        offset: Offset,
        time: u64,
        sender: &'a str,
    },
    Past {
        epoch: u64,
        oldest: Offset,
        messages: &'a [Past<'a>],
    },
    Nothing,
}

/// By what a refusal says what it refuses.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    Request(u64),
    /// It is the oldest request, over HTTP.
    Oldest,
    /// It is a join of this room.
    Join(u32),
    Verb(&'a str),
    /// It is one of many lines that this numeric refuses, with its first parameter.
    Line {
        numeric: &'a str,
        about: &'a str,
    },
}

/// The names in a channel, as they are listed.
#[derive(Debug)]
pub struct Listing {
    pub room: u32,
    pub names: HashSet<String>,
    pub operators: HashSet<String>,
    pub voices: HashSet<String>,
    /// It is part of the answer to a join.
    pub is_join: bool,
    pub is_all: bool,
}

impl Listing {
    pub fn of(room: u32, is_join: bool) -> Self {
        let (names, operators, voices) = Default::default();
        Self { room, names, operators, voices, is_join, is_all: true }
    }

    pub fn add(&mut self, entry: &str) {
        let whole = entry.trim_start_matches(['@', '+']);
        let nick = nick_in(whole);
        let ranks = &entry[..entry.len() - whole.len()];
        if ranks.contains('@') {
            self.operators.insert(nick.to_owned());
        }
        if ranks.contains('+') {
            self.voices.insert(nick.to_owned());
        }
        self.names.insert(nick.to_owned());
    }
}

/// The name in front of a person's address.
pub fn nick_in(person: &str) -> &str {
    person.split('!').next().unwrap_or_default()
}
