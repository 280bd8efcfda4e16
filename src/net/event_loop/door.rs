//! The door: who comes in, who is turned away, and what happens when there is no descriptor left.

use super::{EventLoop, Status};
use crate::address;
use crate::id::ConnId;
use crate::net::admission::{Ticket, is_loopback};
use crate::net::descriptors::is_starved;
use crate::net::logbook::Class;
use crate::net::remote::Remote;
use crate::net::socket_options::SocketOptions;
use crate::net::transport::Transport;
use crate::net::unfinished::Work;
use crate::reason::CloseReason;
use crate::session::Service;
use core::net::IpAddr;
use mio::Token;
use std::io::{self, IoSlice};
use std::time::Duration;

/// Connections beyond the most that those who watch over the relay may make: what is full is what
/// they come to see. The descriptors kept back are more than that.
const ADMIN_RESERVE: usize = 16;

impl EventLoop {
    /// Takes clients off a listener's queue, within the budget.
    pub(super) fn accept(&mut self, index: usize) {
        let is_queued = self.listeners.get(index).is_none_or(|listener| listener.queued);
        // Beyond that only those who watch over the relay are still listened for.
        if self.status == Status::Stopped || is_queued {
            return;
        }
        for _ in 0..self.limits.accepts_per_turn {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            let (service, options) = (listener.service, listener.options);
            match listener.accept() {
                Ok((transport, remote)) => {
                    listener.fed();
                    self.engine.strained(None);
                    self.admit(transport, remote, service, options);
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
    pub(super) fn accept_again(&mut self, now: Duration) {
        for index in 0..self.listeners.len() {
            if self.listeners.get_mut(index).is_some_and(|listener| listener.is_due(now)) {
                self.accept_later(index);
            }
        }
    }

    fn admit(
        &mut self,
        mut transport: Transport,
        remote: Remote,
        service: usize,
        options: SocketOptions,
    ) {
        let trusted = remote.ip().is_some_and(|ip| {
            self.engine.service(service).is_some_and(|service| service.trusts(ip))
        });
        let ticket = match self.may_enter(remote, service, trusted) {
            Ok(ticket) => ticket,
            Err(reason) => {
                let text = format_args!("refused {remote}: {reason}");
                self.logbook.note(Class::Refused, self.now.running.as_secs(), text);
                // A new socket takes a few bytes at once; one that does not is not waited for.
                let words = self.engine.turn_away(service, reason);
                let _ = transport.drain(&mut [IoSlice::new(&words)]);
                transport.shutdown();
                return;
            }
        };
        // A proxy on this machine speaks for strangers, whether it says for whom or not.
        let unlimited = remote.is_local() && !trusted && !self.limits.limit_loopback;
        let origin = address::Remote { ip: remote.ip(), trusted, exempt: unlimited };
        let Ok(conn) = self.engine.connected(service, origin, self.now) else {
            self.admission.leave(ticket);
            return;
        };
        let token = Token(conn.to_bits() as usize);
        let ready = transport.set_options(options);
        let ready = ready.and_then(|()| transport.register(self.poll.registry(), token));
        if let Err(error) = ready {
            let text = format_args!("cannot serve {remote}: {error}");
            self.logbook.note(Class::Fault, self.now.running.as_secs(), text);
            self.engine.lost(conn);
        }
        let word = self.engine.service_of(conn).map_or("", Service::word);
        let text = format_args!("connected {conn} from {remote} on {word}");
        self.logbook.note(Class::Connected, self.now.running.as_secs(), text);
        self.sockets.insert(conn, transport, ticket);
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

    /// Counts a peer that speaks for somebody else as that one, or closes it.
    pub(super) fn admit_forwarded(&mut self, conn: ConnId, ip: IpAddr) {
        let second = self.now.running.as_secs();
        let Some(ticket) = self.admission.enter(ip, self.now.running, &self.limits) else {
            let text = format_args!("refused {conn}, forwarded for {ip}: address_full");
            self.logbook.note(Class::Refused, second, text);
            return self.engine.close(conn, CloseReason::AddressFull);
        };
        let before = match self.sockets.get_mut(conn) {
            Some(socket) => std::mem::replace(&mut socket.ticket, ticket),
            None => ticket,
        };
        self.admission.leave(before);
        let unlimited = is_loopback(ip) && !self.limits.limit_loopback;
        self.engine.forwarded(conn, ip, unlimited);
        let text = format_args!("{conn} is forwarded for {ip}");
        self.logbook.note(Class::Connected, second, text);
    }

    /// Nobody new but who watches over the relay: that it drains is for them to see.
    pub(super) fn close_listeners(&mut self) {
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
}
