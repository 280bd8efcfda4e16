//! The monitoring routes: metrics and health, and the description of the API.

use super::outcome::{Asked, Outcome};
use super::query::Query as Parameters;
use super::response::{Response, Status};
use crate::session::action::{AdminReport, Query, Top};
use crate::wire::exposition::CONTENT_TYPE;
use crate::wire::http::Request;
use serde::Serialize;

/// The API's description (OpenAPI 3.1). `tests/integration/api.rs` checks it against the table of
/// routes and the actual responses.
const OPENAPI: &str = include_str!("openapi.json");

/// The default and the maximum number of rooms and peers in one response.
const TOP: u64 = 20;
const TOP_MAX: u64 = 100;

/// Handles `GET /metrics`.
pub fn metrics(_: &Request<'_>, _: &Asked<'_>) -> Outcome {
    Outcome::Query(Query::Metrics)
}

/// Handles `GET /healthz`.
pub fn health(_: &Request<'_>, _: &Asked<'_>) -> Outcome {
    Outcome::Respond(alive())
}

/// Handles `GET /readyz`.
pub fn ready(_: &Request<'_>, _: &Asked<'_>) -> Outcome {
    Outcome::Query(Query::Ready)
}

/// Handles `GET /top`.
pub fn top(request: &Request<'_>, _: &Asked<'_>) -> Outcome {
    let limit = Parameters::of(request).and_then(|query| {
        query.only(&["limit"])?;
        query.number("limit")
    });
    match limit {
        Ok(limit) => Outcome::Query(Query::Top(limit.unwrap_or(TOP).min(TOP_MAX) as usize)),
        Err(refused) => Outcome::Respond(*refused),
    }
}

/// Handles `GET /openapi.json`.
pub fn openapi(_: &Request<'_>, _: &Asked<'_>) -> Outcome {
    Outcome::Respond(Response::new(Status::Ok, "application/json", OPENAPI.as_bytes()))
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn alive() -> Response {
    unkept(Response::new(Status::Ok, PLAIN, b"alive\n".as_slice()))
}

/// Returns the response for a report.
pub fn response(report: AdminReport) -> Response {
    unkept(match report {
        AdminReport::Metrics(text) => Response::new(Status::Ok, CONTENT_TYPE, text.into_bytes()),
        AdminReport::Ready(None) => Response::new(Status::Ok, PLAIN, b"ready\n".as_slice()),
        AdminReport::Ready(Some(why)) => {
            Response::new(Status::Unavailable, PLAIN, format!("{why}\n").into_bytes())
        }
        AdminReport::Top(top) => {
            let text = serde_json::to_vec(&TopOf::from(&top)).unwrap_or_default();
            Response::new(Status::Ok, "application/json", text)
        }
    })
}

fn unkept(response: Response) -> Response {
    response.with("Cache-Control", "no-store")
}

/// The answer to `GET /top`, in JSON.
#[derive(Serialize)]
struct TopOf<'a> {
    version: &'static str,
    running_ms: u64,
    rooms: Vec<BigRoom<'a>>,
    peers: Vec<SlowPeer<'a>>,
}

#[derive(Serialize)]
struct BigRoom<'a> {
    members: u32,
    backlog: usize,
    head: u64,
    history: usize,
    room: &'a str,
}

#[derive(Serialize)]
struct SlowPeer<'a> {
    owed: u64,
    silent_ms: u64,
    blocked: bool,
    id: &'a str,
    protocol: &'static str,
    name: &'a str,
}

impl<'a> From<&'a Top> for TopOf<'a> {
    fn from(top: &'a Top) -> Self {
        let rooms = top.rooms.iter().map(|room| BigRoom {
            members: room.members,
            backlog: room.backlog,
            head: room.head,
            history: room.history,
            room: &room.name,
        });
        let peers = top.peers.iter().map(|peer| SlowPeer {
            owed: peer.owed,
            silent_ms: peer.silent_ms,
            blocked: peer.blocked,
            id: &peer.id,
            protocol: peer.protocol,
            name: &peer.name,
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            running_ms: top.running_ms,
            rooms: rooms.collect(),
            peers: peers.collect(),
        }
    }
}
