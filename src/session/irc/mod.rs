//! IRC, by the Modern IRC Client Protocol and the IRCv3 specifications: lines in, lines out.
//!
//! A room `rust` is the channel `#rust`. The hub decides who may do what; a session reads what it
//! wants to know from the hub, asks it for the rest, and puts the answers into lines.

mod caps;
mod commands;
mod dialect;
mod history;
mod label;
pub mod mask;
mod mode_table;
mod modes;
mod nick;
mod numeric;
mod options;
mod people;
mod register;
mod relay;
mod replies;
mod rooms;
mod speech;
mod stamp;
mod waiting;

pub use caps::{Cap, Caps, Carrier, Style};
pub use dialect::{pack, write_message, write_news};
pub use nick::nick_of;
pub use options::{MOTD_LINE_MAX, Operator, Options};
pub use waiting::Reloaded;

use super::{Fault, View};
use crate::hub::Command;
use crate::password::{Claim, Hash};
use crate::reason::{CloseReason, Refusal};
use crate::wire::Parsed;
use crate::wire::irc::{Found, LineWriter, skip, split};
use crate::wire::sniff;
use label::Label;
use nick::{is_nick, name_of};
use std::borrow::Cow;
use std::collections::VecDeque;
use waiting::Waiting;

pub use commands::Request;

/// Longest first word that counts as a protocol of its own, when nothing was understood yet.
const OPENING: usize = 512;

/// A line, or what came in place of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A line, without its end.
    Line(Cow<'a, [u8]>),
    /// A line that was longer than a line may be. It is over.
    TooLong,
    /// Part of one. Nothing to do.
    Part,
}

impl Input<'_> {
    /// The same, with nothing borrowed.
    pub fn into_owned(self) -> Input<'static> {
        match self {
            Self::Line(line) => Input::Line(Cow::Owned(line.into_owned())),
            Self::TooLong => Input::TooLong,
            Self::Part => Input::Part,
        }
    }
}

/// What is to be done about a line, in this order.
#[derive(Debug)]
pub enum Doing {
    /// Tell the peer these lines.
    Tell(Vec<u8>),
    /// Ask the hub. First, let the session know what it will be answered about.
    Ask(Box<About>, Command<'static>),
    /// Tell the peer that it is not done, and why.
    Refuse(Box<About>, Refusal),
    /// Find out whether this is so; the peer waits for it.
    Verify(Claim),
    /// Have the configuration read again; the peer waits for it.
    Reload,
    /// The peer hears its rooms in another dialect from now on.
    Reseat,
    /// The peer is done.
    Bye,
    /// End the connection.
    Close(Fault),
}

/// What the hub was asked about, in the peer's own words: answers repeat them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The command.
    pub verb: &'static str,
    /// The channel, as the peer knows it.
    pub channel: String,
    /// The person.
    pub nick: String,
    /// Words given along.
    pub words: Option<String>,
    /// Nothing is answered, whatever comes of it.
    pub is_quiet: bool,
}

/// The state of one conversation.
#[derive(Debug, Default)]
pub struct Irc {
    /// Bytes of an unfinished line that were searched for its end.
    searched: u32,
    /// In a line that is too long.
    skipping: bool,
    /// Anything was understood yet.
    is_known: bool,
    greeted: bool,
    /// Wrong passwords for OPER so far.
    oper_failures: u8,
    caps: Caps,
    carrier: Carrier,
    /// What the client said before it was welcome.
    entry: Option<Box<Entry>>,
    /// Its name, once it has one that may be used.
    nick: Box<str>,
    /// Batches begun so far.
    batches: u32,
    /// What the hub was asked about.
    about: Option<Box<About>>,
    /// The answers to a line with a label, held back until they are complete.
    label: Option<Box<Label>>,
    /// What is still to be done about the last line.
    doings: VecDeque<Doing>,
    /// What somebody outside is to answer before it is listened to again.
    waiting: Option<Box<Waiting>>,
}

/// What a client says before it is welcome.
#[derive(Debug, Default)]
struct Entry {
    user: Option<String>,
    real_name: String,
    password: Option<String>,
    /// The hash of which that was found to be the password.
    proven: Option<Hash>,
    /// Between the first CAP and its END.
    negotiating: bool,
}

impl Irc {
    /// See [`Session::receive`](super::Session::receive).
    pub fn receive<'a>(&mut self, bytes: &'a [u8]) -> Result<Parsed<Input<'a>>, Fault> {
        if bytes.is_empty() {
            return Ok(Parsed::Partial);
        }
        if self.skipping {
            return Ok(skip(bytes).map(|found| self.found(found)));
        }
        // What was searched before has no end of line in it.
        let searched = bytes.get(self.searched as usize..).unwrap_or(bytes);
        if bytes.len() < OPENING && !searched.contains(&b'\n') {
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
        Ok(split(bytes).map(|found| self.found(found)))
    }

    fn found<'a>(&mut self, found: Found<'a>) -> Input<'a> {
        self.is_known = true;
        match found {
            Found::Line(line) => Input::Line(Cow::Borrowed(line)),
            Found::TooLong { ended } => {
                self.skipping = !ended;
                if ended { Input::TooLong } else { Input::Part }
            }
        }
    }

    /// A line that came as a message of its own (IRCv3 WebSocket): its end may be left out.
    pub fn message(bytes: &[u8]) -> Input<'static> {
        let bytes = [bytes, b"\n"].concat();
        match split(&bytes) {
            Parsed::Complete(Found::Line(line), _) => Input::Line(Cow::Owned(line.to_vec())),
            Parsed::Complete(Found::TooLong { .. }, _) | Parsed::Partial => Input::TooLong,
        }
    }

    /// Whether the client is welcome.
    pub fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// A conversation whose lines are messages of their own.
    pub fn in_messages(carrier: Carrier) -> Self {
        Self { carrier, is_known: true, ..Self::default() }
    }

    /// What its dialect depends on.
    pub fn style(&self) -> Style {
        self.caps.style(self.carrier)
    }

    /// What carries its lines.
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// The name by which numerics speak to it.
    fn target(&self) -> &str {
        if self.nick.is_empty() { "*" } else { &self.nick }
    }

    /// The next thing to be done about the last line.
    pub fn next_doing(&mut self) -> Option<Doing> {
        let doing = self.doings.pop_front();
        if self.doings.is_empty() {
            self.doings = VecDeque::new();
        }
        doing
    }

    /// Before all else, this is to be done.
    pub fn do_first(&mut self, doing: Doing) {
        self.doings.push_front(doing);
    }

    /// Whether anything is.
    pub fn has_more_to_do(&self) -> bool {
        !self.doings.is_empty()
    }

    /// The hub is about to be asked.
    pub fn ask(&mut self, about: Box<About>) {
        self.about = Some(about);
    }

    fn next_batch(&mut self) -> String {
        self.batches = self.batches.wrapping_add(1);
        format!("b{}", self.batches)
    }

    /// Whether what is to be done next may be left for later. Not if it makes true what the client
    /// was told already.
    pub fn may_wait(&self) -> bool {
        !matches!(self.doings.front(), None | Some(Doing::Reseat))
    }

    /// The relay will be gone soon.
    pub fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>) {
        if self.greeted {
            let start = out.len();
            LineWriter::new(out)
                .from_server(&options_of(view).name)
                .command("NOTICE")
                .middle(self.target())
                .last(Refusal::Draining.text());
            pack(self.carrier, start, out);
        }
    }
}

/// Bytes as text. Looked through at once first, since nearly all are: the lossy way goes from chunk to chunk.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// The options of the listener that a session came to.
fn options_of<'a>(view: &View<'a>) -> &'a Options {
    view.service.irc().unwrap_or_else(|| Options::fallback())
}

/// Asks for a sign of life.
pub fn write_ping(view: &View<'_>, out: &mut Vec<u8>) {
    LineWriter::new(out).command("PING").last(&options_of(view).name);
}

/// The last line.
pub fn write_farewell(carrier: Carrier, fault: &Fault, out: &mut Vec<u8>) {
    let start = out.len();
    let text = match fault.reason {
        CloseReason::SlowConsumer => Cow::Owned(format!("SendQ exceeded: {}", fault.text)),
        CloseReason::OutboxFull => Cow::Owned(format!("RecvQ exceeded: {}", fault.text)),
        CloseReason::PingTimeout => Cow::Owned(format!("Ping timeout: {}", fault.text)),
        _ => Cow::Borrowed(&*fault.text),
    };
    LineWriter::new(out).command("ERROR").last(&format!("Closing link: {text}"));
    pack(carrier, start, out);
}

/// The channel that a room is.
pub fn channel_of(room: &str) -> String {
    format!("#{room}")
}

/// The room that a channel is; `None` if it cannot be one.
pub fn room_of(channel: &str) -> Option<&str> {
    channel.strip_prefix('#').filter(|room| crate::hub::is_room_name(room))
}
