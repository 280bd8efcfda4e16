//! Origins of pages (RFC 6454) that may use the relay, in addition to its own.

use std::fmt;
use std::str::FromStr;

/// The origin that a browser sends to hide the real one, for a page in a file or a sandbox.
const NULL: &str = "null";

/// One or more origins that an operator allows, in the form that browsers send: lower case, without
/// a slash at the end, and without the scheme's default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin {
    /// `https://chat.example`, `capacitor://localhost`, `null`. For a wildcard, the scheme is
    /// followed by a dot and the suffix of every host.
    text: String,
    is_wildcard: bool,
}

/// The error for a text that is no origin, with the expected form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError(String);

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OriginError {}

impl AllowedOrigin {
    /// True if the `Origin` header of a request matches. Browsers send the canonical form, so any
    /// other form does not match.
    pub fn covers(&self, origin: &str) -> bool {
        if !self.is_wildcard {
            return origin == self.text;
        }
        let (Some((scheme, suffix)), Some((given, authority))) =
            (self.text.split_once("://"), origin.split_once("://"))
        else {
            return false;
        };
        let is_below = authority.len() > suffix.len() && authority.ends_with(suffix);
        scheme == given
            && is_below
            && canonical(origin).is_some_and(|canonical| canonical == origin)
    }

    /// True if pages of these origins come from a host of this name.
    pub fn covers_host(&self, name: &str) -> bool {
        let Some((_, authority)) = self.text.split_once("://") else { return false };
        let host = super::authority::name_in(authority);
        match self.is_wildcard {
            true => name.len() > host.len() && name.ends_with(&host),
            false => host == name,
        }
    }
}

impl FromStr for AllowedOrigin {
    type Err = OriginError;

    /// Parses an origin as people write it: `https://chat.example`, `https://*.example` for all
    /// subdomains, `capacitor://localhost`, `null`. Case and a slash at the end do not matter.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let expected = |problem: &str| {
            OriginError(format!(
                "invalid origin {text:?}: {problem}; expected https://HOST, https://HOST:PORT, \
                 https://*.DOMAIN, another scheme with a host (capacitor://localhost), or null"
            ))
        };
        let Some(canonical) = canonical(text) else {
            let has_path = text
                .split_once("://")
                .is_some_and(|(_, rest)| rest.trim_end_matches('/').contains('/'));
            return Err(expected(match text.split_once("://") {
                None => "it has no scheme",
                Some(_) if !text.is_ascii() => {
                    "browsers send such a host in ASCII, as xn--…: write it so"
                }
                Some(_) if has_path => "an origin has no path",
                Some(_) => "its scheme, host or port is not one",
            }));
        };
        let Some((scheme, rest)) = canonical.split_once("://*") else {
            let is_misplaced = canonical.contains('*');
            return match is_misplaced {
                true => Err(expected("a star stands for the first part of the host alone")),
                false => Ok(Self { text: canonical, is_wildcard: false }),
            };
        };
        if !rest.starts_with('.') || rest.len() < 2 || rest.contains('*') {
            return Err(expected("a star stands for the first part of the host alone"));
        }
        Ok(Self { text: format!("{scheme}://{rest}"), is_wildcard: true })
    }
}

/// Returns an origin in the form that browsers send (RFC 6454, §6.2); `None` if the text is no
/// origin.
fn canonical(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    if text == NULL {
        return Some(text);
    }
    let (scheme, authority) = text.split_once("://")?;
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(is_scheme_byte);
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let authority = authority.strip_suffix(default_port).unwrap_or(authority);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    let is_host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?.parse::<core::net::Ipv6Addr>().is_ok(),
        None => host.bytes().all(is_host_byte),
    };
    // Pages of files have no host. Browsers that do not send `null` for them send `file://`.
    let has_host = !host.is_empty() || scheme == "file" && port.is_none();
    (is_scheme && is_port && is_host && has_host).then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> AllowedOrigin {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn an_origin_covers_what_browsers_send_for_it() {
        for (text, origin) in [
            ("https://chat.example", "https://chat.example"),
            ("https://chat.example:443", "https://chat.example"),
            ("HTTPS://Chat.Example/", "https://chat.example"),
            ("http://chat.example:80", "http://chat.example"),
            ("http://chat.example:8080", "http://chat.example:8080"),
            ("http://[2001:db8::1]:81", "http://[2001:db8::1]:81"),
            ("http://[::1]", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("tauri://localhost", "tauri://localhost"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
            ("file://", "file://"),
            ("null", "null"),
            ("https://*.example", "https://chat.example"),
            ("https://*.example", "https://a.b.example"),
            ("https://*.example:8443", "https://a.example:8443"),
        ] {
            assert!(allowed(text).covers(origin), "{text} covers {origin}");
        }
    }

    #[test]
    fn an_origin_covers_no_other() {
        for (text, origin) in [
            ("https://chat.example", "http://chat.example"),
            ("https://chat.example", "https://chat.example:8443"),
            ("https://chat.example", "https://chat.example.evil.example"),
            ("https://chat.example", "null"),
            ("https://*.example", "https://example"),
            ("https://*.example", "https://.example"),
            ("https://*.example", "https://evilexample"),
            ("https://*.example", "http://chat.example"),
            ("https://*.example", "https://chat.example:8443"),
            ("null", "https://null"),
            ("capacitor://localhost", "http://localhost"),
            ("https://chat.example", "nonsense"),
            ("https://chat.example", "https://CHAT.example"),
            ("https://chat.example", "https://chat.example/"),
            ("https://*.example", "https://a b.example"),
            ("https://*.example", "https://A.example"),
        ] {
            assert!(!allowed(text).covers(origin), "{text} covers {origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_told_what_is_expected() {
        for (text, problem) in [
            ("chat.example", "no scheme"),
            ("https://", "is not one"),
            ("https://a.example/chat", "no path"),
            ("https://chät.example", "xn--"),
            ("https://a.example:99999", "is not one"),
            ("https://a b.example", "is not one"),
            ("https://*", "a star"),
            ("https://*example", "a star"),
            ("https://a.*.example", "a star"),
            ("https://*.*.example", "a star"),
            ("://a.example", "is not one"),
        ] {
            let error = text.parse::<AllowedOrigin>().unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("https://HOST"), "{error}");
        }
    }

    #[test]
    fn hosts_of_allowed_pages_are_known() {
        assert!(allowed("https://chat.example:8443").covers_host("chat.example"));
        assert!(allowed("https://*.example").covers_host("chat.example"));
        for name in ["example", ".example", "evilexample"] {
            assert!(!allowed("https://*.example").covers_host(name), "{name}");
        }
        assert!(!allowed("null").covers_host("null"));
    }
}
