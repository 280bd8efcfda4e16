//! Everything a session can ask for, and what it is told when that is done.

use super::Session;
use super::fault::Fault;
use crate::hub::Command;
pub use crate::id::RequestId;
use crate::password::Claim;
use crate::reason::Refusal;
use core::net::IpAddr;
use std::borrow::Cow;

/// One thing a session asks the engine to do. The engine does one after the other, in their order.
#[derive(Debug)]
pub enum Action<'a> {
    /// Nothing: the peer is alive.
    Nothing,
    /// Sends bytes to the peer.
    Send(Cow<'a, [u8]>),
    /// Asks the hub. Waits while the room that is published to is congested.
    Command(RequestId, Command<'a>),
    /// Refuses a request that the session found out of order itself. Counted as the hub's refusals
    /// are, and told in the same way.
    Refuse(RequestId, Refusal),
    /// Charges the peer for work that was done for it, in bytes: see
    /// [`MESSAGE_COST`](crate::limits::MESSAGE_COST). The action behind it follows at once.
    Charge(usize),
    /// Asks the engine about the relay itself.
    Query(RequestId, Query),
    /// Has something done that may block. The peer is not read from until the outcome is there.
    Job(RequestId, Job),
    /// Sends bytes, behind which the peer receives its rooms in another dialect.
    Resubscribe(Cow<'a, [u8]>),
    /// Names the address for which a trusted proxy speaks. Nothing more is read from the peer
    /// before the loop has counted that address.
    RemoteAddr(IpAddr),
    /// Sends bytes, behind which another session has the peer.
    Upgrade(Cow<'a, [u8]>, Box<Session>),
    /// Answers a ping with its token.
    Pong(u64),
    /// Closes the peer once it has read what it is owed.
    Finish,
    /// Closes the peer.
    Close(Fault),
}

impl Action<'_> {
    /// The same action, with nothing borrowed.
    pub fn into_owned(self) -> Action<'static> {
        match self {
            Self::Nothing => Action::Nothing,
            Self::Send(bytes) => Action::Send(Cow::Owned(bytes.into_owned())),
            Self::Command(id, command) => Action::Command(id, command.into_owned()),
            Self::Refuse(id, refusal) => Action::Refuse(id, refusal),
            Self::Charge(cost) => Action::Charge(cost),
            Self::Query(id, query) => Action::Query(id, query),
            Self::Job(id, job) => Action::Job(id, job),
            Self::Resubscribe(bytes) => Action::Resubscribe(Cow::Owned(bytes.into_owned())),
            Self::RemoteAddr(ip) => Action::RemoteAddr(ip),
            Self::Upgrade(bytes, session) => {
                Action::Upgrade(Cow::Owned(bytes.into_owned()), session)
            }
            Self::Pong(token) => Action::Pong(token),
            Self::Finish => Action::Finish,
            Self::Close(fault) => Action::Close(fault),
        }
    }
}

/// A question about the relay itself, for those who watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// Every number, in Prometheus' text format.
    Metrics,
    /// True if new peers should be sent here.
    Ready,
    /// The biggest rooms and the slowest peers, so many of each.
    Top(usize),
}

/// Work that may block, done outside of the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Checks a password against its hash.
    VerifyPassword(Claim),
    /// Reads the configuration again.
    ReloadConfig,
}

/// The end of a request: each one has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The hub is done with it; its answers came before.
    Done,
    /// Answers a query.
    Report(AdminReport),
    /// Tells whether the password was right.
    Verified(bool),
    /// Tells what came of reading the configuration again.
    Reloaded(Reloaded),
    /// The job came to no end: no worker had it, or it took too long.
    Failed,
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminReport {
    /// The text of all metrics.
    Metrics(String),
    /// `None` if the relay is ready for new peers, else why it is not.
    Ready(Option<&'static str>),
    /// The biggest rooms and the slowest peers.
    Top(Top),
}

/// The biggest rooms and the slowest peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// How long the relay has run, in milliseconds.
    pub running_ms: u64,
    /// The biggest rooms, the biggest first.
    pub rooms: Vec<BigRoom>,
    /// The slowest peers, the slowest first.
    pub peers: Vec<SlowPeer>,
}

/// One of the biggest rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigRoom {
    /// Members now.
    pub members: u32,
    /// Bytes held for members that are behind.
    pub backlog: usize,
    /// The newest offset.
    pub head: u64,
    /// Bytes kept of what was published.
    pub history: usize,
    /// The room's name.
    pub name: String,
}

/// One of the slowest peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowPeer {
    /// Bytes it has not been sent.
    pub owed: u64,
    /// For how long it has been silent, in milliseconds.
    pub silent_ms: u64,
    /// True if its kernel takes no more.
    pub blocked: bool,
    /// The connection.
    pub id: String,
    /// One word for its protocol.
    pub protocol: &'static str,
    /// Its name, if it has one.
    pub name: String,
}

/// What came of reading the configuration again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// The file that was read. Empty if there is none.
    pub file: String,
    /// What is different now, and what will be after a restart; or what was wrong. A line each.
    pub notes: Vec<String>,
    /// True if what was read is in force.
    pub is_done: bool,
}
