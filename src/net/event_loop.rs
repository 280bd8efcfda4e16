//! The turn: one `Poll`, one thread, one hot loop.

use super::admission::{Admission, Ticket, is_loopback, network};
use super::clock::Clock;
use super::descriptors::{Spare, descriptor_limit, is_starved, widen_table};
use super::listener::{Bound, Endpoint, Listener};
use super::logbook::{Class, Logbook};
use super::orders::{Handle, ORDERS, Order, Orders};
use super::stream::{self, Drained, Remote, Stream, Traits};
use super::unfinished::{Unfinished, Work};
use super::verifier::Verifier;
use crate::engine::{Engine, Reading, SLICES};
use crate::id::ConnId;
use crate::limits::{Limits, READ_MAX, RESERVED_DESCRIPTORS};
use crate::now::Now;
use crate::reason::CloseReason;
use crate::session::Service;
use crate::session::irc::Reloaded;
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::ffi::c_int;
use std::io::{self, IoSlice, Write};
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Events taken from the kernel at a time. As many as writes are made in a turn: if more came in
/// than go out, the replies in between would pile up.
const EVENTS: usize = 512;

/// Orders from other threads carried out in one turn.
const ORDERS_PER_TURN: usize = 256;

/// Connections beyond the most that those who watch over the relay may make: what is full is what
/// they come to see. The descriptors kept back are more than that.
const ADMIN_RESERVE: usize = 16;

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
    /// Whether there is somebody who reads the configuration again: see
    /// [`EventLoop::is_reload_asked`].
    pub reloads: bool,
    /// See [`Engine::new`].
    pub secret: u64,
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
    /// Everyone's socket, by the slot of the engine's id.
    sockets: Vec<Option<Socket>>,
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
    verifier: Verifier,
    reloads: bool,
    /// Who wants the configuration to be read again.
    reload_asked: Vec<ConnId>,
    /// A signal wants it, too.
    reload_signalled: bool,
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

/// One client's socket, and what the loop knows of it.
#[derive(Debug)]
struct Socket {
    id: ConnId,
    stream: Stream,
    ticket: Ticket,
    /// The engine holds bytes of this peer that it has not carried out.
    leftover: bool,
    /// The engine does not want this peer to be read from.
    held: bool,
    ended: bool,
    /// Waiting in `unfinished`.
    queued: bool,
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
            let traits = Traits { send_buffer, silent: !service.pings() };
            let bound = Listener::bind(&endpoint, services.len(), traits)?;
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
        let mut engine = Engine::new(options.limits.clone(), services, options.secret);
        engine.has_room_for(connections_max);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            listeners,
            sockets: Vec::new(),
            scratch: vec![0; READ_MAX].into_boxed_slice(),
            unfinished: Unfinished::default(),
            engine,
            connections_max,
            limits: options.limits,
            now: clock.now(),
            clock,
            orders,
            signals,
            verifier: Verifier::default(),
            reloads: options.reloads,
            reload_asked: Vec::new(),
            reload_signalled: false,
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
        self.introduce();
        self.consult();
        self.expire();
        self.reap();
        self.flush();
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
                    if event.is_writable() {
                        self.engine.writable(conn);
                    }
                    if event.is_readable() || event.is_read_closed() || event.is_error() {
                        self.read(conn, event.is_read_closed() || event.is_error());
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
        while let Some(conn) = self.engine.take_resumable() {
            if let Some(socket) = self.socket_mut(conn) {
                socket.held = false;
                self.come_back(conn);
            }
        }
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
                    if let Some(socket) = self.socket_mut(conn) {
                        socket.queued = false;
                        self.read(conn, true);
                    }
                }
                None => {}
            }
        }
    }

    /// Counts peers that speak for somebody else as that one, or shows them the door.
    fn introduce(&mut self) {
        while let Some((conn, ip)) = self.engine.take_remote() {
            let second = self.now.running.as_secs();
            let Some(ticket) = self.admission.enter(ip, self.now.running, &self.limits) else {
                let text = format_args!("refused {conn}, forwarded for {ip}: address_full");
                self.logbook.note(Class::Refused, second, text);
                self.engine.close(conn, CloseReason::AddressFull);
                continue;
            };
            let before = match self.socket_mut(conn) {
                Some(socket) => std::mem::replace(&mut socket.ticket, ticket),
                None => ticket,
            };
            self.admission.leave(before);
            let unlimited = is_loopback(ip) && !self.limits.limit_loopback;
            self.engine.introduce(conn, unlimited, network(ip));
            self.engine.locate(conn, ip);
            let text = format_args!("{conn} is forwarded for {ip}");
            self.logbook.note(Class::Connected, second, text);
        }
    }

    /// Asks those outside of the engine what it wants to know, and passes on what they answer.
    fn consult(&mut self) {
        while let Some((conn, claim, holds)) = self.verifier.next_answer() {
            self.engine.verified(conn, &claim, holds, self.now);
        }
        while self.verifier.has_room() {
            let Some((conn, claim)) = self.engine.take_claim() else { break };
            if let Err(error) = self.verifier.take(conn, claim.clone(), self.orders.handle()) {
                let text = format_args!("a password was not checked: no thread: {error}");
                self.logbook.note(Class::Fault, self.now.running.as_secs(), text);
                self.engine.verified(conn, &claim, false, self.now);
            }
        }
        while let Some(conn) = self.engine.take_reload() {
            if self.reloads {
                self.reload_asked.push(conn);
            } else {
                self.engine.reloaded(conn, &Reloaded::default(), self.now);
            }
        }
    }

    /// Whether somebody wants the configuration to be read again, until [`reloaded`](Self::reloaded).
    pub fn is_reload_asked(&self) -> bool {
        self.reload_signalled || !self.reload_asked.is_empty()
    }

    /// The configuration was read again: tells those who wanted it.
    pub fn reloaded(&mut self, reloaded: &Reloaded) {
        self.reload_signalled = false;
        for conn in std::mem::take(&mut self.reload_asked) {
            self.engine.reloaded(conn, reloaded, self.now);
        }
    }

    /// From now on the relay works like this: see [`Engine::reconfigure`].
    pub fn reconfigure(&mut self, services: Vec<Service>, limits: Limits) {
        self.limits = limits.clone();
        self.engine.reconfigure(services, limits);
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

    /// Says farewell to peers marked closing, tells the hub, drops sockets, frees slots: here and
    /// nowhere else.
    fn reap(&mut self) {
        self.engine.reap(self.now);
        while let Some(conn) = self.engine.take_shut() {
            if let Some(socket) = self.socket_mut(conn) {
                socket.stream.shut();
                socket.leftover = false;
                socket.held = false;
                // What it still sends is read and thrown away, so that its end is seen.
                self.come_back(conn);
            }
        }
        while let Some((conn, reason)) = self.engine.take_done() {
            self.drop_socket(conn, reason);
            self.engine.release(conn);
        }
    }

    fn drop_socket(&mut self, conn: ConnId, reason: CloseReason) {
        let slot = self.sockets.get_mut(conn.slot());
        let Some(mut socket) = slot.and_then(|slot| slot.take_if(|socket| socket.id == conn))
        else {
            return;
        };
        // A descriptor that was duplicated elsewhere would otherwise go on making events.
        let _ = self.poll.registry().deregister(&mut socket.stream);
        drop(socket.stream);
        self.admission.leave(socket.ticket);
        let second = self.now.running.as_secs();
        self.logbook.note(Class::Closed, second, format_args!("closed {conn}: {reason}"));
        // The descriptor it gave back is somebody else's chance, at once.
        self.accept_again(Duration::MAX);
    }

    /// One vectored write per dirty peer, within the budget.
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

    /// Writes what one peer is owed, until there is no more or the kernel takes no more.
    fn write(&mut self, conn: ConnId) -> usize {
        let slot = self.sockets.get_mut(conn.slot()).and_then(Option::as_mut);
        let Some(socket) = slot.filter(|socket| socket.id == conn) else {
            self.engine.blocked(conn);
            return 0;
        };
        let mut written = 0;
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let (filled, offered) = self.engine.slices(conn, &mut slices);
            let result = match slices.get(..filled) {
                None | Some([]) => Ok(0),
                Some([only]) => socket.stream.write(only),
                Some(slices) => socket.stream.write_vectored(slices),
            };
            match result {
                Ok(count) => {
                    self.engine.sent(conn, count);
                    written += count;
                    // Short of what was offered: only `WouldBlock` arms the next edge everywhere.
                    if count == offered {
                        return written;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.engine.blocked(conn);
                    return written;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.engine.lost(conn);
                    return written;
                }
            }
        }
    }

    /// Reads once from a peer, after what it had sent before is carried out. `last_words`: an end of
    /// stream may follow at once.
    fn read(&mut self, conn: ConnId, last_words: bool) {
        let slot = self.sockets.get_mut(conn.slot()).and_then(Option::as_mut);
        let Some(socket) = slot.filter(|socket| socket.id == conn) else {
            // The event is older than the tenant, or its tenant is gone.
            self.engine.resume(conn, self.now);
            return;
        };
        if socket.held || socket.queued {
            return;
        }
        let mut reading = Reading::More;
        if socket.leftover {
            reading = self.engine.resume(conn, self.now);
        }
        let mut drained = Drained::Unfinished;
        if matches!(reading, Reading::More | Reading::Gone) && !socket.ended {
            let (len, how) = stream::read(&mut socket.stream, &mut self.scratch, last_words);
            drained = how;
            if let Some(bytes @ [_, ..]) = self.scratch.get(..len) {
                reading = self.engine.received(conn, bytes, self.now);
            }
            match drained {
                Drained::Ended => {
                    socket.ended = true;
                    reading = self.engine.ended(conn, self.now);
                }
                Drained::Broken => {
                    socket.ended = true;
                    self.engine.lost(conn);
                    return;
                }
                Drained::WouldBlock | Drained::Unfinished => {}
            }
        }
        socket.leftover = matches!(reading, Reading::Unfinished | Reading::Held);
        socket.held = reading == Reading::Held;
        let has_more = drained == Drained::Unfinished && !socket.ended;
        if reading == Reading::Unfinished || !socket.held && has_more {
            self.come_back(conn);
        }
    }

    fn come_back(&mut self, conn: ConnId) {
        if let Some(socket) = self.socket_mut(conn).filter(|socket| !socket.queued) {
            socket.queued = true;
            self.unfinished.push(Work::Read(conn));
        }
    }

    fn socket_mut(&mut self, conn: ConnId) -> Option<&mut Socket> {
        let slot = self.sockets.get_mut(conn.slot()).and_then(Option::as_mut);
        slot.filter(|socket| socket.id == conn)
    }

    /// Takes clients off a listener's queue, within the budget.
    fn accept(&mut self, index: usize) {
        let is_queued = self.listeners.get(index).is_none_or(|listener| listener.queued);
        // Beyond that only those who watch over the relay are still listened for.
        if self.status == Status::Stopped || is_queued {
            return;
        }
        for _ in 0..self.limits.accepts_per_turn {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            let (service, traits) = (listener.service, listener.traits);
            match listener.accept() {
                Ok((stream, remote)) => {
                    listener.fed();
                    self.engine.strained(None);
                    self.admit(stream, remote, service, traits);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    listener.fed();
                    self.engine.strained(None);
                    return;
                }
                Err(error) if is_starved(&error) => {
                    self.starve(index, &error);
                    return;
                }
                // That client is gone already, or the kernel forbids it: not the next one's fault.
                Err(error) => {
                    let text = format_args!("a connection failed before it began: {error}");
                    self.logbook.note(Class::Refused, self.now.running.as_secs(), text);
                }
            }
        }
        self.accept_later(index);
    }

    fn accept_later(&mut self, index: usize) {
        let listener = self.listeners.get_mut(index).filter(|listener| !listener.queued);
        if let Some(listener) = listener {
            listener.queued = true;
            self.unfinished.push(Work::Accept(index));
        }
    }

    /// No descriptor is left for a new client. The one waiting longest is closed through the spare
    /// one, so that it need not wait for nothing; the others are tried again a little later, or when
    /// somebody leaves.
    fn starve(&mut self, index: usize, error: &io::Error) {
        if let Some(listener) = self.listeners.get_mut(index) {
            listener.starve(self.now.running);
            self.spare.lend(|| drop(listener.accept()));
        }
        self.engine.strained(Some("out of descriptors"));
        let text = format_args!(
            "cannot accept: {error}; {} connections are open: raise the descriptor limit (ulimit -n) or lower --connections",
            self.engine.connections()
        );
        self.logbook.note(Class::Starved, self.now.running.as_secs(), text);
    }

    /// Tries the listeners that starved again, if they are due by `now`.
    fn accept_again(&mut self, now: Duration) {
        for index in 0..self.listeners.len() {
            if self.listeners.get_mut(index).is_some_and(|listener| listener.is_due(now)) {
                self.accept_later(index);
            }
        }
    }

    fn admit(&mut self, mut stream: Stream, remote: Remote, service: usize, traits: Traits) {
        let trusted = remote.ip().is_some_and(|ip| {
            self.engine.service(service).is_some_and(|service| service.trusts(ip))
        });
        let ticket = match self.may_enter(remote, service, trusted) {
            Ok(ticket) => ticket,
            Err(reason) => {
                let text = format_args!("refused {remote}: {reason}");
                self.logbook.note(Class::Refused, self.now.running.as_secs(), text);
                // A new socket takes a few bytes at once; one that does not is not waited for.
                let _ = stream.write(&self.engine.turn_away(service, reason));
                stream.shut();
                return;
            }
        };
        // A proxy on this machine speaks for strangers, whether it says for whom or not.
        let unlimited = remote.is_local() && !trusted && !self.limits.limit_loopback;
        let network = remote.ip().map_or(0, network);
        let Ok(conn) = self.engine.connected(service, unlimited, network, self.now) else {
            self.admission.leave(ticket);
            return;
        };
        match remote.ip() {
            _ if trusted => self.engine.trust(conn),
            Some(ip) => self.engine.locate(conn, ip),
            None => {}
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(conn.to_bits() as usize);
        let ready = stream.prepare(traits);
        let ready =
            ready.and_then(|()| self.poll.registry().register(&mut stream, token, interest));
        if let Err(error) = ready {
            let text = format_args!("cannot serve {remote}: {error}");
            self.logbook.note(Class::Fault, self.now.running.as_secs(), text);
            self.engine.lost(conn);
        }
        let word = self.engine.service_of(conn).map_or("", Service::word);
        let text = format_args!("connected {conn} from {remote} on {word}");
        self.logbook.note(Class::Connected, self.now.running.as_secs(), text);
        if self.sockets.len() <= conn.slot() {
            self.sockets.resize_with(conn.slot() + 1, || None);
        }
        let (leftover, held, ended, queued) = (false, false, false, false);
        self.sockets[conn.slot()] =
            Some(Socket { id: conn, stream, ticket, leftover, held, ended, queued });
    }

    /// Proxies are not counted themselves: those for whom they speak are, once that is known.
    fn may_enter(
        &mut self,
        remote: Remote,
        service: usize,
        trusted: bool,
    ) -> Result<Ticket, CloseReason> {
        let reserve = if self.engine.is_for_admins(service) { ADMIN_RESERVE } else { 0 };
        if self.engine.connections() >= self.connections_max + reserve {
            return Err(CloseReason::RelayFull);
        }
        let Some(ip) = remote.ip().filter(|_| !trusted) else { return Ok(Ticket::default()) };
        let ticket = self.admission.enter(ip, self.now.running, &self.limits);
        ticket.ok_or(CloseReason::AddressFull)
    }

    /// Carries out what other threads want, within the budget, and not before the rooms spoken to
    /// have been flushed: whoever gives orders faster than that is told to wait.
    fn take_orders(&mut self) {
        self.orders.heard();
        // Whoever stops the relay has said before what it wanted said. That much is still heard.
        if self.orders.is_stop_asked() && self.status == Status::Running {
            self.last_orders.get_or_insert(ORDERS);
        }
        self.has_orders = true;
        for _ in 0..ORDERS_PER_TURN.min(self.last_orders.unwrap_or(ORDERS_PER_TURN)) {
            let Some(order) = self.orders.next_order() else {
                self.has_orders = false;
                break;
            };
            let Order::Say { room, sender, bytes } = &order;
            if self.engine.is_behind(room) {
                self.orders.put_back(order);
                break;
            }
            if let Err(refusal) = self.engine.say_from_host(room, sender, bytes, self.now) {
                let text = format_args!("a message from the program was refused: {refusal}");
                self.logbook.note(Class::Fault, self.now.running.as_secs(), text);
            }
            self.last_orders = self.last_orders.map(|left| left - 1);
        }
        if self.last_orders.is_some_and(|left| left == 0 || !self.has_orders) {
            self.last_orders = None;
            self.drain();
        }
    }

    fn take_signals(&mut self) {
        let Some(signals) = &mut self.signals else { return };
        let pending: Vec<_> = signals.pending().collect();
        for signal in pending {
            match self.status {
                _ if signal == SIGHUP => self.reload_signalled = true,
                Status::Running => self.drain(),
                Status::Draining | Status::Stopped => self.status = Status::Stopped,
            }
        }
        // The pipe was read past mio's back, and its poll(2) emulation arms itself only by its own
        // reads. Elsewhere this changes nothing.
        if let Some(signals) = &mut self.signals {
            let (token, interest) = (Token(SIGNALS), Interest::READABLE);
            let _ = self.poll.registry().reregister(signals, token, interest);
        }
    }

    /// Begins to end: nobody new, everybody told, then closed evenly.
    pub fn drain(&mut self) {
        if self.status != Status::Running {
            return;
        }
        self.status = Status::Draining;
        self.drain_until = self.now.running + self.limits.drain_hard;
        log::info!(
            target: "hobnob",
            "draining {} connections: again to stop at once", self.engine.connections()
        );
        self.close_listeners();
        self.engine.drain(self.now);
    }

    /// Nobody new but who watches over the relay: that it drains is for them to see.
    fn close_listeners(&mut self) {
        for mut listener in std::mem::take(&mut self.listeners) {
            let _ = listener.deregister(self.poll.registry());
            let token = Token(self.listeners.len());
            if self.engine.is_for_admins(listener.service)
                && listener.register(self.poll.registry(), token).is_ok()
            {
                listener.queued = false;
                self.listeners.push(listener);
                self.accept_later(token.0);
            }
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

/// SIGHUP is left alone where there is nothing to read again: it ends the process then.
fn watch_signals(poll: &Poll, reloads: bool) -> io::Result<Signals> {
    let asked: &[c_int] = if reloads { &[SIGTERM, SIGINT, SIGHUP] } else { &[SIGTERM, SIGINT] };
    let mut signals = Signals::new(asked)?;
    poll.registry().register(&mut signals, Token(SIGNALS), Interest::READABLE)?;
    Ok(signals)
}
