//! What a listener serves, and how.

use super::options::{frame, irc, raw};
#[cfg(feature = "http")]
use super::options::{host, http};
use super::overrun::Overrun;
use crate::limits::{IRC_PATIENCE, Limits};
use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a listener serves, and how. `udp` will be a row here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Plain sockets.
    Raw(raw::Options),
    /// The frame protocol, binary or JSON.
    Frame(frame::Options),
    /// Browsers, and whatever else speaks HTTP.
    #[cfg(feature = "http")]
    Http(http::Options),
    /// IRC.
    Irc(Arc<irc::Options>),
}

impl Service {
    /// A service whose clients speak in lines, and may moderate rooms.
    #[cfg(test)]
    pub fn moderating() -> Self {
        Self::Irc(std::sync::Arc::default())
    }

    /// Returns the name of the room that everybody here is in by connecting, if there is one.
    pub fn common_room(&self) -> Option<&str> {
        match self {
            Self::Raw(options) => Some(&options.room),
            Self::Frame(_) | Self::Irc(_) => None,
            #[cfg(feature = "http")]
            Self::Http(_) => None,
        }
    }

    /// True if others are shown the addresses of those who come here.
    pub fn shows_addresses(&self) -> bool {
        self.irc().is_some_and(|irc| !irc.cloak)
    }

    /// What overruns lead to, in a dialect that leaves the choice.
    pub fn overrun(&self) -> Overrun {
        match self {
            Self::Raw(_) | Self::Irc(_) => Overrun::Close,
            Self::Frame(options) => options.overrun,
            #[cfg(feature = "http")]
            Self::Http(options) => options.overrun,
        }
    }

    /// Whether silence means death. Plain sockets have no way to answer a ping.
    pub fn pings(&self) -> bool {
        !matches!(self, Self::Raw(_))
    }

    /// How long a peer may take to answer a ping.
    pub fn ping_grace(&self, limits: &Limits) -> Duration {
        match self {
            Self::Irc(_) => limits.ping_grace.saturating_mul(IRC_PATIENCE),
            _ => limits.ping_grace,
        }
    }

    /// Whether those who come here watch over the relay: they are let in when it is full, and stay
    /// until everybody else is gone.
    pub fn is_admin(&self) -> bool {
        match self {
            Self::Raw(_) | Self::Frame(_) => false,
            #[cfg(feature = "http")]
            Self::Http(options) => options.serve == http::Serve::Admin,
            Self::Irc(_) => false,
        }
    }

    /// Takes over what can be another while it is served, which is what IRC is served with. The rest
    /// stays, what was found out when it was bound included.
    pub fn adopt(&mut self, other: Self) {
        match (self, other) {
            (Self::Irc(options), Self::Irc(others)) => *options = others,
            #[cfg(feature = "http")]
            (Self::Http(options), Self::Http(others)) => options.irc = others.irc,
            _ => {}
        }
    }

    /// It is listened for on a loopback address, which was written as `authority`.
    #[cfg_attr(not(feature = "http"), expect(unused_variables, reason = "only http has hosts"))]
    pub fn listens_locally(&mut self, authority: &str) {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => {}
            #[cfg(feature = "http")]
            Self::Http(options) => host::listens_locally(options, authority),
        }
    }

    /// Whether whoever has this address is believed when it speaks for others.
    #[cfg_attr(not(feature = "http"), expect(unused_variables, reason = "only http has proxies"))]
    pub fn trusts(&self, ip: IpAddr) -> bool {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => false,
            #[cfg(feature = "http")]
            Self::Http(options) => options.trust.iter().any(|network| network.contains(ip)),
        }
    }

    /// How IRC is served there, if it is.
    pub fn irc(&self) -> Option<&irc::Options> {
        match self {
            Self::Raw(_) | Self::Frame(_) => None,
            #[cfg(feature = "http")]
            Self::Http(options) => Some(&options.irc),
            Self::Irc(options) => Some(options),
        }
    }

    /// One word, for logs and counters.
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
