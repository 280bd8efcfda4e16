//! Where clients come in.

use super::admission::is_loopback;
use super::remote::Remote;
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

/// Connections that may wait to be accepted; the kernel has a limit of its own (somaxconn).
const BACKLOG: i32 = 4096;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `host:port`; an IPv6 address in brackets. `[::]` takes IPv4 as well. Port 0 lets the system
    /// choose.
    Tcp(String),
    /// The path of a socket, made readable and writable for its owner alone.
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

/// An address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// With the port that was chosen.
    Tcp(SocketAddr),
    /// The path of the socket.
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

/// A socket that accepts clients for one service.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Acceptor,
    /// The engine's index of what is served here.
    pub(super) service: usize,
    /// The options of its clients' sockets.
    pub(super) options: SocketOptions,
    /// Waiting in `unfinished`.
    pub(super) queued: bool,
    starved: Option<Starved>,
}

/// Accepting failed for want of descriptors or memory.
#[derive(Clone, Copy, Debug)]
struct Starved {
    retry_at: Duration,
    wait: Duration,
    /// The loop is about to try again.
    is_retried: bool,
}

/// Waits after a failed accept: the first, and the last; each is twice the one before.
const STARVED_WAITS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

#[derive(Debug)]
enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener, UnixPath),
}

/// The path of a socket of ours, removed with it.
#[derive(Debug)]
struct UnixPath(PathBuf);

impl Drop for UnixPath {
    fn drop(&mut self) {
        // Gone already, or not ours to remove: either way nothing more can be done.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens on every address that `endpoint` names.
    pub(super) fn bind(
        endpoint: &Endpoint,
        service: usize,
        options: SocketOptions,
    ) -> io::Result<Vec<Self>> {
        match endpoint {
            Endpoint::Tcp(address) => {
                let addresses = address.to_socket_addrs().map_err(|error| {
                    io::Error::new(error.kind(), format!("{address} is no address: {error}"))
                })?;
                let bound = addresses.map(|address| {
                    let socket = Acceptor::Tcp(
                        bind_tcp(address, options).map_err(|error| explain(address, &error))?,
                    );
                    Ok(Self { socket, service, options, queued: false, starved: None })
                });
                bound.collect()
            }
            Endpoint::Unix(path) => {
                let socket = bind_unix(path).map_err(|error| explain(path.display(), &error))?;
                let socket = Acceptor::Unix(socket, UnixPath(path.clone()));
                Ok(vec![Self { socket, service, options, queued: false, starved: None }])
            }
        }
    }

    /// Where it listens.
    pub(super) fn bound(&self) -> io::Result<Bound> {
        match &self.socket {
            Acceptor::Tcp(tcp) => Ok(Bound::Tcp(tcp.local_addr()?)),
            Acceptor::Unix(_, path) => Ok(Bound::Unix(path.0.clone())),
        }
    }

    /// Whether only this machine can reach it, by TCP.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.bound(), Ok(Bound::Tcp(address)) if is_loopback(address.ip()))
    }

    /// The next client in the queue.
    pub(super) fn accept(&self) -> io::Result<(Transport, Remote)> {
        match &self.socket {
            Acceptor::Tcp(tcp) => {
                tcp.accept().map(|(socket, address)| (socket.into(), Remote::Tcp(address)))
            }
            Acceptor::Unix(unix, _) => {
                unix.accept().map(|(socket, _)| (socket.into(), Remote::Unix))
            }
        }
    }

    /// Accepting failed, and is to be tried again some time after `now`.
    pub(super) fn starve(&mut self, now: Duration) {
        let (first, last) = STARVED_WAITS;
        let wait = self.starved.map_or(first, |starved| (starved.wait * 2).min(last));
        self.starved = Some(Starved { retry_at: now + wait, wait, is_retried: false });
    }

    /// Accepting works.
    pub(super) fn fed(&mut self) {
        self.starved = None;
    }

    /// When accepting is to be tried again, if it failed.
    pub(super) fn retry_at(&self) -> Option<Duration> {
        self.starved.filter(|starved| !starved.is_retried).map(|starved| starved.retry_at)
    }

    /// Whether it is to be tried again by `now`. Says so once.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self.retry_at().is_some_and(|retry_at| retry_at <= now);
        if let Some(starved) = self.starved.as_mut().filter(|_| is_due) {
            starved.is_retried = true;
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
    // Else the socket is open to everybody between its making and its chmod (CVE-2023-45145).
    let before = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let bound = std::os::unix::net::UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = bound?;
    // Nobody executes a socket, its owner included.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener))
}

/// Removes the socket of a relay that is no more; one that answers is left alone.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        // Nobody listens: its relay is gone. Any other error may be somebody's who does.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

fn explain(address: impl fmt::Display, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": somebody listens there already; stop them, or choose another port"
        }
        io::ErrorKind::PermissionDenied => {
            ": ports below 1024 and foreign folders need the right to use them"
        }
        io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{advice}"))
}
