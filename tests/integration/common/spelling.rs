//! Frames as bytes, in either spelling.

pub use hobnob::session::frame::Spelling;

use super::show;
use hobnob::wire::Parsed;
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, Past, ServerFrame};
#[cfg(feature = "json")]
use hobnob::wire::json;
use std::borrow::Cow;

/// Both spellings, or the one that is built.
pub const SPELLINGS: &[Spelling] = &[
    Spelling::Binary,
    #[cfg(feature = "json")]
    Spelling::Json,
];

/// Longest frame that a client here expects of a relay.
const FRAME_MAX: usize = 64 << 20;

pub fn encode(spelling: Spelling, frame: &ClientFrame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match spelling {
        #[cfg(feature = "json")]
        Spelling::Json => json::write_client(frame, &mut out),
        _ => binary::write_client(frame, &mut out),
    }
    out
}

pub fn encode_all(spelling: Spelling, frames: &[ClientFrame<'_>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| encode(spelling, frame)).collect()
}

pub fn encode_server(spelling: Spelling, frame: &ServerFrame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match spelling {
        #[cfg(feature = "json")]
        Spelling::Json => json::write_server(frame, &mut out),
        _ => binary::write_server(frame, &mut out),
    }
    out
}

/// One whole frame of the relay's.
#[track_caller]
pub fn parse(spelling: Spelling, bytes: &[u8]) -> ServerFrame<'static> {
    let parsed = match spelling {
        #[cfg(feature = "json")]
        Spelling::Json => json::parse_server(bytes, FRAME_MAX),
        _ => binary::parse_server(bytes, FRAME_MAX),
    };
    match parsed {
        Ok(Parsed::Complete(frame, used)) if used == bytes.len() => owned(frame),
        other => panic!("the relay wrote no frame: {other:?}\n{}", show(bytes)),
    }
}

fn owned(frame: ServerFrame<'_>) -> ServerFrame<'static> {
    fn text(text: Cow<'_, str>) -> Cow<'static, str> {
        Cow::Owned(text.into_owned())
    }
    use ServerFrame as F;
    match frame {
        F::Welcome { version, id, key, max_message, max_rooms, ping_ms, name } => {
            let name = text(name);
            F::Welcome { version, id, key, max_message, max_rooms, ping_ms, name }
        }
        F::Joined { request, room, recovered, epoch, head, oldest, members, name } => {
            let name = text(name);
            F::Joined { request, room, recovered, epoch, head, oldest, members, name }
        }
        F::Left { request, room, offset } => F::Left { request, room, offset },
        F::Ack { room, id, offset } => F::Ack { room, id, offset },
        F::Message { room, offset, time, sender, payload } => {
            let (sender, payload) = (text(sender), Cow::Owned(payload.into_owned()));
            F::Message { room, offset, time, sender, payload }
        }
        F::Came { room, count, name } => F::Came { room, count, name: text(name) },
        F::Went { room, count, name } => F::Went { room, count, name: text(name) },
        F::Members { request, room, count, names } => {
            F::Members { request, room, count, names: names.into_iter().map(text).collect() }
        }
        F::History { request, room, oldest, messages } => {
            let messages = messages.into_iter().map(|past| {
                let (sender, payload) = (text(past.sender), Cow::Owned(past.payload.into_owned()));
                Past { sender, payload, ..past }
            });
            F::History { request, room, oldest, messages: messages.collect() }
        }
        F::Told { time, notice, sender, payload } => {
            let (sender, payload) = (text(sender), Cow::Owned(payload.into_owned()));
            F::Told { time, notice, sender, payload }
        }
        F::Passed { request, time, away } => F::Passed { request, time, away: text(away) },
        F::Gap { room, from, to } => F::Gap { room, from, to },
        F::Ping { token } => F::Ping { token },
        F::Pong { token } => F::Pong { token },
        F::Error { code, request, text: sentence } => {
            F::Error { code, request, text: text(sentence) }
        }
        F::Bye { code, text: sentence } => F::Bye { code, text: text(sentence) },
    }
}
