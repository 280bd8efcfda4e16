//! The socket of a client.

use super::address::Address;
use mio::Interest;
use mio::Registry;
use mio::Token;
use mio::event::Source;
use mio::net::TcpStream;
use mio::net::UnixStream;
use std::collections::VecDeque;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;

/// A connected or connecting stream socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Starts to connect to the next of the `candidates`; resolves the host if there is none.
    /// [`is_connected`](Self::is_connected) returns the outcome.
    ///
    /// Name resolution is the only blocking call of this module: the system offers no other way.
    /// Plain addresses are not resolved.
    pub(super) fn connect(
        address: &Address,
        candidates: &mut VecDeque<SocketAddr>,
    ) -> io::Result<Self> {
        match address {
            Address::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Address::Tcp { host, port } => {
                if candidates.is_empty() {
                    candidates.extend((host.as_str(), *port).to_socket_addrs()?);
                }
                let next = candidates.pop_front().ok_or_else(|| {
                    io::Error::new(io::ErrorKind::NotFound, "the host name has no address")
                })?;
                TcpStream::connect(next).map(Self::Tcp)
            }
        }
    }

    /// True if the connection is established. To be called when the socket is writable.
    pub(super) fn is_connected(&self) -> io::Result<bool> {
        let (error, peer) = match self {
            Self::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Self::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
        };
        match (error, peer) {
            (Some(error), _) => Err(error),
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => {
                self.disable_nagle();
                Ok(true)
            }
        }
    }

    /// Disables Nagle's algorithm: frames are written whole. A failure only makes the connection
    /// slower.
    fn disable_nagle(&self) {
        if let Self::Tcp(stream) = self {
            let _ = stream.set_nodelay(true);
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let source: &mut dyn Source = match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        };
        registry.register(source, token, Interest::READABLE | Interest::WRITABLE)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
