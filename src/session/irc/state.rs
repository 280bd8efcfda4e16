//! The state of one conversation in IRC, and of the line that is being carried out.

use super::label::Label;
use crate::password::Hash;
use crate::session::action::{Action, RequestId};
use crate::session::encode::irc::caps::{Caps, Style};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// The state of one conversation.
#[derive(Debug, Default)]
pub struct Irc {
    /// Bytes of an unfinished line that were searched for its end.
    pub(super) searched: u32,
    /// True within a line that is too long.
    pub(super) skipping: bool,
    /// True once anything was understood.
    pub(super) is_known: bool,
    pub(super) greeted: bool,
    /// Wrong passwords for OPER so far.
    pub(super) oper_failures: u8,
    pub(super) caps: Caps,
    /// True if its lines are binary messages, where they are messages of a WebSocket.
    pub(super) is_binary: bool,
    /// Batches begun so far.
    pub(super) batches: u32,
    /// The last request.
    pub(super) request: RequestId,
    /// What the client said before it was welcome.
    pub(super) entry: Option<Box<Entry>>,
    /// Its name, once it has one that may be used.
    pub(super) nick: Box<str>,
    /// The line that is being carried out.
    pub(super) line: Option<Box<OpenLine>>,
    /// The words of its ERROR, once it has quit or was killed.
    pub(super) departure: Option<Box<str>>,
}

/// A line that is being carried out.
#[derive(Debug, Default)]
pub(super) struct OpenLine {
    /// What is still to be done, in this order. Lines to be sent are not yet as the label or the
    /// carrier wants them.
    pub(super) actions: VecDeque<Action<'static>>,
    /// What the requests that have no outcome yet are about.
    pub(super) pending: SmallVec<[(RequestId, PendingRequest); 1]>,
    /// The answers to a line with a label, held back until they are complete.
    pub(super) label: Option<Label>,
}

/// What a request is about, in the peer's own words: answers repeat them.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingRequest {
    /// The command.
    pub(super) verb: &'static str,
    /// The channel, as the peer knows it.
    pub(super) channel: String,
    /// The person.
    pub(super) nick: String,
    /// Words given along.
    pub(super) words: Option<String>,
    /// True if the newest messages of a page that is too long are left out, and not the oldest.
    pub(super) keeps_oldest: bool,
    /// True if nothing is answered, whatever comes of it.
    pub(super) is_quiet: bool,
    /// The job that is done for it, if it is one.
    pub(super) job: Option<PendingJob>,
}

/// A job that a client waits for.
#[derive(Clone, Debug)]
pub(super) enum PendingJob {
    /// Checks the password of the relay against this hash, which was the relay's.
    Pass(Hash),
    /// Checks an operator's password.
    Oper {
        /// The operator's name.
        name: Box<str>,
        /// The operator's hash, if there is an operator of that name.
        hash: Option<Hash>,
    },
    /// Reloads the configuration.
    Rehash,
}

/// What a client says before it is welcome.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) user: Option<String>,
    pub(super) real_name: String,
    pub(super) password: Option<String>,
    /// The hash of which that was found to be the password.
    pub(super) proven: Option<Hash>,
    /// True between the first CAP and its END.
    pub(super) negotiating: bool,
}

impl Irc {
    /// Returns a conversation whose lines are messages of their own.
    pub fn in_messages(is_binary: bool) -> Self {
        Self { is_binary, is_known: true, ..Self::default() }
    }

    /// Returns what the encoding of its rooms depends on.
    pub(super) fn style(&self) -> Style {
        self.caps.style(self.is_binary)
    }

    /// Returns the name by which numerics speak to it.
    pub(super) fn target(&self) -> &str {
        if self.nick.is_empty() { "*" } else { &self.nick }
    }

    pub(super) fn next_batch(&mut self) -> String {
        self.batches = self.batches.wrapping_add(1);
        format!("b{}", self.batches)
    }

    /// Returns the line that is being carried out; a new one if there is none.
    pub(super) fn line_mut(&mut self) -> &mut OpenLine {
        self.line.get_or_insert_default()
    }

    /// Keeps what a request is about until it has its outcome.
    pub(super) fn begin(&mut self, request: PendingRequest) -> RequestId {
        self.request = self.request.next();
        let id = self.request;
        self.line_mut().pending.push((id, request));
        id
    }

    /// Returns what a request is about.
    pub(super) fn pending(&self, id: RequestId) -> Option<&PendingRequest> {
        let pending = &self.line.as_ref()?.pending;
        pending.iter().find(|(known, _)| *known == id).map(|(_, request)| request)
    }

    /// Forgets a request that has its outcome. Returns what it was about.
    pub(super) fn end(&mut self, id: RequestId) -> Option<PendingRequest> {
        let pending = &mut self.line.as_mut()?.pending;
        let index = pending.iter().position(|(known, _)| *known == id)?;
        Some(pending.remove(index).1)
    }
}
