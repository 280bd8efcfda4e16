//! For whoever watches over the relay: metrics, health, and what the API looks like.

use super::query::Query;
use super::response::{Response, Status};
use super::route::{Asked, Outcome};
use crate::session::{Look, Seen};
use crate::wire::http::Request;

/// The API's own description (OpenAPI 3.1), which `tests/api.rs` holds to the table of routes and to
/// what is really answered.
const OPENAPI: &str = include_str!("openapi.json");

/// Rooms and peers in one answer, unless it is said how many; and at most.
const TOP: u64 = 20;
const TOP_MAX: u64 = 100;

/// `GET /metrics`.
pub fn metrics(_: &Request<'_>, _: &Asked<'_>) -> Outcome {
    Outcome::Look(Look::Metrics)
}

/// `GET /healthz`.
pub fn health(_: &Request<'_>, _: &Asked<'_>) -> Outcome {
    Outcome::Look(Look::Health)
}

/// `GET /readyz`.
pub fn ready(_: &Request<'_>, _: &Asked<'_>) -> Outcome {
    Outcome::Look(Look::Ready)
}

/// `GET /top`.
pub fn top(request: &Request<'_>, _: &Asked<'_>) -> Outcome {
    let limit = Query::of(request).and_then(|query| {
        query.only(&["limit"])?;
        query.number("limit")
    });
    match limit {
        Ok(limit) => Outcome::Look(Look::Top(limit.unwrap_or(TOP).min(TOP_MAX) as usize)),
        Err(refused) => Outcome::Respond(*refused),
    }
}

/// `GET /openapi.json`.
pub fn openapi(_: &Request<'_>, _: &Asked<'_>) -> Outcome {
    Outcome::Respond(Response::new(Status::Ok, "application/json", OPENAPI.as_bytes()))
}

/// What there was to see, as an answer.
pub fn response(seen: Seen) -> Response {
    let status = if seen.is_well { Status::Ok } else { Status::Unavailable };
    let response = Response::new(status, seen.content_type, seen.text.into_bytes());
    response.with("Cache-Control", "no-store")
}
