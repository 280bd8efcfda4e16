//! Browsers and everything else that speaks HTTP: the chat page, and WebSocket. A conversation
//! begins as HTTP and may become a WebSocket where it stands.

pub mod api;
pub mod asset;
pub mod body;
pub mod events;
pub mod exchange;
pub mod host;
pub mod query;
pub mod response;
pub mod route;
pub mod socket;
pub mod upgrade;
pub mod watch;

use super::irc::{self, Irc};
use super::{Dialect, Fault, Overrun, Seen, Step, View};
use crate::address::Network;
use crate::hub::Reply;
use crate::limits::Limits;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::deflate::Inflater;
use events::EventStream;
use exchange::{Exchange, Turn};
use socket::WebSocket;
use std::sync::Arc;

/// How an `http` listener serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What happens to a peer in frames that falls off the end of a tape.
    pub overrun: Overrun,
    /// Origins whose pages may open a WebSocket, beside those of this host: `https://chat.example`.
    pub allow_origin: Vec<String>,
    /// Names under which it may be asked, beside `localhost` and addresses: `chat.example`, or
    /// `.chat.example` with all that end so. Where there are any, or it is [`local`](Self::local),
    /// requests for another [`host`] are refused.
    pub allow_host: Vec<String>,
    /// Whether it listens on a loopback address. The relay finds that out by itself.
    pub local: bool,
    /// What can be asked for there.
    pub serve: Serve,
    /// How IRC is served at `/irc`: as on the relay's `irc` listener, if there is one.
    pub irc: Arc<irc::Options>,
    /// The proxies that are believed when they say for whom they speak.
    pub trust: Vec<Network>,
    /// Whether every connection begins with a header of the PROXY protocol, by one of these proxies.
    pub proxy: bool,
    /// Whether WebSocket messages are compressed for those who can read that.
    pub deflate: bool,
}

impl Options {
    /// See [`Service::listens_locally`](super::Service::listens_locally).
    pub fn listens_locally(&mut self, authority: &str) {
        self.local = true;
        let name = host::name_in(authority);
        // What people are told to ask for is answered.
        if !host::is_answered(&name, self) {
            self.allow_host.push(name);
        }
    }
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serve {
    /// Everybody: the page, WebSocket, and rooms.
    #[default]
    Public,
    /// Whoever watches over the relay: metrics and health.
    Admin,
}

/// The state of one conversation. Behind a pointer: other services' peers need not be as big.
#[derive(Debug)]
pub struct Web(Box<State>);

#[derive(Debug)]
enum State {
    Http(Exchange),
    Socket(WebSocket),
    Events(EventStream),
}

impl Default for Web {
    fn default() -> Self {
        Self(Box::new(State::Http(Exchange::default())))
    }
}

impl Web {
    /// See [`Session::trust`](super::Session::trust).
    pub fn trust(&mut self) {
        if let State::Http(exchange) = &mut *self.0 {
            exchange.trust();
        }
    }

    /// See [`Session::receive`](super::Session::receive).
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        options: &Options,
        limits: &Limits,
        inflater: &mut Inflater,
    ) -> Result<Parsed<Step<'a>>, Fault> {
        match &mut *self.0 {
            State::Socket(socket) => socket.receive(bytes, limits, inflater),
            State::Events(events) => Ok(events.receive(bytes)),
            State::Http(exchange) => match exchange.receive(bytes, options, limits)? {
                Parsed::Partial => Ok(Parsed::Partial),
                Parsed::Complete(Turn::Step(step), used) => Ok(Parsed::Complete(step, used)),
                Parsed::Complete(Turn::Upgrade(answer, socket), used) => {
                    *self.0 = State::Socket(socket);
                    Ok(Parsed::Complete(Step::Answer(answer), used))
                }
                Parsed::Complete(Turn::Listen(events), used) => {
                    *self.0 = State::Events(events);
                    Ok(Parsed::Complete(Step::Alive, used))
                }
            },
        }
    }

    /// See [`Session::irc`](super::Session::irc).
    pub fn irc(&mut self) -> Option<&mut Irc> {
        match &mut *self.0 {
            State::Socket(socket) => socket.irc(),
            State::Http(_) | State::Events(_) => None,
        }
    }

    /// See [`Session::again`](super::Session::again).
    pub fn again(&mut self) {
        match &mut *self.0 {
            State::Http(exchange) => exchange.again(),
            State::Socket(socket) => socket.again(),
            // Its steps are not said anywhere.
            State::Events(_) => {}
        }
    }

    /// See [`Session::overdue`](super::Session::overdue).
    pub fn overdue(&mut self) -> Option<CloseReason> {
        match &mut *self.0 {
            State::Http(exchange) => exchange.overdue(),
            State::Socket(socket) => socket.overdue(),
            State::Events(_) => Some(CloseReason::HandshakeTimeout),
        }
    }

    /// See [`Session::write_reply`](super::Session::write_reply).
    pub fn write_reply(&mut self, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        match &mut *self.0 {
            State::Http(exchange) => exchange.write_reply(reply, view, out),
            State::Socket(socket) => socket.write_reply(reply, view, out),
            State::Events(events) => events.write_reply(reply, view, out),
        }
    }

    /// See [`Session::write_seen`](super::Session::write_seen).
    pub fn write_seen(&mut self, seen: Seen, out: &mut Vec<u8>) {
        if let State::Http(exchange) = &mut *self.0 {
            exchange.write_seen(seen, out);
        }
    }

    /// See [`Session::write_pong`](super::Session::write_pong).
    pub fn write_pong(&self, token: u64, out: &mut Vec<u8>) {
        if let State::Socket(socket) = &*self.0 {
            socket.write_pong(token, out);
        }
    }

    /// See [`Session::write_ping`](super::Session::write_ping).
    pub fn write_ping(&self, out: &mut Vec<u8>) {
        match &*self.0 {
            State::Http(_) => {}
            State::Socket(socket) => socket.write_ping(out),
            State::Events(events) => events.write_ping(out),
        }
    }

    /// See [`Session::write_draining`](super::Session::write_draining).
    pub fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>) {
        match &*self.0 {
            State::Http(_) => {}
            State::Socket(socket) => socket.write_draining(view, out),
            State::Events(events) => events.write_draining(out),
        }
    }

    /// See [`Session::write_farewell`](super::Session::write_farewell).
    pub fn write_farewell(&self, fault: &Fault, out: &mut Vec<u8>) {
        match &*self.0 {
            State::Http(exchange) => exchange.write_farewell(fault, out),
            State::Socket(socket) => socket.write_farewell(fault, out),
            State::Events(events) => events.write_farewell(fault, out),
        }
    }

    /// See [`Session::dialect`](super::Session::dialect).
    pub fn dialect(&self) -> Dialect {
        match &*self.0 {
            State::Http(_) => Dialect::WebRaw,
            State::Socket(socket) => socket.dialect(),
            State::Events(_) => Dialect::Events,
        }
    }

    /// See [`Session::can_tell_refusal`](super::Session::can_tell_refusal).
    pub fn can_tell_refusal(&self) -> bool {
        match &*self.0 {
            State::Http(_) | State::Events(_) => true,
            State::Socket(socket) => socket.can_tell_refusal(),
        }
    }

    /// See [`Session::has_one_room`](super::Session::has_one_room).
    pub fn has_one_room(&self) -> bool {
        match &*self.0 {
            State::Http(_) => false,
            State::Socket(socket) => socket.has_one_room(),
            State::Events(_) => true,
        }
    }

    /// See [`Session::is_greeted`](super::Session::is_greeted).
    pub fn is_greeted(&self) -> bool {
        match &*self.0 {
            State::Http(_) => false,
            State::Socket(socket) => socket.is_greeted(),
            State::Events(events) => events.is_greeted(),
        }
    }

    /// See [`Session::answers_pings`](super::Session::answers_pings).
    pub fn answers_pings(&self) -> bool {
        !matches!(*self.0, State::Events(_))
    }

    /// See [`Session::protocol`](super::Session::protocol).
    pub fn protocol(&self) -> &'static str {
        match &*self.0 {
            State::Http(_) => "http",
            State::Socket(_) => "websocket",
            State::Events(_) => "events",
        }
    }
}
