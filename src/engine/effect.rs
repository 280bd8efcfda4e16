//! Effects: what the engine wants done outside of it.

use super::Engine;
use crate::id::{ConnId, JobId};
use crate::reason::CloseReason;
use crate::session::Job;
use core::net::IpAddr;

/// One thing to be done outside of the engine: see [`Engine::poll_effect`].
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read from the peer again: it was [`Held`](super::Reading::Held).
    Resume(ConnId),
    /// The peer speaks for this address. Count the address, then call
    /// [`Engine::forwarded`], or [`Engine::close`] if it has too many connections.
    RemoteAddr(ConnId, IpAddr),
    /// Have this done where it may block, and call [`Engine::completed`].
    Job(JobId, Job),
    /// Send nothing more to the peer: everything was sent. What it still sends is read and handed in
    /// as before, until it closes.
    Shut(ConnId),
    /// Drop the connection, then call [`Engine::release`].
    Drop(ConnId, CloseReason),
}

impl Engine {
    /// Returns the next thing to be done outside of the engine; `None` when there is nothing.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        if let Some(effect) = self.effects.pop_front() {
            return Some(effect);
        }
        let job = self.jobs.next(&self.peers, self.woken_at());
        if job.is_none() && self.effects.capacity() > EFFECTS_KEPT {
            self.effects.shrink_to(EFFECTS_KEPT);
        }
        job
    }
}

/// Effects for which there is always space.
const EFFECTS_KEPT: usize = 1024;
