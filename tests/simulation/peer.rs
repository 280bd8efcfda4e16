//! One client: what it asks for, and whether what it hears is what it must.

use crate::irc::{Answer, Irc};
use crate::model::{Acked, Key, LetGo, Model, Say, Speaker, Told};
use crate::random::Random;
use crate::web::{Came, Web};
use hobnob::id::{ConnId, Epoch, Offset, Resume};
use hobnob::limits::Limits;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::{ClientFrame, FrameError, ServerFrame, Side, VERSION};
use hobnob::wire::websocket::Opcode;
use hobnob::wire::{Parsed, binary};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Chunk,
    Line,
    Binary,
    Json,
    /// A browser's plain socket.
    WebRaw,
    Irc,
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

/// What the loop knows of reading from this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Any,
    Unfinished,
    Held,
    Gone,
}

/// A room that the peer is in.
pub struct Seat {
    pub room: usize,
    pub epoch: u64,
    /// The next offset it is due.
    pub next: Offset,
    /// Members now, as far as it was told.
    pub members: Option<u32>,
    pub is_leaving: bool,
    /// Its own messages whose ack came first: they may come in a replay only.
    acked: HashSet<Offset>,
}

/// A page of history that the relay laid out: messages from this offset on.
pub struct Replay {
    pub from: Offset,
    pub count: u64,
    pub gap: bool,
    /// How much had been sent before.
    pub at: u64,
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
    Pong(u64),
    WebPong(Vec<u8>),
    /// What answers a line of IRC.
    Line(Answer),
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
    /// How often it had read everything and stood within a frame.
    pub cuts: u64,
    /// For plain sockets: the room's epoch, the next offset, and bytes not yet compared.
    pub raw: Option<RawHearing>,
    /// What carries it, if that is no bare stream.
    pub web: Option<Box<Web>>,
    pub irc: Option<Box<Irc>>,
    /// Whether IRC is in text messages, where messages carry it.
    pub is_text: bool,
}

pub struct RawHearing {
    pub room: usize,
    pub epoch: u64,
    /// In which call it came to be in its room.
    pub joined: Option<u32>,
    pub next: Offset,
    pub greeting: Vec<u8>,
    pub pending: VecDeque<u8>,
    /// For browsers: whether each is text, and what it says.
    pub messages: VecDeque<(bool, Vec<u8>)>,
}

impl RawHearing {
    /// Whether the peer is to hear this.
    pub fn is_due(&self, told: &Told, serial: u32) -> bool {
        let is_own = told.serial == serial;
        let is_later = |joined| told.call > joined || told.call == joined && is_own;
        self.joined.is_some_and(is_later) && (!is_own || told.echo)
    }

    /// Whether it heard nothing that was not said.
    pub fn is_compared(&self) -> bool {
        self.pending.is_empty() && self.messages.is_empty()
    }
}

/// How a seed's peers behave, in weights.
#[derive(Debug)]
pub struct Manners {
    pub join: usize,
    pub leave: usize,
    pub say: usize,
    pub members: usize,
    pub ping: usize,
    pub bye: usize,
    pub wrong: usize,
    pub garbage: usize,
    pub repeat_per_mille: usize,
    pub silent_echo_per_mille: usize,
    pub largest: usize,
}

impl Peer {
    pub fn new(serial: u32, conn: ConnId, kind: Kind, person: usize, capacity: usize) -> Self {
        Self {
            serial,
            conn,
            kind,
            echo: true,
            closes_on_overrun: !matches!(kind, Kind::Binary | Kind::Json),
            has_rate: false,
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
            cuts: 0,
            raw: None,
            web: None,
            irc: None,
            is_text: false,
        }
    }

    pub fn is_frame(&self) -> bool {
        matches!(self.kind, Kind::Binary | Kind::Json)
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
            || self.asked.iter().any(|asked| !matches!(asked.want, Want::Perhaps))
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.to_relay.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
        self.has_begun = true;
    }

    fn send(&mut self, frame: &ClientFrame<'_>) {
        let mut bytes = Vec::new();
        match self.kind {
            #[cfg(feature = "json")]
            Kind::Json => hobnob::wire::json::write_client(frame, &mut bytes),
            _ => binary::write_client(frame, &mut bytes),
        }
        self.transmit(&bytes);
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
    pub fn shake_hands(&mut self, path: &str, subprotocol: &str) {
        let web = self.web.as_ref().expect("a browser");
        let handshake = web.handshake(path, subprotocol);
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

    pub fn wants(&self, is_it: impl Fn(&Want) -> bool) -> bool {
        self.asked.iter().any(|asked| is_it(&asked.want))
    }

    fn ask(&mut self, frame: &ClientFrame<'_>, want: Want) {
        self.send(frame);
        self.asked.push_back(Asked { want, end: self.written });
    }

    fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub fn hello(&mut self, person: &Person) {
        let name = Cow::Borrowed(person.name.as_str());
        let hello = ClientFrame::Hello { version: VERSION, private: false, key: person.key, name };
        self.ask(&hello, Want::Welcome);
    }

    pub fn bye(&mut self, random: &mut Random) {
        if self.web.is_some() && random.chance(500) {
            return self.close(*random.pick(&[1000, 1001, 4321]));
        }
        self.send(&ClientFrame::Bye);
        self.has_said_bye();
    }

    pub fn join(&mut self, room: usize, random: &mut Random, person: &Person) {
        let request = self.request();
        let resume = person.places.get(&room).copied().filter(|_| !random.chance(250));
        let resume = resume.map(|(epoch, offset)| match random.below(30) {
            0 => (epoch ^ 1, offset),
            1 => (epoch, offset + 1_000_000),
            2 => (epoch, 0),
            _ => (epoch, offset),
        });
        let name = if random.chance(100) { format!("R{room}") } else { format!("r{room}") };
        let resume_frame = resume.map(|(epoch, offset)| Resume { epoch: Epoch(epoch), offset });
        let join =
            ClientFrame::Join { request, resume: resume_frame, key: None, room: Cow::Owned(name) };
        self.ask(&join, Want::Joined { request, room, is_bad: false, resume });
        self.joining.push(room);
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
            Kind::WebRaw => return self.act_web_raw(random, manners, model),
            Kind::Irc => return self.act_irc(random, manners, model, rooms),
            Kind::Chunk | Kind::Line => return self.act_raw(random, manners, model),
            Kind::Binary | Kind::Json => {}
        }
        if !self.has_begun && random.chance(manners.garbage) {
            return self.garbage_opening(random);
        }
        if !self.greeted {
            if !self.asked.iter().any(|asked| matches!(asked.want, Want::Welcome)) {
                if random.chance(20) {
                    let wrong = ClientFrame::Hello {
                        version: VERSION,
                        private: false,
                        key: 0,
                        name: "a b".into(),
                    };
                    return self.ask(&wrong, Want::Welcome);
                }
                self.hello(person);
                // A guest's hello cannot be refused, so more may follow at once.
                if person.name.is_empty() && random.chance(500) {
                    self.join(random.below(rooms), random, person);
                }
            }
            return;
        }
        let mut joined: Vec<u32> =
            self.rooms.iter().filter(|(_, seat)| !seat.is_leaving).map(|(room, _)| *room).collect();
        joined.sort_unstable();
        let join = if joined.is_empty() { manners.join.max(200) } else { manners.join };
        let has_room = usize::from(!joined.is_empty());
        let weights = [
            join,
            manners.leave * has_room,
            manners.say * has_room,
            manners.members * has_room,
            manners.ping,
            manners.bye,
            manners.wrong,
            manners.garbage,
        ];
        let room = if joined.is_empty() { 0 } else { *random.pick(&joined) };
        match random.weighted(&weights) {
            0 => {
                let room = random.below(rooms);
                // One that is being left is not entered at the same time: which comes first is
                // clear to the relay, but not to this peer.
                if !self.rooms.values().any(|seat| seat.room == room && seat.is_leaving) {
                    self.join(room, random, person);
                }
            }
            1 if !self.joining.contains(&self.rooms[&room].room) => {
                let request = self.request();
                self.ask(&ClientFrame::Leave { request, room }, Want::Left { request, room });
                self.rooms.get_mut(&room).expect("joined").is_leaving = true;
            }
            2 => self.say(room, random, manners, model, person),
            3 if random.chance(500) => {
                let (request, limit) = (self.request(), random.below(8) as u32);
                let next = self.rooms[&room].next;
                let offset = (next + random.below(8) as u64).saturating_sub(4);
                let side =
                    if random.chance(500) { Side::After(offset) } else { Side::Before(offset) };
                let ask = ClientFrame::History { request, room, side, limit };
                self.ask(&ask, Want::History { request, room, side, limit });
            }
            3 => {
                let request = self.request();
                self.ask(&ClientFrame::Members { request, room }, Want::Members { request, room });
            }
            4 => {
                // Now and then more than a peer may be owed.
                let count = if random.chance(20) { random.within(1, 3_000) } else { 1 };
                for _ in 0..count {
                    let token = random.next();
                    self.ask(&ClientFrame::Ping { token }, Want::Pong(token));
                }
            }
            5 => self.bye(random),
            6 => self.wrong(room, random, model, person, rooms),
            7 => self.garbage(random, &model.limits),
            _ => {}
        }
    }

    fn say(
        &mut self,
        room: u32,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
        person: &mut Person,
    ) {
        let at = self.rooms[&room].room;
        let echo = !random.chance(manners.silent_echo_per_mille);
        let again = person.said.iter().filter(|(said, _)| *said == at).copied().collect::<Vec<_>>();
        let is_repeat = !again.is_empty() && random.chance(manners.repeat_per_mille);
        let id = if is_repeat {
            random.pick(&again).1
        } else if random.chance(500) {
            person.ids += 1;
            person.said.push_back((at, person.ids));
            if person.said.len() > 8 {
                person.said.pop_front();
            }
            person.ids
        } else {
            0
        };
        let length = random.skewed(manners.largest);
        let payload = self.payload(random, length, model);
        self.say_this(room, id, echo, is_repeat, &payload, None, model);
    }

    fn payload(&self, random: &mut Random, length: usize, model: &Model) -> Vec<u8> {
        let index = model.speakers[self.serial as usize].said.len();
        let mut payload = format!("{}.{index};", self.serial).into_bytes();
        let fill = *random.pick(&[b'x', b'.', 0xff, b'"', b'y', b'z', b'-']);
        payload.resize(length.max(payload.len()).min(model.limits.message), fill);
        if random.chance(50) {
            *payload.last_mut().expect("a header") = b'\n';
        }
        // The header must survive.
        let header = format!("{}.{index};", self.serial).into_bytes();
        payload[..header.len()].copy_from_slice(&header);
        payload
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    fn say_this(
        &mut self,
        room: u32,
        id: u64,
        echo: bool,
        is_repeat: bool,
        payload: &[u8],
        must_fail: Option<Refusal>,
        model: &mut Model,
    ) {
        let speaker = &mut model.speakers[self.serial as usize];
        let index = speaker.said.len() as u64;
        speaker.said.push(Say {
            room: self.rooms.get(&room).map_or(usize::MAX, |seat| seat.room),
            echo,
            id,
            person: self.person,
            bytes: payload.into(),
            is_sure: !(self.has_rate || is_repeat) && must_fail.is_none(),
            is_text: None,
            placed: None,
        });
        let say = ClientFrame::Say { room, id, echo, payload: Cow::Borrowed(payload) };
        let want = match must_fail {
            _ if id != 0 => Want::Ack { id, room, must_fail, echo, is_repeat, index },
            Some(refusal) => Want::Refused(refusal),
            None if self.has_rate => Want::Perhaps,
            None => return self.send(&say),
        };
        self.ask(&say, want);
    }

    /// Asks for what must be refused.
    fn wrong(
        &mut self,
        room: u32,
        random: &mut Random,
        model: &mut Model,
        person: &Person,
        rooms: usize,
    ) {
        let request = self.request();
        let id = if random.chance(500) { 0 } else { 1 << 60 | request };
        match random.below(6) {
            0 => {
                let name = random.pick(&["", "a b", "a,b", "a\u{202e}"]);
                let join = ClientFrame::Join {
                    request,
                    resume: None,
                    key: None,
                    room: Cow::Borrowed(name),
                };
                let want = Want::Joined { request, room: usize::MAX, is_bad: true, resume: None };
                self.ask(&join, want);
                self.joining.push(usize::MAX);
            }
            1 => {
                let room = 0x3ff << 22 | 77;
                let payload = self.payload(random, 10, model);
                let must_fail = Some(Refusal::NotMember);
                self.say_this(room, id, true, false, &payload, must_fail, model);
            }
            2 if self.rooms.contains_key(&room) && !self.has_rate => {
                let mut payload = self.payload(random, 10, model);
                payload.resize(model.limits.message + 1, b'x');
                let must_fail = Some(Refusal::MessageTooLong);
                self.say_this(room, id, true, false, &payload, must_fail, model);
            }
            3 => {
                let members = ClientFrame::Members { request, room: 0x3ff << 22 | 78 };
                self.ask(&members, Want::NoMembers { request });
            }
            4 if !self.has_rate => {
                // Already asked to leave: what is said now comes too late.
                let leaving = self.rooms.iter().filter(|(_, seat)| seat.is_leaving);
                let Some(room) = leaving.map(|(room, _)| *room).min() else { return };
                let payload = self.payload(random, 10, model);
                let must_fail = Some(Refusal::NotMember);
                self.say_this(room, id, true, false, &payload, must_fail, model);
            }
            5 if !self.joining.is_empty() || !person.places.is_empty() => {
                for room in 0..rooms {
                    if !self.rooms.values().any(|seat| seat.room == room && seat.is_leaving) {
                        self.join(room, random, person);
                    }
                }
            }
            _ => {}
        }
    }

    pub fn garbage_opening(&mut self, random: &mut Random) {
        let opening: &[u8] =
            random.pick::<&[u8]>(&[b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"xyzzy"]);
        self.is_bad = true;
        self.write(opening);
        self.has_begun = false;
    }

    fn garbage(&mut self, random: &mut Random, limits: &Limits) {
        self.is_bad = true;
        if self.web.is_some() && random.chance(500) {
            return self.garbage_in_frames(random);
        }
        let is_json = self.kind == Kind::Json;
        match random.below(5) {
            0 if is_json => self.transmit(&vec![b'{'; limits.message * 2 + 4_096]),
            0 => self.transmit(&[0x7f, 0xff, 0xff, 0xff, 4]),
            1 if is_json => self.transmit(b"{\"type\":\"fly\"}\n"),
            1 => self.transmit(&[0, 0, 0, 1, 0x77]),
            2 if is_json => self.transmit(b"{\"type\":\n"),
            2 => self.transmit(&[0, 0, 0, 0, 4]),
            3 => self.send(&ClientFrame::Hello {
                version: VERSION,
                private: false,
                key: 0,
                name: "twice".into(),
            }),
            _ if is_json => self.transmit(b"\xff\xfe\n"),
            _ => self.transmit(&[0, 0, 0, 3, 6, 1, 2]),
        }
    }

    /// What no browser sends.
    pub fn garbage_in_frames(&mut self, random: &mut Random) {
        self.is_bad = true;
        match random.below(6) {
            0 => self.write(b"\x81\x02hi"),
            1 => self.write(b"\xf1\x80\0\0\0\0"),
            2 => self.write(b"\x83\x80\0\0\0\0"),
            3 => self.write_control(Opcode::Continuation, b"of what?"),
            4 => self.write_control(Opcode::Close, &999_u16.to_be_bytes()),
            _ => self.write(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"),
        }
    }

    /// A hello that ends the conversation at once.
    pub fn bad_version(&mut self) {
        self.is_bad = true;
        self.send(&ClientFrame::Hello { version: 9, private: false, key: 0, name: "".into() });
    }

    fn act_web_raw(&mut self, random: &mut Random, manners: &Manners, model: &mut Model) {
        if random.chance(manners.garbage) {
            return self.garbage_in_frames(random);
        }
        if random.chance(manners.bye) {
            return self.close(1000);
        }
        let length = random.skewed(manners.largest).max(1);
        let message = self.payload(random, length, model);
        let is_text = std::str::from_utf8(&message).is_ok() && random.chance(500);
        let (is_text, is_sure) = (Some(is_text), !self.has_rate);
        let bytes = message.as_slice().into();
        let (room, id, echo, person) = (usize::MAX, 0, self.echo, self.person);
        let say = Say { room, echo, id, person, bytes, is_sure, is_text, placed: None };
        model.speakers[self.serial as usize].said.push(say);
        self.write_message(is_text == Some(true), &message);
    }

    fn act_raw(&mut self, random: &mut Random, manners: &Manners, model: &mut Model) {
        if !self.has_begun && random.chance(manners.garbage * 4) {
            self.is_bad = true;
            return self.write(b"GET / HTTP/1.1\r\n\r\n");
        }
        let length = random.skewed(manners.largest).max(1);
        if self.kind == Kind::Chunk {
            let digits = b"0123456789abcdef\n";
            let at = self.written as usize;
            let bytes: Vec<u8> = (at..at + length).map(|at| digits[at * 7 % 17]).collect();
            let stream = &mut model.speakers[self.serial as usize].stream;
            stream.as_mut().expect("a plain socket").extend_from_slice(&bytes);
            return self.write(&bytes);
        }
        if random.chance(manners.garbage) {
            self.is_bad = true;
            return self.write(&vec![b'-'; model.limits.message + 2]);
        }
        let mut line = self.payload(random, length, model);
        line.retain(|byte| *byte != b'\n');
        let speaker = &mut model.speakers[self.serial as usize];
        speaker.said.push(Say {
            room: usize::MAX,
            echo: self.echo,
            id: 0,
            person: self.person,
            bytes: line.as_slice().into(),
            is_sure: !self.has_rate,
            is_text: None,
            placed: None,
        });
        // The last line may lack its end, if the peer then hangs up.
        if random.chance(manners.bye) {
            self.fin = true;
        } else {
            line.extend_from_slice(random.pick::<&[u8]>(&[b"\n", b"\r\n"]));
        }
        self.write(&line);
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
        if self.irc.is_some() {
            return self.hear_lines(model);
        }
        self.hear(model, people);
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
        self.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
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
        self.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
        self.compare(model);
    }

    fn hear_message(
        &mut self,
        is_text: bool,
        mut message: Vec<u8>,
        model: &mut Model,
        people: &mut Vec<Person>,
    ) {
        if let Some(raw) = &mut self.raw {
            return raw.messages.push_back((is_text, message));
        }
        if self.irc.is_some() {
            assert_eq!(is_text, self.is_text, "[spelling] peer {}", self.serial);
            return self.hear_line(&message, model);
        }
        // Whoever has not said how it spells is spoken to in JSON.
        let is_json = self.kind == Kind::Json || !self.greeted && is_text;
        assert_eq!(is_text, is_json, "[spelling] peer {}", self.serial);
        if is_json {
            message.push(b'\n');
        } else {
            message.splice(..0, (message.len() as u32).to_be_bytes());
        }
        match parse(is_json, &message, &model.limits) {
            Ok(Parsed::Complete(frame, length)) if length == message.len() => {
                self.heed(frame, model, people);
            }
            other => panic!("[spelling] peer {} received {other:?}", self.serial),
        }
    }

    /// For plain sockets: the bytes are exactly what was said since it came, as far as is known.
    pub fn compare(&mut self, model: &mut Model) {
        let serial = self.serial;
        if let Some(irc) = &mut self.irc {
            return irc.compare(serial, model);
        }
        let Some(raw) = &mut self.raw else { return };
        while let Some((is_text, message)) = raw.messages.front().filter(|_| raw.joined.is_some()) {
            let told = model.told(raw.epoch, raw.next);
            let Some(told) = told else { return };
            if raw.is_due(told, serial) {
                let heard = (*is_text, &**message);
                let is_same = heard == (told.is_text, &*told.bytes);
                assert!(is_same, "[raw messages] peer {serial} at offset {}", raw.next);
                raw.messages.pop_front();
            }
            raw.next += 1;
        }
        while !raw.pending.is_empty() {
            let count = raw.greeting.len().min(raw.pending.len());
            if count > 0 {
                assert!(raw.pending.drain(..count).eq(raw.greeting.drain(..count)), "[greeting]");
                continue;
            }
            let Some(log) = model.log(raw.epoch) else { return };
            let Some(told) = log.told.get(raw.next as usize - 1).and_then(Option::as_ref) else {
                return;
            };
            if !raw.is_due(told, serial) {
                raw.next += 1;
                continue;
            }
            let is_chunk = model.speakers[told.serial as usize].stream.is_some();
            let ends_line = match self.kind {
                _ if told.bytes.ends_with(b"\n") => false,
                Kind::Chunk => !is_chunk && told.is_text,
                _ => true,
            };
            let length = told.bytes.len() + usize::from(ends_line);
            if raw.pending.len() < length {
                let same = raw.pending.iter().zip(told.bytes.iter()).all(|(a, b)| a == b);
                assert!(same, "[raw stream] peer {} at offset {}", self.serial, raw.next);
                return;
            }
            let heard: Vec<u8> = raw.pending.drain(..length).collect();
            let is_same = heard.starts_with(&told.bytes) && (!ends_line || heard.ends_with(b"\n"));
            assert!(is_same, "[raw stream] peer {} at offset {}", self.serial, raw.next);
            raw.next += 1;
        }
    }

    fn hear(&mut self, model: &mut Model, people: &mut Vec<Person>) {
        let heard = std::mem::take(&mut self.heard);
        let mut used = 0;
        loop {
            let rest = &heard[used..];
            // Whoever has not said how it spells is spoken to in JSON.
            let is_json = self.kind == Kind::Json || !self.greeted && rest.starts_with(b"{");
            if is_json && !rest[self.searched.min(rest.len())..].contains(&b'\n') {
                self.searched = rest.len();
                break;
            }
            self.searched = 0;
            match parse(is_json, rest, &model.limits) {
                Ok(Parsed::Complete(frame, length)) => {
                    used += length;
                    self.heed(frame, model, people);
                    self.heard_before += length as u64;
                }
                Ok(Parsed::Partial) => break,
                Err(error) => panic!("[spelling] peer {} received {error}", self.serial),
            }
        }
        self.heard = heard;
        self.heard.drain(..used);
        self.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
    }

    pub fn is_between_frames(&self) -> bool {
        self.heard.is_empty()
    }

    fn heed(&mut self, frame: ServerFrame<'_>, model: &mut Model, people: &mut Vec<Person>) {
        if self.is_traced {
            let text = format!("{frame:?}");
            eprintln!("       {} hears {:.160}", self.conn, text);
        }
        assert!(self.bye.is_none(), "[bye last] peer {} then received {frame:?}", self.serial);
        match frame {
            ServerFrame::Message { room, offset, time, sender, payload } => {
                self.message(room, offset, time, &sender, &payload, model, people);
            }
            ServerFrame::Came { room, count, .. } => self.members_changed(room, count, 1, model),
            ServerFrame::Went { room, count, .. } => self.members_changed(room, count, -1, model),
            ServerFrame::Members { request: 0, room, count, names } => {
                assert!(names.is_empty(), "[presence] a count with names");
                self.seat(room).members = Some(count);
            }
            ServerFrame::Gap { room, from, to } => self.gap(room, from, to, model, people),
            ServerFrame::Ping { token } => {
                if !self.is_mute && self.can_speak() {
                    self.send(&ClientFrame::Pong { token });
                }
            }
            ServerFrame::Bye { code, .. } => {
                self.bye = Some(code);
                if code == CloseReason::PeerClosed.code() && !self.is_bad {
                    self.let_go(model);
                }
            }
            ServerFrame::Error { code, request: 0, .. } if code >= 300 => {
                assert!(self.is_bad, "[blame] peer {} did nothing wrong: {code}", self.serial);
            }
            ServerFrame::Error { code, request: 0, .. } if code == Refusal::Draining.code() => {}
            ServerFrame::Error { code, request, text } => {
                assert_eq!(word_of(code).map(Refusal::text), Some(&*text));
                self.refused(word_of(code).expect("a refusal"), request, model, people);
            }
            ServerFrame::Welcome { key, name, version, .. } => {
                assert_eq!(version, VERSION);
                let asked = self.answered("welcome");
                assert!(matches!(asked, Want::Welcome), "[replies in order] welcome for {asked:?}");
                let person = &mut people[self.person];
                person.name = name.into_owned();
                person.key = key;
                self.greeted = true;
            }
            ServerFrame::Joined {
                request,
                room,
                recovered,
                epoch,
                head,
                oldest,
                members,
                name,
            } => {
                let asked = self.answered("joined");
                let Want::Joined { request: wanted, room: at, is_bad: false, resume } = asked
                else {
                    panic!("[replies in order] joined for {asked:?}");
                };
                assert_eq!(request, wanted, "[replies in order] joined");
                assert!(name.eq_ignore_ascii_case(&format!("r{at}")), "[joined] {name} for r{at}");
                assert!(oldest <= head + 1 && oldest > 0, "[joined] {oldest} and {head}");
                self.joining.swap_remove(
                    self.joining.iter().position(|joining| *joining == at).expect("joining"),
                );
                let resume = resume.filter(|(known, offset)| {
                    *known == epoch.0 && *offset <= head && offset + 1 >= oldest
                });
                assert_eq!(recovered, resume.is_some(), "[recovered] peer {}", self.serial);
                let next = resume.map_or(head, |(_, offset)| offset) + 1;
                if let Some(seat) = self.rooms.get(&room) {
                    assert_eq!(seat.epoch, epoch.0, "[epoch] changed under a member");
                }
                let seat = Seat {
                    room: at,
                    epoch: epoch.0,
                    next,
                    members: Some(members),
                    is_leaving: false,
                    acked: HashSet::new(),
                };
                self.rooms.insert(room, seat);
                people[self.person].places.insert(at, (epoch.0, next - 1));
            }
            ServerFrame::Left { request, room, offset } => {
                let asked = self.answered("left");
                let Want::Left { request: wanted, room: at } = asked else {
                    panic!("[replies in order] left for {asked:?}");
                };
                assert_eq!((request, room), (wanted, at), "[replies in order] left");
                let seat = self.rooms.remove(&room).expect("[left] a room it was not in");
                assert!(
                    offset + 1 >= seat.next,
                    "[left] peer {} up to {offset}, having read to {}",
                    self.serial,
                    seat.next - 1
                );
                let unheard = seat.next..=offset;
                model.unheard.extend(unheard.map(|offset| (seat.epoch, offset, self.serial)));
                people[self.person].places.insert(seat.room, (seat.epoch, offset));
            }
            ServerFrame::Ack { room, id, offset } => self.acked(room, id, offset, model),
            ServerFrame::Members { request, room, count, names } => {
                let asked = self.answered("members");
                let Want::Members { request: wanted, room: at } = asked else {
                    panic!("[replies in order] members for {asked:?}");
                };
                assert_eq!((request, room), (wanted, at), "[replies in order] members");
                let listed =
                    if count as usize <= model.limits.presence_members { count } else { 0 };
                assert_eq!(names.len(), listed as usize, "[presence] names of {count}");
            }
            ServerFrame::History { request, room, oldest, messages } => {
                let asked = self.answered("history");
                let Want::History { request: wanted, room: at, side, limit } = asked else {
                    panic!("[replies in order] history for {asked:?}");
                };
                assert_eq!((request, room), (wanted, at), "[replies in order] history");
                let most = if limit == 0 { usize::MAX } else { limit as usize };
                assert!(messages.len() <= most, "[history] more than {limit}");
                let offsets: Vec<Offset> = messages.iter().map(|past| past.offset).collect();
                let is_run = offsets.windows(2).all(|pair| pair[0] + 1 == pair[1]);
                assert!(is_run, "[history] a page with holes: {offsets:?}");
                assert!(offsets.first().is_none_or(|first| *first >= oldest), "[history] {oldest}");
                let (first, last) = (offsets.first().copied(), offsets.last().copied());
                match side {
                    Side::Before(0) => {}
                    Side::Before(end) => assert!(last.is_none_or(|last| last < end)),
                    Side::After(start) => assert!(
                        first.is_none_or(|first| first == oldest.max(start + 1)),
                        "[history] after {start} from {oldest}: {offsets:?}"
                    ),
                }
                let epoch = self.seat(room).epoch;
                for past in &messages {
                    model.observe(epoch, past.offset, past.time, &past.sender, &past.payload);
                }
            }
            ServerFrame::Told { .. } | ServerFrame::Passed { .. } => {
                panic!("[stranger] peer {} tells nobody anything", self.serial);
            }
            ServerFrame::Pong { token } => {
                let asked = self.answered("pong");
                assert!(
                    matches!(asked, Want::Pong(wanted) if wanted == token),
                    "[replies in order] pong for {asked:?}"
                );
            }
        }
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

    fn seat(&mut self, room: u32) -> &mut Seat {
        let serial = self.serial;
        let seat = self.rooms.get_mut(&room);
        seat.unwrap_or_else(|| panic!("[stranger] peer {serial} hears a room it is not in"))
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    fn message(
        &mut self,
        room: u32,
        offset: Offset,
        time: u64,
        sender: &str,
        payload: &[u8],
        model: &mut Model,
        people: &mut [Person],
    ) {
        let serial = self.serial;
        let (at, epoch, next) = {
            let seat = self.seat(room);
            (seat.room, seat.epoch, seat.next)
        };
        let key = model.observe(epoch, offset, time, sender, payload);
        assert!(offset >= next, "[offsets increase] peer {serial} has {offset} again or late");
        let replays = self.replays.entry(room).or_default();
        let (replay, heard) = (replays.front_mut(), self.heard_before);
        let replay = replay.filter(|replay| heard >= replay.at && offset >= replay.from);
        let is_replay = replay.is_some();
        let mut first_due = offset;
        if let Some(replay) = replay {
            assert!(!replay.gap, "[gap] the notice comes first");
            first_due = replay.from.max(next);
            replay.from = offset + 1;
            replay.count -= 1;
            if replay.count == 0 {
                replays.pop_front();
            }
            assert_eq!(offset, first_due, "[replay] peer {serial} misses some of the past");
        }
        let told = model.told(epoch, offset).expect("just observed");
        let is_own = told.serial == serial;
        model.unheard.extend((next..first_due).map(|offset| (epoch, offset, serial)));
        if !is_replay {
            let is_echoed = model.told(epoch, offset).is_none_or(|told| told.echo);
            assert!(!is_own || is_echoed, "[no echo] peer {serial} hears itself at {offset}");
            assert!(
                self.last.is_none_or(|last| key > last),
                "[order across rooms] peer {serial} hears {key:?} (offset {offset} of {room:x}) after {:?}",
                self.last
            );
            assert!(
                key.0 >= self.floor,
                "[reply overtakes] peer {serial} hears of call {} after an answer of {}",
                key.0,
                self.floor
            );
            self.last = Some(key);
        }
        let seat = self.seat(room);
        let was_acked = seat.acked.remove(&offset);
        assert!(is_replay || !was_acked, "[echo before ack] peer {serial} at {offset}");
        seat.next = offset + 1;
        people[self.person].places.insert(at, (epoch, offset));
    }

    fn gap(
        &mut self,
        room: u32,
        from: Offset,
        to: Offset,
        model: &mut Model,
        people: &mut [Person],
    ) {
        self.gaps += 1;
        let serial = self.serial;
        let replays = self.replays.entry(room).or_default();
        let front = replays.front_mut().filter(|replay| replay.gap);
        let replay = front.unwrap_or_else(|| panic!("[gap] peer {serial}: nobody laid one out"));
        assert_eq!(replay.from, from, "[gap] peer {serial}");
        (replay.from, replay.gap) = (to + 1, false);
        if replay.count == 0 {
            replays.pop_front();
        }
        let seat = self.seat(room);
        assert!(from >= seat.next && to >= from, "[gap] {from} to {to}, due {}", seat.next);
        let (at, epoch) = (seat.room, seat.epoch);
        model.unheard.extend((seat.next..from).map(|offset| (epoch, offset, serial)));
        seat.next = to + 1;
        people[self.person].places.insert(at, (epoch, to));
    }

    fn members_changed(&mut self, room: u32, count: u32, by: i64, model: &Model) {
        let serial = self.serial;
        let large = model.limits.presence_members as i64;
        let seat = self.seat(room);
        let count = i64::from(count);
        assert!(count <= large, "[presence] names in a room of {count}");
        // At the limit, members may have come without a word.
        if let Some(known) = seat.members.map(i64::from).filter(|known| *known < large) {
            assert_eq!(count, known + by, "[presence] peer {serial} in r{}", seat.room);
        }
        seat.members = Some(count as u32);
    }

    /// The oldest request that must be answered is now.
    pub fn answered(&mut self, what: &str) -> Want {
        while self.asked.front().is_some_and(|asked| matches!(asked.want, Want::Perhaps)) {
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
        assert!(matches!(asked, Some(Want::Perhaps)), "[replies in order] {what:?} for {asked:?}");
    }

    /// The request that ends here was carried out no sooner than it was read.
    fn carried_out(&mut self, end: u64) {
        while self.deliveries.front().is_some_and(|(at, _)| *at < end) {
            self.deliveries.pop_front();
        }
        let call = self.deliveries.front().expect("[replies] answered before it was read").1;
        self.floor = self.floor.max(call);
    }

    fn acked(&mut self, room: u32, id: u64, offset: Offset, model: &mut Model) {
        let serial = self.serial;
        let asked = self.answered("ack");
        let Want::Ack { id: wanted, room: at, must_fail: None, echo, is_repeat, index } = asked
        else {
            panic!("[replies in order] ack for {asked:?}");
        };
        assert_eq!((id, room), (wanted, at), "[replies in order] ack");
        let person = self.person;
        let last = self.last;
        let Some(seat) = self.rooms.get_mut(&room) else {
            panic!("[ack] peer {serial}: of a room it is not in");
        };
        let epoch = seat.epoch;
        model.acks.push(Acked { epoch, offset, person, id });
        if !is_repeat && echo && seat.next <= offset {
            seat.acked.insert(offset);
        }
        if let Some(told) = model.told(epoch, offset).filter(|_| !is_repeat) {
            assert_eq!((told.serial, told.index), (serial, index), "[ack] of another message");
            let key = (told.call, told.index);
            assert!(last.is_none_or(|last| key >= last), "[reply overtaken] peer {serial}");
            self.last = Some(key);
        }
    }

    fn refused(&mut self, refusal: Refusal, request: u64, model: &Model, people: &mut Vec<Person>) {
        let limited = self.has_rate && refusal == Refusal::RateLimited;
        if request == 0 && limited {
            let asked = self.asked.pop_front();
            assert!(
                matches!(&asked, Some(Asked { want: Want::Perhaps | Want::Refused(_), .. })),
                "[replies in order] {refusal} for {:?}",
                asked.map(|asked| asked.want)
            );
            return;
        }
        let in_rooms = self.rooms.len() + self.joining.len();
        match self.answered("error") {
            Want::Welcome if request == 0 => {
                assert!(matches!(refusal, Refusal::NameTaken | Refusal::BadName), "{refusal}");
                if refusal == Refusal::NameTaken {
                    people.push(Person::default());
                    self.person = people.len() - 1;
                }
            }
            Want::Joined { request: wanted, room, is_bad, .. } if wanted == request => {
                self.joining.swap_remove(
                    self.joining.iter().position(|joining| *joining == room).expect("joining"),
                );
                let is_right = match refusal {
                    Refusal::BadRoom => is_bad,
                    Refusal::TooManyRooms => in_rooms > model.limits.rooms_per_peer,
                    Refusal::RelayRoomsFull => !is_bad,
                    _ => limited,
                };
                assert!(is_right, "[refusal] {refusal} for a join");
            }
            Want::Members { request: wanted, .. } | Want::History { request: wanted, .. }
                if wanted == request =>
            {
                assert!(limited, "[refusal] {refusal} for a question");
            }
            Want::Ack { id, must_fail, .. } if id == request => {
                assert!(limited || must_fail == Some(refusal), "[refusal] {refusal} for a message");
            }
            Want::NoMembers { request: wanted } if wanted == request => {
                assert_eq!(refusal, Refusal::NotMember);
            }
            Want::Refused(must_fail) if request == 0 => assert_eq!(refusal, must_fail),
            asked => panic!("[replies in order] {refusal} of {request} for {asked:?}"),
        }
    }
}

impl Speaker {
    pub fn of(kind: Kind, echo: bool) -> Self {
        let is_raw = matches!(kind, Kind::Chunk | Kind::Line | Kind::WebRaw);
        let stream = (kind == Kind::Chunk).then(Vec::new);
        Self { stream, echo, is_raw, ..Self::default() }
    }
}

fn word_of(code: u16) -> Option<Refusal> {
    Refusal::ALL.iter().copied().find(|refusal| refusal.code() == code)
}

fn parse<'a>(
    is_json: bool,
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Parsed<ServerFrame<'a>>, FrameError> {
    #[cfg(feature = "json")]
    if is_json {
        return hobnob::wire::json::parse_server(
            bytes,
            hobnob::wire::json::line_max(limits.message),
        );
    }
    let _ = is_json;
    binary::parse_server(bytes, limits.message + hobnob::wire::frame::FRAME_OVERHEAD)
}
