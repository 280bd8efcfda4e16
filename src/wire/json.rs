//! The JSON spelling: one object per line, its verb under `type`. The same verbs and fields as
//! [`binary`](super::binary), with two differences that JSON makes necessary. 64-bit numbers that
//! the relay chooses (`id`, `key`, `epoch`) are 16 hexadecimal digits, because many readers of JSON
//! keep only 53 bits. A payload is written as `"text"` when it is UTF-8 without control characters
//! (tab and line ends aside), else as `"base64"`; so no payload more than doubles.

use super::frame::{self, ClientFrame, FrameError, Resume, ServerFrame, Side};
use super::{Parsed, line};
use crate::id::{Epoch, Offset};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Longest line for a given longest payload, either way: room for base64 (4/3), or for text of
/// which every character needs a short escape (2). The other fields take far less than 4 KiB.
pub fn line_max(message_max: usize) -> usize {
    message_max * 2 + 4096
}

/// Parses the first line a client sent.
///
/// # Errors
/// See [`FrameError`]; the connection cannot go on.
pub fn parse_client(bytes: &[u8], max: usize) -> Result<Parsed<ClientFrame<'_>>, FrameError> {
    parse(bytes, max, client_of)
}

/// Parses the first line a relay sent.
///
/// # Errors
/// See [`FrameError`]; the connection cannot go on.
pub fn parse_server(bytes: &[u8], max: usize) -> Result<Parsed<ServerFrame<'_>>, FrameError> {
    parse(bytes, max, server_of)
}

/// Appends what a client says, with its newline.
pub fn write_client(frame: &ClientFrame<'_>, out: &mut Vec<u8>) {
    write(&Client::from(frame), out);
}

/// Appends what the relay says, with its newline.
pub fn write_server(frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
    write(&Server::from(frame), out);
}

/// Reads a line twice: first for its verb alone, then for that verb's fields. serde's own way with
/// a tag inside the object is to keep every field in memory until the tag is found, 16 bytes for
/// each byte that a stranger chose to send. Here what has no meaning is passed over where it lies,
/// without recursion, however deeply it is nested.
fn parse<'a, F>(
    bytes: &'a [u8],
    max: usize,
    read: impl FnOnce(&str, &'a [u8]) -> Result<F, FrameError>,
) -> Result<Parsed<F>, FrameError> {
    match line::parse(bytes, max) {
        Err(line::LineTooLong) => Err(FrameError::TooLong { length: bytes.len(), max }),
        Ok(Parsed::Partial) => Ok(Parsed::Partial),
        Ok(Parsed::Complete(line, used)) => Ok(Parsed::Complete(read_object(line, read)?, used)),
    }
}

/// Reads what a client said, without a newline behind it: a WebSocket message has its own end.
///
/// # Errors
/// See [`FrameError`].
pub fn read_client(object: &[u8]) -> Result<ClientFrame<'_>, FrameError> {
    read_object(object, client_of)
}

fn read_object<'a, F>(
    object: &'a [u8],
    read: impl FnOnce(&str, &'a [u8]) -> Result<F, FrameError>,
) -> Result<F, FrameError> {
    // serde would also take an array of the fields in their order: a spelling nobody meant.
    if !object.trim_ascii_start().starts_with(b"{") {
        return Err(FrameError::Malformed("a line is one JSON object"));
    }
    let Verb { verb } = serde_json::from_slice(object)
        .map_err(|_| FrameError::Malformed("that line is not a JSON object with one \"type\""))?;
    read(&verb, object)
}

fn fields<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, FrameError> {
    serde_json::from_slice(line).map_err(|_| {
        FrameError::Malformed("a field is missing, given twice, or not what its verb needs")
    })
}

fn write(line: &impl Serialize, out: &mut Vec<u8>) {
    // Writing plain data to memory has no way to fail.
    let written = serde_json::to_writer(&mut *out, line);
    debug_assert!(written.is_ok());
    out.push(b'\n');
}

#[derive(Deserialize)]
struct Verb<'a> {
    #[serde(borrow, rename = "type")]
    verb: Cow<'a, str>,
}

const UNKNOWN_VERB: FrameError = FrameError::Malformed("no verb has that \"type\"");

fn client_of<'a>(verb: &str, line: &'a [u8]) -> Result<ClientFrame<'a>, FrameError> {
    Ok(match verb {
        "hello" => {
            let Hello { version, private, key, name } = fields(line)?;
            ClientFrame::Hello { version, private, key: key.map_or(0, |key| key.0), name }
        }
        "join" => {
            let Join { request, room, key, epoch, offset } = fields(line)?;
            let resume = match (epoch, offset) {
                (Some(Hex(epoch)), Some(offset)) => Some(Resume { epoch: Epoch(epoch), offset }),
                (None, None) => None,
                _ => return Err(FrameError::Malformed("\"epoch\" and \"offset\" go together")),
            };
            ClientFrame::Join { request, resume, key: key.map(|key| key.0), room }
        }
        "leave" => {
            let InRoom { request, room } = fields(line)?;
            ClientFrame::Leave { request, room }
        }
        "say" => {
            let Say { room, id, echo, text, base64 } = fields(line)?;
            ClientFrame::Say { room, id, echo, payload: payload(text, base64)? }
        }
        "members" => {
            let InRoom { request, room } = fields(line)?;
            ClientFrame::Members { request, room }
        }
        "history" => {
            let History { request, room, before, after, limit } = fields(line)?;
            let side = match (before, after) {
                (before, None) => Side::Before(before.unwrap_or(0)),
                (None, Some(after)) => Side::After(after),
                _ => return Err(FrameError::Malformed("either \"before\" or \"after\"")),
            };
            ClientFrame::History { request, room, side, limit }
        }
        "tell" => {
            let Tell { request, name, notice, text, base64 } = fields(line)?;
            ClientFrame::Tell { request, notice, name, payload: payload(text, base64)? }
        }
        "ping" => ClientFrame::Ping { token: fields::<Token>(line)?.token },
        "pong" => ClientFrame::Pong { token: fields::<Token>(line)?.token },
        "bye" => ClientFrame::Bye,
        _ => return Err(UNKNOWN_VERB),
    })
}

fn server_of<'a>(verb: &str, line: &'a [u8]) -> Result<ServerFrame<'a>, FrameError> {
    Ok(match verb {
        "welcome" => {
            let Welcome { version, id, key, max_message, max_rooms, ping_ms, name } = fields(line)?;
            let (id, key) = (id.0, key.0);
            ServerFrame::Welcome { version, id, key, max_message, max_rooms, ping_ms, name }
        }
        "joined" => {
            let Joined { request, room, name, recovered, epoch, head, oldest, members } =
                fields(line)?;
            let epoch = Epoch(epoch.0);
            ServerFrame::Joined { request, room, recovered, epoch, head, oldest, members, name }
        }
        "left" => {
            let Left { request, room, offset } = fields(line)?;
            ServerFrame::Left { request, room, offset }
        }
        "ack" => {
            let Ack { room, id, offset } = fields(line)?;
            ServerFrame::Ack { room, id, offset }
        }
        "message" => {
            let Message { room, offset, time, sender, text, base64 } = fields(line)?;
            ServerFrame::Message { room, offset, time, sender, payload: payload(text, base64)? }
        }
        "came" => {
            let Presence { room, count, name } = fields(line)?;
            ServerFrame::Came { room, count, name }
        }
        "went" => {
            let Presence { room, count, name } = fields(line)?;
            ServerFrame::Went { room, count, name }
        }
        "members" => {
            let Members { request, room, count, names } = fields(line)?;
            let names = names.into_iter().map(|name| name.0).collect();
            ServerFrame::Members { request, room, count, names }
        }
        "history" => {
            let Page { request, room, oldest, messages } = fields(line)?;
            let messages = messages.into_iter().map(Past::read).collect::<Result<_, _>>()?;
            ServerFrame::History { request, room, oldest, messages }
        }
        "gap" => {
            let Gap { room, from, to } = fields(line)?;
            ServerFrame::Gap { room, from, to }
        }
        "told" => {
            let Told { time, sender, notice, text, base64 } = fields(line)?;
            ServerFrame::Told { time, notice, sender, payload: payload(text, base64)? }
        }
        "passed" => {
            let Passed { request, time, away } = fields(line)?;
            ServerFrame::Passed { request, time, away }
        }
        "ping" => ServerFrame::Ping { token: fields::<Token>(line)?.token },
        "pong" => ServerFrame::Pong { token: fields::<Token>(line)?.token },
        "error" => {
            let Error { code, request, text } = fields(line)?;
            ServerFrame::Error { code, request, text }
        }
        "bye" => {
            let Bye { code, text } = fields(line)?;
            ServerFrame::Bye { code, text }
        }
        _ => return Err(UNKNOWN_VERB),
    })
}

/// 64 bits as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Hex(u64);

impl Hex {
    /// An epoch, as it is written.
    pub fn of(epoch: Epoch) -> Self {
        Self(epoch.0)
    }

    /// Reads 1 to 16 digits.
    pub fn parse(text: &str) -> Option<u64> {
        let plain = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| plain)
    }
}

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let number = Self::parse(&text).map(Self);
        number.ok_or_else(|| serde::de::Error::custom("expected 1 to 16 hexadecimal digits"))
    }
}

/// A text that is borrowed from the line also where it is optional or one of many: serde sees
/// through `Cow` only when it stands alone.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A payload as it lies in a line: exactly one of the two.
fn payload<'a>(
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

/// The reverse of [`payload`]. In JSON most control characters take six bytes each: written as text,
/// zeros of the longest allowed payload would make a line three times longer than a reader who keeps
/// to [`line_max`] accepts.
fn text_or_base64(payload: &[u8]) -> (Option<Text<'_>>, Option<Text<'_>>) {
    let is_plain = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r');
    // The least of all bytes is found for many at a time, and answers for nearly every text.
    let least = payload.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    match std::str::from_utf8(payload) {
        Ok(text) if least >= 0x20 || payload.iter().all(is_plain) => {
            (Some(Text(Cow::Borrowed(text))), None)
        }
        _ => (None, Some(Text(Cow::Owned(BASE64.encode(payload))))),
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Client<'a> {
    Hello(Hello<'a>),
    Join(Join<'a>),
    Leave(InRoom),
    Say(Say<'a>),
    Members(InRoom),
    History(History),
    Tell(Tell<'a>),
    Ping(Token),
    Pong(Token),
    Bye {},
}

#[derive(Serialize, Deserialize)]
struct Hello<'a> {
    version: u16,
    #[serde(default, skip_serializing_if = "is_false")]
    private: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Hex>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Join<'a> {
    #[serde(default)]
    request: u64,
    #[serde(borrow)]
    room: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<Hex>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<Offset>,
}

/// `leave` and `members`.
#[derive(Serialize, Deserialize)]
struct InRoom {
    #[serde(default)]
    request: u64,
    room: u32,
}

#[derive(Serialize, Deserialize)]
struct Say<'a> {
    room: u32,
    #[serde(default)]
    id: u64,
    #[serde(default = "yes")]
    echo: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    base64: Option<Text<'a>>,
}

fn yes() -> bool {
    true
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Serialize, Deserialize)]
struct Tell<'a> {
    #[serde(default)]
    request: u64,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    notice: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    base64: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct History {
    #[serde(default)]
    request: u64,
    room: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Offset>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Offset>,
    #[serde(default)]
    limit: u32,
}

/// `ping` and `pong`, either way.
#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(default)]
    token: u64,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Server<'a> {
    Welcome(Welcome<'a>),
    Joined(Joined<'a>),
    Left(Left),
    Ack(Ack),
    Message(Message<'a>),
    Came(Presence<'a>),
    Went(Presence<'a>),
    Members(Members<'a>),
    History(Page<'a>),
    Gap(Gap),
    Told(Told<'a>),
    Passed(Passed<'a>),
    Ping(Token),
    Pong(Token),
    Error(Error<'a>),
    Bye(Bye<'a>),
}

#[derive(Serialize, Deserialize)]
struct Welcome<'a> {
    version: u16,
    id: Hex,
    key: Hex,
    max_message: u32,
    max_rooms: u32,
    ping_ms: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Joined<'a> {
    request: u64,
    room: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    recovered: bool,
    epoch: Hex,
    head: Offset,
    oldest: Offset,
    members: u32,
}

#[derive(Serialize, Deserialize)]
struct Left {
    request: u64,
    room: u32,
    offset: Offset,
}

#[derive(Serialize, Deserialize)]
struct Ack {
    room: u32,
    id: u64,
    offset: Offset,
}

#[derive(Serialize, Deserialize)]
struct Message<'a> {
    room: u32,
    offset: Offset,
    time: u64,
    #[serde(borrow)]
    sender: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    base64: Option<Text<'a>>,
}

/// `came` and `went`.
#[derive(Serialize, Deserialize)]
struct Presence<'a> {
    room: u32,
    count: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Members<'a> {
    request: u64,
    room: u32,
    count: u32,
    #[serde(borrow)]
    names: Vec<Text<'a>>,
}

/// `history`, answered.
#[derive(Serialize, Deserialize)]
struct Page<'a> {
    request: u64,
    room: u32,
    oldest: Offset,
    #[serde(borrow)]
    messages: Vec<Past<'a>>,
}

/// A message among others: that of `message`, less the room.
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
    fn read(self) -> Result<frame::Past<'a>, FrameError> {
        let Self { offset, time, sender, text, base64 } = self;
        Ok(frame::Past { offset, time, sender, payload: payload(text, base64)? })
    }

    /// As it is written.
    pub fn of(past: &'a frame::Past<'_>) -> Self {
        let (text, base64) = text_or_base64(&past.payload);
        Self { offset: past.offset, time: past.time, sender: lend(&past.sender), text, base64 }
    }
}

#[derive(Serialize, Deserialize)]
struct Gap {
    room: u32,
    from: Offset,
    to: Offset,
}

#[derive(Serialize, Deserialize)]
struct Told<'a> {
    time: u64,
    #[serde(borrow)]
    sender: Cow<'a, str>,
    notice: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    base64: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Passed<'a> {
    request: u64,
    time: u64,
    #[serde(borrow)]
    away: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Error<'a> {
    code: u16,
    request: u64,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Bye<'a> {
    code: u16,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

/// The same text, borrowed.
fn lend(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

impl<'a> From<&'a ClientFrame<'_>> for Client<'a> {
    fn from(frame: &'a ClientFrame<'_>) -> Self {
        match frame {
            ClientFrame::Hello { version, private, key, name } => {
                let key = (*key != 0).then_some(Hex(*key));
                let (version, private) = (*version, *private);
                Self::Hello(Hello { version, private, key, name: lend(name) })
            }
            ClientFrame::Join { request, resume, key, room } => Self::Join(Join {
                request: *request,
                room: lend(room),
                key: key.as_deref().map(|key| Text(lend(key))),
                epoch: resume.map(|resume| Hex(resume.epoch.0)),
                offset: resume.map(|resume| resume.offset),
            }),
            &ClientFrame::Leave { request, room } => Self::Leave(InRoom { request, room }),
            ClientFrame::Say { room, id, echo, payload } => {
                let (text, base64) = text_or_base64(payload);
                Self::Say(Say { room: *room, id: *id, echo: *echo, text, base64 })
            }
            &ClientFrame::Members { request, room } => Self::Members(InRoom { request, room }),
            &ClientFrame::History { request, room, side, limit } => {
                let (before, after) = match side {
                    Side::Before(offset) => (Some(offset), None),
                    Side::After(offset) => (None, Some(offset)),
                };
                Self::History(History { request, room, before, after, limit })
            }
            ClientFrame::Tell { request, notice, name, payload } => {
                let (text, base64) = text_or_base64(payload);
                let (request, notice) = (*request, *notice);
                Self::Tell(Tell { request, name: lend(name), notice, text, base64 })
            }
            &ClientFrame::Ping { token } => Self::Ping(Token { token }),
            &ClientFrame::Pong { token } => Self::Pong(Token { token }),
            ClientFrame::Bye => Self::Bye {},
        }
    }
}

impl<'a> From<&'a ServerFrame<'_>> for Server<'a> {
    fn from(frame: &'a ServerFrame<'_>) -> Self {
        match frame {
            ServerFrame::Welcome { version, id, key, max_message, max_rooms, ping_ms, name } => {
                Self::Welcome(Welcome {
                    version: *version,
                    id: Hex(*id),
                    key: Hex(*key),
                    max_message: *max_message,
                    max_rooms: *max_rooms,
                    ping_ms: *ping_ms,
                    name: lend(name),
                })
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
            } => Self::Joined(Joined {
                request: *request,
                room: *room,
                name: lend(name),
                recovered: *recovered,
                epoch: Hex(epoch.0),
                head: *head,
                oldest: *oldest,
                members: *members,
            }),
            &ServerFrame::Left { request, room, offset } => {
                Self::Left(Left { request, room, offset })
            }
            &ServerFrame::Ack { room, id, offset } => Self::Ack(Ack { room, id, offset }),
            ServerFrame::Message { room, offset, time, sender, payload } => {
                let (text, base64) = text_or_base64(payload);
                Self::Message(Message {
                    room: *room,
                    offset: *offset,
                    time: *time,
                    sender: lend(sender),
                    text,
                    base64,
                })
            }
            ServerFrame::Came { room, count, name } => {
                Self::Came(Presence { room: *room, count: *count, name: lend(name) })
            }
            ServerFrame::Went { room, count, name } => {
                Self::Went(Presence { room: *room, count: *count, name: lend(name) })
            }
            ServerFrame::Members { request, room, count, names } => Self::Members(Members {
                request: *request,
                room: *room,
                count: *count,
                names: names.iter().map(|name| Text(lend(name))).collect(),
            }),
            ServerFrame::History { request, room, oldest, messages } => Self::History(Page {
                request: *request,
                room: *room,
                oldest: *oldest,
                messages: messages.iter().map(Past::of).collect(),
            }),
            &ServerFrame::Gap { room, from, to } => Self::Gap(Gap { room, from, to }),
            ServerFrame::Told { time, notice, sender, payload } => {
                let (text, base64) = text_or_base64(payload);
                let (time, notice) = (*time, *notice);
                Self::Told(Told { time, sender: lend(sender), notice, text, base64 })
            }
            ServerFrame::Passed { request, time, away } => {
                Self::Passed(Passed { request: *request, time: *time, away: lend(away) })
            }
            &ServerFrame::Ping { token } => Self::Ping(Token { token }),
            &ServerFrame::Pong { token } => Self::Pong(Token { token }),
            ServerFrame::Error { code, request, text } => {
                Self::Error(Error { code: *code, request: *request, text: lend(text) })
            }
            ServerFrame::Bye { code, text } => Self::Bye(Bye { code: *code, text: lend(text) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::arbitrary;
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 1 << 20;

    fn client_line(line: &str) -> Result<ClientFrame<'_>, FrameError> {
        match parse_client(line.as_bytes(), usize::MAX)? {
            Parsed::Complete(frame, used) => {
                assert_eq!(used, line.len());
                Ok(frame)
            }
            Parsed::Partial => panic!("no newline in {line:?}"),
        }
    }

    fn refused(line: &str) -> bool {
        matches!(client_line(line), Err(FrameError::Malformed(_)))
    }

    #[test]
    fn unknown_fields_are_passed_over_and_missing_ones_have_defaults() {
        let say = "{\"type\":\"say\",\"room\":1,\"text\":\"hi\"}\n";
        let expected = ClientFrame::Say { room: 1, id: 0, echo: true, payload: b"hi".into() };
        assert_eq!(client_line(say), Ok(expected.clone()));
        let say = "{\"color\":[{\"a\":1e999}],\"text\":\"hi\",\"base64\":null,\"room\":1,\"type\":\"say\"}\r\n";
        assert_eq!(client_line(say), Ok(expected));
    }

    #[test]
    fn a_line_is_one_object_and_says_each_thing_once() {
        assert!(refused("[\"leave\",1,2]\n"), "serde would read this as a leave");
        assert!(refused("\n"));
        assert!(refused("{\"type\":\"bye\"} {}\n"));
        assert!(refused("{\"type\":\"bye\",\"type\":\"bye\"}\n"));
        assert!(refused("{\"type\":\"leave\",\"room\":1,\"room\":2}\n"));
        assert!(refused("{\"type\":\"say\",\"room\":1}\n"));
        assert!(refused("{\"type\":\"say\",\"room\":1,\"text\":\"\",\"base64\":\"\"}\n"));
        assert!(refused("{\"type\":\"join\",\"room\":\"r\",\"offset\":1}\n"));
        assert!(
            refused("{\"type\":\"say\",\"room\":1,\"text\":\"\\ud800\"}\n"),
            "a lone surrogate"
        );
    }

    /// Fault P8, on a stack so small that recursion would end the process.
    #[test]
    fn fault_p8_depth_costs_no_stack() {
        let deep = || {
            let (open, close) = ("[".repeat(500_000), "]".repeat(500_000));
            assert!(refused(&format!("{{\"type\":\"ping\",\"x\":{open}\n")));
            assert!(refused(&format!("{open}\n")));
            assert!(refused(&format!("{{\"type\":\"ping\",\"token\":{open}{close}}}\n")));
            assert!(refused(&format!("{{\"type\":{open}{close}}}\n")));
            let objects = "{\"x\":".repeat(500_000);
            assert!(refused(&format!("{objects}\n")));
            // Whole and in a field without meaning: passed over like any other.
            let ping = format!("{{\"type\":\"ping\",\"x\":{open}{close}}}\n");
            assert_eq!(client_line(&ping), Ok(ClientFrame::Ping { token: 0 }));
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(deep).unwrap().join().unwrap();
    }

    #[test]
    fn the_limit_counts_the_line_with_its_newline() {
        let line = "{\"type\":\"bye\"}\n";
        for max in [line.len(), line.len() + 1] {
            assert_eq!(
                parse_client(line.as_bytes(), max),
                Ok(Parsed::Complete(ClientFrame::Bye, line.len()))
            );
        }
        let max = line.len() - 1;
        for bytes in [line.as_bytes(), &line.as_bytes()[..max]] {
            let length = bytes.len();
            assert_eq!(parse_client(bytes, max), Err(FrameError::TooLong { length, max }));
        }
        assert_eq!(parse_client(&line.as_bytes()[..max - 1], max), Ok(Parsed::Partial));
    }

    /// A relay's longest line must be one that a reader with the same limit takes.
    #[test]
    fn no_payload_makes_a_line_longer_than_its_limit() {
        const MESSAGE_MAX: usize = 64 << 10;
        for byte in 0..=u8::MAX {
            let message = ServerFrame::Message {
                room: u32::MAX,
                offset: u64::MAX,
                time: u64::MAX,
                sender: "\"".repeat(64).into(),
                payload: vec![byte; MESSAGE_MAX].into(),
            };
            let bytes = server_bytes(&message);
            let whole = Ok(Parsed::Complete(message, bytes.len()));
            assert_eq!(parse_server(&bytes, line_max(MESSAGE_MAX)), whole);
        }
    }

    #[test]
    fn lines_of_text_stay_readable() {
        let written = |payload: &'static [u8]| {
            let say = ClientFrame::Say { room: 1, id: 0, echo: true, payload: payload.into() };
            String::from_utf8(client_bytes(&say)).unwrap()
        };
        assert!(written(b"a\tb\r\n\"c\"").contains(r#""text":"a\tb\r\n\"c\"""#));
        assert!(written("zo\u{eb} \u{7f}\u{85}".as_bytes()).contains("\"text\":"));
        assert!(written(b"\x1b[1m").contains(r#""base64":"G1sxbQ==""#));
        assert!(written(b"\xff").contains(r#""base64":"/w==""#));
    }

    fn client_bytes(frame: &ClientFrame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write_client(frame, &mut out);
        out
    }

    fn server_bytes(frame: &ServerFrame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write_server(frame, &mut out);
        out
    }

    proptest! {
        #[test]
        fn client_frames_survive_and_a_cut_anywhere_waits(frame in arbitrary::client_frame()) {
            let mut bytes = client_bytes(&frame);
            let length = bytes.len();
            bytes.extend_from_slice(b"{\n");
            for cut in 0..length {
                prop_assert_eq!(parse_client(&bytes[..cut], MAX), Ok(Parsed::Partial), "cut at {}", cut);
            }
            for cut in length..=bytes.len() {
                let whole = parse_client(&bytes[..cut], MAX);
                prop_assert_eq!(whole, Ok(Parsed::Complete(frame.clone(), length)));
            }
        }

        #[test]
        fn server_frames_survive_and_a_cut_anywhere_waits(frame in arbitrary::server_frame()) {
            let mut bytes = server_bytes(&frame);
            let length = bytes.len();
            bytes.extend_from_slice(b"{\n");
            for cut in 0..length {
                prop_assert_eq!(parse_server(&bytes[..cut], MAX), Ok(Parsed::Partial), "cut at {}", cut);
            }
            for cut in length..=bytes.len() {
                let whole = parse_server(&bytes[..cut], MAX);
                prop_assert_eq!(whole, Ok(Parsed::Complete(frame.clone(), length)));
            }
        }

        #[test]
        fn any_bytes_are_answered_within_themselves(bytes in arbitrary::bytes(), max in 0usize..300) {
            if let Ok(Parsed::Complete(_, used)) = parse_client(&bytes, max) {
                prop_assert!(0 < used && used <= bytes.len().min(max));
            }
            if let Ok(Parsed::Complete(_, used)) = parse_server(&bytes, max) {
                prop_assert!(0 < used && used <= bytes.len().min(max));
            }
        }

        /// One byte changed gets much deeper into the parsers than bytes without any sense.
        #[test]
        fn a_damaged_line_is_answered_within_itself(
            client in arbitrary::client_frame(),
            server in arbitrary::server_frame(),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = client_bytes(&client);
            *at.get_mut(&mut bytes) = byte;
            if let Ok(Parsed::Complete(_, used)) = parse_client(&bytes, MAX) {
                prop_assert!(0 < used && used <= bytes.len());
            }
            let mut bytes = server_bytes(&server);
            *at.get_mut(&mut bytes) = byte;
            if let Ok(Parsed::Complete(_, used)) = parse_server(&bytes, MAX) {
                prop_assert!(0 < used && used <= bytes.len());
            }
        }
    }
}
