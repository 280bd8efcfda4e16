//! The role of a connection in a load.

/// The role of a connection in a load.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    /// The connection's room.
    pub room: u32,
    /// True if the connection joins its room.
    pub joins: bool,
    /// The connection's index in the delivery record, if it is a reader.
    pub reader: Option<u32>,
    /// True if the connection receives copies of its own messages.
    pub own_copies: bool,
}
