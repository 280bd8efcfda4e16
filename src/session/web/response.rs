//! HTTP responses.

use std::borrow::Cow;

/// The headers of every response. They forbid content sniffing, use by other origins, and
/// referrers.
const ALWAYS: &str = "X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n";

/// Declares the statuses (RFC 9110 §15) with their reason phrases.
macro_rules! statuses {
    ($($name:ident = $code:literal, $phrase:literal;)*) => {
        /// The status of a response.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Status {
            $(#[doc = $phrase] $name = $code,)*
        }

        impl Status {
            /// Returns the status code.
            pub fn code(self) -> u16 {
                self as u16
            }

            /// Returns the reason phrase.
            pub fn phrase(self) -> &'static str {
                match self { $(Self::$name => $phrase,)* }
            }
        }
    };
}

statuses! {
    SwitchingProtocols = 101, "Switching Protocols";
    Ok = 200, "OK";
    Created = 201, "Created";
    NoContent = 204, "No Content";
    NotModified = 304, "Not Modified";
    BadRequest = 400, "Bad Request";
    Forbidden = 403, "Forbidden";
    NotFound = 404, "Not Found";
    MethodNotAllowed = 405, "Method Not Allowed";
    RequestTimeout = 408, "Request Timeout";
    Conflict = 409, "Conflict";
    ContentTooLarge = 413, "Content Too Large";
    UriTooLong = 414, "URI Too Long";
    ExpectationFailed = 417, "Expectation Failed";
    MisdirectedRequest = 421, "Misdirected Request";
    UpgradeRequired = 426, "Upgrade Required";
    TooManyRequests = 429, "Too Many Requests";
    HeadTooLarge = 431, "Request Header Fields Too Large";
    InternalError = 500, "Internal Server Error";
    NotImplemented = 501, "Not Implemented";
    Unavailable = 503, "Service Unavailable";
    Timeout = 504, "Gateway Timeout";
    VersionNotSupported = 505, "HTTP Version Not Supported";
}

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The response's status.
    pub status: Status,
    /// The headers in addition to those of every response.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body. It is not sent if the method is HEAD.
    pub body: Cow<'static, [u8]>,
    /// True if the body has no known length and ends with the connection.
    pub is_endless: bool,
}

impl Response {
    /// Returns a response without a body.
    pub fn empty(status: Status) -> Self {
        Self { status, headers: Vec::new(), body: Cow::Borrowed(&[]), is_endless: false }
    }

    /// Returns a response with this body.
    pub fn new(
        status: Status,
        content_type: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self { body: body.into(), ..Self::empty(status) }.with("Content-Type", content_type)
    }

    /// Returns the beginning of a response that ends with the connection.
    pub fn endless(content_type: &'static str) -> Self {
        let response = Self { is_endless: true, ..Self::empty(Status::Ok) };
        response.with("Content-Type", content_type)
    }

    /// Returns a response that a person can read: one sentence.
    pub fn text(status: Status, sentence: &str) -> Self {
        let body = format!("{sentence}\n").into_bytes();
        Self::new(status, "text/plain; charset=utf-8", body).with("Cache-Control", "no-store")
    }

    /// Returns the response with headers that let a page of another origin read it (the Fetch
    /// standard, §3.3).
    pub fn for_origin(self, origin: Option<&str>) -> Self {
        let Some(origin) = origin else { return self };
        self.with("Access-Control-Allow-Origin", origin.to_owned())
            .with("Access-Control-Expose-Headers", "Link, Location, Retry-After")
            .with("Vary", "Origin")
    }

    /// Returns the response with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the bytes before the body. With `ends`, it is the last response of the connection.
    pub fn head(&self, ends: bool) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status.code(), self.status.phrase());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let has_no_body = matches!(
            self.status,
            Status::SwitchingProtocols | Status::NoContent | Status::NotModified
        );
        if !has_no_body && !self.is_endless {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        if ends {
            head.push_str("Connection: close\r\n");
        }
        head.push_str(ALWAYS);
        head.push_str("\r\n");
        head
    }
}

/// Returns the response to an invalid request, with the reason.
pub(super) fn refused(why: &str) -> Box<Response> {
    Box::new(Response::text(Status::BadRequest, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_much_follows_and_whether_more_may() {
        let head = Response::text(Status::NotFound, "nothing is here").head(true);
        assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Length: 16\r\n"), "{head}");
        assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        let head = Response::empty(Status::SwitchingProtocols).head(false);
        assert!(!head.contains("Content-Length") && !head.contains("Connection"), "{head}");
    }
}
