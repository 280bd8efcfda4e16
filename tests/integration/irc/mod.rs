//! IRC over real sockets, byte for byte: conversations per command, per numeric, per capability.

mod talk;

mod admin;
mod capabilities;
mod commands;
mod injection;
mod labels;
mod lines;
mod numerics;
mod rate;
mod rights;
mod secrecy;
mod shared;
#[cfg(feature = "http")]
mod websocket;
