//! A client that asks over HTTP, one request after the other on one connection: it says something in
//! a room it is not in, and reads back what was said.

use super::action::{Action, Weights};
use super::{Peer, Person, Want};
use crate::model::{Acked, Model, Say};
use crate::random::Random;
use crate::weather::Manners;
use hobnob::reason::Refusal;
use hobnob::wire::Parsed;
use hobnob::wire::frame::{ServerFrame, Side};

/// Requests that a client sends before it has read the answer to the first.
const PIPELINED: usize = 4;

/// How often a client over HTTP asks for what.
const ACTIONS: &Weights = &[
    (Action::Publish, |manners| manners.publish),
    (Action::QueryHistory, |manners| manners.query),
];

/// An answer, or the beginning of an endless one.
pub struct Response {
    pub status: u16,
    pub is_endless: bool,
    pub body: String,
}

impl Response {
    /// Takes the first answer off `bytes`, if all of it is there.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&bytes[..head]).expect("[http] a head");
        let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let status = text.strip_prefix("HTTP/1.1 ").expect("[http] a status");
        let status = status.get(..3).and_then(|code| code.parse().ok()).expect("[http] a status");
        let is_endless = header("Content-Type: text/event-stream").is_some();
        let length = match header("Content-Length: ") {
            Some(length) => length.parse().expect("[http] a length"),
            None => 0,
        };
        assert!(is_endless || header("Content-Length: ").is_some(), "[http] where does it end?");
        let body = bytes.get(head..head + length)?;
        let body = std::str::from_utf8(body).expect("[http] what it says is text").to_owned();
        Some((Self { status, is_endless, body }, head + length))
    }

    /// The code of what went wrong, if the relay says so in its own words.
    pub fn code(&self) -> Option<u16> {
        field(&self.body, "code").filter(|_| self.status >= 400)?.parse().ok()
    }
}

/// A number, or the inside of a string without escapes, of a JSON object.
pub fn field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = object.split_once(&format!("\"{name}\":"))?;
    let value = value.strip_prefix('"').unwrap_or(value);
    value.split(['"', ',', '}']).next()
}

fn number(object: &str, name: &str) -> u64 {
    field(object, name).and_then(|number| number.parse().ok()).expect("[http] a number")
}

fn epoch_of(object: &str) -> u64 {
    let epoch = field(object, "epoch").and_then(|epoch| u64::from_str_radix(epoch, 16).ok());
    epoch.expect("[http] an epoch")
}

impl Peer {
    /// Asks for something, or says something.
    pub(super) fn act_http(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
        person: &mut Person,
        rooms: usize,
    ) {
        if random.chance(manners.garbage) {
            self.is_bad = true;
            return self.write(b"GET what, and how?\r\n\r\n");
        }
        if self.asked.len() >= PIPELINED {
            return;
        }
        let room = random.below(rooms);
        if self.choose_action(ACTIONS, true, random, manners) == Action::Publish {
            self.post(room, random, manners, model, person);
        } else {
            let (limit, offset) = (random.within(1, 8) as u32, random.below(100) as u64);
            let (side, mark) = match random.below(3) {
                0 => (Side::Before(0), String::new()),
                1 => (Side::Before(offset), format!("&before={offset}")),
                _ => (Side::After(offset), format!("&after={offset}")),
            };
            let path = format!("/rooms/r{room}/messages?limit={limit}{mark}");
            self.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
            self.expect_next(Want::Past { side, limit, is_closed: None });
        }
        // What is asked for after that is not read.
        if random.chance(manners.bye) {
            self.write(b"GET /no HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            self.expect_next(Want::Nothing);
            self.has_said_bye();
        }
    }

    /// Asks for what was said last in a room that is closed, if that is known.
    pub fn ask_past(&mut self, room: usize, is_closed: Option<bool>) {
        let path = format!("/rooms/r{room}/messages?limit=3");
        self.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        self.expect_next(Want::Past { side: Side::Before(0), limit: 3, is_closed });
    }

    fn post(
        &mut self,
        room: usize,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
        person: &mut Person,
    ) {
        let again: Vec<_> = person.said.iter().filter(|(at, _)| *at == room).copied().collect();
        let is_repeat = !again.is_empty() && random.chance(manners.repeat_per_mille);
        let id = match is_repeat {
            true => random.pick(&again).1,
            false if random.chance(500) => person.next_id(room),
            false => 0,
        };
        let length = random.skewed(manners.largest);
        let bytes = self.payload(random, length, model);
        let seems_text = std::str::from_utf8(&bytes).is_ok();
        let is_text = random.chance(500).then_some(seems_text && random.chance(800));
        let mut head = format!("POST /rooms/r{room}/messages?sender={}", person.name);
        head += " HTTP/1.1\r\nHost: localhost\r\n";
        head += match is_text {
            Some(true) => "Content-Type: text/plain\r\n",
            Some(false) => "Content-Type: application/octet-stream\r\n",
            None => "",
        };
        if id != 0 {
            head += &format!("Idempotency-Key: {id}\r\n");
        }
        let is_chunked = random.chance(200);
        let request = match is_chunked {
            true => {
                let (one, two) = bytes.split_at(random.within(1, bytes.len()));
                head += "Transfer-Encoding: chunked\r\n\r\n";
                let mut request = head.into_bytes();
                for chunk in [one, two].iter().filter(|chunk| !chunk.is_empty()) {
                    request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    request.extend_from_slice(chunk);
                    request.extend_from_slice(b"\r\n");
                }
                [&request, &b"0\r\n\r\n"[..]].concat()
            }
            false => {
                head += &format!("Content-Length: {}\r\n\r\n", bytes.len());
                [head.as_bytes(), &bytes].concat()
            }
        };
        let is_governed = model.is_governed;
        let said = &mut model.speakers[self.serial as usize].said;
        let (index, person, is_sure) =
            (said.len() as u64, self.person, !(self.has_rate || is_governed) && id == 0);
        said.push(Say { room, id, is_sure, is_text, ..Say::of(person, &bytes) });
        self.write(&request);
        self.expect_next(Want::Posted { id, index });
    }

    pub(super) fn hear_http(&mut self, model: &mut Model) {
        let heard = std::mem::take(&mut self.heard);
        let mut used = 0;
        while let Some((response, length)) = Response::parse(&heard[used..]) {
            used += length;
            if self.is_traced {
                let (status, body) = (response.status, &response.body);
                eprintln!("       {} hears {status} {body:.160}", self.conn);
            }
            self.hear_response(&response, model);
        }
        self.heard = heard;
        self.heard.drain(..used);
        self.tally.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
    }

    fn hear_response(&mut self, response: &Response, model: &mut Model) {
        let body = response.body.as_str();
        let refusal = response.code().and_then(super::hearing::word_of);
        let limited = self.has_rate && refusal == Some(Refusal::RateLimited);
        // What it ends with answers nothing.
        if matches!(response.status, 400 | 408 | 503) && refusal.is_none() {
            let is_fair = self.is_bad || response.status != 400;
            return assert!(is_fair, "[blame] peer {}: {body}", self.serial);
        }
        match self.answered("HTTP") {
            Want::Nothing => assert_eq!(response.status, 404),
            Want::Posted { id, index } if response.status == 201 => {
                let (epoch, offset) = (epoch_of(body), number(body, "offset"));
                let (person, serial) = (self.person, self.serial as usize);
                self.tally.posts += 1;
                if id != 0 {
                    model.acks.push(Acked { epoch, offset, person, id });
                }
                // Of those with an id, another connection may have said another before.
                if id == 0 {
                    let bytes = model.speakers[serial].said[index as usize].bytes.clone();
                    let sender = field(body, "sender").expect("[http] a sender");
                    let (call, placed) =
                        model.observe(epoch, offset, number(body, "time"), sender, &bytes);
                    assert_eq!(placed, index, "[ack] of another message, said in call {call}");
                }
            }
            Want::Past { side, limit, is_closed } if response.status == 200 => {
                assert!(
                    is_closed != Some(true),
                    "[secrecy] peer {} reads a closed room",
                    self.serial
                );
                let epoch = epoch_of(body);
                let (room, rest) = body.split_once("\",").expect("[http] a room");
                assert!(room.starts_with("{\"room\":\""), "[http] {room}");
                let line = format!("{{\"type\":\"history\",\"request\":0,\"room\":0,{rest}");
                match super::hearing::parse(true, line.as_bytes(), 1 << 20) {
                    Ok(Parsed::Complete(ServerFrame::History { oldest, messages, .. }, _)) => {
                        super::hearing::check_page(side, limit, oldest, &messages);
                        for past in &messages {
                            let (time, sender) = (past.time, &past.sender);
                            model.observe(epoch, past.offset, time, sender, &past.payload);
                        }
                    }
                    other => panic!("[spelling] peer {} received {other:?}", self.serial),
                }
            }
            asked => {
                let is_right = match (&asked, refusal) {
                    (Want::Posted { .. }, Some(Refusal::RelayRoomsFull)) => true,
                    (Want::Past { is_closed, .. }, Some(Refusal::NoRoom)) => {
                        *is_closed != Some(false)
                    }
                    (Want::Posted { .. }, Some(Refusal::CannotSay))
                    | (Want::Past { .. }, Some(Refusal::Banned)) => model.is_governed,
                    (Want::Posted { .. } | Want::Past { .. }, _) => limited,
                    _ => false,
                };
                assert!(is_right, "[refusal] {} {body} for {asked:?}", response.status);
            }
        }
    }
}
