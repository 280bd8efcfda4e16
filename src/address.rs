//! Addresses of clients: parsing, trusted proxies, and forwarded addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

/// A range of addresses: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The network's first address, IPv4 mapped to IPv6 (RFC 4291 §2.5.5.2), because a listener may
    /// report a client in either form.
    first: u128,
    /// The number of leading bits that its addresses have in common.
    bits: u32,
}

impl Network {
    /// True if the network contains the address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        (mapped(ip) ^ self.first).leading_zeros() >= self.bits
    }
}

/// The origin of a client, as far as it matters to the relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// The address; `None` behind a Unix socket.
    pub ip: Option<IpAddr>,
    /// True if the client is a proxy whose forwarded addresses are trusted.
    pub trusted: bool,
    /// True if the message rate does not apply to the client.
    pub exempt: bool,
}

/// Returns the network that is counted as one address: the /32 or the /64. The two families cannot
/// meet: no routable IPv6 network begins with 32 zero bits.
pub fn network_of(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64,
    }
}

/// The error of a text that is not a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a network is written 192.0.2.0/24, 2001:db8::/32, or as one address")
    }
}

impl std::error::Error for NetworkError {}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let most: u32 = if ip.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| NetworkError)?;
        let bits =
            (128 - most).checked_add(prefix).filter(|_| prefix <= most).ok_or(NetworkError)?;
        let first = mapped(ip);
        // Bits set behind the prefix are most likely a mistake in the prefix.
        let is_first = bits == 128 || first << bits == 0;
        if is_first { Ok(Self { first, bits }) } else { Err(NetworkError) }
    }
}

fn mapped(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Returns the client's address in a chain of proxies, from the address that each proxy noted of
/// the one before (the elements of `X-Forwarded-For`, the nearest last). That is the nearest
/// address that is not a trusted proxy itself; a client can forge all elements before it. `None` if
/// an element up to it is not an address.
pub fn nearest_stranger(noted: &[&str], believed: &[Network]) -> Option<IpAddr> {
    let mut found = None;
    for noted in noted.iter().rev() {
        let ip = parse_noted(noted)?;
        found = Some(ip);
        if !believed.iter().any(|network| network.contains(ip)) {
            break;
        }
    }
    found
}

/// An address as proxies note it: some with a port, IPv6 then in brackets.
fn parse_noted(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']')?.0.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse().ok().or_else(|| {
        let (ip, port) = text.split_once(':')?;
        port.parse::<u16>().ok()?;
        ip.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_what_their_prefix_says() {
        for (text, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("0.0.0.0/0", "255.1.2.3", "2001:db8::"),
            ("::/0", "1.2.3.4", "1.2.3.4"),
        ] {
            assert!(network(text).contains(inside.parse().unwrap()), "{text}");
            let is_all = text == "::/0";
            assert_eq!(network(text).contains(outside.parse().unwrap()), is_all, "{text}");
        }
        for bad in [
            "",
            "a",
            "192.0.2.0/33",
            "192.0.2.1/24",
            "::/129",
            "1.2.3.4/",
            "1.2.3.4/x",
            "10.0.0.0/-1",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn fault_a3_what_a_stranger_wrote_is_not_believed() {
        let believed = [network("10.0.0.0/8"), network("::1")];
        for (noted, expected) in [
            ("203.0.113.7", Some("203.0.113.7")),
            ("1.1.1.1, 203.0.113.7", Some("203.0.113.7")),
            ("1.1.1.1, 203.0.113.7, 10.0.0.2", Some("203.0.113.7")),
            ("nonsense, 203.0.113.7, 10.0.0.2", Some("203.0.113.7")),
            ("203.0.113.7, nonsense", None),
            ("10.0.0.3, 10.0.0.2", Some("10.0.0.3")),
            ("203.0.113.7:4711", Some("203.0.113.7")),
            ("[2001:db8::1]:4711, ::1", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("unknown", None),
        ] {
            let found = nearest_stranger(&noted.split(", ").collect::<Vec<_>>(), &believed);
            assert_eq!(found, expected.map(|ip| ip.parse().unwrap()), "{noted}");
        }
    }
}
