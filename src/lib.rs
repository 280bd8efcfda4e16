//! hobnob: a real-time relay. One process, one thread, one `mio::Poll`, one hot loop.
//!
//! Many clients hold a connection; what one says in a room, everyone in that room receives.
//! [`Relay`] is the way in; `ARCHITECTURE.md` is the map. The modules are floors: each imports
//! only those below it, in the order in which they stand here.

#[macro_use]
mod planted;

pub mod address;
pub mod hex;
pub mod id;
pub mod limits;
pub mod now;
pub mod password;
pub mod payload;
pub mod reason;
pub mod secret;

pub mod wire;

pub mod client;
#[cfg(feature = "bench")]
pub mod load;

pub mod history;

pub mod hub;

pub mod session;

pub mod engine;

pub mod net;
pub mod workers;

pub mod config;
pub mod relay;

pub use config::{Config, Listen};
pub use limits::Limits;
pub use net::{Bound, Handle, HandleError, Status};
pub use relay::{Relay, Task, TaskDone};

/// The README's examples are tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
