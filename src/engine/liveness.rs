//! Liveness: handshakes that take too long, silences, pings.

use super::Engine;
use crate::id::ConnId;
use crate::limits::Limits;
use crate::now::Tick;
use crate::reason::CloseReason;
use crate::session::{Conversation, Service};
use std::time::Duration;

impl Engine {
    /// Sets the time at which the peer is looked at again, in place of the one before.
    pub(super) fn set_deadline(&mut self, conn: ConnId, at: Tick) {
        if let Some(peer) = self.peers.get_mut(conn) {
            self.deadlines.set_peer(peer, at);
        }
    }

    /// Brings the deadline forward after login, if the silence allowed is shorter than what is left
    /// of the handshake.
    pub(super) fn expect_signs_of_life(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get(conn) else { return };
        let at = peer.heard.after(ping_after(conn, self.world.limits()));
        if at < peer.due && self.service_of(conn).is_some_and(Service::pings) {
            self.set_deadline(conn, at);
        }
    }

    pub(super) fn peer_due(&mut self, conn: ConnId, now: Tick) {
        let Some(peer) = self.peers.get_mut(conn).filter(|peer| peer.due <= now) else { return };
        if !peer.is_open() {
            self.closing.expire(peer, now);
        } else if peer.leaving {
            self.close(conn, CloseReason::SlowConsumer);
        } else if peer.awaits_answer() || peer.awaits_commit() || self.pages.is_replaying(conn) {
            // The relay does not read from this peer, so the silence is not the peer's.
            self.set_deadline(conn, now.after(self.world.limits().handshake));
        } else if !peer.session.is_greeted() {
            match peer.session.handshake_expired() {
                Some(reason) => self.close(conn, reason),
                None => self.set_deadline(conn, now.after(self.world.limits().handshake)),
            }
        } else if peer.pinged {
            self.close(conn, CloseReason::PingTimeout);
        } else if let at = peer.heard.after(ping_after(conn, self.world.limits()))
            && at > now
        {
            self.set_deadline(conn, at);
        } else {
            peer.pinged = peer.session.answers_pings();
            let service = self.world.service_of(peer).filter(|_| peer.pinged);
            let wait = match service {
                Some(service) => service.ping_grace(self.world.limits()),
                None => ping_after(conn, self.world.limits()),
            };
            self.tell(conn, |session, view, out| session.write_ping(view, out));
            self.set_deadline(conn, now.after(wait));
        }
    }
}

/// Returns the silence that a peer is allowed: the limit give or take a fifth, so that peers that
/// connected together are not all pinged together.
fn ping_after(conn: ConnId, limits: &Limits) -> Duration {
    let spread = (conn.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % 400;
    limits.ping_after * (800 + spread) / 1000
}
