//! What one member of a crowd is there for.

/// The part of one member in a load.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its room.
    pub room: u32,
    /// True if it joins its room.
    pub joins: bool,
    /// The line of the ledger in which what it hears is noted.
    pub line: Option<u32>,
    /// True if it receives copies of its own messages.
    pub own_copies: bool,
}
