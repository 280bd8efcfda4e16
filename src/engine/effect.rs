//! Effects: what the engine wants done outside of it.

use super::Engine;
use super::peer::Peer;
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
        if self.effects.capacity() > EFFECTS_KEPT {
            self.effects.shrink_to(EFFECTS_KEPT);
        }
        if let Some(conn) = self.closing.pop_shut() {
            return Some(Effect::Shut(conn));
        }
        if let Some(conn) = self.closing.pop_done() {
            let close = self.peers.get(conn).and_then(Peer::closing);
            let reason = close.map_or(CloseReason::Lost, |close| close.fault.reason);
            return Some(Effect::Drop(conn, reason));
        }
        self.jobs.next(&self.peers, self.world.now().tick())
    }
}

/// Effects for which there is always space.
const EFFECTS_KEPT: usize = 1024;
