//! Requests under way, and the answers that they wait for.

use super::Peer;
use hobnob::id::Offset;
use hobnob::reason::Refusal;
use hobnob::wire::frame::Side;
use std::collections::BTreeSet;

/// The content of a ping and its pong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Number(u64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The answer that a request waits for.
#[derive(Debug)]
pub enum Want {
    Welcome,
    Joined {
        request: u64,
        room: usize,
        is_bad: bool,
        resume: Option<(u64, Offset)>,
    },
    Left {
        request: u64,
        room: u32,
    },
    Ack {
        id: u64,
        room: u32,
        must_fail: Option<Refusal>,
        echo: bool,
        is_repeat: bool,
        index: u64,
    },
    Members {
        request: u64,
        room: u32,
    },
    NoMembers {
        request: u64,
    },
    History {
        request: u64,
        room: u32,
        side: Side,
        limit: u32,
    },
    /// That a message was posted.
    Posted {
        id: u64,
        index: u64,
    },
    /// A page of history of a room that it is not in.
    Past {
        side: Side,
        limit: u32,
        is_closed: Option<bool>,
    },
    /// That there is nothing.
    Nothing,
    Pong(Token),
    Capabilities(Vec<(&'static str, bool)>),
    Name(String),
    /// This numeric, which says that a line makes no sense.
    Numeric(&'static str),
    /// The modes and the bans of a channel.
    Modes(u32),
    Bans(u32),
    Away(bool),
    /// Channels that are shown, and others that may be.
    Channels {
        must: BTreeSet<usize>,
        may: BTreeSet<usize>,
    },
    /// That a direct message is on its way.
    Passed {
        request: u64,
        index: u64,
    },
    /// Nothing but its own copy, if it wants one; or that the direct message is refused.
    Direct {
        index: u64,
        is_notice: bool,
        is_echoed: bool,
    },
    /// A message without an id, which can only be refused.
    Refused(Refusal),
    /// A message without an id, of which the peer hears only if it is refused.
    Perhaps,
}

/// A request under way.
pub struct Asked {
    pub want: Want,
    /// Where the request ends among all bytes the peer sent.
    pub end: u64,
}

impl Peer {
    /// Notes the answer to the bytes written last.
    pub fn expect_next(&mut self, want: Want) {
        self.asked.push_back(Asked { want, end: self.written });
    }

    pub fn wants(&self, is_it: impl Fn(&Want) -> bool) -> bool {
        self.asked.iter().any(|asked| is_it(&asked.want))
    }

    /// True if it waits for answers.
    pub fn is_waiting(&self) -> bool {
        !self.joining.is_empty()
            || self.wants(|want| !matches!(want, Want::Perhaps | Want::Direct { .. }))
    }

    /// Takes the oldest request that must be answered, which is now.
    pub fn answered(&mut self, what: &str) -> Want {
        while let Some(asked) = self.asked.front() {
            match asked.want {
                Want::Perhaps => {}
                Want::Direct { .. } => self.direct_accepted(),
                _ => break,
            }
            self.asked.pop_front();
        }
        let asked = self.asked.pop_front();
        let asked = asked.unwrap_or_else(|| panic!("[replies in order] {what}: nothing was asked"));
        self.carried_out(asked.end);
        asked.want
    }

    /// Takes the oldest request that must be answered, which this answers; what that says.
    pub(super) fn answer<T>(&mut self, what: &str, fits: impl FnOnce(&Want) -> Option<T>) -> T {
        let asked = self.answered(what);
        fits(&asked).unwrap_or_else(|| {
            panic!("[replies in order] peer {}: {what} for {asked:?}", self.serial)
        })
    }

    /// A message that might be refused was.
    pub(super) fn answered_perhaps(&mut self, what: &str) {
        let asked = self.asked.pop_front().map(|asked| asked.want);
        let is_it = matches!(asked, Some(Want::Perhaps | Want::Direct { .. } | Want::Refused(_)));
        assert!(is_it, "[replies in order] {what} for {asked:?}");
    }

    /// In no earlier call the relay had read what ends here.
    pub(super) fn read_in(&self, end: u64) -> u32 {
        let read = self.deliveries.iter().find(|(at, _)| *at >= end);
        read.map_or(self.floor, |(_, call)| *call)
    }

    /// The request that ends here was carried out no sooner than it was read.
    pub(super) fn carried_out(&mut self, end: u64) {
        while self.deliveries.front().is_some_and(|(at, _)| *at < end) {
            self.deliveries.pop_front();
        }
        let call = self.deliveries.front().expect("[replies] answered before it was read").1;
        self.floor = self.floor.max(call);
    }
}
