//! The frames of the frame protocol, independent of their encoding: [`binary`](super::binary) and
//! [`json`](super::json). `docs/PROTOCOL.md` specifies every byte.

pub use crate::id::Resume;
use crate::id::{Epoch, Offset};
use std::borrow::Cow;

/// The protocol version.
pub const VERSION: u16 = 1;

/// The most bytes of a frame besides its payload.
pub const FRAME_OVERHEAD: usize = 1024;

/// A client's frame. Text and payloads are borrowed from the input where the encoding allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame<'a> {
    /// The first frame of a connection, sent once.
    Hello {
        /// The protocol version of the client: 15 bits, so that it fits beside `private`.
        version: u16,
        /// True if the client accepts direct messages.
        private: bool,
        /// The key of an earlier `welcome`, to be recognised as the same person; 0 for none.
        key: u64,
        /// The requested name; empty to be given a guest's name.
        name: Cow<'a, str>,
    },
    /// Joins a room, or replays it from an earlier offset.
    Join {
        /// A number chosen by the client and repeated in the reply.
        request: u64,
        /// The last message that the client has; all later ones are replayed.
        resume: Option<Resume>,
        /// The key that the room requires, at most 255 bytes.
        key: Option<Cow<'a, str>>,
        /// The room's name.
        room: Cow<'a, str>,
    },
    /// Leaves a room.
    Leave {
        /// A number chosen by the client and repeated in the reply.
        request: u64,
        /// The number from `joined`.
        room: u32,
    },
    /// Publishes a message in a room.
    Say {
        /// The number from `joined`.
        room: u32,
        /// A number chosen by the client: the message is acknowledged, and published once however
        /// often it is sent. 0 requests no acknowledgement.
        id: u64,
        /// True if the sender receives its own message.
        echo: bool,
        /// Arbitrary bytes.
        payload: Cow<'a, [u8]>,
    },
    /// Requests the members of a room.
    Members {
        /// A number chosen by the client and repeated in the reply.
        request: u64,
        /// The number from `joined`.
        room: u32,
    },
    /// Requests past messages of a room.
    History {
        /// A number chosen by the client and repeated in the reply.
        request: u64,
        /// The number from `joined`.
        room: u32,
        /// The range of messages.
        side: Side,
        /// The most messages; 0 for as many as fit one reply.
        limit: u32,
    },
    /// Sends a direct message.
    Tell {
        /// A number chosen by the client and repeated in the reply.
        request: u64,
        /// True for a notice, which programs must not answer.
        notice: bool,
        /// The receiver's name.
        name: Cow<'a, str>,
        /// Arbitrary bytes.
        payload: Cow<'a, [u8]>,
    },
    /// Requests a `pong` with the same token.
    Ping {
        /// An arbitrary number.
        token: u64,
    },
    /// Replies to a `ping`.
    Pong {
        /// The ping's token.
        token: u64,
    },
    /// Ends the connection; earlier frames are processed first.
    Bye,
}

impl ClientFrame<'_> {
    /// Returns the number that a reply or a refusal repeats; 0 if the frame has none.
    pub fn request(&self) -> u64 {
        match self {
            Self::Join { request, .. }
            | Self::Leave { request, .. }
            | Self::Members { request, .. }
            | Self::History { request, .. }
            | Self::Tell { request, .. } => *request,
            Self::Say { id, .. } => *id,
            Self::Hello { .. } | Self::Ping { .. } | Self::Pong { .. } | Self::Bye => 0,
        }
    }
}

/// A range of past messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The newest messages before this offset; 0 means after the last one.
    Before(Offset),
    /// The oldest messages after this offset.
    After(Offset),
}

/// A past message in a `history` reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past<'a> {
    /// The message's offset in the room.
    pub offset: Offset,
    /// The time at which the relay received the message, in milliseconds since 1970.
    pub time: u64,
    /// The sender's name.
    pub sender: Cow<'a, str>,
    /// The payload.
    pub payload: Cow<'a, [u8]>,
}

/// A relay's frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame<'a> {
    /// Replies to `hello`.
    Welcome {
        /// The protocol version in use.
        version: u16,
        /// The connection's id, unique in this process.
        id: u64,
        /// The key that reclaims the name in a later `hello`. A secret.
        key: u64,
        /// The longest payload, in bytes.
        max_message: u32,
        /// The most rooms of a peer.
        max_rooms: u32,
        /// Milliseconds without input after which the relay pings.
        ping_ms: u32,
        /// The name in use.
        name: Cow<'a, str>,
    },
    /// Replies to `join`. Missed messages follow, then new ones.
    Joined {
        /// The number of the request.
        request: u64,
        /// The room's number on this connection.
        room: u32,
        /// True if all missed messages follow. False without `resume`.
        recovered: bool,
        /// The room's epoch.
        epoch: Epoch,
        /// The offset of the newest message.
        head: Offset,
        /// The offset of the oldest message kept; head + 1 if none is.
        oldest: Offset,
        /// The number of members, including the new one.
        members: u32,
        /// The room's name.
        name: Cow<'a, str>,
    },
    /// Replies to `leave`.
    Left {
        /// The number of the request.
        request: u64,
        /// The room's number.
        room: u32,
        /// The offset of the last message sent to this peer: the place to resume from.
        offset: Offset,
    },
    /// Replies to `say`.
    Ack {
        /// The room's number.
        room: u32,
        /// The client's message id.
        id: u64,
        /// The message's offset in the room; that of the first copy if it was sent twice.
        offset: Offset,
    },
    /// A message was published.
    Message {
        /// The room's number.
        room: u32,
        /// The message's offset in the room.
        offset: Offset,
        /// The time at which the relay received the message, in milliseconds since 1970.
        time: u64,
        /// The sender's name.
        sender: Cow<'a, str>,
        /// The payload.
        payload: Cow<'a, [u8]>,
    },
    /// A person joined the room.
    Came {
        /// The room's number.
        room: u32,
        /// The number of members.
        count: u32,
        /// The person's name.
        name: Cow<'a, str>,
    },
    /// A person left the room.
    Went {
        /// The room's number.
        room: u32,
        /// The number of members.
        count: u32,
        /// The person's name.
        name: Cow<'a, str>,
    },
    /// Replies to `members`; with request 0, the new count of a room too large to announce names.
    Members {
        /// The number of the request, or 0.
        request: u64,
        /// The room's number.
        room: u32,
        /// The number of members.
        count: u32,
        /// Their names; empty if the room is too large to list them.
        names: Vec<Cow<'a, str>>,
    },
    /// Replies to `history`.
    History {
        /// The number of the request.
        request: u64,
        /// The room's number.
        room: u32,
        /// The offset of the oldest message kept; the next message's offset if none is.
        oldest: Offset,
        /// The requested messages in ascending order, or as many as fit one reply.
        messages: Vec<Past<'a>>,
    },
    /// Messages are lost for this peer: it read too slowly, and they are no longer kept.
    Gap {
        /// The room's number.
        room: u32,
        /// The first missing offset.
        from: Offset,
        /// The last missing offset.
        to: Offset,
    },
    /// A direct message to this peer.
    Told {
        /// The time at which the relay received the message, in milliseconds since 1970.
        time: u64,
        /// True for a notice, which programs must not answer.
        notice: bool,
        /// The sender's name.
        sender: Cow<'a, str>,
        /// The payload.
        payload: Cow<'a, [u8]>,
    },
    /// Replies to `tell`: the direct message was passed on.
    Passed {
        /// The number of the request.
        request: u64,
        /// The time at which the relay received the message, in milliseconds since 1970.
        time: u64,
        /// The receiver's away text; empty if the receiver is not away.
        away: Cow<'a, str>,
    },
    /// Requests a `pong` with the same token.
    Ping {
        /// An arbitrary number.
        token: u64,
    },
    /// Replies to a `ping`.
    Pong {
        /// The ping's token.
        token: u64,
    },
    /// A request was refused; before `bye`, the reason for the close.
    Error {
        /// The code of a `Refusal` or a `CloseReason`.
        code: u16,
        /// The number of the refused request or message; 0 if none.
        request: u64,
        /// The reason as a sentence.
        text: Cow<'a, str>,
    },
    /// The last frame on this connection.
    Bye {
        /// The code of a `CloseReason`.
        code: u16,
        /// The reason as a sentence.
        text: Cow<'a, str>,
    },
}

/// Invalid input. It ends the connection, because the start of the next frame is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The declared length of a frame, or the length of a line, exceeds the limit.
    TooLong {
        /// The declared or received length, in bytes.
        length: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// The kind byte is unknown.
    UnknownKind(u8),
    /// The body is shorter or longer than the verb's fields, or a field has an invalid value.
    Malformed(&'static str),
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong { length, max } => {
                write!(f, "{length} bytes are too long for a frame: the limit is {max}")
            }
            Self::UnknownKind(kind) => write!(f, "no verb has the kind 0x{kind:02x}"),
            Self::Malformed(what) => f.write_str(what),
        }
    }
}

/// Generators of frames, for the tests of both encodings.
#[cfg(test)]
pub(super) mod arbitrary {
    /// Returns `written` and `behind` joined, cut at every byte.
    pub fn cuts(written: &[u8], behind: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        let all = [written, behind].concat();
        (0..=all.len()).map(move |cut| all[..cut].to_vec())
    }

    use super::*;
    use crate::wire::verbs::verbs;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::strategy::Union;

    /// Generates text of any characters, including control characters and quotes, of at most 80
    /// bytes, so that it fits a short text.
    fn text() -> impl Strategy<Value = Cow<'static, str>> {
        vec(any::<char>(), 0..20).prop_map(|chars| chars.into_iter().collect::<String>().into())
    }

    fn payload() -> impl Strategy<Value = Cow<'static, [u8]>> {
        prop_oneof![
            vec(any::<u8>(), 0..60).prop_map(Cow::Owned),
            text().prop_map(|text| Cow::Owned(text.into_owned().into_bytes())),
            vec(0u8..0x20, 0..60).prop_map(Cow::Owned),
        ]
    }

    /// Generates arbitrary bytes, and bytes that begin like a frame or a line.
    pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let header =
            (0u8..40, any::<u8>(), vec(any::<u8>(), 0..40)).prop_map(|(length, kind, mut body)| {
                body.splice(..0, [0, 0, 0, length, kind]);
                body
            });
        let line = vec(any::<char>(), 0..40)
            .prop_map(|chars| format!("{{{}}}\n", chars.iter().collect::<String>()).into_bytes());
        prop_oneof![vec(any::<u8>(), 0..200), header, line]
    }

    /// Generators for each type in the table of verbs.
    mod values {
        use super::*;

        pub(super) use super::{payload, text, text as short_text};

        pub(super) fn u16() -> impl Strategy<Value = u16> {
            any::<u16>()
        }

        pub(super) fn u32() -> impl Strategy<Value = u32> {
            any::<u32>()
        }

        pub(super) fn u64() -> impl Strategy<Value = u64> {
            any::<u64>()
        }

        pub(super) use {flag as inverse_flag, u64 as hex, u64 as key};

        pub(super) fn epoch() -> impl Strategy<Value = Epoch> {
            u64().prop_map(Epoch)
        }

        pub(super) fn flag() -> impl Strategy<Value = bool> {
            any::<bool>()
        }

        pub(super) fn version() -> impl Strategy<Value = (u16, bool)> {
            (0u16..0x8000, flag())
        }

        pub(super) fn resume_and_key()
        -> impl Strategy<Value = (Option<Resume>, Option<Cow<'static, str>>)> {
            let resume = (epoch(), u64()).prop_map(|(epoch, offset)| Resume { epoch, offset });
            (option::of(resume), option::of(text()))
        }

        pub(super) fn side() -> impl Strategy<Value = Side> {
            prop_oneof![u64().prop_map(Side::Before), u64().prop_map(Side::After)]
        }

        pub(super) fn names() -> impl Strategy<Value = Vec<Cow<'static, str>>> {
            vec(text(), 0..5)
        }

        pub(super) fn messages() -> impl Strategy<Value = Vec<Past<'static>>> {
            let message = (u64(), u64(), text(), payload());
            let message = message.prop_map(|(offset, time, sender, payload)| Past {
                offset,
                time,
                sender,
                payload,
            });
            vec(message, 0..4)
        }
    }

    /// Generates frames of every verb in the table.
    macro_rules! generate {
        ($Frame:ident $side:ident $($name:literal $kind:literal $Verb:ident
            { $($field:ident $(+ $more:ident)*: $type:ident $(or $default:expr)?),* }
            $(json $order:tt)?;)*
        ) => {
            #[allow(unused_parens, reason = "a type may have one field")]
            pub(crate) fn $side() -> impl Strategy<Value = $Frame<'static>> {
                Union::new([$(
                    (Just(()), $(values::$type()),*)
                        .prop_map(|((), $(($field $(, $more)*)),*)| {
                            $Frame::$Verb { $($field $(, $more)*),* }
                        })
                        .boxed(),
                )*])
            }
        };
    }

    verbs!(generate);
}
