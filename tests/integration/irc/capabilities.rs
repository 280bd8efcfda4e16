//! Each capability, agreed on and not.

use crate::common::{Server, secrets};
use crate::irc::talk::{Talk, relay};
use hobnob::Limits;
use hobnob::address::Remote;
use hobnob::engine::{Effect, Engine, Reading, SLICES};
use hobnob::id::ConnId;
use hobnob::now::Now;
use hobnob::session::Service;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

const ALL: &str = "away-notify batch cap-notify chghost draft/chathistory echo-message extended-join extended-monitor invite-notify labeled-response message-tags multi-prefix server-time setname standard-replies userhost-in-names";

#[test]
pub fn negotiation() {
    let server = relay();
    let mut ann = Talk::connect(&server, 0);
    ann.ask("CAP LS 302", &[&format!(":hobnob.local CAP * LS :{ALL}")]);
    ann.ask("CAP LIST", &[":hobnob.local CAP * LIST :cap-notify"]);
    ann.ask("CAP REQ :batch echo-message", &[":hobnob.local CAP * ACK :batch echo-message"]);
    ann.ask("CAP REQ :server-time sasl", &[":hobnob.local CAP * NAK :server-time sasl"]);
    ann.ask("CAP REQ :-cap-notify", &[":hobnob.local CAP * NAK :-cap-notify"]);
    ann.ask("CAP REQ :-batch", &[":hobnob.local CAP * ACK :-batch"]);
    ann.ask("CAP LIST", &[":hobnob.local CAP * LIST :cap-notify echo-message"]);
    // All or nothing, on and off in one, whatever was so before.
    ann.ask(
        "CAP REQ :batch -echo-message sasl",
        &[":hobnob.local CAP * NAK :batch -echo-message sasl"],
    );
    ann.ask("CAP LIST", &[":hobnob.local CAP * LIST :cap-notify echo-message"]);
    ann.ask(
        "CAP REQ :batch -echo-message -setname batch",
        &[":hobnob.local CAP * ACK :batch -echo-message -setname batch"],
    );
    ann.ask("CAP LIST", &[":hobnob.local CAP * LIST :batch cap-notify"]);
    ann.ask(&format!("CAP REQ :{ALL}"), &[&format!(":hobnob.local CAP * ACK :{ALL}")]);
    ann.ask("CAP LIST", &[&format!(":hobnob.local CAP * LIST :{ALL}")]);
    ann.ask("CAP REQ :-batch -server-time", &[":hobnob.local CAP * ACK :-batch -server-time"]);
    ann.ask("CAP FOO", &[":hobnob.local 410 * FOO :Invalid CAP command"]);
    ann.ask("CAP", &[":hobnob.local 461 * CAP :Not enough parameters"]);
    // Nobody enters before the end of it.
    ann.ask("NICK ann", &[]);
    ann.ask("USER ann 0 * :ann", &[]);
    ann.say("CAP END");
    ann.hear(&[":hobnob.local 001 ann :Welcome to the hobnob network, ann!~ann@HOST"]);
    ann.sync();
    ann.ask("CAP LS", &[&format!(":hobnob.local CAP ann LS :{ALL}")]);
    ann.ask("CAP END", &[]);
}

/// What `bob` with a capability and `carl` without it hear of the same.
fn hear(caps: &str, act: impl FnOnce(&mut Talk), with: &[&str], without: &[&str]) {
    let server = relay();
    let mut ann = Talk::enter_with(&server, "ann", "message-tags");
    let (mut bob, mut carl) =
        (Talk::enter_with(&server, "bob", caps), Talk::enter(&server, "carl"));
    for talk in [&mut ann, &mut bob, &mut carl] {
        talk.join("#x");
    }
    for talk in [&mut ann, &mut bob, &mut carl] {
        talk.sync();
    }
    act(&mut ann);
    ann.sync();
    assert_eq!(bob.sync(), with, "with {caps}");
    assert_eq!(carl.sync(), without, "without {caps}");
}

#[test]
pub fn what_a_room_hears() {
    let says = |line: &'static str| move |ann: &mut Talk| ann.say(line);
    hear(
        "server-time",
        says("PRIVMSG #x :hi"),
        &["@time=TIME :ann!~ann@HOST PRIVMSG #x :hi"],
        &[":ann!~ann@HOST PRIVMSG #x :hi"],
    );
    hear(
        "message-tags",
        says("@+typing=active;label=x;+y PRIVMSG #x :hi"),
        &["@msgid=ID;+typing=active;+y :ann!~ann@HOST PRIVMSG #x :hi"],
        &[":ann!~ann@HOST PRIVMSG #x :hi"],
    );
    hear(
        "message-tags server-time",
        says("@+typing=active TAGMSG #x"),
        &["@time=TIME;msgid=ID;+typing=active :ann!~ann@HOST TAGMSG #x"],
        &[],
    );
    // With tags for nobody it is one all the same, and of several with one key the last counts.
    hear("message-tags", says("@x=1 TAGMSG #x"), &["@msgid=ID :ann!~ann@HOST TAGMSG #x"], &[]);
    hear(
        "message-tags",
        says("@+a=1;+b;+a=2;a=3 PRIVMSG #x :hi"),
        &["@msgid=ID;+b;+a=2 :ann!~ann@HOST PRIVMSG #x :hi"],
        &[":ann!~ann@HOST PRIVMSG #x :hi"],
    );
    hear("away-notify", says("AWAY :out"), &[":ann!~ann@HOST AWAY :out"], &[]);
    hear("setname", says("SETNAME :Ann A"), &[":ann!~ann@HOST SETNAME :Ann A"], &[]);
    hear(
        "extended-join",
        |ann| {
            ann.say("PART #x");
            ann.say("JOIN #x");
        },
        &[":ann!~ann@HOST PART #x", ":ann!~ann@HOST JOIN #x * :ann of IRC"],
        &[":ann!~ann@HOST PART #x", ":ann!~ann@HOST JOIN #x"],
    );
    hear(
        "away-notify",
        |ann| {
            ann.say("PART #x");
            ann.say("AWAY :out");
            ann.say("JOIN #x");
        },
        &[":ann!~ann@HOST PART #x", ":ann!~ann@HOST JOIN #x", ":ann!~ann@HOST AWAY :out"],
        &[":ann!~ann@HOST PART #x", ":ann!~ann@HOST JOIN #x"],
    );
    hear(
        "message-tags",
        |ann| {
            ann.say("MODE ann +B");
            ann.say("PRIVMSG #x :beep");
        },
        &["@msgid=ID;bot :ann!~ann@HOST PRIVMSG #x :beep"],
        &[":ann!~ann@HOST PRIVMSG #x :beep"],
    );
}

#[test]
pub fn what_one_is_told_of_ones_own_doings() {
    let server = relay();
    let all = "echo-message extended-join message-tags server-time setname";
    let mut ann = Talk::enter_with(&server, "ann", all);
    let mut bob = Talk::enter(&server, "bob");
    ann.ask(
        "JOIN #x",
        &[
            "@time=TIME :ann!~ann@HOST JOIN #x * :ann of IRC",
            ":hobnob.local 353 ann = #x :@ann",
            ":hobnob.local 366 ann #x :End of /NAMES list",
        ],
    );
    ann.ask("SETNAME :Ann A", &["@time=TIME :ann!~ann@HOST SETNAME :Ann A"]);
    ann.ask("NICK anna", &["@time=TIME :ann!~ann@HOST NICK :anna"]);
    ann.ask("TOPIC #x :t", &["@time=TIME :anna!~ann@HOST TOPIC #x :t"]);
    ann.ask("@+a=1 TAGMSG #x", &["@time=TIME;msgid=ID;+a=1 :anna!~ann@HOST TAGMSG #x"]);
    ann.ask("TAGMSG bob", &["@time=TIME;msgid=ID :anna!~ann@HOST TAGMSG bob"]);
    ann.ask("PRIVMSG bob :hi", &["@time=TIME;msgid=ID :anna!~ann@HOST PRIVMSG bob :hi"]);
    ann.ask("PART #x :bye", &["@time=TIME :anna!~ann@HOST PART #x :bye"]);
    for (line, answer) in [
        ("TAGMSG", "411 anna :No recipient given (TAGMSG)"),
        ("@+a TAGMSG none", "401 anna none :No such nick"),
        ("TAGMSG #none", "403 anna #none :No such channel"),
    ] {
        ann.ask(line, &[&format!(":hobnob.local {answer}")]);
    }
    bob.hear(&[":anna!~ann@HOST PRIVMSG bob :hi"]);
    // And without any.
    bob.ask(
        "JOIN #y",
        &[
            ":bob!~bob@HOST JOIN #y",
            ":hobnob.local 353 bob = #y :@bob",
            ":hobnob.local 366 bob #y :End of /NAMES list",
        ],
    );
    for quiet in ["SETNAME :Bob B", "PRIVMSG #y :hi", "NOTICE #y :hi", "PRIVMSG anna :hi"] {
        bob.ask(quiet, &[]);
    }
    ann.hear(&["@time=TIME;msgid=ID :bob!~bob@HOST PRIVMSG anna :hi"]);
}

#[test]
pub fn invite_notify() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    let mut bob = Talk::enter_with(&server, "bob", "invite-notify");
    let mut carl = Talk::enter(&server, "carl");
    let _dora = Talk::enter(&server, "dora");
    for talk in [&mut ann, &mut bob, &mut carl] {
        talk.join("#x");
    }
    for talk in [&mut ann, &mut bob, &mut carl] {
        talk.sync();
    }
    ann.ask("INVITE dora #x", &[":hobnob.local 341 ann dora #x"]);
    assert_eq!(bob.sync(), [":ann!~ann@HOST INVITE dora #x"]);
    carl.hear_nothing();
}

#[test]
pub fn names_with_every_prefix_and_host() {
    let server = relay();
    let mut ann = Talk::enter_with(&server, "ann", "multi-prefix userhost-in-names");
    let mut bob = Talk::enter(&server, "bob");
    ann.join("#x");
    ann.ask("MODE #x +v ann", &[":ann!~ann@HOST MODE #x +v ann"]);
    for (talk, nick, rank, names) in
        [(&mut ann, "ann", "@+", "@+ann!~ann@HOST"), (&mut bob, "bob", "@", "@ann")]
    {
        talk.ask(
            "NAMES #x",
            &[
                &format!(":hobnob.local 353 {nick} = #x :{names}"),
                &format!(":hobnob.local 366 {nick} #x :End of /NAMES list"),
            ],
        );
        talk.ask(
            "WHO #x %nf",
            &[
                &format!(":hobnob.local 354 {nick} ann H{rank}"),
                &format!(":hobnob.local 315 {nick} #x :End of WHO list"),
            ],
        );
        talk.ask(
            "WHOIS ann",
            &[
                &format!(":hobnob.local 311 {nick} ann ~ann HOST * :ann of IRC"),
                &format!(":hobnob.local 319 {nick} ann :{rank}#x"),
                &format!(":hobnob.local 312 {nick} ann hobnob.local :hobnob"),
                &format!(":hobnob.local 317 {nick} ann <n> <n> :seconds idle, signon time"),
                &format!(":hobnob.local 318 {nick} ann :End of /WHOIS list"),
            ],
        );
    }
    ann.ask(
        "WHO ann",
        &[
            ":hobnob.local 352 ann #x ~ann HOST hobnob.local ann H@+ :0 ann of IRC",
            ":hobnob.local 315 ann ann :End of WHO list",
        ],
    );
}

#[test]
pub fn echo_message() {
    let server = relay();
    let mut ann = Talk::enter_with(&server, "ann", "echo-message");
    let mut bob = Talk::enter(&server, "bob");
    ann.join("#x");
    ann.ask("PRIVMSG #x :hi", &[":ann!~ann@HOST PRIVMSG #x :hi"]);
    ann.ask("NOTICE bob :hi", &[":ann!~ann@HOST NOTICE bob :hi"]);
    bob.hear(&[":ann!~ann@HOST NOTICE bob :hi"]);
    bob.ask("PRIVMSG bob :me", &[":bob!~bob@HOST PRIVMSG bob :me"]);
    ann.ask("PRIVMSG #none :hi", &[":hobnob.local 403 ann #none :No such channel"]);
}

#[test]
pub fn labeled_response_and_batch() {
    let server = relay();
    let mut ann = Talk::enter_with(&server, "ann", "batch labeled-response echo-message");
    let mut bob = Talk::enter(&server, "bob");
    ann.ask("@label=a PONG x", &["@label=a :hobnob.local ACK"]);
    ann.ask("@label=b PING x", &["@label=b :hobnob.local PONG hobnob.local :x"]);
    ann.ask("@label=\\:\\s NICK", &["@label=\\:\\s :hobnob.local 431 ann :No nickname given"]);
    ann.ask(
        "@label=c JOIN #x",
        &[
            "@label=c :hobnob.local BATCH +b1 labeled-response",
            "@batch=b1 :ann!~ann@HOST JOIN #x",
            "@batch=b1 :hobnob.local 353 ann = #x :@ann",
            "@batch=b1 :hobnob.local 366 ann #x :End of /NAMES list",
            ":hobnob.local BATCH -b1",
        ],
    );
    ann.ask("@label=d PRIVMSG #x :hi", &["@label=d :ann!~ann@HOST PRIVMSG #x :hi"]);
    ann.ask("@label=e TOPIC #x :t", &["@label=e :ann!~ann@HOST TOPIC #x :t"]);
    ann.ask("@label=f MODE #x +i", &["@label=f :ann!~ann@HOST MODE #x +i"]);
    ann.ask("@label=g NICK anna", &["@label=g :ann!~ann@HOST NICK :anna"]);
    // To oneself: what one said, with the label, and what one is told.
    ann.ask(
        "@label=h PRIVMSG anna :hi",
        &[":anna!~ann@HOST PRIVMSG anna :hi", "@label=h :anna!~ann@HOST PRIVMSG anna :hi"],
    );
    ann.ask(
        "@label=i PRIVMSG bob,none :hi",
        &[
            "@label=i :hobnob.local BATCH +b2 labeled-response",
            "@batch=b2 :anna!~ann@HOST PRIVMSG bob :hi",
            "@batch=b2 :hobnob.local 401 anna none :No such nick",
            ":hobnob.local BATCH -b2",
        ],
    );
    ann.ask("@label=j NONSENSE", &["@label=j :hobnob.local 421 anna NONSENSE :Unknown command"]);
    bob.hear(&[":anna!~ann@HOST PRIVMSG bob :hi"]);
    // Without the capability, a label is nothing.
    bob.ask("@label=a PING x", &[":hobnob.local PONG hobnob.local :x"]);
}

#[test]
fn what_has_a_label_comes_from_the_server_by_its_name() {
    let server = Server::start(&["irc://127.0.0.1:0?name=irc.example"]);
    let mut ann = Talk::connect(&server, 0);
    ann.say("CAP REQ :batch labeled-response\r\nNICK ann\r\nUSER ann 0 * :ann\r\nCAP END");
    while !ann.line().contains(" 422 ") {}
    ann.say("@label=a PONG x\r\n@label=b JOIN #x");
    ann.hear(&[
        "@label=a :irc.example ACK",
        "@label=b :irc.example BATCH +b1 labeled-response",
        "@batch=b1 :ann!~ann@HOST JOIN #x",
        "@batch=b1 :irc.example 353 ann = #x :@ann",
        "@batch=b1 :irc.example 366 ann #x :End of /NAMES list",
        ":irc.example BATCH -b1",
    ]);
}

#[test]
pub fn extended_monitor() {
    let server = relay();
    let mut ann = Talk::enter_with(&server, "ann", "extended-monitor away-notify setname");
    let mut carl = Talk::enter_with(&server, "carl", "away-notify setname");
    let mut bob = Talk::enter(&server, "bob");
    for watcher in [&mut ann, &mut carl] {
        watcher.say("MONITOR + bob");
        watcher.sync();
    }
    bob.ask("AWAY :out", &[":hobnob.local 306 bob :You have been marked as being away"]);
    ann.hear(&[":bob!~bob@HOST AWAY :out"]);
    bob.ask("SETNAME :Bob B", &[]);
    ann.hear(&[":bob!~bob@HOST SETNAME :Bob B"]);
    carl.hear_nothing();
}

#[test]
fn capabilities_change_in_the_middle_of_a_conversation() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    let mut bob = Talk::enter(&server, "bob");
    ann.join("#x,#y");
    bob.join("#x,#y");
    ann.sync();
    bob.ask("PRIVMSG #x :one", &[]);
    ann.ask(
        "CAP REQ :server-time",
        &[":bob!~bob@HOST PRIVMSG #x :one", ":hobnob.local CAP ann ACK :server-time"],
    );
    bob.ask("PRIVMSG #y :two", &[]);
    ann.hear(&["@time=TIME :bob!~bob@HOST PRIVMSG #y :two"]);
    ann.ask("CAP REQ :-server-time", &[":hobnob.local CAP ann ACK :-server-time"]);
    bob.ask("PRIVMSG #x :three", &[]);
    ann.hear(&[":bob!~bob@HOST PRIVMSG #x :three"]);
}

#[test]
pub fn chathistory() {
    let server = relay();
    let caps = "draft/chathistory batch message-tags";
    let mut ann = Talk::enter_with(&server, "ann", caps);
    ann.join("#x");
    for text in ["one", "two", "three"] {
        ann.say(&format!("PRIVMSG #x :{text}"));
    }
    let mut batches = 0;
    let mut asks =
        |ann: &mut Talk, line: &str, texts: &[&str]| {
            batches += 1;
            let mut answers = vec![format!(":hobnob.local BATCH +b{batches} chathistory #x")];
            answers.extend(texts.iter().map(|text| {
                format!("@batch=b{batches};msgid=ID :ann!~ann@HOST PRIVMSG #x :{text}")
            }));
            answers.push(format!(":hobnob.local BATCH -b{batches}"));
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            ann.ask(&format!("CHATHISTORY {line}"), &answers);
        };
    let epoch = format!("{:016x}", crate::common::minted(2));
    asks(&mut ann, "LATEST #x * 10", &["one", "two", "three"]);
    asks(&mut ann, "LATEST #x * 2", &["two", "three"]);
    asks(&mut ann, &format!("LATEST #x msgid={epoch}-1 1"), &["three"]);
    asks(&mut ann, &format!("BEFORE #x msgid={epoch}-3 1"), &["two"]);
    asks(&mut ann, &format!("AFTER #x msgid={epoch}-1 1"), &["two"]);
    asks(&mut ann, &format!("AROUND #x msgid={epoch}-2 3"), &["one", "two", "three"]);
    asks(&mut ann, &format!("BETWEEN #x msgid={epoch}-1 msgid={epoch}-3 9"), &["two"]);
    asks(&mut ann, &format!("BETWEEN #x msgid={epoch}-3 msgid={epoch}-1 9"), &["two"]);
    asks(&mut ann, "AFTER #x timestamp=2000-01-01T00:00:00.000Z 2", &["one", "two"]);
    asks(&mut ann, "BEFORE #x timestamp=2000-01-01T00:00:00.000Z 2", &[]);
    for (line, answer) in [
        ("LATEST #none * 1", "INVALID_TARGET LATEST #none :Messages could not be retrieved"),
        ("LATEST ann * 1", "INVALID_TARGET LATEST ann :Messages could not be retrieved"),
        ("LATEST #x *", "INVALID_PARAMS LATEST :That is not the number of parameters"),
        ("LATEST", "INVALID_PARAMS LATEST :Not enough parameters"),
        ("LATEST #x * many", "INVALID_PARAMS LATEST :The limit is not a number"),
        ("NOWHERE #x * 1", "INVALID_PARAMS NOWHERE :Unknown subcommand"),
    ] {
        ann.ask(
            &format!("CHATHISTORY {line}"),
            &[&format!(":hobnob.local FAIL CHATHISTORY {answer}")],
        );
    }
    for (word, answer) in [
        ("*", "INVALID_PARAMS BEFORE * :That is for LATEST only"),
        ("timestamp=x", "INVALID_PARAMS BEFORE timestamp=x :Invalid timestamp"),
        ("timestamp=", "INVALID_PARAMS BEFORE timestamp= :Invalid timestamp"),
        ("msgid=x", "MESSAGE_ERROR BEFORE #x msgid=x :There is no such message here"),
        ("msgid=0-1", "MESSAGE_ERROR BEFORE #x msgid=0-1 :There is no such message here"),
        ("x", "INVALID_MSGREFTYPE BEFORE #x x :A place is timestamp= or msgid=, and * for LATEST"),
        (
            "a=1",
            "INVALID_MSGREFTYPE BEFORE #x a=1 :A place is timestamp= or msgid=, and * for LATEST",
        ),
    ] {
        ann.ask(
            &format!("CHATHISTORY BEFORE #x {word} 1"),
            &[&format!(":hobnob.local FAIL CHATHISTORY {answer}")],
        );
    }
    // Who is not there does not read it.
    let mut bob = Talk::enter_with(&server, "bob", caps);
    bob.ask("CHATHISTORY LATEST #x * 1", &[
        ":hobnob.local FAIL CHATHISTORY INVALID_TARGET LATEST #x :Messages could not be retrieved",
    ]);
}

#[test]
fn chathistory_targets() {
    let server = relay();
    let caps = "draft/chathistory batch server-time";
    let mut ann = Talk::enter_with(&server, "ann", caps);
    ann.join("#a,#b,#c,#nothing");
    let mut bob = Talk::enter(&server, "bob");
    bob.join("#a,#b,#c,#elsewhere");
    bob.say("PRIVMSG #elsewhere :not for ann");
    ann.sync();
    // The times at which each was last spoken in, which are all different.
    let mut times = Vec::new();
    for room in ["#a", "#c", "#b", "#a"] {
        loop {
            bob.ask(&format!("PRIVMSG {room} :hi"), &[]);
            let time = ann.time();
            if times.last() != Some(&time) {
                times.push(time);
                break;
            }
        }
    }
    let [first, in_c, in_b, in_a] = times.as_slice() else { panic!("{times:?}") };
    let (never, always) = ("2000-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z");
    let mut batches = 0;
    let mut asks = |from: &str, to: &str, limit: usize, found: &[(&str, &str)]| {
        batches += 1;
        let mut answers =
            vec![format!(":hobnob.local BATCH +b{batches} draft/chathistory-targets")];
        answers.extend(found.iter().map(|(room, time)| {
            format!("@batch=b{batches} :hobnob.local CHATHISTORY TARGETS {room} {time}")
        }));
        answers.push(format!(":hobnob.local BATCH -b{batches}"));
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let line = format!("CHATHISTORY TARGETS timestamp={from} timestamp={to} {limit}");
        ann.ask(&line, &answers);
    };
    let all = [("#c", in_c.as_str()), ("#b", in_b), ("#a", in_a)];
    asks(never, always, 9, &all);
    asks(never, always, 0, &all);
    asks(always, never, 9, &all);
    // Counted from where one begins, and told in order.
    asks(never, always, 2, &all[..2]);
    asks(always, never, 2, &all[1..]);
    // Neither end belongs to what is between; only the last word counts.
    asks(in_c, in_a, 9, &all[1..2]);
    asks(in_a, in_c, 9, &all[1..2]);
    asks(never, first, 9, &[]);
    asks(never, in_b, 9, &all[..1]);
    for line in ["", " x y 1", " timestamp=x timestamp=y 1", " msgid=1 msgid=2 1"] {
        let answer = "INVALID_PARAMS TARGETS :Two timestamps and a limit are wanted";
        ann.ask(
            &format!("CHATHISTORY TARGETS{line}"),
            &[&format!(":hobnob.local FAIL CHATHISTORY {answer}")],
        );
    }
}

#[test]
fn chathistory_without_batches() {
    let server = relay();
    let mut ann = Talk::enter_with(&server, "ann", "draft/chathistory");
    ann.join("#x");
    ann.ask("PRIVMSG #x :one\r\nNOTICE #x :two", &[]);
    ann.ask(
        "CHATHISTORY LATEST #x * 9",
        &[":ann!~ann@HOST PRIVMSG #x :one", ":ann!~ann@HOST NOTICE #x :two"],
    );
    ann.say("CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z 9");
    assert!(ann.line().starts_with(":hobnob.local CHATHISTORY TARGETS #x 2"));
    ann.hear_nothing();
}

#[test]
fn who_cannot_ask_for_the_past_is_shown_it_with_its_times() {
    let server = Server::start(&["irc://127.0.0.1:0?history=2"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    for text in ["one", "two", "three"] {
        ann.say(&format!("PRIVMSG #x :{text}"));
    }
    ann.sync();
    let joined = |nick: &str, caps: &str| {
        let mut talk = Talk::enter_with(&server, nick, caps);
        talk.say("JOIN #x");
        talk.sync().split_off(3)
    };
    assert_eq!(joined("bob", ""), [""; 0], "without times it would pass for new");
    assert_eq!(joined("carl", "server-time draft/chathistory"), [""; 0], "it asks by itself");
    assert_eq!(
        joined("dora", "server-time"),
        [
            "@time=TIME :ann!~ann@HOST PRIVMSG #x :two",
            "@time=TIME :ann!~ann@HOST PRIVMSG #x :three",
        ]
    );
}

/// Tells the engine what a client says, to the end of it.
fn say(engine: &mut Engine, conn: ConnId, lines: &str) {
    let now = Now { running: Duration::from_secs(1), unix_ms: 0 };
    let mut reading = engine.received(conn, lines.as_bytes(), now);
    while reading == Reading::Unfinished {
        reading = engine.resume(conn, now);
    }
}

/// All that a client is owed.
fn owed_to(engine: &mut Engine, conn: ConnId) -> String {
    let mut heard = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (count, total) = engine.slices(conn, &mut slices);
        slices[..count].iter().for_each(|slice| heard.extend_from_slice(slice));
        engine.sent(conn, total);
        if total == 0 {
            return String::from_utf8(heard).unwrap();
        }
        while let Some(Effect::Resume(conn)) = engine.poll_effect() {
            say(engine, conn, "");
        }
    }
}

/// However much is unread: just there, what was agreed on was told and not done.
#[test]
fn what_was_agreed_on_holds_for_what_is_said_next() {
    let now = Now { running: Duration::from_secs(1), unix_ms: 0 };
    for length in 1..160 {
        let limits = Limits { outbox: 16 << 10, ..Limits::default() };
        let mut engine = Engine::new(limits, vec![Service::Irc(Arc::default())], secrets());
        let mut enter = |nick: &str| {
            let conn =
                engine.connected(0, Remote { exempt: true, ..Remote::default() }, now).unwrap();
            let caps = "CAP REQ :message-tags\r\nCAP END";
            say(
                &mut engine,
                conn,
                &format!("{caps}\r\nNICK {nick}\r\nUSER u 0 * :U\r\nJOIN #tea\r\n"),
            );
            conn
        };
        let (ann, bob) = (enter("ann"), enter("bob"));
        owed_to(&mut engine, bob);
        let pings = format!("PING {}\r\n", "x".repeat(100)).repeat(60);
        let last = format!("PING {}\r\nCAP REQ :-message-tags\r\n", "x".repeat(length));
        say(&mut engine, bob, &(pings + &last));
        say(&mut engine, ann, "PRIVMSG #tea :hello\r\n");
        let heard = owed_to(&mut engine, bob);
        assert!(heard.contains(" PRIVMSG #tea :hello\r\n"), "{heard}");
        let (_, after) = heard.split_once(" ACK :-message-tags\r\n").expect("agreed");
        assert!(!after.contains("msgid"), "{length}: {after}");
    }
}
