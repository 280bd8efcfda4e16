//! What questions cost, and that nobody is kept from coming or going.

use crate::common::one_an_hour;
use crate::irc::talk::{Talk, relay_with};
use hobnob::reason::Refusal;

/// What is answered in place of anything that comes too soon.
fn too_soon(command: &str) -> String {
    format!(":hobnob.local 263 ann {command} :Please wait a while and try again")
}

/// With an allowance of four, uses up all of it.
fn exhaust(ann: &mut Talk) {
    // Each list looks at every room, which costs as much as a message; and it is a question.
    ann.say("LIST\r\nLIST\r\nLIST");
    let came = ann.sync();
    assert_eq!(came.iter().filter(|line| line.contains(" 323 ")).count(), 3, "{came:?}");
}

#[test]
pub fn who_speaks_too_fast_is_told() {
    let server = relay_with(one_an_hour(2));
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    ann.ask("PRIVMSG #x :one\r\nPRIVMSG #x :two", &[&too_soon("PRIVMSG")]);
    ann.ask("NOTICE #x :three", &[&too_soon("NOTICE")]);
    server.until_refused(Refusal::RateLimited, 2);
}

#[test]
fn questions_beyond_the_allowance_are_refused_by_their_names() {
    let server = relay_with(one_an_hour(1));
    let mut ann = Talk::enter_with(&server, "ann", "draft/chathistory labeled-response batch");
    exhaust(&mut ann);
    let questions = [
        "WHO *",
        "LIST",
        "NAMES #x",
        "WHOIS ann",
        "WHOWAS ann",
        "ISON ann",
        "USERHOST ann",
        "CHATHISTORY LATEST #x * 1",
        "MONITOR + bob",
        "MODE #x b",
        "TOPIC #x",
        "STATS u",
        "OPER root secret",
        "MOTD",
        "HELP",
        "JOIN #y",
        "PART #y",
        "JOIN 0",
        "PRIVMSG ann :hi",
        "AWAY :out",
    ];
    for question in questions {
        let command = question.split(' ').next().unwrap();
        ann.ask(question, &[&too_soon(command)]);
    }
    // This one has words of its own for it.
    ann.ask(
        "SETNAME :Ann Other",
        &[&format!(
            ":hobnob.local FAIL SETNAME CANNOT_CHANGE_REALNAME :{}",
            Refusal::RateLimited.text()
        )],
    );
    server.until_refused(Refusal::RateLimited, questions.len() as u64 + 1);
    ann.ask("@label=a WHO *", &[&format!("@label=a {}", too_soon("WHO"))]);
    // What is no question, and what keeps a connection alive.
    ann.ask("PING x", &[":hobnob.local PONG hobnob.local :x"]);
    ann.ask("CAP REQ :batch", &[":hobnob.local CAP ann ACK :batch"]);
    ann.ask("NONSENSE", &[":hobnob.local 421 ann NONSENSE :Unknown command"]);
}

#[test]
fn a_question_is_paid_for_though_what_came_with_it_is_refused() {
    let server = relay_with(one_an_hour(2));
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    let mut bob = Talk::enter(&server, "bob");
    // He is shown the bans, and may not change the other.
    bob.say(&["MODE #x b-m"; 200].join("\r\n"));
    let refused = bob.sync().iter().filter(|line| line.contains(" 263 ")).count();
    assert!((100..=128).contains(&(200 - refused)), "{refused} of 200 were refused");
}

#[test]
fn a_question_costs_what_its_answer_weighs() {
    let server = relay_with(one_an_hour(2));
    // One of eight is used up by entering. Sixteen short questions count as a message, and the help
    // for all commands is about as long again as a question counts by itself.
    for (question, least, most) in
        [("ISON bob", 95, 96), ("HELP", 40, 60), ("LIST", 6, 6), ("WHO zzz*", 6, 6)]
    {
        let mut ann = Talk::enter(&server, "ann");
        ann.join("#x");
        ann.say(&vec![question; 200].join("\r\n"));
        let refused = ann.sync().iter().filter(|line| line.contains(" 263 ")).count();
        let asked = 200 - refused;
        assert!((least..=most).contains(&asked), "{question}: {asked}");
        drop(ann);
        server.until_connected(0);
    }
}

#[test]
fn nobody_is_kept_from_leaving() {
    let server = relay_with(one_an_hour(4));
    let mut ann = Talk::enter(&server, "ann");
    let rooms: Vec<String> = (0..16).map(|n| format!("#{n}")).collect();
    ann.say(&format!("JOIN {}", rooms.join(",")));
    assert_eq!(ann.sync().iter().filter(|line| line.contains(" 366 ")).count(), 16);
    ann.ask("JOIN #more", &[&too_soon("JOIN")]);
    let left = |rooms: &[String]| {
        let line = |room: &String| format!(":ann!~ann@HOST PART {room}");
        rooms.iter().map(line).collect::<Vec<_>>()
    };
    ann.say(&format!("PART {}", rooms[..12].join(",")));
    assert_eq!(ann.sync(), left(&rooms[..12]));
    ann.say("JOIN 0");
    let mut came = ann.sync();
    came.sort();
    assert_eq!(came, left(&rooms[12..]));
    // There is nothing left to leave.
    ann.ask("JOIN 0", &[&too_soon("JOIN")]);
    ann.ask("PART #1,#2", &[&too_soon("PART")]);
}

#[test]
fn a_client_that_changes_what_it_hears_pays_for_its_seats() {
    let server = relay_with(one_an_hour(2));
    let mut ann = Talk::enter(&server, "ann");
    // Nobody has to pay before they are in.
    ann.join("#x");
    for n in 0..6 {
        let cap = if n % 2 == 0 { "server-time" } else { "-server-time" };
        ann.ask(&format!("CAP REQ :{cap}"), &[&format!(":hobnob.local CAP ann ACK :{cap}")]);
    }
    ann.ask("CAP REQ :server-time", &[&too_soon("CAP")]);
    ann.ask("CAP LIST", &[":hobnob.local CAP ann LIST :"]);
    // What changes no line of a room costs nothing.
    ann.ask("CAP REQ :batch", &[":hobnob.local CAP ann ACK :batch"]);
}

/// What WeeChat and irssi send, neither of which asks a second time for what is refused: irssi asks
/// for modes, people and bans of each room, one after the other (`channels-query.c`); WeeChat for
/// modes and WHOX; and others for the past.
#[test]
fn a_client_that_connects_with_twenty_rooms_is_refused_nothing() {
    let rooms: Vec<String> = (0..20).map(|n| format!("#room{n}")).collect();
    let list = rooms.join(",");
    let server = relay_with(one_an_hour(10));
    let mut others: Vec<Talk> =
        (0..30).map(|n| Talk::enter(&server, &format!("somebody-of-a-long-name-{n}"))).collect();
    for other in &mut others {
        other.join(&list);
    }
    for (n, room) in rooms.iter().enumerate() {
        let mut talker = Talk::enter(&server, &format!("talker-{n}"));
        talker.join(room);
        talker.say(&format!("PRIVMSG {room} :{}\r\n", "x".repeat(400)).repeat(9));
        talker.hear_nothing();
    }
    let mut ann = Talk::connect(&server, 0);
    let caps = "away-notify batch draft/chathistory extended-join message-tags server-time";
    let mut lines = vec!["CAP LS 302".to_owned(), "NICK ann".into(), "USER ann 0 * :Ann".into()];
    lines.extend([format!("CAP REQ :{caps}"), "CAP END".into(), "MODE ann +i".into()]);
    lines.extend(["MONITOR + bob,carl,dora,eve".into(), format!("JOIN {list}")]);
    for room in &rooms {
        let asks = ["MODE {}", "WHO {} %cuhsnfdar", "MODE {} b", "CHATHISTORY LATEST {} * 50"];
        lines.extend(asks.map(|ask| ask.replace("{}", room)));
    }
    ann.say(&lines.join("\r\n"));
    let came = ann.sync();
    for (numeric, count) in
        [(" 263 ", 0), (" 366 ", 20), (" 324 ", 20), (" 315 ", 20), (" 368 ", 20)]
    {
        assert_eq!(came.iter().filter(|line| line.contains(numeric)).count(), count, "{numeric}");
    }
    assert_eq!(came.iter().filter(|line| line.contains(" chathistory #room")).count(), 20);
}
