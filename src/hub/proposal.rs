//! Proposals: messages that were let through and are not kept yet, and who waits for that.

use crate::history::SaidId;
use crate::id::{ConnId, RequestId};
use crate::payload::{Identity, Payload};
use std::rc::Rc;

/// A message that has passed every check.
#[derive(Debug)]
pub(super) struct Draft {
    /// The sender, as it is shown.
    pub(super) sender: Identity,
    /// The content.
    pub(super) payload: Payload,
    /// Under this id it is published once.
    pub(super) id: Option<SaidId>,
    /// The sender, if it does not want its own copy.
    pub(super) skip: Option<ConnId>,
}

/// The peer that proposed a message: it is told the outcome.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) conn: ConnId,
    /// The request that the outcome answers.
    pub(super) request: RequestId,
    pub(super) answer: Answer,
}

/// The answer to a message that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// None: only a failure is told.
    Nothing,
    /// [`Reply::Ack`](super::Reply::Ack), with the sender's id of the message.
    Ack(u64),
    /// [`Reply::Echo`](super::Reply::Echo).
    Echo,
    /// [`Reply::Published`](super::Reply::Published). Where the first message under its id is no
    /// longer there, its sender and time are taken from the proposal.
    Published { sender: Rc<str>, unix_ms: u64 },
}
