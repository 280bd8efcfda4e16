//! A client's socket: it sends what it is told to, and reads no more than it is asked for.

use super::{PATIENCE, Spelling, assert_same, show};
use hobnob::Bound;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Result of one read of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Bytes,
    End,
    Reset,
}

/// One client's socket, and what came of it.
pub struct Client {
    pub socket: Socket,
    pub spelling: Spelling,
    inbox: Vec<u8>,
    taken: usize,
    pub(super) token: u64,
}

impl Client {
    pub fn connect(bound: &Bound, receive_buffer: Option<usize>) -> io::Result<Self> {
        let (domain, address) = match bound {
            Bound::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
            Bound::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
        };
        let socket = Socket::new(domain, Type::STREAM, None)?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        socket.connect(&address)?;
        if matches!(bound, Bound::Tcp(_)) {
            socket.set_tcp_nodelay(true)?;
        }
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let spelling = Spelling::Binary;
        Ok(Self { socket, spelling, inbox: Vec::new(), taken: 0, token: 0 })
    }

    pub fn connect_tcp(address: SocketAddr) -> io::Result<Self> {
        Self::connect(&Bound::Tcp(address), None)
    }

    pub fn connect_unix(path: &Path) -> io::Result<Self> {
        Self::connect(&Bound::Unix(PathBuf::from(path)), None)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.socket.write_all(bytes) {
            panic!("cannot send {}: {error}\n{}", show(bytes), self.so_far());
        }
    }

    /// Sends bytes if the relay still takes them.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// Says that nothing more will be sent.
    pub fn shut(&self) {
        self.socket.shutdown(Shutdown::Write).expect("the socket is open");
    }

    /// Breaks the connection: the relay gets a reset.
    pub fn reset(self) {
        self.socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.inbox[self.taken..]
    }

    pub(super) fn so_far(&self) -> String {
        format!("received so far and not expected: {}", show(self.unread()))
    }

    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.inbox[self.taken..self.taken + count].to_vec();
        self.taken += count;
        if self.taken == self.inbox.len() {
            self.inbox.clear();
            self.taken = 0;
        }
        bytes
    }

    pub(super) fn read_once(&mut self) -> Arrival {
        let mut buffer = [0; 16 << 10];
        loop {
            return match self.socket.read(&mut buffer) {
                Ok(0) => Arrival::End,
                Ok(count) => {
                    self.inbox.extend_from_slice(&buffer[..count]);
                    Arrival::Bytes
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Arrival::Reset,
                Err(error) => panic!("nothing more comes: {error}\n{}", self.so_far()),
            };
        }
    }

    /// Reads some of what is there; false at the end.
    pub fn read_some(&mut self) -> bool {
        self.read_once() == Arrival::Bytes
    }

    /// Reads one byte more.
    pub fn read_a_byte(&mut self) {
        let mut byte = [0];
        self.socket.read_exact(&mut byte).expect("a byte is there, or comes");
        self.inbox.extend_from_slice(&byte);
    }

    /// Reads exactly these bytes.
    #[track_caller]
    pub fn expect_bytes(&mut self, expected: &[u8]) {
        while self.unread().len() < expected.len() {
            // What came is wrong already: no need to wait for the rest.
            if !expected.starts_with(self.unread()) {
                break;
            }
            match self.read_once() {
                Arrival::Bytes => {}
                end => {
                    panic!("{end:?} instead of {}\n{}", show(expected), self.so_far());
                }
            }
        }
        let count = expected.len().min(self.unread().len());
        let came = self.take(count);
        assert_same(expected, &came);
    }

    /// Reads this many bytes.
    #[track_caller]
    pub fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread().len() < count {
            let read = self.read_once();
            assert_eq!(read, Arrival::Bytes, "{count} bytes wanted\n{}", self.so_far());
        }
        self.take(count)
    }

    /// Reads up to the first place that ends so.
    #[track_caller]
    pub fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            bytes.extend(self.read_exactly(1));
        }
        bytes
    }

    /// The connection ends here, and not with a reset.
    #[track_caller]
    pub fn expect_end(&mut self) {
        while self.unread().is_empty() {
            match self.read_once() {
                Arrival::Bytes => {}
                Arrival::End => return,
                Arrival::Reset => panic!("a reset instead of an end"),
            }
        }
        panic!("more instead of an end\n{}", self.so_far());
    }

    /// The connection ends here, one way or the other.
    #[track_caller]
    pub fn expect_gone(&mut self) {
        while self.unread().is_empty() {
            if self.read_once() != Arrival::Bytes {
                return;
            }
        }
        panic!("more instead of an end\n{}", self.so_far());
    }

    /// Everything up to the end, and whether that was a proper one.
    pub fn read_to_end(&mut self) -> (Vec<u8>, bool) {
        loop {
            match self.read_once() {
                Arrival::Bytes => {}
                how => {
                    let count = self.unread().len();
                    return (self.take(count), how == Arrival::End);
                }
            }
        }
    }
}
