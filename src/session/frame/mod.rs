//! The frame protocol: hello first, then requests, in the spelling that the first byte selects.

pub use super::encode::frame::Spelling;
pub use super::options::frame::Options;

use super::action::{Action, Outcome, RequestId};
use super::carrier::Carrier;
use super::dialect::Language;
use super::fault::Fault;
use super::protocol::{Input, OverMessages, OverStream, Protocol};
use super::service::Service;
use super::view::View;
use crate::history::{Mark, Select};
use crate::hub::{Addressee, Command, Reply, Where};
use crate::id::{ConnId, RoomId};
use crate::limits::Limits;
use crate::payload::{Form, Identity, Manner, Message};
use crate::reason::{CloseReason, Refusal};
use crate::wire::Parsed;
use crate::wire::frame::{ClientFrame, FrameError, Past, ServerFrame, Side, VERSION};
use crate::wire::line::LineSearch;
use crate::wire::sniff;
use std::borrow::Cow;

/// The state of one frame conversation.
#[derive(Debug, Default)]
pub struct Frame {
    spelling: Option<Spelling>,
    greeted: bool,
    /// True if the peer accepts direct messages.
    private: bool,
    watch: LineSearch,
}

impl OverMessages for Frame {
    fn message_max(&self, is_text: bool, limits: &Limits) -> usize {
        self.frame_max(spelling_of(is_text), limits)
    }

    /// Reads one message. All messages are binary or all are text, like the first one.
    fn receive_message<'a>(
        &mut self,
        is_text: bool,
        message: &'a [u8],
        view: &View<'_>,
    ) -> Result<Action<'a>, Fault> {
        let spelling = spelling_of(is_text);
        if !spelling.is_built() || *self.spelling.get_or_insert(spelling) != spelling {
            return Err(CloseReason::WrongSpelling.into());
        }
        if message.len() > self.frame_max(spelling, view.limits) {
            return Err(CloseReason::FrameTooLong.into());
        }
        self.act_on(spelling.read(message).map_err(fault_of)?)
    }
}

impl OverStream for Frame {
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        let Input { bytes, .. } = input;
        let Some(first) = bytes.first() else { return Ok(Parsed::Partial) };
        let spelling = match self.spelling.or_else(|| Spelling::of(*first)) {
            Some(spelling) => *self.spelling.insert(spelling),
            None => return Err(unknown_opening(bytes)),
        };
        let max = self.frame_max(spelling, view.limits);
        if spelling == Spelling::Json && !self.watch.may_complete(bytes, max) {
            return Ok(Parsed::Partial);
        }
        match spelling.parse(bytes, max) {
            Ok(Parsed::Complete(frame, used)) => Ok(Parsed::Complete(self.act_on(frame)?, used)),
            Ok(Parsed::Partial) => Ok(Parsed::Partial),
            Err(error) => Err(fault_of(error)),
        }
    }

    fn write_ping(&self, _: &View<'_>, out: &mut Vec<u8>) {
        self.write(Carrier::Stream, &ServerFrame::Ping { token: 0 }, out);
    }
}

impl Frame {
    /// Returns the length of the longest frame or line, in bytes.
    fn frame_max(&self, spelling: Spelling, limits: &Limits) -> usize {
        let max = spelling.max(limits);
        if self.greeted { max } else { max.min(limits.before_hello) }
    }

    fn act_on<'a>(&mut self, frame: ClientFrame<'a>) -> Result<Action<'a>, Fault> {
        let is_hello = matches!(frame, ClientFrame::Hello { .. });
        if is_hello == self.greeted && !matches!(frame, ClientFrame::Bye) {
            return Err(CloseReason::BadState.into());
        }
        let id = RequestId::from_number(frame.request());
        let command = match frame {
            ClientFrame::Hello { version, .. } if version != VERSION => {
                return Err(CloseReason::BadVersion.into());
            }
            ClientFrame::Hello { version: _, private, key, name } => {
                self.private = private;
                Command::Hello { name, key, private }
            }
            ClientFrame::Join { request: _, resume, key, room } => {
                Command::Join { room, key, resume }
            }
            ClientFrame::Leave { request: _, room } => {
                Command::Leave { room: RoomId::from_bits(room), reason: None }
            }
            ClientFrame::Say { room, id, echo, payload } => {
                let room = RoomId::from_bits(room);
                Command::from_member(room, id, echo, payload, Form::Unsaid)
            }
            ClientFrame::Members { request: _, room } => {
                Command::Members { room: Where::Joined(RoomId::from_bits(room)) }
            }
            ClientFrame::History { request: _, room, side, limit } => {
                let room = Where::Joined(RoomId::from_bits(room));
                let select = match side {
                    Side::Before(0) => Select::Before(Mark::End),
                    Side::Before(offset) => Select::Before(Mark::Offset(offset)),
                    Side::After(offset) => Select::After(Mark::Offset(offset)),
                };
                Command::History { room, select, limit: limit as usize }
            }
            ClientFrame::Tell { request: _, notice, name, payload } => {
                let manner = Manner { is_notice: notice, ..Manner::default() };
                Command::DirectMessage { to: Addressee::Name(name), bytes: payload, manner }
            }
            ClientFrame::Ping { token } => return Ok(Action::Pong(token)),
            ClientFrame::Pong { token: _ } => return Ok(Action::Nothing),
            ClientFrame::Bye => return Ok(Action::Finish),
        };
        Ok(Action::Command(id, command))
    }

    /// Appends a frame. A peer of unknown spelling gets JSON: it most likely reads JSON, or is a
    /// person.
    fn write(&self, carrier: Carrier, frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
        self.spelling.unwrap_or(Spelling::Json).write(carrier, frame, out);
    }
}

impl Protocol for Frame {
    const COMPRESSES: bool = true;

    fn poll_action(&mut self, _: Carrier, _: &View<'_>) -> Option<Action<'static>> {
        None
    }

    fn has_actions(&self) -> bool {
        false
    }

    fn deliver(
        &mut self,
        carrier: Carrier,
        id: RequestId,
        reply: &Reply,
        view: &View<'_>,
        out: &mut Vec<u8>,
    ) {
        self.greeted |= matches!(reply, Reply::Welcome { .. });
        if let Some(frame) = frame_of(id, reply, self.private, view.limits) {
            self.write(carrier, &frame, out);
        }
    }

    /// Ignores the outcome: the client itself keeps track of its requests.
    fn completed(&mut self, _: Carrier, _: RequestId, _: Outcome, _: &View<'_>, _: &mut Vec<u8>) {}

    fn write_pong(&self, carrier: Carrier, token: u64, out: &mut Vec<u8>) {
        self.write(carrier, &ServerFrame::Pong { token }, out);
    }

    /// Appends nothing if the peer's spelling is unknown: after bytes in the wrong spelling, the
    /// peer could read nothing that follows.
    fn write_draining(&self, carrier: Carrier, _: &View<'_>, out: &mut Vec<u8>) {
        if self.spelling.is_none() {
            return;
        }
        let (code, text) = (Refusal::Draining.code(), Cow::Borrowed(Refusal::Draining.text()));
        self.write(carrier, &ServerFrame::Error { code, request: 0, text }, out);
    }

    fn write_close(&self, carrier: Carrier, fault: &Fault, out: &mut Vec<u8>) {
        let code = fault.reason.code();
        if code >= CloseReason::BadFrame.code() {
            let text = Cow::Borrowed(&*fault.text);
            self.write(carrier, &ServerFrame::Error { code, request: 0, text }, out);
        }
        let text = Cow::Borrowed(fault.reason.text());
        self.write(carrier, &ServerFrame::Bye { code, text }, out);
    }

    fn language(&self, _: &Service) -> Language {
        match self.spelling {
            Some(Spelling::Json) => Language::Json,
            _ => Language::Binary,
        }
    }

    fn is_greeted(&self) -> bool {
        self.greeted
    }
}

fn spelling_of(is_text: bool) -> Spelling {
    if is_text { Spelling::Json } else { Spelling::Binary }
}

fn unknown_opening(bytes: &[u8]) -> Fault {
    let reason = match sniff::foreign(bytes) {
        Some(_) => CloseReason::WrongProtocol,
        None => CloseReason::BadFrame,
    };
    let text = match reason {
        CloseReason::WrongProtocol => reason.text(),
        _ => "a connection begins with a binary frame, or with { for JSON: see docs/PROTOCOL.md",
    };
    Fault { reason, text: Cow::Borrowed(text) }
}

fn fault_of(error: FrameError) -> Fault {
    let reason = match error {
        FrameError::TooLong { .. } => CloseReason::FrameTooLong,
        FrameError::UnknownKind(_) => CloseReason::UnknownKind,
        FrameError::Malformed(_) => CloseReason::BadFrame,
    };
    Fault { reason, text: Cow::Owned(error.to_string()) }
}

/// Returns the frame for a reply; `None` if frames have no encoding for it.
fn frame_of<'a>(
    id: RequestId,
    reply: &'a Reply,
    private: bool,
    limits: &Limits,
) -> Option<ServerFrame<'a>> {
    let request = id.number();
    Some(match reply {
        Reply::Welcome { id, name, key } => welcome(*id, name, *key, limits),
        Reply::Joined { room, name, recovered, epoch, head, oldest, members } => {
            ServerFrame::Joined {
                request,
                room: room.to_bits(),
                recovered: *recovered,
                epoch: *epoch,
                head: *head,
                oldest: *oldest,
                members: *members,
                name: Cow::Borrowed(name),
            }
        }
        &Reply::Left { room, offset } => {
            ServerFrame::Left { request, room: room.to_bits(), offset }
        }
        &Reply::Ack { room, id, offset } => ServerFrame::Ack { room: room.to_bits(), id, offset },
        Reply::Members { room, count, names } => ServerFrame::Members {
            request,
            room: room.to_bits(),
            count: *count,
            names: names.iter().map(|name| Cow::Borrowed(&**name)).collect(),
        },
        Reply::History { room, page } => ServerFrame::History {
            request,
            room: room.to_bits(),
            oldest: page.oldest,
            messages: page.messages.iter().map(|message| past(message)).collect(),
        },
        &Reply::Gap { room, from, to } => ServerFrame::Gap { room: room.to_bits(), from, to },
        Reply::DirectMessage { message, .. } => ServerFrame::Told {
            time: message.unix_ms,
            notice: message.payload.manner.is_notice,
            sender: Cow::Borrowed(&message.sender.name),
            payload: Cow::Borrowed(&message.payload.bytes),
        },
        Reply::DirectSent { unix_ms, away } => ServerFrame::Passed {
            request,
            time: *unix_ms,
            away: Cow::Borrowed(away.as_deref().unwrap_or_default()),
        },
        &Reply::Refused { refusal } => ServerFrame::Error {
            code: refusal.code(),
            request,
            text: Cow::Borrowed(refusal.text()),
        },
        Reply::Kicked { by, name, reason, .. } => kicked(by, name, reason),
        Reply::Invited { by, room, unix_ms } if private => ServerFrame::Told {
            time: *unix_ms,
            notice: true,
            sender: Cow::Borrowed(&by.name),
            payload: Cow::Owned(format!("invites you to {room}").into_bytes()),
        },
        // Frames have no encoding for these, or the peer accepts none.
        Reply::Invited { .. } => return None,
        Reply::Published { .. }
        | Reply::Rooms { .. }
        | Reply::Echo { .. }
        | Reply::Ephemeral { .. }
        | Reply::Notice(..)
        | Reply::News(_)
        | Reply::Watched { .. }
        | Reply::Disconnected { .. }
        | Reply::Call { .. } => return None,
    })
}

fn welcome<'a>(id: ConnId, name: &'a str, key: u64, limits: &Limits) -> ServerFrame<'a> {
    ServerFrame::Welcome {
        version: VERSION,
        id: id.to_bits(),
        key,
        max_message: limits.message as u32,
        max_rooms: limits.rooms_per_peer as u32,
        ping_ms: u32::try_from(limits.ping_after.as_millis()).unwrap_or(u32::MAX),
        name: Cow::Borrowed(name),
    }
}

/// Returns the error that names the person who kicked the peer. `left` follows separately.
fn kicked(by: &Identity, room: &str, reason: &str) -> ServerFrame<'static> {
    // A reason equal to the operator's name means that no reason was given.
    let reason = Some(reason).filter(|reason| *reason != &*by.name);
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let text = Cow::Owned(format!("{by} put you out of {room}{reason}"));
    ServerFrame::Error { code: Refusal::Expelled.code(), request: 0, text }
}

fn past(message: &Message) -> Past<'_> {
    Past {
        offset: message.offset,
        time: message.unix_ms,
        sender: Cow::Borrowed(&message.sender.name),
        payload: Cow::Borrowed(&message.payload.bytes),
    }
}
