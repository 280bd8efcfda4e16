//! One connection of a crowd.

use super::ledger::Ledger;
use super::part::Part;
use super::target::{Adapter, Habits, Heard, Target};
use crate::wire::Parsed;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Whether a short read has emptied the socket, so that an event will announce what comes next.
/// epoll and kqueue promise that; mio's poll(2) emulation arms itself only on `WouldBlock`.
const SHORT_READ_DRAINS: bool = !cfg!(mio_unsupported_force_poll_poll);

/// How far a member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not connected: not yet, or not any more.
    Out,
    /// The kernels are still at it.
    Connecting,
    /// Said hello.
    Greeting,
    /// Asked to be let into its room.
    Joining,
    /// Where it should be.
    In,
}

/// How a read ended.
#[derive(Debug)]
pub enum Fate {
    /// There was less than could be read: the next event will tell when there is more.
    Drained,
    /// There may be more, and no event will tell.
    More,
    /// There was nothing.
    Nothing,
    /// The connection is over, for this reason.
    Over(String),
}

/// One connection of a crowd.
#[derive(Debug)]
pub struct Member {
    part: Part,
    stream: Option<TcpStream>,
    adapter: Option<Adapter>,
    pub(super) state: State,
    /// Whether anybody was told that it is in.
    pub(super) told: bool,
    /// When its connect began.
    pub(super) began: u64,
    /// It does not read for now.
    pub(super) stalled: bool,
    /// The server has hung up; what it said before may not be read yet.
    pub(super) hung_up: bool,
    /// What was refused, until somebody is told.
    pub(super) refusals: Vec<String>,
    /// The front of something whose rest has not come.
    partial: Vec<u8>,
    /// What is to be written, from `written` on.
    out: Vec<u8>,
    written: usize,
}

impl Member {
    pub(super) fn new(part: Part) -> Self {
        Self {
            part,
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

    /// How far it has come.
    pub fn state(&self) -> State {
        self.state
    }

    /// The line of the ledger for what it hears.
    pub fn line(&self) -> Option<u32> {
        self.part.line
    }

    /// Returns the habits of its next connection, which takes the name of number `who`.
    pub(super) fn habits(&self, who: u32) -> Habits {
        Habits { who, room: self.part.room, own_copies: self.part.own_copies }
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
        self.cut();
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

    /// What is said first; it is written once the connection is made.
    pub(super) fn open(&mut self, target: &Target, habits: Habits) {
        self.adapter = Some(Adapter::open(target, habits, &mut self.out));
    }

    /// Whether the connection that was begun is made.
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
            let asked = self.part.joins && adapter.join(self.part.room, &mut self.out);
            self.state = if asked { State::Joining } else { State::In };
        }
        Ok(true)
    }

    pub(super) fn leave(&mut self) {
        if let Some(adapter) = &mut self.adapter {
            adapter.leave(self.part.room, &mut self.out);
        }
    }

    /// Whether this is the first thing waiting to be written.
    pub(super) fn say(&mut self, payload: &[u8]) -> bool {
        let was_empty = self.unsent() == 0;
        if let (Some(adapter), true) = (&self.adapter, self.is_open()) {
            adapter.say(self.part.room, payload, &mut self.out);
        }
        was_empty
    }

    /// Reads once, and notes in the ledger what was heard.
    pub(super) fn read(
        &mut self,
        scratch: &mut Vec<u8>,
        ledger: &mut Ledger,
        zero: Instant,
    ) -> Fate {
        let (Some(stream), Some(adapter)) = (&mut self.stream, &mut self.adapter) else {
            return Fate::Nothing;
        };
        // What was left of the last read stands in front, so that nothing is copied but that.
        let kept = self.partial.len();
        if kept * 2 > scratch.len() {
            scratch.resize(kept * 4, 0);
        }
        scratch[..kept].copy_from_slice(&self.partial);
        let room = scratch.len() - kept;
        let len = match stream.read(&mut scratch[kept..]) {
            Ok(0) => return Fate::Over("the server hung up".to_owned()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Fate::Nothing,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Fate::More,
            Err(error) => return Fate::Over(error.to_string()),
        };
        let now = zero.elapsed().as_nanos() as u64;
        let bytes = &scratch[..kept + len];
        let (mut used, mut over) = (0, None);
        loop {
            match adapter.parse(&bytes[used..], &mut self.out) {
                Ok(Parsed::Complete(heard, length)) => {
                    used += length;
                    match heard {
                        Heard::Message(payload) => ledger.hear(self.part.line, payload, now),
                        Heard::Ready if self.state == State::Greeting => {
                            let asked =
                                self.part.joins && adapter.join(self.part.room, &mut self.out);
                            self.state = if asked { State::Joining } else { State::In };
                        }
                        Heard::Joined => {
                            if self.state == State::Joining {
                                self.state = State::In;
                            }
                        }
                        Heard::Gap { from, to } => ledger.gap(self.part.line, from, to),
                        Heard::Refused(text) => self.refusals.push(text),
                        Heard::Ended(text) => over = Some(text),
                        Heard::Ready | Heard::Other => {}
                    }
                }
                Ok(Parsed::Partial) => break,
                Err(nonsense) => {
                    over = Some(format!("not understood: {nonsense}"));
                    break;
                }
            }
        }
        self.partial.clear();
        self.partial.extend_from_slice(&bytes[used..]);
        if let Some(reason) = over {
            return Fate::Over(reason);
        }
        let may_have_more = len == room || self.hung_up || !SHORT_READ_DRAINS;
        if may_have_more { Fate::More } else { Fate::Drained }
    }

    /// Writes as much as the server takes.
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
            // Who says much keeps its buffer; those who only ever said hello need none.
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

    /// Closes with a reset: an orderly end would keep the port for a minute (TIME_WAIT), and a load
    /// that connects often would run out of them.
    pub(super) fn cut(&mut self) {
        if let Some(stream) = &self.stream {
            // On a socket that is broken already there is nothing left to set.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        self.close();
    }
}
