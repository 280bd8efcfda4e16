//! Frames as tests write them: what clients say, and what the relay says.

use hobnob::Limits;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::{ClientFrame, ServerFrame, Side, VERSION};

/// A message's time when any will do.
pub const ANY_TIME: u64 = u64::MAX;

// What clients say.

pub fn hello(name: &str) -> ClientFrame<'_> {
    hello_with(name, 0)
}

pub fn hello_with(name: &str, key: u64) -> ClientFrame<'_> {
    ClientFrame::Hello { version: VERSION, private: false, key, name: name.into() }
}

/// Of somebody to whom private messages may come.
pub fn hello_private(name: &str) -> ClientFrame<'_> {
    ClientFrame::Hello { version: VERSION, private: true, key: 0, name: name.into() }
}

pub fn join(request: u64, room: &str) -> ClientFrame<'_> {
    ClientFrame::Join { request, resume: None, key: None, room: room.into() }
}

pub fn join_with_key<'a>(request: u64, room: &'a str, key: &'a str) -> ClientFrame<'a> {
    ClientFrame::Join { request, resume: None, key: Some(key.into()), room: room.into() }
}

pub fn leave(request: u64, room: u32) -> ClientFrame<'static> {
    ClientFrame::Leave { request, room }
}

pub fn say<'a>(room: u32, id: u64, payload: &'a (impl AsRef<[u8]> + ?Sized)) -> ClientFrame<'a> {
    ClientFrame::Say { room, id, echo: true, payload: payload.as_ref().into() }
}

pub fn say_to_others<'a>(
    room: u32,
    id: u64,
    payload: &'a (impl AsRef<[u8]> + ?Sized),
) -> ClientFrame<'a> {
    ClientFrame::Say { room, id, echo: false, payload: payload.as_ref().into() }
}

pub fn members(request: u64, room: u32) -> ClientFrame<'static> {
    ClientFrame::Members { request, room }
}

pub fn history(request: u64, room: u32, side: Side, limit: u32) -> ClientFrame<'static> {
    ClientFrame::History { request, room, side, limit }
}

pub fn tell<'a>(
    request: u64,
    name: &'a str,
    payload: &'a (impl AsRef<[u8]> + ?Sized),
) -> ClientFrame<'a> {
    let (name, payload) = (name.into(), payload.as_ref().into());
    ClientFrame::Tell { request, notice: false, name, payload }
}

pub fn ping(token: u64) -> ClientFrame<'static> {
    ClientFrame::Ping { token }
}

pub fn bye() -> ClientFrame<'static> {
    ClientFrame::Bye
}

// What the relay says.

pub fn welcome<'a>(id: u64, key: u64, name: &'a str, limits: &Limits) -> ServerFrame<'a> {
    ServerFrame::Welcome {
        version: VERSION,
        id,
        key,
        max_message: limits.message as u32,
        max_rooms: limits.rooms_per_peer as u32,
        ping_ms: limits.ping_after.as_millis() as u32,
        name: name.into(),
    }
}

pub fn message<'a>(
    room: u32,
    offset: u64,
    sender: &'a str,
    payload: &'a (impl AsRef<[u8]> + ?Sized),
) -> ServerFrame<'a> {
    let (sender, payload) = (sender.into(), payload.as_ref().into());
    ServerFrame::Message { room, offset, time: ANY_TIME, sender, payload }
}

pub fn told<'a>(sender: &'a str, payload: &'a (impl AsRef<[u8]> + ?Sized)) -> ServerFrame<'a> {
    let (sender, payload) = (sender.into(), payload.as_ref().into());
    ServerFrame::Told { time: ANY_TIME, notice: false, sender, payload }
}

pub fn passed(request: u64) -> ServerFrame<'static> {
    ServerFrame::Passed { request, time: ANY_TIME, away: "".into() }
}

pub fn ack(room: u32, id: u64, offset: u64) -> ServerFrame<'static> {
    ServerFrame::Ack { room, id, offset }
}

pub fn left(request: u64, room: u32, offset: u64) -> ServerFrame<'static> {
    ServerFrame::Left { request, room, offset }
}

pub fn came(room: u32, count: u32, name: &str) -> ServerFrame<'_> {
    ServerFrame::Came { room, count, name: name.into() }
}

pub fn went(room: u32, count: u32, name: &str) -> ServerFrame<'_> {
    ServerFrame::Went { room, count, name: name.into() }
}

pub fn member_list<'a>(request: u64, room: u32, names: &[&'a str]) -> ServerFrame<'a> {
    let count = names.len() as u32;
    ServerFrame::Members {
        request,
        room,
        count,
        names: names.iter().map(|name| (*name).into()).collect(),
    }
}

pub fn member_count(request: u64, room: u32, count: u32) -> ServerFrame<'static> {
    ServerFrame::Members { request, room, count, names: Vec::new() }
}

pub fn pong(token: u64) -> ServerFrame<'static> {
    ServerFrame::Pong { token }
}

pub fn refused(refusal: Refusal, request: u64) -> ServerFrame<'static> {
    ServerFrame::Error { code: refusal.code(), request, text: refusal.text().into() }
}

pub fn bye_of(reason: CloseReason) -> ServerFrame<'static> {
    ServerFrame::Bye { code: reason.code(), text: reason.text().into() }
}
