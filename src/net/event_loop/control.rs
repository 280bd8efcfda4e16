//! What the loop is told by others than its peers: orders of other threads, signals, answers to
//! claims, another configuration.

use super::{EventLoop, SIGNALS, Status};
use crate::limits::Limits;
use crate::net::logbook::Class;
use crate::net::orders::{ORDERS, Order};
use crate::session::Reloaded;
use crate::session::Service;
use mio::{Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::ffi::c_int;
use std::io;

/// Orders from other threads carried out in one turn.
const ORDERS_PER_TURN: usize = 256;

impl EventLoop {
    /// Asks those outside of the engine what it wants to know, and passes on what they answer.
    pub(super) fn consult(&mut self) {
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

    /// From now on the relay works like this: see [`Engine::reconfigure`](crate::engine::Engine::reconfigure).
    pub fn reconfigure(&mut self, services: Vec<Service>, limits: Limits) {
        self.limits = limits.clone();
        self.engine.reconfigure(services, limits);
    }

    /// Carries out what other threads want, within the budget, and not before the rooms spoken to
    /// have been flushed: whoever gives orders faster than that is told to wait.
    pub(super) fn take_orders(&mut self) {
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

    pub(super) fn take_signals(&mut self) {
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
}

/// SIGHUP is left alone where there is nothing to read again: it ends the process then.
pub(super) fn watch_signals(poll: &Poll, reloads: bool) -> io::Result<Signals> {
    let asked: &[c_int] = if reloads { &[SIGTERM, SIGINT, SIGHUP] } else { &[SIGTERM, SIGINT] };
    let mut signals = Signals::new(asked)?;
    poll.registry().register(&mut signals, Token(SIGNALS), Interest::READABLE)?;
    Ok(signals)
}
