//! What real programs do to an HTTP server: proxies, health checks, libraries.

use crate::common::Server;
use crate::common::http::{ask, get, listen, post};
use crate::common::web::handshake;

#[test]
fn a_stream_tells_proxies_to_pass_on_each_event_as_it_comes() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    let stream = get(&mut server.connect(), "/rooms/tea/events");
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    assert_eq!(stream.header("cache-control"), Some("no-cache, no-transform"));
}

#[test]
fn a_stream_comes_in_chunks_and_says_that_it_is_over() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    let mut events = listen(&server, 0, "/rooms/tea/events", "");
    let joined = String::from_utf8(events.next_chunk()).unwrap();
    assert!(joined.contains("\nevent: joined\n") && joined.ends_with("\n\n"), "{joined:?}");
    // A chunk a message: a reader that waits for blocks of some size has each as it comes.
    for text in ["first", "second"] {
        post(&mut server.connect(), "/rooms/tea/messages", "", text.as_bytes());
        let chunk = String::from_utf8(events.next_chunk()).unwrap();
        assert_eq!(chunk.matches("data: ").count(), 1, "{chunk:?}");
        assert!(chunk.contains(&format!("\"text\":\"{text}\"")), "{chunk:?}");
    }
    server.stop();
    let kinds = std::iter::from_fn(|| Some(events.next_chunk()).filter(|chunk| !chunk.is_empty()));
    let kinds: Vec<String> = kinds.map(|chunk| String::from_utf8(chunk).unwrap()).collect();
    assert!(kinds.last().is_some_and(|last| last.starts_with("event: bye\n")), "{kinds:?}");
    events.client.expect_end();
}

#[test]
fn a_reader_of_http_1_0_has_the_same_events_without_chunks() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    let mut client = server.connect();
    let begun = ask(&mut client, "GET /rooms/tea/events HTTP/1.0\r\n\r\n");
    assert_eq!((begun.status, begun.header("transfer-encoding")), (200, None));
    assert!(client.read_until(b"\n\n").starts_with(b"retry: "));
    post(&mut server.connect(), "/rooms/tea/messages", "", b"hello");
    assert!(client.read_until(b"\n\n").starts_with(b"id: "));
}

#[test]
fn a_client_of_http_1_0_that_keeps_alive_is_told_so() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    let mut client = server.connect();
    let request = "GET /rooms HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
    for _ in 0..2 {
        let rooms = ask(&mut client, request);
        assert_eq!((rooms.status, rooms.header("connection")), (200, Some("keep-alive")));
    }
    let last = ask(&mut client, "GET /rooms HTTP/1.0\r\n\r\n");
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    client.expect_end();
}

#[test]
fn options_are_answered_on_any_path() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    for (path, allowed) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("/rooms", "GET, HEAD, OPTIONS"),
        ("/rooms/tea/messages", "GET, HEAD, POST, OPTIONS"),
        ("/nowhere", "OPTIONS"),
        ("*", "OPTIONS"),
    ] {
        for version in ["HTTP/1.0\r\n\r\n", "HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
            let answer = ask(&mut server.connect(), &format!("OPTIONS {path} {version}"));
            assert_eq!((answer.status, answer.header("allow")), (204, Some(allowed)), "{path}");
        }
    }
    let nothing = ask(&mut server.connect(), "GET * HTTP/1.0\r\n\r\n");
    assert_eq!(nothing.status, 400);
}

#[test]
fn parameters_that_libraries_add_to_a_stream_are_ignored() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    for query in ["_=1", "lastEventId=", "access_token=x&_=2&_=3"] {
        let stream = get(&mut server.connect(), &format!("/rooms/tea/events?{query}"));
        assert_eq!(stream.status, 200, "{query}");
    }
    // It means what the header means: here, a place that is none.
    let bad = get(&mut server.connect(), "/rooms/tea/events?lastEventId=nonsense");
    assert_eq!(bad.status, 400);
}

#[test]
fn a_handshake_whose_subprotocols_are_unknown_chooses_none() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    for path in ["/connect", "/raw/tea", "/irc"] {
        let request = handshake(path, "Sec-WebSocket-Protocol: soap, wamp\r\n");
        let answer = ask(&mut server.connect(), &request);
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, None), "{path}");
    }
}

#[test]
fn a_page_of_an_allowed_origin_may_send_any_header() {
    let server = Server::start(&["http://127.0.0.1:0?allow-origin=https://chat.example"]);
    let asked =
        "Access-Control-Request-Headers: cache-control, x-requested-with,traceparent, b\"ad";
    let request = format!(
        "OPTIONS /rooms HTTP/1.1\r\nHost: localhost\r\nOrigin: https://chat.example\r\n{asked}\r\n\r\n"
    );
    let answer = ask(&mut server.connect(), &request);
    let headers = answer.header("access-control-allow-headers").unwrap();
    assert!(headers.ends_with(", cache-control, x-requested-with, traceparent"), "{headers}");
    assert!(headers.starts_with("Authorization, "), "{headers}");
}

#[test]
fn a_page_that_is_refused_is_told_what_would_let_it_in() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    let request = handshake("/connect", "Origin: https://chat.example\r\n");
    let answer = ask(&mut server.connect(), &request);
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 403);
    for part in ["https://chat.example", "--allow-origin", "asked for as localhost", "Host header"]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[cfg(feature = "deflate")]
#[test]
fn an_offer_that_our_window_satisfies_is_accepted() {
    let server = Server::start(&["http://127.0.0.1:0?deflate=true"]);
    for (bits, is_accepted) in [("15", true), ("\"15\"", true), ("14", false), ("16", false)] {
        let offer = format!(
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits={bits}\r\n"
        );
        let answer = ask(&mut server.connect(), &handshake("/raw/tea", &offer));
        let extensions = answer.header("sec-websocket-extensions").unwrap_or_default();
        assert_eq!(answer.status, 101);
        assert_eq!(extensions.ends_with("server_max_window_bits=15"), is_accepted, "{bits}");
    }
}

#[test]
fn any_origin_that_a_browser_can_send_may_be_allowed_and_is_told_so() {
    for (allowed, origin) in [
        ("https://Chat.Example:443/", "https://chat.example"),
        ("https://*.example", "https://chat.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
        ("null", "null"),
    ] {
        let server = Server::start(&[&format!("http://127.0.0.1:0?allow-origin={allowed}")]);
        let request = handshake("/connect", &format!("Origin: {origin}\r\n"));
        assert_eq!(ask(&mut server.connect(), &request).status, 101, "{allowed}");
        let page = format!("GET /rooms HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n");
        let answer = ask(&mut server.connect(), &page);
        let told = answer.header("access-control-allow-origin");
        assert_eq!((answer.status, told), (200, Some(origin)), "{allowed}");
        let stranger = handshake("/connect", "Origin: https://evil.example.net\r\n");
        assert_eq!(ask(&mut server.connect(), &stranger).status, 403, "{allowed}");
        let page =
            "GET /rooms HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example.net\r\n\r\n";
        let refused = ask(&mut server.connect(), page);
        let is_told = refused.text().contains("--allow-origin http://evil.example.net");
        assert!(refused.status == 403 && is_told, "{refused:?}");
    }
}

#[test]
fn a_room_is_not_named_like_a_folder_of_its_path() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    for path in ["/rooms/../messages", "/rooms/%2e%2E/messages", "/rooms/./messages"] {
        let answer = post(&mut server.connect(), path, "", b"hello");
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains("not . or .."), "{answer:?}");
    }
    let answer = post(&mut server.connect(), "/rooms/.../messages", "", b"hello");
    assert_eq!(answer.status, 201);
}
