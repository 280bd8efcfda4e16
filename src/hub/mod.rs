//! Rooms, members, names, presence, offsets: decides, and writes no bytes.
//!
//! The files form floors of their own, from below: vocabulary (`name`, `rights`, `notice`, `reply`, `event`,
//! `command`), state (`room`, `person`, `state`), one file of methods for each group of commands, and
//! `dispatch`, which calls them. No file imports one that imports it.

mod allowance;
mod command;
mod connection;
mod dispatch;
mod event;
mod heard;
mod login;
pub mod mask;
mod membership;
mod moderation;
mod name;
mod nick;
mod notice;
mod person;
mod profiles;
mod publish;
mod publish_api;
mod queries;
mod rate;
mod reply;
mod rights;
mod room;
mod state;
mod who;

pub use command::{Command, Target, Where};
pub use event::Event;
pub use name::{guest_number, is_person_name, is_room_name};
pub use nick::{is_nick, name_of, nick_of};
pub use notice::{Going, Notice, Signal};
pub use person::{Census, Flags, Past, Record};
pub use rate::Act;
pub use reply::{Page, Reply, RoomLine};
pub use rights::{Change, Entry, LIST_MAX, List, Rank, Ranks, Rights, Switch, Topic, What};
pub use room::Room;
pub use state::Hub;
pub use who::Who;

#[cfg(test)]
mod tests;
