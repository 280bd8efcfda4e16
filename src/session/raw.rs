//! Plain sockets: no handshake, one room, and whatever is read is what was said.

use super::{Dialect, Fault, Step};
use crate::hub::{Command, Reply, Sender, Where};
use crate::id::RoomId;
use crate::limits::Limits;
use crate::payload::{Form, Manner, Payload};
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::line::{self, Watch};
use crate::wire::sniff::{self, Foreign};
use crate::wire::websocket::{self, Opcode};
use std::borrow::Cow;

/// How a `raw` listener serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The room everyone here is in.
    pub room: String,
    /// Whether a sender receives its own bytes back, as the simplest clients expect.
    pub echo: bool,
    /// Sent to everyone who connects.
    pub greeting: String,
    /// What counts as one message.
    pub framing: Framing,
}

impl Default for Options {
    fn default() -> Self {
        let (room, greeting) = ("lobby".to_owned(), String::new());
        Self { room, echo: true, greeting, framing: Framing::Chunk }
    }
}

/// What counts as one message of a plain socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Whatever one read returns: clients that send without any newline work.
    #[default]
    Chunk,
    /// A line: people's lines stay whole.
    Line,
}

impl Framing {
    /// The dialect its members hear.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Chunk => Dialect::Chunk,
            Self::Line => Dialect::Line,
        }
    }
}

/// The state of one plain socket's conversation.
#[derive(Debug, Default)]
pub struct Raw {
    room: Option<RoomId>,
    /// Whether the first bytes were looked at for a protocol that does not belong here.
    sniffed: bool,
    watch: Watch,
}

impl Raw {
    /// See [`Session::receive`](super::Session::receive).
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        ended: bool,
        options: &Options,
        limits: &Limits,
    ) -> Result<Parsed<Step<'a>>, Fault> {
        if bytes.is_empty() {
            return Ok(Parsed::Partial);
        }
        if !self.sniffed {
            self.sniffed = true;
            if let Some(Foreign::Tls | Foreign::Http) = sniff::foreign(bytes) {
                return Err(CloseReason::WrongProtocol.into());
            }
        }
        let form = match options.framing {
            Framing::Chunk => Form::Chunk,
            Framing::Line => Form::Unsaid,
        };
        let line_max = limits.message + "\r\n".len();
        let (said, used) = match options.framing {
            Framing::Chunk => {
                let said = bytes.get(..limits.message).unwrap_or(bytes);
                (said, said.len())
            }
            Framing::Line if !ended && !self.watch.has_news(bytes, line_max) => {
                return Ok(Parsed::Partial);
            }
            Framing::Line => match line::parse(bytes, line_max) {
                Ok(Parsed::Complete(said, used)) => (said, used),
                // The words of one who hangs up without a last newline still count.
                Ok(Parsed::Partial) if ended => (bytes, bytes.len()),
                Ok(Parsed::Partial) => return Ok(Parsed::Partial),
                Err(line::LineTooLong) => return Err(CloseReason::FrameTooLong.into()),
            },
        };
        // A short line end leaves space for more than the limit. Refused by the hub, as a frame's
        // message would be, it would be lost without a word: nobody here reads refusals.
        if said.len() > limits.message {
            return Err(CloseReason::FrameTooLong.into());
        }
        let Some(room) = self.room else { return Ok(Parsed::Complete(Step::Alive, used)) };
        let bytes = Cow::Borrowed(said);
        let publish = Command::Publish {
            room: Where::Joined(room),
            sender: Sender::Member { id: 0, echo: options.echo },
            bytes,
            form,
            manner: Manner::default(),
        };
        Ok(Parsed::Complete(Step::Command(publish), used))
    }

    /// A plain socket is told nothing, but its session must know the room.
    pub fn heed(&mut self, reply: &Reply) {
        if let Reply::Joined { room, .. } = reply {
            self.room = Some(*room);
        }
    }
}

/// A message as a chunk-framed socket hears it. Pieces of a stream pass untouched. A text that had
/// edges of its own ends its line, or the next one would run into it on somebody's terminal.
pub fn write_chunk(payload: &Payload, out: &mut Vec<u8>) {
    out.extend_from_slice(&payload.bytes);
    let is_text = match payload.form {
        Form::Text => true,
        Form::Binary | Form::Chunk => false,
        Form::Unsaid => std::str::from_utf8(&payload.bytes).is_ok(),
    };
    if is_text && !payload.bytes.ends_with(b"\n") {
        out.push(b'\n');
    }
}

/// A message as a line-framed socket hears it: always ended by exactly the newline it needs.
pub fn write_line(payload: &Payload, out: &mut Vec<u8>) {
    out.extend_from_slice(&payload.bytes);
    if !payload.bytes.ends_with(b"\n") {
        out.push(b'\n');
    }
}

/// A message as a browser's plain socket hears it: text as text and binary as binary. What comes
/// from a protocol that does not say is text if it is UTF-8.
pub fn write_web(payload: &Payload, out: &mut Vec<u8>) {
    let is_text = match payload.form {
        Form::Text => true,
        Form::Binary => false,
        Form::Unsaid | Form::Chunk => std::str::from_utf8(&payload.bytes).is_ok(),
    };
    let opcode = if is_text { Opcode::Text } else { Opcode::Binary };
    websocket::write(opcode, &payload.bytes, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Raw {
        Raw { room: RoomId::new(1, 1), ..Raw::default() }
    }

    fn said(step: Result<Parsed<Step<'_>>, Fault>) -> Option<(Vec<u8>, usize)> {
        match step.unwrap() {
            Parsed::Complete(Step::Command(Command::Publish { bytes, .. }), used) => {
                Some((bytes.into_owned(), used))
            }
            Parsed::Partial => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_read_is_a_message_up_to_the_limit() {
        let (options, limits) = (Options::default(), Limits { message: 4, ..Limits::default() });
        let mut raw = session();
        assert_eq!(said(raw.receive(b"hi", false, &options, &limits)), Some((b"hi".to_vec(), 2)));
        assert_eq!(
            said(raw.receive(b"12345", false, &options, &limits)),
            Some((b"1234".to_vec(), 4))
        );
        assert_eq!(said(raw.receive(b"", true, &options, &limits)), None);
    }

    #[test]
    fn lines_stay_whole_and_bounded() {
        let options = Options { framing: Framing::Line, ..Options::default() };
        let limits = Limits { message: 4, ..Limits::default() };
        let mut raw = session();
        assert_eq!(said(raw.receive(b"hel", false, &options, &limits)), None);
        assert_eq!(
            said(raw.receive(b"hell\r\nx", false, &options, &limits)),
            Some((b"hell".to_vec(), 6))
        );
        assert_eq!(said(raw.receive(b"x", true, &options, &limits)), Some((b"x".to_vec(), 1)));
        for (bytes, ended) in [(&b"hello\n"[..], false), (b"hello!", false), (b"hello", true)] {
            let fault = raw.receive(bytes, ended, &options, &limits).unwrap_err();
            assert_eq!(fault.reason, CloseReason::FrameTooLong);
        }
    }

    #[test]
    fn fault_p11_foreign_protocols_are_refused_at_the_door_only() {
        let (options, limits) = (Options::default(), Limits::default());
        for opening in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01\x02\x00"] {
            let fault = session().receive(opening, false, &options, &limits).unwrap_err();
            assert_eq!(fault.reason, CloseReason::WrongProtocol);
        }
        let mut raw = session();
        raw.receive(b"look: ", false, &options, &limits).unwrap();
        assert!(said(raw.receive(b"GET / HTTP/1.1\r\n", false, &options, &limits)).is_some());
    }

    #[test]
    fn newlines_are_added_only_where_a_message_had_edges() {
        let written = |bytes: &[u8], form| {
            let payload = Payload { bytes: bytes.into(), form, ..Payload::default() };
            let (mut chunks, mut lines) = (Vec::new(), Vec::new());
            write_chunk(&payload, &mut chunks);
            write_line(&payload, &mut lines);
            (chunks, lines)
        };
        assert_eq!(written(b"hi", Form::Chunk), (b"hi".to_vec(), b"hi\n".to_vec()));
        assert_eq!(written(b"hi", Form::Unsaid), (b"hi\n".to_vec(), b"hi\n".to_vec()));
        assert_eq!(written(b"hi\n", Form::Text), (b"hi\n".to_vec(), b"hi\n".to_vec()));
        let bytes = (b"\xff\x00".to_vec(), b"\xff\x00\n".to_vec());
        assert_eq!(written(b"\xff\x00", Form::Unsaid), bytes);
        assert_eq!(written(b"hi", Form::Binary), (b"hi".to_vec(), b"hi\n".to_vec()));
    }
}
