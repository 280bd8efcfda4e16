//! A client connection.

use super::delivery_record::DeliveryRecord;
use super::role::Role;
use super::target::{Adapter, ConnectionOptions, ServerEvent, Target};
use crate::wire::Parsed;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// True if a short read has emptied the socket, so that an event will announce further input. epoll
/// and kqueue guarantee it; mio's poll(2) emulation rearms only on `WouldBlock`.
const SHORT_READ_DRAINS: bool = !cfg!(mio_unsupported_force_poll_poll);

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not connected.
    Out,
    /// The TCP connection is being established.
    Connecting,
    /// Hello was sent.
    Greeting,
    /// The join was sent.
    Joining,
    /// The room is joined.
    In,
}

/// The result of a read.
#[derive(Debug)]
pub enum ReadResult {
    /// The socket is empty: an event will announce further input.
    Drained,
    /// More input is possible, and no event will announce it.
    More,
    /// No input.
    Empty,
    /// The connection is closed, for this reason.
    Closed(String),
}

/// A client connection.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    stream: Option<TcpStream>,
    adapter: Option<Adapter>,
    pub(super) state: State,
    /// True once the join was reported.
    pub(super) told: bool,
    /// The time at which the connect began.
    pub(super) began: u64,
    /// True while the client does not read.
    pub(super) stalled: bool,
    /// True once the server has closed its side; earlier input may be unread.
    pub(super) hung_up: bool,
    /// Refusals that were not reported yet.
    pub(super) refusals: Vec<String>,
    /// The incomplete input of the last read.
    partial: Vec<u8>,
    /// The output; `out[written..]` is still to be sent.
    out: Vec<u8>,
    written: usize,
}

impl Connection {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            stream: None,
            adapter: None,
            state: State::Out,
            told: false,
            began: 0,
            stalled: false,
            hung_up: false,
            refusals: Vec::new(),
            partial: Vec::new(),
            out: Vec::new(),
            written: 0,
        }
    }

    /// Returns the state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Returns its index in the delivery record, if it is a reader.
    pub fn reader(&self) -> Option<u32> {
        self.role.reader
    }

    /// Returns the options of its next connection, whose name is derived from `name_number`.
    pub(super) fn next_options(&self, name_number: u32) -> ConnectionOptions {
        ConnectionOptions { name_number, room: self.role.room, own_copies: self.role.own_copies }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    pub(super) fn unsent(&self) -> usize {
        self.out.len() - self.written
    }

    pub(super) fn connect(
        &mut self,
        registry: &Registry,
        token: Token,
        server: SocketAddr,
        source: Option<SocketAddr>,
        began: u64,
    ) -> io::Result<()> {
        self.reset();
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            socket.set_reuse_address(true)?;
            socket.bind(&source.into())?;
        }
        match socket.connect(&server.into()) {
            Err(error)
                if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
            {
                return Err(error);
            }
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        self.state = State::Connecting;
        self.began = began;
        Ok(())
    }

    /// Queues the first bytes; they are written once the connection is established.
    pub(super) fn open(&mut self, target: &Target, options: ConnectionOptions) {
        self.adapter = Some(Adapter::open(target, options, &mut self.out));
    }

    /// True if the connection is established.
    pub(super) fn connected(&mut self) -> io::Result<bool> {
        let Some(stream) = &self.stream else { return Ok(false) };
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(error),
        }
        self.state = State::Greeting;
        if let Some(adapter) = self.adapter.as_mut().filter(|adapter| adapter.is_ready_at_once()) {
            let asked = self.role.joins && adapter.join(self.role.room, &mut self.out);
            self.state = if asked { State::Joining } else { State::In };
        }
        Ok(true)
    }

    pub(super) fn leave(&mut self) {
        if let Some(adapter) = &mut self.adapter {
            adapter.leave(self.role.room, &mut self.out);
        }
    }

    /// Queues a message. Returns true if no other output was pending.
    pub(super) fn publish(&mut self, payload: &[u8]) -> bool {
        let was_empty = self.unsent() == 0;
        if let (Some(adapter), true) = (&self.adapter, self.is_open()) {
            adapter.publish(self.role.room, payload, &mut self.out);
        }
        was_empty
    }

    /// Reads once, and records the messages received.
    pub(super) fn read(
        &mut self,
        scratch: &mut Vec<u8>,
        record: &mut DeliveryRecord,
        zero: Instant,
    ) -> ReadResult {
        let (Some(stream), Some(adapter)) = (&mut self.stream, &mut self.adapter) else {
            return ReadResult::Empty;
        };
        // The incomplete rest of the last read comes first, so only that rest is copied.
        let kept = self.partial.len();
        if kept * 2 > scratch.len() {
            scratch.resize(kept * 4, 0);
        }
        scratch[..kept].copy_from_slice(&self.partial);
        let room = scratch.len() - kept;
        let len = match stream.read(&mut scratch[kept..]) {
            Ok(0) => return ReadResult::Closed("the server closed the connection".to_owned()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return ReadResult::Empty,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return ReadResult::More,
            Err(error) => return ReadResult::Closed(error.to_string()),
        };
        let now = zero.elapsed().as_nanos() as u64;
        let bytes = &scratch[..kept + len];
        let (mut used, mut over) = (0, None);
        loop {
            match adapter.parse(&bytes[used..], &mut self.out) {
                Ok(Parsed::Complete(heard, length)) => {
                    used += length;
                    match heard {
                        ServerEvent::Message(payload) => {
                            record.hear(self.role.reader, payload, now);
                        }
                        ServerEvent::Ready if self.state == State::Greeting => {
                            let asked =
                                self.role.joins && adapter.join(self.role.room, &mut self.out);
                            self.state = if asked { State::Joining } else { State::In };
                        }
                        ServerEvent::Joined => {
                            if self.state == State::Joining {
                                self.state = State::In;
                            }
                        }
                        ServerEvent::Gap { from, to } => record.gap(self.role.reader, from, to),
                        ServerEvent::Refused(text) => self.refusals.push(text),
                        ServerEvent::Ended(text) => over = Some(text),
                        ServerEvent::Ready | ServerEvent::Other => {}
                    }
                }
                Ok(Parsed::Partial) => break,
                Err(error) => {
                    over = Some(format!("invalid input from the server: {error}"));
                    break;
                }
            }
        }
        self.partial.clear();
        self.partial.extend_from_slice(&bytes[used..]);
        if let Some(reason) = over {
            return ReadResult::Closed(reason);
        }
        let may_have_more = len == room || self.hung_up || !SHORT_READ_DRAINS;
        if may_have_more { ReadResult::More } else { ReadResult::Drained }
    }

    /// Writes as much as the server accepts.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.state == State::Connecting {
            return Ok(());
        }
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while self.written < self.out.len() {
            match stream.write(&self.out[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
            // Only connections that publish much keep their buffer.
            if self.out.capacity() > 1 << 20 || self.state != State::In {
                self.out = Vec::new();
            }
        }
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.stream = None;
        self.state = State::Out;
        self.told = false;
        self.hung_up = false;
        self.partial = Vec::new();
        self.out = Vec::new();
        self.written = 0;
    }

    /// Closes with a reset: an orderly close would occupy the port for a minute (TIME_WAIT), and a
    /// load that reconnects often would run out of ports.
    pub(super) fn reset(&mut self) {
        if let Some(stream) = &self.stream {
            // Fails if the socket is broken already.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        self.close();
    }
}
