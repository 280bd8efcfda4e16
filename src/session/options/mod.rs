//! How each kind of listener serves. Knows no session.

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
