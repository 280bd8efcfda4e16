//! Keys, epochs and ids that a relay with a known secret makes up.

use hobnob::secret::{SecretKey, Secrets};

/// Every relay here derives its keys, epochs and cloaks from this.
pub const SECRET: SecretKey = SecretKey::from_number(0x5eed);

/// Every relay here is in this run.
pub const RUN: u64 = 0;

/// The number of the first room that a relay makes.
pub const FIRST_ROOM: u32 = 1 << 22;

/// Returns what every relay here derives its numbers with.
pub fn secrets() -> Secrets {
    Secrets::new(SECRET, RUN)
}

/// The `n`th key or epoch that a relay makes up, counting from 1.
pub fn minted(n: u64) -> u64 {
    secrets().unique(n)
}

/// The key of the `n`th guest.
pub fn guest_key(n: u64) -> u64 {
    secrets().guest_key(n)
}

/// The id of the `n`th connection, counting from 1, if it sits in `slot`.
pub fn conn_id(n: u64, slot: u64) -> u64 {
    n << 32 | slot
}
