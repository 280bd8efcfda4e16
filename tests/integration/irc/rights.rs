//! What rooms demand, and who may change it: the same for members of every protocol.

use crate::common::{Server, Spelling};
use crate::irc::talk::{Talk, frame_says, relay};
use hobnob::reason::{CloseReason, Refusal};

/// `ann` has founded `#x`, and `bob` is in it.
fn room() -> (Server, Talk, Talk) {
    let server = relay();
    let (mut ann, mut bob) = (Talk::enter(&server, "ann"), Talk::enter(&server, "bob"));
    ann.join("#x");
    bob.join("#x");
    ann.sync();
    (server, ann, bob)
}

#[test]
pub fn modes_are_shown_and_changed() {
    let (_server, mut ann, mut bob) = room();
    ann.ask("MODE #x", &[":hobnob.local 324 ann #x +nt", ":hobnob.local 329 ann #x <n>"]);
    bob.ask("MODE #x +i", &[":hobnob.local 482 bob #x :You're not channel operator"]);
    ann.ask("MODE #x +z", &[":hobnob.local 472 ann z :is an unknown mode to me"]);
    for (line, answer) in [
        ("+k", ":hobnob.local 696 ann #x k * :You must give a key"),
        ("+k a,b", ":hobnob.local 696 ann #x k * :That cannot be a key"),
        ("+k :a b", ":hobnob.local 696 ann #x k * :That cannot be a key"),
        ("+l", ":hobnob.local 696 ann #x l * :You must give a limit"),
        ("+l x", ":hobnob.local 696 ann #x l x :A limit is a number from 1 on"),
        ("+l 0", ":hobnob.local 696 ann #x l 0 :A limit is a number from 1 on"),
        ("+o", ":hobnob.local 696 ann #x o * :You must give a nick"),
        ("+o none", ":hobnob.local 401 ann none :No such nick"),
        ("+b", ":hobnob.local 368 ann #x :End of channel ban list"),
        ("e", ":hobnob.local 349 ann #x :End of channel exception list"),
        ("I", ":hobnob.local 347 ann #x :End of channel invite list"),
    ] {
        ann.ask(&format!("MODE #x {line}"), &[answer]);
    }
    for (letter, each, end, name) in
        [("b", 367, 368, "ban"), ("e", 348, 349, "exception"), ("I", 346, 347, "invite")]
    {
        let change = format!(":ann!~ann@HOST MODE #x +{letter} eve!*@*");
        ann.ask(&format!("MODE #x +{letter} eve"), &[&change]);
        bob.hear(&[&change]);
        ann.ask(
            &format!("MODE #x {letter}"),
            &[
                &format!(":hobnob.local {each} ann #x eve!*@* ann!~ann@HOST <n>"),
                &format!(":hobnob.local {end} ann #x :End of channel {name} list"),
            ],
        );
    }
    bob.ask("MODE #x e", &[":hobnob.local 482 bob #x :You're not channel operator"]);
    ann.ask("MODE #x +ikl-t key 5", &[":ann!~ann@HOST MODE #x +ikl-t key 5"]);
    bob.hear(&[":ann!~ann@HOST MODE #x +ikl-t key 5"]);
    ann.ask("MODE #x +i", &[]);
    bob.say("MODE #x");
    bob.hear(&[":hobnob.local 324 bob #x +inlk 5 key"]);
    bob.sync();
    ann.ask("MODE #x -kl *", &[":ann!~ann@HOST MODE #x -kl *"]);
    ann.ask("MODE #x +ov-o bob bob ann", &[":ann!~ann@HOST MODE #x +ov-o bob bob ann"]);
    ann.ask(
        "NAMES #x",
        &[":hobnob.local 353 ann = #x :ann @bob", ":hobnob.local 366 ann #x :End of /NAMES list"],
    );
}

#[test]
pub fn who_may_enter() {
    let (server, mut ann, _bob) = room();
    let mut carl = Talk::enter(&server, "carl");
    for (set, refused, unset) in [
        ("+i", "473 carl #x :Cannot join channel (+i)", "-i"),
        ("+k key", "475 carl #x :Cannot join channel (+k)", "-k key"),
        ("+l 2", "471 carl #x :Cannot join channel (+l)", "-l"),
        ("+b carl!*@*", "474 carl #x :Cannot join channel (+b)", "-b carl!*@*"),
    ] {
        ann.ask(&format!("MODE #x {set}"), &[&format!(":ann!~ann@HOST MODE #x {set}")]);
        carl.ask("JOIN #x", &[&format!(":hobnob.local {refused}")]);
        ann.ask(&format!("MODE #x {unset}"), &[&format!(":ann!~ann@HOST MODE #x {unset}")]);
    }
    let enters = |carl: &mut Talk, line: &str| {
        carl.say(line);
        carl.hear(&[":carl!~carl@HOST JOIN #x"]);
        carl.sync();
        carl.ask("PART #x", &[":carl!~carl@HOST PART #x"]);
    };
    ann.say("MODE #x +k key");
    ann.sync();
    enters(&mut carl, "JOIN #x key");
    ann.say("MODE #x -k+be key c* carl");
    ann.sync();
    enters(&mut carl, "JOIN #x");
    ann.say("MODE #x -be+iI c*!*@* carl!*@* CARL");
    ann.sync();
    enters(&mut carl, "JOIN #x");
    ann.say("MODE #x -I carl!*@*");
    ann.say("MODE #x -I CARL!*@*");
    ann.sync();
    carl.ask("JOIN #x", &[":hobnob.local 473 carl #x :Cannot join channel (+i)"]);
    ann.ask("INVITE carl #x", &[":hobnob.local 341 ann carl #x"]);
    carl.hear(&[":ann!~ann@HOST INVITE carl :#x"]);
    enters(&mut carl, "JOIN #x");
    carl.ask("JOIN #x", &[":hobnob.local 473 carl #x :Cannot join channel (+i)"]);
}

#[test]
pub fn inviting() {
    let (server, mut ann, mut bob) = room();
    let mut carl = Talk::enter(&server, "carl");
    for (line, answer) in [
        ("INVITE", ":hobnob.local 461 bob INVITE :Not enough parameters"),
        ("INVITE none #x", ":hobnob.local 401 bob none :No such nick"),
        ("INVITE carl #none", ":hobnob.local 403 bob #none :No such channel"),
        ("INVITE ann #x", ":hobnob.local 443 bob ann #x :is already on channel"),
        ("INVITE carl #x", ":hobnob.local 341 bob carl #x"),
    ] {
        bob.ask(line, &[answer]);
    }
    carl.hear(&[":bob!~bob@HOST INVITE carl :#x"]);
    carl.ask("INVITE bob #x", &[":hobnob.local 442 carl #x :You're not on that channel"]);
    ann.ask("MODE #x +i", &[":ann!~ann@HOST MODE #x +i"]);
    bob.sync();
    bob.ask("INVITE carl #x", &[":hobnob.local 482 bob #x :You're not channel operator"]);
    carl.ask("AWAY :out", &[":hobnob.local 306 carl :You have been marked as being away"]);
    ann.ask(
        "INVITE carl #x",
        &[":hobnob.local 341 ann carl #x", ":hobnob.local 301 ann carl :out"],
    );
}

#[test]
fn only_an_operators_invitation_opens_a_door() {
    let (server, mut ann, mut bob) = room();
    let mut carl = Talk::enter(&server, "carl");
    for (set, refused, unset) in [
        ("+b carl!*@*", "474 carl #x :Cannot join channel (+b)", "-b carl!*@*"),
        ("+k key", "475 carl #x :Cannot join channel (+k)", "-k key"),
        ("+l 2", "471 carl #x :Cannot join channel (+l)", "-l"),
    ] {
        ann.ask(&format!("MODE #x {set}"), &[&format!(":ann!~ann@HOST MODE #x {set}")]);
        bob.sync();
        bob.ask("INVITE carl #x", &[":hobnob.local 341 bob carl #x"]);
        carl.hear(&[":bob!~bob@HOST INVITE carl :#x"]);
        carl.ask("JOIN #x", &[&format!(":hobnob.local {refused}")]);
        ann.ask("INVITE carl #x", &[":hobnob.local 341 ann carl #x"]);
        carl.hear(&[":ann!~ann@HOST INVITE carl :#x"]);
        carl.say("JOIN #x");
        carl.hear(&[":carl!~carl@HOST JOIN #x"]);
        carl.sync();
        carl.ask("PART #x", &[":carl!~carl@HOST PART #x"]);
        ann.sync();
        ann.ask(&format!("MODE #x {unset}"), &[&format!(":ann!~ann@HOST MODE #x {unset}")]);
    }
}

#[test]
fn a_secret_room_shows_its_modes_to_nobody_outside() {
    let (server, mut ann, mut bob) = room();
    ann.ask("MODE #x +s", &[":ann!~ann@HOST MODE #x +s"]);
    bob.sync();
    let mut carl = Talk::enter(&server, "carl");
    for line in ["MODE #x", "MODE #x b", "MODE #x +b a"] {
        carl.ask(line, &[":hobnob.local 403 carl #x :No such channel"]);
    }
    bob.ask("MODE #x b", &[":hobnob.local 368 bob #x :End of channel ban list"]);
    carl.ask(
        "OPER root secret",
        &[
            ":hobnob.local 381 carl :You are now an operator of this relay",
            ":hobnob.local MODE carl :+o",
        ],
    );
    carl.ask("MODE #x b", &[":hobnob.local 368 carl #x :End of channel ban list"]);
}

#[test]
fn a_line_shows_each_list_once() {
    let (_server, mut ann, _bob) = room();
    let bans = ":hobnob.local 368 ann #x :End of channel ban list";
    ann.ask(&format!("MODE #x {}", "b".repeat(490)), &[bans]);
    ann.ask(
        "MODE #x bIebIe",
        &[
            bans,
            ":hobnob.local 347 ann #x :End of channel invite list",
            ":hobnob.local 349 ann #x :End of channel exception list",
        ],
    );
}

#[test]
fn a_name_makes_up_no_user() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    ann.ask("MODE #x +b bob!~u@*", &[":ann!~ann@HOST MODE #x +b bob!~u@*"]);
    let mut fred = server.connect_to(1);
    fred.hello("bob!~u@");
    fred.join("x");
    assert_eq!(ann.sync(), [":bob！~u＠!hobnob@HOST JOIN #x"]);
    // Banned as it is shown.
    ann.ask("MODE #x +b bob！~u＠", &[":ann!~ann@HOST MODE #x +b bob！~u＠!*@*"]);
    ann.ask(
        "NAMES #x",
        &[
            ":hobnob.local 353 ann = #x :@ann bob！~u＠",
            ":hobnob.local 366 ann #x :End of /NAMES list",
        ],
    );
    ann.ask("KICK #x bob！~u＠", &[":ann!~ann@HOST KICK #x bob！~u＠ :ann"]);
    fred.ask(&[hobnob::wire::frame::ClientFrame::Join {
        request: 3,
        resume: None,
        key: None,
        room: "x".into(),
    }]);
    fred.until_pong();
    server.until("it is refused", |_| server.refused(Refusal::Banned) == 1);
}

#[test]
pub fn who_may_speak() {
    let (server, mut ann, mut bob) = room();
    let refused = ":hobnob.local 404 bob #x :Cannot send to channel";
    ann.say("MODE #x +m");
    ann.sync();
    bob.sync();
    bob.ask("PRIVMSG #x :may I?", &[refused]);
    ann.say("MODE #x +v bob");
    ann.sync();
    bob.sync();
    bob.ask("PRIVMSG #x :I may", &[]);
    ann.hear(&[":bob!~bob@HOST PRIVMSG #x :I may"]);
    ann.say("MODE #x -mv+b bob bob!*@*");
    ann.sync();
    bob.sync();
    bob.ask("PRIVMSG #x :may I?", &[refused]);
    let mut carl = Talk::enter(&server, "carl");
    carl.ask("PRIVMSG #x :hi", &[":hobnob.local 404 carl #x :Cannot send to channel"]);
    ann.say("MODE #x -n");
    ann.sync();
    carl.ask("PRIVMSG #x :hi", &[]);
    ann.hear(&[":carl!~carl@HOST PRIVMSG #x :hi"]);
}

#[test]
pub fn kicking() {
    let (server, mut ann, mut bob) = room();
    let mut carl = Talk::enter(&server, "carl");
    for (line, answer) in [
        ("KICK #x", ":hobnob.local 461 ann KICK :Not enough parameters"),
        ("KICK #x,#y a,b,c", ":hobnob.local 461 ann KICK :Not enough parameters"),
        ("KICK , ,", ":hobnob.local 461 ann KICK :Not enough parameters"),
        ("KICK #none bob", ":hobnob.local 403 ann #none :No such channel"),
        ("KICK #x none", ":hobnob.local 401 ann none :No such nick"),
        ("KICK #x carl", ":hobnob.local 441 ann carl #x :They aren't on that channel"),
        ("MODE #x +v carl", ":hobnob.local 441 ann carl #x :They aren't on that channel"),
    ] {
        ann.ask(line, &[answer]);
    }
    carl.ask("KICK #x bob", &[":hobnob.local 442 carl #x :You're not on that channel"]);
    carl.join("#x");
    ann.sync();
    bob.sync();
    bob.ask("KICK #x ann", &[":hobnob.local 482 bob #x :You're not channel operator"]);
    ann.ask("KICK #x bob :out you go", &[":ann!~ann@HOST KICK #x bob :out you go"]);
    bob.hear(&[":ann!~ann@HOST KICK #x bob :out you go"]);
    carl.hear(&[":ann!~ann@HOST KICK #x bob :out you go"]);
    bob.ask("PRIVMSG #x :hm", &[":hobnob.local 404 bob #x :Cannot send to channel"]);
    ann.ask("KICK #x carl", &[":ann!~ann@HOST KICK #x carl :ann"]);
    carl.hear(&[":ann!~ann@HOST KICK #x carl :ann"]);
    ann.ask("KICK #x ann :me", &[":ann!~ann@HOST KICK #x ann :me"]);
    ann.ask("MODE #x", &[":hobnob.local 403 ann #x :No such channel"]);
}

#[test]
fn kicking_many() {
    let (server, mut ann, mut bob) = room();
    let mut others: Vec<Talk> =
        ["c", "d", "e", "f", "g"].iter().map(|nick| Talk::enter(&server, nick)).collect();
    for other in &mut others {
        other.join("#x,#y");
    }
    ann.join("#y");
    ann.say("OPER root secret");
    ann.sync();
    bob.sync();
    ann.ask(
        "KICK #x,#y,#x,#none c,c,none,d :out",
        &[
            ":ann!~ann@HOST KICK #x c :out",
            ":ann!~ann@HOST KICK #y c :out",
            ":hobnob.local 401 ann none :No such nick",
            ":hobnob.local 403 ann #none :No such channel",
        ],
    );
    assert_eq!(bob.sync(), [":ann!~ann@HOST KICK #x c :out"]);
    ann.ask(
        "KICK #x d,e,f,g,bob",
        &[
            ":ann!~ann@HOST KICK #x d :ann",
            ":ann!~ann@HOST KICK #x e :ann",
            ":ann!~ann@HOST KICK #x f :ann",
            ":ann!~ann@HOST KICK #x g :ann",
            ":hobnob.local 407 ann bob :Too many targets: the rest is still there",
        ],
    );
    bob.ask(
        "KICK #none a,b",
        &[
            ":ann!~ann@HOST KICK #x d :ann",
            ":ann!~ann@HOST KICK #x e :ann",
            ":ann!~ann@HOST KICK #x f :ann",
            ":ann!~ann@HOST KICK #x g :ann",
            ":hobnob.local 403 bob #none :No such channel",
        ],
    );
}

#[test]
pub fn lists_are_bounded() {
    let (_server, mut ann, _bob) = room();
    for n in 0..5 {
        let masks: Vec<String> = (0..20).map(|m| format!("{n}x{m}!*@*")).collect();
        ann.say(&format!("MODE #x +{} {}", "b".repeat(20), masks.join(" ")));
        // Of a line of 512 bytes, as many as fit; the rest of each in a line of its own.
        ann.sync();
    }
    for n in 0..100 {
        ann.say(&format!("MODE #x +b more{n}"));
    }
    let came = ann.sync();
    assert_eq!(came.last().unwrap(), ":hobnob.local 478 ann #x b :Channel list is full");
    ann.say("MODE #x b");
    assert_eq!(ann.sync().len(), 101);
    // Each has room of its own, and says which is full.
    ann.ask(
        "MODE #x +eb ann one",
        &[":ann!~ann@HOST MODE #x +e ann!*@*", ":hobnob.local 478 ann #x b :Channel list is full"],
    );
    ann.ask(
        "MODE #x +b-be one 0x0 ann",
        &[
            ":ann!~ann@HOST MODE #x -be 0x0!*@* ann!*@*",
            ":hobnob.local 478 ann #x b :Channel list is full",
        ],
    );
    for n in 0..100 {
        ann.say(&format!("MODE #x +I more{n}"));
    }
    ann.sync();
    ann.ask("MODE #x +I one", &[":hobnob.local 478 ann #x I :Channel list is full"]);
    ann.ask(
        &format!("MODE #x +e {}", "x".repeat(300)),
        &[":hobnob.local 696 ann #x e * :That mask is too long"],
    );
}

#[test]
fn rights_end_with_the_last_member_and_so_does_what_was_said_behind_a_door() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter_with(&server, "ann", "draft/chathistory batch");
    for (room, mode, kept) in [("#open", "+t", 1), ("#shut", "+k key", 0), ("#secret", "+s", 0)] {
        ann.join(room);
        ann.say(&format!("MODE {room} {mode}"));
        ann.say(&format!("PRIVMSG {room} :said"));
        ann.say(&format!("PART {room}"));
        ann.sync();
        ann.say(&format!("JOIN {room}"));
        assert_eq!(ann.sync().len(), 3, "nobody asks for a key any more");
        ann.say(&format!("CHATHISTORY LATEST {room} * 10"));
        let batch = ann.sync();
        assert_eq!(batch.len(), 2 + kept, "{room}: {batch:?}");
    }
}

#[test]
fn frame_peers_meet_the_same_rights() {
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#x");
    let mut fred = server.connect_to(1);
    fred.spelling = Spelling::Binary;
    fred.hello("fred");
    let room = fred.join("x").room;
    assert_eq!(ann.sync(), [":fred!hobnob@HOST JOIN #x"]);
    ann.say("MODE #x +m");
    ann.sync();
    frame_says(&mut fred, room, 9, b"may I?");
    fred.until_pong();
    let refused = |refusal| {
        server.until("it is refused", |_| server.refused(refusal) == 1);
    };
    refused(Refusal::CannotSay);
    ann.ask("MODE #x +v-m fred", &[":ann!~ann@HOST MODE #x +v-m fred"]);
    ann.ask("KICK #x fred :out", &[":ann!~ann@HOST KICK #x fred :out"]);
    let told: Vec<String> = fred.until_pong().iter().map(|frame| format!("{frame:?}")).collect();
    assert!(told.iter().any(|frame| frame.contains("Error") && frame.contains("118")), "{told:?}");
    assert!(told.iter().any(|frame| frame.contains("Left")), "{told:?}");
    for (mode, refusal) in [
        ("+i", Refusal::InviteOnly),
        ("-i+k key", Refusal::BadKey),
        ("-k+l * 1", Refusal::RoomFull),
        ("-l+b fred", Refusal::Banned),
    ] {
        ann.say(&format!("MODE #x {mode}"));
        ann.sync();
        fred.ask(&[hobnob::wire::frame::ClientFrame::Join {
            request: 3,
            resume: None,
            key: None,
            room: "x".into(),
        }]);
        fred.until_pong();
        refused(refusal);
    }
}

#[test]
fn plain_sockets_are_put_out_and_nobody_locks_their_room_before_them() {
    let server =
        Server::start(&["irc://127.0.0.1:0?operator=root:secret", "raw://127.0.0.1:0?room=lobby"]);
    let mut ann = Talk::enter(&server, "ann");
    // First in a room of plain sockets, and yet not its operator.
    ann.ask(
        "JOIN #lobby",
        &[
            ":ann!~ann@HOST JOIN #lobby",
            ":hobnob.local 353 ann = #lobby :ann",
            ":hobnob.local 366 ann #lobby :End of /NAMES list",
        ],
    );
    ann.ask("MODE #lobby +k key", &[":hobnob.local 482 ann #lobby :You're not channel operator"]);
    let mut nc = server.connect_to(1);
    ann.hear(&[":guest1!hobnob@HOST JOIN #lobby"]);
    ann.say("OPER root secret");
    ann.sync();
    ann.ask("KICK #lobby guest1 :out", &[":ann!~ann@HOST KICK #lobby guest1 :out"]);
    nc.expect_end();
    server.until_closed(CloseReason::Expelled, 1);
}

#[cfg(feature = "http")]
#[test]
fn who_listens_over_http_is_put_out_and_told_so() {
    let server = Server::start(&["irc://127.0.0.1:0", "http://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.join("#tea");
    let mut stream = crate::common::http::listen(&server, 1, "/rooms/tea/events?name=eve", "");
    assert_eq!(stream.next().kind, "joined");
    ann.hear(&[":eve!hobnob@HOST JOIN #tea"]);
    ann.ask("KICK #tea eve :out", &[":ann!~ann@HOST KICK #tea eve :out"]);
    let bye = stream.next();
    assert_eq!((bye.kind.as_str(), bye.data["code"].as_u64()), ("bye", Some(213)));
    assert!(stream.next_chunk().is_empty(), "the answer is complete");
    stream.client.expect_end();
    server.until_closed(CloseReason::Expelled, 1);
}
