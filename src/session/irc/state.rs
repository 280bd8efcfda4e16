//! The state of an IRC conversation, and of its current line.

use super::label::Label;
use crate::hub::Departure;
use crate::password::Hash;
use crate::session::action::{Action, RequestId};
use crate::session::encode::irc::caps::{Caps, Style};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// The state of one IRC conversation.
#[derive(Debug, Default)]
pub struct Irc {
    /// Bytes of an incomplete line already searched for a line end.
    pub(super) searched: u32,
    /// True while the rest of a line that is too long is skipped.
    pub(super) skipping: bool,
    /// True once a line was received.
    pub(super) is_known: bool,
    pub(super) greeted: bool,
    /// Wrong passwords for OPER so far.
    pub(super) oper_failures: u8,
    pub(super) caps: Caps,
    /// True if its lines are binary WebSocket messages. Without effect on other carriers.
    pub(super) is_binary: bool,
    /// The number of batches so far.
    pub(super) batches: u32,
    /// The id of the last request.
    pub(super) request: RequestId,
    /// The registration data, until the client is welcomed.
    pub(super) entry: Option<Box<Entry>>,
    /// The peer's nick, once it has a valid one.
    pub(super) nick: Box<str>,
    /// The current line.
    pub(super) line: Option<Box<OpenLine>>,
    /// The cause that the final ERROR names, once the peer has quit or was killed.
    pub(super) departure: Option<Box<Departure>>,
}

/// A line that is being handled.
#[derive(Debug, Default)]
pub(super) struct OpenLine {
    /// The actions still to be performed, in order. Lines to be sent have no label yet, and are not
    /// yet wrapped for the carrier.
    pub(super) actions: VecDeque<Action<'static>>,
    /// The requests without an outcome so far.
    pub(super) pending: SmallVec<[(RequestId, PendingRequest); 1]>,
    /// The label, with the answers buffered until they are complete.
    pub(super) label: Option<Label>,
}

/// The context of a request, in the peer's own spelling, for the answers to repeat.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingRequest {
    /// The command.
    pub(super) verb: &'static str,
    /// The channel, as the peer spells it.
    pub(super) channel: String,
    /// The person's nick.
    pub(super) nick: String,
    /// Further words of the line: a reason for PART, the letters of lists for MODE.
    pub(super) words: Option<String>,
    /// True if a history page that is too long loses its newest messages instead of its oldest.
    pub(super) keeps_oldest: bool,
    /// True if the session answers nothing to this request, except the loss of a message.
    pub(super) is_quiet: bool,
    /// The job of the request, if it has one.
    pub(super) job: Option<PendingJob>,
}

/// A job that a client waits for.
#[derive(Clone, Debug)]
pub(super) enum PendingJob {
    /// Checks the password of the relay against this hash, from the configuration of that time.
    Pass(Hash),
    /// Checks an operator's password.
    Oper {
        /// The operator's name.
        name: Box<str>,
        /// The operator's hash; `None` if there is no operator of this name.
        hash: Option<Hash>,
    },
    /// Reloads the configuration.
    Rehash,
}

/// The data that a client sends for registration.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) user: Option<String>,
    pub(super) real_name: String,
    pub(super) password: Option<String>,
    /// The hash that the password was found to match.
    pub(super) proven: Option<Hash>,
    /// True between the first CAP and its END.
    pub(super) negotiating: bool,
}

impl Irc {
    /// Returns a conversation whose lines are WebSocket messages.
    pub fn in_messages(is_binary: bool) -> Self {
        Self { is_binary, is_known: true, ..Self::default() }
    }

    /// Returns the capabilities that decide the encoding of the peer's rooms.
    pub(super) fn style(&self) -> Style {
        self.caps.style(self.is_binary)
    }

    /// Returns the peer's name in numerics.
    pub(super) fn target(&self) -> &str {
        if self.nick.is_empty() { "*" } else { &self.nick }
    }

    pub(super) fn next_batch(&mut self) -> String {
        self.batches = self.batches.wrapping_add(1);
        format!("b{}", self.batches)
    }

    /// Returns the current line, or a new one if there is none.
    pub(super) fn line_mut(&mut self) -> &mut OpenLine {
        self.line.get_or_insert_default()
    }

    /// Stores the context of a request until its outcome.
    pub(super) fn begin(&mut self, request: PendingRequest) -> RequestId {
        self.request = self.request.next();
        let id = self.request;
        self.line_mut().pending.push((id, request));
        id
    }

    /// Returns the context of a request.
    pub(super) fn pending(&self, id: RequestId) -> Option<&PendingRequest> {
        let pending = &self.line.as_ref()?.pending;
        pending.iter().find(|(known, _)| *known == id).map(|(_, request)| request)
    }

    /// Removes a request that has its outcome. Returns its context.
    pub(super) fn end(&mut self, id: RequestId) -> Option<PendingRequest> {
        let pending = &mut self.line.as_mut()?.pending;
        let index = pending.iter().position(|(known, _)| *known == id)?;
        Some(pending.remove(index).1)
    }
}
