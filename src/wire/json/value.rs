//! Values without a native JSON type: 64-bit numbers, borrowed texts, and bytes.

use crate::id::{Epoch, Offset};
use crate::wire::frame::{self, FrameError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub use crate::hex::Hex;

impl Hex {
    /// Wraps an epoch.
    pub fn of(epoch: Epoch) -> Self {
        Self(epoch.0)
    }

    /// Parses 1 to 16 digits.
    pub fn parse(text: &str) -> Option<u64> {
        let plain = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| plain)
    }
}

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let number = Self::parse(&text).map(Self);
        number.ok_or_else(|| serde::de::Error::custom("expected 1 to 16 hexadecimal digits"))
    }
}

/// A text borrowed from the line, even if it is optional or an array element: serde borrows a bare
/// `Cow` only.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A past message: the fields of `message` without the room.
#[derive(Serialize, Deserialize)]
pub struct Past<'a> {
    offset: Offset,
    time: u64,
    #[serde(borrow)]
    sender: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    base64: Option<Text<'a>>,
}

impl<'a> Past<'a> {
    /// Converts it to a frame's message.
    pub(super) fn read(self) -> Result<frame::Past<'a>, FrameError> {
        let Self { offset, time, sender, text, base64 } = self;
        Ok(frame::Past { offset, time, sender, payload: payload_of(text, base64)? })
    }

    /// Converts a frame's message.
    pub fn of(past: &'a frame::Past<'_>) -> Self {
        let (text, base64) = text_or_base64(&past.payload);
        let sender = Cow::Borrowed(&*past.sender);
        Self { offset: past.offset, time: past.time, sender, text, base64 }
    }
}

/// Returns the payload of a line, which has exactly one of the two fields.
pub(super) fn payload_of<'a>(
    text: Option<Text<'a>>,
    base64: Option<Text<'a>>,
) -> Result<Cow<'a, [u8]>, FrameError> {
    match (text, base64) {
        (Some(Text(Cow::Borrowed(text))), None) => Ok(Cow::Borrowed(text.as_bytes())),
        (Some(Text(Cow::Owned(text))), None) => Ok(Cow::Owned(text.into_bytes())),
        (None, Some(Text(coded))) => BASE64
            .decode(coded.as_bytes())
            .map(Cow::Owned)
            .map_err(|_| FrameError::Malformed("\"base64\" is not base64")),
        _ => Err(FrameError::Malformed("a payload is either \"text\" or \"base64\"")),
    }
}

/// Encodes a payload, the inverse of [`payload_of`]. In JSON most control characters take six
/// bytes: as text, zeros of the longest payload would make a line three times longer than
/// [`line_max`](super::line_max).
pub(super) fn text_or_base64(payload: &[u8]) -> (Option<Text<'_>>, Option<Text<'_>>) {
    let is_plain = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r');
    // The minimum of all bytes is found with SIMD, and decides for nearly every text.
    let least = payload.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    match std::str::from_utf8(payload) {
        Ok(text) if least >= 0x20 || payload.iter().all(is_plain) => {
            (Some(Text(Cow::Borrowed(text))), None)
        }
        _ => (None, Some(Text(Cow::Owned(BASE64.encode(payload))))),
    }
}

/// Returns the length of a payload in a line, without the quotes around it.
pub fn payload_length(payload: &[u8]) -> usize {
    match text_or_base64(payload) {
        (Some(Text(text)), _) => text.len() + text.bytes().filter(|byte| is_escaped(*byte)).count(),
        (None, coded) => coded.map_or(0, |Text(coded)| coded.len()),
    }
}

/// True if a byte of a text takes two bytes.
fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | b'\t' | b'\n' | b'\r')
}
