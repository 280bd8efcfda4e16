//! The service of a listener: its protocol and its options.

use super::options::{frame, irc, raw};
#[cfg(feature = "http")]
use super::options::{host, http};
use super::overrun::Overrun;
use crate::limits::{IRC_PATIENCE, Limits};
use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The service of a listener: its protocol and its options. `udp` will be a row here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Plain sockets.
    Raw(raw::Options),
    /// The frame protocol, in binary or JSON.
    Frame(frame::Options),
    /// HTTP, for browsers and other clients.
    #[cfg(feature = "http")]
    Http(http::Options),
    /// IRC.
    Irc(Arc<irc::Options>),
}

impl Service {
    /// Returns a service whose clients use lines and may moderate rooms.
    #[cfg(test)]
    pub fn moderating() -> Self {
        Self::Irc(std::sync::Arc::default())
    }

    /// Returns the name of the room that every peer of this listener joins by connecting, if there
    /// is one.
    pub fn common_room(&self) -> Option<&str> {
        match self {
            Self::Raw(options) => Some(&options.room),
            Self::Frame(_) | Self::Irc(_) => None,
            #[cfg(feature = "http")]
            Self::Http(_) => None,
        }
    }

    /// True if other peers see the addresses of this listener's peers.
    pub fn shows_addresses(&self) -> bool {
        self.irc().is_some_and(|irc| !irc.cloak)
    }

    /// Returns the treatment of overruns, for dialects that leave the choice to the listener.
    pub fn overrun(&self) -> Overrun {
        match self {
            Self::Raw(_) | Self::Irc(_) => Overrun::Close,
            Self::Frame(options) => options.overrun,
            #[cfg(feature = "http")]
            Self::Http(options) => options.overrun,
        }
    }

    /// True if silence means a lost connection. Plain sockets have no way to answer a ping.
    pub fn pings(&self) -> bool {
        !matches!(self, Self::Raw(_))
    }

    /// Returns the time that a peer has to answer a ping.
    pub fn ping_grace(&self, limits: &Limits) -> Duration {
        match self {
            Self::Irc(_) => limits.ping_grace.saturating_mul(IRC_PATIENCE),
            _ => limits.ping_grace,
        }
    }

    /// True if the listener serves monitoring. Its peers are accepted even when the relay is full,
    /// and stay until all other peers have left.
    pub fn is_admin(&self) -> bool {
        match self {
            Self::Raw(_) | Self::Frame(_) => false,
            #[cfg(feature = "http")]
            Self::Http(options) => options.serve == http::Serve::Admin,
            Self::Irc(_) => false,
        }
    }

    /// Adopts the options that can change at run time, which are those of IRC. All others stay,
    /// including those that were detected when the listener was bound.
    pub fn adopt(&mut self, other: Self) {
        match (self, other) {
            (Self::Irc(options), Self::Irc(others)) => *options = others,
            #[cfg(feature = "http")]
            (Self::Http(options), Self::Http(others)) => options.irc = others.irc,
            _ => {}
        }
    }

    /// Marks the listener as bound to a loopback address, written as `authority`.
    #[cfg_attr(not(feature = "http"), expect(unused_variables, reason = "only http has hosts"))]
    pub fn listens_locally(&mut self, authority: &str) {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => {}
            #[cfg(feature = "http")]
            Self::Http(options) => host::listens_locally(options, authority),
        }
    }

    /// True if this address belongs to a trusted proxy, whose forwarded addresses are used.
    #[cfg_attr(not(feature = "http"), expect(unused_variables, reason = "only http has proxies"))]
    pub fn trusts(&self, ip: IpAddr) -> bool {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => false,
            #[cfg(feature = "http")]
            Self::Http(options) => options.trust.iter().any(|network| network.contains(ip)),
        }
    }

    /// Returns the options of IRC on this listener, if it serves IRC.
    pub fn irc(&self) -> Option<&irc::Options> {
        match self {
            Self::Raw(_) | Self::Frame(_) => None,
            #[cfg(feature = "http")]
            Self::Http(options) => Some(&options.irc),
            Self::Irc(options) => Some(options),
        }
    }

    /// Returns one word for the service, for logs and counters.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Raw(_) => "raw",
            Self::Frame(_) => "frame",
            #[cfg(feature = "http")]
            Self::Http(_) if self.is_admin() => "admin",
            #[cfg(feature = "http")]
            Self::Http(_) => "http",
            Self::Irc(_) => "irc",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_irc_has_a_minute_to_answer_a_ping() {
        let limits = Limits::default();
        let grace = |service: Service| service.ping_grace(&limits);
        assert_eq!(grace(Service::Irc(Arc::default())), Duration::from_secs(60));
        assert_eq!(grace(Service::Frame(frame::Options::default())), limits.ping_grace);
    }
}
