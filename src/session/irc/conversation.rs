//! An IRC conversation: bytes to actions, and replies to bytes.

use super::options::options_of;
use super::state::Irc;
use crate::hub::{Departure, Reply};
use crate::limits::Limits;
use crate::reason::{CloseReason, Refusal};
use crate::session::action::{Action, Outcome, RequestId};
use crate::session::carrier::Carrier;
use crate::session::dialect::Language;
use crate::session::encode::irc::{killed_by, pack};
use crate::session::fault::Fault;
use crate::session::protocol::{Input, OverMessages, OverStream, Protocol};
use crate::session::service::Service;
use crate::session::view::View;
use crate::wire::Parsed;
use crate::wire::irc::{CLIENT_TAGS_MAX, Found, LINE_MAX, LineWriter, skip, split};
use crate::wire::sniff;
use std::borrow::Cow;

/// Minimum length of input that is parsed without a line end, in bytes. Shorter input waits for its
/// line end. Before the first line, only TLS is detected earlier.
const OPENING: usize = 512;

impl OverStream for Irc {
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        let Input { bytes, .. } = input;
        if bytes.is_empty() {
            return Ok(Parsed::Partial);
        }
        if self.skipping {
            return Ok(skip(bytes).map(|found| self.found(&found, Carrier::Stream, view)));
        }
        // The bytes searched before contain no line end.
        let fresh = bytes.get(self.searched as usize..).unwrap_or(bytes);
        if bytes.len() < OPENING && !fresh.contains(&b'\n') {
            self.searched = u32::try_from(bytes.len()).unwrap_or(0);
            if !self.is_known && sniff::foreign(bytes) == Some(sniff::Foreign::Tls) {
                return Err(CloseReason::WrongProtocol.into());
            }
            return Ok(Parsed::Partial);
        }
        self.searched = 0;
        if !self.is_known && sniff::foreign(bytes).is_some() {
            return Err(CloseReason::WrongProtocol.into());
        }
        Ok(split(bytes).map(|found| self.found(&found, Carrier::Stream, view)))
    }

    fn write_ping(&self, view: &View<'_>, out: &mut Vec<u8>) {
        LineWriter::new(out).command("PING").last(&options_of(view).name);
    }
}

impl OverMessages for Irc {
    /// Returns twice the maximum length of a line: a longer line is refused as a line, up to this
    /// length.
    fn message_max(&self, _: bool, _: &Limits) -> usize {
        2 * (CLIENT_TAGS_MAX + LINE_MAX)
    }

    /// Reads a line that is a message of its own. Its line end may be missing.
    fn receive_message<'a>(
        &mut self,
        _: bool,
        message: &'a [u8],
        view: &View<'_>,
    ) -> Result<Action<'a>, Fault> {
        let bytes = [message, b"\n"].concat();
        Ok(match split(&bytes) {
            Parsed::Complete(Found::Line(line), _) => {
                self.found(&Found::Line(line), Carrier::WebSocket, view)
            }
            Parsed::Complete(Found::TooLong { .. }, _) | Parsed::Partial => {
                self.found(&Found::TooLong { ended: true }, Carrier::WebSocket, view)
            }
        })
    }
}

impl Irc {
    /// Handles a line. Returns the first action that it causes; the others are polled.
    fn found(&mut self, found: &Found<'_>, carrier: Carrier, view: &View<'_>) -> Action<'static> {
        self.is_known = true;
        match found {
            Found::Line(line) => {
                let cost = self.obey(line, view);
                if cost > 0 {
                    self.line_mut().actions.push_front(Action::Charge(cost));
                }
            }
            Found::TooLong { ended } => {
                self.skipping = !ended;
                if *ended {
                    self.obey_too_long(view);
                }
            }
        }
        self.poll_action(carrier, view).unwrap_or(Action::Nothing)
    }

    /// Returns lines with their label, wrapped for their carrier.
    fn sent_as<'l>(
        &mut self,
        lines: Cow<'l, [u8]>,
        carrier: Carrier,
        view: &View<'_>,
    ) -> Cow<'l, [u8]> {
        let is_labelled = self.line.as_ref().is_some_and(|line| line.label.is_some());
        if !is_labelled && carrier == Carrier::Stream {
            return lines;
        }
        let mut out = Vec::new();
        self.write_answers(&lines, view, &mut out);
        pack(carrier, self.is_binary, 0, &mut out);
        Cow::Owned(out)
    }

    /// Returns the end of the answer to the current line; empty for a line without a label.
    fn completion(&mut self, carrier: Carrier, view: &View<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_completion(view, &mut out);
        pack(carrier, self.is_binary, 0, &mut out);
        out
    }
}

impl Protocol for Irc {
    const COMPRESSES: bool = false;

    fn poll_action(&mut self, carrier: Carrier, view: &View<'_>) -> Option<Action<'static>> {
        let line = self.line.as_mut()?;
        match line.actions.pop_front() {
            Some(Action::Send(lines)) => Some(Action::Send(self.sent_as(lines, carrier, view))),
            Some(Action::Resubscribe(lines)) => {
                Some(Action::Resubscribe(self.sent_as(lines, carrier, view)))
            }
            // The answer to a labelled line is completed before the connection closes.
            Some(end @ (Action::Finish | Action::Close(_))) if line.label.is_some() => {
                line.actions.push_front(end);
                Some(Action::Send(Cow::Owned(self.completion(carrier, view))))
            }
            Some(action) => Some(action),
            // The last outcome completes the line.
            None if !line.pending.is_empty() => None,
            None => {
                let bytes = self.completion(carrier, view);
                self.line = None;
                (!bytes.is_empty()).then(|| Action::Send(Cow::Owned(bytes)))
            }
        }
    }

    fn has_actions(&self) -> bool {
        self.line.is_some()
    }

    fn deliver(
        &mut self,
        carrier: Carrier,
        id: RequestId,
        reply: &Reply,
        view: &View<'_>,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        if self.write_reply(id, reply, view, out) {
            let answers = out.split_off(start);
            self.write_answers(&answers, view, out);
        }
        pack(carrier, self.is_binary, start, out);
    }

    /// Removes the pending request. Continues the command that waited for a job.
    fn completed(
        &mut self,
        carrier: Carrier,
        id: RequestId,
        outcome: Outcome,
        view: &View<'_>,
        out: &mut Vec<u8>,
    ) {
        if planted!("label-closes-early") {
            out.extend(self.completion(carrier, view));
        }
        if let Some(job) = self.end(id).and_then(|request| request.job) {
            self.job_done(job, &outcome, view);
        }
    }

    fn write_pong(&self, _: Carrier, _: u64, _: &mut Vec<u8>) {}

    fn write_draining(&self, carrier: Carrier, view: &View<'_>, out: &mut Vec<u8>) {
        if self.greeted {
            let start = out.len();
            let line = self.server_lines(view).line(out).command("NOTICE");
            line.middle(self.target()).last(Refusal::Draining.text());
            pack(carrier, self.is_binary, start, out);
        }
    }

    fn write_close(&self, carrier: Carrier, fault: &Fault, out: &mut Vec<u8>) {
        let start = out.len();
        let text = match fault.reason {
            CloseReason::SlowConsumer => Cow::Owned(format!("SendQ exceeded: {}", fault.text)),
            CloseReason::OutboxFull => Cow::Owned(format!("RecvQ exceeded: {}", fault.text)),
            CloseReason::PingTimeout => Cow::Owned(format!("Ping timeout: {}", fault.text)),
            CloseReason::PeerClosed | CloseReason::Stopped => match self.departure.as_deref() {
                Some(Departure::Quit(words)) => Cow::Borrowed(&**words),
                Some(Departure::Disconnected(by, reason)) => Cow::Owned(killed_by(by, reason)),
                _ => Cow::Borrowed(&*fault.text),
            },
            _ => Cow::Borrowed(&*fault.text),
        };
        LineWriter::new(out).command("ERROR").last(&format!("Closing link: {text}"));
        pack(carrier, self.is_binary, start, out);
    }

    fn language(&self, _: &Service) -> Language {
        Language::Irc(self.style())
    }

    fn answers_from_hub(&self) -> bool {
        true
    }

    fn is_greeted(&self) -> bool {
        self.greeted
    }
}
