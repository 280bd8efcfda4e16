//! One encoding of a room's traffic: language × carrier × compression. Knows no session.

pub use super::carrier::Carrier;
#[cfg(feature = "http")]
use super::encode::events;
use super::encode::frame::{self as frames, Spelling};
use super::encode::{irc, raw};
use crate::hub::{Notice, Room};
use crate::payload::Message;
use crate::wire::deflate::Deflater;
#[cfg(feature = "json")]
use crate::wire::json;
use crate::wire::websocket;

/// One encoding of a room's traffic. All members of a dialect receive identical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// How messages are written.
    pub language: Language,
    /// What carries them.
    pub carrier: Carrier,
    /// True if each message of its tapes is compressed: once, for all members. What is written for
    /// one of them alone is not.
    pub deflated: bool,
}

/// How messages are written, whatever carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Payloads as they came.
    Chunk,
    /// Payloads, each ended by a newline.
    Line,
    /// Binary frames.
    Binary,
    /// JSON frames.
    Json,
    /// Server-Sent Events.
    Events,
    /// IRC lines, by the capabilities that the peers have agreed on.
    Irc(irc::caps::Style),
}

impl Dialect {
    /// Returns a language on a plain stream.
    pub fn stream(language: Language) -> Self {
        Self { language, carrier: Carrier::Stream, deflated: false }
    }

    /// True if a member can be told that it missed something.
    pub fn can_tell_gap(self) -> bool {
        matches!(self.language, Language::Binary | Language::Json | Language::Events)
    }

    /// Appends a message as this dialect's members receive it, not yet compressed.
    pub fn write_message(self, room: &Room, message: &Message, out: &mut Vec<u8>) {
        let carrier = self.carrier;
        match self.language {
            Language::Chunk => raw::write_chunk(carrier, &message.payload, out),
            Language::Line => raw::write_line(&message.payload, out),
            Language::Binary => {
                frames::write_message(Spelling::Binary, carrier, room.id, message, out);
            }
            Language::Json => {
                frames::write_message(Spelling::Json, carrier, room.id, message, out);
            }
            #[cfg(feature = "http")]
            Language::Events => events::write_message(carrier, room, message, out),
            #[cfg(not(feature = "http"))]
            Language::Events => {}
            Language::Irc(style) => irc::write_message(style, carrier, room, message, out),
        }
    }

    /// Appends news of members; nothing in languages that have no word for it.
    pub fn write_notice(self, room: &Room, notice: &Notice, unix_ms: u64, out: &mut Vec<u8>) {
        let carrier = self.carrier;
        match self.language {
            Language::Chunk | Language::Line => {}
            Language::Binary => {
                frames::write_notice(Spelling::Binary, carrier, room.id, notice, out);
            }
            Language::Json => {
                frames::write_notice(Spelling::Json, carrier, room.id, notice, out);
            }
            #[cfg(feature = "http")]
            Language::Events => events::write_notice(carrier, notice, out),
            #[cfg(not(feature = "http"))]
            Language::Events => {}
            Language::Irc(style) => {
                irc::write_news(style, carrier, &room.name, notice, unix_ms, out);
            }
        }
    }

    /// Compresses what was written, where the dialect is compressed.
    pub fn compress(self, written: &mut Vec<u8>, deflater: &mut Deflater) {
        if self.deflated {
            websocket::deflate(written, deflater);
        }
    }

    /// Returns how long a payload is once it is written, without what stands around it.
    pub fn payload_length(self, payload: &[u8]) -> usize {
        match self.language {
            #[cfg(feature = "json")]
            Language::Json => json::payload_length(payload),
            _ => payload.len(),
        }
    }
}
