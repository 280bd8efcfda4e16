//! The encodings of a room's traffic, one module for each language. Independent of sessions.

#[cfg(feature = "http")]
pub mod events;
pub mod frame;
pub mod irc;
pub mod raw;
