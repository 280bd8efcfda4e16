//! From HTTP to WebSocket: the opening handshake (RFC 6455 §4.2).

use super::Options;
use super::response::{Response, Status};
use super::route::{Asked, Outcome};
use super::socket::WebSocket;
use crate::hub::is_room_name;
use crate::session::irc::Carrier;
use crate::wire::http::Request;
use crate::wire::websocket;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The name of the frame protocol among WebSocket's subprotocols.
pub const SUBPROTOCOL: &str = "hobnob.v1";

/// IRC in text messages.
const IRC_TEXT: &str = "text.ircv3.net";

/// IRC in binary messages.
const IRC_BINARY: &str = "binary.ircv3.net";

/// `/connect`: the frame protocol.
pub fn connect(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    handshake(request, asked.options, &[SUBPROTOCOL], |_| WebSocket::frames())
}

/// `/raw/{room}`: what a plain socket is, for browsers.
pub fn raw(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    if !is_room_name(&asked.room) {
        return refuse(Status::BadRequest, "that cannot name a room");
    }
    let echo = match request.parameter("echo") {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return refuse(Status::BadRequest, "echo is true or false"),
    };
    handshake(request, asked.options, &[], |_| WebSocket::raw(&asked.room, echo))
}

/// `/irc`: IRC, a line for each message (<https://ircv3.net/specs/extensions/websocket>). Clients that
/// name no subprotocol send text.
pub fn irc(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    handshake(request, asked.options, &[IRC_TEXT, IRC_BINARY], |chosen| {
        let is_binary = chosen == Some(IRC_BINARY);
        WebSocket::irc_in(if is_binary { Carrier::Binary } else { Carrier::Text })
    })
}

/// Whether a client of IRC comes to the root, as one does that was told a host and no path.
pub fn is_irc_at_root(request: &Request<'_>) -> bool {
    let speaks_irc = |name| [IRC_TEXT, IRC_BINARY].contains(&name);
    request.path == "/"
        && request.lists("upgrade", "websocket")
        && request.list("sec-websocket-protocol").any(speaks_irc)
}

/// Answers the handshake, or says what is wrong with it.
fn handshake(
    request: &Request<'_>,
    options: &Options,
    subprotocols: &[&'static str],
    open: impl FnOnce(Option<&'static str>) -> WebSocket,
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
        return refuse(Status::Forbidden, "pages of that origin may not speak to this relay");
    }
    let mut offered = request.list("sec-websocket-protocol").peekable();
    let is_offered = offered.peek().is_some();
    // In the client's order of preference.
    let known = |name: &str| subprotocols.iter().copied().find(|known| *known == name);
    let chosen = offered.find_map(known);
    if is_offered && chosen.is_none() {
        return refuse(Status::BadRequest, "no such subprotocol is spoken here");
    }
    let mut response = Response::empty(Status::SwitchingProtocols)
        .with("Upgrade", "websocket")
        .with("Connection", "Upgrade")
        .with("Sec-WebSocket-Accept", websocket::accept(key));
    if let Some(chosen) = chosen {
        response = response.with("Sec-WebSocket-Protocol", chosen);
    }
    let mut socket = open(chosen);
    if options.deflate && request.list("sec-websocket-extensions").any(is_deflate) {
        socket.deflate();
        response = response.with("Sec-WebSocket-Extensions", DEFLATE);
    }
    Outcome::Upgrade(response, socket)
}

/// How compression is agreed on, if it is.
const DEFLATE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Whether an offer of compression (RFC 7692 §7.1) can be accepted as it is. One that asks for a
/// smaller window cannot: everybody is sent the same bytes.
fn is_deflate(offer: &str) -> bool {
    let mut parts = offer.split(';').map(str::trim);
    parts.next() == Some("permessage-deflate")
        && parts.all(|parameter| {
            matches!(
                parameter,
                "server_no_context_takeover"
                    | "client_no_context_takeover"
                    | "client_max_window_bits"
            ) || parameter.strip_prefix("client_max_window_bits=").is_some_and(|bits| {
                bits.trim_matches('"').parse().is_ok_and(|bits| (8..=15).contains(&bits))
            })
        })
}

fn refuse(status: Status, why: &str) -> Outcome {
    Outcome::Respond(Response::text(status, why))
}

/// Whether this is an origin as browsers write one (RFC 6454 §6.2): scheme, host, and a port if it
/// is not the scheme's own.
pub fn is_origin(text: &str) -> bool {
    let is_authority_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    match text.split_once("://") {
        Some(("http" | "https", authority)) => {
            !authority.is_empty() && authority.bytes().all(is_authority_byte)
        }
        _ => false,
    }
}

fn is_key(key: &str) -> bool {
    BASE64.decode(key).is_ok_and(|key| key.len() == 16)
}

/// Whether the page that asks was loaded from this host, or from one of those named. Programs that
/// are no browser name no origin. Any other page could speak in its reader's place wherever being let in depends on where
/// the reader is, or on cookies.
pub fn may_speak(request: &Request<'_>, allowed: &[String]) -> bool {
    if request.all("origin").count() == 0 {
        return true;
    }
    let Some(origin) = request.header("origin") else { return false };
    if allowed.iter().any(|allowed| allowed == origin) {
        return true;
    }
    let Some(host) = request.header("host") else { return false };
    let (authority, default_port) = match origin.split_once("://") {
        Some(("http", authority)) => (authority, ":80"),
        Some(("https", authority)) => (authority, ":443"),
        _ => return false,
    };
    let bare = |host: &str| host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
    bare(authority) == bare(host)
}

/// The origin of a page from elsewhere that may speak here because it was named.
pub fn named_origin<'a>(request: &Request<'a>, allowed: &[String]) -> Option<&'a str> {
    request.header("origin").filter(|origin| allowed.iter().any(|allowed| allowed == origin))
}
