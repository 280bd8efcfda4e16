//! IRC, by the Modern IRC Client Protocol and the IRCv3 specifications: lines in, lines out.
//!
//! The room `rust` is the channel `#rust`. The hub decides all permissions. A session reads the
//! state of the hub, sends it commands, and encodes its replies as lines.
//!
//! From the bottom up: the vocabulary (`names`, `caps`, `numeric`, `options`, `stamp`, `label`),
//! the state of a conversation, the writer of lines from the relay (`server_lines`), the context of
//! a handler (`talk`), the handlers, the table of commands above them, and the conversation itself.

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
