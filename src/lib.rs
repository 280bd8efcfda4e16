//! hobnob
pub mod client;
pub mod id;
pub mod limits;
pub mod now;
pub mod reason;
pub mod wire;
