//! How an `http` listener serves.

use super::irc;
use super::origin::AllowedOrigin;
use crate::address::Network;
use crate::session::overrun::Overrun;
use std::sync::Arc;

/// How an `http` listener serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What happens to a peer in frames that falls off the end of a tape.
    pub overrun: Overrun,
    /// Origins whose pages may speak to the relay, beside those of this host.
    pub allow_origin: Vec<AllowedOrigin>,
    /// Names under which it may be asked, beside `localhost` and addresses: `chat.example`, or
    /// `.chat.example` with all that end so. Where there are any, or it is [`local`](Self::local),
    /// requests for another [`host`](super::host) are refused.
    pub allow_host: Vec<String>,
    /// Whether it listens on a loopback address. The relay finds that out by itself.
    pub local: bool,
    /// What can be asked for there.
    pub serve: Serve,
    /// How IRC is served at `/irc`: as on the relay's `irc` listener, if there is one.
    pub irc: Arc<irc::Options>,
    /// The proxies that are believed when they say for whom they speak.
    pub trust: Vec<Network>,
    /// Whether every connection begins with a header of the PROXY protocol, by one of these proxies.
    pub proxy: bool,
    /// Whether WebSocket messages are compressed for those who can read that.
    pub deflate: bool,
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serve {
    /// Everybody: the page, WebSocket, and rooms.
    #[default]
    Public,
    /// Whoever watches over the relay: metrics and health.
    Admin,
}
