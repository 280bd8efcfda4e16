//! Conversations over real sockets, and what else needs only the public library or the binary.
//!
//! One crate for all of it: each further test binary would link the library once more.
//! `cargo test --test integration raw::` runs one module.

mod common;

mod bad_input;
mod frame;
mod handle;
mod irc;
mod limits;
#[cfg(feature = "cli")]
mod process;
mod raw;
mod resume;
mod slow;
mod stored;
mod tell;
mod vectors;

#[cfg(feature = "http")]
mod api;
#[cfg(feature = "http")]
mod conformance;
#[cfg(feature = "deflate")]
mod deflate;
// mio's poll(2) emulation has no descriptor that speaks for all it watches: nothing to sleep on.
#[cfg(not(mio_unsupported_force_poll_poll))]
mod embed;
#[cfg(feature = "http")]
mod field;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "passwords")]
mod jobs;
#[cfg(feature = "http")]
mod metrics;
#[cfg(feature = "http")]
mod websocket;
