//! All connections of a load, on one poll: connecting, joining, publishing, receiving.

use super::connection::{Connection, ReadResult, State};
use super::delivery_record::DeliveryRecord;
use super::error::LoadError;
use super::role::Role;
use super::sources::Sources;
use super::target::Target;
use super::timer::Timer;
use mio::{Events, Poll, Token};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Events taken at a time. Few, because the last event waits until the others are handled, and that
/// delay would be attributed to the server.
const EVENTS: usize = 128;

/// Size of the read buffer.
const SCRATCH: usize = 128 << 10;

const TIMER: Token = Token(usize::MAX);

/// An event of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// The connection has joined its room; the time since its connect began.
    Joined(usize, Duration),
    /// A request was refused, with the reason.
    Refused(usize, String),
    /// The connection is closed, with the reason.
    Ended(usize, String),
}

/// All connections of a load.
pub struct Connections {
    poll: Poll,
    events: Events,
    timer: Timer,
    target: Target,
    address: SocketAddr,
    sources: Sources,
    list: Vec<Connection>,
    /// The buffer of every read; it starts with the unparsed rest of the last one.
    scratch: Vec<u8>,
    /// Connections whose socket may hold more input that no event will announce.
    unread: VecDeque<usize>,
    /// Connections that are read in every turn, with or without an event.
    every_turn: Vec<usize>,
    /// Connections with pending output.
    dirty: Vec<usize>,
    pending_events: Vec<ConnectionEvent>,
    began: Instant,
    /// Connections opened so far: the source of unique names.
    names_used: u32,
    /// The time at which the last poll returned.
    woke: Instant,
    /// Time spent outside the poll.
    busy: Duration,
    /// The durations of turns since they were last taken.
    turns: Vec<u32>,
}

impl Connections {
    /// Creates the connections of a load, none of them open.
    ///
    /// # Errors
    /// A target that cannot be resolved, or a failure of the system to create a poll.
    pub fn new(target: &Target, roles: &[Role], sources: usize) -> Result<Self, LoadError> {
        let address = target.resolve()?;
        let poll = Poll::new()
            .map_err(|error| LoadError::Resources(format!("cannot create a poll: {error}")))?;
        let timer = Timer::new(poll.registry(), TIMER);
        let timer = timer
            .map_err(|error| LoadError::Resources(format!("cannot create a timer: {error}")))?;
        let woke = Instant::now();
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            timer,
            target: target.clone(),
            address,
            sources: Sources::new(address, roles.len(), sources),
            list: roles.iter().map(|role| Connection::new(*role)).collect(),
            scratch: vec![0; SCRATCH],
            unread: VecDeque::new(),
            every_turn: Vec::new(),
            dirty: Vec::new(),
            pending_events: Vec::new(),
            began: woke,
            // Two loads on one server must not use the same names.
            names_used: std::process::id().wrapping_mul(100_003) & 0x7ff_ffff,
            woke,
            busy: Duration::ZERO,
            turns: Vec::new(),
        })
    }

    /// Returns the nanoseconds since the start: the clock of every stamp.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Returns a connection by its index.
    pub fn connection(&self, index: usize) -> &Connection {
        &self.list[index]
    }

    /// Returns the number of connections.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True if there are no connections.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the events since the last call.
    pub fn take_events(&mut self) -> Vec<ConnectionEvent> {
        std::mem::take(&mut self.pending_events)
    }

    /// Returns the time spent outside the poll since the start.
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// Returns the durations of turns since the last call, in microseconds.
    pub fn take_turns(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.turns)
    }

    /// Returns the number of source addresses in use.
    pub fn sources(&self) -> usize {
        self.sources.count()
    }

    /// Opens a connection, and drops its previous socket.
    ///
    /// # Errors
    /// A refusal by the system; a retry would fail too.
    pub fn connect(&mut self, index: usize) -> Result<(), LoadError> {
        let source = self.sources.take();
        let options = self.list[index].next_options(self.names_used);
        self.names_used = self.names_used.wrapping_add(1) & 0x7ff_ffff;
        let began = self.now();
        let (registry, target) = (self.poll.registry(), &self.target);
        let connected =
            self.list[index].connect(registry, Token(index), self.address, source, began);
        connected.map_err(|error| LoadError::Resources(self.sources.explain(&error)))?;
        self.list[index].open(target, options);
        Ok(())
    }

    /// Reads this connection in every turn. Otherwise its event would wait behind those of all other
    /// list, and the delay would be attributed to the server.
    pub fn read_every_turn(&mut self, index: usize) {
        self.every_turn.push(index);
    }

    /// Returns the connections that began to connect before that time and have not joined yet.
    pub fn connecting_since_before(&self, before: u64) -> Vec<usize> {
        let coming = |connection: &Connection| !matches!(connection.state, State::Out | State::In);
        let list = self.list.iter().enumerate();
        let late = list.filter(|(_, connection)| coming(connection) && connection.began < before);
        late.map(|(index, _)| index).collect()
    }

    /// Closes a connection at once, without waiting for pending data.
    pub fn reset(&mut self, index: usize) {
        self.list[index].reset();
    }

    /// Leaves the room.
    pub fn leave(&mut self, index: usize) {
        self.list[index].leave();
        // A broken connection is reported by the next read.
        let _ = self.list[index].flush();
    }

    /// Queues a message, which is written at the end of the turn.
    pub fn publish(&mut self, index: usize, payload: &[u8]) {
        if self.list[index].publish(payload) {
            self.dirty.push(index);
        }
    }

    /// Returns the number of bytes that the server has not accepted yet.
    pub fn unsent(&self, index: usize) -> usize {
        self.list[index].unsent()
    }

    /// Stops or resumes reading.
    pub fn stall(&mut self, index: usize, stalled: bool) {
        self.list[index].stalled = stalled;
        self.unread.push_back(index);
    }

    /// Writes queued messages, waits for events until `until`, and handles them.
    pub fn turn(&mut self, until: u64, record: &mut DeliveryRecord) {
        self.flush();
        let left = Duration::from_nanos(until.saturating_sub(self.now()));
        let wait = match self.unread.is_empty() && self.pending_events.is_empty() {
            true if left.is_zero() => Duration::ZERO,
            true => self.timer.set(left),
            false => Duration::ZERO,
        };
        let turn = self.woke.elapsed();
        self.busy += turn;
        self.turns.push(turn.as_micros().min(u128::from(u32::MAX)) as u32);
        let polled = self.poll.poll(&mut self.events, Some(wait));
        self.woke = Instant::now();
        if let Err(error) = polled {
            debug_assert_eq!(error.kind(), io::ErrorKind::Interrupted);
            return;
        }
        for _ in 0..self.unread.len() {
            if let Some(index) = self.unread.pop_front() {
                self.read(index, record);
            }
        }
        for at in 0..self.every_turn.len() {
            self.read(self.every_turn[at], record);
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let Token(index) = event.token();
            if event.token() == TIMER || index >= self.list.len() {
                continue;
            }
            if event.is_writable() && self.list[index].state == State::Connecting {
                self.connected(index);
            } else if event.is_writable() && self.list[index].unsent() > 0 {
                self.dirty.push(index);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.list[index].hung_up |= event.is_read_closed();
                self.read(index, record);
            }
        }
        self.events = events;
        self.flush();
    }

    fn connected(&mut self, index: usize) {
        match self.list[index].connected() {
            Ok(false) => {}
            Ok(true) => {
                self.dirty.push(index);
                self.report_join(index);
            }
            Err(error) => {
                let reason = self.sources.explain(&error);
                self.ended(index, reason);
            }
        }
    }

    /// Reports once that a connection has joined its room.
    fn report_join(&mut self, index: usize) {
        let now = self.now();
        let connection = &mut self.list[index];
        if connection.state == State::In && !std::mem::replace(&mut connection.told, true) {
            let took = Duration::from_nanos(now.saturating_sub(connection.began));
            self.pending_events.push(ConnectionEvent::Joined(index, took));
        }
    }

    fn ended(&mut self, index: usize, reason: String) {
        self.list[index].close();
        self.pending_events.push(ConnectionEvent::Ended(index, reason));
    }

    fn read(&mut self, index: usize, record: &mut DeliveryRecord) {
        let connection = &mut self.list[index];
        if connection.stalled || !connection.is_open() || connection.state == State::Connecting {
            return;
        }
        let result = connection.read(&mut self.scratch, record, self.began);
        let (was_in, has_more) = (connection.told, connection.unsent() > 0);
        if has_more {
            self.dirty.push(index);
        }
        if !was_in {
            self.report_join(index);
        }
        for refusal in std::mem::take(&mut self.list[index].refusals) {
            self.pending_events.push(ConnectionEvent::Refused(index, refusal));
        }
        match result {
            ReadResult::More => self.unread.push_back(index),
            ReadResult::Drained | ReadResult::Empty => {}
            ReadResult::Closed(reason) => self.ended(index, reason),
        }
    }

    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            if let Err(error) = self.list[index].flush() {
                self.ended(index, error.to_string());
            }
        }
        self.dirty = dirty;
    }
}
