//! One room, many protocols; and rooms too big for names.

use crate::common::{Server, Spelling};
use crate::talk::{Talk, frame_says, relay_with};
use hobnob::Limits;
use hobnob::wire::frame::ServerFrame;

#[test]
fn irc_frames_and_plain_sockets_share_a_room() {
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
        &[":hobnob.local 531 ann ＃fred :that person's protocol has no private messages"],
    );
    ann.say("WHOIS ＃fred");
    ann.hear(&[":hobnob.local 311 ann ＃fred hobnob HOST * :"]);
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
    let limits = Limits { outbox: 32 << 10, presence_members: 100, ..Limits::default() };
    let server = relay_with(limits);
    let rooms: Vec<String> = (0..60).map(|n| format!("#{n}")).collect();
    let rooms = rooms.join(",");
    let mut others: Vec<Talk> =
        (0..30).map(|n| Talk::enter(&server, &format!("somebody-of-a-long-name-{n}"))).collect();
    for other in &mut others {
        other.join(&rooms);
    }
    let mut ann = Talk::enter(&server, "ann");
    ann.say(&format!("JOIN {rooms}"));
    // 60 times the names of 30 are 52 KB; all of them come.
    let came = ann.sync();
    assert_eq!(came.iter().filter(|line| line.contains(" 366 ")).count(), 60);
    assert!(came.iter().map(String::len).sum::<usize>() > 48 << 10);
}
