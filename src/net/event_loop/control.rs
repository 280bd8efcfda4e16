//! What the loop is told by others than its peers (orders of other threads, signals, outcomes of jobs,
//! another configuration), and what the engine wants done.

use super::socket::Rest;
use super::{EventLoop, SIGNALS, Status};
use crate::engine::Effect;
use crate::id::JobId;
use crate::limits::Limits;
use crate::net::logbook::Class;
use crate::net::orders::{ORDERS, Order};
use crate::session::{Job, Outcome, Service};
use mio::{Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::ffi::c_int;
use std::io;

/// Orders from other threads carried out in one turn.
const ORDERS_PER_TURN: usize = 256;

impl EventLoop {
    /// Does what the engine wants done outside of it.
    pub(super) fn act(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            match effect {
                Effect::Resume(conn) => {
                    if let Some(socket) = self.sockets.get_mut(conn) {
                        socket.rest = Rest::First;
                        self.come_back(conn);
                    }
                }
                Effect::RemoteAddr(conn, ip) => self.admit_forwarded(conn, ip),
                Effect::Job(id, job) => self.jobs.push_back((id, job)),
                Effect::Shut(conn) => {
                    if let Some(socket) = self.sockets.get_mut(conn) {
                        socket.transport.shutdown();
                        socket.rest = Rest::None;
                        self.note_pending_output(conn);
                        // What it still sends is read and thrown away, so that its end is seen.
                        self.come_back(conn);
                    }
                }
                Effect::Drop(conn, reason) => {
                    self.drop_socket(conn, reason);
                    self.engine.release(conn);
                }
            }
        }
    }

    /// Returns the next job that is to be done outside of the loop: see [`completed`](Self::completed).
    pub fn take_job(&mut self) -> Option<(JobId, Job)> {
        self.jobs.pop_front()
    }

    /// Takes the outcome of a job: see [`Engine::completed`](crate::engine::Engine::completed).
    pub fn completed(&mut self, id: JobId, outcome: &Outcome) {
        self.engine.completed(id, outcome, self.now);
    }

    /// Notes that no worker could take a job.
    pub fn job_failed(&mut self, id: JobId, error: &io::Error) {
        let text = format_args!("a job was not done: {error}");
        self.logbook.note(Class::Fault, self.now.running.as_secs(), text);
        self.completed(id, &Outcome::Failed);
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
                _ if signal == SIGHUP => self.engine.reload_config(),
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
