//! What a machine must give for so many connections: descriptors, and addresses to come from.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Connections from the one address that the kernel takes by itself. Linux has 28,232 ephemeral ports
/// and tries the even ones first: beyond 14,000, each further connect searches for longer than a
/// server takes to accept it, and what was measured would be that search.
pub const FROM_ONE: usize = 12_000;

/// Connections from each of several addresses. Fewer, because a socket that is bound to an address
/// searches more.
pub const FROM_EACH: usize = 5_000;

/// Descriptors that are no connections: the poll, the timer, files under /proc, a server's pipes.
const OTHER_DESCRIPTORS: u64 = 64;

/// Raises the limit on descriptors as far as it goes, and complains if that is not enough.
///
/// # Errors
/// A sentence that names the limit and how to raise it.
pub fn reserve_descriptors(connections: usize) -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // Refused on systems whose hard limit is not what it says: then the old one stays.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = connections as u64 + OTHER_DESCRIPTORS;
    if needed <= most {
        return Ok(());
    }
    Err(format!(
        "{connections} connections need {needed} descriptors, and this process may have {most}.\n\
         That is the hard limit on open files (ulimit -Hn): raise it in\n\
         /etc/security/limits.conf or with `prlimit --nofile={needed}:{needed}`, or ask for fewer"
    ))
}

/// The addresses connections come from, one after the other.
#[derive(Debug)]
pub struct Sources {
    addresses: Vec<Ipv4Addr>,
    next: usize,
}

impl Sources {
    /// As many 127.0.0.x as `connections` to `server` need; `wanted`, if that is not 0. Only a
    /// server on this machine can be reached from more than one address.
    pub fn new(server: SocketAddr, connections: usize, wanted: usize) -> Self {
        let count = match wanted {
            0 if connections <= FROM_ONE => 1,
            0 => connections.div_ceil(FROM_EACH),
            wanted => wanted,
        };
        let is_local = matches!(server.ip(), IpAddr::V4(ip) if ip.is_loopback());
        let count = if is_local { count.min(250) } else { 1 };
        let address = |index: usize| Ipv4Addr::new(127, 0, 0, 1 + index as u8);
        // One address is what the kernel takes anyway; and without a `bind`, ports are used better.
        let addresses = if count > 1 { (0..count).map(address).collect() } else { Vec::new() };
        Self { addresses, next: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.addresses.len().max(1)
    }

    /// Where the next connection comes from; `None` if that is the kernel's to say.
    pub fn take(&mut self) -> Option<SocketAddr> {
        let address = *self.addresses.get(self.next)?;
        self.next = (self.next + 1) % self.addresses.len();
        Some(SocketAddr::new(address.into(), 0))
    }

    /// What a failed connect means, and what to do about it.
    pub fn explain(&self, error: &io::Error) -> String {
        use rustix::io::Errno;
        let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
        let count = self.count();
        if is(Errno::MFILE) {
            "this process has no descriptor left: raise the limit on open files (ulimit -Hn,\n\
             /etc/security/limits.conf), or ask for fewer connections"
                .to_owned()
        } else if is(Errno::NFILE) {
            "the system has no descriptor left: raise fs.file-max (sysctl -w fs.file-max=…)"
                .to_owned()
        } else if is(Errno::ADDRNOTAVAIL) || is(Errno::ADDRINUSE) {
            format!(
                "no port is left on {count} source address(es): each has the ports of\n\
                 net.ipv4.ip_local_port_range (sysctl), less those that still wait (TIME_WAIT).\n\
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
        let refusal = reserve_descriptors(usize::MAX / 2).unwrap_err();
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
