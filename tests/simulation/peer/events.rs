//! Somebody who listens to one room over HTTP (Server-Sent Events). An event is the frame of that
//! name in other words, and is held to the same.

use super::action::{Action, Weights};
use super::http::{Response, field};
use super::{Peer, Person, Want};
use crate::model::Model;
use crate::random::Random;
use crate::weather::Manners;
use hobnob::id::Offset;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::Parsed;
use hobnob::wire::frame::ServerFrame;
use std::borrow::Cow;

/// How often a listener does what, once it has asked to be let in.
const ACTIONS: &Weights = &[
    (Action::Wait, |_| 1_000),
    (Action::Ping, |manners| manners.ping),
    (Action::Bye, |manners| manners.bye),
];

/// By what number it knows its room.
pub const ROOM: u32 = 0;

/// How far one listener has come.
#[derive(Default)]
pub struct Events {
    /// It was let in: events follow.
    pub is_live: bool,
    /// It was not, and told so.
    pub is_refused: bool,
    /// What was lost before it came back, and is to be told first.
    pub(super) lost: Option<(Offset, Offset)>,
}

impl Peer {
    /// Asks to be let in; after that nothing that it says is heard.
    pub(super) fn act_events(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        person: &Person,
        rooms: usize,
    ) {
        if self.has_begun {
            return match self.choose_action(ACTIONS, true, random, manners) {
                Action::Ping => self.write(b"hello?\r\n\r\n"),
                Action::Bye => self.fin = true,
                _ => {}
            };
        }
        if random.chance(manners.garbage * 4) {
            self.is_bad = true;
            return self.write(b"GET what, and how?\r\n\r\n");
        }
        let room = random.below(rooms);
        let resume = self.place_in(room, random, person);
        let (mut query, mut headers) = (Vec::new(), String::new());
        if person.key != 0 && !person.name.is_empty() {
            query.push(format!("name={}", person.name));
            headers += &format!("Authorization: Bearer {:016x}\r\n", person.key);
        }
        if let Some((epoch, offset)) = resume {
            let id = format!("{epoch:016x}-{offset}");
            match random.chance(500) {
                true => query.push(format!("last_event_id={id}")),
                false => headers += &format!("Last-Event-ID: {id}\r\n"),
            }
        }
        let query = query.join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let path = format!("/rooms/r{room}/events{mark}{query}");
        self.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes());
        self.expect_next(Want::Joined { request: 0, room, is_bad: false, resume });
        self.joining.push(room);
    }

    pub(super) fn hear_events(&mut self, model: &mut Model, people: &mut Vec<Person>) {
        let heard = std::mem::take(&mut self.heard);
        let mut used = 0;
        while let Some(length) = self.hear_next(&heard[used..], model, people) {
            used += length;
            self.heard_before += length as u64;
        }
        self.heard = heard;
        self.heard.drain(..used);
        self.tally.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
    }

    /// Hears the answer, or one event; how long it was.
    fn hear_next(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        people: &mut Vec<Person>,
    ) -> Option<usize> {
        let events = self.events.as_mut().expect("a listener");
        assert!(!events.is_refused || bytes.is_empty(), "[bye last] peer {}", self.serial);
        if events.is_live {
            let end = bytes.windows(2).position(|two| two == b"\n\n")? + 2;
            let event = std::str::from_utf8(&bytes[..end]).expect("[spelling] all is UTF-8");
            self.hear_event(event, model, people);
            return Some(end);
        }
        let (response, length) = Response::parse(bytes)?;
        events.is_live = response.status == 200 && response.is_endless;
        events.is_refused = !events.is_live;
        let text = Cow::Borrowed("");
        match response.code() {
            Some(code) if code >= CloseReason::PeerClosed.code() => {
                self.heed(ServerFrame::Bye { code, text }, model, people);
            }
            Some(code) => {
                let refusal = super::hearing::word_of(code).expect("a refusal");
                self.refused(refusal, 0, model, people);
            }
            None => assert!(response.status != 400 || self.is_bad, "[blame] {}", response.body),
        }
        Some(length)
    }

    fn hear_event(&mut self, event: &str, model: &mut Model, people: &mut Vec<Person>) {
        let (mut kind, mut data, mut id) = ("message", "", None);
        for line in event.lines() {
            match line.split_once(": ") {
                Some(("event", given)) => kind = given,
                Some(("data", given)) => data = given,
                Some(("id", given)) => id = Some(given),
                Some(("retry", _)) => {}
                _ => assert!(line.is_empty() || line == ":", "[spelling] {line:?}"),
            }
        }
        let rest = match data.strip_prefix('{') {
            None => return assert!(data.is_empty(), "[spelling] {event:?}"),
            // What frames call its name.
            Some(rest) if kind == "joined" => format!("\"request\":0,\"name\"{}", &rest[6..]),
            Some(rest) if kind == "members" => format!("\"request\":0,\"names\":[],{rest}"),
            Some(rest) if kind == "draining" => {
                assert_eq!(rest, "}");
                let (code, text) = (Refusal::Draining.code(), Refusal::Draining.text());
                let text = Cow::Borrowed(text);
                return self.heed(ServerFrame::Error { code, request: 0, text }, model, people);
            }
            Some(rest) => rest.to_owned(),
        };
        let line = format!("{{\"type\":\"{kind}\",\"room\":{ROOM},{rest}\n");
        match super::hearing::parse(true, line.as_bytes(), model.limits.message) {
            Ok(Parsed::Complete(frame, _)) => self.heed(frame, model, people),
            other => panic!("[spelling] peer {} received {other:?} for {line}", self.serial),
        }
        if kind == "bye" {
            let code = field(data, "code").and_then(|code| code.parse().ok());
            let reason = CloseReason::ALL.iter().find(|reason| Some(reason.code()) == code);
            assert_eq!(field(data, "reason"), reason.map(|reason| reason.word()), "[bye]");
        }
        self.tally.events += u64::from(kind == "message");
        // Whoever loses the connection here comes back to where it is.
        let place = self.rooms.get(&ROOM).map(|seat| (seat.epoch, seat.next - 1));
        let place = place.filter(|_| matches!(kind, "joined" | "message" | "gap"));
        let place = place.map(|(epoch, offset)| format!("{epoch:016x}-{offset}"));
        assert_eq!(id, place.as_deref(), "[event id] peer {}: {event}", self.serial);
    }
}
