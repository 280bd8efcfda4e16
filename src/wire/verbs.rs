//! The table of verbs: names, kind bytes and fields.
//!
//! A row is a verb: its name in JSON, its kind byte in binary frames, its variant of the frame, and
//! its fields in the order of binary frames. `or` gives the default of a field that JSON may omit;
//! `json` gives the order in JSON if it differs. Each field has a type, which determines both
//! encodings. Fields that share bytes are joined with `+`.
//! either spelling has it. Fields that share bytes stand together, with `+`.
//!
//! | type | binary | JSON |
//! |---|---|---|
//! | `u16`, `u32`, `u64` | a number | a number |
//! | `hex`, `epoch` | a `u64` | hexadecimal digits |
//! | `key` | a `u64` | hexadecimal digits, or left out for 0 |
//! | `flag` | bit 0 of a byte | a boolean |
//! | `inverse_flag` | bit 0 of a byte, set for false | a boolean |
//! | `text` | the rest of the frame | a string |
//! | `short_text` | a byte of length, then the text | a string |
//! | `payload` | the rest of the frame | `text` or `base64` |
//! | `version` | a `u16` with `private` as its top bit | two fields, `private` only if true |
//! | `resume_and_key` | a byte of two flags, then what they say is there | up to three fields |
//! | `side` | a byte with the flag *after*, then the offset | `before` or `after` |
//! | `names` | short texts, up to the end of the frame | an array of strings |
//! | `messages` | messages, up to the end of the frame | an array of objects |
//!
//! To add a verb: a variant of the frame, a row here, a section of `docs/PROTOCOL.md`. To add a type
//! of field: a method of `Body` and one of `Fields` (`binary.rs`), a slot (`json/slot.rs`) and a
//! method of `Object` (`json/object.rs`).

/// Passes the rows of either side to the macro `$derive`: `kind` and `encoding` of `binary.rs`,
/// `encoding` of `json/object.rs`, `list` below, and `generate` for the tests of both encodings.
macro_rules! verbs {
    ($derive:ident) => {
        $derive! { ClientFrame client
            "hello"   0x01 Hello { version + private: version, key: key, name: text or Cow::Borrowed("") };
            "join"    0x02 Join { request: u64 or 0, resume + key: resume_and_key, room: text }
                json [request, room, resume];
            "leave"   0x03 Leave { request: u64 or 0, room: u32 };
            "say"     0x04 Say { room: u32, id: u64 or 0, echo: inverse_flag or true, payload: payload };
            "members" 0x05 Members { request: u64 or 0, room: u32 };
            "ping"    0x06 Ping { token: u64 or 0 };
            "pong"    0x07 Pong { token: u64 or 0 };
            "bye"     0x08 Bye {};
            "history" 0x09 History { request: u64 or 0, room: u32, side: side, limit: u32 or 0 };
            "tell"    0x0a Tell { request: u64 or 0, notice: flag or false, name: short_text, payload: payload }
                json [request, name, notice, payload];
        }
        // The top bit is set, except in kinds that clients have too.
        $derive! { ServerFrame server
            "welcome" 0x81 Welcome {
                version: u16, id: hex, key: hex, max_message: u32, max_rooms: u32, ping_ms: u32, name: text
            };
            "joined"  0x82 Joined {
                request: u64, room: u32, recovered: flag, epoch: epoch, head: u64, oldest: u64, members: u32, name: text
            }
                json [request, room, name, recovered, epoch, head, oldest, members];
            "left"    0x83 Left { request: u64, room: u32, offset: u64 };
            "ack"     0x84 Ack { room: u32, id: u64, offset: u64 };
            "members" 0x85 Members { request: u64, room: u32, count: u32, names: names };
            "message" 0x86 Message { room: u32, offset: u64, time: u64, sender: short_text, payload: payload };
            "came"    0x87 Came { room: u32, count: u32, name: text };
            "went"    0x88 Went { room: u32, count: u32, name: text };
            "gap"     0x89 Gap { room: u32, from: u64, to: u64 };
            "error"   0x8a Error { code: u16, request: u64, text: text };
            "history" 0x8b History { request: u64, room: u32, oldest: u64, messages: messages };
            "told"    0x8c Told { time: u64, notice: flag, sender: short_text, payload: payload }
                json [time, sender, notice, payload];
            "passed"  0x8d Passed { request: u64, time: u64, away: text };
            "ping"    0x06 Ping { token: u64 or 0 };
            "pong"    0x07 Pong { token: u64 or 0 };
            "bye"     0x08 Bye { code: u16, text: text };
        }
    };
}

pub(super) use verbs;

use super::frame::{ClientFrame, ServerFrame};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verb {
    /// The name, used in JSON as `type`.
    pub name: &'static str,
    /// The kind byte in binary frames.
    pub kind: u8,
    /// The fields, in the order of binary frames.
    pub fields: &'static [Field],
}

/// A field of a verb, or several fields that share bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, or the names joined with ` + `.
    pub name: &'static str,
    /// The type.
    pub of_type: &'static str,
    /// The default that JSON may omit, as in the table; empty if there is none.
    pub default: &'static str,
}

/// Lists the verbs, for the tests of the documentation.
macro_rules! list {
    ($Frame:ident $side:ident $($name:literal $kind:literal $Verb:ident
        { $($field:ident $(+ $more:ident)*: $type:ident $(or $default:expr)?),* }
        $(json $order:tt)?;)*
    ) => {
        impl $Frame<'_> {
            /// All verbs of this side.
            pub const VERBS: &'static [Verb] = &[$(Verb {
                name: $name,
                kind: $kind,
                fields: &[$(Field {
                    name: concat!(stringify!($field) $(, " + ", stringify!($more))*),
                    of_type: stringify!($type),
                    default: concat!($(stringify!($default))?),
                }),*],
            }),*];

            /// Returns the name of the verb.
            pub fn verb(&self) -> &'static str {
                match self {
                    $(Self::$Verb { .. } => $name,)*
                }
            }
        }
    };
}

verbs!(list);
