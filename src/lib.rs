//! hobnob
pub mod client;
pub mod engine;
pub mod history;
pub mod hub;
pub mod id;
pub mod limits;
pub mod now;
pub mod payload;
pub mod reason;
pub mod session;
pub mod wire;
