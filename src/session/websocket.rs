//! The carrier for protocols on a WebSocket (RFC 6455), after the handshake.

use super::action::{Action, Outcome, RequestId};
use super::carrier::Carrier;
use super::dialect::Dialect;
use super::fault::Fault;
use super::protocol::{Conversation, Input, OverMessages};
use super::service::Service;
use super::view::View;
use crate::hub::Reply;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::deflate::{InflateError, Inflater};
use crate::wire::websocket::{self, Opcode, WebSocketError};
use std::borrow::Cow;

/// A protocol on a WebSocket. Each message of the protocol is one WebSocket message.
#[derive(Debug)]
pub struct WebSocket<P> {
    protocol: P,
    /// A message that is not complete yet. Most messages are one frame and need none.
    fragments: Option<Box<Fragments>>,
    /// The close code of the peer. The answer repeats it.
    closed_with: Option<Option<u16>>,
    /// True if compression was negotiated.
    deflates: bool,
}

/// A message in fragments.
#[derive(Debug)]
struct Fragments {
    is_text: bool,
    is_packed: bool,
    bytes: Vec<u8>,
    count: usize,
    /// The number of bytes known to be UTF-8, for text.
    checked: usize,
    /// True once the last fragment has arrived.
    whole: bool,
}

/// Fragments that a message may have, in addition to one for each 16 bytes. A message in very small
/// fragments costs more than its bytes.
const FRAGMENTS: usize = 1024;

impl<P: OverMessages> WebSocket<P> {
    /// Returns a new conversation. With `deflates`, messages may be compressed.
    pub fn new(protocol: P, deflates: bool) -> Self {
        Self { protocol, fragments: None, closed_with: None, deflates }
    }

    /// Returns the maximum payload length of a data frame, given the bytes that its message already
    /// has.
    fn payload_max(&self, opcode: Opcode, view: &View<'_>) -> usize {
        let begun = self.fragments.as_ref().filter(|_| opcode == Opcode::Continuation);
        let is_text = begun.map_or(opcode == Opcode::Text, |fragments| fragments.is_text);
        let max = self.protocol.message_max(is_text, view.limits);
        max - max.min(begun.map_or(0, |fragments| fragments.bytes.len()))
    }

    fn frame(
        &mut self,
        frame: &websocket::Frame<'_>,
        view: &View<'_>,
        inflater: &mut Inflater,
    ) -> Result<Action<'static>, Fault> {
        match frame.opcode {
            Opcode::Ping => {
                let mut pong = Vec::new();
                websocket::write(Opcode::Pong, &frame.payload(), &mut pong);
                Ok(Action::Send(Cow::Owned(pong)))
            }
            Opcode::Pong => Ok(Action::Nothing),
            Opcode::Close => match websocket::parse_close(&frame.payload()) {
                Ok(code) => {
                    self.closed_with = Some(code);
                    Ok(Action::Finish)
                }
                Err(1007) => Err(CloseReason::BadText.into()),
                Err(_) => Err(protocol("that is no close code")),
            },
            Opcode::Text | Opcode::Binary if self.fragments.is_some() => {
                Err(protocol("a message begins before the last one has ended"))
            }
            Opcode::Text | Opcode::Binary => {
                let is_text = frame.opcode == Opcode::Text;
                if frame.fin {
                    let whole = Whole { is_text, is_packed: frame.compressed };
                    return self.whole(whole, frame.payload(), view, inflater);
                }
                self.fragments = Some(Box::new(Fragments::of(is_text, frame.compressed)));
                self.fragment(frame, view, inflater)
            }
            Opcode::Continuation => self.fragment(frame, view, inflater),
        }
    }

    fn fragment(
        &mut self,
        frame: &websocket::Frame<'_>,
        view: &View<'_>,
        inflater: &mut Inflater,
    ) -> Result<Action<'static>, Fault> {
        let Some(fragments) = &mut self.fragments else {
            return Err(protocol("there is no message to be continued"));
        };
        fragments.add(frame)?;
        match self.fragments.take_if(|fragments| fragments.whole) {
            Some(fragments) => {
                let Fragments { is_text, is_packed, bytes, .. } = *fragments;
                self.whole(Whole { is_text, is_packed }, bytes, view, inflater)
            }
            None => Ok(Action::Nothing),
        }
    }

    /// Reads a complete message, possibly compressed.
    fn whole(
        &mut self,
        Whole { is_text, is_packed }: Whole,
        mut bytes: Vec<u8>,
        view: &View<'_>,
        inflater: &mut Inflater,
    ) -> Result<Action<'static>, Fault> {
        if is_packed {
            let opcode = if is_text { Opcode::Text } else { Opcode::Binary };
            let max = self.payload_max(opcode, view);
            bytes = inflater.inflate(&bytes, max).map_err(|error| match error {
                InflateError::TooLong => CloseReason::FrameTooLong.into(),
                InflateError::Malformed => protocol("a message is not deflated data"),
            })?;
        }
        if is_text && std::str::from_utf8(&bytes).is_err() {
            return Err(CloseReason::BadText.into());
        }
        self.protocol.receive_message(is_text, &bytes, view).map(Action::into_owned)
    }
}

/// The kind of a complete message.
#[derive(Clone, Copy)]
struct Whole {
    is_text: bool,
    is_packed: bool,
}

impl<P: OverMessages> Conversation for WebSocket<P> {
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
        inflater: &mut Inflater,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        let max = |opcode| self.payload_max(opcode, view);
        match websocket::parse_client(input.bytes, self.deflates, max).map_err(fault_of)? {
            Parsed::Complete(frame, used) => {
                self.frame(&frame, view, inflater).map(|action| Parsed::Complete(action, used))
            }
            Parsed::Partial => Ok(Parsed::Partial),
        }
    }

    fn poll_action(&mut self, view: &View<'_>) -> Option<Action<'static>> {
        self.protocol.poll_action(Carrier::WebSocket, view)
    }

    fn has_actions(&self) -> bool {
        self.protocol.has_actions()
    }

    fn deliver(&mut self, id: RequestId, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        self.protocol.deliver(Carrier::WebSocket, id, reply, view, out);
    }

    fn completed(&mut self, id: RequestId, outcome: Outcome, view: &View<'_>, out: &mut Vec<u8>) {
        self.protocol.completed(Carrier::WebSocket, id, outcome, view, out);
    }

    fn write_pong(&self, token: u64, out: &mut Vec<u8>) {
        self.protocol.write_pong(Carrier::WebSocket, token, out);
    }

    /// Appends a WebSocket ping. Browsers answer it by themselves.
    fn write_ping(&self, _: &View<'_>, out: &mut Vec<u8>) {
        websocket::write(Opcode::Ping, b"", out);
    }

    fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>) {
        self.protocol.write_draining(Carrier::WebSocket, view, out);
    }

    /// Appends the protocol's final bytes, and a close. If the peer closed first, appends only a
    /// close with the peer's own code.
    fn write_close(&self, fault: &Fault, out: &mut Vec<u8>) {
        if let Some(code) = self.closed_with {
            return websocket::write_close(code, "", out);
        }
        self.protocol.write_close(Carrier::WebSocket, fault, out);
        let reason = format!("{}: {}", fault.reason, fault.text);
        websocket::write_close(Some(close_code(fault.reason)), &reason, out);
    }

    fn dialect(&self, service: &Service) -> Dialect {
        Dialect {
            language: self.protocol.language(service),
            carrier: Carrier::WebSocket,
            deflated: self.deflates && P::COMPRESSES,
        }
    }

    fn can_tell_refusal(&self) -> bool {
        self.protocol.can_tell_refusal()
    }

    fn answers_from_hub(&self) -> bool {
        self.protocol.answers_from_hub()
    }

    fn has_one_room(&self) -> bool {
        self.protocol.has_one_room()
    }

    fn is_greeted(&self) -> bool {
        self.protocol.is_greeted()
    }
}

impl Fragments {
    fn of(is_text: bool, is_packed: bool) -> Self {
        let (bytes, count, checked) = (Vec::new(), 0, 0);
        Self { is_text, is_packed, bytes, count, checked, whole: false }
    }

    fn add(&mut self, frame: &websocket::Frame<'_>) -> Result<(), Fault> {
        frame.unmask_into(&mut self.bytes);
        self.count += 1;
        self.whole = frame.fin;
        if self.count > FRAGMENTS + self.bytes.len() / 16 {
            let text = Cow::Borrowed("a message is in too many fragments");
            return Err(Fault { reason: CloseReason::FrameTooLong, text });
        }
        if self.is_text && !self.is_packed { self.check() } else { Ok(()) }
    }

    /// Checks that the bytes received so far are UTF-8. The last character may still be incomplete.
    fn check(&mut self) -> Result<(), Fault> {
        let fresh = self.bytes.get(self.checked..).unwrap_or_default();
        match std::str::from_utf8(fresh) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_none() && !self.whole => {
                self.checked += error.valid_up_to();
            }
            Err(_) => return Err(CloseReason::BadText.into()),
        }
        Ok(())
    }
}

fn protocol(what: &'static str) -> Fault {
    Fault { reason: CloseReason::BadFrame, text: Cow::Borrowed(what) }
}

fn fault_of(error: WebSocketError) -> Fault {
    match error {
        WebSocketError::Protocol(what) => protocol(what),
        WebSocketError::TooLong { .. } => {
            Fault { reason: CloseReason::FrameTooLong, text: Cow::Owned(error.to_string()) }
        }
    }
}

/// Returns the WebSocket close code for a close reason (RFC 6455 §7.4.1, and the IANA registry for
/// 1012 and 1013).
pub fn close_code(reason: CloseReason) -> u16 {
    match reason {
        CloseReason::PeerClosed | CloseReason::Lost | CloseReason::Idle => 1000,
        CloseReason::Stopped => 1001,
        CloseReason::BadFrame
        | CloseReason::UnknownKind
        | CloseReason::BadState
        | CloseReason::BadVersion
        | CloseReason::BadRequest
        | CloseReason::WrongProtocol => 1002,
        CloseReason::WrongSpelling => 1003,
        CloseReason::BadText => 1007,
        CloseReason::HandshakeTimeout
        | CloseReason::PingTimeout
        | CloseReason::SlowConsumer
        | CloseReason::OutboxFull
        | CloseReason::Replaced
        | CloseReason::Expelled
        | CloseReason::BadPassword
        | CloseReason::WrongHost
        | CloseReason::Refused => 1008,
        CloseReason::FrameTooLong => 1009,
        CloseReason::Internal => 1011,
        CloseReason::Shutdown => 1012,
        CloseReason::RelayFull | CloseReason::AddressFull => 1013,
    }
}
