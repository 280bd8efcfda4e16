//! What nobody is told who is not there.

use crate::talk::{Talk, relay};

#[test]
fn a_secret_room_is_to_outsiders_as_if_there_were_none() {
    let server = relay();
    let [mut ann, mut bob, mut carl] =
        ["ann", "bob", "carl"].map(|nick| Talk::enter(&server, nick));
    ann.join("#x");
    bob.join("#x");
    ann.say("MODE #x +sb nobody!*@*");
    ann.say("TOPIC #x :hush");
    ann.sync();
    bob.sync();
    for line in [
        "TOPIC #x",
        "TOPIC #x :loud",
        "PART #x",
        "PART #x :bye",
        "KICK #x ann",
        "KICK #x carl",
        "INVITE bob #x",
        "INVITE carl #x",
        "INVITE none #x",
        "MODE #x",
        "MODE #x b",
        "MODE #x e",
        "MODE #x +b a",
        "MODE #x -o ann",
        "MODE #x +v carl",
        "MODE #x z",
        "NAMES #x",
        "NAMES",
        "LIST",
        "LIST #x",
        "LIST #*",
        "WHO #x",
        "WHO #x %n",
        "PRIVMSG #x :hm",
        "NOTICE #x :hm",
        "PRIVMSG #X :hm",
    ] {
        carl.say(line);
        let of_secret = carl.sync();
        carl.say(&line.replace("#x", "#y").replace("#X", "#Y"));
        let of_none: Vec<String> =
            carl.sync().iter().map(|line| line.replace("#y", "#x").replace("#Y", "#X")).collect();
        assert_eq!(of_secret, of_none, "{line}");
    }
    carl.say("WHOIS ann");
    assert!(carl.sync().iter().all(|line| !line.contains("#x")));
    for talk in [&mut ann, &mut bob] {
        talk.hear_nothing();
    }
    // Who may speak there has been told of it.
    ann.ask("MODE #x -n", &[":ann!~ann@HOST MODE #x -n"]);
    carl.ask("PRIVMSG #x :hi", &[]);
    ann.hear(&[":carl!~carl@HOST PRIVMSG #x :hi"]);
    ann.ask("MODE #x +m", &[":ann!~ann@HOST MODE #x +m"]);
    carl.ask("PRIVMSG #x :hi", &[":hobnob.local 403 carl #x :No such channel"]);
    // Operators of the relay have an operator's rights there, and know of it.
    carl.say("OPER root secret");
    carl.sync();
    carl.say("TOPIC #x");
    carl.hear(&[":hobnob.local 332 carl #x :hush"]);
}

#[test]
fn a_room_where_nobody_is_hears_nothing() {
    let server = crate::common::Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    let mut fred = server.connect_to(1);
    fred.hello("fred");
    let room = fred.join("x").room;
    crate::talk::frame_says(&mut fred, room, 0, b"kept for a while");
    fred.ask(&[crate::common::leave(9, room)]);
    fred.until_pong();
    for line in ["PRIVMSG #x :hi", "TOPIC #x", "PART #x", "MODE #x"] {
        ann.ask(line, &[":hobnob.local 403 ann #x :No such channel"]);
    }
}
