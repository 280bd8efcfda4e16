//! WebSocket as it is spoken to the relay.

use crate::common::web::{BINARY, Browser, CLOSE, PING, PONG, TEXT, frame, handshake};
use crate::common::{Client, Server, one_an_hour};
use hobnob::Limits;
use hobnob::reason::CloseReason;
use hobnob::wire::binary::{self, LENGTH_SIZE};
use hobnob::wire::frame::ServerFrame;
use hobnob::wire::json;

/// A frame of the relay in a binary message.
fn binary_message(frame: &ServerFrame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    binary::write_server(frame, &mut bytes);
    bytes.split_off(LENGTH_SIZE)
}

#[test]
fn everybody_meets_in_one_room_in_their_own_words() {
    let server = Server::start(&["http://127.0.0.1:0", "raw://127.0.0.1:0?room=tea"]);
    let limits = hobnob::Limits::default();
    let mut ann = Browser::open(&server, "/connect");
    ann.send(TEXT, br#"{"type":"hello","version":1,"name":"ann"}"#);
    let mut welcome = Vec::new();
    let (id, key) = (crate::common::conn_id(1, 0), crate::common::minted(1));
    json::write_server(&crate::common::welcome(id, key, "ann", &limits), &mut welcome);
    ann.expect(TEXT, welcome.trim_ascii_end());
    ann.send(TEXT, br#"{"type":"join","request":1,"room":"tea"}"#);
    assert!(ann.next().payload.starts_with(br#"{"type":"joined","request":1"#));

    let mut bob = Browser::open_with(
        server.connect(),
        "/connect",
        "Sec-WebSocket-Protocol: x, hobnob.v1\r\n",
    );
    assert!(bob.answer.contains("\r\nSec-WebSocket-Protocol: hobnob.v1\r\n"));
    let room = crate::common::FIRST_ROOM;
    for frame in [crate::common::hello("bob"), crate::common::join(2, "tea")] {
        let bytes = crate::common::encode(crate::common::Spelling::Binary, &frame);
        bob.send(BINARY, &bytes[LENGTH_SIZE..]);
        bob.next();
    }
    ann.expect(TEXT, br#"{"type":"came","room":4194304,"count":2,"name":"bob"}"#);
    let mut raw = Browser::open(&server, "/raw/te%61");
    bob.expect(BINARY, &binary_message(&crate::common::came(room, 3, "guest1")));
    let mut plain = server.connect_to(1);
    bob.expect(BINARY, &binary_message(&crate::common::came(room, 4, "guest2")));

    raw.send(TEXT, "grüße".as_bytes());
    raw.expect(TEXT, "grüße".as_bytes());
    plain.expect_bytes("grüße\n".as_bytes());
    raw.send(BINARY, b"looks like text");
    raw.expect(BINARY, b"looks like text");
    plain.expect_bytes(b"looks like text");
    plain.send(b"from nc\n");
    raw.expect(TEXT, b"from nc\n");
    for _ in 0..3 {
        assert_eq!(bob.next().payload[0], binary::kind::server::Message);
    }
    raw.send(CLOSE, &1000_u16.to_be_bytes());
    raw.expect_close(1000);
    bob.expect(BINARY, &binary_message(&crate::common::went(room, 3, "guest1")));
}

#[test]
fn a_ping_comes_back_between_the_fragments_of_a_message() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    let mut browser = Browser::open(&server, "/raw/tea?echo=true");
    browser.send(0x01, "häl".as_bytes());
    browser.send(PING, b"still here?");
    browser.expect(PONG, b"still here?");
    browser.send(0x80, b"lo");
    browser.expect(TEXT, "hällo".as_bytes());
}

fn server() -> Server {
    Server::start(&["http://127.0.0.1:0"])
}

/// What a handshake that is not accepted is answered with: the status, and the whole answer.
fn refused(client: &mut Client, request: &(impl AsRef<[u8]> + ?Sized)) -> (u16, String) {
    client.send(request.as_ref());
    let answer = client.read_until(b"\r\n\r\n");
    let head = String::from_utf8(answer).unwrap();
    let length = head.split_once("Content-Length: ").unwrap().1.split_once('\r').unwrap().0;
    let body = client.read_exactly(length.parse().unwrap());
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head + &String::from_utf8(body).unwrap())
}

#[test]
fn fault_p5_a_bad_handshake_is_told_what_is_wrong() {
    let server = server();
    let good = handshake("/connect", "");
    assert!(good.contains("Version: 13\r\n"));
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let cases = [
        (good.replace("Upgrade: websocket\r\n", ""), 426, "Upgrade: websocket"),
        (good.replace("Upgrade: websocket\r\n", "Upgrade: h2c\r\n"), 426, "Upgrade: websocket"),
        (good.replace("keep-alive, Upgrade", "keep-alive"), 426, "Upgrade: websocket"),
        (good.replace("Version: 13", "Version: 8"), 426, "Sec-WebSocket-Version: 13"),
        (good.replace("Sec-WebSocket-Version: 13\r\n", ""), 426, "Sec-WebSocket-Version: 13"),
        (good.replace(key, ""), 400, "Sec-WebSocket-Key"),
        (good.replace(key, &key.repeat(2)), 400, "Sec-WebSocket-Key"),
        (good.replace("IHNhbX", "IHNhb"), 400, "Sec-WebSocket-Key"),
        (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400, "Sec-WebSocket-Key"),
        (good.replace("GET", "POST"), 405, "Allow: GET, HEAD"),
        (good.replace("HTTP/1.1", "HTTP/1.0"), 426, "Upgrade: websocket"),
        (handshake("/raw/a%20b", ""), 400, "name a room"),
        (handshake("/raw/a%2Cb", ""), 400, "name a room"),
        (handshake("/raw/a%0Ab", ""), 400, "name a room"),
        (handshake("/raw/%ff", ""), 400, "UTF-8"),
        (handshake(&format!("/raw/{}", "a".repeat(129)), ""), 400, "name a room"),
        (handshake("/raw/tea?echo=1", ""), 400, "true or false"),
        (handshake("/raw/", ""), 404, "nothing"),
        (handshake("/connect/", ""), 404, "nothing"),
        (handshake("/connect", "Content-Length: 5\r\n") + "hello", 413, ""),
    ];
    for (request, status, part) in cases {
        let (came, answer) = refused(&mut server.connect(), &request);
        assert_eq!(came, status, "{request}{answer}");
        assert!(answer.contains(part), "{request}{answer}");
    }
}

#[test]
fn fault_a1_pages_of_other_origins_are_refused() {
    let options = "allow-origin=https://chat.example&allow-origin=http://other.example:81";
    let server = Server::start(&[&format!("http://127.0.0.1:0?host=relay.test&{options}")]);
    let with_origin = |origin: &str| {
        let request = handshake("/connect", &format!("Origin: {origin}\r\n"));
        request.replace("Host: localhost", "Host: relay.test")
    };
    for origin in [
        "null",
        "",
        "https://evil.example",
        "http://relay.test.evil.example",
        "http://evilrelay.test",
        "http://relay.test:8080",
        "http://relay.test@evil.example",
        "http://evil.example/relay.test",
        "ftp://relay.test",
        "relay.test",
        "https://chat.example.evil.example",
        "http://chat.example",
        "https://chat.example:444",
        "https://CHAT.example",
        "http://other.example",
        "http://relay.test\r\nOrigin: http://relay.test",
    ] {
        let (status, answer) = refused(&mut server.connect(), &with_origin(origin));
        assert_eq!(status, 403, "{origin}: {answer}");
    }
    for origin in [
        "http://relay.test",
        "https://relay.test",
        "http://RELAY.test:80",
        "https://relay.test:443",
        "https://chat.example",
        "http://other.example:81",
    ] {
        Browser::open_by(server.connect(), &with_origin(origin));
    }
}

#[test]
fn fault_a1_a_name_that_was_pointed_at_this_machine_is_refused() {
    let server = Server::start(&["http://127.0.0.1:0"]);
    // What a browser sends for a page of evil.example, once that name stands for 127.0.0.1: the same
    // host, and with GET not even an origin.
    let rebound = handshake("/connect", "Origin: http://evil.example:8080\r\n");
    let rebound = rebound.replace("Host: localhost", "Host: evil.example:8080");
    let (status, answer) = refused(&mut server.connect(), &rebound);
    assert_eq!(status, 421, "{answer}");
    assert!(answer.contains("--allow-host evil.example, or host=evil.example in"), "{answer}");
    let origin = rebound.replace("evil.example:8080", "tea.localhost:8080");
    Browser::open_by(server.connect(), &origin);
}

#[test]
fn echo_is_the_senders_choice() {
    let server = server();
    let mut ann = Browser::open(&server, "/raw/tea?echo=false");
    let mut bob = Browser::open(&server, "/raw/tea");
    bob.send(TEXT, b"I am here");
    bob.expect(TEXT, b"I am here");
    ann.expect(TEXT, b"I am here");
    ann.send(TEXT, b"me too");
    bob.expect(TEXT, b"me too");
    bob.send(TEXT, b"");
    ann.expect(TEXT, b"");
}

#[test]
fn a_conversation_keeps_its_spelling_and_its_rules() {
    let server = server();
    let hello = br#"{"type":"hello","version":1,"name":""}"#;
    type Messages<'a> = &'a [(u8, &'a [u8])];
    let cases: &[(Messages<'_>, u16)] = &[
        (&[(TEXT, hello), (BINARY, b"\x06\0\0\0\0\0\0\0\0")], 1003),
        (&[(BINARY, b"\x01\0\x01\0\0\0\0\0\0\0\0"), (TEXT, hello)], 1003),
        (&[(TEXT, hello), (TEXT, hello)], 1002),
        (&[(TEXT, b"not JSON")], 1002),
        (&[(TEXT, b"[1]")], 1002),
        (&[(TEXT, br#"{"type":"hello","version":9,"name":""}"#)], 1002),
        (&[(TEXT, br#"{"type":"join","request":1,"room":"tea"}"#)], 1002),
        (&[(BINARY, b"")], 1002),
        (&[(BINARY, b"\x7f")], 1002),
        (&[(BINARY, b"\x06")], 1002),
        (&[(BINARY, &[0; 9 << 10])], 1009),
        (&[(TEXT, b"\xff")], 1007),
    ];
    for (messages, code) in cases {
        let mut browser = Browser::open(&server, "/connect");
        for (first, payload) in *messages {
            browser.send(*first, payload);
        }
        let spelt = if code == &1003 || messages.len() == 1 { messages[0].0 } else { TEXT };
        let close = loop {
            let frame = browser.next();
            if frame.first == CLOSE {
                break frame.payload;
            }
            assert!([spelt, TEXT].contains(&frame.first));
        };
        let text = String::from_utf8_lossy(&close);
        assert_eq!(close[..2], code.to_be_bytes(), "{messages:?}: {text}");
        browser.client.expect_end();
    }
}

/// What breaks in here is told in its own words before WebSocket's: the code, and the sentence.
#[test]
fn a_fault_is_told_in_a_frame_and_in_the_close() {
    let server = server();
    let mut browser = Browser::open(&server, "/connect");
    browser.send(TEXT, br#"{"type":"sing"}"#);
    let error = browser.next();
    assert!(error.payload.starts_with(br#"{"type":"error","code":300,"#));
    assert!(browser.next().payload.starts_with(br#"{"type":"bye","code":300,"#));
    let close = browser.next();
    assert_eq!(close.first, CLOSE);
    assert!(close.payload[2..].starts_with(b"bad_frame: "));
}

#[test]
fn fault_p3_a_byte_at_a_time_is_the_same() {
    let server = server();
    let mut client = server.connect();
    for byte in handshake("/raw/tea", "").bytes() {
        client.send(&[byte]);
    }
    client.read_until(b"\r\n\r\n");
    for byte in frame(TEXT, b"hello").into_iter().chain(frame(PING, b"?")) {
        client.send(&[byte]);
    }
    client.expect_bytes(b"\x81\x05hello\x8a\x01?");
}

#[test]
fn what_comes_with_the_handshake_is_heard_too() {
    let server = server();
    let mut client = server.connect();
    let early = [handshake("/raw/tea", "").into_bytes(), frame(TEXT, b"early"), frame(PING, b"")];
    client.send(&early.concat());
    client.read_until(b"\r\n\r\n");
    client.expect_bytes(b"\x81\x05early\x8a\x00");
}

#[test]
fn fault_p12_ten_thousand_messages_in_one_write_starve_nobody() {
    let server = server();
    let mut flood = Browser::open(&server, "/raw/flood");
    let mut other = Browser::open(&server, "/raw/other");
    let flooded = frame(TEXT, b"x").repeat(10_000);
    let mut socket = flood.client.socket.try_clone().unwrap();
    let writer =
        std::thread::spawn(move || std::io::Write::write_all(&mut socket, &flooded).unwrap());
    other.send(TEXT, b"and I?");
    other.expect(TEXT, b"and I?");
    for _ in 0..10_000 {
        flood.expect(TEXT, b"x");
    }
    writer.join().unwrap();
}

/// Whoever asks and does not read is not listened to any further, and nothing is lost.
#[test]
fn fault_s3_a_flood_of_pings_waits_for_its_pongs() {
    const PINGS: usize = 20_000;
    let limits = Limits {
        outbox: 16 << 10,
        send_buffer: 16 << 10,
        presence_members: 50,
        ..Limits::default()
    };
    let server = Server::with(&["http://127.0.0.1:0"], limits);
    let mut browser = Browser::open_with(server.connect_narrow(0, 4096), "/raw/tea", "");
    let mut socket = browser.client.socket.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        for n in 0..PINGS {
            let mut payload = n.to_be_bytes().to_vec();
            payload.resize(125, b'p');
            std::io::Write::write_all(&mut socket, &frame(PING, &payload)).unwrap();
        }
    });
    let mut other = Browser::open(&server, "/raw/tea");
    for n in 0..100_u8 {
        other.send(TEXT, &[b'a' + n % 26]);
        other.expect(TEXT, &[b'a' + n % 26]);
    }
    let mut pongs = 0;
    while pongs < PINGS {
        let frame = browser.next();
        if frame.first == PONG {
            assert_eq!(frame.payload[..8], pongs.to_be_bytes());
            pongs += 1;
        }
    }
    writer.join().unwrap();
}

/// A browser's plain socket cannot be told a gap: it is closed behind a whole message.
#[test]
fn fault_s1_a_stalled_socket_is_closed_between_messages() {
    let limits = Limits {
        message: 16 << 10,
        backlog: 128 << 10,
        send_buffer: 16 << 10,
        ..Limits::default()
    };
    let server = Server::with(&["http://127.0.0.1:0"], limits);
    let mut stalled = Browser::open_with(server.connect_narrow(0, 4096), "/raw/tea", "");
    let mut ann = Browser::open(&server, "/raw/tea");
    let mut said = 0;
    while server.counts().overruns == 0 {
        said += 1;
        let text = format!("{said:06} {}", "and so on ".repeat(800));
        ann.send(TEXT, text.as_bytes());
        ann.expect(TEXT, text.as_bytes());
    }
    let mut heard = 0;
    let close = loop {
        let frame = stalled.next();
        if frame.first == CLOSE {
            break frame;
        }
        heard += 1;
        assert!(frame.payload.starts_with(format!("{heard:06} and so on").as_bytes()));
        assert_eq!(frame.payload.len(), 8007);
    };
    assert!(0 < heard && heard < said);
    assert_eq!(close.payload[..2], 1008_u16.to_be_bytes());
    assert!(close.payload[2..].starts_with(b"slow_consumer: "));
    drop(stalled);
    server.until_closed(CloseReason::SlowConsumer, 1);
}

/// One in frames is told what it missed, and goes on.
#[test]
fn fault_s1_stalled_frames_are_told_their_gap() {
    let limits = Limits {
        message: 16 << 10,
        backlog: 128 << 10,
        send_buffer: 16 << 10,
        history_bytes: 50_000,
        ..Limits::default()
    };
    let server = Server::with(&["http://127.0.0.1:0"], limits);
    let mut stalled = Browser::open_with(server.connect_narrow(0, 4096), "/connect", "");
    stalled.send(TEXT, br#"{"type":"hello","version":1,"name":"ann"}"#);
    stalled.send(TEXT, br#"{"type":"join","request":1,"room":"tea"}"#);
    for _ in 0..2 {
        stalled.next();
    }
    let mut bob = Browser::open(&server, "/raw/tea");
    for n in 1..=200_u64 {
        let text = format!("{n:06} {}", "and so on ".repeat(800));
        bob.send(TEXT, text.as_bytes());
        bob.expect(TEXT, text.as_bytes());
    }
    let (mut next, mut gaps) = (1_u64, 0);
    while next <= 200 {
        let payload = String::from_utf8(stalled.next().payload).unwrap();
        let number = |name: &str| -> Option<u64> {
            let rest = payload.split_once(&format!("\"{name}\":"))?.1;
            rest.split([',', '}']).next()?.parse().ok()
        };
        if payload.starts_with(r#"{"type":"message""#) {
            assert_eq!(number("offset"), Some(next), "{payload}");
            next += 1;
        } else if payload.starts_with(r#"{"type":"gap""#) {
            assert_eq!(number("from"), Some(next), "{payload}");
            next = number("to").unwrap() + 1;
            gaps += 1;
        }
    }
    assert!(gaps > 0);
}

#[test]
fn fault_s7_silence_is_pinged_and_an_answer_is_enough() {
    let millis = std::time::Duration::from_millis;
    let pinged = |grace| {
        let limits = Limits { ping_after: millis(100), ping_grace: grace, ..Limits::default() };
        Server::with(&["http://127.0.0.1:0"], limits)
    };
    let server = pinged(millis(2000));
    let mut alive = Browser::open(&server, "/raw/tea");
    for _ in 0..2 {
        alive.expect(PING, b"");
        alive.send(PONG, b"");
    }
    let server = pinged(millis(100));
    let mut dead = Browser::open(&server, "/raw/tea");
    dead.expect(PING, b"");
    dead.expect_close(1008);
    drop(dead);
    server.until_closed(CloseReason::PingTimeout, 1);
}

#[test]
fn a_drain_says_so_and_closes_with_1012() {
    let server = server();
    let mut raw = Browser::open(&server, "/raw/tea");
    let mut json = Browser::open(&server, "/connect");
    json.send(TEXT, br#"{"type":"hello","version":1,"name":"ann"}"#);
    json.next();
    server.handle.stop();
    raw.expect_close(1012);
    assert!(json.next().payload.starts_with(br#"{"type":"error","code":108,"#));
    assert!(json.next().payload.starts_with(br#"{"type":"bye","code":207,"#));
    json.expect_close(1012);
}

#[test]
fn fault_s4_who_never_says_hello_is_closed() {
    let handshake = std::time::Duration::from_secs(1);
    let server = Server::with(&["http://127.0.0.1:0"], Limits { handshake, ..Limits::default() });
    let mut browser = Browser::open(&server, "/connect");
    assert!(browser.next().payload.starts_with(br#"{"type":"bye","code":202,"#));
    browser.expect_close(1008);
    drop(browser);
    server.until_closed(CloseReason::HandshakeTimeout, 1);
}

#[test]
fn fault_s6_who_hangs_up_is_gone_and_who_breaks_off_too() {
    let server = server();
    let mut ann = Browser::open(&server, "/raw/tea");
    ann.client.shut();
    ann.expect_close(1000);
    drop(ann);
    server.until_closed(CloseReason::PeerClosed, 1);
    let mut bob = Browser::open(&server, "/raw/tea");
    bob.send(0x01, b"half a mess");
    bob.send(PING, b"");
    bob.expect(PONG, b"");
    bob.client.reset();
    server.until_closed(CloseReason::Lost, 1);
    server.until_connected(0);
}

/// A relay that believes proxies on this machine, and lets two in from one address.
fn behind_proxy(options: &str) -> Server {
    let limits = Limits { per_address: 2, limit_loopback: false, ..one_an_hour(1) };
    Server::with(&[&format!("http://127.0.0.1:0?{options}")], limits)
}

#[test]
fn fault_a3_those_behind_a_believed_proxy_are_counted_one_by_one() {
    let server = behind_proxy("trust=127.0.0.0/8,10.0.0.0/8");
    let mut kept = Vec::new();
    for noted in ["203.0.113.7", "1.1.1.1, 203.0.113.7", "203.0.113.8", "203.0.113.8, 10.1.2.3"] {
        let header = format!("X-Forwarded-For: {noted}\r\n");
        kept.push(Browser::open_with(server.connect(), "/raw/tea", &header));
    }
    for noted in
        ["203.0.113.7", "203.0.113.9, 203.0.113.7", "203.0.113.8\r\nX-Forwarded-For: 10.0.0.1"]
    {
        let request = handshake("/raw/tea", &format!("X-Forwarded-For: {noted}\r\n"));
        assert_eq!(refused(&mut server.connect(), &request).0, 503, "{noted}");
    }
    let nonsense = handshake("/raw/tea", "X-Forwarded-For: me\r\n");
    assert_eq!(refused(&mut server.connect(), &nonsense).0, 400);
    // Nobody is overlooked because of a byte that is no text, or because nothing was noted.
    for noted in [&b"\xff"[..], b"", b"203.0.113.20\xff", b"203.0.113.20, \xff"] {
        let request = handshake("/raw/tea", "X-Forwarded-For: @\r\n").into_bytes();
        let at = request.iter().position(|byte| *byte == b'@').unwrap();
        let request = [&request[..at], noted, &request[at + 1..]].concat();
        assert_eq!(refused(&mut server.connect(), &request).0, 400, "{noted:?}");
    }
    // Who leaves makes room for another.
    kept.remove(0).client.reset();
    server.until_closed(CloseReason::Lost, 1);
    let header = "X-Forwarded-For: 203.0.113.7\r\n";
    let mut again = Browser::open_with(server.connect(), "/raw/tea", header);
    // Strangers are held to the message rate, even if their proxy is on this machine. A plain
    // socket's counterpart cannot be told and is closed; joining was the first of one action.
    again.send(TEXT, b"hello");
    again.expect_close(1008);
}

#[test]
fn fault_a3_nobody_else_is_believed() {
    for options in ["", "trust=10.0.0.0/8"] {
        let server = behind_proxy(options);
        let _open: Vec<Browser> = (0..5)
            .map(|_| {
                let header = "X-Forwarded-For: 203.0.113.7\r\n";
                Browser::open_with(server.connect(), "/raw/tea", header)
            })
            .collect();
        let mut claims = server.connect();
        let header = "PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n";
        let request = format!("{header}{}", handshake("/raw/tea", ""));
        assert_eq!(refused(&mut claims, &request).0, 400, "{options}: never guessed at");
    }
    let server = behind_proxy("trust=10.0.0.0/8&proxy=true");
    let request = format!("PROXY TCP4 10.0.0.1 127.0.0.1 1 2\r\n{}", handshake("/raw/tea", ""));
    assert_eq!(refused(&mut server.connect(), &request).0, 400);
}

#[test]
fn fault_a3_the_proxy_protocol_names_who_is_counted() {
    let server = behind_proxy("trust=127.0.0.1&proxy=true");
    let lines = [
        &b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n"[..],
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x7f\0\0\x01\0\x01\0\x02",
    ];
    let mut kept = Vec::new();
    for line in lines {
        let mut client = server.connect();
        for byte in line {
            client.send(&[*byte]);
        }
        kept.push(Browser::open_with(client, "/raw/tea", "X-Forwarded-For: 203.0.113.8\r\n"));
    }
    let mut third = server.connect();
    third.send(lines[0]);
    let (status, _) = refused(&mut third, &handshake("/raw/tea", ""));
    assert_eq!(status, 503);
    let mut check = server.connect();
    check.send(b"PROXY UNKNOWN\r\n");
    kept.push(Browser::open_with(check, "/raw/tea", ""));
    assert_eq!(refused(&mut server.connect(), &handshake("/raw/tea", "")).0, 400, "no header");
}
