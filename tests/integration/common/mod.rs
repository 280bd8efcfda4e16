//! A relay on a thread of its own, and clients that know exactly what they want to hear.
//!
//! Nothing here sleeps for a while and hopes. A test waits for bytes, for the pong that proves that
//! everything before it was carried out, or for one of the relay's counts; and whatever does not
//! come within [`PATIENCE`] fails with what came instead.

#![allow(dead_code, reason = "every file of tests needs its own part of this")]

mod alone;
mod client;
mod conversation;
mod dice;
mod frames;
#[cfg(feature = "http")]
pub mod http;
mod minted;
mod neighbours;
mod server;
mod show;
mod spelling;
pub mod web;

pub use alone::alone;
pub use client::Client;
pub use dice::Dice;
pub use frames::*;
pub use minted::{FIRST_ROOM, RUN, SECRET, conn_id, guest_key, minted, secrets};
pub use neighbours::Neighbours;
pub use server::{Server, one_an_hour};
pub use show::{assert_same, show};
pub use spelling::{SPELLINGS, Spelling, encode, encode_all, encode_server, parse};

use std::time::Duration;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(10);
