//! The clients' sockets, and what the loop knows of each.

use crate::id::ConnId;
use crate::net::admission::Ticket;
use crate::net::transport::Transport;

/// Everyone's socket, by the slot of the engine's id.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    slots: Vec<Option<Socket>>,
}

/// One client's socket, and what the loop knows of it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: ConnId,
    pub(super) transport: Transport,
    pub(super) ticket: Ticket,
    /// The engine has been told that the transport holds output.
    pub(super) has_pending_output: bool,
    pub(super) rest: Rest,
    pub(super) ended: bool,
    /// Waiting in `unfinished`.
    pub(super) queued: bool,
}

/// Bytes of a peer that the engine has and has not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// There are none.
    None,
    /// They come before what is read next.
    First,
    /// They wait, and the peer is not read from, until the engine asks for it.
    Held,
}

impl Sockets {
    /// Keeps a new client's socket under the id that the engine gave it.
    pub(super) fn insert(&mut self, id: ConnId, transport: Transport, ticket: Ticket) {
        if self.slots.len() <= id.slot() {
            self.slots.resize_with(id.slot() + 1, || None);
        }
        self.slots[id.slot()] = Some(Socket {
            id,
            transport,
            ticket,
            has_pending_output: false,
            rest: Rest::None,
            ended: false,
            queued: false,
        });
    }

    /// The socket of that peer, if it is still there.
    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Socket> {
        let slot = self.slots.get_mut(conn.slot()).and_then(Option::as_mut);
        slot.filter(|socket| socket.id == conn)
    }

    /// Takes it out.
    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Socket> {
        self.slots.get_mut(conn.slot())?.take_if(|socket| socket.id == conn)
    }
}
