//! Server-Sent Events (the HTML standard, §9.2): the messages of a room for any HTTP client. All
//! listeners receive the same bytes, from one tape. A client that reconnects resumes from the id of
//! the last event.

use super::body;
use super::response::Response;
use crate::hub::{Act, Command, Reply};
use crate::id::{Epoch, Offset, Resume};
use crate::session::action::{Action, Outcome, RequestId};
use crate::session::carrier::Carrier;
use crate::session::dialect::{Dialect, Language};
use crate::session::encode::events::{Bye, Count, Gap, Joined, Nothing, pack, write, write_id};
use crate::session::fault::Fault;
use crate::session::protocol::{Conversation, Input};
use crate::session::service::Service;
use crate::session::view::View;
use crate::wire::Parsed;
use crate::wire::chunked;
use crate::wire::deflate::Inflater;
use crate::wire::json::Hex;
use std::borrow::Cow;

/// Milliseconds that a client should wait before it reconnects.
const RETRY: u32 = 2_000;

/// The state of one listener to events.
#[derive(Debug)]
pub struct EventStream {
    stage: Stage,
    wanted: Option<Box<Wanted>>,
    epoch: Epoch,
    is_greeted: bool,
    /// The carrier of the response: chunks, or a plain stream for HTTP/1.0 clients.
    carrier: Carrier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No name is requested yet.
    Nameless,
    /// The name is requested by a hello.
    Named,
    /// The room is requested.
    Asked,
    /// The head of the response is written. Events follow.
    Live,
    /// The request is refused, and the refusal is written.
    Over,
}

/// The parameters of the request.
#[derive(Debug)]
struct Wanted {
    room: Box<str>,
    name: Box<str>,
    key: u64,
    resume: Option<Resume>,
    /// The origin of the page that listens, if it is another origin that is allowed.
    origin: Option<Box<str>>,
}

impl EventStream {
    /// Returns a listener that has not joined yet. An empty name requests a guest name.
    pub fn new(
        room: &str,
        name: &str,
        key: u64,
        resume: Option<Resume>,
        origin: Option<&str>,
        carrier: Carrier,
    ) -> Self {
        let origin = origin.map(Box::from);
        let wanted = Wanted { room: room.into(), name: name.into(), key, resume, origin };
        let (stage, epoch) = (Stage::Nameless, Epoch(0));
        Self { stage, wanted: Some(Box::new(wanted)), epoch, is_greeted: false, carrier }
    }

    /// Returns the head of a response of unknown length. Two headers make proxies forward each
    /// event at once: `X-Accel-Buffering` for nginx, `no-transform` for others.
    pub fn head(carrier: Carrier) -> Response {
        let head = Response::endless("text/event-stream")
            .with("Cache-Control", "no-cache, no-transform")
            .with("X-Accel-Buffering", "no");
        match carrier {
            Carrier::Chunked => head.with("Transfer-Encoding", "chunked"),
            Carrier::Stream | Carrier::WebSocket => head,
        }
    }

    /// Writes bytes to a listener whose response has begun.
    fn put(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        write(out);
        pack(self.carrier, start, out);
    }

    /// Appends the first event, with an id. A client that loses the connection before the first
    /// message resumes from that id.
    fn joined(&mut self, joined: &Joined<'_>, resume: Option<Resume>, out: &mut Vec<u8>) {
        self.stage = Stage::Live;
        out.extend_from_slice(format!("retry: {RETRY}\n").as_bytes());
        let has = match resume {
            None => joined.head,
            Some(resume) if joined.recovered => resume.offset,
            Some(_) => joined.oldest.saturating_sub(1),
        };
        write_id(self.epoch, has, out);
        write("joined", joined, out);
        let lost = resume.filter(|resume| !joined.recovered && resume.epoch == self.epoch);
        let lost = lost.filter(|_| !planted!("events-forget-the-gap"));
        if let Some(resume) = lost.filter(|resume| resume.offset < has) {
            self.write_gap(resume.offset + 1, has, out);
        }
    }

    /// Appends a gap. Its id is that of the last message lost, so that the gap is reported only
    /// once.
    fn write_gap(&self, from: Offset, to: Offset, out: &mut Vec<u8>) {
        write_id(self.epoch, to, out);
        write("gap", &Gap { from, to }, out);
    }
}

impl Conversation for EventStream {
    /// Ignores all input.
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        _: &View<'_>,
        _: &mut Inflater,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        Ok(match input.bytes.len() {
            0 => Parsed::Partial,
            length => Parsed::Complete(Action::Nothing, length),
        })
    }

    /// Returns the command that requests a name, then the one that requests the room.
    fn poll_action(&mut self, _: &View<'_>) -> Option<Action<'static>> {
        let command = match (self.stage, self.wanted.as_deref()) {
            (Stage::Nameless, Some(wanted)) => {
                self.stage = Stage::Named;
                let name = Cow::Owned(wanted.name.clone().into_string());
                Command::Hello { name, key: wanted.key, private: false }
            }
            (Stage::Named, Some(wanted)) if self.is_greeted => {
                self.stage = Stage::Asked;
                let room = Cow::Owned(wanted.room.clone().into_string());
                Command::Listen { room, resume: wanted.resume }
            }
            (Stage::Over, _) => return Some(Action::Finish),
            _ => return None,
        };
        Some(Action::Command(RequestId::NONE, command))
    }

    fn deliver(&mut self, _: RequestId, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        match reply {
            Reply::Welcome { .. } => self.is_greeted = true,
            Reply::Joined { name, epoch, head, oldest, members, recovered, .. } => {
                let wanted = self.wanted.take();
                let origin = wanted.as_ref().and_then(|wanted| wanted.origin.as_deref());
                let begun = Self::head(self.carrier);
                out.extend_from_slice(begun.for_origin(origin).head(true).as_bytes());
                let resume = wanted.and_then(|wanted| wanted.resume);
                let joined = Joined {
                    room: name,
                    epoch: Hex::of(*epoch),
                    oldest: *oldest,
                    head: *head,
                    members: *members,
                    recovered: *recovered,
                };
                self.epoch = *epoch;
                let start = out.len();
                self.joined(&joined, resume, out);
                pack(self.carrier, start, out);
            }
            Reply::Gap { from, to, .. } => self.put(out, |out| self.write_gap(*from, *to, out)),
            Reply::Members { count, .. } => {
                self.put(out, |out| write("members", &Count { count: *count }, out));
            }
            Reply::Refused { refusal, .. } if self.stage != Stage::Live => {
                self.stage = Stage::Over;
                write_response(&body::refused(*refusal, Act::Ask, view), out);
            }
            _ => {}
        }
    }

    fn completed(&mut self, _: RequestId, _: Outcome, _: &View<'_>, _: &mut Vec<u8>) {}

    fn write_pong(&self, _: u64, _: &mut Vec<u8>) {}

    /// Appends a comment, so that proxies and kernels detect a lost connection.
    fn write_ping(&self, _: &View<'_>, out: &mut Vec<u8>) {
        if self.stage == Stage::Live {
            self.put(out, |out| out.extend_from_slice(b":\n\n"));
        }
    }

    fn write_draining(&self, _: &View<'_>, out: &mut Vec<u8>) {
        if self.stage == Stage::Live {
            self.put(out, |out| write("draining", &Nothing {}, out));
        }
    }

    /// Appends the last event, or a response if no event was sent.
    fn write_close(&self, fault: &Fault, out: &mut Vec<u8>) {
        let (code, reason) = (fault.reason.code(), fault.reason.word());
        match self.stage {
            Stage::Live => {
                self.put(out, |out| write("bye", &Bye { code, reason, text: &fault.text }, out));
                if self.carrier == Carrier::Chunked {
                    out.extend_from_slice(chunked::LAST);
                }
            }
            Stage::Over => {}
            Stage::Nameless | Stage::Named | Stage::Asked => {
                write_response(&body::end(fault.reason), out);
            }
        }
    }

    fn dialect(&self, _: &Service) -> Dialect {
        Dialect { language: Language::Events, carrier: self.carrier, deflated: false }
    }

    fn answers_pings(&self) -> bool {
        false
    }

    fn has_one_room(&self) -> bool {
        true
    }

    fn is_greeted(&self) -> bool {
        self.is_greeted
    }
}

fn write_response(response: &Response, out: &mut Vec<u8>) {
    out.extend_from_slice(response.head(true).as_bytes());
    out.extend_from_slice(&response.body);
}
