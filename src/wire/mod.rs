//! Parsers and writers of the protocols, as pure functions. A parser gets all received bytes and
//! returns `Complete | Partial | Err`; it has no socket and no state, and consumes nothing on
//! `Partial`.

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

/// The result of a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// A complete value, and the number of bytes it took.
    Complete(T, usize),
    /// The start of a value. Call the parser again with more bytes; nothing was consumed.
    Partial,
}

impl<T> Parsed<T> {
    /// Converts a complete value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Parsed<U> {
        match self {
            Self::Complete(value, used) => Parsed::Complete(change(value), used),
            Self::Partial => Parsed::Partial,
        }
    }
}
