//! The resources of many connections: descriptors and source addresses.

use super::error::LoadError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Connections from the default source address. Linux has 28,232 ephemeral ports and tries the even
/// ones first: beyond 14,000, each connect searches longer than a server takes to accept it, and
/// the run would measure that search.
pub const FROM_ONE: usize = 12_000;

/// Connections per source address if there are several. Fewer, because a bound socket searches
/// longer for a port.
pub const FROM_EACH: usize = 5_000;

/// Descriptors for other purposes: the poll, the timer, files under /proc, the pipes of a spawned
/// relay.
const OTHER_DESCRIPTORS: u64 = 64;

/// Raises the limit on descriptors, and checks that it suffices.
///
/// # Errors
/// A limit that is too low, and how to raise it.
pub fn reserve_descriptors(connections: usize) -> Result<(), LoadError> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // macOS refuses limits above OPEN_MAX even if the hard limit is higher: then the old limit
        // stays.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = connections as u64 + OTHER_DESCRIPTORS;
    if needed <= most {
        return Ok(());
    }
    Err(LoadError::Resources(format!(
        "{connections} connections need {needed} descriptors, and this process may have {most}.\n\
         That is the hard limit on open files (ulimit -Hn): raise it in\n\
         /etc/security/limits.conf or with `prlimit --nofile={needed}:{needed}`, or use fewer connections"
    )))
}

/// The source addresses of connections, used in turn.
#[derive(Debug)]
pub struct Sources {
    addresses: Vec<Ipv4Addr>,
    next: usize,
}

impl Sources {
    /// Creates as many addresses 127.0.0.x as `connections` need, or `wanted` if that is not 0.
    /// Servers on other machines are reached from the default address only.
    pub fn new(server: SocketAddr, connections: usize, wanted: usize) -> Self {
        let count = match wanted {
            0 if connections <= FROM_ONE => 1,
            0 => connections.div_ceil(FROM_EACH),
            wanted => wanted,
        };
        let is_local = matches!(server.ip(), IpAddr::V4(ip) if ip.is_loopback());
        let count = if is_local { count.min(250) } else { 1 };
        let address = |index: usize| Ipv4Addr::new(127, 0, 0, 1 + index as u8);
        // A single address needs no `bind`, and without one the kernel uses ports better.
        let addresses = if count > 1 { (0..count).map(address).collect() } else { Vec::new() };
        Self { addresses, next: 0 }
    }

    /// Returns the number of source addresses.
    pub fn count(&self) -> usize {
        self.addresses.len().max(1)
    }

    /// Returns the next source address; `None` lets the kernel choose.
    pub fn take(&mut self) -> Option<SocketAddr> {
        let address = *self.addresses.get(self.next)?;
        self.next = (self.next + 1) % self.addresses.len();
        Some(SocketAddr::new(address.into(), 0))
    }

    /// Explains a failed connect, and what to do about it.
    pub fn explain(&self, error: &io::Error) -> String {
        use rustix::io::Errno;
        let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
        let count = self.count();
        if is(Errno::MFILE) {
            "the process has reached its descriptor limit: raise the limit on open files (ulimit -Hn,\n\
             /etc/security/limits.conf), or use fewer connections"
                .to_owned()
        } else if is(Errno::NFILE) {
            "the system has reached its descriptor limit: raise fs.file-max (sysctl -w fs.file-max=…)"
                .to_owned()
        } else if is(Errno::ADDRNOTAVAIL) || is(Errno::ADDRINUSE) {
            format!(
                "no port is left on {count} source address(es): each has the ports of\n\
                 net.ipv4.ip_local_port_range (sysctl), less those in TIME_WAIT.\n\
                 Use more addresses (--sources {}), or widen the range",
                count + 1
            )
        } else if error.kind() == io::ErrorKind::ConnectionRefused {
            "connection refused: is the server running? (`hobnob serve`, or add --spawn)".to_owned()
        } else {
            error.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_come_from_many_addresses() {
        let server = "127.0.0.1:7000".parse().unwrap();
        assert_eq!(Sources::new(server, FROM_ONE, 0).count(), 1);
        assert_eq!(Sources::new(server, 19_000, 0).count(), 4);
        assert_eq!(Sources::new(server, 10, 0).take(), None);
        let mut sources = Sources::new(server, 10, 2);
        assert_eq!(sources.count(), 2);
        let taken: Vec<_> = (0..3).map(|_| sources.take().unwrap().ip().to_string()).collect();
        assert_eq!(taken, ["127.0.0.1", "127.0.0.2", "127.0.0.1"]);
        assert_eq!(Sources::new("[::1]:7000".parse().unwrap(), 100_000, 0).count(), 1);
    }

    #[test]
    fn what_is_missing_is_named_with_its_cure() {
        let refusal = reserve_descriptors(usize::MAX / 2).unwrap_err().to_string();
        assert!(refusal.contains("ulimit -Hn") && refusal.contains("prlimit"), "{refusal}");
        let sources = Sources::new("127.0.0.1:1".parse().unwrap(), 1, 0);
        for (errno, said) in [
            (rustix::io::Errno::MFILE, "ulimit -Hn"),
            (rustix::io::Errno::NFILE, "fs.file-max"),
            (rustix::io::Errno::ADDRNOTAVAIL, "--sources 2"),
            (rustix::io::Errno::CONNREFUSED, "hobnob serve"),
        ] {
            let text = sources.explain(&io::Error::from_raw_os_error(errno.raw_os_error()));
            assert!(text.contains(said), "{text}");
        }
    }
}
