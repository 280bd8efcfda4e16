//! Channels and nicks: what rooms and people are called in IRC.

pub use super::nick::{is_nick, name_of, nick_of};

/// Returns the channel that a room is.
pub fn channel_of(room: &str) -> String {
    format!("#{room}")
}

/// Returns the room that a channel is; `None` if it cannot be one.
pub fn room_of(channel: &str) -> Option<&str> {
    channel.strip_prefix('#').filter(|room| crate::hub::is_room_name(room))
}
