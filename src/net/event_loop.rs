//! The event loop: one `Poll`, one thread.

mod accept;
mod control;
mod signals;
mod socket;

use super::admission::Admission;
use super::clock::Clock;
use super::descriptors::{SpareDescriptor, descriptor_limit, grow_descriptor_table};
use super::handle::{Handle, HandleRequests};
use super::listener::{Bound, Endpoint, Listener};
use super::rate_limited_log::{LogClass, RateLimitedLog};
use super::socket_options::SocketOptions;
use super::transport::{Drained, Filled, Readiness};
use super::unfinished::{Unfinished, Work};
use crate::engine::{Engine, Reading, SLICES};
use crate::id::{ConnId, JobId};
use crate::limits::{Limits, READ_MAX, RESERVED_DESCRIPTORS};
use crate::now::Now;
use crate::reason::CloseReason;
use crate::secret::Secrets;
use crate::session::{Job, Service};
use mio::{Events, Poll, Token, Waker};
use signals::SignalPipe;
use socket::{Sockets, UnprocessedInput};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Events taken from the kernel in one turn. The same as the default number of writes per turn:
/// with more events than writes, replies would accumulate.
const EVENTS: usize = 512;

/// The loop's own tokens are below every connection's token (see [`ConnId::to_bits`]): listeners
/// count up from zero, these two are at the top.
const WAKER: usize = u32::MAX as usize;
const SIGNALS: usize = u32::MAX as usize - 1;

// The bits of a `ConnId` are stored in a `mio::Token`, which is a `usize`.
const _: () = assert!(usize::BITS == 64);

/// The options of an event loop.
#[derive(Debug)]
pub struct Options {
    /// The services and the addresses they listen on.
    pub listeners: Vec<(Service, Endpoint)>,
    /// The limits in force.
    pub limits: Limits,
    /// True if SIGTERM and SIGINT drain the relay.
    pub signals: bool,
    /// True if SIGHUP reloads the configuration.
    pub reloads: bool,
    /// The most jobs running outside the loop at once.
    pub jobs_max: usize,
    /// See [`Engine::new`].
    pub secrets: Secrets,
}

/// The state of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Serving.
    Running,
    /// Draining: no new connections, and open ones are being closed.
    Draining,
    /// Stopped: all connections are closed, or the time for draining is over.
    Stopped,
}

/// The reactor: sockets on one side, the engine on the other.
pub struct EventLoop {
    poll: Poll,
    events: Events,
    listeners: Vec<Listener>,
    sockets: Sockets,
    /// The buffer of every read. Only input that cannot be parsed yet is kept elsewhere.
    scratch: Box<[u8]>,
    unfinished: Unfinished,
    engine: Engine,
    limits: Limits,
    /// The most connections at once.
    connections_max: usize,
    clock: Clock,
    now: Now,
    requests: HandleRequests,
    signals: Option<SignalPipe>,
    /// Jobs that `take_job` has not returned yet.
    jobs: VecDeque<(JobId, Job)>,
    spare_descriptor: SpareDescriptor,
    admission: Admission,
    event_log: RateLimitedLog,
    status: Status,
    drain_until: Duration,
    /// A second signal has stopped the drain.
    is_cut_short: bool,
    /// True if the last poll returned events: the kernel may have more than fitted in `events`.
    had_events: bool,
    /// True if requests from other threads remain.
    has_requests: bool,
    /// After a stop request: the number of earlier requests still to be handled.
    requests_before_stop: Option<usize>,
}

/// The source of an event, decoded from its token.
enum Source {
    Listener(usize),
    HandleRequests,
    Signals,
    Peer(ConnId),
}

impl Source {
    fn of(token: Token) -> Self {
        match (ConnId::from_bits(token.0 as u64), token.0) {
            (Some(conn), _) => Self::Peer(conn),
            (None, WAKER) => Self::HandleRequests,
            (None, SIGNALS) => Self::Signals,
            (None, index) => Self::Listener(index),
        }
    }
}

impl EventLoop {
    /// Binds the listeners and prepares the first turn.
    ///
    /// # Errors
    /// The listener that could not be bound, or a failure to create the poll.
    pub fn bind(options: Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let requests = HandleRequests::new(Waker::new(poll.registry(), Token(WAKER))?);
        let mut listeners = Vec::new();
        let mut services = Vec::new();
        for (mut service, endpoint) in options.listeners {
            let send_buffer = options.limits.send_buffer;
            let socket_options = SocketOptions { send_buffer, silent: !service.pings() };
            let bound = Listener::bind(&endpoint, services.len(), socket_options)?;
            if let Endpoint::Tcp(address) = &endpoint
                && bound.iter().any(Listener::is_local)
            {
                service.listens_locally(address);
            }
            listeners.extend(bound);
            services.push(service);
        }
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), Token(index))?;
        }
        let signals = options
            .signals
            .then(|| SignalPipe::register(poll.registry(), Token(SIGNALS), options.reloads))
            .transpose()?;
        let possible = descriptor_limit().saturating_sub(RESERVED_DESCRIPTORS as u64).max(1);
        let possible = usize::try_from(possible).unwrap_or(usize::MAX);
        let connections_max = options.limits.connections.unwrap_or(possible);
        grow_descriptor_table(connections_max.saturating_add(RESERVED_DESCRIPTORS));
        let clock = Clock::start();
        let mut engine = Engine::new(options.limits.clone(), services, options.secrets);
        engine.has_room_for(connections_max);
        engine.takes_jobs(options.jobs_max);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            listeners,
            sockets: Sockets::default(),
            scratch: vec![0; READ_MAX].into_boxed_slice(),
            unfinished: Unfinished::default(),
            engine,
            connections_max,
            limits: options.limits,
            now: clock.now(),
            clock,
            requests,
            signals,
            jobs: VecDeque::new(),
            spare_descriptor: SpareDescriptor::reserve(),
            admission: Admission::default(),
            event_log: RateLimitedLog::default(),
            status: Status::Running,
            drain_until: Duration::MAX,
            is_cut_short: false,
            had_events: false,
            has_requests: false,
            requests_before_stop: None,
        })
    }

    /// Runs one turn: waits at most `timeout` (`None`: until an event) and does a bounded amount of
    /// work.
    ///
    /// # Errors
    /// A failure of the poll itself. No peer can cause it.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Status> {
        self.wait(timeout)?;
        // Work that this turn leaves undone is done in the next turn.
        self.unfinished.rotate();
        let undone = self.unfinished.len().min(EVENTS);
        self.dispatch();
        self.resume(undone);
        self.expire();
        self.engine.reap(self.now);
        self.flush();
        self.carry_out_effects();
        self.engine.turned(self.clock.running().saturating_sub(self.now.running));
        self.requests.publish(self.engine.counts());
        if self.status == Status::Stopped {
            self.requests.close();
        }
        Ok(self.status)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let deadline =
            if self.has_immediate_work() { Some(Duration::ZERO) } else { self.until_deadline() };
        let timeout = match (timeout, deadline) {
            (Some(timeout), Some(deadline)) => Some(timeout.min(deadline)),
            (timeout, deadline) => timeout.or(deadline),
        };
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            // A signal interrupted the wait; its number is read from the signal pipe.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            Err(error) => return Err(error),
        }
        self.had_events = !self.events.is_empty();
        self.now = self.clock.now();
        self.engine.wake(self.now);
        Ok(())
    }

    /// Returns the time from now until the next deadline.
    fn until_deadline(&self) -> Option<Duration> {
        let next = self.deadline()?;
        // Rounded up to whole milliseconds, the kernel's unit: a wake-up before the deadline would
        // do nothing.
        let wait = next.saturating_sub(self.clock.running());
        Some(Duration::from_millis(wait.as_micros().div_ceil(1000) as u64))
    }

    fn deadline(&self) -> Option<Duration> {
        let accept_retry = self.listeners.iter().filter_map(Listener::retry_at).min();
        let drain = (self.status == Status::Draining).then_some(self.drain_until);
        [self.engine.next_deadline(), accept_retry, drain].into_iter().flatten().min()
    }

    fn has_immediate_work(&self) -> bool {
        // `reap` removes the last peer of a drain; `expire` notices it in the next turn.
        let is_over = self.status == Status::Stopped || self.engine.is_drained();
        // A request that waits for a store has its turn in one that the store's outcome brings about.
        let waits_for = self.requests.waits_for().filter(|_| self.requests_before_stop.is_none());
        let is_waiting = waits_for.is_some_and(|room| self.engine.is_behind_store(room));
        let has_requests = self.has_requests && !is_waiting || self.requests.is_woken();
        let has_work = !self.unfinished.is_empty() || has_requests;
        is_over || has_work || self.engine.is_pressing()
    }

    /// Returns the time at which `turn` must be called even without an event; a time in the past
    /// means now. A program that sleeps on [`as_fd`](Self::as_fd) until then misses nothing,
    /// whether its own poll is level- or edge-triggered.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.had_events || self.has_immediate_work() {
            return Some(self.clock.instant(self.now.running));
        }
        self.deadline().map(|deadline| self.clock.instant(deadline))
    }

    /// Handles each event: accepts, reads, or marks a peer as writable. New connections come first:
    /// a client that connected before a message was sent receives the message, in whatever request
    /// the poll returns events.
    fn dispatch(&mut self) {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            if let Source::Listener(index) = Source::of(event.token()) {
                self.accept(index);
            }
        }
        for event in &events {
            match Source::of(event.token()) {
                Source::Peer(conn) => {
                    let readiness = Readiness::of(event);
                    if readiness.writable {
                        self.engine.writable(conn);
                    }
                    if readiness.readable {
                        if let Some(socket) = self.sockets.get_mut(conn) {
                            socket.transport.note_readiness(readiness);
                        }
                        self.read(conn);
                    }
                }
                Source::Listener(_) => {}
                // `resume` reads the flag once per turn.
                Source::HandleRequests => {}
                Source::Signals => self.handle_signals(),
            }
        }
        self.events = events;
    }

    /// Continues the accepts and reads that earlier turns left undone, and handles the requests of
    /// other threads.
    fn resume(&mut self, undone: usize) {
        // The flag decides, not the event: mio's poll(2) emulation can lose a wake-up if its list
        // changes at the same time.
        if self.has_requests || self.requests.is_woken() {
            self.handle_requests();
        }
        for _ in 0..undone {
            match self.unfinished.pop() {
                Some(Work::Accept(index)) => {
                    if let Some(listener) = self.listeners.get_mut(index) {
                        listener.queued = false;
                    }
                    self.accept(index);
                }
                Some(Work::Read(conn)) => {
                    if let Some(socket) = self.sockets.get_mut(conn) {
                        socket.queued = false;
                        self.read(conn);
                    }
                }
                None => {}
            }
        }
    }

    fn expire(&mut self) {
        self.engine.expire(self.now);
        self.retry_accepts(self.now.running);
        if self.status == Status::Draining
            && (self.engine.is_drained() || self.drain_until <= self.now.running)
        {
            self.status = Status::Stopped;
        }
    }

    fn drop_socket(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(mut socket) = self.sockets.remove(conn) else { return };
        // A duplicated descriptor would otherwise continue to produce events.
        let _ = socket.transport.deregister(self.poll.registry());
        drop(socket.transport);
        self.admission.release(socket.ticket);
        let second = self.now.running.as_secs();
        self.event_log.write(LogClass::Closed, second, format_args!("closed {conn}: {reason}"));
        // The freed descriptor can serve a waiting connection at once.
        self.retry_accepts(Duration::MAX);
    }

    /// Writes pending output to dirty peers, within the turn's budget.
    fn flush(&mut self) {
        let mut bytes_left = self.limits.flush_bytes;
        for _ in 0..self.limits.flush_writes {
            let Some(conn) = self.engine.take_dirty() else { return };
            bytes_left = bytes_left.saturating_sub(self.write(conn));
            if bytes_left == 0 {
                return;
            }
        }
    }

    /// Offers a peer's pending output to its transport. Returns the number of bytes accepted.
    fn write(&mut self, conn: ConnId) -> usize {
        let Some(socket) = self.sockets.get_mut(conn) else {
            self.engine.blocked(conn);
            return 0;
        };
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (filled, _) = self.engine.slices(conn, &mut slices);
        let offered = slices.get_mut(..filled).unwrap_or_default();
        let (accepted, drained) = socket.transport.drain(offered);
        self.note_pending_output(conn);
        if accepted > 0 || drained == Drained::Writable {
            self.engine.sent(conn, accepted);
        }
        match drained {
            Drained::Writable => {}
            Drained::WouldBlock => self.engine.blocked(conn),
            Drained::Broken => self.engine.lost(conn),
        }
        accepted
    }

    /// Notifies the engine when a transport begins or ceases to hold output.
    fn note_pending_output(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(conn) else { return };
        let is_pending = socket.transport.has_pending_output();
        if socket.has_pending_output != is_pending {
            socket.has_pending_output = is_pending;
            self.engine.note_pending_output(conn, is_pending);
        }
    }

    /// Processes a peer's earlier input, then reads once from its socket.
    fn read(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(conn) else {
            // The event is older than the peer in this slot, or the slot is empty.
            self.engine.resume(conn, self.now);
            return;
        };
        if socket.unprocessed == UnprocessedInput::Paused || socket.queued {
            return;
        }
        let mut reading = Reading::More;
        if socket.unprocessed == UnprocessedInput::Ready {
            reading = self.engine.resume(conn, self.now);
        }
        let mut filled = Filled::Unfinished;
        if matches!(reading, Reading::More | Reading::Gone) && !socket.input_ended {
            let (len, how) = socket.transport.fill(&mut self.scratch);
            filled = how;
            if let Some(bytes @ [_, ..]) = self.scratch.get(..len) {
                reading = self.engine.received(conn, bytes, self.now);
            }
            match filled {
                Filled::Ended => {
                    socket.input_ended = true;
                    reading = self.engine.ended(conn, self.now);
                }
                Filled::Broken => {
                    socket.input_ended = true;
                    self.engine.lost(conn);
                    return;
                }
                Filled::WouldBlock | Filled::Unfinished => {}
            }
        }
        socket.unprocessed = match reading {
            Reading::Held => UnprocessedInput::Paused,
            Reading::Unfinished => UnprocessedInput::Ready,
            Reading::More | Reading::Gone => UnprocessedInput::None,
        };
        let has_more = filled == Filled::Unfinished && !socket.input_ended;
        let is_unfinished = reading == Reading::Unfinished || reading != Reading::Held && has_more;
        // A read can produce output: a handshake replies.
        self.note_pending_output(conn);
        if is_unfinished {
            self.queue_read(conn);
        }
    }

    fn queue_read(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(conn).filter(|socket| !socket.queued) {
            socket.queued = true;
            self.unfinished.push(Work::Read(conn));
        }
    }

    /// Returns the bound addresses, in the request of the options.
    ///
    /// # Errors
    /// A failure of the system to report an address.
    pub fn bound(&self) -> io::Result<Vec<Bound>> {
        self.listeners.iter().map(Listener::bound).collect()
    }

    /// Returns the most connections at once.
    pub fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// Returns a handle for other threads.
    pub fn handle(&self) -> Handle {
        self.requests.handle()
    }

    /// Returns the counters.
    pub fn counts(&self) -> crate::engine::Counts {
        self.engine.counts()
    }
}

#[cfg(test)]
mod tests;

// mio's poll(2) emulation has no single descriptor for everything it watches.
#[cfg(not(mio_unsupported_force_poll_poll))]
impl AsFd for EventLoop {
    /// Returns the poll's descriptor: readable when a turn has work to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}
