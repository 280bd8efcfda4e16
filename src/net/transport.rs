//! A client's socket as the loop sees it: bytes come out of it, and bytes go into it.
//!
//! A transport owns everything else: which socket it is, when the kernel will announce more, reads and
//! writes that come back short, and output that it has accepted and the kernel has not taken.

mod plain;

use super::socket_options::SocketOptions;
use mio::event::Event;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use plain::Plain;
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::net::Shutdown;

/// A client's socket.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(Plain<TcpStream>),
    Unix(Plain<UnixStream>),
}

/// The end of a [`fill`](Transport::fill).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// There is no more. An event will announce what comes.
    WouldBlock,
    /// There may be more, and no event will announce it: visit again next turn.
    Unfinished,
    /// The client sends no more.
    Ended,
    /// The connection is broken.
    Broken,
}

/// The end of a [`drain`](Transport::drain).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// Everything was accepted, and more would be.
    Writable,
    /// The kernel takes no more. An event will announce when it does.
    WouldBlock,
    /// The connection is broken.
    Broken,
}

/// What an event of the poll announces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    /// A `fill` will find something: bytes, the end of the stream, or an error.
    pub(super) readable: bool,
    /// A `drain` may be accepted.
    pub(super) writable: bool,
    is_ending: bool,
}

impl Readiness {
    pub(super) fn of(event: &Event) -> Self {
        let is_ending = event.is_read_closed() || event.is_error();
        let readable = event.is_readable() || is_ending;
        Self { readable, writable: event.is_writable(), is_ending }
    }
}

impl From<TcpStream> for Transport {
    fn from(socket: TcpStream) -> Self {
        Self::Tcp(Plain::new(socket))
    }
}

impl From<UnixStream> for Transport {
    fn from(socket: UnixStream) -> Self {
        Self::Unix(Plain::new(socket))
    }
}

impl Transport {
    /// Takes note of what the poll announced.
    pub(super) fn announced(&mut self, readiness: Readiness) {
        match self {
            Self::Tcp(tcp) => tcp.is_ending |= readiness.is_ending,
            Self::Unix(unix) => unix.is_ending |= readiness.is_ending,
        }
    }

    /// Reads once. Returns how many bytes, and whether there may be more.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> (usize, Filled) {
        match self {
            Self::Tcp(tcp) => tcp.fill(buffer),
            Self::Unix(unix) => unix.fill(buffer),
        }
    }

    /// Writes what it holds, and then as much of `slices` as it accepts. Returns how many bytes of
    /// `slices` that was. Every byte accepted reaches the kernel before those accepted later.
    pub(super) fn drain(&mut self, slices: &mut [IoSlice<'_>]) -> (usize, Drained) {
        match self {
            Self::Tcp(tcp) => tcp.drain(slices),
            Self::Unix(unix) => unix.drain(slices),
        }
    }

    /// True if it has accepted, or made, output that the kernel has not taken. Then `drain` is to be called
    /// when it is writable, with nothing if need be; dropped now, it would lose that.
    pub(super) fn has_pending_output(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
        }
    }

    /// Ends the stream towards the client.
    pub(super) fn shutdown(&mut self) {
        // Fails when the client is gone already, and then nobody reads the end.
        let _ = match self {
            Self::Tcp(tcp) => tcp.socket.shutdown(Shutdown::Write),
            Self::Unix(unix) => unix.socket.shutdown(Shutdown::Write),
        };
    }

    /// Sets the options that every client's socket has, except those it has from its listener.
    pub(super) fn set_options(&self, options: SocketOptions) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => options.set_accepted_tcp(&SockRef::from(&tcp.socket)),
            Self::Unix(unix) => options.set_unix(&SockRef::from(&unix.socket)),
        }
    }

    /// Has the poll announce what happens to it, under this token.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(tcp) => registry.register(&mut tcp.socket, token, interest),
            Self::Unix(unix) => registry.register(&mut unix.socket, token, interest),
        }
    }

    /// Has the poll announce nothing more.
    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => registry.deregister(&mut tcp.socket),
            Self::Unix(unix) => registry.deregister(&mut unix.socket),
        }
    }
}
