//! A client of the frame protocol that reconnects by itself. Each message of a room is delivered
//! once and in order, or reported as lost; each published message is published once, or reported as
//! refused.
//!
//! ```no_run
//! use hobnob::client::{Client, Event, Options};
//!
//! let mut client = Client::connect(Options::new("frame://127.0.0.1:7000".parse()?))?;
//! client.join("lobby", 20);
//! client.publish("lobby", "hello")?;
//! loop {
//!     client.turn(None)?;
//!     while let Some(event) = client.next_event() {
//!         if let Event::Message { sender, payload, .. } = event {
//!             println!("{sender}: {}", payload.escape_ascii());
//!         }
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod backoff;
mod conversation;
mod direct_messages;
mod event;
mod inbox;
mod name_choice;
mod outbox;
mod room;
mod socket;
#[cfg(test)]
mod tests;
mod unacked;

pub use address::Address;
pub use address::AddressError;
pub use address::DEFAULT_PORT;
pub use event::DisconnectCause;
pub use event::Event;
pub use event::HistoryMessage;
pub use event::PublishError;
pub use event::Recovered;
pub use event::Request;
pub use event::RoomName;

pub use crate::wire::frame::Side;

use crate::limits::READ_MAX;
use conversation::Conversation;
use conversation::WantedSocket;
use mio::Events;
use mio::Poll;
use mio::Token;
use mio::Waker;
use socket::Socket;
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::AsFd;
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// Reads per turn: a relay that sends without pause must not block the application.
const READS_PER_TURN: usize = 16;

/// Events pending for the application beyond which the client stops reading.
const EVENTS_MAX: usize = 4096;

/// The options of a client.
#[derive(Clone, Debug)]
pub struct Options {
    /// The relay's frame listener.
    pub address: Address,
    /// The requested name; empty to be given one. If it is in use, the client appends underscores
    /// and reports [`Event::NameTaken`].
    pub name: String,
    /// True if the application handles [`Event::DirectMessage`]. If not, the relay refuses direct
    /// messages to this client.
    pub accepts_direct_messages: bool,
}

impl Options {
    /// Creates options for the relay at `address`, without a requested name and without direct
    /// messages.
    pub fn new(address: Address) -> Self {
        Self { address, name: String::new(), accepts_direct_messages: false }
    }

    /// Sets the requested name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Accepts direct messages: see [`Event::DirectMessage`].
    #[must_use]
    pub fn accept_direct_messages(mut self) -> Self {
        self.accepts_direct_messages = true;
        self
    }
}

/// A connection to a relay that reconnects by itself.
///
/// Call [`turn`](Self::turn), then [`next_event`](Self::next_event) until it returns `None`, and
/// repeat. All other methods only record a request and can be called at any time, even without a
/// connection: the client joins rooms and sends messages as soon as possible.
///
/// To wait for other sources as well, wait until the client's descriptor (it is [`AsFd`]) is
/// readable or [`next_deadline`](Self::next_deadline) has passed, then call
/// `turn(Some(Duration::ZERO))`; or interrupt `turn` from another thread with
/// [`waker`](Self::waker).
#[derive(Debug)]
pub struct Client {
    conversation: Conversation,
    address: Address,
    /// Resolved addresses of the host that were not tried yet.
    candidates: VecDeque<SocketAddr>,
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    socket: Option<Socket>,
    /// True until a read returns `WouldBlock`: no edge will announce the remaining input.
    readable: bool,
    /// The same for writes.
    writable: bool,
    scratch: Box<[u8]>,
}

impl Client {
    /// Creates a client that connects during its turns. No method blocks, except that `turn`
    /// resolves a host name (not a plain address) before each connect.
    ///
    /// # Errors
    /// A failure of the system to create a poll. Connection failures are reported as events.
    pub fn connect(options: Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        // The standard library seeds its hasher with system randomness; backoff needs no better.
        let seed = RandomState::new().hash_one(options.address.to_string());
        let mut conversation = Conversation::new(options.name, seed, Instant::now());
        conversation.accepts_direct = options.accepts_direct_messages;
        Ok(Self {
            conversation,
            address: options.address,
            candidates: VecDeque::new(),
            poll,
            events: Events::with_capacity(8),
            waker,
            socket: None,
            readable: false,
            writable: false,
            scratch: vec![0; READ_MAX].into_boxed_slice(),
        })
    }

    /// Runs one turn: waits for an event, at most for `timeout`, then reads, processes and writes.
    ///
    /// # Errors
    /// A failure of the poll itself. Connection failures are reported as events.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.wait(timeout)?;
        self.read();
        // Before `expire`, which may request a new socket while the old one is still open.
        self.update_socket();
        // After reading: the awaited reply may have been received.
        self.conversation.expire(Instant::now());
        self.update_socket();
        self.write();
        Ok(())
    }

    /// Returns the next event.
    pub fn next_event(&mut self) -> Option<Event> {
        self.conversation.next_event()
    }

    /// Returns the time at which [`turn`](Self::turn) must be called even without input; `None` for
    /// never.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.is_unfinished() { Some(Instant::now()) } else { self.conversation.next_deadline() }
    }

    /// Returns a waker that interrupts [`turn`](Self::turn) from another thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Joins a room, now or once connected, and again after every reconnect. Up to `history` past
    /// messages come first. Joining a joined room has no effect. Room names are compared without
    /// ASCII case; events use the spelling of the first join.
    pub fn join(&mut self, room: &str, history: u64) {
        self.conversation.join(room, history, None);
    }

    /// Joins a room that requires a key: see [`join`](Self::join).
    pub fn join_with_key(&mut self, room: &str, history: u64, key: &str) {
        self.conversation.join(room, history, Some(key));
    }

    /// Leaves a room. Unsent messages of the room are refused. Returns false if the room was not
    /// joined.
    pub fn leave(&mut self, room: &str) -> bool {
        self.conversation.leave(room)
    }

    /// Publishes a message in a joined room, now or once connected. Returns the id that
    /// [`Event::Acked`] or [`Event::Refused`] will carry; exactly one of them follows, unless the
    /// client is closed first.
    ///
    /// Messages of one room are published in order. Only if the relay refuses a burst as too fast
    /// can its first message change places.
    ///
    /// # Errors
    /// [`PublishError`]; the message was not accepted.
    pub fn publish(&mut self, room: &str, payload: impl AsRef<[u8]>) -> Result<u64, PublishError> {
        self.conversation.publish(room, payload.as_ref())
    }

    /// Sends a direct message to a person, now or once connected. Returns the id that
    /// [`Event::DirectMessagePassed`] or [`Event::Refused`] will carry; exactly one of them
    /// follows, unless the client is closed first. Relays do not store direct messages: if the
    /// connection is lost before the reply, it is unknown whether the message was passed on, and
    /// [`Event::Refused`] says so.
    ///
    /// # Errors
    /// [`PublishError`]; the message was not accepted.
    pub fn send_direct(
        &mut self,
        name: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<u64, PublishError> {
        self.conversation.send_direct(name, payload.as_ref())
    }

    /// Requests a room's members; [`Event::Members`] is the reply. Returns false if the room is not
    /// joined at the moment.
    pub fn request_members(&mut self, room: &str) -> bool {
        self.conversation.request_members(room)
    }

    /// Requests up to `limit` past messages of a room (0: as many as fit one reply). Returns the
    /// number that [`Event::History`] will carry; `None` if the room is not joined at the moment.
    /// The reply is lost with the connection.
    pub fn request_history(&mut self, room: &str, side: Side, limit: u32) -> Option<u64> {
        self.conversation.request_history(room, side, limit)
    }

    /// Returns the number of messages neither acknowledged nor refused.
    pub fn unacknowledged(&self) -> usize {
        self.conversation.unacknowledged()
    }

    /// Sends all pending messages, then a bye. Continue to call `turn` until
    /// [`Event::Disconnected`] without a retry; acknowledgements may come until then.
    pub fn close(&mut self) {
        self.conversation.close(Instant::now());
    }

    /// True if there is work that no edge will announce.
    fn is_unfinished(&self) -> bool {
        let read = self.readable && self.conversation.events() < EVENTS_MAX;
        let write = self.writable && !self.conversation.outgoing().is_empty();
        read || write || self.conversation.events() > 0
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let until_deadline =
            self.next_deadline().map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = match (timeout, until_deadline) {
            (Some(timeout), Some(deadline)) => Some(timeout.min(deadline)),
            (timeout, deadline) => timeout.or(deadline),
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in self.events.iter().filter(|event| event.token() == SOCKET) {
            // The next read returns the error.
            self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
            self.writable |= event.is_writable() || event.is_error();
        }
        self.finish_connect();
        Ok(())
    }

    fn finish_connect(&mut self) {
        if self.conversation.wanted_socket() != WantedSocket::Connecting || !self.writable {
            return;
        }
        match self.socket.as_ref().map(Socket::is_connected) {
            Some(Ok(true)) => {
                self.candidates.clear();
                self.conversation.connected(Instant::now());
            }
            Some(Ok(false)) => self.writable = false,
            Some(Err(error)) => self.unreachable(&error),
            None => {}
        }
    }

    /// Tries the host's next address. Without another address the relay is unreachable.
    fn unreachable(&mut self, error: &io::Error) {
        self.drop_socket();
        if self.candidates.is_empty() {
            let cause =
                DisconnectCause::Unreachable { kind: error.kind(), text: error.to_string() };
            self.conversation.disconnected(cause, Instant::now());
        }
    }

    fn read(&mut self) {
        for _ in 0..READS_PER_TURN {
            let open =
                self.readable && self.conversation.wanted_socket() == WantedSocket::Connected;
            if !open || self.conversation.events() >= EVENTS_MAX {
                return;
            }
            let Some(socket) = &mut self.socket else { return };
            match socket.read(&mut self.scratch) {
                Ok(0) => self.conversation.disconnected(DisconnectCause::Closed, Instant::now()),
                Ok(length) => {
                    self.conversation.received(&self.scratch[..length], Instant::now());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.broken(&error),
            }
        }
    }

    fn write(&mut self) {
        while self.writable && self.conversation.wanted_socket() == WantedSocket::Connected {
            let bytes = self.conversation.outgoing();
            let Some(socket) = self.socket.as_mut().filter(|_| !bytes.is_empty()) else { return };
            match socket.write(bytes) {
                Ok(length) => self.conversation.sent(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The relay's last frames may still wait to be read, and give a better reason than
                // this error. The next read finds the end of the stream.
                Err(_) if self.readable => return,
                Err(error) => self.broken(&error),
            }
        }
    }

    fn broken(&mut self, error: &io::Error) {
        self.conversation.disconnected(DisconnectCause::Broken(error.to_string()), Instant::now());
    }

    /// Opens or closes the socket as the conversation requires.
    fn update_socket(&mut self) {
        // Repeats while connecting fails at once and the host has more addresses.
        while self.conversation.wanted_socket() == WantedSocket::Connecting && self.socket.is_none()
        {
            if let Err(error) = self.start_connect() {
                self.unreachable(&error);
            }
        }
        if self.conversation.wanted_socket() == WantedSocket::None {
            self.drop_socket();
        }
    }

    fn start_connect(&mut self) -> io::Result<()> {
        let mut socket = Socket::connect(&self.address, &mut self.candidates)?;
        socket.register(self.poll.registry(), SOCKET)?;
        self.socket = Some(socket);
        Ok(())
    }

    /// Drops the socket. Closing its descriptor removes it from the poll.
    fn drop_socket(&mut self) {
        self.socket = None;
        self.readable = false;
        self.writable = false;
    }
}

#[cfg(not(mio_unsupported_force_poll_poll))]
impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}
