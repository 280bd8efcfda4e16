//! IRC, by the Modern IRC Client Protocol and the IRCv3 specifications: lines in, lines out.
//!
//! A room `rust` is the channel `#rust`. The hub decides who may do what; a session reads what it
//! wants to know from the hub, asks it for the rest, and puts the answers into lines.
//!
//! From below: the vocabulary (`names`, `caps`, `numeric`, `options`, `stamp`, `label`), the state of a
//! conversation, the writer of lines from the relay (`server_lines`), what a handler works with (`talk`),
//! the handlers, the table of commands above them, and the conversation itself.

mod answers;
mod commands;
mod conversation;
mod history;
mod jobs;
mod label;
mod modes;
mod numeric;
mod options;
mod people;
mod register;
mod relay;
mod replies;
mod rooms;
mod server_lines;
mod speech;
mod state;
mod talk;
mod visible;

pub use super::encode::irc::caps::{Cap, Caps, Style};
pub use super::options::irc::{MOTD_LINE_MAX, Operator, Options};
pub use state::Irc;
