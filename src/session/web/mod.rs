//! Browsers and everything else that speaks HTTP: the chat page, rooms over HTTP, Server-Sent Events,
//! and the way to a WebSocket.

pub mod api;
pub mod asset;
pub mod body;
pub mod event_text;
pub mod events;
pub mod exchange;
pub mod host;
pub mod options;
pub mod origin;
pub mod outcome;
pub mod query;
pub mod response;
pub mod route;
pub mod upgrade;
pub mod watch;

pub use super::websocket::close_code;
pub use events::EventStream;
pub use exchange::Exchange;
pub use options::{Options, Serve};
