//! The frame protocol's verbs, in the shape both spellings share: [`binary`](super::binary) and
//! [`json`](super::json). `docs/PROTOCOL.md` lays out every byte.

pub use crate::id::Resume;
use crate::id::{Epoch, Offset};
use std::borrow::Cow;

/// The one version of this protocol so far.
pub const VERSION: u16 = 1;

/// Bytes a frame may have beyond its payload.
pub const FRAME_OVERHEAD: usize = 1024;

/// What a client says. Text and payloads are borrowed from the bytes wherever a spelling allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame<'a> {
    /// Must come first, and once.
    Hello {
        /// The protocol version the client speaks: 15 bits, so that it fits beside `private`.
        version: u16,
        /// Whether private messages may come to this client.
        private: bool,
        /// From an earlier `welcome`, to be known as the same person again; 0 for none.
        key: u64,
        /// Empty to be given a guest's name.
        name: Cow<'a, str>,
    },
    /// Join a room, or read again from an earlier place in one.
    Join {
        /// Chosen by the client, repeated in the answer.
        request: u64,
        /// Where the client's knowledge of the room ends, to receive all that came after.
        resume: Option<Resume>,
        /// What the room's operators may have asked for; at most 255 bytes.
        key: Option<Cow<'a, str>>,
        /// The room's name.
        room: Cow<'a, str>,
    },
    /// Leave a room.
    Leave {
        /// Chosen by the client, repeated in the answer.
        request: u64,
        /// The number from `joined`.
        room: u32,
    },
    /// Say something to everyone in a room.
    Say {
        /// The number from `joined`.
        room: u32,
        /// Chosen by the client: acknowledged, and said only once however often it is sent. 0 asks
        /// for no acknowledgement.
        id: u64,
        /// Whether the sender receives its own message like everybody else.
        echo: bool,
        /// Any bytes.
        payload: Cow<'a, [u8]>,
    },
    /// Ask who is in a room.
    Members {
        /// Chosen by the client, repeated in the answer.
        request: u64,
        /// The number from `joined`.
        room: u32,
    },
    /// Ask for what was said in a room.
    History {
        /// Chosen by the client, repeated in the answer.
        request: u64,
        /// The number from `joined`.
        room: u32,
        /// Which end of it.
        side: Side,
        /// The most messages wanted; 0 for as many as one answer has room for.
        limit: u32,
    },
    /// Tell one person something.
    Tell {
        /// Chosen by the client, repeated in the answer.
        request: u64,
        /// Said so that no program answers it.
        notice: bool,
        /// Whom.
        name: Cow<'a, str>,
        /// Any bytes.
        payload: Cow<'a, [u8]>,
    },
    /// Asks for a `pong` with the same token.
    Ping {
        /// Anything.
        token: u64,
    },
    /// Answers a `ping`.
    Pong {
        /// The ping's token.
        token: u64,
    },
    /// The client is done; everything before this is carried out first.
    Bye,
}

impl ClientFrame<'_> {
    /// The number that an answer to this frame repeats, a refusal too; 0 if the client gave none.
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

/// Which messages of a room's past are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The newest of those before this offset; 0 stands behind the last.
    Before(Offset),
    /// The oldest of those after this offset.
    After(Offset),
}

/// One message of the past, in an answer that has many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past<'a> {
    /// The message's place in the room.
    pub offset: Offset,
    /// When the relay received it, in milliseconds since 1970.
    pub time: u64,
    /// Who said it.
    pub sender: Cow<'a, str>,
    /// What was said.
    pub payload: Cow<'a, [u8]>,
}

/// What the relay says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame<'a> {
    /// Answers `hello`.
    Welcome {
        /// The protocol version spoken.
        version: u16,
        /// This connection, unlike any other of this process.
        id: u64,
        /// Proves in a later `hello` that the name is this person's. A secret.
        key: u64,
        /// Longest payload, in bytes.
        max_message: u32,
        /// Rooms this peer may be in.
        max_rooms: u32,
        /// Milliseconds of silence after which the relay pings.
        ping_ms: u32,
        /// The name everyone sees.
        name: Cow<'a, str>,
    },
    /// Answers `join`. Missed messages follow, then everything new.
    Joined {
        /// The request answered.
        request: u64,
        /// The room's number from now on.
        room: u32,
        /// Whether what was missed follows completely. False without `resume`, too.
        recovered: bool,
        /// The room's numbering.
        epoch: Epoch,
        /// The offset of the newest message.
        head: Offset,
        /// The offset of the oldest message still kept; head + 1 if none is.
        oldest: Offset,
        /// Members now, the new one included.
        members: u32,
        /// The room's name.
        name: Cow<'a, str>,
    },
    /// Answers `leave`.
    Left {
        /// The request answered.
        request: u64,
        /// The room's number.
        room: u32,
        /// The last message that was sent to this peer: resume from here.
        offset: Offset,
    },
    /// Answers `say`.
    Ack {
        /// The room's number.
        room: u32,
        /// The client's message id.
        id: u64,
        /// The message's place in the room, the first one if it was sent twice.
        offset: Offset,
    },
    /// Somebody said something.
    Message {
        /// The room's number.
        room: u32,
        /// The message's place in the room.
        offset: Offset,
        /// When the relay received it, in milliseconds since 1970.
        time: u64,
        /// Who said it.
        sender: Cow<'a, str>,
        /// What was said.
        payload: Cow<'a, [u8]>,
    },
    /// Somebody joined.
    Came {
        /// The room's number.
        room: u32,
        /// Members now.
        count: u32,
        /// Who.
        name: Cow<'a, str>,
    },
    /// Somebody left.
    Went {
        /// The room's number.
        room: u32,
        /// Members now.
        count: u32,
        /// Who.
        name: Cow<'a, str>,
    },
    /// Answers `members`; with request 0, the new count of a room too big to announce names.
    Members {
        /// The request answered, or 0.
        request: u64,
        /// The room's number.
        room: u32,
        /// Members now.
        count: u32,
        /// Their names; empty when the room is too big to list.
        names: Vec<Cow<'a, str>>,
    },
    /// Answers `history`.
    History {
        /// The request answered.
        request: u64,
        /// The room's number.
        room: u32,
        /// The offset of the oldest message still kept; that of the next one if none is.
        oldest: Offset,
        /// What was asked for, or that end of it which one answer has room for; ascending.
        messages: Vec<Past<'a>>,
    },
    /// These messages were lost to this peer: it did not read fast enough and they are not kept.
    Gap {
        /// The room's number.
        room: u32,
        /// The first one missing.
        from: Offset,
        /// The last one missing.
        to: Offset,
    },
    /// Somebody told this peer something, and nobody else.
    Told {
        /// When the relay received it, in milliseconds since 1970.
        time: u64,
        /// Said so that no program answers it.
        notice: bool,
        /// Who said it.
        sender: Cow<'a, str>,
        /// What was said.
        payload: Cow<'a, [u8]>,
    },
    /// Answers `tell`: it is on its way to that person.
    Passed {
        /// The request answered.
        request: u64,
        /// When the relay received it, in milliseconds since 1970.
        time: u64,
        /// What that person says to those who ask while they are away; empty if they are not.
        away: Cow<'a, str>,
    },
    /// Asks for a `pong` with the same token.
    Ping {
        /// Anything.
        token: u64,
    },
    /// Answers a `ping`.
    Pong {
        /// The ping's token.
        token: u64,
    },
    /// A request was not carried out, or (before `bye`) what was wrong.
    Error {
        /// A number of `Refusal` or `CloseReason`.
        code: u16,
        /// The request or message id refused; 0 if none.
        request: u64,
        /// A sentence for a person.
        text: Cow<'a, str>,
    },
    /// The last frame on this connection.
    Bye {
        /// A number of `CloseReason`.
        code: u16,
        /// A sentence for a person.
        text: Cow<'a, str>,
    },
}

/// Why bytes are no frame. All of these end the connection: after one, where the next frame begins
/// is anybody's guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A length over the limit is declared, or a line reached it.
    TooLong {
        /// What was declared or had arrived, in bytes.
        length: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// No verb has this kind.
    UnknownKind(u8),
    /// The body is shorter or longer than its verb's layout, or a field's value is impossible.
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

/// Frames as proptest makes them up, for the tests of both spellings.
#[cfg(test)]
pub(super) mod arbitrary {
    /// What was written and what came behind it, cut off at every byte.
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

    /// Any characters at all, control characters and quotes too. At most 80 bytes, so that it also
    /// fits a short text.
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

    /// Bytes without any sense, and bytes that at least begin like a frame or a line.
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

    /// Values of each type that the table of verbs names.
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

    /// Makes up frames of every verb in the table.
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
