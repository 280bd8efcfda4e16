//! Effects: the actions that the engine requests from its caller.

use super::Engine;
use super::peer::Peer;
use crate::id::{ConnId, JobId};
use crate::reason::CloseReason;
use crate::session::Job;
use core::net::IpAddr;

/// One action for the caller of the engine: see [`Engine::poll_effect`].
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read from the peer again: it was [`Held`](super::Reading::Held).
    Resume(ConnId),
    /// Count this forwarded address of the peer, then call [`Engine::forwarded`], or
    /// [`Engine::close`] if the address has too many connections.
    RemoteAddr(ConnId, IpAddr),
    /// Do this job where it may block, then call [`Engine::completed`].
    Job(JobId, Job),
    /// Shut the socket for writing: everything was sent. Bytes that the peer still sends are read
    /// and handed in as before, until it closes.
    Shut(ConnId),
    /// Drop the connection, then call [`Engine::release`].
    Drop(ConnId, CloseReason),
}

impl Engine {
    /// Returns the next effect to carry out; `None` if there is none.
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

/// The number of effects for which space is kept.
const EFFECTS_KEPT: usize = 1024;
