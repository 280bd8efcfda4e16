//! What the answers say, in JSON.

use super::response::{Response, Status};
use crate::hub::{Act, Page, RoomLine};
use crate::id::Offset;
use crate::payload::Message;
use crate::reason::{CloseReason, Refusal};
use crate::session::View;
use crate::session::encode::events::past_of;
use crate::wire::frame;
use crate::wire::json::{Hex, Past};
use serde::Serialize;
use std::rc::Rc;

/// A message was said.
#[derive(Serialize)]
pub struct Posted<'a> {
    /// Where, as the room was first spelt.
    pub room: &'a str,
    /// The room's numbering.
    pub epoch: Hex,
    /// Its place there.
    pub offset: Offset,
    /// When, in milliseconds since 1970.
    pub time: u64,
    /// Under which name.
    pub sender: &'a str,
}

/// Some of what was said in a room.
#[derive(Serialize)]
pub struct Messages<'a> {
    room: &'a str,
    epoch: Hex,
    oldest: Offset,
    head: Offset,
    messages: Vec<Past<'a>>,
}

impl<'a> Messages<'a> {
    /// A page of a room, and its messages as they are written.
    pub fn of(room: &'a str, page: &'a Page, past: &'a [frame::Past<'a>]) -> Self {
        let (epoch, oldest, head) = (Hex::of(page.epoch), page.oldest, page.head);
        Self { room, epoch, oldest, head, messages: past.iter().map(Past::of).collect() }
    }
}

/// Some of the rooms.
#[derive(Serialize)]
pub struct Rooms<'a> {
    /// How many there are.
    pub total: usize,
    /// Some of them.
    pub rooms: Vec<RoomOf<'a>>,
}

/// One room.
#[derive(Serialize)]
pub struct RoomOf<'a> {
    room: &'a str,
    members: u32,
    epoch: Hex,
    oldest: Offset,
    head: Offset,
}

impl<'a> From<&'a RoomLine> for RoomOf<'a> {
    fn from(line: &'a RoomLine) -> Self {
        let (members, oldest, head) = (line.members, line.oldest, line.head);
        Self { room: &line.name, members, epoch: Hex::of(line.epoch), oldest, head }
    }
}

/// Who is in a room.
#[derive(Serialize)]
pub struct Members<'a> {
    room: &'a str,
    count: u32,
    members: Vec<&'a str>,
}

impl<'a> Members<'a> {
    /// Names are left out where there are too many.
    pub fn of(room: &'a str, count: u32, names: &'a [Rc<str>]) -> Self {
        Self { room, count, members: names.iter().map(|name| &**name).collect() }
    }
}

/// What went wrong (RFC 9457), in the relay's own words for it.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    code: u16,
    detail: &'a str,
}

/// A body as it is sent.
pub fn json(body: &impl Serialize) -> Vec<u8> {
    // Writing plain data to memory has no way to fail.
    let mut bytes = serde_json::to_vec(body).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// An answer in JSON, which is good now and not later.
pub fn answer(status: Status, body: &impl Serialize) -> Response {
    let response = Response::new(status, "application/json", json(body));
    response.with("Cache-Control", "no-store")
}

/// What a refusal of the hub's is in HTTP; who was too fast is told when to come back.
pub fn refused(why: Refusal, act: Act, view: &View<'_>) -> Response {
    let response = refusal(why);
    if why != Refusal::RateLimited {
        return response;
    }
    let wait = view.hub.wait(view.conn, act, view.running);
    // It counts in whole seconds (RFC 9110 §10.2.3).
    response.with("Retry-After", wait.as_millis().div_ceil(1_000).max(1).to_string())
}

/// What a refusal is in HTTP.
pub fn refusal(refusal: Refusal) -> Response {
    let status = match refusal {
        Refusal::BadName | Refusal::BadRoom => Status::BadRequest,
        Refusal::NotMember
        | Refusal::NotOperator
        | Refusal::CannotSay
        | Refusal::InviteOnly
        | Refusal::Banned
        | Refusal::BadKey
        | Refusal::RoomFull
        | Refusal::ListFull
        | Refusal::Expelled
        | Refusal::CannotHear => Status::Forbidden,
        Refusal::NoRoom | Refusal::NoSuchPerson => Status::NotFound,
        Refusal::NameTaken => Status::Conflict,
        Refusal::MessageTooLong => Status::ContentTooLarge,
        Refusal::RateLimited => Status::TooManyRequests,
        Refusal::TooManyRooms
        | Refusal::RelayRoomsFull
        | Refusal::Draining
        | Refusal::NotReading
        | Refusal::NotKept
        | Refusal::Unavailable => Status::Unavailable,
        Refusal::Unknown => Status::Timeout,
    };
    let response = problem(status, refusal.word(), refusal.code(), refusal.text());
    match status {
        Status::Unavailable => response.with("Retry-After", "5"),
        _ => response,
    }
}

/// What an end is in HTTP, where a request had not been answered.
pub fn end(reason: CloseReason) -> Response {
    problem(Status::Unavailable, reason.word(), reason.code(), reason.text())
}

fn problem(status: Status, title: &str, code: u16, detail: &str) -> Response {
    let body = json(&Problem { title, status: status.code(), code, detail });
    let response = Response::new(status, "application/problem+json", body);
    response.with("Cache-Control", "no-store")
}

/// Messages as JSON has them.
pub fn past(messages: &[Rc<Message>]) -> Vec<frame::Past<'_>> {
    messages.iter().map(|message| past_of(message)).collect()
}
