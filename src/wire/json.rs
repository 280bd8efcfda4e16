//! The JSON spelling: one object per line, its verb under `type`. The same verbs and fields as
//! [`binary`](super::binary), with two differences that JSON makes necessary. 64-bit numbers that
//! the relay chooses (`id`, `key`, `epoch`) are 16 hexadecimal digits, because many readers of JSON
//! keep only 53 bits. A payload is written as `"text"` when it is UTF-8 without control characters
//! (tab and line ends aside), else as `"base64"`; so no payload more than doubles.

use super::frame::{ClientFrame, FrameError, Resume, ServerFrame};
use super::{Parsed, line};
use crate::id::{Epoch, Offset};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Longest line for a given longest payload: room for base64 (4/3), or for text with many escapes.
pub fn line_max(message_max: usize) -> usize {
    message_max * 2 + 4096
}

/// Parses the first line a client sent.
///
/// # Errors
/// See [`FrameError`]; the connection cannot go on.
pub fn parse_client(bytes: &[u8], max: usize) -> Result<Parsed<ClientFrame<'_>>, FrameError> {
    parse::<Client<'_>, _>(
        bytes,
        max,
        "that line is not a JSON object of a known verb",
        TryInto::try_into,
    )
}

/// Parses the first line a relay sent.
///
/// # Errors
/// See [`FrameError`]; the connection cannot go on.
pub fn parse_server(bytes: &[u8], max: usize) -> Result<Parsed<ServerFrame<'_>>, FrameError> {
    parse::<Server<'_>, _>(
        bytes,
        max,
        "that line is not a JSON object of a known verb",
        TryInto::try_into,
    )
}

/// Appends what a client says, with its newline.
pub fn write_client(frame: &ClientFrame<'_>, out: &mut Vec<u8>) {
    write(&Client::from(frame), out);
}

/// Appends what the relay says, with its newline.
pub fn write_server(frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
    write(&Server::from(frame), out);
}

fn parse<'a, L: Deserialize<'a>, F>(
    bytes: &'a [u8],
    max: usize,
    complaint: &'static str,
    convert: impl FnOnce(L) -> Result<F, FrameError>,
) -> Result<Parsed<F>, FrameError> {
    match line::parse(bytes, max) {
        Err(line::LineTooLong) => Err(FrameError::TooLong { length: bytes.len(), max }),
        Ok(Parsed::Partial) => Ok(Parsed::Partial),
        Ok(Parsed::Complete(text, used)) => {
            // serde_json stops at a nesting of 128, so depth costs a stranger nothing of ours.
            let line =
                serde_json::from_slice(text).map_err(|_| FrameError::Malformed(complaint))?;
            Ok(Parsed::Complete(convert(line)?, used))
        }
    }
}

fn write(line: &impl Serialize, out: &mut Vec<u8>) {
    // Writing plain data to memory has no way to fail.
    let written = serde_json::to_writer(&mut *out, line);
    debug_assert!(written.is_ok());
    out.push(b'\n');
}

/// 64 bits as 16 hexadecimal digits.
#[derive(Clone, Copy)]
struct Hex(u64);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let plain = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u64::from_str_radix(&text, 16) {
            Ok(number) if plain => Ok(Self(number)),
            _ => Err(serde::de::Error::custom("expected 1 to 16 hexadecimal digits")),
        }
    }
}

/// A payload as it lies in a line: exactly one of the two.
#[derive(Serialize, Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    base64: Option<Cow<'a, str>>,
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        let is_plain = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r');
        match std::str::from_utf8(bytes) {
            Ok(text) if bytes.iter().all(is_plain) => {
                Self { text: Some(Cow::Borrowed(text)), base64: None }
            }
            _ => Self { text: None, base64: Some(Cow::Owned(BASE64.encode(bytes))) },
        }
    }
}

impl<'a> TryFrom<Payload<'a>> for Cow<'a, [u8]> {
    type Error = FrameError;

    fn try_from(payload: Payload<'a>) -> Result<Self, FrameError> {
        match payload {
            Payload { text: Some(Cow::Borrowed(text)), base64: None } => {
                Ok(Cow::Borrowed(text.as_bytes()))
            }
            Payload { text: Some(Cow::Owned(text)), base64: None } => {
                Ok(Cow::Owned(text.into_bytes()))
            }
            Payload { text: None, base64: Some(coded) } => BASE64
                .decode(coded.as_bytes())
                .map(Cow::Owned)
                .map_err(|_| FrameError::Malformed("\"base64\" is not base64")),
            _ => Err(FrameError::Malformed("a payload is either \"text\" or \"base64\"")),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Client<'a> {
    Hello {
        version: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Hex>,
        #[serde(borrow, default)]
        name: Cow<'a, str>,
    },
    Join {
        #[serde(default)]
        request: u64,
        #[serde(borrow)]
        room: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<Hex>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<Offset>,
    },
    Leave {
        #[serde(default)]
        request: u64,
        room: u32,
    },
    Say {
        room: u32,
        #[serde(default)]
        id: u64,
        #[serde(default = "yes")]
        echo: bool,
        #[serde(borrow, flatten)]
        payload: Payload<'a>,
    },
    Members {
        #[serde(default)]
        request: u64,
        room: u32,
    },
    Ping {
        #[serde(default)]
        token: u64,
    },
    Pong {
        #[serde(default)]
        token: u64,
    },
    Bye {},
}

fn yes() -> bool {
    true
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Server<'a> {
    Welcome {
        version: u16,
        id: Hex,
        key: Hex,
        max_message: u32,
        max_rooms: u32,
        ping_ms: u32,
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    Joined {
        request: u64,
        room: u32,
        #[serde(borrow)]
        name: Cow<'a, str>,
        recovered: bool,
        epoch: Hex,
        head: Offset,
        oldest: Offset,
        members: u32,
    },
    Left {
        request: u64,
        room: u32,
        offset: Offset,
    },
    Ack {
        room: u32,
        id: u64,
        offset: Offset,
    },
    Message {
        room: u32,
        offset: Offset,
        time: u64,
        #[serde(borrow)]
        sender: Cow<'a, str>,
        #[serde(borrow, flatten)]
        payload: Payload<'a>,
    },
    Came {
        room: u32,
        count: u32,
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    Went {
        room: u32,
        count: u32,
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    Members {
        request: u64,
        room: u32,
        count: u32,
        #[serde(borrow)]
        names: Vec<Cow<'a, str>>,
    },
    Gap {
        room: u32,
        from: Offset,
        to: Offset,
    },
    Ping {
        token: u64,
    },
    Pong {
        token: u64,
    },
    Error {
        code: u16,
        request: u64,
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    Bye {
        code: u16,
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
}

/// The same text, borrowed from `text` for as long as it lives.
fn lend<'a>(text: &'a Cow<'_, str>) -> Cow<'a, str> {
    Cow::Borrowed(text)
}

impl<'a> From<&'a ClientFrame<'_>> for Client<'a> {
    fn from(frame: &'a ClientFrame<'_>) -> Self {
        match frame {
            ClientFrame::Hello { version, key, name } => Self::Hello {
                version: *version,
                key: (*key != 0).then_some(Hex(*key)),
                name: lend(name),
            },
            ClientFrame::Join { request, resume, room } => Self::Join {
                request: *request,
                room: lend(room),
                epoch: resume.map(|resume| Hex(resume.epoch.0)),
                offset: resume.map(|resume| resume.offset),
            },
            &ClientFrame::Leave { request, room } => Self::Leave { request, room },
            ClientFrame::Say { room, id, echo, payload } => {
                Self::Say { room: *room, id: *id, echo: *echo, payload: (&**payload).into() }
            }
            &ClientFrame::Members { request, room } => Self::Members { request, room },
            &ClientFrame::Ping { token } => Self::Ping { token },
            &ClientFrame::Pong { token } => Self::Pong { token },
            ClientFrame::Bye => Self::Bye {},
        }
    }
}

impl<'a> TryFrom<Client<'a>> for ClientFrame<'a> {
    type Error = FrameError;

    fn try_from(line: Client<'a>) -> Result<Self, FrameError> {
        Ok(match line {
            Client::Hello { version, key, name } => {
                Self::Hello { version, key: key.map_or(0, |key| key.0), name }
            }
            Client::Join { request, room, epoch, offset } => {
                let resume = match (epoch, offset) {
                    (Some(Hex(epoch)), Some(offset)) => {
                        Some(Resume { epoch: Epoch(epoch), offset })
                    }
                    (None, None) => None,
                    _ => return Err(FrameError::Malformed("\"epoch\" and \"offset\" go together")),
                };
                Self::Join { request, resume, room }
            }
            Client::Leave { request, room } => Self::Leave { request, room },
            Client::Say { room, id, echo, payload } => {
                Self::Say { room, id, echo, payload: payload.try_into()? }
            }
            Client::Members { request, room } => Self::Members { request, room },
            Client::Ping { token } => Self::Ping { token },
            Client::Pong { token } => Self::Pong { token },
            Client::Bye {} => Self::Bye,
        })
    }
}

impl<'a> From<&'a ServerFrame<'_>> for Server<'a> {
    fn from(frame: &'a ServerFrame<'_>) -> Self {
        match frame {
            ServerFrame::Welcome { version, id, key, max_message, max_rooms, ping_ms, name } => {
                Self::Welcome {
                    version: *version,
                    id: Hex(*id),
                    key: Hex(*key),
                    max_message: *max_message,
                    max_rooms: *max_rooms,
                    ping_ms: *ping_ms,
                    name: lend(name),
                }
            }
            ServerFrame::Joined {
                request,
                room,
                recovered,
                epoch,
                head,
                oldest,
                members,
                name,
            } => Self::Joined {
                request: *request,
                room: *room,
                name: lend(name),
                recovered: *recovered,
                epoch: Hex(epoch.0),
                head: *head,
                oldest: *oldest,
                members: *members,
            },
            &ServerFrame::Left { request, room, offset } => Self::Left { request, room, offset },
            &ServerFrame::Ack { room, id, offset } => Self::Ack { room, id, offset },
            ServerFrame::Message { room, offset, time, sender, payload } => Self::Message {
                room: *room,
                offset: *offset,
                time: *time,
                sender: lend(sender),
                payload: (&**payload).into(),
            },
            ServerFrame::Came { room, count, name } => {
                Self::Came { room: *room, count: *count, name: lend(name) }
            }
            ServerFrame::Went { room, count, name } => {
                Self::Went { room: *room, count: *count, name: lend(name) }
            }
            ServerFrame::Members { request, room, count, names } => Self::Members {
                request: *request,
                room: *room,
                count: *count,
                names: names.iter().map(lend).collect(),
            },
            &ServerFrame::Gap { room, from, to } => Self::Gap { room, from, to },
            &ServerFrame::Ping { token } => Self::Ping { token },
            &ServerFrame::Pong { token } => Self::Pong { token },
            ServerFrame::Error { code, request, text } => {
                Self::Error { code: *code, request: *request, text: lend(text) }
            }
            ServerFrame::Bye { code, text } => Self::Bye { code: *code, text: lend(text) },
        }
    }
}

impl<'a> TryFrom<Server<'a>> for ServerFrame<'a> {
    type Error = FrameError;

    fn try_from(line: Server<'a>) -> Result<Self, FrameError> {
        Ok(match line {
            Server::Welcome { version, id, key, max_message, max_rooms, ping_ms, name } => {
                let (id, key) = (id.0, key.0);
                Self::Welcome { version, id, key, max_message, max_rooms, ping_ms, name }
            }
            Server::Joined { request, room, name, recovered, epoch, head, oldest, members } => {
                let epoch = Epoch(epoch.0);
                Self::Joined { request, room, recovered, epoch, head, oldest, members, name }
            }
            Server::Left { request, room, offset } => Self::Left { request, room, offset },
            Server::Ack { room, id, offset } => Self::Ack { room, id, offset },
            Server::Message { room, offset, time, sender, payload } => {
                Self::Message { room, offset, time, sender, payload: payload.try_into()? }
            }
            Server::Came { room, count, name } => Self::Came { room, count, name },
            Server::Went { room, count, name } => Self::Went { room, count, name },
            Server::Members { request, room, count, names } => {
                Self::Members { request, room, count, names }
            }
            Server::Gap { room, from, to } => Self::Gap { room, from, to },
            Server::Ping { token } => Self::Ping { token },
            Server::Pong { token } => Self::Pong { token },
            Server::Error { code, request, text } => Self::Error { code, request, text },
            Server::Bye { code, text } => Self::Bye { code, text },
        })
    }
}
