//! Which pages may speak to the relay: origins (RFC 6454).

use crate::wire::http::Request;

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
