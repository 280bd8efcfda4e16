//! The upgrade from HTTP to WebSocket: the opening handshake (RFC 6455 §4.2).

use super::origin::{self, may_speak};
use super::outcome::{Asked, Outcome};
use super::response::{Response, Status};
use crate::hub::is_room_name;
use crate::session::Session;
use crate::session::frame::Frame;
use crate::session::irc::Irc;
use crate::session::options::http::Options;
use crate::session::raw::RawMessages;
use crate::session::websocket::WebSocket;
use crate::wire::http::Request;
use crate::wire::websocket;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The name of the frame protocol among WebSocket's subprotocols.
pub const SUBPROTOCOL: &str = "hobnob.v1";

/// The subprotocol of IRC in text messages.
const IRC_TEXT: &str = "text.ircv3.net";

/// The subprotocol of IRC in binary messages.
const IRC_BINARY: &str = "binary.ircv3.net";

/// Handles `/connect`: the frame protocol.
pub fn connect(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    handshake(request, asked.options, &[SUBPROTOCOL], |_, deflates| {
        Session::WebFrame(Box::new(WebSocket::new(Frame::default(), deflates)))
    })
}

/// Handles `/raw/{room}`: a plain socket for browsers.
pub fn raw(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    if !is_room_name(&asked.room) {
        return refuse(Status::BadRequest, "that cannot name a room");
    }
    let echo = match request.parameter("echo") {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return refuse(Status::BadRequest, "echo is true or false"),
    };
    handshake(request, asked.options, &[], |_, deflates| {
        Session::WebRaw(Box::new(WebSocket::new(RawMessages::new(&asked.room, echo), deflates)))
    })
}

/// Handles `/irc`: IRC with one line per message (<https://ircv3.net/specs/extensions/websocket>).
/// Clients that name no subprotocol send text.
pub fn irc(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    handshake(request, asked.options, &[IRC_TEXT, IRC_BINARY], |chosen, deflates| {
        let irc = Irc::in_messages(chosen == Some(IRC_BINARY));
        Session::WebIrc(Box::new(WebSocket::new(irc, deflates)))
    })
}

/// True if an IRC client requests an upgrade at the root. Clients that are configured with a host
/// and no path do so.
pub fn is_irc_at_root(request: &Request<'_>) -> bool {
    let speaks_irc = |name| [IRC_TEXT, IRC_BINARY].contains(&name);
    request.path == "/"
        && request.lists("upgrade", "websocket")
        && request.list("sec-websocket-protocol").any(speaks_irc)
}

/// Answers the handshake, or refuses it with the reason.
fn handshake(
    request: &Request<'_>,
    options: &Options,
    subprotocols: &[&'static str],
    open: impl FnOnce(Option<&'static str>, bool) -> Session,
) -> Outcome {
    let is_asked = request.lists("upgrade", "websocket") && request.lists("connection", "upgrade");
    if request.method != "GET" || !request.is_1_1 || !is_asked {
        let response = Response::text(Status::UpgradeRequired, "this is for WebSocket clients");
        let response = response.with("Upgrade", "websocket").with("Connection", "Upgrade");
        return Outcome::Respond(response.with("Sec-WebSocket-Version", "13"));
    }
    if request.header("sec-websocket-version") != Some("13") {
        let response = Response::text(Status::UpgradeRequired, "this relay speaks version 13");
        return Outcome::Respond(response.with("Sec-WebSocket-Version", "13"));
    }
    let Some(key) = request.header("sec-websocket-key").filter(|key| is_key(key)) else {
        return refuse(Status::BadRequest, "Sec-WebSocket-Key is 16 bytes in base64, once");
    };
    if !may_speak(request, &options.allow_origin) {
        return refuse(Status::Forbidden, &origin::refusal(request));
    }
    // In the client's order of preference. If none is known, none is chosen (RFC 6455 §4.2.2), and
    // the client decides whether to continue.
    let known = |name: &str| subprotocols.iter().copied().find(|known| *known == name);
    let chosen = request.list("sec-websocket-protocol").find_map(known);
    let mut response = Response::empty(Status::SwitchingProtocols)
        .with("Upgrade", "websocket")
        .with("Connection", "Upgrade")
        .with("Sec-WebSocket-Accept", websocket::accept(key));
    if let Some(chosen) = chosen {
        response = response.with("Sec-WebSocket-Protocol", chosen);
    }
    let mut offers = request.list("sec-websocket-extensions").filter(|_| options.deflate);
    let deflate = offers.find_map(accepted_deflate);
    let deflates = deflate.is_some();
    if let Some(deflate) = deflate {
        response = response.with("Sec-WebSocket-Extensions", deflate);
    }
    Outcome::Upgrade(response, Box::new(open(chosen, deflates)))
}

/// The response that accepts an offer of compression.
const DEFLATE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The same response, for a client that asks for the size of the relay's window.
const DEFLATE_15: &str = "permessage-deflate; server_no_context_takeover; \
    client_no_context_takeover; server_max_window_bits=15";

/// Returns the response to an offer of compression (RFC 7692 §7.1), if the relay can accept it. It
/// cannot accept a smaller window: all members receive the same bytes.
fn accepted_deflate(offer: &str) -> Option<&'static str> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return None;
    }
    let mut answer = DEFLATE;
    for parameter in parts {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (parameter, None),
        };
        let bits = value.and_then(|value| value.parse::<u8>().ok());
        match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover", None)
            | ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(_)) if bits.is_some_and(|b| (8..=15).contains(&b)) => {}
            ("server_max_window_bits", Some(_)) if bits == Some(15) => answer = DEFLATE_15,
            _ => return None,
        }
    }
    Some(answer)
}

fn refuse(status: Status, why: &str) -> Outcome {
    Outcome::Respond(Response::text(status, why))
}

fn is_key(key: &str) -> bool {
    BASE64.decode(key).is_ok_and(|key| key.len() == 16)
}
