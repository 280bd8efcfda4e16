//! Which pages may speak to the relay: origins (RFC 6454).

use crate::session::options::origin::AllowedOrigin;
use crate::wire::http::Request;

/// Whether the page that asks was loaded from this host, or from one of those named. Programs that
/// are no browser name no origin. Any other page could speak in its reader's place wherever being let in depends on where
/// the reader is, or on cookies.
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

/// The origin of a page from elsewhere that may speak here because it was named.
pub fn named_origin<'a>(request: &Request<'a>, allowed: &[AllowedOrigin]) -> Option<&'a str> {
    request.header("origin").filter(|origin| allowed.iter().any(|allowed| allowed.covers(origin)))
}

/// Says whose pages were refused, and what lets them in.
pub fn refusal(request: &Request<'_>) -> String {
    let origin = request.header("origin").unwrap_or("another origin");
    let host = request.header("host").unwrap_or("no host");
    format!(
        "pages of {origin} may not speak to this relay, which was asked for as {host}: \
        let them with --allow-origin {origin}, or have the proxy in front pass the Host header on"
    )
}
