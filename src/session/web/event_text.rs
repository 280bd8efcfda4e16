//! Server-Sent Events as text (the HTML standard, §9.2). Knows no session.

use super::{body, query};
use crate::hub::{Notice, Room};
use crate::id::{Epoch, Offset};
use crate::payload::Message;
use crate::wire::json::{Hex, Past};
use serde::Serialize;

/// A message as everybody who listens hears it.
pub fn write_message(room: &Room, message: &Message, out: &mut Vec<u8>) {
    write_id(room.epoch, message.offset, out);
    out.extend_from_slice(b"data: ");
    write_json(&Past::of(&body::past_of(message)), out);
}

/// News of members, as everybody who listens hears it.
pub fn write_notice(notice: &Notice, out: &mut Vec<u8>) {
    match notice {
        Notice::Came(who, count) => {
            write("came", &Presence { name: &who.name, count: *count }, out);
        }
        Notice::Went(who, count, _) => {
            write("went", &Presence { name: &who.name, count: *count }, out);
        }
        Notice::Count(count) => write("members", &Count { count: *count }, out),
        // Events know people by their names: one goes, and another comes.
        Notice::Renamed(who, name, count) => {
            let gone = count.saturating_sub(1);
            write("went", &Presence { name: &who.name, count: gone }, out);
            write("came", &Presence { name, count: *count }, out);
        }
        Notice::Topic(..)
        | Notice::Changed(..)
        | Notice::Invited(..)
        | Notice::Away(..)
        | Notice::RealName(_)
        | Notice::Signal(..) => {}
    }
}

#[derive(Serialize)]
pub(super) struct Joined<'a> {
    pub(super) room: &'a str,
    pub(super) epoch: Hex,
    pub(super) oldest: Offset,
    pub(super) head: Offset,
    pub(super) members: u32,
    pub(super) recovered: bool,
}

#[derive(Serialize)]
pub(super) struct Presence<'a> {
    pub(super) name: &'a str,
    pub(super) count: u32,
}

#[derive(Serialize)]
pub(super) struct Count {
    pub(super) count: u32,
}

#[derive(Serialize)]
pub(super) struct Gap {
    pub(super) from: Offset,
    pub(super) to: Offset,
}

#[derive(Serialize)]
pub(super) struct Bye<'a> {
    pub(super) code: u16,
    pub(super) reason: &'a str,
    pub(super) text: &'a str,
}

#[derive(Serialize)]
pub(super) struct Nothing {}

pub(super) fn write_id(epoch: Epoch, offset: Offset, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("id: {}\n", query::event_id(epoch, offset)).as_bytes());
}

/// An event of its own kind. JSON has no line ends in it, so the data is one line.
pub(super) fn write(event: &str, data: &impl Serialize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("event: {event}\ndata: ").as_bytes());
    write_json(data, out);
}

fn write_json(data: &impl Serialize, out: &mut Vec<u8>) {
    // Writing plain data to memory has no way to fail.
    let written = serde_json::to_writer(&mut *out, data);
    debug_assert!(written.is_ok());
    out.extend_from_slice(b"\n\n");
}
