//! Answers over HTTP.

use super::super::heard::{Heard, Reply, Subject};
use super::super::{Peer, Person};
use super::frames::{parse, word_of};
use crate::model::Model;
use hobnob::wire::Parsed;
use hobnob::wire::frame::ServerFrame;

/// An answer, or the beginning of an endless one.
pub struct Response {
    pub status: u16,
    pub is_endless: bool,
    /// Its body comes in chunks.
    pub is_chunked: bool,
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
        let is_chunked = header("Transfer-Encoding: chunked").is_some();
        let length = match header("Content-Length: ") {
            Some(length) => length.parse().expect("[http] a length"),
            None => 0,
        };
        assert!(is_endless || header("Content-Length: ").is_some(), "[http] where does it end?");
        let body = bytes.get(head..head + length)?;
        let body = std::str::from_utf8(body).expect("[http] what it says is text").to_owned();
        Some((Self { status, is_endless, is_chunked, body }, head + length))
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
    pub(super) fn read_response(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        people: &mut Vec<Person>,
    ) -> Option<usize> {
        let (response, length) = Response::parse(bytes)?;
        let Response { status, body, .. } = &response;
        if self.is_traced {
            eprintln!("       {} hears {status} {body:.160}", self.conn);
        }
        let refusal = response.code().and_then(word_of);
        match (*status, refusal) {
            // What it ends with answers nothing.
            (400 | 408 | 503, None) => {
                let is_fair = self.is_bad || *status != 400;
                assert!(is_fair, "[blame] peer {}: {body}", self.serial);
            }
            (201, _) => {
                let (epoch, offset) = (epoch_of(body), number(body, "offset"));
                let sender = field(body, "sender").expect("[http] a sender");
                let reply = Reply::Posted { epoch, offset, time: number(body, "time"), sender };
                self.heed(Heard::Reply(reply), model, people);
            }
            (200, _) => self.read_page(body, model, people),
            (404, None) => self.heed(Heard::Reply(Reply::Nothing), model, people),
            _ => self.heed(Heard::Refused { refusal, of: Subject::Oldest }, model, people),
        }
        Some(length)
    }

    /// A page of history is the frame of that name in other words.
    fn read_page(&mut self, body: &str, model: &mut Model, people: &mut Vec<Person>) {
        let epoch = epoch_of(body);
        let (room, rest) = body.split_once("\",").expect("[http] a room");
        assert!(room.starts_with("{\"room\":\""), "[http] {room}");
        let line = format!("{{\"type\":\"history\",\"request\":0,\"room\":0,{rest}");
        match parse(true, line.as_bytes(), 1 << 20) {
            Ok(Parsed::Complete(ServerFrame::History { oldest, messages, .. }, _)) => {
                let messages = &messages;
                self.heed(Heard::Reply(Reply::Past { epoch, oldest, messages }), model, people);
            }
            other => panic!("[spelling] peer {} received {other:?}", self.serial),
        }
    }
}
