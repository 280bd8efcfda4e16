//! Browsers and everything else that speaks HTTP: the chat page, rooms over HTTP, Server-Sent Events,
//! and the way to a WebSocket.

pub mod api;
pub mod asset;
pub mod body;
pub mod events;
pub mod exchange;
pub mod origin;
pub mod outcome;
pub mod query;
pub mod response;
pub mod route;
pub mod upgrade;
pub mod watch;

pub use super::options::host;
pub use super::options::http::{Options, Serve};
pub use super::websocket::close_code;
pub use events::EventStream;
pub use exchange::Exchange;
