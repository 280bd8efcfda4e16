//! A conversation is a protocol on a carrier. These are the two sides of that product.

use super::action::{Action, Outcome, RequestId};
use super::carrier::Carrier;
use super::dialect::{Dialect, Language};
use super::fault::Fault;
use super::service::Service;
use super::view::View;
use crate::hub::Reply;
use crate::limits::Limits;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::deflate::Inflater;

/// Bytes as they came off a socket.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// All that has come and was not consumed.
    pub bytes: &'a [u8],
    /// True if no more will come.
    pub ended: bool,
}

/// One peer's conversation, whatever is spoken and whatever carries it: what the engine knows of a
/// session. Each row of the table in [`session`](super) is one.
pub trait Conversation {
    /// Reads the first action off the input. What is compressed goes through the one `inflater` of
    /// all peers.
    ///
    /// # Errors
    /// The end of the conversation, in the fault of the peer.
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
        inflater: &mut Inflater,
    ) -> Result<Parsed<Action<'a>>, Fault>;

    /// Returns the next thing to be done that no further input is needed for. The engine asks until
    /// there is none before it shows more input.
    fn poll_action(&mut self, view: &View<'_>) -> Option<Action<'static>>;

    /// True if [`poll_action`](Self::poll_action) may return something: a look that spares the hot
    /// path a call.
    fn has_actions(&self) -> bool {
        true
    }

    /// Appends what the hub tells this peer: the answer to a request, or with
    /// [`RequestId::NONE`] something it did not ask for.
    fn deliver(&mut self, id: RequestId, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>);

    /// Takes the end of a request, and appends what it leads to.
    fn completed(&mut self, id: RequestId, outcome: Outcome, view: &View<'_>, out: &mut Vec<u8>);

    /// Notes that the time for a handshake has passed. Returns why that closes the peer, if it does.
    fn handshake_expired(&mut self) -> Option<CloseReason> {
        Some(CloseReason::HandshakeTimeout)
    }

    /// Notes that the peer's address is one that may speak for others.
    fn trust(&mut self) {}

    /// Appends the answer to a ping of the peer's.
    fn write_pong(&self, token: u64, out: &mut Vec<u8>);

    /// Appends a ping.
    fn write_ping(&self, view: &View<'_>, out: &mut Vec<u8>);

    /// Appends the notice that the relay shuts down.
    fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>);

    /// Appends the final bytes: what was wrong, if the peer was wrong, and goodbye.
    fn write_close(&self, fault: &Fault, out: &mut Vec<u8>);

    /// Returns the dialect in which this peer receives its rooms.
    fn dialect(&self, service: &Service) -> Dialect;

    /// True if silence after a ping means that nobody is there.
    fn answers_pings(&self) -> bool {
        true
    }

    /// True if the peer can be told that a request was refused. One that cannot is closed: losing
    /// its words and going on would be silent.
    fn can_tell_refusal(&self) -> bool {
        true
    }

    /// True if the peer is in one room for as long as it is connected: without that room it would
    /// receive nothing ever after, and is closed.
    fn has_one_room(&self) -> bool {
        false
    }

    /// True if the session takes answers from the hub by itself, or one request at a time. Such a peer
    /// is not read from while a message of its own is pending: its answers would be older than what it
    /// is told before them, or would have to be asked for again.
    fn answers_from_hub(&self) -> bool {
        false
    }

    /// True if the peer has a name; before that the handshake deadline runs.
    fn is_greeted(&self) -> bool;
}

/// What is spoken, on whichever carrier.
pub trait Protocol {
    /// True if what its rooms say may be compressed on a WebSocket.
    const COMPRESSES: bool;

    /// See [`Conversation::poll_action`].
    fn poll_action(&mut self, carrier: Carrier, view: &View<'_>) -> Option<Action<'static>>;

    /// See [`Conversation::has_actions`].
    fn has_actions(&self) -> bool;

    /// See [`Conversation::deliver`].
    fn deliver(
        &mut self,
        carrier: Carrier,
        id: RequestId,
        reply: &Reply,
        view: &View<'_>,
        out: &mut Vec<u8>,
    );

    /// See [`Conversation::completed`].
    fn completed(
        &mut self,
        carrier: Carrier,
        id: RequestId,
        outcome: Outcome,
        view: &View<'_>,
        out: &mut Vec<u8>,
    );

    /// See [`Conversation::write_pong`].
    fn write_pong(&self, carrier: Carrier, token: u64, out: &mut Vec<u8>);

    /// See [`Conversation::write_draining`].
    fn write_draining(&self, carrier: Carrier, view: &View<'_>, out: &mut Vec<u8>);

    /// See [`Conversation::write_close`].
    fn write_close(&self, carrier: Carrier, fault: &Fault, out: &mut Vec<u8>);

    /// Returns the language in which its rooms are received.
    fn language(&self, service: &Service) -> Language;

    /// See [`Conversation::can_tell_refusal`].
    fn can_tell_refusal(&self) -> bool {
        true
    }

    /// See [`Conversation::has_one_room`].
    fn has_one_room(&self) -> bool {
        false
    }

    /// See [`Conversation::answers_from_hub`].
    fn answers_from_hub(&self) -> bool {
        false
    }

    /// See [`Conversation::is_greeted`].
    fn is_greeted(&self) -> bool;
}

/// A protocol that finds its messages in a stream of bytes.
pub trait OverStream: Protocol {
    /// See [`Conversation::receive`].
    ///
    /// # Errors
    /// The end of the conversation, in the fault of the peer.
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
    ) -> Result<Parsed<Action<'a>>, Fault>;

    /// See [`Conversation::write_ping`].
    fn write_ping(&self, view: &View<'_>, out: &mut Vec<u8>);
}

/// A protocol whose messages come one by one.
pub trait OverMessages: Protocol {
    /// Returns how long a message may be, in bytes, in text or not.
    fn message_max(&self, is_text: bool, limits: &Limits) -> usize;

    /// Reads one message. Text is UTF-8.
    ///
    /// # Errors
    /// The end of the conversation, in the fault of the peer.
    fn receive_message<'a>(
        &mut self,
        is_text: bool,
        message: &'a [u8],
        view: &View<'_>,
    ) -> Result<Action<'a>, Fault>;
}
