//! The turn: one `Poll`, one thread, one hot loop.

mod control;
mod door;
mod socket;

use super::admission::Admission;
use super::clock::Clock;
use super::descriptors::{Spare, descriptor_limit, widen_table};
use super::listener::{Bound, Endpoint, Listener};
use super::logbook::{Class, Logbook};
use super::orders::{Handle, Orders};
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
use control::watch_signals;
use mio::{Events, Poll, Token, Waker};
use signal_hook_mio::v1_0::Signals;
use socket::{Rest, Sockets};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Events taken from the kernel at a time. As many as writes are made in a turn: if more came in
/// than go out, the replies in between would pile up.
const EVENTS: usize = 512;

/// The loop's own tokens lie below every connection's (see [`ConnId::to_bits`]): listeners count up
/// from zero, these two down from the top.
const WAKER: usize = u32::MAX as usize;
const SIGNALS: usize = u32::MAX as usize - 1;

// A `ConnId` travels through the kernel packed into a `mio::Token`.
const _: () = assert!(usize::BITS == 64);

/// What the loop needs to know besides the limits.
#[derive(Debug)]
pub struct Options {
    /// Where to listen, and for what.
    pub listeners: Vec<(Service, Endpoint)>,
    /// The limits in force.
    pub limits: Limits,
    /// Whether SIGTERM and SIGINT drain the relay.
    pub signals: bool,
    /// True if SIGHUP has the configuration read again.
    pub reloads: bool,
    /// Jobs that are done outside of the loop at once.
    pub jobs_at_once: usize,
    /// See [`Engine::new`].
    pub secrets: Secrets,
}

/// What the loop is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Serving.
    Running,
    /// Letting everybody go.
    Draining,
    /// Done: everybody is gone, or would not go in time.
    Stopped,
}

/// The reactor: sockets on one side, the engine on the other.
pub struct EventLoop {
    poll: Poll,
    events: Events,
    listeners: Vec<Listener>,
    sockets: Sockets,
    /// Every read goes through here; only what cannot be parsed yet is kept elsewhere.
    scratch: Box<[u8]>,
    unfinished: Unfinished,
    engine: Engine,
    limits: Limits,
    /// The most connections at once.
    connections_max: usize,
    clock: Clock,
    now: Now,
    orders: Orders,
    signals: Option<Signals>,
    /// Jobs for workers, until `take_job`.
    jobs: VecDeque<(JobId, Job)>,
    spare: Spare,
    admission: Admission,
    logbook: Logbook,
    status: Status,
    drain_until: Duration,
    /// The last poll returned something: there may be more that it had no room for.
    is_stirred: bool,
    /// Orders from other threads are left over.
    has_orders: bool,
    /// Once a stop was asked for: how many orders given before are still carried out.
    last_orders: Option<usize>,
}

/// What a token stands for.
enum Woken {
    Listener(usize),
    Orders,
    Signals,
    Peer(ConnId),
}

impl Woken {
    fn of(token: Token) -> Self {
        match (ConnId::from_bits(token.0 as u64), token.0) {
            (Some(conn), _) => Self::Peer(conn),
            (None, WAKER) => Self::Orders,
            (None, SIGNALS) => Self::Signals,
            (None, index) => Self::Listener(index),
        }
    }
}

impl EventLoop {
    /// Listens, and is ready for its first turn.
    ///
    /// # Errors
    /// What could not be listened on, or that the system has no poll to give.
    pub fn bind(options: Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let orders = Orders::new(Waker::new(poll.registry(), Token(WAKER))?);
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
        let signals = options.signals.then(|| watch_signals(&poll, options.reloads)).transpose()?;
        let possible = descriptor_limit().saturating_sub(RESERVED_DESCRIPTORS as u64).max(1);
        let possible = usize::try_from(possible).unwrap_or(usize::MAX);
        let connections_max = options.limits.connections.unwrap_or(possible);
        widen_table(connections_max.saturating_add(RESERVED_DESCRIPTORS));
        let clock = Clock::start();
        let mut engine = Engine::new(options.limits.clone(), services, options.secrets);
        engine.has_room_for(connections_max);
        engine.takes_jobs(options.jobs_at_once);
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
            orders,
            signals,
            jobs: VecDeque::new(),
            spare: Spare::reserve(),
            admission: Admission::default(),
            logbook: Logbook::default(),
            status: Status::Running,
            drain_until: Duration::MAX,
            is_stirred: false,
            has_orders: false,
            last_orders: None,
        })
    }

    /// One pass: waits at most `timeout` (`None`: as long as it takes) for something to do, does a
    /// bounded amount of it, and returns.
    ///
    /// # Errors
    /// When the poll itself fails. No peer can make that happen.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Status> {
        self.wait(timeout)?;
        // What this turn leaves undone is the next one's business.
        self.unfinished.rotate();
        let undone = self.unfinished.len().min(EVENTS);
        self.dispatch();
        self.resume(undone);
        self.expire();
        self.engine.reap(self.now);
        self.flush();
        self.act();
        self.engine.turned(self.clock.running().saturating_sub(self.now.running));
        self.orders.publish(self.engine.counts());
        if self.status == Status::Stopped {
            self.orders.close();
        }
        Ok(self.status)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let deadline =
            if self.is_pressing() { Some(Duration::ZERO) } else { self.until_deadline() };
        let timeout = match (timeout, deadline) {
            (Some(timeout), Some(deadline)) => Some(timeout.min(deadline)),
            (timeout, deadline) => timeout.or(deadline),
        };
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            // A signal came; what it means is in its pipe.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            Err(error) => return Err(error),
        }
        self.is_stirred = !self.events.is_empty();
        self.now = self.clock.now();
        self.engine.wake(self.now);
        Ok(())
    }

    /// How long until the next deadline, from now.
    fn until_deadline(&self) -> Option<Duration> {
        let next = self.deadline()?;
        // Rounded up to the kernel's milliseconds: waking early would only mean sleeping again.
        let wait = next.saturating_sub(self.clock.running());
        Some(Duration::from_millis(wait.as_micros().div_ceil(1000) as u64))
    }

    fn deadline(&self) -> Option<Duration> {
        let starved = self.listeners.iter().filter_map(Listener::retry_at).min();
        let drain = (self.status == Status::Draining).then_some(self.drain_until);
        [self.engine.next_deadline(), starved, drain].into_iter().flatten().min()
    }

    fn is_pressing(&self) -> bool {
        // The last peer of a drain leaves in `reap`; that all is over is seen in the next turn.
        let is_over = self.status == Status::Stopped || self.engine.is_drained();
        let has_orders = self.has_orders || self.orders.is_called();
        let has_work = !self.unfinished.is_empty() || has_orders;
        is_over || has_work || self.engine.is_pressing()
    }

    /// When `turn` wants to be called even if nothing happens. In the past or now: at once. A program
    /// that sleeps on [`as_fd`](Self::as_fd) until this moment misses nothing, whether its own poll
    /// is level- or edge-triggered.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.is_stirred || self.is_pressing() {
            return Some(self.clock.instant(self.now.running));
        }
        self.deadline().map(|deadline| self.clock.instant(deadline))
    }

    /// For each event: accept, read, or note that a blocked peer may be written again. Newcomers
    /// first: whoever connected before something was said is there to hear it, in whatever order a
    /// poll names its events.
    fn dispatch(&mut self) {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            if let Woken::Listener(index) = Woken::of(event.token()) {
                self.accept(index);
            }
        }
        for event in &events {
            match Woken::of(event.token()) {
                Woken::Peer(conn) => {
                    let readiness = Readiness::of(event);
                    if readiness.writable {
                        self.engine.writable(conn);
                    }
                    if readiness.readable {
                        if let Some(socket) = self.sockets.get_mut(conn) {
                            socket.transport.announced(readiness);
                        }
                        self.read(conn);
                    }
                }
                Woken::Listener(_) => {}
                // Seen by its flag, once a turn, in `resume`.
                Woken::Orders => {}
                Woken::Signals => self.take_signals(),
            }
        }
        self.events = events;
    }

    /// The same for what earlier turns left undone, and for what other threads want.
    fn resume(&mut self, undone: usize) {
        // By the flag and not by the event: mio's emulation by poll(2) can lose a wake-up to a change
        // of its list made meanwhile.
        if self.has_orders || self.orders.is_called() {
            self.take_orders();
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
        self.accept_again(self.now.running);
        if self.status == Status::Draining
            && (self.engine.is_drained() || self.drain_until <= self.now.running)
        {
            self.status = Status::Stopped;
        }
    }

    fn drop_socket(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(mut socket) = self.sockets.remove(conn) else { return };
        // A descriptor that was duplicated elsewhere would otherwise go on making events.
        let _ = socket.transport.deregister(self.poll.registry());
        drop(socket.transport);
        self.admission.leave(socket.ticket);
        let second = self.now.running.as_secs();
        self.logbook.note(Class::Closed, second, format_args!("closed {conn}: {reason}"));
        // The descriptor it gave back is somebody else's chance, at once.
        self.accept_again(Duration::MAX);
    }

    /// Offers every dirty peer what it is owed, within the budget.
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

    /// Offers one peer's transport what the peer is owed. Returns how many bytes it accepted.
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

    /// Tells the engine if a transport has begun or ceased to hold output.
    fn note_pending_output(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(conn) else { return };
        let is_pending = socket.transport.has_pending_output();
        if socket.has_pending_output != is_pending {
            socket.has_pending_output = is_pending;
            self.engine.note_pending_output(conn, is_pending);
        }
    }

    /// Reads once from a peer, after what it had sent before is carried out.
    fn read(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(conn) else {
            // The event is older than the tenant, or its tenant is gone.
            self.engine.resume(conn, self.now);
            return;
        };
        if socket.rest == Rest::Held || socket.queued {
            return;
        }
        let mut reading = Reading::More;
        if socket.rest == Rest::First {
            reading = self.engine.resume(conn, self.now);
        }
        let mut filled = Filled::Unfinished;
        if matches!(reading, Reading::More | Reading::Gone) && !socket.ended {
            let (len, how) = socket.transport.fill(&mut self.scratch);
            filled = how;
            if let Some(bytes @ [_, ..]) = self.scratch.get(..len) {
                reading = self.engine.received(conn, bytes, self.now);
            }
            match filled {
                Filled::Ended => {
                    socket.ended = true;
                    reading = self.engine.ended(conn, self.now);
                }
                Filled::Broken => {
                    socket.ended = true;
                    self.engine.lost(conn);
                    return;
                }
                Filled::WouldBlock | Filled::Unfinished => {}
            }
        }
        socket.rest = match reading {
            Reading::Held => Rest::Held,
            Reading::Unfinished => Rest::First,
            Reading::More | Reading::Gone => Rest::None,
        };
        let has_more = filled == Filled::Unfinished && !socket.ended;
        let is_unfinished = reading == Reading::Unfinished || reading != Reading::Held && has_more;
        // Reading may make output: a handshake answers.
        self.note_pending_output(conn);
        if is_unfinished {
            self.come_back(conn);
        }
    }

    fn come_back(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(conn).filter(|socket| !socket.queued) {
            socket.queued = true;
            self.unfinished.push(Work::Read(conn));
        }
    }

    /// Where it listens, in the order of the options.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn bound(&self) -> io::Result<Vec<Bound>> {
        self.listeners.iter().map(Listener::bound).collect()
    }

    /// The most connections it will hold at once.
    pub fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// For other threads.
    pub fn handle(&self) -> Handle {
        self.orders.handle()
    }

    /// What was done so far.
    pub fn counts(&self) -> crate::engine::Counts {
        self.engine.counts()
    }
}

// mio's emulation by poll(2) has no descriptor that speaks for all it watches.
#[cfg(not(mio_unsupported_force_poll_poll))]
impl AsFd for EventLoop {
    /// The poll's own descriptor: readable when a turn has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}
