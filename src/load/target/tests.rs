//! Recorded output of real servers, cut at every byte.

use super::*;

/// Output of redis-server 7.0.15 to a subscriber.
const REDIS: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$6\r\nbench0\r\n:1\r\n\
    *3\r\n$7\r\nmessage\r\n$6\r\nbench0\r\n$5\r\nfirst\r\n\
    *3\r\n$7\r\nmessage\r\n$6\r\nbench0\r\n$0\r\n\r\n\
    *3\r\n$7\r\nmessage\r\n$6\r\nbench0\r\n$15\r\nhb three\r\n*3 $5\r\n\
    *3\r\n$7\r\nmessage\r\n$6\r\nbench0\r\n$20\r\nxxxxxxxxxxxxxxxxxxxx\r\n";

/// Output of nats-server 2.9.10.
const NATS: &[u8] = b"INFO {\"server_id\":\"NCBBUGRWI7LCODKS6FICPWY6XZISD4DZ\",\"version\":\"2.9.10\",\
    \"proto\":1,\"go\":\"go1.19.8\",\"headers\":true,\"max_payload\":1048576,\"client_id\":276} \r\n\
    PONG\r\nPONG\r\nMSG bench0 1 5\r\nfirst\r\nMSG bench0 1 0\r\n\r\n\
    MSG bench0 1 15\r\nhb three\r\n*3 $5\r\nPING\r\nMSG bench0 1 20\r\nxxxxxxxxxxxxxxxxxxxx\r\n";

/// Output of mosquitto 2.0.11; the last payload needs a length of two bytes.
const MQTT: &[u8] = b" \x02\x00\x00\x90\x03\x00\x01\x000\x0e\x00\x07bench/0first0\t\x00\x07bench/0\
    0\x18\x00\x07bench/0hb three\r\n*3 $50\x9f\x01\x00\x07bench/0\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Output of ngircd 26.1.
const IRC: &[u8] = b":irc.bench.local 001 a1 :Welcome to the Internet Relay Network a1!~bench@127.0.0.1\r\n\
    :irc.bench.local 002 a1 :Your host is irc.bench.local, running version ngircd-26.1\r\n\
    :irc.bench.local 005 a1 RFC2812 IRCD=ngIRCd CHARSET=UTF-8 CASEMAPPING=ascii :are supported on this server\r\n\
    :irc.bench.local 422 a1 :MOTD file is missing\r\n\
    :a1!~bench@127.0.0.1 JOIN :#bench0\r\n\
    :irc.bench.local 353 a1 = #bench0 :@a1\r\n\
    :irc.bench.local 366 a1 #bench0 :End of NAMES list\r\n\
    :b1!~bench@127.0.0.1 JOIN :#bench0\r\n\
    :b1!~bench@127.0.0.1 PRIVMSG #bench0 :first\r\n\
    PING :irc.bench.local\r\n\
    :b1!~bench@127.0.0.1 PRIVMSG #bench0 ::second one\r\n\
    :b1!~bench@127.0.0.1 QUIT :b1\r\n";

/// Output of hobnob 0.1.0 to a reader, and to a publisher whose second message was too long.
const SSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
    Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\nretry: 2000\nid: a1e03ba952dd4665-0\n\
    event: joined\ndata: {\"room\":\"bench0\",\"epoch\":\"a1e03ba952dd4665\",\"oldest\":1,\"head\":0,\
    \"members\":1,\"recovered\":false}\n\nid: a1e03ba952dd4665-1\n\
    data: {\"offset\":1,\"time\":1795185880437,\"sender\":\"bench\",\"text\":\"first\"}\n\n:\n\n\
    id: a1e03ba952dd4665-2\n\
    data: {\"offset\":2,\"time\":1795185880538,\"sender\":\"bench\",\"text\":\"xxxxxxxxxxxxxxxxxxxx\"}\n\n\
    id: a1e03ba952dd4665-9\nevent: gap\ndata: {\"from\":3,\"to\":9}\n\n\
    event: bye\ndata: {\"code\":207,\"reason\":\"shutdown\",\"text\":\"the relay is shutting down\"}\n\n";
const SSE_SAID: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\
    Location: /rooms/bench0/messages?after=0&limit=1\r\nContent-Length: 94\r\n\r\n\
    {\"room\":\"bench0\",\"epoch\":\"a1e03ba952dd4665\",\"offset\":1,\"time\":1795185880437,\"sender\":\"bench\"}\n\
    HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 21\r\nConnection: close\r\n\r\nthe body is too long\n";

/// The same answer in chunks of two events, with the last chunk behind them.
fn in_chunks(answer: &[u8]) -> Vec<u8> {
    let answer = std::str::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let events: Vec<&str> = body.split_inclusive("\n\n").collect();
    let mut bytes = format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in events.chunks(2).map(<[&str]>::concat) {
        bytes += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
    }
    (bytes + "0\r\n\r\n").into_bytes()
}

/// The handshake of RFC 6455, section 1.3, and frames of its section 5.7: a text, a ping, a text of
/// 256 bytes, and a close.
fn ws() -> Vec<u8> {
    let mut bytes =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\
        \x81\x05Hello\x89\x05Hello\x81\x7e\x01\x00"
            .to_vec();
    bytes.extend_from_slice(&[b'x'; 256]);
    bytes.extend_from_slice(b"\x88\x05\x03\xe9bye");
    bytes
}

/// Output of hobnob 0.1.0 at `/connect`: welcome, joined, a message, a ping, and a close.
const WS_FRAMES: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n\
    Referrer-Policy: no-referrer\r\n\r\n\
    \x82%\x81\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\xae\x01\xf1p\x91\xe1>\x04\x00\x01\x00\
    \x00\x00\x00\x00\x80\x00\x00\x03\xe8guest1\x820\x82\x00\x00\x00\x00\x00\x00\x00\x01\x00\
    @\x00\x00\x00_\x88\x86D\xbawE\xf9\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x01\x00\x00\x00\x01bench0\x82!\x86\x00@\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x01\x00\x00\x01\xa1\xf9?$\x98\x06guest1hello\x89\x00\x82G\x8a\x00l\x00\x00\x00\x00\x00\
    \x00\x00\x00the relay is shutting down: reconnect in a moment and resume\x82\x1d\x08\
    \x00\xcfthe relay is shutting down\x88&\x03\xf4shutdown: the relay is shutting down";

/// Returns a summary of the events when the bytes arrive in the given pieces, and the replies.
fn heard(url: &str, pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let target: Target = url.parse().unwrap();
    let (mut opening, mut answers) = (Vec::new(), Vec::new());
    let options = ConnectionOptions { name_number: 1, room: 0, own_copies: false };
    let mut adapter = Adapter::open(&target, options, &mut opening);
    let (mut held, mut heard) = (Vec::new(), Vec::new());
    if adapter.is_ready_at_once() {
        adapter.join(0, &mut opening);
    }
    for piece in pieces {
        held.extend_from_slice(piece);
        let mut used = 0;
        let mut joins = false;
        while let Parsed::Complete(what, length) =
            adapter.parse(&held[used..], &mut answers).unwrap()
        {
            used += length;
            match what {
                ServerEvent::Message(payload) => {
                    heard.push(format!("{:?}", String::from_utf8_lossy(payload)));
                }
                ServerEvent::Other => {}
                what => {
                    joins |= what == ServerEvent::Ready;
                    heard.push(format!("{what:?}"));
                }
            }
            if std::mem::take(&mut joins) {
                adapter.join(0, &mut opening);
            }
        }
        held.drain(..used);
    }
    assert!(held.is_empty(), "nothing is left over of {url}: {held:?}");
    (heard, answers)
}

fn cut_everywhere(url: &str, bytes: &[u8], expected: &[&str], answered: &[u8]) {
    let whole = heard(url, &[bytes]);
    assert_eq!(whole.0, expected, "{url}");
    assert_eq!(whole.1, answered, "{url}: {:?}", String::from_utf8_lossy(&whole.1));
    for cut in 1..bytes.len() {
        assert_eq!(heard(url, &[&bytes[..cut], &bytes[cut..]]), whole, "{url}, cut at {cut}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(heard(url, &single), whole, "{url}, byte by byte");
}

#[test]
fn recorded_bytes_are_understood_wherever_they_are_cut() {
    let three = "\"hb three\\r\\n*3 $5\"";
    let (x20, x150) = (format!("{:?}", "x".repeat(20)), format!("{:?}", "x".repeat(150)));
    let expected = ["Joined", "\"first\"", "\"\"", three, &x20];
    cut_everywhere("redis://h", REDIS, &expected, b"");
    let expected = ["Ready", "Joined", "\"first\"", "\"\"", three, &x20];
    cut_everywhere("nats://h", NATS, &expected, b"PONG\r\n");
    let expected = ["Ready", "Joined", "\"first\"", "\"\"", three, &x150];
    cut_everywhere("mqtt://h", MQTT, &expected, b"");
    let expected = ["Ready", "Joined", "\"first\"", "\":second one\""];
    cut_everywhere("irc://h", IRC, &expected, b"PONG :irc.bench.local\r\n");
    let (x256, ended) = (format!("{:?}", "x".repeat(256)), "Ended(\"close 1001 bye\")");
    let pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    cut_everywhere("ws://h", &ws(), &["Ready", "\"Hello\"", &x256, ended], pong);
    let expected = [
        "Ready",
        "Joined",
        "\"hello\"",
        "Refused(\"the relay is shutting down: reconnect in a moment and resume\")",
        "Ended(\"the relay is shutting down\")",
        "Ended(\"close 1012 shutdown: the relay is shutting down\")",
    ];
    let pong = b"\x8a\x80\x37\xfa\x21\x3d";
    cut_everywhere("ws://h/connect", WS_FRAMES, &expected, pong);
    let gone = r#"Ended("{\"code\":207,\"reason\":\"shutdown\",\"text\":\"the relay is shutting down\"}")"#;
    let expected = ["Joined", "\"first\"", &x20, "Gap { from: 3, to: 9 }", gone];
    cut_everywhere("sse://h", SSE, &expected, b"");
    cut_everywhere("sse://h", &in_chunks(SSE), &expected, b"");
    let refused = "Refused(\"HTTP/1.1 413 Content Too Large: the body is too long\")";
    cut_everywhere("sse://h", SSE_SAID, &[refused], b"");
    cut_everywhere("raw://h", b"one\r\ntwo\n\n", &["\"one\"", "\"two\"", "\"\""], b"");
}

#[test]
fn frames_are_understood_wherever_they_are_cut() {
    use crate::id::Epoch;
    use crate::wire::binary::write_server;
    use crate::wire::frame::ServerFrame;
    let mut bytes = Vec::new();
    let (name, epoch) = (std::borrow::Cow::Borrowed("ann"), Epoch(1));
    let (max_message, max_rooms, ping_ms) = (1 << 16, 9, 1000);
    write_server(
        &ServerFrame::Welcome {
            version: 1,
            id: 1,
            key: 2,
            max_message,
            max_rooms,
            ping_ms,
            name: name.clone(),
        },
        &mut bytes,
    );
    write_server(
        &ServerFrame::Joined {
            request: 1,
            room: 7,
            recovered: false,
            epoch,
            head: 0,
            oldest: 1,
            members: 1,
            name: name.clone(),
        },
        &mut bytes,
    );
    let payload = std::borrow::Cow::Borrowed(&b"hello"[..]);
    write_server(
        &ServerFrame::Message { room: 7, offset: 1, time: 2, sender: name, payload },
        &mut bytes,
    );
    write_server(&ServerFrame::Gap { room: 7, from: 2, to: 9 }, &mut bytes);
    write_server(&ServerFrame::Ping { token: 5 }, &mut bytes);
    write_server(&ServerFrame::Bye { code: 204, text: "too slow".into() }, &mut bytes);
    let expected =
        ["Ready", "Joined", "\"hello\"", "Gap { from: 2, to: 9 }", "Ended(\"too slow\")"];
    cut_everywhere("frame://h", &bytes, &expected, b"\0\0\0\x09\x07\0\0\0\0\0\0\0\x05");
}

#[test]
fn refusals_and_nonsense_are_told_from_silence() {
    let mut out = Vec::new();
    let options = ConnectionOptions { name_number: 1, room: 0, own_copies: false };
    let mut first = |url: &str, bytes: &[u8]| {
        let mut adapter = Adapter::open(&url.parse().unwrap(), options, &mut out);
        let found = adapter.parse(bytes, &mut out);
        match found {
            Ok(Parsed::Complete(what, _)) => format!("{what:?}"),
            Ok(Parsed::Partial) => "partial".to_owned(),
            Err(nonsense) => nonsense,
        }
    };
    assert!(first("redis://h", b"-NOAUTH Authentication required.\r\n").contains("NOAUTH"));
    assert!(first("redis://h", b"HTTP/1.1 400\r\n").contains("not a reply of Redis"));
    assert!(first("redis://h", b"*3\r\n$99999999999\r\n").contains("length"));
    assert!(first("nats://h", b"-ERR 'Authorization Violation'\r\n").contains("Authorization"));
    assert!(first("nats://h", b"MSG a 1 x\r\n").contains("no length"));
    assert!(first("mqtt://h", b"\x20\x02\x00\x05").contains("code 5"));
    assert!(first("mqtt://h", b"\x30\xff\xff\xff\xff\x01").contains("four bytes"));
    assert!(first("mqtt://h", b"\x30\x01\x00").contains("ends before"));
    assert!(first("irc://h", b":s 465 a :You are banned\r\n").contains("banned"));
    assert!(first("irc://h", b"ERROR :Closing Link\r\n").contains("Ended"));
    assert!(
        first("sse://h", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").contains("404")
    );
    assert!(first("sse://h", b"-ERR\r\n\r\n").contains("not HTTP"));
    assert!(first("ws://h", b"HTTP/1.1 404 Not Found\r\n\r\n").contains("404"));
    assert!(first("frame://h", b"\xff\xff\xff\xff\x04").contains("too long"));
}

#[test]
fn urls_are_read_as_they_are_shown() {
    for url in [
        "frame://127.0.0.1:7000",
        "redis://[::1]:6379",
        "ws://localhost:80/chat?x=1",
        "ws://h:8080/connect",
    ] {
        assert_eq!(url.parse::<Target>().unwrap().to_string(), url);
    }
    assert_eq!("mqtt://h".parse::<Target>().unwrap().to_string(), "mqtt://h:1883");
    assert_eq!("ws://h".parse::<Target>().unwrap().to_string(), "ws://h:80");
    for (url, said) in [
        ("localhost", "SCHEME://"),
        ("http://h", "expected one of frame, raw"),
        ("irc://", "no host"),
        ("irc://h:0", "1 to 65535"),
        ("irc://h:x", "1 to 65535"),
    ] {
        let error = url.parse::<Target>().unwrap_err().to_string();
        assert!(error.contains(said), "{url}: {error}");
    }
}

#[test]
fn the_order_of_schemes_is_that_of_their_table() {
    for (scheme, word, _) in Scheme::ALL {
        assert_eq!(scheme.word(), word);
    }
}
