//! HTTP/1.1 requests (RFC 9112), the subset that the relay serves. `httparse` parses the head;
//! ambiguous requests, which allow request smuggling past a proxy, are refused here.

use httparse::{EMPTY_HEADER, Header};
use std::borrow::Cow;
use std::fmt;

/// The longest head of a request, in bytes: request line and headers. The limit of nginx and
/// Apache.
pub const HEAD_MAX: usize = 8 << 10;

/// The most headers of a request.
pub const HEADERS_MAX: usize = 64;

/// A request that cannot be served. The connection must be closed, because the start of the next
/// request is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// The bytes are not a request, or an ambiguous one.
    Malformed(&'static str),
    /// The request line is longer than a head may be.
    TargetTooLong,
    /// The head is too long, or has too many headers.
    HeadTooLong,
    /// The body is longer than the route accepts.
    BodyTooLong,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    Version,
    /// A transfer coding other than `chunked`.
    Coding,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(what) => what,
            Self::TargetTooLong => "the request line is longer than 8 KiB",
            Self::HeadTooLong => "the head is longer than 8 KiB, or has more than 64 headers",
            Self::BodyTooLong => "the body is longer than is taken here",
            Self::Version => "this relay speaks HTTP/1.1 and HTTP/1.0",
            Self::Coding => "no transfer coding but chunked is understood",
        })
    }
}

/// The framing of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// A length; 0 if there is no body.
    Length(usize),
    /// Chunked transfer coding.
    Chunked,
}

/// A complete request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The method as sent: methods are case-sensitive.
    pub method: &'a str,
    /// The path, not percent-decoded; it begins with `/`.
    pub path: &'a str,
    /// The query after the `?`; empty if there is none.
    pub query: &'a str,
    /// True for HTTP/1.1, false for HTTP/1.0.
    pub is_1_1: bool,
    headers: Vec<Header<'a>>,
    /// The body.
    pub body: Cow<'a, [u8]>,
}

impl<'a> Request<'a> {
    /// Returns the value of a header that must be unique; `None` if it is repeated.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut all = self.all(name);
        let first = all.next()?;
        if all.next().is_some() { None } else { std::str::from_utf8(first).ok() }
    }

    /// Returns the values of all headers of that name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.trim_ascii())
    }

    /// Returns the elements of a list header, over all its lines. An element that is not UTF-8
    /// becomes U+FFFD, which has no meaning in any list, so that the other elements keep their
    /// positions.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
            .map(|element| std::str::from_utf8(element).unwrap_or("\u{fffd}"))
    }

    /// True if a list header has this element, ignoring case.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(word))
    }

    /// Returns the raw value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// True if the connection stays open after this request.
    pub fn keeps_alive(&self) -> bool {
        match self.is_1_1 {
            true => !self.lists("connection", "close"),
            false => self.lists("connection", "keep-alive"),
        }
    }
}

/// Returns the end of the head; the first `searched` bytes were searched by an earlier call. Lines
/// must end in CRLF: different readings of line ends allow request smuggling.
///
/// # Errors
/// Input that cannot become a valid head.
pub fn head_end(bytes: &[u8], searched: usize) -> Result<Option<usize>, HttpError> {
    if searched == 0 {
        check_opening(bytes)?;
    }
    let window = bytes.get(..HEAD_MAX).unwrap_or(bytes);
    let from = searched.saturating_sub(3);
    let fresh = window.get(from..).unwrap_or_default();
    for (index, _) in fresh.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        let line = window.get(..from + index + 1).unwrap_or_default();
        if !line.ends_with(b"\r\n") {
            return Err(HttpError::Malformed("a line of the head ends in a bare newline"));
        }
        if line.ends_with(b"\r\n\r\n") {
            return Ok(Some(line.len()));
        }
        check_request_line(line)?;
    }
    if bytes.len() < HEAD_MAX {
        return Ok(None);
    }
    let is_one_line = !window.contains(&b'\n');
    Err(if is_one_line { HttpError::TargetTooLong } else { HttpError::HeadTooLong })
}

/// Checks the first byte: a request begins with the letters of its method. Other protocols are
/// refused at once.
fn check_opening(bytes: &[u8]) -> Result<(), HttpError> {
    match bytes.first() {
        None | Some(b'A'..=b'Z' | b'a'..=b'z') => Ok(()),
        Some(0x16) => Err(HttpError::Malformed("that is TLS, and this listener speaks plain HTTP")),
        Some(_) => Err(HttpError::Malformed("a request begins with a method")),
    }
}

/// Checks that the first line names HTTP: the client may have connected to the wrong port.
fn check_request_line(head: &[u8]) -> Result<(), HttpError> {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_request = line.windows(6).any(|six| six == b" HTTP/");
    is_request
        .then_some(())
        .ok_or(HttpError::Malformed("the first line is no request line of HTTP"))
}

/// Parses a complete head. The request's body is still empty.
///
/// # Errors
/// [`HttpError`].
pub fn parse_head(head: &[u8]) -> Result<(Request<'_>, Body), HttpError> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(used)) if used == head.len() => {}
        Ok(_) => return Err(HttpError::Malformed("the head ends before it ends")),
        Err(httparse::Error::TooManyHeaders) => return Err(HttpError::HeadTooLong),
        Err(httparse::Error::Version) => return Err(HttpError::Version),
        Err(_) => return Err(HttpError::Malformed("the head is not what RFC 9112 describes")),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(HttpError::Malformed("the request line lacks something"));
    };
    let target = if is_of_server(method, target) { target } else { origin_form(target)? };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (is_1_1, headers) = (minor == 1, parsed.headers.to_vec());
    let request = Request { method, path, query, is_1_1, headers, body: Cow::Borrowed(&[]) };
    check_host(&request)?;
    let body = delimit(&request)?;
    Ok((request, body))
}

/// True for `OPTIONS *`, which asks about the server itself (RFC 9112 §3.2.4).
fn is_of_server(method: &str, target: &str) -> bool {
    method == "OPTIONS" && target == "*"
}

/// Returns path and query of a target, of an absolute one as well (RFC 9112 §3.2.2).
fn origin_form(target: &str) -> Result<&str, HttpError> {
    let rest = match target.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').and_then(|at| rest.get(at..)),
        _ => Some(target),
    };
    let rest = rest.filter(|target| target.starts_with('/') && !target.contains('#'));
    rest.ok_or(HttpError::Malformed("the target is not a path"))
}

/// Checks that there is exactly one valid Host; HTTP/1.0 may omit it.
fn check_host(request: &Request<'_>) -> Result<(), HttpError> {
    match (request.all("host").count(), request.header("host")) {
        (0, _) if !request.is_1_1 => Ok(()),
        (0, _) => Err(HttpError::Malformed("a request names its Host")),
        (1, Some(host)) if host.bytes().all(is_host_byte) => Ok(()),
        (1, _) => Err(HttpError::Malformed("that is no Host")),
        _ => Err(HttpError::Malformed("a request names its Host once")),
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_:[]%~".contains(&byte)
}

/// Determines the framing of the body, if it is unambiguous (RFC 9112 §6).
fn delimit(request: &Request<'_>) -> Result<Body, HttpError> {
    let codings = request.all("transfer-encoding").count();
    let lengths = request.all("content-length").count();
    match (codings, lengths) {
        (0, 0) => Ok(Body::Length(0)),
        (0, 1) => match request.header("content-length").map(decimal) {
            Some(Some(length)) => Ok(Body::Length(length)),
            _ => Err(HttpError::Malformed("Content-Length is not a number")),
        },
        (0, _) => Err(HttpError::Malformed("Content-Length is given twice")),
        (_, 1..) => Err(HttpError::Malformed("Content-Length and Transfer-Encoding contradict")),
        _ if !request.is_1_1 => Err(HttpError::Malformed("HTTP/1.0 has no Transfer-Encoding")),
        _ => match request.header("transfer-encoding") {
            Some(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(Body::Chunked),
            _ => Err(HttpError::Coding),
        },
    }
}

/// Parses a decimal number without sign, space or list. A number that overflows becomes the
/// maximum, which exceeds every limit.
fn decimal(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

/// The progress in a chunked body (RFC 9112 §7.1). Every byte is examined once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunks {
    /// The position of the next chunk.
    at: u32,
    /// Body bytes in the earlier chunks.
    held: u32,
}

/// The longest size line of a chunk, with extensions, which are ignored.
const CHUNK_LINE_MAX: usize = 128;

impl Chunks {
    /// Advances through `bytes`, which begin with the body. Returns the body's length once its end
    /// is there. The body may have at most `max` bytes, and its chunk overhead about as much again.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn walk(&mut self, bytes: &[u8], max: usize) -> Result<Option<usize>, HttpError> {
        loop {
            if self.at as usize > max.saturating_mul(2).saturating_add(HEAD_MAX) {
                return Err(HttpError::BodyTooLong);
            }
            let rest = bytes.get(self.at as usize..).unwrap_or_default();
            let Some((size, line)) = chunk_line(rest)? else { return Ok(None) };
            if size > max.saturating_sub(self.held as usize) {
                return Err(HttpError::BodyTooLong);
            }
            let Some(end) = rest.get(line + size..).and_then(|rest| rest.get(..2)) else {
                return Ok(None);
            };
            if end != b"\r\n" {
                let what = if size == 0 { "trailers are not taken" } else { "a chunk has no end" };
                return Err(HttpError::Malformed(what));
            }
            self.at += (line + size + 2) as u32;
            self.held += size as u32;
            if size == 0 {
                return Ok(Some(self.at as usize));
            }
        }
    }
}

/// Returns the content of a complete chunked body.
pub fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Some((size, line))) = chunk_line(body) {
        bytes.extend_from_slice(body.get(line..line + size).unwrap_or_default());
        body = body.get(line + size + 2..).unwrap_or_default();
    }
    bytes
}

/// Returns the declared size of a chunk, and the length of its size line.
fn chunk_line(bytes: &[u8]) -> Result<Option<(usize, usize)>, HttpError> {
    const BAD: HttpError = HttpError::Malformed("a chunk does not begin with its size");
    let window = bytes.get(..CHUNK_LINE_MAX).unwrap_or(bytes);
    let Some(line) = window.split(|byte| *byte == b'\n').next().filter(|l| l.len() < window.len())
    else {
        return if bytes.len() < CHUNK_LINE_MAX { Ok(None) } else { Err(BAD) };
    };
    let text = line.strip_suffix(b"\r").filter(|text| !text.contains(&b'\r')).ok_or(BAD)?;
    let digits = text.split(|byte| *byte == b';').next().unwrap_or_default();
    let is_hex = (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let size = std::str::from_utf8(digits).ok().filter(|_| is_hex);
    let size = size.and_then(|digits| usize::from_str_radix(digits, 16).ok()).ok_or(BAD)?;
    Ok(Some((size, line.len() + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(head: &str) -> Result<(Request<'_>, Body), HttpError> {
        parse_head(head.as_bytes())
    }

    fn malformed(head: &str) -> &'static str {
        match parse(head) {
            Err(HttpError::Malformed(what)) => what,
            other => panic!("{head:?}: {other:?}"),
        }
    }

    /// Feeds the bytes one at a time; where the head ended, if it did.
    fn drip(bytes: &[u8]) -> Result<Option<usize>, HttpError> {
        let mut searched = 0;
        for end in 1..=bytes.len() {
            match head_end(&bytes[..end], searched)? {
                Some(found) => return Ok(Some(found)),
                None => searched = end,
            }
        }
        Ok(None)
    }

    #[test]
    fn a_head_is_found_however_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let and_more = [&head[..], b"GET /next HTTP/1.1\r\n"].concat();
        assert_eq!(head_end(&and_more, 0), Ok(Some(head.len())));
        assert_eq!(drip(&and_more), Ok(Some(head.len())));
        for cut in 1..head.len() {
            assert_eq!(head_end(&head[..cut], 0), Ok(None), "cut at {cut}");
            assert_eq!(head_end(head, cut), Ok(Some(head.len())), "cut at {cut}");
        }
    }

    #[test]
    fn fault_p11_other_protocols_are_told_at_once() {
        for other in [
            &b"\x16\x03\x01\x02"[..],
            b"\0\0\0\x0b",
            b"{\"type\"",
            b"NICK ann\r\n",
            b"GET /\r\n",
            b"GET / HTTP/1.1\nHost: a\n\n",
            b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        ] {
            assert!(matches!(head_end(other, 0), Err(HttpError::Malformed(_))), "{other:?}");
        }
    }

    #[test]
    fn fault_p4_a_head_has_a_limit() {
        let path = format!("GET /{} HTTP/1.1\r\n", "a".repeat(HEAD_MAX));
        assert_eq!(drip(path.as_bytes()), Err(HttpError::TargetTooLong));
        let header = format!("GET / HTTP/1.1\r\nX: {}\r\n", "a".repeat(HEAD_MAX));
        assert_eq!(drip(header.as_bytes()), Err(HttpError::HeadTooLong));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX));
        assert_eq!(parse(&many).unwrap_err(), HttpError::HeadTooLong);
    }

    #[test]
    fn a_request_is_taken_apart() {
        let head = "POST /rooms/tea?limit=5&x HTTP/1.1\r\nhost: a:80\r\nContent-Length: 12\r\nConnection: foo, Close\r\n\r\n";
        let (request, body) = parse(head).unwrap();
        assert_eq!((request.method, request.path), ("POST", "/rooms/tea"));
        assert_eq!((request.parameter("limit"), request.parameter("x")), (Some("5"), Some("")));
        assert_eq!(request.parameter("y"), None);
        assert_eq!(body, Body::Length(12));
        assert!(!request.keeps_alive());
        let absolute = "GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(parse(absolute).unwrap().0.path, "/b");
        assert!(!parse("GET / HTTP/1.0\r\n\r\n").unwrap().0.keeps_alive());
    }

    #[test]
    fn fault_p4_what_could_be_read_in_two_ways_is_refused() {
        for (headers, why) in [
            ("Content-Length: 1\r\nContent-Length: 1\r\n", "twice"),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "contradict"),
            ("Content-Length: +1\r\n", "not a number"),
            ("Content-Length: 1, 1\r\n", "not a number"),
            ("Content-Length: 0x1\r\n", "not a number"),
            ("Content-Length:\r\n", "not a number"),
            ("Host: b\r\n", "once"),
            ("X: a\r\n b\r\n", "RFC 9112"),
            ("X : a\r\n", "RFC 9112"),
            (" X: a\r\n", "RFC 9112"),
            ("X: a\0b\r\n", "RFC 9112"),
            ("no colon\r\n", "RFC 9112"),
        ] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
            assert!(malformed(&head).contains(why), "{headers:?}: {}", malformed(&head));
        }
        for coding in ["gzip, chunked", "chunked, chunked", "xchunked", "identity", ""] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n");
            assert_eq!(parse(&head).unwrap_err(), HttpError::Coding, "{coding}");
        }
        assert!(malformed("GET / HTTP/1.1\r\n\r\n").contains("Host"));
        assert!(malformed("GET / HTTP/1.1\r\nHost: a b\r\n\r\n").contains("Host"));
        assert!(malformed("GET * HTTP/1.1\r\nHost: a\r\n\r\n").contains("path"));
        assert!(malformed("GET a HTTP/1.1\r\nHost: a\r\n\r\n").contains("path"));
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(malformed(old).contains("HTTP/1.0"));
        let new = "PRI * HTTP/2.0\r\n\r\n";
        assert_eq!(parse(new).unwrap_err(), HttpError::Version);
    }

    fn walk(body: &[u8], max: usize) -> Result<Option<usize>, HttpError> {
        let whole = Chunks::default().walk(body, max);
        let mut dripped = Chunks::default();
        let mut found = Ok(None);
        for end in 0..=body.len() {
            found = dripped.walk(&body[..end], max);
            if !matches!(found, Ok(None)) {
                break;
            }
        }
        assert_eq!(whole, found, "{body:?}");
        whole
    }

    #[test]
    fn chunks_become_a_body() {
        let body = b"4\r\nWiki\r\n6;x=y\r\npedia \r\nA\r\nin\r\n\r\nchun\r\n0\r\n\r\n";
        assert_eq!(walk(body, 20), Ok(Some(body.len())));
        assert_eq!(dechunk(body), b"Wikipedia in\r\n\r\nchun");
        assert_eq!(walk(&[&body[..], b"GET"].concat(), 20), Ok(Some(body.len())));
        assert_eq!(walk(body, 19), Err(HttpError::BodyTooLong));
        assert_eq!(walk(b"0\r\n\r\n", 0), Ok(Some(5)));
    }

    #[test]
    fn fault_p4_bad_chunks_are_refused() {
        for bad in [
            &b"x\r\n"[..],
            b"\r\n",
            b"-1\r\n",
            b" 1\r\na\r\n",
            b"1 \r\na\r\n",
            b"0x1\r\na\r\n",
            b"1\na\n",
            b"1\r\nab\r\n",
            b"000000001\r\na\r\n",
            b"0\r\nTrailer: x\r\n\r\n",
            b"1;a\rb\r\na\r\n",
        ] {
            assert!(matches!(walk(bad, 100), Err(HttpError::Malformed(_))), "{bad:?}");
        }
        assert_eq!(walk(b"ffffffff\r\n", 100), Err(HttpError::BodyTooLong));
        let tiny = [&b"1;"[..], &[b'e'; 100], b"\r\nx\r\n"].concat().repeat(100);
        assert_eq!(walk(&tiny, 100), Err(HttpError::BodyTooLong));
        assert!(walk(&[b'0'; 200], 100).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let _ = (head_end(&bytes, 0), head_end(&bytes, cut), parse_head(&bytes), dechunk(&bytes));
            let _ = walk(&bytes, 50);
        }
    }
}
