//! Fault P10: whatever anybody puts into any text of any protocol, IRC clients read whole lines of the
//! relay's own making.

use crate::common::{SPELLINGS, Server, hello_private, passed, tell};
use crate::irc::talk::{Talk, frame_says};
use hobnob::wire::frame::{ClientFrame, ServerFrame, VERSION};

/// What would end a line, or begin another.
const BYTES: &[u8] = b"\r\n\0\x01\x02\x07\x08\x1b\x7f :@!,";

/// What reads everything that a client of IRC can be told.
const CAPS: &str = "message-tags server-time away-notify setname extended-join invite-notify";

/// Every text here has this word behind the byte that would make it a line's own.
const WORD: &str = "EVIL";

/// Lines come from the relay or from a person, and have a command that the relay knows: nobody else's
/// words stand where the relay's do. (`Talk::line` has seen to CR, LF and NUL.)
#[track_caller]
fn check(lines: &[String]) {
    const KNOWN: &[&str] = &[
        "PRIVMSG", "NOTICE", "TAGMSG", "JOIN", "PART", "NICK", "QUIT", "AWAY", "SETNAME", "TOPIC",
        "MODE", "KICK", "INVITE", "PONG", "KILL", "WALLOPS", "CAP", "FAIL",
    ];
    for line in lines {
        let rest = line.strip_prefix('@').map_or(&**line, |t| t.split_once(' ').unwrap().1);
        let mut words = rest.split(' ');
        let (source, command) = (words.next().unwrap(), words.next().unwrap_or_default());
        let edges: String = source.chars().filter(|c| matches!(c, '!' | '@')).collect();
        assert!(source == ":hobnob.local" || source.starts_with(':') && edges == "!@", "{line}");
        assert!(
            KNOWN.contains(&command) || command.len() == 3 && command.parse::<u16>().is_ok(),
            "{line}"
        );
    }
}

/// Asks everything that shows names, and looks at the answers.
#[track_caller]
fn check_names(talk: &mut Talk) {
    for line in ["NAMES #x", "WHO #x", "WHO *", "LIST", "MODE #x b", "TOPIC #x"] {
        talk.say(line);
    }
    check(&talk.sync());
}

#[test]
fn fault_p10_no_text_of_any_protocol_makes_a_line() {
    let server = Server::start(&[
        "irc://127.0.0.1:0",
        "frame://127.0.0.1:0",
        "raw://127.0.0.1:0?room=x&framing=line",
        "raw://127.0.0.1:0?room=x&framing=chunk",
    ]);
    let mut ann = Talk::enter_with(&server, "ann", CAPS);
    let mut bob = Talk::enter_with(&server, "bob", "message-tags");
    ann.join("#x");
    bob.join("#x");
    let mut plain = [2, 3].map(|listener| server.connect_to(listener));
    for byte in BYTES {
        let byte = *byte as char;
        let evil = format!("a{byte}{WORD}");
        for line in [
            format!("PRIVMSG #x :{evil}"),
            format!("PRIVMSG {evil} :{evil}"),
            format!("NOTICE ann :{evil}"),
            format!("PRIVMSG ann,ann{byte}b :{evil}"),
            format!("@+x={evil};+a{byte}b=1 TAGMSG #x"),
            format!("@+x={evil} PRIVMSG #x :hi"),
            format!("@{evil} PRIVMSG #x :hi"),
            format!("TOPIC #x :{evil}"),
            format!("AWAY :{evil}"),
            format!("SETNAME :{evil}"),
            format!("NICK {evil}"),
            format!("JOIN #{evil}"),
            format!("JOIN #x,#{evil} {evil},{evil}"),
            format!("PART #{evil} :{evil}"),
            format!("KICK #x bob :{evil}"),
            format!("MODE #x +b {evil}"),
            format!("MODE #x +k {evil}"),
            format!("MODE #x +l {evil}"),
            format!("MODE #x +{evil}"),
            format!("MODE {evil} +i"),
            format!("INVITE {evil} #x"),
            format!("MONITOR + {evil}"),
            format!("ISON {evil}"),
            format!("USERHOST {evil}"),
            format!("WHO {evil}"),
            format!("WHO bob %tn,{evil}"),
            format!("WHOIS {evil}"),
            format!("WHOWAS {evil}"),
            format!("NAMES {evil}"),
            format!("LIST {evil}"),
            format!("MOTD {evil}"),
            format!("CHATHISTORY {evil} #x {evil} 1"),
            format!("CAP REQ :{evil}"),
            format!("CAP {evil}"),
            format!("PING :{evil}"),
            format!("HELP {evil}"),
            format!("STATS {evil}"),
            format!("OPER {evil} {evil}"),
            format!("USER {evil} 0 * :{evil}"),
            evil.clone(),
            "NICK bob".to_owned(),
        ] {
            bob.say(&line);
        }
        check(&bob.sync());
        bob.say("MODE #x -kb * *!*@*");
        bob.join("#x");
        for spelling in SPELLINGS {
            // Names and rooms of frames: what cannot be one ends the connection, or is refused.
            let mut fred = server.connect_to(1);
            fred.spelling = *spelling;
            let (version, private, key) = (VERSION, true, 0);
            let name = format!("f{byte}:{WORD}").into();
            fred.ask(&[ClientFrame::Hello { version, private, key, name }]);
            if matches!(fred.next(), ServerFrame::Welcome { .. }) {
                let (key, room) = (Some(evil.clone().into()), evil.clone().into());
                fred.ask(&[
                    ClientFrame::Join { request: 1, resume: None, key, room },
                    ClientFrame::Join { request: 2, resume: None, key: None, room: "x".into() },
                ]);
                fred.until_pong();
            }
            drop(fred);
            let mut gina = server.connect_to(1);
            gina.spelling = *spelling;
            gina.hello(&format!("gina{}", u32::from(byte)));
            let room = gina.join("x").room;
            let text = format!("a{byte}:{WORD} {WORD} {byte}");
            frame_says(&mut gina, room, 0, text.as_bytes());
            gina.ask(&[tell(1, "ann", &text), tell(2, &evil, WORD)]);
            gina.until_pong();
            check_names(&mut ann);
        }
        // Plain sockets, and whoever holds the relay.
        plain[0].send(format!("a{byte}:{WORD} {WORD}\n").as_bytes());
        plain[1].send(format!("a{byte}:{WORD} {WORD}").as_bytes());
        let _ = server.handle.publish(&evil, "host", evil.as_bytes());
        let _ = server.handle.publish("x", &evil, evil.as_bytes());
        server.handle.publish("x", "host", format!("b{byte}{WORD}").as_bytes()).unwrap();
        check_names(&mut ann);
    }
    // All of it was heard by now: it is said in order.
    server.handle.publish("x", "host", b"the end").unwrap();
    loop {
        let line = ann.line();
        if line.ends_with(" PRIVMSG #x :the end") {
            break;
        }
        check(&[line]);
    }
}

/// What one says of oneself on coming, what is said when one goes, and what operators say.
#[test]
fn fault_p10_nobody_comes_or_goes_with_a_line_of_their_own() {
    let server = crate::irc::talk::relay();
    let mut ann = Talk::enter_with(&server, "ann", CAPS);
    let mut root = Talk::enter(&server, "root");
    ann.join("#x");
    root.join("#x");
    root.say("OPER root secret");
    root.sync();
    ann.say("MODE ann +w");
    for (n, byte) in BYTES.iter().enumerate() {
        let evil = format!("a{}{WORD}", *byte as char);
        let come = |nick: &str| {
            let mut eve = Talk::connect(&server, 0);
            eve.say(&format!("PASS {evil}\r\nNICK {nick}\r\nUSER {evil} 0 {evil} :{evil}"));
            check(&eve.sync());
            // Where the line ended too early.
            eve.say(&format!("USER {evil} 0 * {evil}\r\nUSER eve 0 * eve\r\nJOIN #x"));
            check(&eve.sync());
            eve
        };
        let mut eve = come(&format!("eve{n}"));
        ann.say(&format!("WHOIS eve{n}"));
        check_names(&mut ann);
        eve.say(&format!("QUIT :{evil}"));
        while !eve.line().starts_with("ERROR :Closing link: Quit") {}
        // The words of the ERROR are the peer's own: they make no line behind it.
        eve.client.expect_end();
        let mut eve = come(&format!("eva{n}"));
        root.say(&format!("WALLOPS :{evil}\r\nKILL {evil} :{evil}\r\nKILL eva{n} :{evil}"));
        check(&root.sync());
        loop {
            let line = eve.line();
            if line.starts_with("ERROR :Closing link: Killed (") {
                break;
            }
            check(&[line]);
        }
        eve.client.expect_end();
        ann.say(&format!("WHOWAS eve{n}\r\nWHOWAS eva{n}"));
        check_names(&mut ann);
    }
}

/// What browsers and programs bring by HTTP and WebSocket.
#[cfg(feature = "http")]
#[test]
fn fault_p10_no_request_and_no_message_of_the_web_makes_a_line() {
    use crate::common::http::answer;
    use crate::common::web::{BINARY, Browser, TEXT, handshake};
    let server = Server::start(&["irc://127.0.0.1:0", "http://127.0.0.1:0?trust=127.0.0.1"]);
    let mut ann = Talk::enter_with(&server, "ann", CAPS);
    ann.join("#x");
    let web = || server.connect_to(1);
    let escaped = |text: &str| -> String { text.bytes().map(|b| format!("%{b:02x}")).collect() };
    for (n, byte) in BYTES.iter().enumerate() {
        let evil = format!("a{}{WORD}", *byte as char);
        // A line is a message here, and a message is one line, whatever is in it.
        for (offered, first) in [("text.ircv3.net", TEXT), ("binary.ircv3.net", BINARY)] {
            let offered = format!("Sec-WebSocket-Protocol: {offered}\r\n");
            let mut bob = Browser::open_with(web(), "/irc", &offered);
            for line in [
                format!("NICK bob{n}"),
                format!("USER {evil} 0 * :{evil}"),
                "USER bob 0 * bob".to_owned(),
                "JOIN #x".to_owned(),
                format!("PRIVMSG #x :{evil}"),
                format!("PRIVMSG #x :hi\r\n:x!x@x PRIVMSG #x :{evil}\r\n"),
                format!("@+x={evil} PRIVMSG #x :hi"),
                format!("PART #x :{evil}"),
                format!("QUIT :{evil}"),
            ] {
                bob.send(first, line.as_bytes());
            }
            loop {
                let frame = bob.next();
                if frame.first != first {
                    break;
                }
                let line = String::from_utf8(frame.payload).unwrap();
                assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
                if !line.starts_with("ERROR ") {
                    check(&[line]);
                }
            }
            check_names(&mut ann);
        }
        // JSON, in which anything can be said.
        let json = serde_json::to_string(&evil).unwrap();
        let mut fred = Browser::open_with(web(), "/connect", "");
        fred.send(TEXT, format!(r#"{{"type":"hello","version":1,"name":{json}}}"#).as_bytes());
        if String::from_utf8(fred.next().payload).unwrap().contains("welcome") {
            let join = format!(r#"{{"type":"join","room":{json},"key":{json}}}"#);
            fred.send(TEXT, join.as_bytes());
            fred.next();
        }
        let mut gina = Browser::open_with(web(), "/connect", "");
        let name = format!(r#"{{"type":"hello","version":1,"name":"gina{n}"}}"#);
        gina.send(TEXT, name.as_bytes());
        gina.next();
        gina.send(TEXT, br#"{"type":"join","room":"x"}"#);
        let joined: serde_json::Value = serde_json::from_slice(&gina.next().payload).unwrap();
        let room = &joined["room"];
        for frame in [
            format!(r#"{{"type":"say","room":{room},"text":{json}}}"#),
            format!(r#"{{"type":"tell","name":"ann","text":{json}}}"#),
            format!(r#"{{"type":"tell","name":{json},"text":{json}}}"#),
        ] {
            gina.send(TEXT, frame.as_bytes());
        }
        gina.send(TEXT, br#"{"type":"ping","token":7}"#);
        while !gina.next().payload.ends_with(b"\"token\":7}") {}
        // Paths, queries, bodies and headers, escaped and as they are.
        for evil in [evil.as_str(), &escaped(&evil)] {
            for (room, sender) in [("x", evil), (evil, "eve"), (evil, evil)] {
                let mut client = web();
                client.send(
                    format!(
                        "POST /rooms/{room}/messages?sender={sender} HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {evil}\r\n\
                         Content-Length: {}\r\n\r\n{evil}",
                        evil.len()
                    )
                    .as_bytes(),
                );
                answer(&mut client, true);
            }
            for path in [format!("/raw/{evil}"), "/raw/x".to_owned()] {
                let mut client = web();
                client.send(handshake(&path, &format!("X-Forwarded-For: {evil}\r\n")).as_bytes());
                answer(&mut client, true);
            }
            let mut listener = web();
            listener.send(
                format!(
                    "GET /rooms/x/events?name={evil} HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {evil}\r\n\r\n"
                )
                .as_bytes(),
            );
            listener.read_exactly(12);
            check_names(&mut ann);
        }
        for (first, bytes) in [(TEXT, evil.as_bytes()), (BINARY, evil.as_bytes())] {
            let mut raw = Browser::open_with(web(), "/raw/x", "");
            raw.send(first, bytes);
            raw.next();
        }
        check_names(&mut ann);
    }
}

/// The other way: whatever a line of IRC brings to one person alone comes as one frame.
#[test]
fn fault_p10_no_line_makes_more_than_the_frame_it_is() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut bob = Talk::enter_with(&server, "bob", "message-tags");
    for (n, spelling) in SPELLINGS.iter().enumerate() {
        let name = format!("fred{n}");
        let mut fred = server.connect_to(1);
        fred.spelling = *spelling;
        fred.ask(&[hello_private(&name)]);
        fred.next();
        for byte in BYTES {
            let evil = format!("a{}\",\"type\":\"bye\",EVIL", *byte as char);
            bob.say(&format!("PRIVMSG {name} :{evil}"));
            bob.say(&format!("@+x={evil} NOTICE {name} :{evil}"));
            bob.sync();
            // What ended the line, or was no line at all, ended it for IRC; the rest is what was said.
            for frame in fred.until_pong() {
                let ServerFrame::Told { sender, payload, .. } = &frame else { panic!("{frame:?}") };
                assert_eq!(&**sender, "bob");
                assert!(evil.as_bytes().starts_with(payload), "{frame:?}");
            }
            // And a person is found by no more than their name.
            fred.ask(&[tell(1, &format!("bob{}", *byte as char), "EVIL"), tell(2, "bob", "hi")]);
            assert!(matches!(fred.next(), ServerFrame::Error { code: 116, .. }));
            fred.expect(&passed(2));
            assert_eq!(bob.sync(), [format!("@msgid=ID :{name}!hobnob@HOST PRIVMSG bob :hi")]);
        }
    }
}
