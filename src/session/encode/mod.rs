//! What is written for a whole room, in each language. Knows no session.

#[cfg(feature = "http")]
pub mod events;
pub mod frame;
pub mod irc;
pub mod raw;
