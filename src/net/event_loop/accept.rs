//! Accepting connections: admission, refusal, and the shortage of descriptors.

use super::{EventLoop, Status};
use crate::address;
use crate::id::ConnId;
use crate::net::admission::{Ticket, is_loopback};
use crate::net::descriptors::is_out_of_resources;
use crate::net::peer_addr::PeerAddr;
use crate::net::rate_limited_log::LogClass;
use crate::net::socket_options::SocketOptions;
use crate::net::transport::Transport;
use crate::net::unfinished::Work;
use crate::reason::CloseReason;
use crate::session::Service;
use core::net::IpAddr;
use mio::Token;
use std::io::{self, IoSlice};
use std::time::Duration;

/// Connections to admin listeners beyond the connection limit: a full relay must remain observable.
/// The reserved descriptors are more than that.
const ADMIN_RESERVE: usize = 16;

impl EventLoop {
    /// Accepts connections of a listener, within the budget.
    pub(super) fn accept(&mut self, index: usize) {
        let is_queued = self.listeners.get(index).is_none_or(|listener| listener.queued);
        // After a drain began, only admin listeners remain.
        if self.status == Status::Stopped || is_queued {
            return;
        }
        for _ in 0..self.limits.accepts_per_turn {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            let (service, options) = (listener.service, listener.options);
            match listener.accept() {
                Ok((transport, remote)) => {
                    listener.resume_accepting();
                    self.engine.strained(None);
                    self.admit(transport, remote, service, options);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    listener.resume_accepting();
                    self.engine.strained(None);
                    return;
                }
                Err(error) if is_out_of_resources(&error) => {
                    self.handle_accept_failure(index, &error);
                    return;
                }
                // The client is gone already, or the kernel forbids the connection: the next one
                // may succeed.
                Err(error) => {
                    let text = format_args!("accept failed: {error}");
                    self.event_log.write(LogClass::Refused, self.now.running.as_secs(), text);
                }
            }
        }
        self.queue_accept(index);
    }

    fn queue_accept(&mut self, index: usize) {
        let listener = self.listeners.get_mut(index).filter(|listener| !listener.queued);
        if let Some(listener) = listener {
            listener.queued = true;
            self.unfinished.push(Work::Accept(index));
        }
    }

    /// Handles the lack of a descriptor for a new connection. The oldest waiting connection is
    /// closed through the spare descriptor, so that its client gets an answer; the others are
    /// accepted after a pause, or when a connection closes.
    fn handle_accept_failure(&mut self, index: usize, error: &io::Error) {
        if let Some(listener) = self.listeners.get_mut(index) {
            listener.pause_accepting(self.now.running);
            self.spare_descriptor.release_for(|| drop(listener.accept()));
        }
        self.engine.strained(Some("out of descriptors"));
        let text = format_args!(
            "cannot accept: {error}; {} connections are open: raise the descriptor limit (ulimit -n) or lower --connections",
            self.engine.connections()
        );
        self.event_log.write(LogClass::AcceptFailed, self.now.running.as_secs(), text);
    }

    /// Accepts again on the paused listeners whose pause is over by `now`.
    pub(super) fn retry_accepts(&mut self, now: Duration) {
        for index in 0..self.listeners.len() {
            if self.listeners.get_mut(index).is_some_and(|listener| listener.take_due(now)) {
                self.queue_accept(index);
            }
        }
    }

    fn admit(
        &mut self,
        mut transport: Transport,
        remote: PeerAddr,
        service: usize,
        options: SocketOptions,
    ) {
        let trusted = remote.ip().is_some_and(|ip| {
            self.engine.service(service).is_some_and(|service| service.trusts(ip))
        });
        let ticket = match self.check_admission(remote, service, trusted) {
            Ok(ticket) => ticket,
            Err(reason) => {
                let text = format_args!("refused {remote}: {reason}");
                self.event_log.write(LogClass::Refused, self.now.running.as_secs(), text);
                // A new socket accepts a few bytes at once; a socket that does not is not waited
                // for.
                let reply = self.engine.turn_away(service, reason);
                let _ = transport.drain(&mut [IoSlice::new(&reply)]);
                transport.shutdown();
                return;
            }
        };
        // A local proxy carries connections of remote clients, so it is never exempt.
        let unlimited = remote.is_local() && !trusted && !self.limits.limit_loopback;
        let origin = address::Remote { ip: remote.ip(), trusted, exempt: unlimited };
        let Ok(conn) = self.engine.connected(service, origin, self.now) else {
            self.admission.release(ticket);
            return;
        };
        let token = Token(conn.to_bits() as usize);
        let ready = transport.set_options(options);
        let ready = ready.and_then(|()| transport.register(self.poll.registry(), token));
        if let Err(error) = ready {
            let text = format_args!("cannot serve {remote}: {error}");
            self.event_log.write(LogClass::Fault, self.now.running.as_secs(), text);
            self.engine.lost(conn);
        }
        let word = self.engine.service_of(conn).map_or("", Service::word);
        let text = format_args!("connected {conn} from {remote} on {word}");
        self.event_log.write(LogClass::Connected, self.now.running.as_secs(), text);
        self.sockets.insert(conn, transport, ticket);
    }

    /// Checks the limits for a new connection. A trusted proxy is not counted; the address it
    /// forwards is counted once it is known.
    fn check_admission(
        &mut self,
        remote: PeerAddr,
        service: usize,
        trusted: bool,
    ) -> Result<Ticket, CloseReason> {
        let reserve = if self.engine.is_for_admins(service) { ADMIN_RESERVE } else { 0 };
        if self.engine.connections() >= self.connections_max + reserve {
            return Err(CloseReason::RelayFull);
        }
        let Some(ip) = remote.ip().filter(|_| !trusted) else { return Ok(Ticket::default()) };
        let ticket = self.admission.admit(ip, self.now.running, &self.limits);
        ticket.ok_or(CloseReason::AddressFull)
    }

    /// Counts a peer under its forwarded address, or closes it if that address has reached a limit.
    pub(super) fn admit_forwarded(&mut self, conn: ConnId, ip: IpAddr) {
        let second = self.now.running.as_secs();
        let Some(ticket) = self.admission.admit(ip, self.now.running, &self.limits) else {
            let text = format_args!("refused {conn}, forwarded for {ip}: address_full");
            self.event_log.write(LogClass::Refused, second, text);
            return self.engine.close(conn, CloseReason::AddressFull);
        };
        let before = match self.sockets.get_mut(conn) {
            Some(socket) => std::mem::replace(&mut socket.ticket, ticket),
            None => ticket,
        };
        self.admission.release(before);
        let unlimited = is_loopback(ip) && !self.limits.limit_loopback;
        self.engine.forwarded(conn, ip, unlimited);
        let text = format_args!("{conn} is forwarded for {ip}");
        self.event_log.write(LogClass::Connected, second, text);
    }

    /// Closes all listeners but those for admins: a drain must remain observable.
    pub(super) fn close_listeners(&mut self) {
        for mut listener in std::mem::take(&mut self.listeners) {
            let _ = listener.deregister(self.poll.registry());
            let token = Token(self.listeners.len());
            if self.engine.is_for_admins(listener.service)
                && listener.register(self.poll.registry(), token).is_ok()
            {
                listener.queued = false;
                self.listeners.push(listener);
                self.queue_accept(token.0);
            }
        }
    }
}
