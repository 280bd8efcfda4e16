//! Limits of connections per address: open at once, and new per minute.

use crate::address::network_of;
use crate::limits::Limits;
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The connection counts of all addresses. IPv6 is counted by /64, the smallest block a customer
/// gets.
#[derive(Debug, Default)]
pub(super) struct Admission {
    addresses: HashMap<u64, Address>,
    swept: Duration,
}

/// The network that a connection is counted under, if any. Each connection keeps one, so it is
/// small: the full address is in the log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ticket(Option<NonZeroU64>);

#[derive(Debug, Default)]
struct Address {
    open: usize,
    /// Connections opened in the minute that began at `since`.
    made: usize,
    since: Duration,
}

impl Admission {
    /// Counts a new connection from `ip`, until `release` is called with the ticket. `None`: the
    /// address has reached a limit.
    pub(super) fn admit(&mut self, ip: IpAddr, now: Duration, limits: &Limits) -> Option<Ticket> {
        self.sweep(now);
        if is_loopback(ip) && !limits.limit_loopback {
            return Some(Ticket(None));
        }
        let network = network_of(ip);
        let address = self.addresses.entry(network).or_default();
        if now.saturating_sub(address.since) >= MINUTE {
            (address.made, address.since) = (0, now);
        }
        if address.open >= limits.per_address || address.made >= limits.per_address_minute {
            return None;
        }
        address.open += 1;
        address.made += 1;
        Some(Ticket(NonZeroU64::new(network)))
    }

    /// Removes a closed connection from the count of its address.
    pub(super) fn release(&mut self, ticket: Ticket) {
        let network = ticket.0.map(NonZeroU64::get);
        if let Some(address) = network.and_then(|network| self.addresses.get_mut(&network)) {
            address.open = address.open.saturating_sub(1);
        }
    }

    /// Removes, once a minute, the addresses without open or recent connections.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) >= MINUTE {
            self.swept = now;
            self.addresses.retain(|_, address| address.open > 0 || now - address.since < MINUTE);
        }
    }
}

/// True if `ip` is a loopback address, IPv4-mapped ones included.
pub(super) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_open_and_per_minute() {
        let limits = Limits { per_address: 2, per_address_minute: 3, ..Limits::default() };
        let mut admission = Admission::default();
        let ann: IpAddr = "192.0.2.1".parse().unwrap();
        let bob: IpAddr = "::ffff:192.0.2.2".parse().unwrap();
        let at = Duration::from_secs;
        let first = admission.admit(ann, at(0), &limits).unwrap();
        let second = admission.admit(ann, at(0), &limits).unwrap();
        assert!(admission.admit(ann, at(0), &limits).is_none(), "two at once");
        let bobs = admission.admit(bob, at(0), &limits).unwrap();
        admission.release(first);
        admission.release(second);
        let third = admission.admit(ann, at(59), &limits).unwrap();
        admission.release(third);
        assert!(admission.admit(ann, at(59), &limits).is_none(), "three a minute");
        let fourth = admission.admit(ann, at(60), &limits).unwrap();
        admission.release(fourth);
        admission.release(bobs);
        assert!(admission.admit(bob, at(200), &limits).is_some());
        assert_eq!(admission.addresses.len(), 1, "swept");
    }

    #[test]
    fn a_v6_customer_is_a_64_and_loopback_is_exempt() {
        let limits = Limits { per_address: 1, ..Limits::default() };
        let mut admission = Admission::default();
        let mut enter =
            |ip: &str| admission.admit(ip.parse().unwrap(), Duration::ZERO, &limits).is_some();
        assert!(enter("2001:db8::1"));
        assert!(!enter("2001:db8::ffff"));
        assert!(enter("2001:db8:0:1::1"));
        assert!(enter("127.0.0.1") && enter("127.0.0.1") && enter("::1") && enter("::1"));
    }
}
