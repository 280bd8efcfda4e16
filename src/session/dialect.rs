//! One encoding of a room's traffic: language × carrier × compression. Independent of sessions.

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
    /// The language of the messages.
    pub language: Language,
    /// The carrier of the messages.
    pub carrier: Carrier,
    /// True if each message of the dialect's tapes is compressed: once, for all members. Bytes for
    /// a single member are not compressed.
    pub deflated: bool,
}

/// The encoding of messages, independent of the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Payloads, unchanged.
    Chunk,
    /// Payloads, each ending with a newline.
    Line,
    /// Binary frames.
    Binary,
    /// JSON frames.
    Json,
    /// Server-Sent Events.
    Events,
    /// IRC lines, by the capabilities that the peers have negotiated.
    Irc(irc::caps::Style),
}

impl Dialect {
    /// Returns the dialect of a language on a plain stream.
    pub fn stream(language: Language) -> Self {
        Self { language, carrier: Carrier::Stream, deflated: false }
    }

    /// True if the language can report a gap to a member that missed messages.
    pub fn can_tell_gap(self) -> bool {
        matches!(self.language, Language::Binary | Language::Json | Language::Events)
    }

    /// Appends a message in this dialect, not yet compressed.
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

    /// Appends a presence event in this dialect. Appends nothing in a language that has no encoding
    /// for it.
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

    /// Compresses the written bytes if the dialect is compressed.
    pub fn compress(self, written: &mut Vec<u8>, deflater: &mut Deflater) {
        if self.deflated {
            websocket::deflate(written, deflater);
        }
    }

    /// Returns the encoded length of a payload, without its framing.
    pub fn payload_length(self, payload: &[u8]) -> usize {
        match self.language {
            #[cfg(feature = "json")]
            Language::Json => json::payload_length(payload),
            _ => payload.len(),
        }
    }
}
