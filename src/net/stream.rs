//! One client's socket: TCP or Unix, read and written the same way.

use super::admission::is_loopback;
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, Socket, TcpKeepalive};
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::Duration;

/// Whether a read that came back short of its buffer has emptied the socket, so that the next edge
/// will announce whatever comes after. epoll promises that (epoll(7), question 9); mio's poll(2)
/// emulation arms itself only on `WouldBlock`.
const SHORT_READ_DRAINS: bool =
    cfg!(any(target_os = "linux", target_os = "android")) && !cfg!(mio_unsupported_force_poll_poll);

/// Whether an accepted TCP socket has the options of its listener, which saves three system calls a
/// connection. So it is on Linux; POSIX leaves it open.
const INHERITS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What every client's TCP socket has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    /// Bytes the kernel may hold for it.
    pub(super) send_buffer: usize,
    /// It cannot answer a ping of ours; the kernel asks in our place whether it still exists.
    pub(super) silent: bool,
}

impl Traits {
    pub(super) fn set(self, socket: &Socket) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        // The kernel doubles what it is given, for its own use.
        socket.set_send_buffer_size(self.send_buffer / 2)?;
        if self.silent {
            let minute = TcpKeepalive::new().with_time(Duration::from_secs(60));
            socket.set_tcp_keepalive(&minute.with_interval(Duration::from_secs(10)))?;
        }
        Ok(())
    }
}

/// A client's socket.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remote {
    Tcp(SocketAddr),
    Unix,
}

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// The kernel has no more for us; the next edge will say when it has.
    WouldBlock,
    /// The budget ran out first. No edge will come for what is left: visit again next turn.
    Unfinished,
    /// The peer will send no more.
    Ended,
    /// The connection is broken.
    Broken,
}

/// Reads once. `last_words`: the kernel has said that the peer will send no more, so that an end of
/// stream may stand behind a short read.
pub(super) fn read(stream: &mut Stream, scratch: &mut [u8], last_words: bool) -> (usize, Drained) {
    loop {
        return match stream.read(scratch) {
            Ok(0) => (0, Drained::Ended),
            Ok(len) if len < scratch.len() && SHORT_READ_DRAINS && !last_words => {
                (len, Drained::WouldBlock)
            }
            Ok(len) => (len, Drained::Unfinished),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (0, Drained::WouldBlock),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => (0, Drained::Broken),
        };
    }
}

impl Stream {
    /// Sets what every client's socket has in common, unless it has it from its listener.
    pub(super) fn prepare(&self, traits: Traits) -> io::Result<()> {
        match self {
            Self::Tcp(_) if INHERITS => Ok(()),
            Self::Tcp(tcp) => traits.set(&SockRef::from(tcp)),
            Self::Unix(unix) => SockRef::from(unix).set_send_buffer_size(traits.send_buffer / 2),
        }
    }

    /// Says that nothing more will be sent.
    pub(super) fn shut(&self) {
        // Fails when the peer is gone already, and then there is nothing to say.
        let _ = match self {
            Self::Tcp(tcp) => tcp.shutdown(Shutdown::Write),
            Self::Unix(unix) => unix.shutdown(Shutdown::Write),
        };
    }
}

impl Remote {
    pub(super) fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }

    /// Whether the other end is on this machine.
    pub(super) fn is_local(self) -> bool {
        self.ip().is_none_or(is_loopback)
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("a local process"),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.read(buffer),
            Self::Unix(unix) => unix.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.write(buffer),
            Self::Unix(unix) => unix.write(buffer),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.write_vectored(slices),
            Self::Unix(unix) => unix.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Stream {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.register(registry, token, interest),
            Self::Unix(unix) => unix.register(registry, token, interest),
        }
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.reregister(registry, token, interest),
            Self::Unix(unix) => unix.reregister(registry, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.deregister(registry),
            Self::Unix(unix) => unix.deregister(registry),
        }
    }
}
