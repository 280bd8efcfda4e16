//! The two sides of a conversation: the protocol and its carrier.

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

/// Bytes read from a socket.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// All bytes received and not yet consumed.
    pub bytes: &'a [u8],
    /// True if the stream has ended.
    pub ended: bool,
}

/// One peer's conversation, in any protocol on any carrier: the engine's interface to a session.
/// Each row of the table in [`session`](super) implements it.
pub trait Conversation {
    /// Reads the first action from the input. Compressed input goes through the one `inflater` that
    /// all peers share.
    ///
    /// # Errors
    /// The fault of the peer that ends the conversation.
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
        inflater: &mut Inflater,
    ) -> Result<Parsed<Action<'a>>, Fault>;

    /// Returns the next action that needs no further input. The engine calls this until it returns
    /// `None` before it passes more input.
    fn poll_action(&mut self, view: &View<'_>) -> Option<Action<'static>>;

    /// True if [`poll_action`](Self::poll_action) may return an action. This check saves the hot
    /// path a call.
    fn has_actions(&self) -> bool {
        true
    }

    /// Appends a reply of the hub to this peer: the answer to a request, or with
    /// [`RequestId::NONE`] an event that the peer did not request.
    fn deliver(&mut self, id: RequestId, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>);

    /// Handles the outcome of a request, and appends the resulting bytes.
    fn completed(&mut self, id: RequestId, outcome: Outcome, view: &View<'_>, out: &mut Vec<u8>);

    /// Records that the handshake deadline has passed. Returns the reason if this closes the peer.
    fn handshake_expired(&mut self) -> Option<CloseReason> {
        Some(CloseReason::HandshakeTimeout)
    }

    /// Records that the peer's address is that of a trusted proxy, which may forward addresses.
    fn trust(&mut self) {}

    /// Appends the answer to a ping by the peer.
    fn write_pong(&self, token: u64, out: &mut Vec<u8>);

    /// Appends a ping.
    fn write_ping(&self, view: &View<'_>, out: &mut Vec<u8>);

    /// Appends the notice that the relay is shutting down.
    fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>);

    /// Appends the final bytes: the peer's fault, if there is one, and a goodbye.
    fn write_close(&self, fault: &Fault, out: &mut Vec<u8>);

    /// Returns the dialect in which the peer receives its rooms.
    fn dialect(&self, service: &Service) -> Dialect;

    /// True if the peer answers pings, so that silence after a ping means a lost connection.
    fn answers_pings(&self) -> bool {
        true
    }

    /// True if the peer can receive a refusal. A peer that cannot is closed on a refusal: otherwise
    /// it would lose a message without notice.
    fn can_tell_refusal(&self) -> bool {
        true
    }

    /// True if the peer is in one room for the whole connection. Without that room it would never
    /// receive anything, so a kick closes it.
    fn has_one_room(&self) -> bool {
        false
    }

    /// True if the session reads the hub to answer requests, or handles one request at a time. The
    /// engine does not read from the peer while a message of the peer is pending. Otherwise an
    /// answer would be older than the events before it, or would have to be requested again.
    fn answers_from_hub(&self) -> bool {
        false
    }

    /// True if the peer has a name. Until then the handshake deadline applies.
    fn is_greeted(&self) -> bool;
}

/// A protocol, independent of its carrier.
pub trait Protocol {
    /// True if the protocol's room traffic may be compressed on a WebSocket.
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

    /// Returns the language in which the peer receives its rooms.
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

/// A protocol that finds message boundaries in a stream of bytes.
pub trait OverStream: Protocol {
    /// See [`Conversation::receive`].
    ///
    /// # Errors
    /// The fault of the peer that ends the conversation.
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
    ) -> Result<Parsed<Action<'a>>, Fault>;

    /// See [`Conversation::write_ping`].
    fn write_ping(&self, view: &View<'_>, out: &mut Vec<u8>);
}

/// A protocol that receives its messages one by one.
pub trait OverMessages: Protocol {
    /// Returns the maximum length of a text or binary message, in bytes.
    fn message_max(&self, is_text: bool, limits: &Limits) -> usize;

    /// Reads one message. Text is valid UTF-8.
    ///
    /// # Errors
    /// The fault of the peer that ends the conversation.
    fn receive_message<'a>(
        &mut self,
        is_text: bool,
        message: &'a [u8],
        view: &View<'_>,
    ) -> Result<Action<'a>, Fault>;
}
