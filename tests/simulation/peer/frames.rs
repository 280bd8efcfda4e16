//! A client in frames: what it asks for.

use super::action::{Action, Weights};
use super::want::{Token, Want};
use super::{Kind, Peer, Person};
use crate::model::{Model, Say};
use crate::random::Random;
use crate::weather::Manners;
use hobnob::id::{Epoch, Offset, Resume};
use hobnob::limits::Limits;
use hobnob::reason::Refusal;
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, Side, VERSION};
use hobnob::wire::websocket::Opcode;
use std::borrow::Cow;

/// How often a client in frames does what.
const ACTIONS: &Weights = &[
    (Action::Join, |manners| manners.join),
    (Action::Leave, |manners| manners.leave),
    (Action::Publish, |manners| manners.publish),
    (Action::QueryMembers, |manners| manners.query / 2),
    (Action::QueryHistory, |manners| manners.query / 2),
    (Action::Ping, |manners| manners.ping),
    (Action::Bye, |manners| manners.bye),
    (Action::Mistake, |manners| manners.mistake),
    (Action::Garbage, |manners| manners.garbage),
    (Action::DirectMessage, |manners| manners.direct),
];

/// A request that must be refused.
#[derive(Clone, Copy, Debug)]
enum Mistake {
    BadRoomName,
    PublishAsStranger,
    TooLongMessage,
    QueryAsStranger,
    PublishAfterLeave,
    TooManyRooms,
}

const MISTAKES: &[(Mistake, usize)] = &[
    (Mistake::BadRoomName, 1),
    (Mistake::PublishAsStranger, 1),
    (Mistake::TooLongMessage, 1),
    (Mistake::QueryAsStranger, 1),
    (Mistake::PublishAfterLeave, 1),
    (Mistake::TooManyRooms, 1),
];

/// Bytes that are no frame, or none that may come.
#[derive(Clone, Copy, Debug)]
enum Garbage {
    TooLong,
    UnknownKind,
    BadFrame,
    HelloAgain,
    BadFields,
}

const GARBAGE: &[(Garbage, usize)] = &[
    (Garbage::TooLong, 1),
    (Garbage::UnknownKind, 1),
    (Garbage::BadFrame, 1),
    (Garbage::HelloAgain, 1),
    (Garbage::BadFields, 1),
];

impl Peer {
    pub(super) fn send(&mut self, frame: &ClientFrame<'_>) {
        let mut bytes = Vec::new();
        match self.kind {
            #[cfg(feature = "json")]
            Kind::Json => hobnob::wire::json::write_client(frame, &mut bytes),
            _ => binary::write_client(frame, &mut bytes),
        }
        self.transmit(&bytes);
    }

    pub(super) fn ask(&mut self, frame: &ClientFrame<'_>, want: Want) {
        self.send(frame);
        self.expect_next(want);
    }

    pub(super) fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub fn hello(&mut self, person: &Person) {
        let name = Cow::Borrowed(person.name.as_str());
        let hello = ClientFrame::Hello {
            version: VERSION,
            private: self.is_private,
            key: person.key,
            name,
        };
        self.ask(&hello, Want::Welcome);
    }

    /// Answers a ping, unless it keeps silent.
    pub(super) fn pong(&mut self, token: Token) {
        if self.is_mute || !self.can_speak() {
            return;
        }
        match token {
            Token::Number(token) => self.send(&ClientFrame::Pong { token }),
            Token::Text(token) => self.line(&format!("PONG :{token}")),
            Token::Bytes(token) => self.write_control(Opcode::Pong, &token),
        }
    }

    pub fn bye(&mut self, random: &mut Random) {
        if self.web.is_some() && random.chance(500) {
            return self.close(*random.pick(&[1000, 1001, 4321]));
        }
        self.send(&ClientFrame::Bye);
        self.has_said_bye();
    }

    /// From where to read on in a room: mostly from where the person is there.
    pub(super) fn place_in(
        &self,
        room: usize,
        random: &mut Random,
        person: &Person,
    ) -> Option<(u64, Offset)> {
        let place = person.places.get(&room).copied().filter(|_| !random.chance(250));
        place.map(|(epoch, offset)| match random.below(30) {
            0 => (epoch ^ 1, offset),
            1 => (epoch, offset + 1_000_000),
            2 => (epoch, 0),
            _ => (epoch, offset),
        })
    }

    pub fn join(&mut self, room: usize, random: &mut Random, person: &Person) {
        let request = self.request();
        let resume = self.place_in(room, random, person);
        let name = if random.chance(100) { format!("R{room}") } else { format!("r{room}") };
        let resume_frame = resume.map(|(epoch, offset)| Resume { epoch: Epoch(epoch), offset });
        let join =
            ClientFrame::Join { request, resume: resume_frame, key: None, room: Cow::Owned(name) };
        self.ask(&join, Want::Joined { request, room, is_bad: false, resume });
        self.joining.push(room);
    }

    /// Asks for something, or says something, in frames.
    pub(super) fn act_frames(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
        person: &mut Person,
        rooms: usize,
    ) {
        if !self.has_begun && random.chance(manners.garbage) {
            return self.garbage_opening(random);
        }
        if !self.greeted {
            if !self.wants(|want| matches!(want, Want::Welcome)) {
                self.greet(random, person, rooms);
            }
            return;
        }
        let mut joined: Vec<u32> =
            self.seats.iter().filter(|(_, seat)| !seat.is_leaving).map(|(room, _)| *room).collect();
        joined.sort_unstable();
        let room = if joined.is_empty() { 0 } else { *random.pick(&joined) };
        let action = self.choose_action(ACTIONS, !joined.is_empty(), random, manners);
        match action {
            Action::Join => {
                let room = random.below(rooms);
                // One that is being left is not entered at the same time: which comes first is
                // clear to the relay, but not to this peer.
                if !self.seats.values().any(|seat| seat.room == room && seat.is_leaving) {
                    self.join(room, random, person);
                }
            }
            Action::Leave => self.leave(room),
            Action::Publish => self.say(room, random, manners, model, person),
            Action::QueryMembers => {
                let request = self.request();
                self.ask(&ClientFrame::Members { request, room }, Want::Members { request, room });
            }
            Action::QueryHistory => self.query_history(room, random),
            Action::Ping => {
                // Now and then more than a peer may be owed.
                let count = if random.chance(20) { random.within(1, 3_000) } else { 1 };
                for _ in 0..count {
                    let token = random.next();
                    self.ask(&ClientFrame::Ping { token }, Want::Pong(Token::Number(token)));
                }
            }
            Action::Bye => self.bye(random),
            Action::Mistake => self.make_mistake(room, random, model, person, rooms),
            Action::Garbage => self.garbage(random, &model.limits),
            Action::DirectMessage => self.send_direct(random, manners, model),
            other => unreachable!("{other:?} is no action in frames"),
        }
    }

    /// Says hello; now and then by a name that no one can have.
    fn greet(&mut self, random: &mut Random, person: &Person, rooms: usize) {
        if random.chance(20) {
            let (version, name) = (VERSION, "a b".into());
            let wrong = ClientFrame::Hello { version, private: false, key: 0, name };
            return self.ask(&wrong, Want::Welcome);
        }
        self.hello(person);
        // A guest's hello cannot be refused, so more may follow at once.
        if person.name.is_empty() && random.chance(500) {
            self.join(random.below(rooms), random, person);
        }
    }

    fn leave(&mut self, room: u32) {
        if self.joining.contains(&self.seats[&room].room) {
            return;
        }
        let request = self.request();
        self.ask(&ClientFrame::Leave { request, room }, Want::Left { request, room });
        self.seats.get_mut(&room).expect("joined").is_leaving = true;
    }

    /// Asks for a page of history.
    fn query_history(&mut self, room: u32, random: &mut Random) {
        let (request, limit) = (self.request(), random.below(8) as u32);
        let next = self.seats[&room].next;
        let offset = (next + random.below(8) as u64).saturating_sub(4);
        let side = if random.chance(500) { Side::After(offset) } else { Side::Before(offset) };
        let ask = ClientFrame::History { request, room, side, limit };
        self.ask(&ask, Want::History { request, room, side, limit });
    }

    pub(super) fn say(
        &mut self,
        room: u32,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
        person: &mut Person,
    ) {
        let at = self.seats[&room].room;
        let echo = !random.chance(manners.silent_echo_per_mille);
        let again = person.said.iter().filter(|(said, _)| *said == at).copied().collect::<Vec<_>>();
        let is_repeat = !again.is_empty() && random.chance(manners.repeat_per_mille);
        let id = if is_repeat {
            random.pick(&again).1
        } else if model.is_governed || random.chance(500) {
            // Where it may be refused, it must be known which one was.
            person.next_id(at)
        } else {
            0
        };
        let length = random.skewed(manners.largest);
        let payload = self.payload(random, length, model);
        self.say_this(room, id, echo, is_repeat, &payload, None, model);
    }

    pub(super) fn payload(&self, random: &mut Random, length: usize, model: &Model) -> Vec<u8> {
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
    pub(super) fn say_this(
        &mut self,
        room: u32,
        id: u64,
        echo: bool,
        is_repeat: bool,
        payload: &[u8],
        must_fail: Option<Refusal>,
        model: &mut Model,
    ) {
        let (is_governed, may_fail) = (model.is_governed, model.may_fail);
        let may_refuse = model.may_refuse_all();
        let speaker = &mut model.speakers[self.serial as usize];
        let index = speaker.said.len() as u64;
        let at = self.seats.get(&room).map_or(usize::MAX, |seat| seat.room);
        let is_sure =
            !(self.has_rate || is_repeat || is_governed || may_fail) && must_fail.is_none();
        speaker.said.push(Say { room: at, echo, id, is_sure, ..Say::of(self.person, payload) });
        let say = ClientFrame::Say { room, id, echo, payload: Cow::Borrowed(payload) };
        let want = match must_fail {
            _ if id != 0 => Want::Ack { id, room, must_fail, echo, is_repeat, index },
            Some(refusal) => Want::Refused(refusal),
            None if self.has_rate || may_refuse => Want::Perhaps,
            None => return self.send(&say),
        };
        self.ask(&say, want);
    }

    /// Asks for what must be refused.
    fn make_mistake(
        &mut self,
        room: u32,
        random: &mut Random,
        model: &mut Model,
        person: &Person,
        rooms: usize,
    ) {
        let request = self.request();
        let id = if random.chance(500) && !model.is_governed { 0 } else { 1 << 60 | request };
        match self.choose(MISTAKES, random) {
            Mistake::BadRoomName => {
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
            Mistake::PublishAsStranger => {
                let room = 0x3ff << 22 | 77;
                let payload = self.payload(random, 10, model);
                let must_fail = Some(Refusal::NotMember);
                self.say_this(room, id, true, false, &payload, must_fail, model);
            }
            Mistake::TooLongMessage if self.seats.contains_key(&room) && !self.has_rate => {
                let mut payload = self.payload(random, 10, model);
                payload.resize(model.limits.message + 1, b'x');
                let must_fail = Some(Refusal::MessageTooLong);
                self.say_this(room, id, true, false, &payload, must_fail, model);
            }
            Mistake::QueryAsStranger => {
                let members = ClientFrame::Members { request, room: 0x3ff << 22 | 78 };
                self.ask(&members, Want::NoMembers { request });
            }
            Mistake::PublishAfterLeave if !self.has_rate => {
                // Already asked to leave: what is said now comes too late.
                let leaving = self.seats.iter().filter(|(_, seat)| seat.is_leaving);
                let Some(room) = leaving.map(|(room, _)| *room).min() else { return };
                let payload = self.payload(random, 10, model);
                let must_fail = Some(Refusal::NotMember);
                self.say_this(room, id, true, false, &payload, must_fail, model);
            }
            Mistake::TooManyRooms if !self.joining.is_empty() || !person.places.is_empty() => {
                for room in 0..rooms {
                    if !self.seats.values().any(|seat| seat.room == room && seat.is_leaving) {
                        self.join(room, random, person);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn garbage(&mut self, random: &mut Random, limits: &Limits) {
        self.is_bad = true;
        if self.web.is_some() && random.chance(500) {
            return self.garbage_in_frames(random);
        }
        let is_json = self.kind == Kind::Json;
        match self.choose(GARBAGE, random) {
            Garbage::TooLong if is_json => self.transmit(&vec![b'{'; limits.message * 2 + 4_096]),
            Garbage::TooLong => self.transmit(&[0x7f, 0xff, 0xff, 0xff, 4]),
            Garbage::UnknownKind if is_json => self.transmit(b"{\"type\":\"fly\"}\n"),
            Garbage::UnknownKind => self.transmit(&[0, 0, 0, 1, 0x77]),
            Garbage::BadFrame if is_json => self.transmit(b"{\"type\":\n"),
            Garbage::BadFrame => self.transmit(&[0, 0, 0, 0, 4]),
            Garbage::HelloAgain => self.send(&ClientFrame::Hello {
                version: VERSION,
                private: false,
                key: 0,
                name: "twice".into(),
            }),
            Garbage::BadFields if is_json => self.transmit(b"\xff\xfe\n"),
            Garbage::BadFields => self.transmit(&[0, 0, 0, 3, 6, 1, 2]),
        }
    }

    /// A hello that ends the conversation at once.
    pub fn bad_version(&mut self) {
        self.is_bad = true;
        self.send(&ClientFrame::Hello { version: 9, private: false, key: 0, name: "".into() });
    }
}
