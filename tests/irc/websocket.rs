//! IRC over WebSocket: a line for each message, in text or binary, beside everybody else.

use crate::common::Server;
use crate::common::web::{BINARY, Browser, TEXT};
use crate::talk::Talk;

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
