//! Detection of clients that speak another protocol, by their first bytes.

/// A protocol that the listener does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A TLS client hello (RFC 8446 §5.1: handshake record, legacy version 3.x).
    Tls,
    /// An HTTP request line, as a browser on the wrong port would send.
    Http,
}

/// Detects another protocol in the first bytes of a connection. Only complete, unmistakable
/// openings count: on a `raw` listener all other bytes are messages.
pub fn foreign(first: &[u8]) -> Option<Foreign> {
    if first.starts_with(&[0x16, 0x03]) && first.get(2).is_some_and(|minor| *minor <= 4) {
        return Some(Foreign::Tls);
    }
    let line = first.split(|&byte| byte == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|&byte| byte == b' ');
    let method = words.next()?;
    let version = words.nth(1)?;
    let is_method = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    (is_method && version.starts_with(b"HTTP/") && words.next().is_none()).then_some(Foreign::Http)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_tls_and_http_from_messages() {
        assert_eq!(foreign(b"\x16\x03\x01\x02\x00\x01"), Some(Foreign::Tls));
        assert_eq!(foreign(b"GET / HTTP/1.1\r\nHost: x\r\n"), Some(Foreign::Http));
        assert_eq!(foreign(b"POST /rooms/x HTTP/1.0\n"), Some(Foreign::Http));
        for message in [
            &b"GET well soon"[..],
            b"hello",
            b"",
            b"\x16",
            b"a b HTTP/",
            b"GET / HTTP/1.1 is what browsers say",
        ] {
            assert_eq!(foreign(message), None, "{message:?}");
        }
    }
}
