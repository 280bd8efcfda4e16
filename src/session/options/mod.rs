//! The options of each kind of listener. Independent of sessions.

#[cfg(feature = "http")]
pub mod authority;
pub mod frame;
#[cfg(feature = "http")]
pub mod host;
#[cfg(feature = "http")]
pub mod http;
pub mod irc;
#[cfg(feature = "http")]
pub mod origin;
pub mod raw;
