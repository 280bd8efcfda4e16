//! HTTP as it is spoken to the relay: request by request, byte for byte.
#![cfg(feature = "http")]

mod common;

use common::{Client, Server};
use hobnob::reason::CloseReason;

fn server() -> Server {
    Server::start(&["http://127.0.0.1:0"])
}

/// One answer, taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Whether the relay said that this is the connection's last.
    fn is_last(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// Reads one answer; `has_body` is false for HEAD.
fn answer(client: &mut Client, has_body: bool) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(client.read_exactly(1));
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    if has_body {
        answer.body = client.read_exactly(length);
    }
    answer
}

fn ask(client: &mut Client, request: &str) -> Answer {
    client.send(request.as_bytes());
    answer(client, !request.starts_with("HEAD"))
}

#[test]
fn the_page_is_served_and_known_again() {
    let server = server();
    let mut client = server.connect();
    let page = ask(&mut client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((page.status, page.is_last()), (200, false));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.body.starts_with(b"<!doctype html>"));
    let head = ask(&mut client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(head.header("content-length"), page.header("content-length"));
    let tag = page.header("etag").unwrap();
    let again = format!("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\", {tag}\r\n\r\n");
    assert_eq!(ask(&mut client, &again).status, 304);
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(ask(&mut client, last).is_last());
    client.expect_end();
    drop(client);
    server.until_closed(CloseReason::PeerClosed, 1);
}

#[test]
fn requests_in_one_write_are_answered_in_turn() {
    let server = server();
    let mut client = server.connect();
    client.send(
        b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /connect HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(answer(&mut client, true).status, 404);
    let refused = answer(&mut client, true);
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(answer(&mut client, true).status, 426);
}

#[test]
fn fault_p4_what_is_no_request_is_answered_and_closed() {
    let server = server();
    let requests = [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("PRI * HTTP/2.0\r\n\r\n", 505),
        ("NICK ann\r\n", 400),
    ];
    for (n, (request, status)) in requests.iter().enumerate() {
        let mut client = server.connect();
        let refused = ask(&mut client, request);
        assert_eq!((refused.status, refused.is_last()), (*status, true), "{request}");
        client.expect_end();
        drop(client);
        server.until_closed(CloseReason::BadRequest, n as u64 + 1);
    }
}
