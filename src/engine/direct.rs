//! Bytes for one peer alone: replies and direct messages, each on an account.

use super::Engine;
use super::offer::Fit;
use super::outbox::LaidOut;
use super::peer::Peer;
use crate::hub::{Addressee, Command, Reply, Target};
use crate::id::{ConnId, Offset, RequestId, RoomId};
use crate::reason::CloseReason;
use crate::session::{Conversation, Session, View};

/// The account that private bytes are counted on.
#[derive(Clone, Copy, Debug)]
enum Account {
    /// Answers to the peer, which it must read.
    Own,
    /// A requested page of history: one at a time, of any length.
    Page,
    /// Other peers sent them.
    Others,
}

impl Engine {
    /// Writes a reply of the hub to one peer.
    pub(super) fn reply(&mut self, conn: ConnId, id: RequestId, reply: &Reply) {
        match reply {
            Reply::Refused { refusal, .. } => {
                self.metrics.count_refusal(*refusal);
                let peer = self.peers.get(conn);
                if peer.is_some_and(|peer| !peer.session.can_tell_refusal()) {
                    self.close(conn, CloseReason::Refused);
                }
            }
            Reply::Gap { .. } => self.metrics.count_gap(),
            Reply::DirectMessage { is_echo: false, .. } => self.metrics.count_direct_message(),
            _ => {}
        }
        let account = match reply {
            Reply::History { .. } => Account::Page,
            Reply::DirectMessage { is_echo: false, .. }
            | Reply::Ephemeral { is_echo: false, .. }
            | Reply::Invited { .. } => Account::Others,
            _ => Account::Own,
        };
        self.write_private(conn, account, |session, view, out| {
            session.deliver(id, reply, view, out);
        });
        if let Reply::Kicked { .. } = reply
            && self.peers.get(conn).is_some_and(|peer| peer.session.has_one_room())
        {
            self.close(conn, CloseReason::Expelled);
        }
        if let Reply::Welcome { .. } = reply {
            self.expect_signs_of_life(conn);
        }
    }

    /// Adds private bytes to what is pending for a peer, in order with everything before.
    pub(super) fn tell(
        &mut self,
        conn: ConnId,
        write: impl FnOnce(&mut Session, &View<'_>, &mut Vec<u8>),
    ) {
        self.write_private(conn, Account::Own, write);
    }

    /// Adds private bytes on an account.
    fn write_private(
        &mut self,
        conn: ConnId,
        account: Account,
        write: impl FnOnce(&mut Session, &View<'_>, &mut Vec<u8>),
    ) {
        let is_due = |peer: &&mut Peer| match account {
            Account::Own | Account::Page => peer.is_owed_answers(),
            Account::Others => peer.is_open(),
        };
        let Some(peer) = self.peers.get_mut(conn).filter(is_due) else { return };
        if planted!("told-is-lost-on-the-held")
            && peer.held.is_some()
            && matches!(account, Account::Others)
        {
            return;
        }
        self.scratch.clear();
        let view = self.world.view(conn, peer.service, self.world.now());
        let Some(view) = view else { return };
        write(&mut peer.session, &view, &mut self.scratch);
        if self.scratch.is_empty() {
            return;
        }
        let (fit, stamp) = (self.world.fit_of(peer), self.tapes.stamp());
        match fit {
            Fit::Bytes => peer.outbox_mut().segment(stamp).extend_from_slice(&self.scratch),
            Fit::Messages(max) if self.scratch.len() > max => {
                return self.metrics.count_oversized();
            }
            Fit::Messages(_) => peer.outbox_mut().add_message(stamp, &self.scratch),
        }
        let outbox = peer.outbox_mut();
        match account {
            Account::Own => {}
            Account::Page => outbox.page_answered(self.scratch.len()),
            Account::Others => outbox.others_told(),
        }
        let is_full = peer.owed() > self.world.limits().outbox;
        self.mark_ready(conn);
        if is_full {
            self.close(conn, CloseReason::OutboxFull);
        }
    }

    /// Sends a gap notice, before all pending bytes, to a peer whose transport takes whole
    /// messages, after one was too long for it. Nothing is sent if the protocol has no gap notice.
    pub(super) fn tell_oversized(
        &mut self,
        conn: ConnId,
        room: RoomId,
        offset: Offset,
        max: usize,
    ) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        let view = self.world.view(conn, peer.service, self.world.now());
        let Some(view) = view else { return };
        let (gap, mut bytes) = (Reply::Gap { room, from: offset, to: offset }, Vec::new());
        peer.session.deliver(RequestId::NONE, &gap, &view, &mut bytes);
        if !bytes.is_empty() && bytes.len() <= max {
            self.metrics.count_gap();
            let ends = vec![bytes.len()];
            peer.outbox_mut().put_first(&LaidOut { bytes, ends });
        }
    }

    /// True if the command would send a peer more than it reads. A direct message waits in an
    /// outbox: other peers must not be able to fill it, and so to close its owner.
    pub(super) fn is_too_much_to_tell(&self, command: &Command<'_>) -> bool {
        let Some((to, bytes)) = self.direct_bytes(command) else { return false };
        // A peer that receives no direct messages is not refused here: the hub refuses it.
        let Some(peer) = self.peers.get(to).filter(|_| self.world.hub().is_hearer(to)) else {
            return false;
        };
        let unsent = peer.outbox.as_ref().map_or(0, |outbox| outbox.unsent());
        let Some(service) = self.world.service_of(peer) else { return false };
        let length = peer.session.dialect(service).payload_length(bytes);
        // A message that is longer than the limit may wait alone.
        unsent > 0 && unsent + length > self.world.limits().outbox_soft()
    }

    /// Returns the peer that a command sends something to, and the bytes.
    fn direct_bytes<'c>(&self, command: &'c Command<'_>) -> Option<(ConnId, &'c [u8])> {
        match command {
            Command::DirectMessage { to: Addressee::Name(name), bytes, .. } => {
                Some((self.world.hub().holder(name)?, bytes))
            }
            Command::DirectMessage { to: Addressee::Connection { conn, .. }, bytes, .. } => {
                Some((*conn, bytes))
            }
            Command::Ephemeral { to: Target::Person(to), attributes, .. } => {
                Some((*to, attributes.as_bytes()))
            }
            Command::Invite { whom, .. } => Some((*whom, &[])),
            _ => None,
        }
    }
}
