//! Browsers and everything else that speaks HTTP: the chat page, and WebSocket. A conversation
//! begins as HTTP and may become a WebSocket where it stands.

pub mod asset;
pub mod exchange;
pub mod response;
pub mod route;
pub mod socket;
pub mod upgrade;

use super::{Dialect, Fault, Overrun, Step};
use crate::hub::Reply;
use crate::limits::Limits;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use exchange::{Exchange, Turn};
use socket::WebSocket;

/// How an `http` listener serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What happens to a peer in frames that falls off the end of a tape.
    pub overrun: Overrun,
    /// Origins whose pages may open a WebSocket, beside those of this host: `https://chat.example`.
    pub allow_origin: Vec<String>,
}

/// The state of one conversation. Behind a pointer: other services' peers need not be as big.
#[derive(Debug)]
pub struct Web(Box<State>);

#[derive(Debug)]
enum State {
    Http(Exchange),
    Socket(WebSocket),
}

impl Default for Web {
    fn default() -> Self {
        Self(Box::new(State::Http(Exchange::default())))
    }
}

impl Web {
    /// See [`Session::receive`](super::Session::receive).
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        options: &Options,
        limits: &Limits,
    ) -> Result<Parsed<Step<'a>>, Fault> {
        match &mut *self.0 {
            State::Socket(socket) => socket.receive(bytes, limits),
            State::Http(exchange) => match exchange.receive(bytes, options, limits)? {
                Parsed::Partial => Ok(Parsed::Partial),
                Parsed::Complete(Turn::Step(step), used) => Ok(Parsed::Complete(step, used)),
                Parsed::Complete(Turn::Upgrade(answer, socket), used) => {
                    *self.0 = State::Socket(socket);
                    Ok(Parsed::Complete(Step::Answer(answer), used))
                }
            },
        }
    }

    /// See [`Session::again`](super::Session::again).
    pub fn again(&mut self) {
        if let State::Socket(socket) = &mut *self.0 {
            socket.again();
        }
    }

    /// See [`Session::overdue`](super::Session::overdue).
    pub fn overdue(&mut self) -> Option<CloseReason> {
        match &mut *self.0 {
            State::Http(exchange) => exchange.overdue(),
            State::Socket(socket) => socket.overdue(),
        }
    }

    /// See [`Session::write_reply`](super::Session::write_reply).
    pub fn write_reply(&mut self, reply: &Reply, limits: &Limits, out: &mut Vec<u8>) {
        if let State::Socket(socket) = &mut *self.0 {
            socket.write_reply(reply, limits, out);
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
        if let State::Socket(socket) = &*self.0 {
            socket.write_ping(out);
        }
    }

    /// See [`Session::write_draining`](super::Session::write_draining).
    pub fn write_draining(&self, out: &mut Vec<u8>) {
        if let State::Socket(socket) = &*self.0 {
            socket.write_draining(out);
        }
    }

    /// See [`Session::write_farewell`](super::Session::write_farewell).
    pub fn write_farewell(&self, fault: &Fault, out: &mut Vec<u8>) {
        match &*self.0 {
            State::Http(exchange) => exchange.write_farewell(fault, out),
            State::Socket(socket) => socket.write_farewell(fault, out),
        }
    }

    /// See [`Session::dialect`](super::Session::dialect).
    pub fn dialect(&self) -> Dialect {
        match &*self.0 {
            State::Http(_) => Dialect::WebRaw,
            State::Socket(socket) => socket.dialect(),
        }
    }

    /// See [`Session::can_tell_refusal`](super::Session::can_tell_refusal).
    pub fn can_tell_refusal(&self) -> bool {
        match &*self.0 {
            State::Http(_) => true,
            State::Socket(socket) => socket.can_tell_refusal(),
        }
    }

    /// See [`Session::is_greeted`](super::Session::is_greeted).
    pub fn is_greeted(&self) -> bool {
        match &*self.0 {
            State::Http(_) => false,
            State::Socket(socket) => socket.is_greeted(),
        }
    }
}
