//! What comes of a request, and what that may depend on.

use super::response::Response;
use crate::hub::Command;
use crate::limits::Limits;
use crate::session::options::http::Options;
use crate::session::{Query, Session};
use std::borrow::Cow;

/// What an answer may depend on beside the request.
#[derive(Debug)]
pub struct Asked<'a> {
    /// What stands for `{room}` in the path, decoded. Not yet known to be a room's name.
    pub room: Cow<'a, str>,
    /// How the listener serves.
    pub options: &'a Options,
    /// The limits in force.
    pub limits: &'a Limits,
}

/// What comes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// An answer.
    Respond(Response),
    /// An answer, behind which another session has the connection.
    Upgrade(Response, Box<Session>),
    /// A question to the hub; its answer is that of the request.
    Ask(Command<'static>, Subject),
    /// A question to the relay itself.
    Query(Query),
    /// Another session has the connection, and answers.
    Become(Box<Session>),
}

/// What is to be answered once the hub has.
#[derive(Debug)]
pub enum Subject {
    /// `POST /rooms/{room}/messages`.
    Post,
    /// `GET /rooms/{room}/messages`.
    Messages {
        /// The room, as it was asked for.
        room: Box<str>,
        /// How many were asked for.
        limit: usize,
    },
    /// `GET /rooms`.
    Rooms {
        /// How many were asked for.
        limit: usize,
    },
    /// `GET /rooms/{room}/members`.
    Members {
        /// The room, as it was asked for.
        room: Box<str>,
    },
}
