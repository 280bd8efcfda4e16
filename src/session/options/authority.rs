//! Authorities: a host with an optional port (RFC 3986, §3.2).

/// Returns the host of an authority in lower case, without its port and without a dot at its end:
/// `localhost` for `LOCALHOST.:8080`.
pub fn name_in(authority: &str) -> String {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out_of_authorities() {
        for (authority, name) in [
            ("relay.test", "relay.test"),
            ("Relay.Test:8080", "relay.test"),
            ("localhost.:80", "localhost"),
            ("127.0.0.1:8080", "127.0.0.1"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("relay.test:", "relay.test"),
            ("", ""),
        ] {
            assert_eq!(name_in(authority), name, "{authority}");
        }
    }
}
