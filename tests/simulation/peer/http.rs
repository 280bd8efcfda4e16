//! A client that asks over HTTP, one request after the other on one connection: it says something in
//! a room it is not in, and reads back what was said.

use super::action::{Action, Weights};
use super::want::Want;
use super::{Peer, Person};
use crate::model::{Model, Say};
use crate::random::Random;
use crate::weather::Manners;
use hobnob::wire::frame::Side;

/// Requests that a client sends before it has read the answer to the first.
const PIPELINED: usize = 4;

/// How often a client over HTTP asks for what.
const ACTIONS: &Weights = &[
    (Action::Publish, |manners| manners.publish),
    (Action::QueryHistory, |manners| manners.query),
];

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
        let is_governed = model.is_governed || model.may_fail;
        let said = &mut model.speakers[self.serial as usize].said;
        let (index, person, is_sure) =
            (said.len() as u64, self.person, !(self.has_rate || is_governed) && id == 0);
        said.push(Say { room, id, is_sure, is_text, ..Say::of(person, &bytes) });
        self.write(&request);
        self.expect_next(Want::Posted { id, index });
    }
}
