//! hobnob: a real-time relay. One process, one thread, one `mio::Poll`, one hot loop.
//!
//! Many clients hold a connection; each message published in a room is delivered to every member of
//! that room. Start with [`Relay`]; `ARCHITECTURE.md` describes the modules, and which of them may
//! import which.

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

pub use config::{Config, ConfigError, Listen};
pub use limits::Limits;
pub use net::{Bound, Handle, HandleError, Status};
pub use relay::{BindError, Relay, Task, TaskDone};

/// The README's examples are tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
