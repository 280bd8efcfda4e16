//! WebSocket conformance: the cases of the Autobahn test suite's public list, by their numbers, played
//! against `/raw/{room}`, which gives every message back to its sender. Each case says what is sent
//! and exactly what must come.
//!
//! Where Autobahn leaves a choice (a reserved bit may be answered with 1002 or by hanging up), ours is
//! the close code. 6.4.3 and 6.4.4 are answered when the frame is whole; the list calls that
//! "non-strict".

use crate::common::Server;
use crate::common::web::{BINARY, Browser, CLOSE, Frame, PING, PONG, TEXT, frame};
use hobnob::Limits;

const FIN: u8 = 0x80;
const MORE_TEXT: u8 = 0x01;
const MORE_BINARY: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

/// What is sent, and what must come.
struct Case {
    id: String,
    sent: Vec<u8>,
    /// Bytes per write; 0 for one write.
    chop: usize,
    expected: Vec<Frame>,
    /// The code that the connection is closed with, or `None` if the close has no code.
    close: Option<u16>,
}

/// A case, a step at a time.
fn case(id: impl Into<String>) -> Case {
    let (sent, expected) = (Vec::new(), Vec::new());
    Case { id: id.into(), sent, chop: 0, expected, close: Some(1000) }
}

impl Case {
    fn send(mut self, first: u8, payload: impl AsRef<[u8]>) -> Self {
        self.sent.extend(frame(first, payload.as_ref()));
        self
    }

    /// Sends something and expects it back.
    fn echo(self, first: u8, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref();
        self.send(first, payload).expect(first, payload)
    }

    fn ping(self, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref();
        self.send(PING, payload).expect(PONG, payload)
    }

    fn expect(mut self, first: u8, payload: impl AsRef<[u8]>) -> Self {
        self.expected.push(Frame { first, payload: payload.as_ref().to_vec() });
        self
    }

    fn in_chops(mut self, size: usize) -> Self {
        self.chop = size;
        self
    }

    /// In fragments of a size, `first` without FIN being the opcode.
    fn fragments(mut self, first: u8, payload: &[u8], size: usize) -> Self {
        let mut opcode = first & 0x0f;
        let mut rest = payload;
        loop {
            let (fragment, behind) = rest.split_at(size.min(rest.len()));
            rest = behind;
            let fin = if rest.is_empty() { FIN } else { 0 };
            self = self.send(fin | opcode, fragment);
            opcode = MORE;
            if rest.is_empty() {
                return self.expect(first, payload);
            }
        }
    }

    /// The relay closes with this code, unasked.
    fn closes(mut self, code: u16) -> Self {
        self.close = Some(code);
        self
    }

    /// The client closes with these words, and is answered with this code.
    fn close(self, payload: impl AsRef<[u8]>, answer: Option<u16>) -> Self {
        let mut case = self.send(CLOSE, payload);
        case.close = answer;
        case
    }

    /// The client closes as clients do.
    fn done(self) -> Self {
        self.close(1000_u16.to_be_bytes(), Some(1000))
    }
}

fn play(server: &Server, case: &Case) {
    let mut browser = Browser::open(server, &format!("/raw/case-{}", case.id));
    let (sender, sent, chop) =
        (browser.client.socket.try_clone().unwrap(), case.sent.clone(), case.chop);
    let writer = std::thread::spawn(move || {
        let mut sender = sender;
        let pieces = sent.chunks(if chop == 0 { sent.len() } else { chop });
        for piece in pieces {
            // One that was closed for what it sent may have more to send.
            if std::io::Write::write_all(&mut sender, piece).is_err() {
                return;
            }
        }
    });
    for (n, expected) in case.expected.iter().enumerate() {
        let came = browser.next();
        assert!(
            came == *expected,
            "case {}: frame {n} is {}, not {}",
            case.id,
            show(&came),
            show(expected)
        );
    }
    let close = browser.next();
    let code = close.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
    assert_eq!((close.first, code), (CLOSE, case.close), "case {}: {}", case.id, show(&close));
    browser.client.expect_end();
    drop(browser);
    writer.join().unwrap();
}

fn show(frame: &Frame) -> String {
    let some = frame.payload.get(..100).unwrap_or(&frame.payload);
    format!(
        "{:#04x} of {} bytes: {:?}",
        frame.first,
        frame.payload.len(),
        String::from_utf8_lossy(some)
    )
}

fn play_all(cases: impl IntoIterator<Item = Case>) {
    let server = Server::start(&["http://127.0.0.1:0"]);
    play_on(&server, cases);
}

fn play_on(server: &Server, cases: impl IntoIterator<Item = Case>) {
    let mut count = 0;
    for case in cases {
        play(server, &case);
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn case_1_framing() {
    let sizes = [(1, 0), (2, 125), (3, 126), (4, 127), (5, 128), (6, 65_535), (7, 65_536)];
    let texts = sizes.map(|(n, size)| case(format!("1.1.{n}")).echo(TEXT, vec![b'*'; size]).done());
    let chopped = case("1.1.8").echo(TEXT, vec![b'*'; 65_536]).done().in_chops(997);
    let binaries =
        sizes.map(|(n, size)| case(format!("1.2.{n}")).echo(BINARY, vec![0xfe; size]).done());
    let chopped_too = case("1.2.8").echo(BINARY, vec![0xfe; 65_536]).done().in_chops(997);
    play_all(texts.into_iter().chain([chopped]).chain(binaries).chain([chopped_too]));
}

#[test]
fn case_2_pings_and_pongs() {
    let ten = |id| (0..10).fold(case(id), |case, n| case.ping(format!("payload-{n}")));
    play_all([
        case("2.1").ping("").done(),
        case("2.2").ping("Hello, world!").done(),
        case("2.3").ping([0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff]).done(),
        case("2.4").ping([0xfe; 125]).done(),
        case("2.5").send(PING, [0xfe; 126]).closes(1002),
        case("2.6").ping([0xfe; 125]).done().in_chops(1),
        case("2.7").send(PONG, "").done(),
        case("2.8").send(PONG, "unsolicited pong payload").done(),
        case("2.9").send(PONG, "unsolicited pong payload").ping("ping payload").done(),
        ten("2.10").done(),
        ten("2.11").done().in_chops(1),
    ]);
}

#[test]
fn fault_p5_case_3_reserved_bits() {
    let text = "Hello, world!";
    play_all([
        case("3.1").send(TEXT | 0x40, text).closes(1002),
        case("3.2").echo(TEXT, text).send(TEXT | 0x20, text).send(PING, "").closes(1002),
        case("3.3").echo(TEXT, text).send(TEXT | 0x60, text).send(PING, "").closes(1002),
        case("3.4")
            .echo(TEXT, text)
            .send(TEXT | 0x10, text)
            .send(PING, "")
            .closes(1002)
            .in_chops(1),
        case("3.5").send(BINARY | 0x50, [0x00, 0xff]).closes(1002),
        case("3.6").send(PING | 0x60, text).closes(1002),
        case("3.7").send(CLOSE | 0x70, "").closes(1002),
    ]);
}

#[test]
fn fault_p5_case_4_opcodes() {
    let text = "Hello, world!";
    let reserved = |id: &'static str, opcodes: [u8; 5]| {
        opcodes.into_iter().enumerate().map(move |(n, opcode)| match n {
            0 => case(format!("{id}.1")).send(FIN | opcode, "").closes(1002),
            1 => case(format!("{id}.2")).send(FIN | opcode, "reserved opcode payload").closes(1002),
            _ => {
                let case = case(format!("{id}.{}", n + 1)).echo(TEXT, text);
                let case = case.send(FIN | opcode, if n % 2 == 0 { "" } else { "payload" });
                case.send(PING, "").closes(1002).in_chops(n - 2)
            }
        })
    };
    play_all(reserved("4.1", [3, 4, 5, 6, 7]).chain(reserved("4.2", [11, 12, 13, 14, 15])));
}

#[test]
fn fault_p5_case_5_fragmentation() {
    let (one, two) = ("fragment1", "fragment2");
    let both = "fragment1fragment2";
    let with_ping = |id| {
        case(id).send(MORE_TEXT, one).ping("ping payload").send(LAST, two).expect(TEXT, both).done()
    };
    let lone =
        |id, first| case(id).send(first, "non-continuation payload").send(TEXT, "hi").closes(1002);
    let late = |id, first| {
        let case = case(id).send(MORE_TEXT, one).send(LAST, two).expect(TEXT, both);
        case.send(first, one).send(MORE_TEXT, one).send(LAST, two).closes(1002)
    };
    let twice = |id, first| case(id).send(first, one).send(TEXT, two).closes(1002);
    let five = |id| {
        let case = case(id).send(MORE_TEXT, one).send(MORE, two).ping("pongme 1!");
        let case = case.send(MORE, "fragment3").send(MORE, "fragment4").ping("pongme 2!");
        let all = "fragment1fragment2fragment3fragment4fragment5";
        case.send(LAST, "fragment5").expect(TEXT, all).done()
    };
    play_all([
        case("5.1").send(0x09, one).send(LAST, two).closes(1002),
        case("5.2").send(0x0a, one).send(LAST, two).closes(1002),
        case("5.3").send(MORE_TEXT, one).send(LAST, two).expect(TEXT, both).done(),
        case("5.4").send(MORE_TEXT, one).send(LAST, two).expect(TEXT, both).done().in_chops(5),
        case("5.5").send(MORE_TEXT, one).send(LAST, two).expect(TEXT, both).done().in_chops(1),
        with_ping("5.6"),
        with_ping("5.7").in_chops(5),
        with_ping("5.8").in_chops(1),
        lone("5.9", LAST),
        lone("5.10", LAST).in_chops(5),
        lone("5.11", LAST).in_chops(1),
        lone("5.12", MORE),
        lone("5.13", MORE).in_chops(5),
        lone("5.14", MORE).in_chops(1),
        late("5.15", LAST),
        twice("5.16", MORE),
        twice("5.17", LAST),
        twice("5.18", MORE_TEXT),
        five("5.19"),
        five("5.20").in_chops(1),
    ]);
}

/// A text whose characters take one to four bytes each.
const KOSME: &str = "κ\u{1f79}σμε";
const HELLO: &str = "Hello-µ@ßöäüàá-UTF-8!!";

#[test]
fn fault_p5_case_6_utf_8() {
    let invalid = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    let (head, tail) = (&KOSME.as_bytes()[..11], &b"\xf4\x90\x80\x80edited"[..]);
    let mut cases = vec![
        case("6.1.1").echo(TEXT, "").done(),
        case("6.1.2").send(MORE_TEXT, "").send(MORE, "").send(LAST, "").expect(TEXT, "").done(),
        case("6.1.3")
            .send(MORE_TEXT, "")
            .send(MORE, "middle frame payload")
            .send(LAST, "")
            .expect(TEXT, "middle frame payload")
            .done(),
        case("6.2.1").echo(TEXT, HELLO).done(),
        case("6.2.2").fragments(TEXT, HELLO.as_bytes(), 12).done(),
        case("6.2.3").fragments(TEXT, HELLO.as_bytes(), 1).done(),
        case("6.2.4").fragments(TEXT, KOSME.as_bytes(), 1).done(),
        case("6.3.1").send(TEXT, invalid).closes(1007),
        (0..invalid.len())
            .fold(case("6.3.2"), |case, at| {
                let first = if at == 0 { MORE_TEXT } else { MORE };
                case.send(first, &invalid[at..=at])
            })
            .closes(1007),
        // Closed at the fragment at which it is certain: the rest never comes.
        case("6.4.1").send(MORE_TEXT, head).send(MORE, tail).closes(1007),
        case("6.4.2").send(MORE_TEXT, head).send(MORE, &tail[..2]).closes(1007),
        case("6.4.3").send(TEXT, [head, tail].concat()).closes(1007).in_chops(11),
        case("6.4.4").send(TEXT, [head, tail].concat()).closes(1007).in_chops(1),
    ];
    let valid: &[(&str, &[&[u8]])] = &[
        (
            "6.5",
            &[
                KOSME.as_bytes(),
                "a\u{0}b".as_bytes(),
                "\u{feff}bom".as_bytes(),
                "日本語".as_bytes(),
                "🦀".as_bytes(),
            ],
        ),
        ("6.7", &[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
        ("6.9", &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
        ("6.11", &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"]),
        // Characters that are none are UTF-8 all the same.
        (
            "6.22",
            &[
                b"\xef\xbf\xbe",
                b"\xef\xbf\xbf",
                b"\xf0\x9f\xbf\xbe",
                b"\xf0\x9f\xbf\xbf",
                b"\xf1\x8f\xbf\xbe",
                b"\xf4\x8f\xbf\xbe",
            ],
        ),
        ("6.23", &[b"\xef\xbf\xb9", b"\xef\xbf\xba", b"\xef\xbf\xbb", b"\xef\xbf\xbc"]),
    ];
    let refused: &[(&str, &[&[u8]])] = &[
        ("6.8", &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        ("6.10", &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
        (
            "6.12",
            &[
                b"\x80",
                b"\xbf",
                b"\x80\xbf",
                b"\x80\xbf\x80",
                b"\x80\xbf\x80\xbf",
                b"\x80\xbf\x80\xbf\x80",
                b"\x80\xbf\x80\xbf\x80\xbf",
            ],
        ),
        ("6.13", &[b"\xc0 \xc1 ", b"\xe0 \xe1 ", b"\xf0 \xf1 ", b"\xf8 \xf9 ", b"\xfc "]),
        (
            "6.14",
            &[
                b"\xc0",
                b"\xe0\x80",
                b"\xf0\x80\x80",
                b"\xf8\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80",
                b"\xdf",
                b"\xef\xbf",
                b"\xf7\xbf\xbf",
                b"\xfb\xbf\xbf\xbf",
                b"\xfd\xbf\xbf\xbf\xbf",
            ],
        ),
        ("6.15", &[b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80"]),
        ("6.16", &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
        (
            "6.17",
            &[
                b"\xc0\xaf",
                b"\xe0\x80\xaf",
                b"\xf0\x80\x80\xaf",
                b"\xf8\x80\x80\x80\xaf",
                b"\xfc\x80\x80\x80\x80\xaf",
            ],
        ),
        (
            "6.18",
            &[
                b"\xc1\xbf",
                b"\xe0\x9f\xbf",
                b"\xf0\x8f\xbf\xbf",
                b"\xf8\x87\xbf\xbf\xbf",
                b"\xfc\x83\xbf\xbf\xbf\xbf",
            ],
        ),
        (
            "6.19",
            &[
                b"\xc0\x80",
                b"\xe0\x80\x80",
                b"\xf0\x80\x80\x80",
                b"\xf8\x80\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80\x80",
            ],
        ),
        (
            "6.20",
            &[
                b"\xed\xa0\x80",
                b"\xed\xad\xbf",
                b"\xed\xae\x80",
                b"\xed\xaf\xbf",
                b"\xed\xb0\x80",
                b"\xed\xbe\x80",
                b"\xed\xbf\xbf",
            ],
        ),
        (
            "6.21",
            &[
                b"\xed\xa0\x80\xed\xb0\x80",
                b"\xed\xa0\x80\xed\xbf\xbf",
                b"\xed\xad\xbf\xed\xb0\x80",
                b"\xed\xad\xbf\xed\xbf\xbf",
                b"\xed\xae\x80\xed\xb0\x80",
                b"\xed\xae\x80\xed\xbf\xbf",
                b"\xed\xaf\xbf\xed\xb0\x80",
                b"\xed\xaf\xbf\xed\xbf\xbf",
            ],
        ),
    ];
    for (id, texts) in valid {
        for (n, text) in texts.iter().enumerate() {
            cases.push(
                case(format!("{id}.{}", n + 1)).echo(TEXT, text).fragments(TEXT, text, 1).done(),
            );
        }
    }
    for (id, texts) in refused {
        for (n, text) in texts.iter().enumerate() {
            cases.push(case(format!("{id}.{}", n + 1)).send(TEXT, text).closes(1007));
            let fragmented =
                (0..text.len()).fold(case(format!("{id}.{}-in-bytes", n + 1)), |case, at| {
                    let first = if at == 0 { MORE_TEXT } else { MORE };
                    case.send(first, &text[at..=at])
                });
            cases.push(fragmented.send(LAST, "").closes(1007));
        }
    }
    // 6.6: every beginning of a text is one exactly if it ends between characters.
    for end in 1..=KOSME.len() {
        let (text, case) = (&KOSME.as_bytes()[..end], case(format!("6.6.{end}")));
        cases.push(match KOSME.is_char_boundary(end) {
            true => case.echo(TEXT, text).done(),
            false => case.send(TEXT, text).closes(1007),
        });
    }
    play_all(cases);
}

#[test]
fn fault_p5_case_7_closing() {
    let code = |code: u16, reason: &[u8]| [&code.to_be_bytes()[..], reason].concat();
    let mut cases = vec![
        case("7.1.1").echo(TEXT, "Hello World!").done(),
        case("7.1.2").done().send(CLOSE, ""),
        case("7.1.3").done().send(PING, "too late"),
        case("7.1.4").done().send(TEXT, "too late"),
        case("7.1.5").send(MORE_TEXT, "fragment1").done().send(LAST, "fragment2"),
        case("7.1.6")
            .echo(TEXT, vec![b'B'; 60_000])
            .echo(TEXT, "Hello World!")
            .done()
            .send(PING, ""),
        case("7.3.1").close("", None),
        case("7.3.2").send(CLOSE, "a").closes(1002),
        case("7.3.3").close(code(1000, b""), Some(1000)),
        case("7.3.4").close(code(1000, b"Hello World!"), Some(1000)),
        case("7.3.5").close(code(1000, &[b'*'; 123]), Some(1000)),
        case("7.3.6").send(CLOSE, code(1000, &[b'*'; 124])).closes(1002),
        case("7.5.1")
            .send(
                CLOSE,
                code(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"),
            )
            .closes(1007),
    ];
    let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (n, good) in valid.into_iter().enumerate() {
        cases.push(case(format!("7.7.{}", n + 1)).close(code(good, b""), Some(good)));
    }
    let invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (n, bad) in invalid.into_iter().enumerate() {
        cases.push(case(format!("7.9.{}", n + 1)).send(CLOSE, code(bad, b"")).closes(1002));
    }
    // 7.13: codes beyond all ranges. The list leaves the outcome open.
    cases.push(case("7.13.1").send(CLOSE, code(5000, b"")).closes(1002));
    cases.push(case("7.13.2").send(CLOSE, code(65_535, b"")).closes(1002));
    play_all(cases);
}

#[test]
fn case_9_limits() {
    let limits = Limits { message: 16 << 20, backlog: 64 << 20, ..Limits::default() };
    let server = Server::with(&["http://127.0.0.1:0"], limits);
    let sizes = [64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20];
    for (n, size) in (1..).zip(sizes) {
        play_on(
            &server,
            [
                case(format!("9.1.{n}")).echo(TEXT, vec![b'*'; size]).done(),
                case(format!("9.2.{n}")).echo(BINARY, vec![0xfe; size]).done(),
            ],
        );
    }
    let four = vec![b'*'; 4 << 20];
    for (n, size) in
        (1..).zip([64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20])
    {
        play_on(
            &server,
            [
                case(format!("9.3.{n}")).fragments(TEXT, &four, size).done(),
                case(format!("9.4.{n}")).fragments(BINARY, &four, size).done(),
            ],
        );
    }
    let one = vec![b'*'; 1 << 20];
    for (n, chop) in (1..).zip([64, 128, 256, 512, 1024, 2048]) {
        play_on(
            &server,
            [
                case(format!("9.5.{n}")).echo(TEXT, &one).done().in_chops(chop),
                case(format!("9.6.{n}")).echo(BINARY, &one).done().in_chops(chop),
            ],
        );
    }
    for (n, size) in (1..).zip([0, 16, 64, 256, 1024, 4096]) {
        let (text, bytes) = (vec![b'*'; size], vec![0xfe; size]);
        play_on(
            &server,
            [
                (0..1000).fold(case(format!("9.7.{n}")), |case, _| case.echo(TEXT, &text)).done(),
                (0..1000)
                    .fold(case(format!("9.8.{n}")), |case, _| case.echo(BINARY, &bytes))
                    .done(),
            ],
        );
    }
}

#[test]
fn fault_p7_case_9_beyond_the_limits() {
    let mut crumbs = case("9-crumbs").send(MORE_BINARY, "x");
    for _ in 0..1200 {
        crumbs = crumbs.send(MORE, "x");
    }
    let mut nothing = case("9-nothing").send(MORE_TEXT, "");
    for _ in 0..1100 {
        nothing = nothing.send(MORE, "");
    }
    play_all([
        case("9-whole").send(BINARY, vec![0; (64 << 10) + 1]).closes(1009),
        case("9-in-fragments").send(MORE_BINARY, vec![0; 64 << 10]).send(LAST, "x").closes(1009),
        crumbs.closes(1009),
        nothing.closes(1009),
    ]);
}

#[test]
fn case_10_fragments_of_an_odd_size() {
    play_all([case("10.1.1").fragments(TEXT, &[b'*'; 65_536], 1300).done()]);
}
