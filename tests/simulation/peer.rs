//! One client: its connection, what it has asked, and what it is answered.

mod action;
mod events;
mod frames;
mod government;
mod hearing;
mod http;
mod irc;
mod plain;
mod telling;
mod web;

pub use events::{Events, ROOM};
pub use frames::Replay;
pub use irc::Irc;
pub use plain::RawHearing;
pub use web::Web;

use crate::model::{Key, LetGo, Model};
use crate::random::Random;
use crate::totals::Tally;
use crate::weather::Manners;
use frames::Seat;
use hobnob::id::{ConnId, Offset};
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::Side;
use hobnob::wire::websocket::Opcode;
use irc::Answer;
use std::collections::{HashMap, VecDeque};
use web::Came;

/// What no browser sends.
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
    /// Whoever listens over HTTP.
    Events,
    /// Whoever asks over HTTP.
    Http,
}

impl Kind {
    /// Whether it speaks in frames.
    pub fn speaks_frames(self) -> bool {
        matches!(self, Self::Binary | Self::Json)
    }

    /// Whether it hears frames, or the same in other words.
    pub fn hears_frames(self) -> bool {
        self.speaks_frames() || self == Self::Events
    }

    /// Whether it is in a room without having asked for it.
    pub fn is_raw(self) -> bool {
        matches!(self, Self::Chunk | Self::Line | Self::WebRaw)
    }

    /// Whether nothing tells where what it hears ends.
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

/// What the loop knows of reading from this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Any,
    Unfinished,
    Held,
    Gone,
}

#[derive(Debug)]
pub enum Want {
    Welcome,
    Joined {
        request: u64,
        room: usize,
        is_bad: bool,
        resume: Option<(u64, Offset)>,
    },
    Left {
        request: u64,
        room: u32,
    },
    Ack {
        id: u64,
        room: u32,
        must_fail: Option<Refusal>,
        echo: bool,
        is_repeat: bool,
        index: u64,
    },
    Members {
        request: u64,
        room: u32,
    },
    NoMembers {
        request: u64,
    },
    History {
        request: u64,
        room: u32,
        side: Side,
        limit: u32,
    },
    /// That a message was posted.
    Posted {
        id: u64,
        index: u64,
    },
    /// What was said in a room that it is not in.
    Past {
        side: Side,
        limit: u32,
        is_closed: Option<bool>,
    },
    /// That there is nothing.
    Nothing,
    Pong(u64),
    WebPong(Vec<u8>),
    /// What answers a line of IRC.
    Line(Answer),
    /// That a private message is on its way.
    Passed {
        request: u64,
        index: u64,
    },
    /// Nothing but its own copy, if it wants one; or that the private message is not.
    Told {
        index: u64,
        is_notice: bool,
        is_echoed: bool,
    },
    /// A message without an id, which can only be refused.
    Refused(Refusal),
    /// A message without an id, of which the peer hears only if it is refused.
    Perhaps,
}

struct Asked {
    want: Want,
    /// Where the request ends among all bytes the peer sent.
    end: u64,
}

pub struct Peer {
    pub serial: u32,
    pub conn: ConnId,
    pub kind: Kind,
    pub echo: bool,
    pub closes_on_overrun: bool,
    pub has_rate: bool,
    /// It was put out of a room, and will hear of which.
    is_expelled: bool,
    /// It has said that private messages may come.
    pub is_private: bool,
    /// What it told others and was not refused, and in which call that was read.
    accepted: Vec<(u64, u32)>,
    /// What it is called, as far as the model knows.
    name: String,
    pub person: usize,
    /// Bytes on their way to the relay.
    pub to_relay: Vec<u8>,
    pub taken: usize,
    written: u64,
    /// How much the relay had read in which call.
    pub deliveries: VecDeque<(u64, u32)>,
    /// Bytes in the relay's send buffer, and how many fit.
    pub from_relay: VecDeque<u8>,
    pub sent: u64,
    pub capacity: usize,
    pub blocked: bool,
    pub edge_due: bool,
    /// Will send no more; and the relay knows.
    pub fin: bool,
    pub fin_read: bool,
    pub is_reset: bool,
    /// The relay says no more.
    pub shut: bool,
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
    /// How much was heard before the frame at hand.
    heard_before: u64,
    searched: usize,
    asked: VecDeque<Asked>,
    pub rooms: HashMap<u32, Seat>,
    joining: Vec<usize>,
    pub replays: HashMap<u32, VecDeque<Replay>>,
    last: Option<Key>,
    /// Nothing said in an earlier call may come any more.
    pub floor: u32,
    requests: u64,
    pub bye: Option<u16>,
    pub gaps: u64,
    pub tally: Tally,
    /// For plain sockets: the room's epoch, the next offset, and bytes not yet compared.
    pub raw: Option<RawHearing>,
    /// What carries it, if that is no bare stream.
    pub web: Option<Box<Web>>,
    pub irc: Option<Box<Irc>>,
    pub events: Option<Box<Events>>,
    /// Whether IRC is in text messages, where messages carry it.
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
            sent: 0,
            capacity,
            blocked: false,
            edge_due: false,
            fin: false,
            fin_read: false,
            is_reset: false,
            shut: false,
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
            rooms: HashMap::new(),
            joining: Vec::new(),
            replays: HashMap::new(),
            last: None,
            floor: 0,
            requests: 0,
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

    /// Whether what it came as was agreed to: what it hears from then on is told as it should be.
    pub fn is_open(&self) -> bool {
        self.web.as_ref().is_none_or(|web| web.is_open)
            && self.events.as_ref().is_none_or(|events| events.is_live)
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

    /// Whether it waits for answers.
    pub fn is_waiting(&self) -> bool {
        !self.joining.is_empty()
            || self
                .asked
                .iter()
                .any(|asked| !matches!(asked.want, Want::Perhaps | Want::Told { .. }))
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
            let (want, end) = (Want::WebPong(token), self.written + end as u64);
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

    /// What was written last will be answered so.
    pub fn expect_next(&mut self, want: Want) {
        self.asked.push_back(Asked { want, end: self.written });
    }

    /// What the engine calls it after this call.
    pub fn note_name(&mut self, name: &str, call: u32, model: &mut Model) {
        if self.name != name {
            name.clone_into(&mut self.name);
            model.names.note(self.serial, name, call);
        }
    }

    pub fn wants(&self, is_it: impl Fn(&Want) -> bool) -> bool {
        self.asked.iter().any(|asked| is_it(&asked.want))
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

    /// What no browser sends.
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

    /// Reads `count` bytes of what the relay sent.
    pub fn read(&mut self, count: usize, model: &mut Model, people: &mut Vec<Person>) {
        let bytes = self.from_relay.drain(..count);
        if let Some(raw) = self.raw.as_mut().filter(|_| self.web.is_none()) {
            raw.pending.extend(bytes);
            return self.compare(model);
        }
        self.heard.extend(bytes);
        if self.web.is_some() {
            return self.hear_web(model, people);
        }
        match self.kind {
            Kind::Irc => self.hear_lines(model),
            Kind::Events => self.hear_events(model, people),
            Kind::Http => self.hear_http(model),
            _ => self.hear(model, people),
        }
    }

    fn hear_lines(&mut self, model: &mut Model) {
        let heard = std::mem::take(&mut self.heard);
        let mut rest = &heard[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = rest[..end].strip_suffix(b"\r").expect("[lines] they end in CRLF");
            self.hear_line(line, model);
            rest = &rest[end + 1..];
        }
        self.heard = rest.to_vec();
        self.tally.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
        self.compare(model);
    }

    fn hear_web(&mut self, model: &mut Model, people: &mut Vec<Person>) {
        let heard = std::mem::take(&mut self.heard);
        let mut used = 0;
        while let Some((came, length)) =
            self.web.as_mut().and_then(|web| web.unwrap(&heard[used..]))
        {
            used += length;
            match came {
                Some(Came::Text(message)) => self.hear_message(true, message, model, people),
                Some(Came::Binary(message)) => self.hear_message(false, message, model, people),
                Some(Came::Ping(token)) if !self.is_mute && self.can_speak() => {
                    self.write_control(Opcode::Pong, &token);
                }
                Some(Came::Pong(token)) => {
                    let asked = self.answered("WebSocket's pong");
                    let is_right = matches!(&asked, Want::WebPong(wanted) if *wanted == token);
                    assert!(is_right, "[replies in order] WebSocket's pong for {asked:?}");
                }
                Some(Came::Ping(_) | Came::Close) | None => {}
            }
            self.heard_before += length as u64;
        }
        self.heard = heard;
        self.heard.drain(..used);
        self.tally.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
        self.compare(model);
    }

    pub fn is_between_frames(&self) -> bool {
        self.heard.is_empty()
    }

    /// It hung up, and was owed what was said before.
    pub fn let_go(&mut self, model: &mut Model) {
        let call = self.end_call();
        let due = |seat: &Seat| {
            let (epoch, next, serial) = (seat.epoch, seat.next, self.serial);
            LetGo { epoch, next, serial, after: 0, before: call }
        };
        model.let_go.extend(self.rooms.values().map(due));
    }

    /// The call in which the relay learned that this peer is done.
    pub fn end_call(&mut self) -> u32 {
        if self.said_bye {
            self.carried_out(self.bye_end);
            self.floor
        } else {
            self.fin_call
        }
    }

    /// The oldest request that must be answered is now.
    pub fn answered(&mut self, what: &str) -> Want {
        while let Some(asked) = self.asked.front() {
            match asked.want {
                Want::Perhaps => {}
                Want::Told { .. } => self.was_told(),
                _ => break,
            }
            self.asked.pop_front();
        }
        let asked = self.asked.pop_front();
        let asked = asked.unwrap_or_else(|| panic!("[replies in order] {what}: nothing was asked"));
        self.carried_out(asked.end);
        asked.want
    }

    /// A message that might be refused was.
    pub fn answered_perhaps(&mut self, what: &str) {
        let asked = self.asked.pop_front().map(|asked| asked.want);
        let is_it = matches!(asked, Some(Want::Perhaps | Want::Told { .. }));
        assert!(is_it, "[replies in order] {what:?} for {asked:?}");
    }

    /// The request that ends here was carried out no sooner than it was read.
    /// In no earlier call the relay had read what ends here.
    fn read_in(&self, end: u64) -> u32 {
        let read = self.deliveries.iter().find(|(at, _)| *at >= end);
        read.map_or(self.floor, |(_, call)| *call)
    }

    fn carried_out(&mut self, end: u64) {
        while self.deliveries.front().is_some_and(|(at, _)| *at < end) {
            self.deliveries.pop_front();
        }
        let call = self.deliveries.front().expect("[replies] answered before it was read").1;
        self.floor = self.floor.max(call);
    }
}
