//! The options of an `http` listener.

use super::irc;
use super::origin::AllowedOrigin;
use crate::address::Network;
use crate::session::overrun::Overrun;
use std::sync::Arc;

/// The options of an `http` listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The treatment of a peer in frames that an overrun hits.
    pub overrun: Overrun,
    /// Origins whose pages may use the relay, in addition to the pages of this host.
    pub allow_origin: Vec<AllowedOrigin>,
    /// Host names that the listener answers to, in addition to `localhost` and addresses:
    /// `chat.example`, or `.chat.example` with all its subdomains. If the list is not empty, or the
    /// listener is [`local`](Self::local), requests for any other [`host`](super::host) are
    /// refused.
    pub allow_host: Vec<String>,
    /// True if it listens on a loopback address. The relay detects this itself.
    pub local: bool,
    /// The routes that it serves.
    pub serve: Serve,
    /// The options of IRC at `/irc`: those of the relay's `irc` listener, if there is one.
    pub irc: Arc<irc::Options>,
    /// The proxies whose forwarded addresses are trusted.
    pub trust: Vec<Network>,
    /// True if every connection begins with a header of the PROXY protocol, sent by one of these
    /// proxies.
    pub proxy: bool,
    /// True if WebSocket messages are compressed for peers that negotiate it.
    pub deflate: bool,
}

/// The purpose of a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serve {
    /// The public routes: the page, WebSocket, and rooms.
    #[default]
    Public,
    /// The monitoring routes: metrics and health.
    Admin,
}
