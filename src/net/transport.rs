//! The transport of a peer: reads and writes bytes for the loop.
//!
//! A transport owns the kind of socket, the meaning of readiness events, short reads and writes,
//! and output that it has accepted and the kernel has not.

mod plain;

use super::socket_options::SocketOptions;
use mio::event::Event;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use plain::Plain;
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::net::Shutdown;

/// The transport of one peer.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(Plain<TcpStream>),
    Unix(Plain<UnixStream>),
}

/// The result of a [`fill`](Transport::fill).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// The socket is empty. An event will announce further input.
    WouldBlock,
    /// There may be more input, and no event will announce it: read again in the next turn.
    Unfinished,
    /// The peer has ended its side of the stream.
    Ended,
    /// The connection is broken.
    Broken,
}

/// The result of a [`drain`](Transport::drain).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// All bytes were accepted, and more would be.
    Writable,
    /// The kernel accepts no more. An event will announce when it does.
    WouldBlock,
    /// The connection is broken.
    Broken,
}

/// The readiness that a poll event announces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    /// A `fill` will return bytes, the end of the stream, or an error.
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
    /// Records the readiness that the poll announced.
    pub(super) fn note_readiness(&mut self, readiness: Readiness) {
        match self {
            Self::Tcp(tcp) => tcp.is_ending |= readiness.is_ending,
            Self::Unix(unix) => unix.is_ending |= readiness.is_ending,
        }
    }

    /// Reads once. Returns the number of bytes, and the state of the socket.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> (usize, Filled) {
        match self {
            Self::Tcp(tcp) => tcp.fill(buffer),
            Self::Unix(unix) => unix.fill(buffer),
        }
    }

    /// Writes the output it holds, then as much of `slices` as the kernel accepts. Returns the
    /// number of bytes accepted from `slices`. Bytes reach the kernel in the request in which they
    /// were accepted.
    pub(super) fn drain(&mut self, slices: &mut [IoSlice<'_>]) -> (usize, Drained) {
        match self {
            Self::Tcp(tcp) => tcp.drain(slices),
            Self::Unix(unix) => unix.drain(slices),
        }
    }

    /// True if the transport holds output that the kernel has not accepted. The loop then calls
    /// `drain` when the socket is writable, even without new bytes; dropping the transport would
    /// lose the output.
    pub(super) fn has_pending_output(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
        }
    }

    /// Ends the stream towards the peer.
    pub(super) fn shutdown(&mut self) {
        // Fails if the peer is gone already.
        let _ = match self {
            Self::Tcp(tcp) => tcp.socket.shutdown(Shutdown::Write),
            Self::Unix(unix) => unix.socket.shutdown(Shutdown::Write),
        };
    }

    /// Sets the options of an accepted socket, except those inherited from its listener.
    pub(super) fn set_options(&self, options: SocketOptions) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => options.set_accepted_tcp(&SockRef::from(&tcp.socket)),
            Self::Unix(unix) => options.set_unix(&SockRef::from(&unix.socket)),
        }
    }

    /// Registers the socket with the poll.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(tcp) => registry.register(&mut tcp.socket, token, interest),
            Self::Unix(unix) => registry.register(&mut unix.socket, token, interest),
        }
    }

    /// Removes the socket from the poll.
    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => registry.deregister(&mut tcp.socket),
            Self::Unix(unix) => registry.deregister(&mut unix.socket),
        }
    }
}
