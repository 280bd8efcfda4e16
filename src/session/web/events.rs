//! Server-Sent Events (the HTML standard, §9.2): a room to be heard by whatever can read HTTP. All
//! who listen receive the same bytes, from one tape; a connection that is lost is resumed from the
//! id of the last event.

use super::body;
use super::query;
use super::response::Response;
use crate::hub::{Act, Command, Notice, Reply, Room};
use crate::id::{Epoch, Offset, Resume};
use crate::payload::Message;
use crate::session::{Fault, Step, View};
use crate::wire::Parsed;
use crate::wire::json::{Hex, Past};
use serde::Serialize;
use std::borrow::Cow;

/// Milliseconds after which a client that lost its connection should come back.
const RETRY: u32 = 2_000;

/// The state of one listener.
#[derive(Debug)]
pub struct EventStream {
    stage: Stage,
    wanted: Option<Box<Wanted>>,
    epoch: Epoch,
    is_greeted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A name is to be had.
    Nameless,
    /// Hello was said.
    Named,
    /// The room was asked for.
    Asked,
    /// The head of the answer was written: events follow.
    Live,
    /// It was refused, and told so.
    Over,
}

/// What it asked for.
#[derive(Debug)]
struct Wanted {
    room: Box<str>,
    name: Box<str>,
    key: u64,
    resume: Option<Resume>,
    /// The page of another origin that listens, if it is one.
    origin: Option<Box<str>>,
}

impl EventStream {
    /// A listener that has not been let in. An empty name asks for a guest's.
    pub fn new(
        room: &str,
        name: &str,
        key: u64,
        resume: Option<Resume>,
        origin: Option<&str>,
    ) -> Self {
        let origin = origin.map(Box::from);
        let wanted = Wanted { room: room.into(), name: name.into(), key, resume, origin };
        let (stage, epoch) = (Stage::Nameless, Epoch(0));
        Self { stage, wanted: Some(Box::new(wanted)), epoch, is_greeted: false }
    }

    /// What the answer begins with; where it ends nobody can say.
    pub fn head() -> Response {
        Response::endless("text/event-stream").with("Cache-Control", "no-store")
    }

    /// A name first, then the room; and nothing that is sent is heard.
    pub fn receive<'a>(&mut self, bytes: &'a [u8]) -> Parsed<Step<'a>> {
        let wanted = self.wanted.as_deref();
        let step = match (self.stage, wanted) {
            (Stage::Nameless, Some(wanted)) => {
                self.stage = Stage::Named;
                let name = Cow::Owned(wanted.name.clone().into_string());
                Step::Command(Command::Hello { name, key: wanted.key, private: false })
            }
            (Stage::Named, Some(wanted)) if self.is_greeted => {
                self.stage = Stage::Asked;
                let room = Cow::Owned(wanted.room.clone().into_string());
                Step::Command(Command::Listen { room, resume: wanted.resume })
            }
            (Stage::Over, _) => Step::Bye,
            _ if bytes.is_empty() => return Parsed::Partial,
            _ => return Parsed::Complete(Step::Alive, bytes.len()),
        };
        Parsed::Complete(step, 0)
    }

    /// What the hub's answers mean to a listener.
    pub fn write_reply(&mut self, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        match reply {
            Reply::Welcome { .. } => self.is_greeted = true,
            Reply::Joined { name, epoch, head, oldest, members, recovered, .. } => {
                let wanted = self.wanted.take();
                let origin = wanted.as_ref().and_then(|wanted| wanted.origin.as_deref());
                out.extend_from_slice(Self::head().for_origin(origin).head(true).as_bytes());
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
                self.joined(&joined, resume, out);
            }
            Reply::Gap { from, to, .. } => self.write_gap(*from, *to, out),
            Reply::Members { count, .. } => write("members", &Count { count: *count }, out),
            Reply::Refused { refusal, .. } if self.stage != Stage::Live => {
                self.stage = Stage::Over;
                write_response(&body::refused(*refusal, Act::Ask, view), out);
            }
            _ => {}
        }
    }

    /// Where it stands, with an id: one that loses the connection before anything was said comes
    /// back to here.
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

    /// Its id is that of the last message lost: it is told once.
    fn write_gap(&self, from: Offset, to: Offset, out: &mut Vec<u8>) {
        write_id(self.epoch, to, out);
        write("gap", &Gap { from, to }, out);
    }

    /// A comment: something for proxies and kernels to notice that nobody is there.
    pub fn write_ping(&self, out: &mut Vec<u8>) {
        if self.stage == Stage::Live {
            out.extend_from_slice(b":\n\n");
        }
    }

    /// The relay will be gone soon.
    pub fn write_draining(&self, out: &mut Vec<u8>) {
        if self.stage == Stage::Live {
            write("draining", &Nothing {}, out);
        }
    }

    /// The last event; or, before the first one, an answer.
    pub fn write_farewell(&self, fault: &Fault, out: &mut Vec<u8>) {
        let (code, reason) = (fault.reason.code(), fault.reason.word());
        match self.stage {
            Stage::Live => write("bye", &Bye { code, reason, text: &fault.text }, out),
            Stage::Over => {}
            Stage::Nameless | Stage::Named | Stage::Asked => {
                write_response(&body::end(fault.reason), out);
            }
        }
    }

    /// Whether it has a name.
    pub fn is_greeted(&self) -> bool {
        self.is_greeted
    }
}

/// A message as everybody who listens hears it.
pub fn write_message(room: &Room, message: &Message, out: &mut Vec<u8>) {
    write_id(room.epoch, message.offset, out);
    out.extend_from_slice(b"data: ");
    write_json(&Past::of(&body::past_of(message)), out);
}

/// News of members, as everybody who listens hears it.
pub fn write_notice(notice: &Notice, out: &mut Vec<u8>) {
    match notice {
        Notice::Came(who, count) => {
            write("came", &Presence { name: &who.name, count: *count }, out);
        }
        Notice::Went(who, count, _) => {
            write("went", &Presence { name: &who.name, count: *count }, out);
        }
        Notice::Count(count) => write("members", &Count { count: *count }, out),
        // Events know people by their names: one goes, and another comes.
        Notice::Renamed(who, name, count) => {
            let gone = count.saturating_sub(1);
            write("went", &Presence { name: &who.name, count: gone }, out);
            write("came", &Presence { name, count: *count }, out);
        }
        Notice::Topic(..)
        | Notice::Changed(..)
        | Notice::Invited(..)
        | Notice::Away(..)
        | Notice::RealName(_)
        | Notice::Signal(..) => {}
    }
}

#[derive(Serialize)]
struct Joined<'a> {
    room: &'a str,
    epoch: Hex,
    oldest: Offset,
    head: Offset,
    members: u32,
    recovered: bool,
}

#[derive(Serialize)]
struct Presence<'a> {
    name: &'a str,
    count: u32,
}

#[derive(Serialize)]
struct Count {
    count: u32,
}

#[derive(Serialize)]
struct Gap {
    from: Offset,
    to: Offset,
}

#[derive(Serialize)]
struct Bye<'a> {
    code: u16,
    reason: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Nothing {}

fn write_id(epoch: Epoch, offset: Offset, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("id: {}\n", query::event_id(epoch, offset)).as_bytes());
}

/// An event of its own kind. JSON has no line ends in it, so the data is one line.
fn write(event: &str, data: &impl Serialize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("event: {event}\ndata: ").as_bytes());
    write_json(data, out);
}

fn write_json(data: &impl Serialize, out: &mut Vec<u8>) {
    // Writing plain data to memory has no way to fail.
    let written = serde_json::to_writer(&mut *out, data);
    debug_assert!(written.is_ok());
    out.extend_from_slice(b"\n\n");
}

fn write_response(response: &Response, out: &mut Vec<u8>) {
    out.extend_from_slice(response.head(true).as_bytes());
    out.extend_from_slice(&response.body);
}
