//! WebSocket as it is spoken to the relay.
#![cfg(all(feature = "http", feature = "json"))]

mod common;

use common::Server;
use common::web::{BINARY, Browser, CLOSE, PING, PONG, TEXT};
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
    let (id, key) = (common::conn_id(1, 0), common::minted(1));
    json::write_server(&common::welcome(id, key, "ann", &limits), &mut welcome);
    ann.expect(TEXT, welcome.trim_ascii_end());
    ann.send(TEXT, br#"{"type":"join","request":1,"room":"tea"}"#);
    assert!(ann.next().payload.starts_with(br#"{"type":"joined","request":1"#));

    let mut bob = Browser::open_with(
        server.connect(),
        "/connect",
        "Sec-WebSocket-Protocol: x, hobnob.v1\r\n",
    );
    assert!(bob.answer.contains("\r\nSec-WebSocket-Protocol: hobnob.v1\r\n"));
    let room = common::FIRST_ROOM;
    for frame in [common::hello("bob"), common::join(2, "tea")] {
        let bytes = common::encode(common::Spelling::Binary, &frame);
        bob.send(BINARY, &bytes[LENGTH_SIZE..]);
        bob.next();
    }
    ann.expect(TEXT, br#"{"type":"came","room":4194304,"count":2,"name":"bob"}"#);
    let mut raw = Browser::open(&server, "/raw/te%61");
    bob.expect(BINARY, &binary_message(&common::came(room, 3, "guest1")));
    let mut plain = server.connect_to(1);
    bob.expect(BINARY, &binary_message(&common::came(room, 4, "guest2")));

    raw.send(TEXT, "grüße".as_bytes());
    raw.expect(TEXT, "grüße".as_bytes());
    plain.expect_bytes("grüße\n".as_bytes());
    raw.send(BINARY, b"looks like text");
    raw.expect(BINARY, b"looks like text");
    plain.expect_bytes(b"looks like text");
    plain.send(b"from nc\n");
    raw.expect(TEXT, b"from nc\n");
    for _ in 0..3 {
        assert_eq!(bob.next().payload[0], binary::kind::MESSAGE);
    }
    raw.send(CLOSE, &1000_u16.to_be_bytes());
    raw.expect_close(1000);
    bob.expect(BINARY, &binary_message(&common::went(room, 3, "guest1")));
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
