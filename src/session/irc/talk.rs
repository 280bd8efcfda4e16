//! The context of a command handler.

use super::numeric::*;
use super::options::{Options, options_of};
use super::state::{Irc, PendingRequest};
use crate::hub::{Act, Command as Ask, Hub};
use crate::id::ConnId;
use crate::limits::QUESTION_COST;
use crate::payload::Identity;
use crate::reason::Refusal;
use crate::session::action::{Action, Job};
use crate::session::encode::irc::names::name_of;
use crate::session::view::View;
use crate::wire::irc::{LineWriter, Tags};
use std::borrow::Cow;

/// The context of a command handler: the current line, the view of the relay, and the writer of
/// answers.
pub(super) struct Talk<'t> {
    pub(super) irc: &'t mut Irc,
    pub(super) view: &'t View<'t>,
    pub(super) line: Said<'t>,
    /// The command, as spelled in the table.
    pub(super) verb: &'static str,
    /// The cost of the work beyond writing the answer, in the unit of
    /// [`MESSAGE_COST`](crate::limits::MESSAGE_COST).
    pub(super) cost: usize,
}

/// The parts of a line that handlers read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said<'t> {
    pub(super) tags: Tags<'t>,
    pub(super) params: &'t [&'t str],
}

impl<'t> Talk<'t> {
    /// Returns the context for handling a line.
    pub(super) fn new(
        irc: &'t mut Irc,
        view: &'t View<'t>,
        verb: &'static str,
        line: Said<'t>,
    ) -> Self {
        Self { irc, view, line, verb, cost: 0 }
    }

    pub(super) fn hub(&self) -> &'t Hub {
        self.view.hub
    }

    pub(super) fn conn(&self) -> ConnId {
        self.view.conn
    }

    pub(super) fn options(&self) -> &'t Options {
        options_of(self.view)
    }

    /// Returns a parameter, if it exists and is not empty.
    pub(super) fn param(&self, index: usize) -> Option<&'t str> {
        self.line.params.get(index).copied().filter(|param| !param.is_empty())
    }

    /// Appends lines for the peer, after all earlier actions.
    pub(super) fn write(&mut self, write: impl FnOnce(&Irc, &View<'_>, &mut Vec<u8>)) {
        let actions = &mut self.irc.line_mut().actions;
        let mut lines = match actions.pop_back() {
            Some(Action::Send(lines)) => lines.into_owned(),
            other => {
                actions.extend(other);
                Vec::new()
            }
        };
        write(self.irc, self.view, &mut lines);
        self.then(Action::Send(Cow::Owned(lines)));
    }

    /// Appends a line for the peer.
    pub(super) fn line(&mut self, write: impl FnOnce(LineWriter<'_>)) {
        self.write(|_, _, out| write(LineWriter::new(out)));
    }

    /// Appends a line from the relay.
    pub(super) fn server(&mut self, write: impl FnOnce(LineWriter<'_>)) {
        self.write(|irc, view, out| write(irc.server_lines(view).line(out)));
    }

    /// Appends a numeric with a text at its end.
    pub(super) fn numeric(&mut self, numeric: Numeric, params: &[&str], text: &str) {
        self.write(|irc, view, out| irc.server_lines(view).numeric(numeric, params, text, out));
    }

    /// Appends a numeric without a text.
    pub(super) fn bare_numeric(&mut self, numeric: Numeric, params: &[&str]) {
        self.write(|irc, view, out| irc.server_lines(view).bare_numeric(numeric, params, out));
    }

    /// Appends a list as numerics, in as many lines as it needs. Appends nothing for an empty list.
    pub(super) fn list(&mut self, numeric: Numeric, separator: char, items: &[String]) {
        let mut line = Vec::new();
        let space = self.irc.server_lines(self.view).begin(numeric, &[], &mut line).space();
        let mut text = String::new();
        for item in items {
            if !text.is_empty() && text.len() + separator.len_utf8() + item.len() > space {
                self.numeric(numeric, &[], &std::mem::take(&mut text));
            }
            if !text.is_empty() {
                text.push(separator);
            }
            text.push_str(item);
        }
        if !text.is_empty() {
            self.numeric(numeric, &[], &text);
        }
    }

    /// Appends a FAIL, one of IRCv3's standard replies.
    pub(super) fn fail(&mut self, code: &str, context: &[&str], text: &str) {
        let verb = self.verb;
        self.write(|irc, view, out| irc.server_lines(view).fail(verb, code, context, text, out));
    }

    /// True if the peer's rate allows a query.
    pub(super) fn may_ask(&self) -> bool {
        self.hub().wait(self.conn(), Act::Ask, self.view.running).is_zero()
    }

    /// Refuses the line because of the peer's rate.
    pub(super) fn refuse(&mut self) {
        let request = self.about("", "");
        let id = self.irc.begin(request);
        self.then(Action::Refuse(id, Refusal::RateLimited));
    }

    /// Returns the cost of the answer, by its length. An action without an answer costs nothing
    /// here, since the hub charges it; the exceptions are a person's own watches and flags.
    pub(super) fn cost_of_answer(&mut self) -> usize {
        let is_act = |action: &Action<'_>| match action {
            Action::Command(_, ask) => !matches!(ask, Ask::Watch { .. } | Ask::Flags(_)),
            _ => false,
        };
        let bytes = |action: &Action<'_>| match action {
            Action::Send(lines) | Action::Resubscribe(lines) => lines.len(),
            _ => 0,
        };
        let actions = &self.irc.line_mut().actions;
        match actions.iter().map(bytes).sum::<usize>() {
            0 if actions.iter().any(is_act) => 0,
            sent => QUESTION_COST + sent,
        }
    }

    /// Sends a command to the hub, and stores the context for its answer.
    pub(super) fn ask(&mut self, request: PendingRequest, command: Ask<'static>) {
        let id = self.irc.begin(request);
        self.then(Action::Command(id, command));
    }

    /// Queues an action after all earlier ones.
    pub(super) fn then(&mut self, action: Action<'static>) {
        self.irc.line_mut().actions.push_back(action);
    }

    /// Starts a job. The client's next line is read after its outcome.
    pub(super) fn start(&mut self, request: PendingRequest, job: Job) {
        let id = self.irc.begin(request);
        self.then(Action::Job(id, job));
    }

    /// Returns the usual context of a request.
    pub(super) fn about(&self, channel: &str, nick: &str) -> PendingRequest {
        let (channel, nick) = (channel.to_owned(), nick.to_owned());
        PendingRequest { verb: self.verb, channel, nick, ..PendingRequest::default() }
    }

    /// Returns the person with this nick.
    pub(super) fn person(&self, nick: &str) -> Option<(ConnId, Identity)> {
        let hub = self.hub();
        let conn = hub.holder(nick).or_else(|| hub.holder(&name_of(nick)))?;
        Some((conn, hub.identity(conn)?))
    }

    pub(super) fn no_such_nick(&mut self, nick: &str) {
        self.numeric(ERR_NOSUCHNICK, &[nick], "No such nick");
    }

    pub(super) fn no_such_channel(&mut self, channel: &str) {
        self.numeric(ERR_NOSUCHCHANNEL, &[channel], "No such channel");
    }
}
