//! Plain sockets: no handshake and one room. The session publishes all input there.

mod messages;

pub use super::options::raw::{Framing, Options};
pub use messages::RawMessages;

use super::action::{Action, Outcome, RequestId};
use super::carrier::Carrier;
use super::dialect::Language;
use super::fault::Fault;
use super::protocol::{Input, OverStream, Protocol};
use super::service::Service;
use super::view::View;
use crate::hub::{Command, Reply};
use crate::id::RoomId;
use crate::limits::Limits;
use crate::payload::Form;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::line::{self, LineSearch};
use crate::wire::sniff::{self, Foreign};
use std::borrow::Cow;

/// The state of one plain socket's conversation.
#[derive(Debug, Default)]
pub struct Raw {
    room: Option<RoomId>,
    opening: Opening,
    /// True once the first bytes were checked for a foreign protocol.
    sniffed: bool,
    watch: LineSearch,
}

/// The steps that open the conversation. A peer gets a name and a room by connecting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Opening {
    #[default]
    Greeting,
    Hello,
    Join,
    Done,
}

impl Raw {
    fn read<'a>(
        &mut self,
        input: Input<'a>,
        options: &Options,
        limits: &Limits,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        let Input { bytes, ended } = input;
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
        let (message, used) = match options.framing {
            Framing::Chunk => {
                let chunk = bytes.get(..limits.message).unwrap_or(bytes);
                (chunk, chunk.len())
            }
            Framing::Line if !ended && !self.watch.may_complete(bytes, line_max) => {
                return Ok(Parsed::Partial);
            }
            Framing::Line => match line::parse(bytes, line_max) {
                Ok(Parsed::Complete(line, used)) => (line, used),
                // At the end of the stream, the last line counts without its newline.
                Ok(Parsed::Partial) if ended => (bytes, bytes.len()),
                Ok(Parsed::Partial) => return Ok(Parsed::Partial),
                Err(line::LineTooLong) => return Err(CloseReason::FrameTooLong.into()),
            },
        };
        // A line end of one byte leaves space for a message longer than the limit. If the hub
        // refused it, as it refuses a frame's message, the message would be lost silently: a plain
        // socket reads no refusals.
        if message.len() > limits.message {
            return Err(CloseReason::FrameTooLong.into());
        }
        let Some(room) = self.room else { return Ok(Parsed::Complete(Action::Nothing, used)) };
        let bytes = Cow::Borrowed(message);
        let publish = Command::from_member(room, 0, options.echo, bytes, form);
        Ok(Parsed::Complete(Action::Command(RequestId::NONE, publish), used))
    }
}

impl OverStream for Raw {
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        match view.service {
            Service::Raw(options) => self.read(input, options, view.limits),
            _ => Err(CloseReason::Internal.into()),
        }
    }

    /// Appends nothing: a plain socket has no way to answer a ping.
    fn write_ping(&self, _: &View<'_>, _: &mut Vec<u8>) {}
}

impl Protocol for Raw {
    const COMPRESSES: bool = false;

    fn poll_action(&mut self, _: Carrier, view: &View<'_>) -> Option<Action<'static>> {
        let Service::Raw(options) = view.service else { return None };
        let (action, next) = match self.opening {
            Opening::Greeting => {
                let greeting = Cow::Owned(options.greeting.as_bytes().to_vec());
                (Action::Send(greeting), Opening::Hello)
            }
            Opening::Hello => (hello(), Opening::Join),
            Opening::Join => (join(&options.room), Opening::Done),
            Opening::Done => return None,
        };
        self.opening = next;
        Some(action)
    }

    fn has_actions(&self) -> bool {
        self.opening != Opening::Done
    }

    /// Appends nothing. The session only records the room.
    fn deliver(&mut self, _: Carrier, _: RequestId, reply: &Reply, _: &View<'_>, _: &mut Vec<u8>) {
        if let Reply::Joined { room, .. } = reply {
            self.room = Some(*room);
        }
    }

    fn completed(&mut self, _: Carrier, _: RequestId, _: Outcome, _: &View<'_>, _: &mut Vec<u8>) {}

    fn write_pong(&self, _: Carrier, _: u64, _: &mut Vec<u8>) {}

    fn write_draining(&self, _: Carrier, _: &View<'_>, _: &mut Vec<u8>) {}

    fn write_close(&self, _: Carrier, _: &Fault, _: &mut Vec<u8>) {}

    fn language(&self, service: &Service) -> Language {
        match service {
            Service::Raw(Options { framing: Framing::Line, .. }) => Language::Line,
            _ => Language::Chunk,
        }
    }

    fn can_tell_refusal(&self) -> bool {
        false
    }

    fn has_one_room(&self) -> bool {
        true
    }

    fn is_greeted(&self) -> bool {
        true
    }
}

/// Returns the hello that requests a guest name.
fn hello() -> Action<'static> {
    let hello = Command::Hello { name: Cow::Borrowed(""), key: 0, private: false };
    Action::Command(RequestId::NONE, hello)
}

fn join(room: &str) -> Action<'static> {
    let room = Cow::Owned(room.to_owned());
    let join = Command::Join { room, key: None, resume: None };
    Action::Command(RequestId::NONE, join)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Raw {
        Raw { room: RoomId::new(1, 1), ..Raw::default() }
    }

    fn read<'a>(
        raw: &mut Raw,
        bytes: &'a [u8],
        ended: bool,
        (options, limits): (&Options, &Limits),
    ) -> Result<Parsed<Action<'a>>, Fault> {
        raw.read(Input { bytes, ended }, options, limits)
    }

    fn said(action: Result<Parsed<Action<'_>>, Fault>) -> Option<(Vec<u8>, usize)> {
        match action.unwrap() {
            Parsed::Complete(Action::Command(_, Command::Publish { bytes, .. }), used) => {
                Some((bytes.into_owned(), used))
            }
            Parsed::Partial => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_read_is_a_message_up_to_the_limit() {
        let limits = Limits { message: 4, ..Limits::default() };
        let served = (&Options::default(), &limits);
        let mut raw = session();
        assert_eq!(said(read(&mut raw, b"hi", false, served)), Some((b"hi".to_vec(), 2)));
        assert_eq!(said(read(&mut raw, b"12345", false, served)), Some((b"1234".to_vec(), 4)));
        assert_eq!(said(read(&mut raw, b"", true, served)), None);
    }

    #[test]
    fn lines_stay_whole_and_bounded() {
        let options = Options { framing: Framing::Line, ..Options::default() };
        let limits = Limits { message: 4, ..Limits::default() };
        let served = (&options, &limits);
        let mut raw = session();
        assert_eq!(said(read(&mut raw, b"hel", false, served)), None);
        let line = Some((b"hell".to_vec(), 6));
        assert_eq!(said(read(&mut raw, b"hell\r\nx", false, served)), line);
        assert_eq!(said(read(&mut raw, b"x", true, served)), Some((b"x".to_vec(), 1)));
        for (bytes, ended) in [(&b"hello\n"[..], false), (b"hello!", false), (b"hello", true)] {
            let fault = read(&mut raw, bytes, ended, served).unwrap_err();
            assert_eq!(fault.reason, CloseReason::FrameTooLong);
        }
    }

    #[test]
    fn fault_p11_foreign_protocols_are_refused_at_the_door_only() {
        let (options, limits) = (Options::default(), Limits::default());
        let served = (&options, &limits);
        for opening in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01\x02\x00"] {
            let fault = read(&mut session(), opening, false, served).unwrap_err();
            assert_eq!(fault.reason, CloseReason::WrongProtocol);
        }
        let mut raw = session();
        read(&mut raw, b"look: ", false, served).unwrap();
        assert!(said(read(&mut raw, b"GET / HTTP/1.1\r\n", false, served)).is_some());
    }
}
