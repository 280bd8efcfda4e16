//! The actions that a session requests from the engine, and the outcomes that it receives.

use super::Session;
use super::fault::Fault;
use crate::hub::Command;
pub use crate::id::RequestId;
use crate::password::Claim;
use crate::reason::Refusal;
use core::net::IpAddr;
use std::borrow::Cow;

/// One action that a session requests from the engine. The engine performs actions in order.
#[derive(Debug)]
pub enum Action<'a> {
    /// Does nothing. The input only shows that the peer is alive.
    Nothing,
    /// Sends bytes to the peer.
    Send(Cow<'a, [u8]>),
    /// Sends a command to the hub. A publish waits while its room is congested.
    Command(RequestId, Command<'a>),
    /// Refuses a request that fails a check of the session itself. The engine counts and reports it
    /// like a refusal by the hub.
    Refuse(RequestId, Refusal),
    /// Charges the peer for work done for it, in bytes: see
    /// [`MESSAGE_COST`](crate::limits::MESSAGE_COST). The engine performs the next action at once.
    Charge(usize),
    /// Sends the engine a query about the relay itself.
    Query(RequestId, Query),
    /// Runs a job that may block. The engine reads nothing more from the peer before the outcome.
    Job(RequestId, Job),
    /// Sends bytes. After them, the peer receives its rooms in another dialect.
    Resubscribe(Cow<'a, [u8]>),
    /// Reports the client address that a trusted proxy forwards. The engine reads nothing more from
    /// the peer before the loop has counted that address.
    RemoteAddr(IpAddr),
    /// Sends bytes. After them, another session owns the connection.
    Upgrade(Cow<'a, [u8]>, Box<Session>),
    /// Answers a ping with its token.
    Pong(u64),
    /// Closes the peer once it has read all bytes that are pending for it.
    Finish,
    /// Closes the peer for this fault.
    Close(Fault),
}

impl Action<'_> {
    /// Returns the same action without borrowed data.
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

/// A query about the relay itself, for monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// Requests all metrics, in Prometheus' text format.
    Metrics,
    /// Requests the relay's readiness for new peers.
    Ready,
    /// Requests the biggest rooms and the slowest peers, at most this many of each.
    Top(usize),
}

/// Work that may block, done outside of the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Checks a password against its hash.
    VerifyPassword(Claim),
    /// Reloads the configuration.
    ReloadConfig,
}

/// The outcome of a request. Each request has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The hub has handled the request. All replies came before.
    Done,
    /// The report that answers a query.
    Report(AdminReport),
    /// The result of a password check: true if the password is right.
    Verified(bool),
    /// The result of reloading the configuration.
    Reloaded(Reloaded),
    /// The job failed: no worker took it, or it took too long.
    Failed,
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminReport {
    /// The text of all metrics.
    Metrics(String),
    /// The reason why the relay is not ready for new peers; `None` if it is ready.
    Ready(Option<&'static str>),
    /// The biggest rooms and the slowest peers.
    Top(Top),
}

/// The biggest rooms and the slowest peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// The relay's uptime, in milliseconds.
    pub running_ms: u64,
    /// The biggest rooms, the biggest first.
    pub rooms: Vec<BigRoom>,
    /// The slowest peers, the slowest first.
    pub peers: Vec<SlowPeer>,
}

/// One of the biggest rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigRoom {
    /// The number of members now.
    pub members: u32,
    /// Bytes pending for members that are behind.
    pub backlog: usize,
    /// The newest offset.
    pub head: u64,
    /// Bytes of published messages in the history.
    pub history: usize,
    /// The room's name.
    pub name: String,
}

/// One of the slowest peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowPeer {
    /// Bytes not yet sent to the peer.
    pub owed: u64,
    /// The time since the peer last sent anything, in milliseconds.
    pub silent_ms: u64,
    /// True if the peer's kernel accepts no more bytes.
    pub blocked: bool,
    /// The id of the connection.
    pub id: String,
    /// One word for the peer's protocol.
    pub protocol: &'static str,
    /// The peer's name, if it has one.
    pub name: String,
}

/// The result of reloading the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// The file that was read; empty if there is none.
    pub file: String,
    /// The changes now in force and the changes that need a restart, or the errors. One line each.
    pub notes: Vec<String>,
    /// True if the new configuration is in force.
    pub is_done: bool,
}
