//! Listening sockets.

use super::admission::is_loopback;
use super::peer_addr::PeerAddr;
use super::socket_options::SocketOptions;
use super::transport::Transport;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use rustix::fs::Mode;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Connections that may wait to be accepted; the kernel caps it (somaxconn).
const BACKLOG: i32 = 4096;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `host:port`, with an IPv6 address in brackets. `[::]` accepts IPv4 as well. With port 0 the
    /// system chooses the port.
    Tcp(String),
    /// The path of a Unix socket, readable and writable for its owner only.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The address of a bound listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A TCP address, with the port that the system chose.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that accepts connections for one service.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Acceptor,
    /// The engine's index of the service.
    pub(super) service: usize,
    /// The options of accepted sockets.
    pub(super) options: SocketOptions,
    /// True while the listener is in the queue of unfinished work.
    pub(super) queued: bool,
    pause: Option<AcceptPause>,
}

/// A pause in accepting, for lack of descriptors or memory.
#[derive(Clone, Copy, Debug)]
struct AcceptPause {
    retry_at: Duration,
    wait: Duration,
    /// True once the loop has scheduled the retry.
    is_retry_scheduled: bool,
}

/// The first and the longest pause after a failed accept; each pause is twice the one before.
const ACCEPT_PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

#[derive(Debug)]
enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener, UnixPath),
}

/// The path of a bound Unix socket, removed when the listener is dropped.
#[derive(Debug)]
struct UnixPath(PathBuf);

impl Drop for UnixPath {
    fn drop(&mut self) {
        // The file is gone already, or may not be removed; neither can be repaired here.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds a listener on every address that `endpoint` resolves to.
    pub(super) fn bind(
        endpoint: &Endpoint,
        service: usize,
        options: SocketOptions,
    ) -> io::Result<Vec<Self>> {
        match endpoint {
            Endpoint::Tcp(address) => {
                let addresses = address.to_socket_addrs().map_err(|error| {
                    io::Error::new(
                        error.kind(),
                        format!("cannot resolve {address:?}: {error}: expected HOST:PORT"),
                    )
                })?;
                let bound = addresses.map(|address| {
                    let socket = Acceptor::Tcp(
                        bind_tcp(address, options).map_err(|error| explain(address, &error))?,
                    );
                    Ok(Self { socket, service, options, queued: false, pause: None })
                });
                bound.collect()
            }
            Endpoint::Unix(path) => {
                let socket = bind_unix(path).map_err(|error| explain(path.display(), &error))?;
                let socket = Acceptor::Unix(socket, UnixPath(path.clone()));
                Ok(vec![Self { socket, service, options, queued: false, pause: None }])
            }
        }
    }

    /// Returns the bound address.
    pub(super) fn bound(&self) -> io::Result<Bound> {
        match &self.socket {
            Acceptor::Tcp(tcp) => Ok(Bound::Tcp(tcp.local_addr()?)),
            Acceptor::Unix(_, path) => Ok(Bound::Unix(path.0.clone())),
        }
    }

    /// True if the listener is reachable only by TCP from this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.bound(), Ok(Bound::Tcp(address)) if is_loopback(address.ip()))
    }

    /// Accepts the next connection.
    pub(super) fn accept(&self) -> io::Result<(Transport, PeerAddr)> {
        match &self.socket {
            Acceptor::Tcp(tcp) => {
                tcp.accept().map(|(socket, address)| (socket.into(), PeerAddr::Tcp(address)))
            }
            Acceptor::Unix(unix, _) => {
                unix.accept().map(|(socket, _)| (socket.into(), PeerAddr::Unix))
            }
        }
    }

    /// Pauses accepting, for longer each time.
    pub(super) fn pause_accepting(&mut self, now: Duration) {
        let (first, last) = ACCEPT_PAUSES;
        let wait = self.pause.map_or(first, |pause| (pause.wait * 2).min(last));
        self.pause = Some(AcceptPause { retry_at: now + wait, wait, is_retry_scheduled: false });
    }

    /// Ends the pause after a successful accept.
    pub(super) fn resume_accepting(&mut self) {
        self.pause = None;
    }

    /// Returns the time of the next retry, if accepting is paused and no retry is scheduled.
    pub(super) fn retry_at(&self) -> Option<Duration> {
        self.pause.filter(|pause| !pause.is_retry_scheduled).map(|pause| pause.retry_at)
    }

    /// Schedules the retry if it is due by `now`. Returns true once per pause.
    pub(super) fn take_due(&mut self, now: Duration) -> bool {
        let is_due = self.retry_at().is_some_and(|retry_at| retry_at <= now);
        if let Some(pause) = self.pause.as_mut().filter(|_| is_due) {
            pause.is_retry_scheduled = true;
        }
        is_due
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            Acceptor::Tcp(tcp) => registry.register(tcp, token, Interest::READABLE),
            Acceptor::Unix(unix, _) => registry.register(unix, token, Interest::READABLE),
        }
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match &mut self.socket {
            Acceptor::Tcp(tcp) => registry.deregister(tcp),
            Acceptor::Unix(unix, _) => registry.deregister(unix),
        }
    }
}

fn bind_tcp(address: SocketAddr, options: SocketOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    options.set_tcp(&socket)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    remove_stale(path)?;
    // Without the umask the socket would be open to every user between bind and chmod
    // (CVE-2023-45145).
    let before = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let bound = std::os::unix::net::UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = bound?;
    // A socket needs no execute permission.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener))
}

/// Removes the socket file of a relay that has ended. A socket that accepts connections stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        // Connection refused: no process listens. Any other error may come from a live listener.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

fn explain(address: impl fmt::Display, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => ": stop the process that listens there, or choose another port",
        io::ErrorKind::PermissionDenied => {
            ": ports below 1024 need CAP_NET_BIND_SERVICE, a Unix socket needs write access to its folder"
        }
        io::ErrorKind::AddrNotAvailable => ": choose an address of this machine",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{advice}"))
}
