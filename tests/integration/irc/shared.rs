//! One room, many protocols; and rooms too big for names.

use crate::common::*;
use crate::irc::talk::{Talk, crowded, frame_says, relay_with};
use hobnob::Limits;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::{ClientFrame, ServerFrame};

#[test]
pub fn irc_frames_and_plain_sockets_share_a_room() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0", "raw://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#lobby");
    let mut fred = server.connect_to(1);
    fred.spelling = Spelling::Binary;
    fred.hello("#fred");
    let room = fred.join("lobby").room;
    ann.hear(&[":＃fred!hobnob@HOST JOIN #lobby"]);
    let mut nc = server.connect_to(2);
    ann.hear(&[":guest1!hobnob@HOST JOIN #lobby"]);
    nc.send(b"from nc\n");
    ann.hear(&[":guest1!hobnob@HOST PRIVMSG #lobby :from nc"]);
    nc.expect_bytes(b"from nc\n");
    // Lines become messages; what is no text is said to be none.
    frame_says(&mut fred, room, 0, "two\r\nlines\n\nand more".as_bytes());
    ann.hear(&[
        ":＃fred!hobnob@HOST PRIVMSG #lobby :two",
        ":＃fred!hobnob@HOST PRIVMSG #lobby :lines",
        ":＃fred!hobnob@HOST PRIVMSG #lobby :and more",
    ]);
    frame_says(&mut fred, room, 0, b"\x00\x01\x02");
    ann.hear(&[":＃fred!hobnob@HOST PRIVMSG #lobby :[3 bytes that are not text]"]);
    frame_says(&mut fred, room, 0, b"");
    ann.hear(&[":＃fred!hobnob@HOST PRIVMSG #lobby : "]);
    nc.expect_bytes(b"two\r\nlines\n\nand more\n\x00\x01\x02\n\n");
    ann.ask("PRIVMSG #lobby :from irc", &[]);
    nc.expect_bytes(b"from irc\n");
    fred.until_pong();
    ann.ask("PRIVMSG #fred :psst", &[":hobnob.local 403 ann #fred :No such channel"]);
    ann.ask(
        "PRIVMSG ＃fred :psst",
        &[":hobnob.local 531 ann ＃fred :that person's client takes no private messages"],
    );
    ann.say("WHOIS ＃fred");
    ann.hear(&[":hobnob.local 311 ann ＃fred hobnob HOST * :#fred"]);
    ann.sync();
    ann.ask("NICK anna", &[":ann!~ann@HOST NICK :anna"]);
    let told = fred.until_pong();
    let names: Vec<String> = told
        .iter()
        .filter_map(|frame| match frame {
            ServerFrame::Went { name, count, .. } => Some(format!("-{name} {count}")),
            ServerFrame::Came { name, count, .. } => Some(format!("+{name} {count}")),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["-ann 2", "+anna 3"]);
}

/// Somebody in frames, to whom private messages may come.
fn private(server: &Server, index: usize, spelling: Spelling, name: &str) -> Client {
    let mut client = server.connect_to(index);
    client.spelling = spelling;
    client.ask(&[hello_private(name)]);
    assert!(matches!(client.next(), ServerFrame::Welcome { .. }));
    client
}

#[test]
fn what_is_said_to_one_alone_crosses_protocols() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    for spelling in SPELLINGS {
        let mut ann =
            Talk::enter_with(&server, "ann", "batch echo-message message-tags labeled-response");
        let mut fred = private(&server, 1, *spelling, "#fred");
        // From IRC, to the letter, and answered as if to anybody there.
        ann.ask(
            "PRIVMSG ＃fred :psst  there ",
            &["@msgid=ID :ann!~ann@HOST PRIVMSG ＃fred :psst  there "],
        );
        fred.expect(&told("ann", "psst  there "));
        ann.ask(
            "@label=7 NOTICE ＃FRED :beep",
            &["@label=7;msgid=ID :ann!~ann@HOST NOTICE ＃fred :beep"],
        );
        let (sender, payload) = ("ann".into(), b"beep"[..].into());
        fred.expect(&ServerFrame::Told { time: ANY_TIME, notice: true, sender, payload });
        // Tags alone are nothing that frames have words for.
        let own = "@msgid=ID;+typing=active :ann!~ann@HOST TAGMSG ＃fred";
        ann.ask("@+typing=active TAGMSG ＃fred", &[own]);
        fred.expect_quiet();
        // To IRC, as lines.
        let lines = "two\r\nlines\n\nand \u{1}ACTION more\u{1}";
        fred.ask(&[tell(1, "Ann", lines), tell(2, "ann", b"\0\x01\xff"), tell(3, "ann", "")]);
        fred.expect_all(&[passed(1), passed(2), passed(3)]);
        ann.hear(&[
            "@msgid=ID :＃fred!hobnob@HOST PRIVMSG ann :two",
            ":＃fred!hobnob@HOST PRIVMSG ann :lines",
            ":＃fred!hobnob@HOST PRIVMSG ann :and \u{1}ACTION more\u{1}",
            "@msgid=ID :＃fred!hobnob@HOST PRIVMSG ann :[3 bytes that are not text]",
            "@msgid=ID :＃fred!hobnob@HOST PRIVMSG ann : ",
        ]);
        let (name, payload) = ("ann".into(), b"beep"[..].into());
        fred.ask(&[ClientFrame::Tell { request: 4, notice: true, name, payload }]);
        fred.expect(&passed(4));
        ann.hear(&["@msgid=ID :＃fred!hobnob@HOST NOTICE ann :beep"]);
        // Who is away is told all the same, and the teller learns it; not for a notice.
        ann.ask("AWAY :tea", &[":hobnob.local 306 ann :You have been marked as being away"]);
        let (name, payload) = ("ann".into(), b"beep"[..].into());
        let notice = ClientFrame::Tell { request: 6, notice: true, name, payload };
        fred.ask(&[tell(5, "ann", "psst"), notice]);
        fred.expect(&ServerFrame::Passed { request: 5, time: ANY_TIME, away: "tea".into() });
        fred.expect(&passed(6));
        ann.hear(&[
            "@msgid=ID :＃fred!hobnob@HOST PRIVMSG ann :psst",
            "@msgid=ID :＃fred!hobnob@HOST NOTICE ann :beep",
        ]);
        ann.say("QUIT");
        ann.hear_end(&["ERROR :Closing link: Quit"]);
        fred.ask(&[tell(7, "ann", "psst"), bye()]);
        fred.expect(&refused(Refusal::NoSuchPerson, 7));
        fred.expect_bye(CloseReason::PeerClosed);
    }
}

#[test]
fn who_is_asked_in_or_put_out_is_told_in_any_protocol() {
    for spelling in SPELLINGS {
        let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
        let mut ann = Talk::enter(&server, "ann");
        ann.join("#x");
        let mut fred = private(&server, 1, *spelling, "fred");
        ann.ask("INVITE fred #x", &[":hobnob.local 341 ann fred #x"]);
        let (sender, payload) = ("ann".into(), b"invites you to x"[..].into());
        fred.expect(&ServerFrame::Told { time: ANY_TIME, notice: true, sender, payload });
        for (line, text) in [
            ("KICK #x fred :enough", "ann put you out of x: enough"),
            ("KICK #x fred", "ann put you out of x"),
        ] {
            let room = fred.join("x").room;
            ann.sync();
            ann.say(line);
            let (code, text) = (Refusal::Expelled.code(), text.into());
            fred.expect(&ServerFrame::Error { code, request: 0, text });
            fred.expect(&ServerFrame::Left { request: 0, room, offset: 0 });
            ann.sync();
        }
        // Who takes nothing private takes no invitation.
        let mut carl = server.connect_to(1);
        carl.hello("carl");
        ann.ask("INVITE carl #x", &[":hobnob.local 341 ann carl #x"]);
        carl.expect_quiet();
    }
}

#[test]
fn a_private_message_that_is_long_becomes_lines_that_fit() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    let mut fred = private(&server, 1, Spelling::Binary, "fred");
    fred.ask(&[tell(1, "ann", &"ö".repeat(600)), tell(2, "ann", &"x\n".repeat(10_000))]);
    fred.expect_all(&[passed(1), passed(2)]);
    let mut heard = String::new();
    while heard.len() < 1_200 {
        let line = ann.line();
        heard.push_str(line.strip_prefix(":fred!hobnob@HOST PRIVMSG ann :").expect("a message"));
    }
    assert_eq!(heard, "ö".repeat(600));
    let lines = (0..16).map(|_| ann.line()).collect::<Vec<_>>();
    assert!(lines[14].ends_with(":x") && lines[15].contains("and more"), "{}", lines[15]);
    ann.hear_nothing();
}

#[test]
fn a_long_message_becomes_lines_that_fit() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    let mut fred = server.connect_to(1);
    fred.hello("fred");
    let room = fred.join("x").room;
    ann.sync();
    let text = "ö".repeat(1_000);
    frame_says(&mut fred, room, 0, text.as_bytes());
    let mut heard = String::new();
    while heard.len() < text.len() {
        let line = ann.line();
        heard.push_str(line.strip_prefix(":fred!hobnob@HOST PRIVMSG #x :").expect("a message"));
    }
    assert_eq!(heard, text);
    // One message of very many lines costs no more than it may.
    frame_says(&mut fred, room, 0, "x\n".repeat(10_000).as_bytes());
    let lines = (0..16).map(|_| ann.line()).collect::<Vec<_>>();
    assert!(lines[14].ends_with(":x") && lines[15].contains("and more"), "{}", lines[15]);
    ann.hear_nothing();
    // As many as it may have are all of it.
    for lines in 15..=17 {
        let text: Vec<String> = (1..=lines).map(|n| format!("line {n}")).collect();
        frame_says(&mut fred, room, 0, text.join("\n").as_bytes());
        fred.until_pong();
        let mut wanted: Vec<String> =
            text.iter().map(|line| format!(":fred!hobnob@HOST PRIVMSG #x :{line}")).collect();
        if lines > 16 {
            wanted.truncate(15);
            let more = "[and more: the message is longer than fits here]";
            wanted.push(format!(":fred!hobnob@HOST PRIVMSG #x :{more}"));
        }
        assert_eq!(ann.sync(), wanted);
    }
}

#[test]
fn what_somebody_does_is_done_on_every_line_of_it() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    let mut fred = server.connect_to(1);
    fred.hello("fred");
    let room = fred.join("x").room;
    ann.sync();
    let long = "ö".repeat(400);
    for (text, wanted) in [
        ("\u{1}ACTION waves\u{1}", &["\u{1}ACTION waves\u{1}"][..]),
        (
            "\u{1}ACTION waves\r\n\nand goes\u{1}\n",
            &["\u{1}ACTION waves\u{1}", "\u{1}ACTION and goes\u{1}"],
        ),
        // None that is whole, so all as it came.
        ("\u{1}ACTION waves\nand goes", &["\u{1}ACTION waves", "and goes"]),
        ("\u{1}ACTION \u{1}", &["\u{1}ACTION \u{1}"]),
        ("\u{1}ACTION a\u{1}\n\u{1}ACTION b\u{1}", &["\u{1}ACTION a\u{1}", "\u{1}ACTION b\u{1}"]),
    ] {
        frame_says(&mut fred, room, 0, text.as_bytes());
        fred.until_pong();
        let wanted = wanted.iter().map(|line| format!(":fred!hobnob@HOST PRIVMSG #x :{line}"));
        assert_eq!(ann.sync(), wanted.collect::<Vec<_>>(), "{text:?}");
    }
    frame_says(&mut fred, room, 0, format!("\u{1}ACTION {long}\u{1}").as_bytes());
    fred.until_pong();
    let mut heard = String::new();
    for line in ann.sync() {
        let line = line.strip_prefix(":fred!hobnob@HOST PRIVMSG #x :\u{1}ACTION ");
        heard.push_str(line.and_then(|line| line.strip_suffix('\u{1}')).expect("an action"));
    }
    assert_eq!(heard, long);
}

#[test]
fn a_history_of_many_lines_fits_whoever_reads_it() {
    let server = Server::start(&["irc://127.0.0.1:0?history=100", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter_with(&server, "ann", "draft/chathistory batch");
    ann.join("#x");
    let mut fred = server.connect_to(1);
    fred.hello(&"f".repeat(64));
    let room = fred.join("x").room;
    ann.sync();
    // All of it is about twice as much as a quarter of an outbox, in lines.
    let (messages, quarter) = (80, Limits::default().outbox / 4);
    for n in 0..messages {
        frame_says(&mut fred, room, 0, format!("first {n}{}", "\na".repeat(14)).as_bytes());
        fred.until_pong();
        assert_eq!((0..15).map(|_| ann.line()).count(), 15);
    }
    let is_bounded = |lines: &[String]| {
        let bytes: usize = lines.iter().map(|line| line.len() + 2).sum();
        // Hosts and times are shorter here than they came.
        assert!((quarter / 2..quarter + 4_096).contains(&bytes), "{bytes}");
    };
    let firsts = |lines: &[String]| {
        let number = |line: &String| line.split_once(":first ").map(|(_, n)| n.parse().unwrap());
        lines.iter().filter_map(number).collect::<Vec<usize>>()
    };
    ann.say("CHATHISTORY LATEST #x * 100");
    let newest = ann.sync();
    is_bounded(&newest);
    let shown = firsts(&newest);
    assert_eq!(shown, (messages - shown.len()..messages).collect::<Vec<_>>());
    ann.say("CHATHISTORY AFTER #x timestamp=2000-01-01T00:00:00.000Z 100");
    let oldest = ann.sync();
    is_bounded(&oldest);
    let shown = firsts(&oldest);
    assert_eq!(shown, (0..shown.len()).collect::<Vec<_>>());
    let mut bob = Talk::enter_with(&server, "bob", "server-time");
    bob.say("JOIN #x");
    let joined = bob.sync();
    is_bounded(&joined);
    assert_eq!(firsts(&joined).last(), Some(&(messages - 1)));
}

#[test]
fn big_rooms_name_nobody_and_say_so() {
    let server = relay_with(Limits { presence_members: 2, ..Limits::default() });
    let mut ann = Talk::enter(&server, "ann");
    let mut bob = Talk::enter(&server, "bob");
    ann.join("#x");
    bob.join("#x");
    ann.hear(&[":bob!~bob@HOST JOIN #x"]);
    let mut carl = Talk::enter(&server, "carl");
    carl.ask(
        "JOIN #x",
        &[
            ":carl!~carl@HOST JOIN #x",
            ":hobnob.local 353 carl = #x :carl @ann",
            ":hobnob.local 366 carl #x :End of /NAMES list: 3 members, too many to name",
        ],
    );
    carl.ask(
        "WHO #x",
        &[
            ":hobnob.local 352 carl #x ~carl HOST hobnob.local carl H :0 carl of IRC",
            ":hobnob.local 315 carl #x :End of WHO list: too many to show all",
        ],
    );
    carl.ask("NICK karl", &[":carl!~carl@HOST NICK :karl"]);
    carl.ask("PRIVMSG #x :hi", &[]);
    // Neither the coming nor the new name, but the words.
    assert_eq!(ann.sync(), [":karl!~carl@HOST PRIVMSG #x :hi"]);
    carl.ask("PART #x", &[":karl!~carl@HOST PART #x"]);
    assert_eq!(ann.sync(), [":karl!~carl@HOST PART #x"], "small again");
}

#[test]
fn a_line_that_asks_for_more_than_an_outbox_holds_is_answered_as_it_is_read() {
    let (server, rooms, _others) = crowded();
    let mut ann = Talk::enter(&server, "ann");
    ann.say(&format!("JOIN {rooms}"));
    // 60 times the names of 30 are 52 KB; all of them come.
    let came = ann.sync();
    assert_eq!(came.iter().filter(|line| line.contains(" 366 ")).count(), 60);
    assert!(came.iter().map(String::len).sum::<usize>() > 48 << 10);
}
