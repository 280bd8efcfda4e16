//! The remote address of a connection.

use super::admission::is_loopback;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The remote address of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerAddr {
    Tcp(SocketAddr),
    Unix,
}

impl PeerAddr {
    pub(super) fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }

    /// True if the remote end is on this machine.
    pub(super) fn is_local(self) -> bool {
        self.ip().is_none_or(is_loopback)
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("a local process"),
        }
    }
}
