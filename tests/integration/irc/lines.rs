//! What fits a line of 512 bytes, and what becomes of the rest.

use crate::common::Server;
use crate::irc::talk::{Talk, host, relay};

#[test]
pub fn one_line_becomes_one_line_or_none() {
    let server = relay();
    let [mut ann, mut bob] = ["ann", "bob"].map(|nick| Talk::enter(&server, nick));
    ann.join("#x");
    bob.join("#x");
    ann.sync();
    for (command, target) in [("PRIVMSG", "#x"), ("NOTICE", "bob"), ("PRIVMSG", "BOB")] {
        let shown = target.to_lowercase();
        let front = format!(":ann!~ann@{} {command} {shown} :\r\n", host());
        let most = 512 - front.len();
        for text in ["a".repeat(most), format!("{}ö", "a".repeat(most - 2))] {
            ann.ask(&format!("{command} {target} :{text}"), &[]);
            bob.hear(&[&format!(":ann!~ann@HOST {command} {shown} :{text}")]);
        }
        for text in ["a".repeat(most + 1), format!("{}ö", "a".repeat(most - 1))] {
            ann.ask(
                &format!("{command} {target} :{text}"),
                &[":hobnob.local 417 ann :Input line was too long to fit behind your name"],
            );
        }
    }
    bob.hear_nothing();
}

#[test]
fn many_masks_become_several_lines() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    let masks = ["a", "b", "c"].map(|letter| letter.repeat(160));
    ann.ask(
        &format!("MODE #x +bbb {}", masks.join(" ")),
        &[
            &format!(":ann!~ann@HOST MODE #x +bb {}!*@* {}!*@*", masks[0], masks[1]),
            &format!(":ann!~ann@HOST MODE #x +b {}!*@*", masks[2]),
        ],
    );
}

#[test]
fn as_many_masks_as_one_line_may_have_are_all_taken() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    let masks: Vec<String> = (1..=20).map(|n| format!("m{n}!*@*")).collect();
    let (letters, masks) = ("b".repeat(20), masks.join(" "));
    for sign in ["+", "-"] {
        let line = format!("MODE #x {sign}{letters} {masks}");
        ann.ask(&line, &[&format!(":ann!~ann@HOST {line}")]);
    }
}

#[test]
fn short_masks_are_shown_whole() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    for (given, shown) in [
        ("bob", "bob!*@*"),
        ("bob!~b", "bob!~b@*"),
        ("~b@host", "*!~b@host"),
        ("5eed5eed5eed5eed.cloaked", "*!*@5eed5eed5eed5eed.cloaked"),
        ("#fred!*@*", "＃fred!*@*"),
        (":two words", "two!*@*"),
        ("::x!*@*", "：x!*@*"),
    ] {
        ann.ask(&format!("MODE #x +b {given}"), &[&format!(":ann!~ann@HOST MODE #x +b {shown}")]);
        ann.ask(&format!("MODE #x -b {shown}"), &[&format!(":ann!~ann@HOST MODE #x -b {shown}")]);
    }
    ann.ask("MODE #x +b : ", &[":hobnob.local 368 ann #x :End of channel ban list"]);
}

#[test]
fn who_has_a_name_of_another_protocol_is_banned_as_seen() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    for (name, nick) in
        [("a.b", "a．b"), ("c:d", "c：d"), ("e/f", "e／f"), ("$\"", "＄＂"), ("#g", "＃g")]
    {
        let mut fred = server.connect_to(1);
        fred.hello(name);
        for mask in [nick, &format!("{nick}!*@*"), &format!("{name}!*@*")] {
            ann.ask(
                &format!("MODE #x +b {mask}"),
                &[&format!(":ann!~ann@HOST MODE #x +b {nick}!*@*")],
            );
            fred.ask(&[crate::common::join(1, "x")]);
            let refused = hobnob::reason::Refusal::Banned;
            fred.expect(&crate::common::refused(refused, 1));
            ann.ask(
                &format!("MODE #x -b {mask}"),
                &[&format!(":ann!~ann@HOST MODE #x -b {nick}!*@*")],
            );
        }
    }
}

#[test]
fn lists_of_nicks_become_as_many_lines_as_they_need() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    let names: Vec<String> = (0..7).map(|n| format!("{n}{}", "x".repeat(63))).collect();
    let line = |numeric: &str, names: &[String]| {
        format!(":hobnob.local {numeric} ann :{}", names.join(","))
    };
    ann.ask(&format!("MONITOR + {}", names.join(",")), &[&line("731", &names)]);
    ann.ask("MONITOR + a,b", &[":hobnob.local 731 ann :a,b"]);
    let all: Vec<String> = names.iter().cloned().chain(["a".into(), "b".into()]).collect();
    // Seven of 64 with their commas leave room for more; every name is whole, in one line or the next.
    for (command, numeric) in [("MONITOR L", "732"), ("MONITOR S", "731")] {
        ann.say(command);
        let came = ann.sync();
        let front = format!(":hobnob.local {numeric} ann :");
        let listed: Vec<&str> =
            came.iter().filter_map(|l| l.strip_prefix(&front)).flat_map(|l| l.split(',')).collect();
        assert_eq!(listed, all);
    }
    let mut others: Vec<Talk> = names.iter().map(|nick| Talk::enter(&server, nick)).collect();
    ann.sync();
    ann.say("MONITOR S");
    let came = ann.sync();
    let masks: Vec<String> = names.iter().map(|n| format!("{n}!~{}@HOST", &n[..17])).collect();
    assert_eq!(
        came,
        [
            line("730", &masks[..4]),
            line("730", &masks[4..]),
            ":hobnob.local 731 ann :a,b".to_owned()
        ]
    );
    ann.ask(
        &format!("ISON {}", names.join(" ")),
        &[&format!(":hobnob.local 303 ann :{}", names.join(" "))],
    );
    others[0].ask(
        &format!("USERHOST {}", names[..5].join(" ")),
        &[
            &format!(":hobnob.local 302 {} :{}", names[0], userhosts(&names[..3])),
            &format!(":hobnob.local 302 {} :{}", names[0], userhosts(&names[3..5])),
        ],
    );
}

fn userhosts(names: &[String]) -> String {
    let each: Vec<String> = names.iter().map(|n| format!("{n}=+~{}@HOST", &n[..17])).collect();
    each.join(" ")
}

#[test]
fn only_names_are_monitored() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    for mask in ["*!*@*", "b?b", "bob!~bob@host", "#x", "bob.example"] {
        ann.ask(&format!("MONITOR + {mask}"), &[&format!(":hobnob.local 731 ann :{mask}")]);
    }
    ann.ask("MONITOR L", &[":hobnob.local 733 ann :End of MONITOR list"]);
    let _bob = Talk::enter(&server, "bob");
    ann.hear_nothing();
    // Once, whatever the case, and not more than there is room for.
    ann.ask(
        "MONITOR + carl,CARL,bob,Bob",
        &[":hobnob.local 730 ann :bob!~bob@HOST,bob!~bob@HOST", ":hobnob.local 731 ann :carl,CARL"],
    );
    ann.ask(
        "MONITOR L",
        &[":hobnob.local 732 ann :carl,bob", ":hobnob.local 733 ann :End of MONITOR list"],
    );
    let many: Vec<String> = (0..98).map(|n| format!("n{n}")).collect();
    for names in many.chunks(49) {
        ann.ask(
            &format!("MONITOR + {}", names.join(",")),
            &[&format!(":hobnob.local 731 ann :{}", names.join(","))],
        );
    }
    ann.ask(
        "MONITOR + n1,o1,o2,o3,o4,o5,o6",
        &[
            ":hobnob.local 731 ann :n1",
            ":hobnob.local 734 ann 100 o1,o2,o3,o4,o5 :Monitor list is full",
            ":hobnob.local 734 ann 100 o6 :Monitor list is full",
        ],
    );
}
