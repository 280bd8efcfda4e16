//! Which request is answered by what. A route is a row of [`ROUTES`]; the parser knows none of them.

use super::outcome::{Asked, Outcome};
use super::{api, asset, upgrade, watch};
use crate::limits::Limits;
use crate::session::options::http::Serve;
use crate::wire::http::Request;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// One row: how a method on a path is answered.
pub struct Route {
    /// GET answers HEAD as well.
    pub method: &'static str,
    /// Segments as they are, except `{room}`, which stands for any one segment.
    pub path: &'static str,
    /// How long a body it takes. A longer one is refused from its declared length.
    pub body_max: fn(&Limits) -> usize,
    /// Answers a request, of which all is there.
    pub answer: fn(&Request<'_>, &Asked<'_>) -> Outcome,
}

/// Every route beside the page's files.
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

/// Every route of a listener for whoever watches the relay.
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

/// What is found under a path.
pub enum Found<'a> {
    /// This row, and what its `{room}` stands for.
    Route(&'static Route, Cow<'a, str>),
    /// A file of the page.
    Asset,
    /// Something, but not with this method: those with which there is, for `Allow`.
    WrongMethod(String),
    /// A path that is no text once it is decoded.
    Undecodable,
    /// Nothing.
    Nothing,
}

/// Looks a request up.
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

/// What stands for `{room}` if the path fits the pattern; nothing if the pattern has none.
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
