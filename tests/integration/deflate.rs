//! permessage-deflate, where it is switched on. Cases 12 and 13 of the Autobahn list ask that messages
//! of many sizes come back, and that parameters are agreed on or declined; here with what could go
//! wrong besides.

use crate::common::Server;
use crate::common::web::{BINARY, Browser, CLOSE, PING, PONG, TEXT};
use hobnob::wire::deflate::{Deflater, InflateError, Inflater};

/// RSV1: the message is compressed.
const PACKED: u8 = 0x40;

fn deflate(message: &[u8]) -> Option<Vec<u8>> {
    Deflater::default().deflate(message).map(<[u8]>::to_vec)
}

fn inflate(packed: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
    Inflater::default().inflate(packed, max)
}

fn server() -> Server {
    Server::start(&["http://127.0.0.1:0?deflate=true"])
}

fn open(server: &Server, path: &str) -> Browser {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let browser = Browser::open_with(server.connect(), path, offer);
    assert!(browser.answer.contains("Sec-WebSocket-Extensions: permessage-deflate"));
    browser
}

/// The next message, and whether it came compressed.
fn next(browser: &mut Browser) -> (u8, Vec<u8>, bool) {
    let frame = browser.next();
    let is_packed = frame.first & PACKED != 0;
    let payload = match is_packed {
        true => inflate(&frame.payload, 1 << 20).expect("deflated data"),
        false => frame.payload,
    };
    (frame.first & !PACKED, payload, is_packed)
}

/// Letters, of which half follow from the ones before.
fn text(length: usize) -> Vec<u8> {
    (0..length).map(|n| b'a' + (n * n / 7 % 23) as u8).collect()
}

#[test]
fn case_12_messages_of_all_sizes_come_back() {
    let server = server();
    let mut browser = open(&server, "/raw/tea");
    for size in [0, 16, 63, 64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10] {
        for first in [TEXT, BINARY] {
            let message = text(size);
            let packed = deflate(&message);
            match &packed {
                Some(packed) => browser.send(first | PACKED, packed),
                None => browser.send(first, &message),
            }
            let (came, payload, is_packed) = next(&mut browser);
            assert!(came == first && payload == message, "{size}");
            assert_eq!(is_packed, size >= 64 && packed.is_some(), "{size}");
            // Not everything has to be compressed.
            browser.send(first, &message);
            assert!(next(&mut browser).1 == message, "{size}");
        }
    }
}

#[test]
fn case_13_parameters_are_agreed_on_or_declined() {
    let server = server();
    for (offer, is_accepted) in [
        ("permessage-deflate", true),
        ("permessage-deflate; client_max_window_bits", true),
        ("permessage-deflate; client_max_window_bits=8", true),
        ("permessage-deflate; client_max_window_bits=\"15\"", true),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", true),
        ("permessage-deflate; server_max_window_bits=10, permessage-deflate", true),
        ("x-webkit-deflate-frame, permessage-deflate", true),
        ("permessage-deflate; server_max_window_bits=9", false),
        ("permessage-deflate; client_max_window_bits=16", false),
        ("permessage-deflate; unknown", false),
        ("permessage-deflate; server_no_context_takeover=1", false),
        ("permessage-bzip2", false),
    ] {
        let header = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        let mut browser = Browser::open_with(server.connect(), "/raw/tea", &header);
        let answer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
        assert_eq!(browser.answer.contains(answer), is_accepted, "{offer}: {}", browser.answer);
        browser.send(TEXT | PACKED, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        match is_accepted {
            true => browser.expect(TEXT, b"Hello"),
            false => browser.expect_close(1002),
        }
    }
    let server = Server::start(&["http://127.0.0.1:0"]);
    let header = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let browser = Browser::open_with(server.connect(), "/raw/tea", header);
    assert!(!browser.answer.contains("Extensions"), "off unless it is switched on");
}

#[test]
fn those_who_read_it_and_those_who_do_not_are_in_one_room() {
    let server = server();
    let mut packed = [open(&server, "/raw/tea"), open(&server, "/raw/tea")];
    let mut plain = Browser::open(&server, "/raw/tea");
    let mut frames = open(&server, "/connect");
    frames.send(TEXT, br#"{"type":"hello","version":1,"name":"ann"}"#);
    frames.send(TEXT, br#"{"type":"join","request":1,"room":"tea"}"#);
    frames.next();
    frames.next();
    let said = text(1000);
    plain.send(TEXT, &said);
    plain.expect(TEXT, &said);
    let first = packed[0].next();
    assert_eq!(first, packed[1].next(), "the same bytes for everybody");
    assert_eq!((first.first, inflate(&first.payload, 1000)), (TEXT | PACKED, Ok(said)));
    let (_, message, is_packed) = next(&mut frames);
    assert!(is_packed && message.starts_with(br#"{"type":"message""#));
}

#[test]
fn fragments_of_a_compressed_message_are_inflated_together() {
    let server = server();
    let mut browser = open(&server, "/raw/tea");
    let message = text(3000);
    let packed = deflate(&message).unwrap();
    let (head, tail) = packed.split_at(packed.len() / 2);
    browser.send(0x01 | PACKED, head);
    browser.send(PING, b"");
    browser.expect(PONG, b"");
    browser.send(0x80, tail);
    assert_eq!(next(&mut browser).1, message);
}

#[test]
fn fault_p6_bombs_and_nonsense_are_closed() {
    let server = server();
    let bomb = deflate(&vec![0; 16 << 20]).unwrap();
    assert!(bomb.len() < 64 << 10);
    let cases: [(u8, &[u8], u16); 6] = [
        (BINARY | PACKED, &bomb, 1009),
        (BINARY | PACKED, &[0x07], 1002),
        (BINARY | PACKED, &[0xff; 100], 1002),
        (0x80 | PACKED, b"", 1002),
        (PING | PACKED, b"", 1002),
        (CLOSE | PACKED, b"", 1002),
    ];
    for (first, payload, code) in cases {
        let mut browser = open(&server, "/raw/tea");
        browser.send(first, payload);
        browser.expect_close(code);
    }
    let mut browser = open(&server, "/raw/tea");
    browser.send(TEXT | PACKED, &deflate(&[0xff; 100]).unwrap());
    browser.expect_close(1007);
    // Before hello there is little that may be inflated.
    let mut browser = open(&server, "/connect");
    browser.send(TEXT | PACKED, &deflate(&[b' '; 9 << 10]).unwrap());
    let close = loop {
        let frame = browser.next();
        if frame.first == CLOSE {
            break frame;
        }
    };
    assert_eq!(close.payload[..2], 1009_u16.to_be_bytes());
}
