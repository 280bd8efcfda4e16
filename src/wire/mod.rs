//! Bytes ↔ frames, as pure functions. A parser is shown what has arrived and answers
//! `Complete | Partial | Err`; it holds no socket, keeps no state, and consumes nothing on `Partial`.

pub mod binary;
#[cfg(feature = "http")]
pub mod chunked;
pub mod deflate;
pub mod exposition;
pub mod frame;
#[cfg(feature = "http")]
pub mod http;
pub mod irc;
#[cfg(feature = "json")]
pub mod json;
pub mod line;
pub mod proxy;
pub mod sniff;
pub mod verbs;
pub mod websocket;

/// What a parser found at the front of the bytes it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// A whole value, and how many bytes it took.
    Complete(T, usize),
    /// The start of a value. Call again once more bytes are in; nothing was consumed.
    Partial,
}

impl<T> Parsed<T> {
    /// The same finding about another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Parsed<U> {
        match self {
            Self::Complete(value, used) => Parsed::Complete(change(value), used),
            Self::Partial => Parsed::Partial,
        }
    }
}
