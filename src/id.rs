//! Names for things that come and go.

use std::fmt;
use std::num::NonZeroU32;

/// Names one connection, and no other, for the life of the process.
///
/// A slot is let again after its tenant leaves; the generation tells the tenants apart, so a
/// `ConnId` kept in a member list or in the kernel can go stale but can never point at a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    slot: u32,
    generation: NonZeroU32,
}

impl ConnId {
    /// The tenant of `slot` with that `generation`.
    pub fn new(slot: u32, generation: NonZeroU32) -> Self {
        Self { slot, generation }
    }

    /// Where the connection's state lies in any table indexed by slot.
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    /// Tells the tenants of the slot apart.
    pub fn generation(self) -> NonZeroU32 {
        self.generation
    }

    /// The id in one word, as it travels through the kernel: generation above, slot below.
    ///
    /// Never less than 2³², because no generation is zero; smaller words are free for other uses.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation.get()) << 32 | u64::from(self.slot)
    }

    /// The reverse of [`to_bits`](Self::to_bits); `None` for words that name no connection.
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

/// Names one room while it exists; the number by which frames speak of a joined room.
///
/// Slot and generation share 32 bits, so that a message on the wire spends four bytes on its room.
/// A generation comes back after every 1,024 rooms made. That is safe because every use of a
/// `RoomId` from outside is checked against the peer's own memberships first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoomId(u32);

impl RoomId {
    const SLOT_BITS: u32 = 22;

    /// How many rooms can be told apart at once: 4,194,304.
    pub const MAX_ROOMS: usize = 1 << Self::SLOT_BITS;

    /// The tenant of `slot`; `None` when there are more rooms than ids.
    pub fn new(slot: usize, generation: u32) -> Option<Self> {
        (slot < Self::MAX_ROOMS).then_some(Self(generation << Self::SLOT_BITS | slot as u32))
    }

    /// Where the room's state lies in any table indexed by slot.
    pub fn slot(self) -> usize {
        self.0 as usize & (Self::MAX_ROOMS - 1)
    }

    /// The number on the wire.
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// The reverse of [`to_bits`](Self::to_bits). Any number is somebody's claim until checked.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// A random id of a room's numbering. It changes only when the numbering is lost, which tells a
/// client that returns with an offset whether that offset still means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// A message's place in its room: 1, 2, 3 … without holes. 0 stands before the first.
pub type Offset = u64;

/// A place in a room from which somebody wants to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The numbering the offset belongs to.
    pub epoch: Epoch,
    /// The last message they have.
    pub offset: Offset,
}

/// Names one request of one peer: every answer to it carries the number.
///
/// The session chooses the number. Where it waits for outcomes, no two requests of a peer that are under
/// way have the same one; where the client numbers its requests, it is the client's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestId(u64);

impl RequestId {
    /// A request whose outcome the session does not wait for; and the request of whatever a peer is
    /// told without having asked.
    pub const NONE: Self = Self(0);

    /// The request to which a client gave this number; 0 if it gave none.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number; 0 for [`NONE`](Self::NONE).
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The id after this one. Never [`NONE`](Self::NONE).
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

/// Names one job of the engine. Never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(u64);

impl JobId {
    /// The id after this one.
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
