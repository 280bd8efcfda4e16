//! One client: its connection, what it has asked, and what it is answered.

mod action;
mod check;
mod direct;
mod events;
mod frames;
mod heard;
mod http;
mod irc;
mod moderation;
mod plain;
mod reader;
mod rights;
mod seat;
mod want;
mod web;

pub use irc::Irc;
pub use plain::RawHearing;
pub use reader::Events;
pub use seat::{ROOM, Replay, Seat};
pub use web::Web;

use crate::model::{Key, Model};
use crate::random::Random;
use crate::totals::Tally;
use crate::weather::Manners;
use check::{OpenDirect, Unplaced};
use hobnob::id::{ConnId, Offset};
use hobnob::reason::CloseReason;
use hobnob::wire::websocket::Opcode;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use want::{Asked, Token, Want};

/// Bytes that no browser sends.
#[derive(Clone, Copy, Debug)]
enum WebGarbage {
    Unmasked,
    ReservedBits,
    UnknownOpcode,
    OrphanContinuation,
    BadCloseCode,
    TooLong,
}

const GARBAGE_IN_FRAMES: &[(WebGarbage, usize)] = &[
    (WebGarbage::Unmasked, 1),
    (WebGarbage::ReservedBits, 1),
    (WebGarbage::UnknownOpcode, 1),
    (WebGarbage::OrphanContinuation, 1),
    (WebGarbage::BadCloseCode, 1),
    (WebGarbage::TooLong, 1),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Chunk,
    Line,
    Binary,
    Json,
    /// A browser's plain socket.
    WebRaw,
    Irc,
    /// A listener over HTTP.
    Events,
    /// A client that asks over HTTP.
    Http,
}

impl Kind {
    /// True if it speaks in frames.
    pub fn speaks_frames(self) -> bool {
        matches!(self, Self::Binary | Self::Json)
    }

    /// True if it hears frames, or the same in other words.
    pub fn hears_frames(self) -> bool {
        self.speaks_frames() || self == Self::Events
    }

    /// True if it is in a room without having asked for it.
    pub fn is_raw(self) -> bool {
        matches!(self, Self::Chunk | Self::Line | Self::WebRaw)
    }

    /// True if nothing tells where a message ends.
    pub fn is_plain(self) -> bool {
        matches!(self, Self::Chunk | Self::Line)
    }
}

/// Somebody with a name, over several connections.
#[derive(Default)]
pub struct Person {
    pub name: String,
    pub key: u64,
    /// Where its knowledge of each room ends.
    pub places: HashMap<usize, (u64, Offset)>,
    /// Messages it may say again: room and id.
    pub said: VecDeque<(usize, u64)>,
    pub ids: u64,
}

impl Person {
    /// An id for the next message in a room.
    fn next_id(&mut self, room: usize) -> u64 {
        self.ids += 1;
        self.said.push_back((room, self.ids));
        if self.said.len() > 8 {
            self.said.pop_front();
        }
        self.ids
    }
}

/// The loop's knowledge of reading from this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Any,
    Unfinished,
    Held,
    Gone,
}

pub struct Peer {
    pub serial: u32,
    pub conn: ConnId,
    pub kind: Kind,
    pub echo: bool,
    pub closes_on_overrun: bool,
    pub has_rate: bool,
    /// Notices come to it behind messages that are still to be kept, and so after answers that tell more.
    pub hears_late: bool,
    /// It was put out of a room, and will hear of which.
    is_expelled: bool,
    /// It has said that private messages may come.
    pub is_private: bool,
    /// Direct messages of it that were not refused, and in which call each was read.
    accepted: Vec<(u64, u32)>,
    /// Its name, as far as the model knows.
    name: String,
    pub person: usize,
    /// Bytes on their way to the relay.
    pub to_relay: Vec<u8>,
    pub taken: usize,
    written: u64,
    /// Bytes that the relay had read, and in which call.
    pub deliveries: VecDeque<(u64, u32)>,
    /// Bytes in the relay's send buffer, and how many fit.
    pub from_relay: VecDeque<u8>,
    pub capacity: usize,
    /// Bytes that the transport has accepted and the kernel has not taken, and about how many it accepts so.
    pub held: VecDeque<u8>,
    pub hold_max: usize,
    /// The transport takes whole messages, as one of datagrams does.
    pub takes_messages: bool,
    /// The stream is to end behind these; as a transport holds that, too, it waits for space.
    pub is_ending: bool,
    /// The engine knows that the transport holds something.
    pub is_known_to_hold: bool,
    /// Bytes that the transport has accepted.
    pub sent: u64,
    pub blocked: bool,
    pub edge_due: bool,
    /// Will send no more; and the relay knows.
    pub fin: bool,
    pub fin_read: bool,
    pub is_reset: bool,
    /// The relay says no more.
    pub shut: bool,
    /// When the engine was first seen to close it.
    pub closing_since: Option<Duration>,
    /// It did not know then what came of its messages.
    pub is_left_waiting: bool,
    pub dropped: Option<CloseReason>,
    pub read: Read,
    pub stalled_until: u64,
    pub is_mute: bool,
    /// Never hangs up after goodbye.
    pub is_rude: bool,
    pub is_traced: bool,
    /// Sent something no client should.
    pub is_bad: bool,
    pub said_bye: bool,
    bye_end: u64,
    /// In which call the relay learned that no more would come.
    pub fin_call: u32,
    pub is_silent: bool,
    pub has_begun: bool,
    pub greeted: bool,
    heard: Vec<u8>,
    /// Bytes that were heard before the frame at hand.
    heard_before: u64,
    searched: usize,
    asked: VecDeque<Asked>,
    pub seats: HashMap<u32, Seat>,
    joining: Vec<usize>,
    pub replays: HashMap<u32, VecDeque<Replay>>,
    last: Option<Key>,
    /// Which message of each sender was the last, where lines tell it.
    last_of: HashMap<u32, u64>,
    /// Things heard and not yet compared.
    unplaced: VecDeque<Unplaced>,
    /// The beginning of a message, and how many lines it was.
    begun: (String, usize),
    /// A direct message whose last line has not come.
    open_direct: Option<OpenDirect>,
    /// Nothing said in an earlier call may come any more.
    pub floor: u32,
    requests: u64,
    /// The relay has said the last it says, and why.
    pub is_over: bool,
    pub bye: Option<u16>,
    pub gaps: u64,
    pub tally: Tally,
    pub raw: Option<RawHearing>,
    /// Its carrier, if that is no bare stream.
    pub web: Option<Box<Web>>,
    pub irc: Option<Box<Irc>>,
    pub events: Option<Box<Events>>,
    /// True if IRC is in text messages, where messages carry it.
    pub is_text: bool,
}

impl Peer {
    pub fn new(serial: u32, conn: ConnId, kind: Kind, person: usize, capacity: usize) -> Self {
        Self {
            serial,
            conn,
            kind,
            echo: true,
            closes_on_overrun: !kind.hears_frames(),
            has_rate: false,
            hears_late: false,
            is_expelled: false,
            is_private: false,
            accepted: Vec::new(),
            name: String::new(),
            person,
            to_relay: Vec::new(),
            taken: 0,
            written: 0,
            deliveries: VecDeque::new(),
            from_relay: VecDeque::new(),
            capacity,
            held: VecDeque::new(),
            hold_max: 0,
            takes_messages: false,
            is_ending: false,
            is_known_to_hold: false,
            sent: 0,
            blocked: false,
            edge_due: false,
            fin: false,
            fin_read: false,
            is_reset: false,
            shut: false,
            closing_since: None,
            is_left_waiting: false,
            dropped: None,
            read: Read::Any,
            stalled_until: 0,
            is_mute: false,
            is_rude: false,
            is_traced: false,
            is_bad: false,
            said_bye: false,
            bye_end: 0,
            fin_call: 0,
            is_silent: false,
            has_begun: false,
            greeted: false,
            heard: Vec::new(),
            heard_before: 0,
            searched: 0,
            asked: VecDeque::new(),
            seats: HashMap::new(),
            joining: Vec::new(),
            replays: HashMap::new(),
            last: None,
            last_of: HashMap::new(),
            unplaced: VecDeque::new(),
            begun: (String::new(), 0),
            open_direct: None,
            floor: 0,
            requests: 0,
            is_over: false,
            bye: None,
            gaps: 0,
            tally: Tally::default(),
            raw: None,
            web: None,
            irc: None,
            events: (kind == Kind::Events).then(Box::default),
            is_text: false,
        }
    }

    /// True if its handshake was agreed to: from then on the relay says goodbye in its protocol.
    pub fn is_open(&self) -> bool {
        self.web.as_ref().is_none_or(|web| web.is_open)
            && self.events.as_ref().is_none_or(|events| events.is_live)
    }

    /// Bytes that the kernel takes.
    pub fn space(&self) -> usize {
        self.capacity.saturating_sub(self.from_relay.len())
    }

    /// True if the transport has something that the kernel has not taken.
    pub fn has_pending_output(&self) -> bool {
        !self.held.is_empty() || self.is_ending
    }

    /// The transport writes at most `most` bytes of what it holds, and then the end of the stream.
    pub fn write_held(&mut self, most: usize) {
        let count = most.min(self.space()).min(self.held.len());
        self.from_relay.extend(self.held.drain(..count));
        if self.is_ending && self.held.is_empty() && self.space() >= self.end_size() {
            (self.is_ending, self.shut) = (false, true);
        }
    }

    /// Bytes that the end of the stream takes: a transport that holds output says so in a record of its own.
    fn end_size(&self) -> usize {
        if self.hold_max == 0 { 0 } else { self.capacity.min(24) }
    }

    /// True if the kernel takes no more of what the transport has.
    pub fn takes_no_more(&self) -> bool {
        self.space() == 0 || self.held.is_empty() && self.space() < self.end_size()
    }

    /// The connection breaks: nothing that is under way arrives.
    pub fn forget_output(&mut self) {
        self.from_relay.clear();
        self.held.clear();
        self.is_ending = false;
    }

    pub fn undelivered(&self) -> &[u8] {
        &self.to_relay[self.taken..]
    }

    /// The relay has read `count` more bytes, in this call.
    pub fn delivered(&mut self, count: usize, call: u32) {
        self.taken += count;
        let at = self.written - (self.to_relay.len() - self.taken) as u64;
        self.deliveries.push_back((at, call));
        if self.taken > 4_096 && self.taken * 2 > self.to_relay.len() {
            self.to_relay.drain(..self.taken);
            self.taken = 0;
        }
    }

    pub fn can_speak(&self) -> bool {
        !(self.fin || self.is_bad || self.said_bye || self.is_reset || self.is_silent)
            && self.dropped.is_none()
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.to_relay.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
        self.has_begun = true;
    }

    /// Sends a frame of a stream, in a message of its own where messages carry it.
    fn transmit(&mut self, frame: &[u8]) {
        let is_text = self.kind == Kind::Json;
        match (&self.web, is_text) {
            (None, _) => self.write(frame),
            (_, true) => self.write_message(true, frame.strip_suffix(b"\n").unwrap_or(frame)),
            (_, false) => self.write_message(false, frame.get(4..).unwrap_or_default()),
        }
    }

    pub fn write_message(&mut self, is_text: bool, message: &[u8]) {
        let web = self.web.as_mut().expect("a browser");
        let mut out = Vec::new();
        for (token, end) in web.wrap(is_text, message, &mut out) {
            let (want, end) = (Want::Pong(Token::Bytes(token)), self.written + end as u64);
            self.asked.push_back(Asked { want, end });
        }
        self.write(&out);
    }

    fn write_control(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut out = Vec::new();
        self.web.as_mut().expect("a browser").control(opcode, payload, &mut out);
        self.write(&out);
    }

    /// Comes as a browser does.
    pub fn upgrade(&mut self, random: &mut Random) {
        self.is_text = random.chance(500);
        let path = match (&self.raw, self.kind) {
            (Some(raw), _) => format!("/raw/r{}?echo={}", raw.room, self.echo),
            (None, Kind::Irc) => "/irc".to_owned(),
            (None, _) => "/connect".to_owned(),
        };
        let subprotocol = match self.kind {
            Kind::Irc if self.is_text => "text.ircv3.net",
            Kind::Irc => "binary.ircv3.net",
            _ if self.raw.is_none() && random.chance(500) => "hobnob.v1",
            _ => "",
        };
        let web = self.web.as_ref().expect("a browser");
        let handshake = web.handshake(&path, subprotocol);
        self.write(handshake.as_bytes());
    }

    /// Closes as a browser does.
    fn close(&mut self, code: u16) {
        self.write_control(Opcode::Close, &code.to_be_bytes());
        self.web.as_mut().expect("a browser").closing = Some(code);
        self.has_said_bye();
    }

    pub fn has_said_bye(&mut self) {
        self.said_bye = true;
        self.bye_end = self.written;
    }

    /// Notes the name that the engine has for it after this call.
    pub fn note_name(&mut self, name: &str, call: u32, model: &mut Model) {
        if self.name != name {
            name.clone_into(&mut self.name);
            model.names.note(self.serial, name, call);
        }
    }

    /// Asks for something, or says something.
    pub fn act(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
        person: &mut Person,
        rooms: usize,
    ) {
        match self.kind {
            Kind::Chunk | Kind::Line => self.act_raw(random, manners, model),
            Kind::WebRaw => self.act_web_raw(random, manners, model),
            Kind::Irc => self.act_irc(random, manners, model, rooms),
            Kind::Events => self.act_events(random, manners, person, rooms),
            Kind::Http => self.act_http(random, manners, model, person, rooms),
            Kind::Binary | Kind::Json => self.act_frames(random, manners, model, person, rooms),
        }
    }

    pub fn garbage_opening(&mut self, random: &mut Random) {
        let opening: &[u8] =
            random.pick::<&[u8]>(&[b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"xyzzy"]);
        self.is_bad = true;
        self.write(opening);
        self.has_begun = false;
    }

    /// Bytes that no browser sends.
    pub fn garbage_in_frames(&mut self, random: &mut Random) {
        self.is_bad = true;
        match self.choose(GARBAGE_IN_FRAMES, random) {
            WebGarbage::Unmasked => self.write(b"\x81\x02hi"),
            WebGarbage::ReservedBits => self.write(b"\xf1\x80\0\0\0\0"),
            WebGarbage::UnknownOpcode => self.write(b"\x83\x80\0\0\0\0"),
            WebGarbage::OrphanContinuation => {
                self.write_control(Opcode::Continuation, b"of what?");
            }
            WebGarbage::BadCloseCode => {
                self.write_control(Opcode::Close, &999_u16.to_be_bytes());
            }
            WebGarbage::TooLong => self.write(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"),
        }
    }
}
