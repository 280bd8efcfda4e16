//! What whoever runs the relay decides: what is shown of addresses.

use crate::common::Server;
use crate::talk::Talk;

#[test]
fn addresses_are_shown_where_cloaks_are_off() {
    let server = Server::start(&["irc://127.0.0.1:0?cloak=false", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    let mut bob = Talk::enter(&server, "bob");
    ann.join("#x");
    bob.ask(
        "JOIN #x",
        &[
            ":bob!~bob@127.0.0.1 JOIN #x",
            ":hobnob.local 353 bob = #x :@ann bob",
            ":hobnob.local 366 bob #x :End of /NAMES list",
        ],
    );
    ann.hear(&[":bob!~bob@127.0.0.1 JOIN #x"]);
    bob.ask("MODE bob +B", &[":bob!~bob@127.0.0.1 MODE bob :+B"]);
    ann.ask("USERHOST bob", &[":hobnob.local 302 ann :bob=+~bob@127.0.0.1"]);
    ann.ask(
        "WHO bob %nih",
        &[
            ":hobnob.local 354 ann 127.0.0.1 127.0.0.1 bob",
            ":hobnob.local 315 ann bob :End of WHO list",
        ],
    );
    // Bans are for addresses then. Whoever speaks something else has not agreed to be shown.
    let mut fred = server.connect_to(1);
    fred.hello("fred");
    fred.join("x");
    ann.hear(&[":fred!hobnob@HOST JOIN #x"]);
    ann.ask("MODE #x +b *!*@127.0.0.1", &[":ann!~ann@127.0.0.1 MODE #x +b *!*@127.0.0.1"]);
    bob.sync();
    bob.ask("PRIVMSG #x :hm", &[":hobnob.local 404 bob #x :Cannot send to channel"]);
}

#[cfg(feature = "http")]
#[test]
fn addresses_of_proxied_browsers_are_theirs() {
    use crate::common::web::{Browser, TEXT};
    let server =
        Server::start(&["irc://127.0.0.1:0?cloak=false", "http://127.0.0.1:0?trust=127.0.0.1"]);
    let ask = |forwarded: &str, nick: &str| {
        let mut browser = Browser::open_with(server.connect_to(1), "/irc", forwarded);
        browser.send(TEXT, format!("NICK {nick}").as_bytes());
        browser.send(TEXT, b"USER a 0 * :a");
        String::from_utf8(browser.next().payload).unwrap()
    };
    let welcome = ask("X-Forwarded-For: 2001:db8::7\r\n", "ann");
    assert!(welcome.ends_with("network, ann!~a@2001:db8::7"), "{welcome}");
    // For whom it speaks it does not say, and the proxy's address is nobody's.
    let welcome = ask("", "bob");
    assert!(welcome.ends_with(".cloaked"), "{welcome}");
}
