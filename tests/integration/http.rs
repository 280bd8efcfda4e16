//! HTTP as it is spoken to the relay: request by request, byte for byte.

use crate::common::Server;
use crate::common::http::{answer, ask};
use hobnob::Limits;
use hobnob::reason::CloseReason;
use std::time::Duration;

fn server() -> Server {
    Server::start(&["http://127.0.0.1:0"])
}

#[test]
fn the_page_is_served_and_known_again() {
    let server = server();
    let mut client = server.connect();
    let page = ask(&mut client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((page.status, page.is_last()), (200, false));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.body.starts_with(b"<!doctype html>"));
    let head = ask(&mut client, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(head.header("content-length"), page.header("content-length"));
    let tag = page.header("etag").unwrap();
    let again = format!("GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"x\", {tag}\r\n\r\n");
    assert_eq!(ask(&mut client, &again).status, 304);
    let last = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
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
        b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\nPOST / HTTP/1.1\r\nHost: localhost\r\n\r\n\r\nGET /connect HTTP/1.1\r\nHost: localhost\r\n\r\n",
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
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("PRI * HTTP/2.0\r\n\r\n", 505),
        ("NICK ann\r\n", 400),
        ("\u{16}\u{3}\u{1}", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        ("GET http://a HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
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

#[test]
fn fault_p4_heads_beyond_the_limits_are_refused_while_they_come() {
    let server = server();
    let long = "a".repeat(9 << 10);
    let many = "X: y\r\n".repeat(1000);
    for (request, status) in [
        (format!("GET /{long}"), 414),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}"), 431),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", &many[..64 * 6]), 431),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}", "X: y\r\n".repeat(10_000)), 431),
    ] {
        let mut client = server.connect();
        let refused = ask(&mut client, &request);
        assert_eq!((refused.status, refused.is_last()), (status, true));
        client.expect_end();
    }
}

#[test]
fn no_path_reaches_the_file_system() {
    let server = server();
    let mut client = server.connect();
    for path in [
        "/index.html",
        "/../Cargo.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/./",
        "/\\..\\..\\x",
        "/raw/../connect",
        "/%00",
    ] {
        let answer = ask(&mut client, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!(answer.status, 404, "{path}: {}", answer.head);
    }
}

#[test]
fn old_clients_are_answered_once_unless_they_ask_for_more() {
    let server = server();
    let mut client = server.connect();
    assert!(ask(&mut client, "GET / HTTP/1.0\r\n\r\n").is_last());
    client.expect_end();
    let mut client = server.connect();
    for _ in 0..3 {
        let again = ask(&mut client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!((again.status, again.is_last()), (200, false));
    }
}

#[test]
fn a_body_that_nobody_takes_is_not_waited_for() {
    let server = server();
    for request in [
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999999\r\n\r\nab",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let mut client = server.connect();
        let answer = ask(&mut client, request);
        assert_eq!((answer.status, answer.is_last()), (200, true), "{request}");
        client.expect_end();
    }
    let mut client = server.connect();
    let chunked = "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(ask(&mut client, &format!("{chunked}0\r\n\r\n")).status, 200);
    assert_eq!(ask(&mut client, &format!("{chunked}1\r\nx\r\n0\r\n\r\n")).status, 413);
    client.expect_end();
    let mut client = server.connect();
    let odd = "GET / HTTP/1.1\r\nHost: localhost\r\nExpect: a-miracle\r\n\r\n";
    assert_eq!(ask(&mut client, odd).status, 417);
}

#[test]
fn fault_p3_a_request_a_byte_at_a_time() {
    let server = server();
    let mut client = server.connect();
    for byte in b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n" {
        client.send(&[*byte]);
    }
    assert_eq!(answer(&mut client, true).status, 404);
}

#[test]
fn fault_s4_half_a_request_has_its_time_and_no_more() {
    let handshake = Duration::from_secs(1);
    let server = Server::with(&["http://127.0.0.1:0"], Limits { handshake, ..Limits::default() });
    let mut slow = server.connect();
    slow.send(b"GET / HTTP/1.1\r\nHost:");
    let late = answer(&mut slow, true);
    assert_eq!((late.status, late.is_last()), (408, true));
    slow.expect_end();
    drop(slow);
    let mut silent = server.connect();
    silent.expect_end();
    drop(silent);
    server.until_closed(CloseReason::HandshakeTimeout, 2);
    let mut idle = server.connect();
    assert_eq!(ask(&mut idle, "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 404);
    idle.expect_end();
    drop(idle);
    server.until_closed(CloseReason::Idle, 1);
}

#[test]
fn who_is_turned_away_is_told_in_http() {
    let limits = Limits { connections: Some(1), ..Limits::default() };
    let server = Server::with(&["http://127.0.0.1:0"], limits);
    let mut first = server.connect();
    assert_eq!(ask(&mut first, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 404);
    let mut second = server.connect();
    let full = answer(&mut second, true);
    assert_eq!((full.status, full.is_last()), (503, true));
}

#[test]
fn fault_s6_who_hangs_up_behind_its_request_is_answered() {
    let server = server();
    let mut client = server.connect();
    client.send(
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    client.shut();
    assert_eq!(answer(&mut client, true).status, 200);
    assert_eq!(answer(&mut client, true).status, 404);
    client.expect_end();
}

/// A body is waited for where it is taken: announced, by its length, and in chunks.
#[test]
fn bodies_come_by_their_length_or_in_chunks() {
    let server = server();
    let mut client = server.connect();
    let post = "POST /rooms/tea/messages HTTP/1.1\r\nHost: localhost\r\n";
    client.send(format!("{post}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n").as_bytes());
    client.expect_bytes(b"HTTP/1.1 100 Continue\r\n\r\n");
    let by_length = ask(&mut client, "hello");
    assert!((200..300).contains(&by_length.status), "{}", by_length.head);
    let chunked =
        format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x\r\n again\r\n0\r\n\r\n");
    for byte in chunked.bytes() {
        client.send(&[byte]);
    }
    assert_eq!(answer(&mut client, true).status, by_length.status);
    // A body that has come already is not asked for.
    let at_once = format!("{post}Content-Length: 2\r\nExpect: 100-continue\r\n\r\nhi");
    assert_eq!(ask(&mut client, &at_once).status, by_length.status);
    let mut reader = server.connect();
    let kept = ask(&mut reader, "GET /rooms/tea/messages HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let kept = String::from_utf8(kept.body).unwrap();
    for said in ["\"hello\"", "\"hello again\"", "\"hi\""] {
        assert!(kept.contains(said), "{kept}");
    }
}

#[test]
fn fault_p1_a_body_beyond_the_limit_is_refused_before_it_comes() {
    let limits = Limits { message: 1_000, ..Limits::default() };
    let server = Server::with(&["http://127.0.0.1:0"], limits);
    let post = "POST /rooms/tea/messages HTTP/1.1\r\nHost: localhost\r\n";
    for (rest, status) in [
        ("Content-Length: 1001\r\n\r\n", 413),
        ("Content-Length: 9223372036854775808\r\n\r\n", 413),
        ("Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", 413),
        ("Transfer-Encoding: chunked\r\n\r\n3e9\r\n", 413),
        ("Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413),
        ("Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\n1\na\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\nX: trailer\r\n\r\n", 400),
    ] {
        let mut client = server.connect();
        let refused = ask(&mut client, &format!("{post}{rest}"));
        assert_eq!((refused.status, refused.is_last()), (status, true), "{rest}");
        client.expect_end();
    }
}
