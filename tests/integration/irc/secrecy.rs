//! What nobody is told who is not there.

use crate::common::one_an_hour;
use crate::irc::talk::{Talk, relay, relay_with};

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
        &format!("PRIVMSG #x :{}", "x".repeat(480)),
        &format!("NOTICE #x :{}", "x".repeat(480)),
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
fn a_flood_does_not_tell_a_secret_room_from_none() {
    let server = relay_with(one_an_hour(5));
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    ann.say("MODE #x +s");
    ann.sync();
    let answers = [("carl", "#x"), ("dave", "#y")].map(|(nick, channel)| {
        let mut talk = Talk::enter(&server, nick);
        for _ in 0..6 {
            talk.say(&format!("PRIVMSG {channel} :hm"));
            talk.say(&format!("PRIVMSG {nick} :note"));
        }
        let told = talk.sync().into_iter();
        told.map(|line| line.replace(nick, "me").replace(channel, "#")).collect::<Vec<_>>()
    });
    assert_eq!(answers[0], answers[1]);
    for (numeric, count) in [(" 403 me # ", 6), (" 263 me PRIVMSG ", 2)] {
        let told = answers[0].iter().filter(|line| line.contains(numeric));
        assert_eq!(told.count(), count, "{numeric}: {:?}", answers[0]);
    }
}

#[test]
fn a_room_where_nobody_is_hears_nothing() {
    let server = crate::common::Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    let mut fred = server.connect_to(1);
    fred.hello("fred");
    let room = fred.join("x").room;
    crate::irc::talk::frame_says(&mut fred, room, 0, b"kept for a while");
    fred.leave(9, room);
    fred.until_pong();
    for line in ["PRIVMSG #x :hi", "TOPIC #x", "PART #x", "MODE #x"] {
        ann.ask(line, &[":hobnob.local 403 ann #x :No such channel"]);
    }
}
