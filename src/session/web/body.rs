//! The JSON bodies of responses.

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

/// The response to a published message.
#[derive(Serialize)]
pub struct Posted<'a> {
    /// The room, as it was first spelled.
    pub room: &'a str,
    /// The room's epoch.
    pub epoch: Hex,
    /// The message's offset.
    pub offset: Offset,
    /// The time of the message, in milliseconds since 1970.
    pub time: u64,
    /// The sender's name.
    pub sender: &'a str,
}

/// A page of a room's history.
#[derive(Serialize)]
pub struct Messages<'a> {
    room: &'a str,
    epoch: Hex,
    oldest: Offset,
    head: Offset,
    messages: Vec<Past<'a>>,
}

impl<'a> Messages<'a> {
    /// Returns the body for a page of history, with its messages in JSON form.
    pub fn of(room: &'a str, page: &'a Page, past: &'a [frame::Past<'a>]) -> Self {
        let (epoch, oldest, head) = (Hex::of(page.epoch), page.oldest, page.head);
        Self { room, epoch, oldest, head, messages: past.iter().map(Past::of).collect() }
    }
}

/// A list of rooms.
#[derive(Serialize)]
pub struct Rooms<'a> {
    /// The total number of rooms.
    pub total: usize,
    /// The rooms of this response.
    pub rooms: Vec<RoomOf<'a>>,
}

/// One room of the list.
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

/// The members of a room.
#[derive(Serialize)]
pub struct Members<'a> {
    room: &'a str,
    count: u32,
    members: Vec<&'a str>,
}

impl<'a> Members<'a> {
    /// Returns the body for the members of a room. The names are left out if there are too many.
    pub fn of(room: &'a str, count: u32, names: &'a [Rc<str>]) -> Self {
        Self { room, count, members: names.iter().map(|name| &**name).collect() }
    }
}

/// An error body (RFC 9457), with the relay's own word and code.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    code: u16,
    detail: &'a str,
}

/// Serializes a body.
pub fn json(body: &impl Serialize) -> Vec<u8> {
    // Serializing plain data to memory cannot fail.
    let mut bytes = serde_json::to_vec(body).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Returns a JSON response that must not be cached.
pub fn answer(status: Status, body: &impl Serialize) -> Response {
    let response = Response::new(status, "application/json", json(body));
    response.with("Cache-Control", "no-store")
}

/// Returns the response for a refusal by the hub. A response to a rate-limited peer has
/// `Retry-After`.
pub fn refused(why: Refusal, act: Act, view: &View<'_>) -> Response {
    let response = refusal(why);
    if why != Refusal::RateLimited {
        return response;
    }
    let wait = view.hub.wait(view.conn, act, view.running);
    // `Retry-After` counts whole seconds (RFC 9110 §10.2.3).
    response.with("Retry-After", wait.as_millis().div_ceil(1_000).max(1).to_string())
}

/// Returns the response for a refusal.
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

/// Returns the response for a close before the request was answered.
pub fn end(reason: CloseReason) -> Response {
    problem(Status::Unavailable, reason.word(), reason.code(), reason.text())
}

fn problem(status: Status, title: &str, code: u16, detail: &str) -> Response {
    let body = json(&Problem { title, status: status.code(), code, detail });
    let response = Response::new(status, "application/problem+json", body);
    response.with("Cache-Control", "no-store")
}

/// Returns the JSON form of messages.
pub fn past(messages: &[Rc<Message>]) -> Vec<frame::Past<'_>> {
    messages.iter().map(|message| past_of(message)).collect()
}
