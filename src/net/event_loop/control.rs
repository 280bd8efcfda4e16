//! Input from outside the connections (requests of other threads, signals, job outcomes, new
//! configurations), and the engine's effects.

use super::signals::SignalRequest;
use super::socket::UnprocessedInput;
use super::{EventLoop, SIGNALS, Status};
use crate::engine::Effect;
use crate::id::JobId;
use crate::limits::Limits;
use crate::net::handle::{REQUESTS_MAX, Request};
use crate::net::rate_limited_log::LogClass;
use crate::session::{Job, Outcome, Service};
use mio::Token;
use std::io;

/// Requests from other threads handled in one turn.
const REQUESTS_PER_TURN: usize = 256;

impl EventLoop {
    /// Carries out the engine's effects.
    pub(super) fn carry_out_effects(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            match effect {
                Effect::Resume(conn) => {
                    if let Some(socket) = self.sockets.get_mut(conn) {
                        socket.unprocessed = UnprocessedInput::Ready;
                        self.queue_read(conn);
                    }
                }
                Effect::RemoteAddr(conn, ip) => self.admit_forwarded(conn, ip),
                Effect::Job(id, job) => self.jobs.push_back((id, job)),
                Effect::Shut(conn) => {
                    if let Some(socket) = self.sockets.get_mut(conn) {
                        socket.transport.shutdown();
                        socket.unprocessed = UnprocessedInput::None;
                        self.note_pending_output(conn);
                        // Further input is read and discarded, so that the end of the stream is
                        // noticed.
                        self.queue_read(conn);
                    }
                }
                Effect::Drop(conn, reason) => {
                    self.drop_socket(conn, reason);
                    self.engine.release(conn);
                }
            }
        }
    }

    /// Returns the next job for a worker; its outcome goes to [`completed`](Self::completed).
    pub fn take_job(&mut self) -> Option<(JobId, Job)> {
        self.jobs.pop_front()
    }

    /// Passes a job's outcome to the engine: see
    /// [`Engine::completed`](crate::engine::Engine::completed).
    pub fn completed(&mut self, id: JobId, outcome: &Outcome) {
        self.engine.completed(id, outcome, self.now);
    }

    /// Records that no worker could take a job.
    pub fn job_failed(&mut self, id: JobId, error: &io::Error) {
        let text = format_args!("cannot start a job: {error}");
        self.event_log.write(LogClass::Fault, self.now.running.as_secs(), text);
        self.completed(id, &Outcome::Failed);
    }

    /// Applies new services and limits: see
    /// [`Engine::reconfigure`](crate::engine::Engine::reconfigure).
    pub fn reconfigure(&mut self, services: Vec<Service>, limits: Limits) {
        self.limits = limits.clone();
        self.engine.reconfigure(services, limits);
    }

    /// Handles requests of other threads, within the budget. A request for a room that is still
    /// being flushed, or stored, waits, so that a fast producer fills the queue and receives
    /// [`HandleError::Busy`](crate::HandleError::Busy).
    pub(super) fn handle_requests(&mut self) {
        self.requests.clear_wake();
        // Requests sent before the stop are still handled.
        if self.requests.is_stop_requested() && self.status == Status::Running {
            self.requests_before_stop.get_or_insert(REQUESTS_MAX);
        }
        self.has_requests = true;
        for _ in 0..REQUESTS_PER_TURN.min(self.requests_before_stop.unwrap_or(REQUESTS_PER_TURN)) {
            let Some(request) = self.requests.next_request() else {
                self.has_requests = false;
                break;
            };
            let Request::Publish { room, sender, bytes } = &request;
            // A stop does not wait for a store here: the drain does.
            let is_last = self.requests_before_stop.is_some() && self.engine.is_behind_store(room);
            if self.engine.is_behind(room) && !is_last {
                self.requests.put_back(request);
                break;
            }
            if let Err(refusal) = self.engine.say_from_host(room, sender, bytes, self.now) {
                let text = format_args!("a message from the program was refused: {refusal}");
                self.event_log.write(LogClass::Fault, self.now.running.as_secs(), text);
            }
            self.requests_before_stop = self.requests_before_stop.map(|left| left - 1);
        }
        if self.requests_before_stop.is_some_and(|left| left == 0 || !self.has_requests) {
            self.requests_before_stop = None;
            self.drain();
        }
    }

    pub(super) fn handle_signals(&mut self) {
        let Some(signals) = &mut self.signals else { return };
        for request in signals.take(self.poll.registry(), Token(SIGNALS)) {
            match self.status {
                _ if request == SignalRequest::Reload => self.engine.reload_config(),
                Status::Running => self.drain(),
                Status::Draining | Status::Stopped => {
                    (self.status, self.is_cut_short) = (Status::Stopped, true);
                }
            }
        }
    }

    /// True if a second signal has stopped the drain.
    pub fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// Begins to drain: no new connections; open ones receive a notice and are closed evenly over
    /// time.
    pub fn drain(&mut self) {
        if self.status != Status::Running {
            return;
        }
        self.status = Status::Draining;
        self.drain_until = self.now.running + self.limits.drain_hard;
        log::info!(
            target: "hobnob",
            "draining {} connections; send the signal again to stop at once", self.engine.connections()
        );
        self.close_listeners();
        self.engine.drain(self.now);
    }
}
