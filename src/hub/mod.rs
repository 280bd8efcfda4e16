//! The hub: rooms, members, names, presence and offsets. It decides, and writes no bytes.
//!
//! The files form layers, from below: vocabulary (`name`, `rights`, `notice`, `reply`, `event`,
//! `command`, `proposal`), state (`room`, `person`, `state`), one file of methods for each group of
//! commands, and `dispatch`, which calls them. No file imports one that imports it.

mod allowance;
mod command;
mod commit;
mod connection;
mod departed;
mod direct;
mod dispatch;
mod ephemeral;
mod event;
mod heard;
mod login;
mod membership;
mod moderation;
mod name;
mod notice;
mod pattern;
mod person;
mod profiles;
mod proposal;
mod publish;
mod publish_api;
mod queries;
mod rate;
mod reply;
mod rights;
mod room;
mod state;
mod stored;
mod watches;

pub use command::{Addressee, Command, Sender, Target, Where};
pub use commit::{Append, Applied};
pub use connection::Origin;
pub use event::{Event, PageQuery};
pub use name::{guest_number, is_person_name, is_room_name};
pub use notice::{Departure, Ephemeral, Notice};
pub use pattern::{Pattern, matches_pattern};
pub use person::{Census, Flags, Presence};
pub use rate::Act;
pub use reply::{Page, Reply, RoomLine};
pub use rights::{Change, Entry, LIST_MAX, List, Rank, Ranks, Rights, Switch, Topic, What};
pub use room::Room;
pub use state::Hub;

#[cfg(test)]
mod tests;
