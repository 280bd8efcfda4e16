//! The origins (RFC 6454) whose pages may use the relay.

use crate::session::options::origin::AllowedOrigin;
use crate::wire::http::Request;

/// True if the requesting page was loaded from this host, or from an allowed origin. Programs other
/// than browsers send no origin and pass. Any other page could act for its reader wherever access
/// depends on the reader's network or on cookies.
pub fn may_speak(request: &Request<'_>, allowed: &[AllowedOrigin]) -> bool {
    if request.all("origin").count() == 0 {
        return true;
    }
    let Some(origin) = request.header("origin") else { return false };
    if allowed.iter().any(|allowed| allowed.covers(origin)) {
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

/// Returns the origin of the requesting page if it is in the allowed list.
pub fn named_origin<'a>(request: &Request<'a>, allowed: &[AllowedOrigin]) -> Option<&'a str> {
    request.header("origin").filter(|origin| allowed.iter().any(|allowed| allowed.covers(origin)))
}

/// Returns the text that refuses a page's origin and names the option that allows it.
pub fn refusal(request: &Request<'_>) -> String {
    let origin = request.header("origin").unwrap_or("another origin");
    let host = request.header("host").unwrap_or("no host");
    format!(
        "pages of {origin} may not speak to this relay, which was asked for as {host}: \
        let them with --allow-origin {origin}, or have the proxy in front pass the Host header on"
    )
}
