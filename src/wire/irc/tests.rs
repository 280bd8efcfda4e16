use super::*;
use proptest::prelude::*;

/// Line, tags, source, command, parameters.
type Split = (&'static str, Tags, Option<&'static str>, &'static str, &'static [&'static str]);
type Tags = &'static [(&'static str, &'static str)];

/// The vectors of ircdocs/parser-tests, `msg-split`.
#[rustfmt::skip]
const SPLIT: &[Split] = &[
    ("foo bar baz asdf", &[], None, "foo", &["bar", "baz", "asdf"]),
    (":coolguy foo bar baz asdf", &[], Some("coolguy"), "foo", &["bar", "baz", "asdf"]),
    ("foo bar baz :asdf quux", &[], None, "foo", &["bar", "baz", "asdf quux"]),
    ("foo bar baz :", &[], None, "foo", &["bar", "baz", ""]),
    ("foo bar baz ::asdf", &[], None, "foo", &["bar", "baz", ":asdf"]),
    (":coolguy foo bar baz :asdf quux", &[], Some("coolguy"), "foo", &["bar", "baz", "asdf quux"]),
    (":coolguy foo bar baz :  asdf quux ", &[], Some("coolguy"), "foo", &["bar", "baz", "  asdf quux "]),
    (":coolguy PRIVMSG bar :lol :) ", &[], Some("coolguy"), "PRIVMSG", &["bar", "lol :) "]),
    (":coolguy foo bar baz :", &[], Some("coolguy"), "foo", &["bar", "baz", ""]),
    (":coolguy foo bar baz :  ", &[], Some("coolguy"), "foo", &["bar", "baz", "  "]),
    ("@a=b;c=32;k;rt=ql7 foo", &[("a", "b"), ("c", "32"), ("k", ""), ("rt", "ql7")], None, "foo", &[]),
    ("@a=b\\\\and\\nk;c=72\\s45;d=gh\\:764 foo", &[("a", "b\\and\nk"), ("c", "72 45"), ("d", "gh;764")], None, "foo", &[]),
    ("@c;h=;a=b :quux ab cd", &[("c", ""), ("h", ""), ("a", "b")], Some("quux"), "ab", &["cd"]),
    (":src JOIN #chan", &[], Some("src"), "JOIN", &["#chan"]),
    (":src JOIN :#chan", &[], Some("src"), "JOIN", &["#chan"]),
    (":src AWAY", &[], Some("src"), "AWAY", &[]),
    (":src AWAY ", &[], Some("src"), "AWAY", &[]),
    (":cool\tguy foo bar baz", &[], Some("cool\tguy"), "foo", &["bar", "baz"]),
    (":coolguy!ag@net\x035w\x03ork.admin PRIVMSG foo :bar baz", &[], Some("coolguy!ag@net\x035w\x03ork.admin"), "PRIVMSG", &["foo", "bar baz"]),
    ("@tag1=value1;tag2;vendor1/tag3=value2;vendor2/tag4= :irc.example.com COMMAND param1 param2 :param3 param3",
        &[("tag1", "value1"), ("tag2", ""), ("vendor1/tag3", "value2"), ("vendor2/tag4", "")], Some("irc.example.com"), "COMMAND", &["param1", "param2", "param3 param3"]),
    ("@tag1=value1;tag2;vendor1/tag3=value2;vendor2/tag4 COMMAND param1 param2 :param3 param3",
        &[("tag1", "value1"), ("tag2", ""), ("vendor1/tag3", "value2"), ("vendor2/tag4", "")], None, "COMMAND", &["param1", "param2", "param3 param3"]),
    ("COMMAND", &[], None, "COMMAND", &[]),
    ("@foo=\\\\\\\\\\:\\\\s\\s\\r\\n COMMAND", &[("foo", "\\\\;\\s \r\n")], None, "COMMAND", &[]),
    (":gravel.mozilla.org 432  #momo :Erroneous Nickname: Illegal characters", &[], Some("gravel.mozilla.org"), "432", &["#momo", "Erroneous Nickname: Illegal characters"]),
    (":gravel.mozilla.org MODE #tckk +n ", &[], Some("gravel.mozilla.org"), "MODE", &["#tckk", "+n"]),
    (":services.esper.net MODE #foo-bar +o foobar  ", &[], Some("services.esper.net"), "MODE", &["#foo-bar", "+o", "foobar"]),
    ("@tag1=value\\\\ntest COMMAND", &[("tag1", "value\\ntest")], None, "COMMAND", &[]),
    ("@tag1=value\\1 COMMAND", &[("tag1", "value1")], None, "COMMAND", &[]),
    ("@tag1=value1\\ COMMAND", &[("tag1", "value1")], None, "COMMAND", &[]),
    ("@tag1=1;tag2=3;tag3=4;tag1=5 COMMAND", &[("tag1", "5"), ("tag2", "3"), ("tag3", "4")], None, "COMMAND", &[]),
    ("@tag1=1;tag2=3;tag3=4;tag1=5;vendor/tag2=8 COMMAND", &[("tag1", "5"), ("tag2", "3"), ("tag3", "4"), ("vendor/tag2", "8")], None, "COMMAND", &[]),
    (":SomeOp MODE #channel :+i", &[], Some("SomeOp"), "MODE", &["#channel", "+i"]),
    (":SomeOp MODE #channel +oo SomeUser :AnotherUser", &[], Some("SomeOp"), "MODE", &["#channel", "+oo", "SomeUser", "AnotherUser"]),
];

#[test]
fn lines_are_taken_apart_as_the_vectors_say() {
    for (text, tags, source, command, params) in SPLIT {
        let line = parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((line.source, line.command), (*source, *command), "{text}");
        assert_eq!(&line.params[..], *params, "{text}");
        for (key, value) in *tags {
            assert_eq!(line.tags.get(key).as_deref(), Some(*value), "{text}");
        }
        let keys: std::collections::HashSet<&str> = line.tags.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), tags.len(), "{text}");
    }
}

#[test]
fn what_has_no_command_is_no_line() {
    for text in ["", " ", ":", ":source", ":source ", "@tags", "@tags ", "@a=b :source "] {
        assert_eq!(parse(text), None, "{text:?}");
    }
    let many = parse("x 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 :17").unwrap();
    assert_eq!((many.params.len(), many.params[14], many.params[16]), (17, "15", "17"));
}

fn lines_when_cut_at(stream: &[u8], cut: usize) -> Vec<Vec<u8>> {
    let (mut held, mut lines, mut skipping) = (Vec::new(), Vec::new(), false);
    for part in [&stream[..cut], &stream[cut..]] {
        held.extend_from_slice(part);
        while let Parsed::Complete(found, used) = if skipping { skip(&held) } else { split(&held) }
        {
            match found {
                Found::Line(line) => lines.push(line.to_vec()),
                Found::TooLong { ended } => {
                    skipping = !ended;
                    if ended {
                        lines.push(b"too long".to_vec());
                    }
                }
            }
            held.drain(..used);
        }
    }
    lines
}

#[test]
fn a_cut_anywhere_changes_nothing() {
    let mut stream = b"NICK ann\r\nUSER a 0 * :A\n\r\n@a=b PING :x\r\n".to_vec();
    stream.extend(std::iter::repeat_n(b'x', 600));
    stream.extend_from_slice(b"\r\nJOIN #rust\r\n");
    let whole = lines_when_cut_at(&stream, stream.len());
    assert_eq!(whole.len(), 6);
    assert_eq!(whole[4], b"too long");
    for cut in 0..stream.len() {
        assert_eq!(lines_when_cut_at(&stream, cut), whole, "cut at byte {cut}");
    }
}

#[test]
fn each_part_has_its_own_limit() {
    let whole = |tags: usize, rest: usize| {
        let tags = if tags == 0 { String::new() } else { format!("@{} ", "t".repeat(tags - 2)) };
        format!("{tags}{}\r\n", "x".repeat(rest - 2))
    };
    for (tags, rest, fits) in [
        (0, LINE_MAX, true),
        (0, LINE_MAX + 1, false),
        (CLIENT_TAGS_MAX, LINE_MAX, true),
        (CLIENT_TAGS_MAX + 1, 10, false),
        (10, LINE_MAX + 1, false),
    ] {
        let line = whole(tags, rest);
        let Parsed::Complete(found, used) = split(line.as_bytes()) else { panic!("{tags} {rest}") };
        assert_eq!(matches!(found, Found::Line(_)), fits, "{tags} {rest}");
        assert!(used <= line.len());
    }
    assert_eq!(split(&[b'x'; LINE_MAX - 1]), Parsed::Partial);
    assert_eq!(
        split(&[b'x'; LINE_MAX]),
        Parsed::Complete(Found::TooLong { ended: false }, LINE_MAX)
    );
}

fn written(write: impl FnOnce(LineWriter<'_>)) -> String {
    let mut out = Vec::new();
    write(LineWriter::new(&mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn lines_are_put_together() {
    let line = written(|line| {
        line.tag("time", "now")
            .tag("d", "gh;7 64")
            .client_tag("+x", Some("y"))
            .from_person("ann", "a", "h")
            .command("PRIVMSG")
            .middle("#rust")
            .last("hello there");
    });
    assert_eq!(line, "@time=now;d=gh\\:7\\s64;+x=y :ann!a@h PRIVMSG #rust :hello there\r\n");
    assert_eq!(written(|line| line.command("PING").last("x")), "PING :x\r\n");
    assert_eq!(written(|line| line.tag("a", "").command("ACK").end()), "@a ACK\r\n");
    let long = written(|line| line.tag("t", &"v".repeat(600)).command("X").last(&"ö".repeat(600)));
    let rest = long.split_once(' ').unwrap().1;
    assert_eq!(rest.len(), LINE_MAX - 1, "cut before the half of an ö");
    let mut out = Vec::new();
    let line = LineWriter::new(&mut out).command("X");
    let space = line.space();
    line.last(&"y".repeat(space));
    assert_eq!(out.len(), LINE_MAX);
}

proptest! {
    #[test]
    fn fault_p10_nothing_put_in_makes_a_second_line(
        a in "[\\x00\\r\\n :@!;=a]{0,8}", b in "\\PC{0,20}[\\r\\n\\x00]?\\PC{0,20}", c in "[\\x00-\\x7f]{0,600}",
    ) {
        let mut out = Vec::new();
        LineWriter::new(&mut out).tag("k", &a).from_person(&a, &b, &a).command("X").middle(&a).middle(&b).last(&c);
        let text = String::from_utf8(out).unwrap();
        let line = text.strip_suffix("\r\n").unwrap();
        prop_assert!(!line.contains(['\r', '\n', '\0']));
        let parsed = parse(line).unwrap();
        prop_assert_eq!(parsed.command.is_empty(), false);
        prop_assert!(parsed.params.len() <= 3);
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let _ = (split(&bytes), skip(&bytes));
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }
}
