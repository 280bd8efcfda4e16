//! What a request is answered with.

use std::borrow::Cow;

/// Sent with every answer: it is what it says it is, it is nobody else's, and where the reader came
/// from is nobody's business.
const ALWAYS: &str = "X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n";

/// Declares the statuses (RFC 9110 §15) with their reason phrases.
macro_rules! statuses {
    ($($name:ident = $code:literal, $phrase:literal;)*) => {
        /// How a request ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Status {
            $(#[doc = $phrase] $name = $code,)*
        }

        impl Status {
            /// The number on the wire.
            pub fn code(self) -> u16 {
                self as u16
            }

            /// The words beside it.
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

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: Status,
    /// Headers beside those that every answer has.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// What is sent, if the method is not HEAD.
    pub body: Cow<'static, [u8]>,
    /// What follows the head has no length: it ends with the connection.
    pub is_endless: bool,
}

impl Response {
    /// An answer without a body.
    pub fn empty(status: Status) -> Self {
        Self { status, headers: Vec::new(), body: Cow::Borrowed(&[]), is_endless: false }
    }

    /// An answer with this body.
    pub fn new(
        status: Status,
        content_type: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self { body: body.into(), ..Self::empty(status) }.with("Content-Type", content_type)
    }

    /// The beginning of an answer that ends with the connection.
    pub fn endless(content_type: &'static str) -> Self {
        let response = Self { is_endless: true, ..Self::empty(Status::Ok) };
        response.with("Content-Type", content_type)
    }

    /// An answer for a person: one sentence.
    pub fn text(status: Status, sentence: &str) -> Self {
        let body = format!("{sentence}\n").into_bytes();
        Self::new(status, "text/plain; charset=utf-8", body).with("Cache-Control", "no-store")
    }

    /// The same for a page of another origin, which may read it (the Fetch standard, §3.3).
    pub fn for_origin(self, origin: Option<&str>) -> Self {
        let Some(origin) = origin else { return self };
        self.with("Access-Control-Allow-Origin", origin.to_owned())
            .with("Access-Control-Expose-Headers", "Link, Location, Retry-After")
            .with("Vary", "Origin")
    }

    /// The same with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The bytes before the body. With `ends`, it is the connection's last answer.
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

/// A request that cannot be answered as it is, and why.
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
