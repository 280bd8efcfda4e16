//! One peer's conversation: bytes ↔ actions.
//!
//! A conversation is a protocol on a carrier ([`protocol`]). The encoding of a room's traffic
//! belongs to a [`dialect`] instead, which is independent of sessions. A new protocol is one file
//! in `wire`, one here, and one row of the table below.

pub mod action;
pub mod carrier;
pub mod dialect;
pub mod encode;
mod fault;
pub mod frame;
pub mod irc;
pub mod options;
mod overrun;
pub mod protocol;
pub mod raw;
mod service;
mod stream;
mod view;
#[cfg(feature = "http")]
pub mod web;
#[cfg(feature = "http")]
mod websocket;

pub use action::{Action, AdminReport, Job, Outcome, Query, Reloaded, RequestId};
pub use dialect::Dialect;
pub use fault::Fault;
pub use overrun::Overrun;
pub use protocol::{Conversation, Input};
pub use service::Service;
pub use view::View;

use crate::hub::Reply;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::deflate::Inflater;

use stream::Stream;
#[cfg(feature = "http")]
use websocket::WebSocket;

/// Declares the conversations: the enum, and the macro `each!`, which calls the same method on any
/// variant.
macro_rules! conversations {
    (($d:tt) $($(#[cfg(feature = $feature:literal)])? $variant:ident: $type:ty = $word:literal;)*) => {
        /// The state of one conversation: a row of the table of protocols.
        #[derive(Debug)]
        pub enum Session {
            $(
                #[doc = concat!("Counted as `", $word, "`.")]
                $(#[cfg(feature = $feature)])?
                $variant($type),
            )*
        }

        impl Session {
            /// Every word that [`protocol`](Self::protocol) returns. Some of them occur more than
            /// once.
            pub const PROTOCOLS: &[&str] = &[$($(#[cfg(feature = $feature)])? $word,)*];

            /// Returns one word for the peer's protocol, for counters.
            pub fn protocol(&self) -> &'static str {
                match self {
                    $($(#[cfg(feature = $feature)])? Self::$variant(_) => $word,)*
                }
            }
        }

        macro_rules! each {
            ($d session:expr, $d it:ident => $d call:expr) => {
                match $d session {
                    $($(#[cfg(feature = $feature)])? Session::$variant($d it) => $d call,)*
                }
            };
        }
    };
}

conversations! { ($)
    Raw: Stream<raw::Raw> = "raw";
    Frame: Stream<frame::Frame> = "frame";
    #[cfg(feature = "http")]
    Http: Box<web::Exchange> = "http";
    #[cfg(feature = "http")]
    WebFrame: Box<WebSocket<frame::Frame>> = "websocket";
    #[cfg(feature = "http")]
    WebRaw: Box<WebSocket<raw::RawMessages>> = "websocket";
    #[cfg(feature = "http")]
    WebIrc: Box<WebSocket<irc::Irc>> = "websocket";
    #[cfg(feature = "http")]
    Events: Box<web::EventStream> = "events";
    Irc: Box<Stream<irc::Irc>> = "irc";
}

impl Session {
    /// Returns a new conversation for this service.
    pub fn new(service: &Service) -> Self {
        match service {
            Service::Raw(_) => Self::Raw(Stream::default()),
            Service::Frame(_) => Self::Frame(Stream::default()),
            #[cfg(feature = "http")]
            Service::Http(_) => Self::Http(Box::default()),
            Service::Irc(_) => Self::Irc(Box::default()),
        }
    }
}

impl Conversation for Session {
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
        inflater: &mut Inflater,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        each!(self, it => it.receive(input, view, inflater))
    }

    fn poll_action(&mut self, view: &View<'_>) -> Option<Action<'static>> {
        each!(self, it => it.poll_action(view))
    }

    #[inline]
    fn has_actions(&self) -> bool {
        each!(self, it => it.has_actions())
    }

    fn deliver(&mut self, id: RequestId, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        each!(self, it => it.deliver(id, reply, view, out));
    }

    fn completed(&mut self, id: RequestId, outcome: Outcome, view: &View<'_>, out: &mut Vec<u8>) {
        each!(self, it => it.completed(id, outcome, view, out));
    }

    fn handshake_expired(&mut self) -> Option<CloseReason> {
        each!(self, it => it.handshake_expired())
    }

    fn trust(&mut self) {
        each!(self, it => it.trust());
    }

    fn write_pong(&self, token: u64, out: &mut Vec<u8>) {
        each!(self, it => it.write_pong(token, out));
    }

    fn write_ping(&self, view: &View<'_>, out: &mut Vec<u8>) {
        each!(self, it => it.write_ping(view, out));
    }

    fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>) {
        each!(self, it => it.write_draining(view, out));
    }

    fn write_close(&self, fault: &Fault, out: &mut Vec<u8>) {
        each!(self, it => it.write_close(fault, out));
    }

    fn dialect(&self, service: &Service) -> Dialect {
        each!(self, it => it.dialect(service))
    }

    fn answers_pings(&self) -> bool {
        each!(self, it => it.answers_pings())
    }

    fn can_tell_refusal(&self) -> bool {
        each!(self, it => it.can_tell_refusal())
    }

    fn answers_from_hub(&self) -> bool {
        each!(self, it => it.answers_from_hub())
    }

    fn has_one_room(&self) -> bool {
        each!(self, it => it.has_one_room())
    }

    fn is_greeted(&self) -> bool {
        each!(self, it => it.is_greeted())
    }
}
