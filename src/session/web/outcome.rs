//! The result of routing a request, and its inputs.

use super::response::Response;
use crate::hub::Command;
use crate::limits::Limits;
use crate::session::options::http::Options;
use crate::session::{Query, Session};
use std::borrow::Cow;

/// The inputs of an answer in addition to the request.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The decoded value of `{room}` in the path. Not yet checked to be a room name.
    pub room: Cow<'a, str>,
    /// The options of the listener.
    pub options: &'a Options,
    /// The limits in force.
    pub limits: &'a Limits,
}

/// The result of a request.
#[derive(Debug)]
pub enum Outcome {
    /// Sends a response.
    Respond(Response),
    /// Sends a response. After it, another session owns the connection.
    Upgrade(Response, Box<Session>),
    /// Sends a command to the hub. The hub's reply becomes the response.
    Ask(Command<'static>, Subject),
    /// Sends a query about the relay to the engine.
    Query(Query),
    /// Passes the connection to another session, which sends the response.
    Become(Box<Session>),
}

/// The subject of a command, which decides the form of the response.
#[derive(Debug)]
pub enum Subject {
    /// `POST /rooms/{room}/messages`.
    Post,
    /// `GET /rooms/{room}/messages`.
    Messages {
        /// The room, as spelled in the request.
        room: Box<str>,
        /// The requested number of messages.
        limit: usize,
    },
    /// `GET /rooms`.
    Rooms {
        /// The requested number of rooms.
        limit: usize,
    },
    /// `GET /rooms/{room}/members`.
    Members {
        /// The room, as spelled in the request.
        room: Box<str>,
    },
}
