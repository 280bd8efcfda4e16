//! IRC over WebSocket: a line for each message, in text or binary, beside everybody else.

use crate::common::Server;
use crate::common::web::{BINARY, Browser, TEXT, handshake};
use crate::irc::talk::Talk;

/// Says a line and hears another.
fn ask(browser: &mut Browser, first: u8, line: &str) -> String {
    browser.send(first, line.as_bytes());
    let frame = browser.next();
    assert_eq!(frame.first, first, "{line}");
    String::from_utf8(frame.payload).unwrap()
}

/// Reads up to the end of the welcome.
fn register(browser: &mut Browser, first: u8, nick: &str) {
    browser.send(first, format!("NICK {nick}").as_bytes());
    // An end of line is not asked for, and does no harm.
    browser.send(first, format!("USER {nick} 0 * :{nick}\r\n").as_bytes());
    while !String::from_utf8(browser.next().payload).unwrap().contains(" 422 ") {}
}

#[test]
fn lines_are_messages() {
    let server = Server::start(&["irc://127.0.0.1:0?name=irc.example", "http://127.0.0.1:0"]);
    let mut ann = Talk::connect(&server, 0);
    ann.say("NICK ann\r\nUSER ann 0 * :ann");
    while !ann.line().contains(" 422 ") {}
    ann.say("JOIN #x");
    while !ann.line().contains(" 366 ") {}
    for (offered, chosen, first) in [
        ("", None, TEXT),
        ("Sec-WebSocket-Protocol: text.ircv3.net\r\n", Some("text.ircv3.net"), TEXT),
        (
            "Sec-WebSocket-Protocol: x, binary.ircv3.net, text.ircv3.net\r\n",
            Some("binary.ircv3.net"),
            BINARY,
        ),
    ] {
        let mut bob = Browser::open_with(server.connect_to(1), "/irc", offered);
        let header = chosen.map(|name| format!("\r\nSec-WebSocket-Protocol: {name}\r\n"));
        assert!(header.is_none_or(|header| bob.answer.contains(&header)), "{}", bob.answer);
        register(&mut bob, first, "bob");
        assert_eq!(ask(&mut bob, first, "PING :x"), ":irc.example PONG irc.example :x");
        assert!(ask(&mut bob, first, "JOIN #x").ends_with(" JOIN #x"));
        assert!(
            String::from_utf8(bob.next().payload).unwrap().ends_with(" 353 bob = #x :@ann bob")
        );
        bob.next();
        assert_eq!(ann.line(), ":bob!~bob@HOST JOIN #x");
        ann.say("PRIVMSG #x :to the web");
        let heard = bob.next();
        assert_eq!(heard.first, first);
        assert!(heard.payload.ends_with(b" PRIVMSG #x :to the web"));
        bob.send(first, b"PRIVMSG #x :from the web");
        assert_eq!(ann.line(), ":bob!~bob@HOST PRIVMSG #x :from the web");
        assert_eq!(
            ask(&mut bob, first, &"x".repeat(600)),
            ":irc.example 417 bob :Input line was too long"
        );
        assert!(ask(&mut bob, first, "QUIT :bye").starts_with("ERROR :"));
        bob.expect_close(1000);
        assert_eq!(ann.line(), ":bob!~bob@HOST QUIT :Quit: bye");
    }
}

#[test]
fn clients_that_are_told_no_path_speak_irc_at_the_root() {
    let server = Server::start(&["irc://127.0.0.1:0?name=irc.example", "http://127.0.0.1:0"]);
    for (name, first) in [("text.ircv3.net", TEXT), ("binary.ircv3.net", BINARY)] {
        let offered = format!("Sec-WebSocket-Protocol: {name}\r\n");
        let mut ann = Browser::open_with(server.connect_to(1), "/", &offered);
        assert!(ann.answer.contains(&offered), "{}", ann.answer);
        register(&mut ann, first, "ann");
        assert_eq!(ask(&mut ann, first, "PING :x"), ":irc.example PONG irc.example :x");
        ann.send(first, b"QUIT");
        ann.next();
        ann.expect_close(1000);
    }
    // Whoever offers nothing, or something else, is shown the page as ever; and there is nothing but pages elsewhere.
    for (path, offered) in [
        ("/", ""),
        ("/", "Sec-WebSocket-Protocol: hobnob.v1\r\n"),
        ("/app.js", "Sec-WebSocket-Protocol: text.ircv3.net\r\n"),
    ] {
        let mut client = server.connect_to(1);
        client.send(handshake(path, offered).as_bytes());
        assert_eq!(client.read_exactly(15), b"HTTP/1.1 200 OK");
    }
    // Pages of others may not speak to this relay here either.
    let mut client = server.connect_to(1);
    let offered = "Sec-WebSocket-Protocol: text.ircv3.net\r\nOrigin: https://evil.example\r\n";
    client.send(handshake("/", offered).as_bytes());
    assert_eq!(client.read_exactly(22), b"HTTP/1.1 403 Forbidden");
}

#[test]
fn bytes_that_are_no_text_are_refused_and_the_connection_goes_on() {
    let server = Server::start(&["irc://127.0.0.1:0?name=irc.example", "http://127.0.0.1:0"]);
    for (offered, first) in [("text.ircv3.net", TEXT), ("binary.ircv3.net", BINARY)] {
        let offered = format!("Sec-WebSocket-Protocol: {offered}\r\n");
        let mut ann = Browser::open_with(server.connect_to(1), "/irc", &offered);
        register(&mut ann, first, "ann");
        // A binary message is read whatever was agreed on, and answered as it was.
        ann.send(BINARY, b"PRIVMSG ann :caf\xe9");
        let answer = ann.next();
        assert_eq!(answer.first, first);
        assert_eq!(
            answer.payload,
            b":irc.example FAIL PRIVMSG INVALID_UTF8 :Message rejected: it is not UTF-8"
        );
        assert_eq!(ask(&mut ann, first, "PING :x"), ":irc.example PONG irc.example :x");
        ann.send(first, b"QUIT");
        ann.next();
        ann.expect_close(1000);
    }
}
