//! The table of routes. A route is a row of [`ROUTES`]; the parser knows none of them.

use super::outcome::{Asked, Outcome};
use super::{api, asset, upgrade, watch};
use crate::limits::Limits;
use crate::session::options::http::Serve;
use crate::wire::http::Request;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// One route: the handler of a method on a path.
pub struct Route {
    /// The method. GET includes HEAD.
    pub method: &'static str,
    /// The path. `{room}` stands for any one segment; all other segments match literally.
    pub path: &'static str,
    /// Returns the maximum length of the body. A longer body is refused by its declared length.
    pub body_max: fn(&Limits) -> usize,
    /// Answers a complete request.
    pub answer: fn(&Request<'_>, &Asked<'_>) -> Outcome,
}

/// The public routes, without the page's files.
pub const ROUTES: &[Route] = &[
    get("/connect", upgrade::connect),
    get("/raw/{room}", upgrade::raw),
    get("/irc", upgrade::irc),
    get("/rooms", api::rooms),
    get("/rooms/{room}/messages", api::messages),
    Route {
        method: "POST",
        path: "/rooms/{room}/messages",
        body_max: |limits| limits.message,
        answer: api::post,
    },
    get("/rooms/{room}/events", api::events),
    get("/rooms/{room}/members", api::members),
    get("/openapi.json", watch::openapi),
];

/// The routes of an admin listener.
pub const ADMIN_ROUTES: &[Route] = &[
    get("/metrics", watch::metrics),
    get("/healthz", watch::health),
    get("/readyz", watch::ready),
    get("/top", watch::top),
    get("/openapi.json", watch::openapi),
];

const fn get(path: &'static str, answer: fn(&Request<'_>, &Asked<'_>) -> Outcome) -> Route {
    Route { method: "GET", path, body_max: |_| 0, answer }
}

/// The result of a lookup.
pub enum Found<'a> {
    /// A route, and the value of `{room}`.
    Route(&'static Route, Cow<'a, str>),
    /// A file of the page.
    Asset,
    /// A known path with another method. Contains the allowed methods, for `Allow`.
    WrongMethod(String),
    /// A path that is not UTF-8 once it is decoded.
    Undecodable,
    /// An unknown path.
    Nothing,
}

/// Looks up the route of a request.
pub fn find<'a>(serve: Serve, method: &str, path: &'a str) -> Found<'a> {
    let asked = if method == "HEAD" { "GET" } else { method };
    let routes = match serve {
        Serve::Public => ROUTES,
        Serve::Admin => ADMIN_ROUTES,
    };
    if serve == Serve::Public && asset::is_asset(path) {
        let is_read = asked == "GET";
        return if is_read { Found::Asset } else { Found::WrongMethod("GET, HEAD".to_owned()) };
    }
    let mut allowed = Vec::new();
    for route in routes {
        let Some(room) = capture(route.path, path) else { continue };
        if route.method == asked {
            return match percent_decode_str(room).decode_utf8() {
                Ok(room) => Found::Route(route, room),
                Err(_) => Found::Undecodable,
            };
        }
        allowed.push(route.method);
        allowed.extend((route.method == "GET").then_some("HEAD"));
    }
    if allowed.is_empty() { Found::Nothing } else { Found::WrongMethod(allowed.join(", ")) }
}

/// Returns the value of `{room}` if the path matches the pattern; empty if the pattern has none.
fn capture<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    let mut room = "";
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(room),
            (Some("{room}"), Some(segment)) if !segment.is_empty() => room = segment,
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fit_patterns_segment_by_segment() {
        assert_eq!(capture("/raw/{room}", "/raw/tea"), Some("tea"));
        assert_eq!(capture("/raw/{room}", "/raw/a%2Fb"), Some("a%2Fb"));
        assert_eq!(capture("/rooms/{room}/messages", "/rooms/tea/messages"), Some("tea"));
        assert_eq!(capture("/connect", "/connect"), Some(""));
        for (pattern, path) in [
            ("/raw/{room}", "/raw/"),
            ("/raw/{room}", "/raw"),
            ("/raw/{room}", "/raw/tea/"),
            ("/raw/{room}", "/raw/a/b"),
            ("/connect", "/connect/"),
            ("/connect", "//connect"),
        ] {
            assert_eq!(capture(pattern, path), None, "{pattern} {path}");
        }
    }
}
