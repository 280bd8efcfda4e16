//! Keys, epochs and ids that a relay with a known secret makes up.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Every relay here derives its keys and epochs from this.
pub const SECRET: u64 = 0x5eed;

/// The number of the first room that a relay makes.
pub const FIRST_ROOM: u32 = 1 << 22;

/// The `n`th key or epoch that a relay makes up, counting from 1.
pub fn minted(n: u64) -> u64 {
    derived("minted", n)
}

/// The key of the `n`th guest.
pub fn guest_key(n: u64) -> u64 {
    derived("guest", n)
}

fn derived(purpose: &str, count: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (SECRET, purpose, count, SECRET.rotate_left(32)).hash(&mut hasher);
    hasher.finish()
}

/// The id of the `n`th connection, counting from 1, if it sits in `slot`.
pub fn conn_id(n: u64, slot: u64) -> u64 {
    n << 32 | slot
}
