//! HTTP, for browsers and other clients: the chat page, the API of rooms, Server-Sent Events, and
//! the upgrade to WebSocket.

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
