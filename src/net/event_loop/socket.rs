//! The sockets of the peers, and the loop's state for each.

use crate::id::ConnId;
use crate::net::admission::Ticket;
use crate::net::transport::Transport;

/// The sockets of all peers, indexed by the slot of the engine's id.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    slots: Vec<Option<Socket>>,
}

/// A peer's socket, and the loop's state for it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: ConnId,
    pub(super) transport: Transport,
    pub(super) ticket: Ticket,
    /// The last value passed to the engine.
    pub(super) has_pending_output: bool,
    pub(super) unprocessed: UnprocessedInput,
    pub(super) input_ended: bool,
    /// True while the peer is in the queue of unfinished work.
    pub(super) queued: bool,
}

/// A peer's input that the engine has received and not processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnprocessedInput {
    /// No such input.
    None,
    /// Input to be processed before the next read.
    Ready,
    /// Input that waits, and the peer is not read from, until the engine resumes it.
    Paused,
}

impl Sockets {
    /// Stores the socket of a new peer.
    pub(super) fn insert(&mut self, id: ConnId, transport: Transport, ticket: Ticket) {
        if self.slots.len() <= id.slot() {
            self.slots.resize_with(id.slot() + 1, || None);
        }
        self.slots[id.slot()] = Some(Socket {
            id,
            transport,
            ticket,
            has_pending_output: false,
            unprocessed: UnprocessedInput::None,
            input_ended: false,
            queued: false,
        });
    }

    /// Returns the socket of a peer, if it is still open.
    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Socket> {
        let slot = self.slots.get_mut(conn.slot()).and_then(Option::as_mut);
        slot.filter(|socket| socket.id == conn)
    }

    /// Removes and returns the socket of a peer.
    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Socket> {
        self.slots.get_mut(conn.slot())?.take_if(|socket| socket.id == conn)
    }
}
