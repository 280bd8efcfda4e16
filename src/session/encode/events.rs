//! Server-Sent Events as text (the HTML standard, §9.2). Independent of sessions.

use crate::hub::{Notice, Room};
use crate::id::{Epoch, Offset};
use crate::payload::Message;
use crate::session::carrier::Carrier;
use crate::wire::chunked;
use crate::wire::frame::Past as PastFrame;
use crate::wire::json::{Hex, Past};
use serde::Serialize;
use std::borrow::Cow;

/// Appends a message as an event for all listeners of a room.
pub fn write_message(carrier: Carrier, room: &Room, message: &Message, out: &mut Vec<u8>) {
    let start = out.len();
    write_id(room.epoch, message.offset, out);
    out.extend_from_slice(b"data: ");
    write_json(&Past::of(&past_of(message)), out);
    pack(carrier, start, out);
}

/// Wraps the bytes from `start` on for the carrier.
pub(crate) fn pack(carrier: Carrier, start: usize, out: &mut Vec<u8>) {
    if carrier == Carrier::Chunked {
        chunked::wrap(start, out);
    }
}

/// Appends a presence event for all listeners of a room.
pub fn write_notice(carrier: Carrier, notice: &Notice, out: &mut Vec<u8>) {
    let start = out.len();
    match notice {
        Notice::Came(who, count) => {
            write("came", &Presence { name: &who.name, count: *count }, out);
        }
        Notice::Went(who, count, _) => {
            write("went", &Presence { name: &who.name, count: *count }, out);
        }
        Notice::Count(count) => write("members", &Count { count: *count }, out),
        // Events identify people by name: the old name goes, and the new one comes.
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
        | Notice::Ephemeral(..) => {}
    }
    pack(carrier, start, out);
}

#[derive(Serialize)]
pub(crate) struct Joined<'a> {
    pub(crate) room: &'a str,
    pub(crate) epoch: Hex,
    pub(crate) oldest: Offset,
    pub(crate) head: Offset,
    pub(crate) members: u32,
    pub(crate) recovered: bool,
}

#[derive(Serialize)]
pub(crate) struct Presence<'a> {
    pub(crate) name: &'a str,
    pub(crate) count: u32,
}

#[derive(Serialize)]
pub(crate) struct Count {
    pub(crate) count: u32,
}

#[derive(Serialize)]
pub(crate) struct Gap {
    pub(crate) from: Offset,
    pub(crate) to: Offset,
}

#[derive(Serialize)]
pub(crate) struct Bye<'a> {
    pub(crate) code: u16,
    pub(crate) reason: &'a str,
    pub(crate) text: &'a str,
}

#[derive(Serialize)]
pub(crate) struct Nothing {}

pub(crate) fn write_id(epoch: Epoch, offset: Offset, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("id: {}\n", event_id(epoch, offset)).as_bytes());
}

/// Appends an event of this type. JSON contains no line ends, so the data is one line.
pub(crate) fn write(event: &str, data: &impl Serialize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("event: {event}\ndata: ").as_bytes());
    write_json(data, out);
}

fn write_json(data: &impl Serialize, out: &mut Vec<u8>) {
    // Serializing plain data to memory cannot fail.
    let written = serde_json::to_writer(&mut *out, data);
    debug_assert!(written.is_ok());
    out.extend_from_slice(b"\n\n");
}

/// Returns the event id of a position in a room: epoch and offset.
pub fn event_id(epoch: Epoch, offset: Offset) -> String {
    format!("{}-{offset}", Hex(epoch.0))
}

/// Returns the JSON form of a message.
pub fn past_of(message: &Message) -> PastFrame<'_> {
    PastFrame {
        offset: message.offset,
        time: message.unix_ms,
        sender: Cow::Borrowed(&message.sender.name),
        payload: Cow::Borrowed(&message.payload.bytes),
    }
}
