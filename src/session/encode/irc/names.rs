//! Channels and nicks: the names of rooms and people in IRC.

pub use super::nick::{is_nick, name_of, nick_of};

/// Returns the channel name of a room.
pub fn channel_of(room: &str) -> String {
    format!("#{room}")
}

/// Returns the room name of a channel; `None` if it is invalid.
pub fn room_of(channel: &str) -> Option<&str> {
    channel.strip_prefix('#').filter(|room| crate::hub::is_room_name(room))
}
