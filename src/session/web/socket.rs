//! WebSocket (RFC 6455), once the handshake is done: frames of the frame protocol, or verbatim.

use crate::hub::{Command, Reply, Sender, Where};
use crate::id::RoomId;
use crate::limits::Limits;
use crate::payload::{Form, Manner};
use crate::reason::CloseReason;
use crate::session::frame::{Frame, Spelling};
use crate::session::irc::{self, Carrier, Irc};
use crate::session::{Dialect, Fault, Step, View};
use crate::wire::Parsed;
use crate::wire::deflate::{InflateError, Inflater};
use crate::wire::irc::{CLIENT_TAGS_MAX, LINE_MAX};
use crate::wire::websocket::{self, FrameError, Opcode};
use std::borrow::Cow;

/// The state of one conversation.
#[derive(Debug)]
pub struct WebSocket {
    talk: Talk,
    /// A message of which not all has come. Most messages are one frame and need none.
    fragments: Option<Box<Fragments>>,
    /// What the peer closed with: the answer is the same.
    closed_with: Option<Option<u16>>,
    /// A deadline passed without a hello.
    overdue: bool,
    /// Compression was agreed on.
    deflates: bool,
}

/// What is spoken.
#[derive(Debug)]
enum Talk {
    /// The frame protocol: a binary message is a frame's kind and body, a text message one JSON
    /// object.
    Frames(Frame),
    /// Every message is relayed as it is.
    Raw(Raw),
    /// IRC, a line for each message.
    Irc(Box<Irc>),
}

/// A browser's plain socket.
#[derive(Debug)]
struct Raw {
    /// The room in which it is.
    room: Option<RoomId>,
    /// The room in which it is to be.
    wanted: Option<Box<str>>,
    echo: bool,
    is_announced: bool,
    is_greeted: bool,
}

/// A message in fragments.
#[derive(Debug)]
struct Fragments {
    is_text: bool,
    is_packed: bool,
    bytes: Vec<u8>,
    count: usize,
    /// How many of the bytes are known to be UTF-8, if it is to be.
    checked: usize,
    /// All has come.
    whole: bool,
    /// It was handed on, and is kept only in case it is asked for again.
    handed_on: bool,
}

/// Fragments that a message may have, beside one for each 16 bytes: a message in crumbs costs more
/// than it says.
const FRAGMENTS: usize = 1024;

impl WebSocket {
    /// A conversation in frames.
    pub fn frames() -> Self {
        Self::new(Talk::Frames(Frame::in_messages()))
    }

    /// A conversation in IRC.
    pub fn irc_in(carrier: Carrier) -> Self {
        Self::new(Talk::Irc(Box::new(Irc::in_messages(carrier))))
    }

    /// See [`Session::irc`](crate::session::Session::irc).
    pub fn irc(&mut self) -> Option<&mut Irc> {
        match &mut self.talk {
            Talk::Irc(irc) => Some(irc),
            Talk::Frames(_) | Talk::Raw(_) => None,
        }
    }

    /// A plain socket in a room of this name.
    pub fn raw(room: &str, echo: bool) -> Self {
        let (wanted, is_announced, is_greeted) = (Some(room.into()), false, false);
        Self::new(Talk::Raw(Raw { room: None, wanted, echo, is_announced, is_greeted }))
    }

    fn new(talk: Talk) -> Self {
        Self { talk, fragments: None, closed_with: None, overdue: false, deflates: false }
    }

    /// Compression was agreed on.
    pub fn deflate(&mut self) {
        self.deflates = true;
        if let Talk::Frames(frame) = &mut self.talk {
            frame.deflate();
        }
    }

    /// See [`Session::receive`](crate::session::Session::receive).
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        limits: &Limits,
        inflater: &mut Inflater,
    ) -> Result<Parsed<Step<'a>>, Fault> {
        if let Talk::Raw(raw) = &mut self.talk
            && let Some(opening) = raw.opening()
        {
            return Ok(Parsed::Complete(Step::Command(opening), 0));
        }
        self.fragments.take_if(|fragments| fragments.handed_on);
        if let Some(fragments) = self.fragments.as_mut().filter(|fragments| fragments.whole) {
            fragments.handed_on = true;
            let (is_text, is_packed) = (fragments.is_text, fragments.is_packed);
            let message = fragments.bytes.clone();
            let step = self.whole(is_text, is_packed, message, limits, inflater)?;
            return Ok(Parsed::Complete(step, 0));
        }
        let max = |opcode| self.payload_max(opcode, limits);
        match websocket::parse_client(bytes, self.deflates, max).map_err(fault_of)? {
            Parsed::Complete(frame, used) => {
                self.frame(&frame, limits, inflater).map(|step| Parsed::Complete(step, used))
            }
            Parsed::Partial => Ok(Parsed::Partial),
        }
    }

    /// What was handed on last could not be carried out: it will be received again.
    pub fn again(&mut self) {
        if let Some(fragments) = &mut self.fragments {
            fragments.handed_on = false;
        }
    }

    /// The time for a hello has passed. One that was upgraded within it has the next as well.
    pub fn overdue(&mut self) -> Option<CloseReason> {
        std::mem::replace(&mut self.overdue, true).then_some(CloseReason::HandshakeTimeout)
    }

    /// The longest payload that a data frame may have, given what its message has already.
    fn payload_max(&self, opcode: Opcode, limits: &Limits) -> usize {
        let begun = self.fragments.as_ref().filter(|_| opcode == Opcode::Continuation);
        let is_text = begun.map_or(opcode == Opcode::Text, |fragments| fragments.is_text);
        let max = match &self.talk {
            Talk::Raw(_) => limits.message,
            // Refused as a line in so far as it is longer than one.
            Talk::Irc(_) => 2 * (CLIENT_TAGS_MAX + LINE_MAX),
            Talk::Frames(frame) => frame.message_max(spelling_of(is_text), limits),
        };
        max - max.min(begun.map_or(0, |fragments| fragments.bytes.len()))
    }

    fn frame<'a>(
        &mut self,
        frame: &websocket::Frame<'_>,
        limits: &Limits,
        inflater: &mut Inflater,
    ) -> Result<Step<'a>, Fault> {
        match frame.opcode {
            Opcode::Ping => {
                let mut pong = Vec::new();
                websocket::write(Opcode::Pong, &frame.payload(), &mut pong);
                Ok(Step::Answer(Cow::Owned(pong)))
            }
            Opcode::Pong => Ok(Step::Alive),
            Opcode::Close => match websocket::parse_close(&frame.payload()) {
                Ok(code) => {
                    self.closed_with = Some(code);
                    Ok(Step::Bye)
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
                    let payload = frame.payload();
                    return self.whole(is_text, frame.compressed, payload, limits, inflater);
                }
                self.fragments = Some(Box::new(Fragments::of(is_text, frame.compressed)));
                self.fragment(frame)
            }
            Opcode::Continuation => self.fragment(frame),
        }
    }

    fn fragment<'a>(&mut self, frame: &websocket::Frame<'_>) -> Result<Step<'a>, Fault> {
        match &mut self.fragments {
            Some(fragments) => fragments.add(frame).map(|()| Step::Alive),
            None => Err(protocol("there is no message to be continued")),
        }
    }

    /// A whole message, as it came.
    fn whole<'a>(
        &mut self,
        is_text: bool,
        is_packed: bool,
        mut bytes: Vec<u8>,
        limits: &Limits,
        inflater: &mut Inflater,
    ) -> Result<Step<'a>, Fault> {
        if is_packed {
            let opcode = if is_text { Opcode::Text } else { Opcode::Binary };
            let max = self.payload_max(opcode, limits);
            bytes = inflater.inflate(&bytes, max).map_err(|error| match error {
                InflateError::TooLong => CloseReason::FrameTooLong.into(),
                InflateError::Malformed => protocol("a message is not deflated data"),
            })?;
        }
        if is_text && std::str::from_utf8(&bytes).is_err() {
            return Err(CloseReason::BadText.into());
        }
        self.message(is_text, bytes, limits)
    }

    /// A whole message.
    fn message<'a>(
        &mut self,
        is_text: bool,
        bytes: Vec<u8>,
        limits: &Limits,
    ) -> Result<Step<'a>, Fault> {
        match &mut self.talk {
            Talk::Frames(frame) => {
                frame.receive_message(spelling_of(is_text), &bytes, limits).map(Step::into_owned)
            }
            Talk::Irc(_) => Ok(Step::Line(Irc::message(&bytes))),
            Talk::Raw(raw) => {
                let Some(room) = raw.room else { return Ok(Step::Alive) };
                let form = if is_text { Form::Text } else { Form::Binary };
                let (echo, bytes) = (raw.echo, Cow::Owned(bytes));
                Ok(Step::Command(Command::Publish {
                    room: Where::Joined(room),
                    sender: Sender::Member { id: 0, echo },
                    bytes,
                    form,
                    manner: Manner::default(),
                }))
            }
        }
    }

    /// See [`Session::write_reply`](crate::session::Session::write_reply).
    pub fn write_reply(&mut self, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        match &mut self.talk {
            Talk::Frames(frame) => frame.write_reply(reply, view.limits, out),
            Talk::Irc(irc) => irc.write_reply(reply, view, out),
            Talk::Raw(raw) => raw.heed(reply),
        }
    }

    /// Answers a ping of the frame protocol.
    pub fn write_pong(&self, token: u64, out: &mut Vec<u8>) {
        if let Talk::Frames(frame) = &self.talk {
            frame.write_pong(token, out);
        }
    }

    /// Asks for a sign of life; browsers answer by themselves.
    pub fn write_ping(&self, out: &mut Vec<u8>) {
        websocket::write(Opcode::Ping, b"", out);
    }

    /// See [`Session::write_draining`](crate::session::Session::write_draining).
    pub fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>) {
        match &self.talk {
            Talk::Frames(frame) => frame.write_draining(out),
            Talk::Irc(irc) => irc.write_draining(view, out),
            Talk::Raw(_) => {}
        }
    }

    /// The last words of the frame protocol, and of WebSocket. A peer that closed is answered with
    /// its own code, and nothing else.
    pub fn write_farewell(&self, fault: &Fault, out: &mut Vec<u8>) {
        if let Some(code) = self.closed_with {
            return websocket::write_close(code, "", out);
        }
        match &self.talk {
            Talk::Frames(frame) => frame.write_farewell(fault, out),
            Talk::Irc(irc) => irc::write_farewell(irc.carrier(), fault, out),
            Talk::Raw(_) => {}
        }
        let reason = format!("{}: {}", fault.reason, fault.text);
        websocket::write_close(Some(close_code(fault.reason)), &reason, out);
    }

    /// The spelling its rooms are heard in.
    pub fn dialect(&self) -> Dialect {
        match &self.talk {
            Talk::Frames(frame) => frame.dialect(),
            Talk::Raw(_) if self.deflates => Dialect::WebRawDeflated,
            Talk::Raw(_) => Dialect::WebRaw,
            Talk::Irc(irc) => Dialect::Irc(irc.style()),
        }
    }

    /// See [`Session::can_tell_refusal`](crate::session::Session::can_tell_refusal).
    pub fn can_tell_refusal(&self) -> bool {
        !matches!(self.talk, Talk::Raw(_))
    }

    /// See [`Session::has_one_room`](crate::session::Session::has_one_room).
    pub fn has_one_room(&self) -> bool {
        matches!(self.talk, Talk::Raw(_))
    }

    /// See [`Session::is_greeted`](crate::session::Session::is_greeted).
    pub fn is_greeted(&self) -> bool {
        match &self.talk {
            Talk::Frames(frame) => frame.is_greeted(),
            Talk::Raw(raw) => raw.is_greeted,
            Talk::Irc(irc) => irc.is_greeted(),
        }
    }
}

impl Raw {
    /// What it asks for by having connected: a name, then its room.
    fn opening(&mut self) -> Option<Command<'static>> {
        if !std::mem::replace(&mut self.is_announced, true) {
            return Some(Command::Hello { name: Cow::Borrowed(""), key: 0, private: false });
        }
        let room = Cow::Owned(self.wanted.take()?.into_string());
        Some(Command::Join { request: 0, room, key: None, resume: None })
    }

    fn heed(&mut self, reply: &Reply) {
        match reply {
            Reply::Welcome { .. } => self.is_greeted = true,
            Reply::Joined { room, .. } => self.room = Some(*room),
            _ => {}
        }
    }
}

impl Fragments {
    fn of(is_text: bool, is_packed: bool) -> Self {
        let (bytes, count, checked) = (Vec::new(), 0, 0);
        Self { is_text, is_packed, bytes, count, checked, whole: false, handed_on: false }
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

    /// Checks that what has come is UTF-8, of which the last character may still be missing bytes.
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

fn spelling_of(is_text: bool) -> Spelling {
    if is_text { Spelling::Json } else { Spelling::Binary }
}

fn protocol(what: &'static str) -> Fault {
    Fault { reason: CloseReason::BadFrame, text: Cow::Borrowed(what) }
}

fn fault_of(error: FrameError) -> Fault {
    match error {
        FrameError::Protocol(what) => protocol(what),
        FrameError::TooLong { .. } => {
            Fault { reason: CloseReason::FrameTooLong, text: Cow::Owned(error.to_string()) }
        }
    }
}

/// What a WebSocket is closed with (RFC 6455 §7.4.1, and the IANA registry for 1012 and 1013).
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
