//! A client of the frame protocol that keeps its promises across lost connections: every message
//! of a room comes once and in order, or the application is told which ones are gone; every message
//! said is said once, or the application is told that it was not.
//!
//! ```no_run
//! use hobnob::client::{Client, Event, Options};
//!
//! let mut client = Client::connect(Options::new("frame://127.0.0.1:7000".parse()?))?;
//! client.join("lobby", 20);
//! client.say("lobby", "hello")?;
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
mod event;
mod inbox;
mod naming;
mod outbox;
mod room;
mod says;
mod socket;
mod tells;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use address::AddressError;
pub use address::DEFAULT_PORT;
pub use event::Cause;
pub use event::Event;
pub use event::Past;
pub use event::Recovered;
pub use event::Request;
pub use event::RoomName;
pub use event::SayError;

pub use crate::wire::frame::Side;

use crate::limits::READ_MAX;
use conversation::Conversation;
use conversation::Link;
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

/// Reads in one turn, so that a relay that never stops sending does not keep the application from
/// its turn.
const READS_PER_TURN: usize = 16;

/// News waiting for the application beyond which nothing more is read for it.
const EVENTS_MAX: usize = 4096;

/// Where to connect, and as whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the relay listens for frames.
    pub address: Address,
    /// The name to ask for; empty to be given one. If somebody else has it, it is lengthened by
    /// underscores, and [`Event::NameTaken`] says so.
    pub name: String,
    /// Whether the application heeds [`Event::Told`]. If not, the relay says to those who tell this
    /// client something privately that it hears none of it.
    pub private: bool,
}

impl Options {
    /// A client of the relay at `address` that takes whatever name it is given, and no private
    /// messages.
    pub fn new(address: Address) -> Self {
        Self { address, name: String::new(), private: false }
    }

    /// The name to ask for.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Private messages are heeded: see [`Event::Told`].
    #[must_use]
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }
}

/// A connection to a relay that comes back by itself.
///
/// Call [`turn`](Self::turn), then [`next_event`](Self::next_event) until it answers `None`, and
/// again. Everything else only takes note of what is wanted and can be called at any time, also
/// before there is a connection: rooms are joined and messages said as soon as that is possible.
///
/// To wait for other things too, wait for readability of its descriptor (it is [`AsFd`]) no longer
/// than until [`next_deadline`](Self::next_deadline), then call `turn(Some(Duration::ZERO))`; or
/// interrupt `turn` from another thread through [`waker`](Self::waker).
#[derive(Debug)]
pub struct Client {
    conversation: Conversation,
    address: Address,
    /// Addresses of the host that were not tried yet.
    candidates: VecDeque<SocketAddr>,
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    socket: Option<Socket>,
    /// The kernel has not said `WouldBlock` since the last edge, so no other edge will come.
    readable: bool,
    /// The same for writing.
    writable: bool,
    scratch: Box<[u8]>,
}

impl Client {
    /// A client that connects as it is turned. Nothing blocks, except that a host name (not a plain
    /// address) is looked up within `turn` before each connect.
    ///
    /// # Errors
    /// If the system has no descriptors for a poll. Whether the relay is there is told by events.
    pub fn connect(options: Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        // The standard library's hasher is seeded by the system: all the randomness needed here.
        let seed = RandomState::new().hash_one(options.address.to_string());
        let mut conversation = Conversation::new(options.name, seed, Instant::now());
        conversation.private = options.private;
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

    /// One step: waits for something to happen, at most for `timeout`, then reads, acts and writes.
    ///
    /// # Errors
    /// If the poll itself fails. What befalls the connection is told by events.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.wait(timeout)?;
        self.read();
        // Before `expire`, which may ask for the next socket while the last is still here.
        self.tend_socket();
        // After reading: what has come may be what is being waited for.
        self.conversation.expire(Instant::now());
        self.tend_socket();
        self.write();
        Ok(())
    }

    /// The next piece of news, until `None`.
    pub fn next_event(&mut self) -> Option<Event> {
        self.conversation.next_event()
    }

    /// When [`turn`](Self::turn) has something to do even if nothing happens; `None` for never.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.is_unfinished() { Some(Instant::now()) } else { self.conversation.next_deadline() }
    }

    /// Interrupts [`turn`](Self::turn) from another thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Joins a room now or as soon as possible, and again after every reconnect. Up to `history`
    /// messages from before are told first. Joining a joined room changes nothing. Names that differ
    /// only in the case of ASCII letters are one room; events call it as it was called here first.
    pub fn join(&mut self, room: &str, history: u64) {
        self.conversation.join(room, history, None);
    }

    /// The same for a room whose operators ask for a key.
    pub fn join_with_key(&mut self, room: &str, history: u64, key: &str) {
        self.conversation.join(room, history, Some(key));
    }

    /// Leaves a room. Messages not yet sent there are refused. False if it was not joined.
    pub fn leave(&mut self, room: &str) -> bool {
        self.conversation.leave(room)
    }

    /// Says something in a room that was joined, now or as soon as possible. The answer is the id
    /// by which [`Event::Acked`] or [`Event::Refused`] will speak of it; exactly one of them will,
    /// unless the client is closed first.
    ///
    /// Messages of one room are said in this order. Only when the relay finds them too fast can the
    /// first of a burst change places.
    ///
    /// # Errors
    /// See [`SayError`]; the message was not taken.
    pub fn say(&mut self, room: &str, payload: impl AsRef<[u8]>) -> Result<u64, SayError> {
        self.conversation.say(room, payload.as_ref())
    }

    /// Tells one person something, now or as soon as possible. The answer is the id by which
    /// [`Event::Passed`] or [`Event::Refused`] will speak of it; exactly one of them will, unless the
    /// client is closed first. No relay keeps private messages: if the connection is lost before it
    /// answers, it may or may not have come, and [`Event::Refused`] says so.
    ///
    /// # Errors
    /// See [`SayError`]; the message was not taken.
    pub fn tell(&mut self, name: &str, payload: impl AsRef<[u8]>) -> Result<u64, SayError> {
        self.conversation.tell(name, payload.as_ref())
    }

    /// Asks who is in a room; [`Event::Members`] answers. False if it is not joined at the moment.
    pub fn members(&mut self, room: &str) -> bool {
        self.conversation.members(room)
    }

    /// Asks for up to `limit` messages of a room's past (0: as many as one answer has room for), as
    /// far as the relay keeps them. The answer is the number by which [`Event::History`] will speak
    /// of it, or `None` if the room is not joined at the moment. A connection that is lost takes the
    /// answer with it.
    pub fn history(&mut self, room: &str, side: Side, limit: u32) -> Option<u64> {
        self.conversation.history(room, side, limit)
    }

    /// How many messages were said or told and are neither acknowledged nor refused yet.
    pub fn unacknowledged(&self) -> usize {
        self.conversation.unacknowledged()
    }

    /// Says what can still be said, then goodbye. Turns go on until [`Event::Disconnected`] without
    /// a retry; acknowledgements may come until then.
    pub fn close(&mut self) {
        self.conversation.close(Instant::now());
    }

    /// Whether there is something to do that no edge will announce.
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
            // An error is met by the next read, with its text.
            self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
            self.writable |= event.is_writable() || event.is_error();
        }
        self.finish_connect();
        Ok(())
    }

    fn finish_connect(&mut self) {
        if self.conversation.link() != Link::Dial || !self.writable {
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

    /// Tries the host's next address; only when none is left is the relay out of reach.
    fn unreachable(&mut self, error: &io::Error) {
        self.drop_socket();
        if self.candidates.is_empty() {
            let cause = Cause::Unreachable { kind: error.kind(), text: error.to_string() };
            self.conversation.disconnected(cause, Instant::now());
        }
    }

    fn read(&mut self) {
        for _ in 0..READS_PER_TURN {
            let open = self.readable && self.conversation.link() == Link::Up;
            if !open || self.conversation.events() >= EVENTS_MAX {
                return;
            }
            let Some(socket) = &mut self.socket else { return };
            match socket.read(&mut self.scratch) {
                Ok(0) => self.conversation.disconnected(Cause::Ended, Instant::now()),
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
        while self.writable && self.conversation.link() == Link::Up {
            let bytes = self.conversation.outgoing();
            let Some(socket) = self.socket.as_mut().filter(|_| !bytes.is_empty()) else { return };
            match socket.write(bytes) {
                Ok(length) => self.conversation.sent(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What the relay said last may still wait to be read, and says more than this
                // error does. The read that follows it meets the end of the stream.
                Err(_) if self.readable => return,
                Err(error) => self.broken(&error),
            }
        }
    }

    fn broken(&mut self, error: &io::Error) {
        self.conversation.disconnected(Cause::Broken(error.to_string()), Instant::now());
    }

    /// Brings the socket in line with what the conversation wants of it.
    fn tend_socket(&mut self) {
        // Again and again while the host has more addresses and none can even be tried.
        while self.conversation.link() == Link::Dial && self.socket.is_none() {
            if let Err(error) = self.dial() {
                self.unreachable(&error);
            }
        }
        if self.conversation.link() == Link::Down {
            self.drop_socket();
        }
    }

    fn dial(&mut self) -> io::Result<()> {
        let mut socket = Socket::dial(&self.address, &mut self.candidates)?;
        socket.register(self.poll.registry(), SOCKET)?;
        self.socket = Some(socket);
        Ok(())
    }

    /// Closing the descriptor takes it out of the poll, too.
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
