//! What an object says: the fields of each verb, and frames made of them and into them.

use super::value::{Hex, Text, payload, text_or_base64};
use crate::id::{Epoch, Offset};
use crate::wire::frame::{self, ClientFrame, FrameError, Resume, ServerFrame, Side};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

const UNKNOWN_VERB: FrameError = FrameError::Malformed("no verb has that \"type\"");

/// A client's frame as an object.
pub(super) fn of_client<'a>(frame: &'a ClientFrame<'_>) -> impl Serialize + 'a {
    Client::from(frame)
}

/// The relay's frame as an object.
pub(super) fn of_server<'a>(frame: &'a ServerFrame<'_>) -> impl Serialize + 'a {
    Server::from(frame)
}

/// What a client's object says.
pub(super) fn client_of<'a>(verb: &str, line: &'a [u8]) -> Result<ClientFrame<'a>, FrameError> {
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

/// What the relay's object says.
pub(super) fn server_of<'a>(verb: &str, line: &'a [u8]) -> Result<ServerFrame<'a>, FrameError> {
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

/// An object that carries a payload: its own fields, and then one of two for that.
macro_rules! with_payload {
    ($(#[$about:meta])* $vis:vis struct $name:ident<$a:lifetime> {
        $($(#[$attribute:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$about])*
        #[derive(Serialize, Deserialize)]
        $vis struct $name<$a> {
            $($(#[$attribute])* $field: $type,)*
            #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
            text: Option<Text<$a>>,
            #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
            base64: Option<Text<$a>>,
        }
    };
}

fn fields<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, FrameError> {
    serde_json::from_slice(line).map_err(|_| {
        FrameError::Malformed("a field is missing, given twice, or not what its verb needs")
    })
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

with_payload! {
    struct Say<'a> {
        room: u32,
        #[serde(default)]
        id: u64,
        #[serde(default = "yes")]
        echo: bool,
    }
}

fn yes() -> bool {
    true
}

fn is_false(flag: &bool) -> bool {
    !flag
}

with_payload! {
    struct Tell<'a> {
        #[serde(default)]
        request: u64,
        #[serde(borrow)]
        name: Cow<'a, str>,
        #[serde(default)]
        notice: bool,
    }
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

with_payload! {
    struct Message<'a> {
        room: u32,
        offset: Offset,
        time: u64,
        #[serde(borrow)]
        sender: Cow<'a, str>,
    }
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

with_payload! {
    /// A message among others: that of `message`, less the room.
    pub struct Past<'a> {
        offset: Offset,
        time: u64,
        #[serde(borrow)]
        sender: Cow<'a, str>,
    }
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

with_payload! {
    struct Told<'a> {
        time: u64,
        #[serde(borrow)]
        sender: Cow<'a, str>,
        notice: bool,
    }
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
