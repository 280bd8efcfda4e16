//! Ids of connections, rooms, messages and requests.

use std::fmt;
use std::num::NonZeroU32;

/// The id of one connection, unique for the life of the process.
///
/// A slot is reused after its connection closes. The generation distinguishes the connections of a
/// slot, so a `ConnId` kept in a member list or in the kernel can become stale but never names
/// another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    slot: u32,
    generation: NonZeroU32,
}

impl ConnId {
    /// Creates the id of the connection in `slot` with that `generation`.
    pub fn new(slot: u32, generation: NonZeroU32) -> Self {
        Self { slot, generation }
    }

    /// Returns the index of the connection's state in any table indexed by slot.
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    /// Returns the generation, which distinguishes the connections of a slot.
    pub fn generation(self) -> NonZeroU32 {
        self.generation
    }

    /// Returns the id in one word, for the kernel: generation above, slot below.
    ///
    /// Never less than 2³², because no generation is zero; smaller words are free for other uses.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation.get()) << 32 | u64::from(self.slot)
    }

    /// Reverses [`to_bits`](Self::to_bits); `None` for words that name no connection.
    pub fn from_bits(bits: u64) -> Option<Self> {
        let generation = NonZeroU32::new((bits >> 32) as u32)?;
        Some(Self { slot: bits as u32, generation })
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.slot, self.generation)
    }
}

/// The id of one room while it exists, and the number of a joined room in frames.
///
/// Slot and generation share 32 bits, so that a message on the wire spends four bytes on its room.
/// A generation comes back after every 1,024 rooms made. That is safe because every use of a
/// `RoomId` from outside is checked against the peer's own memberships first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoomId(u32);

impl RoomId {
    const SLOT_BITS: u32 = 22;

    /// The most rooms that can exist at once: 4,194,304.
    pub const MAX_ROOMS: usize = 1 << Self::SLOT_BITS;

    /// Creates the id of the room in `slot`; `None` if there are more rooms than ids.
    pub fn new(slot: usize, generation: u32) -> Option<Self> {
        (slot < Self::MAX_ROOMS).then_some(Self(generation << Self::SLOT_BITS | slot as u32))
    }

    /// Returns the index of the room's state in any table indexed by slot.
    pub fn slot(self) -> usize {
        self.0 as usize & (Self::MAX_ROOMS - 1)
    }

    /// Returns the number on the wire.
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// Reverses [`to_bits`](Self::to_bits). A number from a peer is untrusted until checked.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// A random id of a room's numbering. It changes only when the numbering is lost. So a client that
/// returns with an offset learns if the offset is still valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// A message's place in its room: 1, 2, 3 … without holes. 0 stands before the first.
pub type Offset = u64;

/// The place in a room after which a client resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The numbering the offset belongs to.
    pub epoch: Epoch,
    /// The last message that the client has.
    pub offset: Offset,
}

/// The id of one request of one peer: every answer to it carries the number.
///
/// The session chooses the number. If it waits for outcomes, no two pending requests of a peer have
/// the same number; if the client numbers its requests, it is the client's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestId(u64);

impl RequestId {
    /// A request whose outcome the session does not wait for, and the request of replies that the
    /// peer did not request.
    pub const NONE: Self = Self(0);

    /// Creates the id of the request with a client's number; 0 if the client gave none.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number; 0 for [`NONE`](Self::NONE).
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Returns the next id. Never [`NONE`](Self::NONE).
    pub const fn next(self) -> Self {
        match self.0.wrapping_add(1) {
            0 => Self(1),
            number => Self(number),
        }
    }

    /// True if a session waits for the outcome.
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }
}

/// The id of one job of the engine. Never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(u64);

impl JobId {
    /// Returns the next id.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conn_id_survives_the_kernel() {
        let id = ConnId::new(7, NonZeroU32::MAX);
        assert_eq!(ConnId::from_bits(id.to_bits()), Some(id));
        assert_eq!(ConnId::from_bits(u64::from(u32::MAX)), None);
    }

    #[test]
    fn room_ids_tell_tenants_apart() {
        let (first, second) = (RoomId::new(5, 1).unwrap(), RoomId::new(5, 2).unwrap());
        assert_ne!(first, second);
        assert_eq!(first.slot(), second.slot());
        assert_eq!(RoomId::from_bits(first.to_bits()), first);
        assert_eq!(RoomId::new(RoomId::MAX_ROOMS, 0), None);
    }
}
