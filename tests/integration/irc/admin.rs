//! What whoever runs the relay decides: operators, the password, what is shown of addresses.

use crate::common::Server;
use crate::irc::talk::Talk;
#[cfg(feature = "passwords")]
use hobnob::reason::CloseReason;
#[cfg(feature = "passwords")]
use hobnob::session::irc::{Operator, Options};

#[cfg(feature = "passwords")]
const WRONG: &str = ":hobnob.local 464 ann :Password incorrect";
const RIGHT: [&str; 2] =
    [":hobnob.local 381 ann :You are now an operator of this relay", ":hobnob.local MODE ann :+o"];

/// The hash of a password, as a URL may have it.
#[cfg(feature = "passwords")]
fn hash(password: &str) -> String {
    hobnob::password::hash(password).unwrap()
}

#[test]
pub fn where_nobody_can_be_an_operator() {
    let server = Server::start(&["irc://127.0.0.1:0"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.ask("OPER root secret", &[":hobnob.local 491 ann :No O-lines for your host"]);
}

#[cfg(feature = "passwords")]
#[test]
fn an_operators_password_may_be_a_hash() {
    let url = format!("irc://127.0.0.1:0?operator=root:{}&operator=bob:b", hash("secret"));
    let server = Server::start(&[&url]);
    let mut ann = Talk::enter(&server, "ann");
    ann.ask("OPER root wrong", &[WRONG]);
    // A name that nobody has, and the right password of somebody else.
    ann.ask("OPER rood secret", &[WRONG]);
    // What is said after it is answered after it.
    ann.say("OPER root secret\r\nISON ann\r\nPING :x");
    ann.hear(&RIGHT);
    ann.hear(&[":hobnob.local 303 ann :ann", ":hobnob.local PONG hobnob.local :x"]);
    ann.ask("KILL none :out", &[":hobnob.local 401 ann none :No such nick"]);
    for guess in ["OPER root a", "OPER none b", "OPER bob c"] {
        ann.say(guess);
    }
    ann.hear(&[WRONG, WRONG, WRONG]);
    ann.hear_end(&["ERROR :Closing link: the password is missing or wrong"]);
    server.until_closed(CloseReason::BadPassword, 1);
}

#[cfg(feature = "passwords")]
#[test]
fn an_answer_that_takes_time_keeps_its_label() {
    let server = Server::start(&[&format!("irc://127.0.0.1:0?operator=root:{}", hash("secret"))]);
    let mut ann = Talk::enter_with(&server, "ann", "labeled-response batch");
    ann.say("@label=a OPER root wrong\r\n@label=b PING x");
    ann.hear(&[
        "@label=a :hobnob.local 464 ann :Password incorrect",
        "@label=b :hobnob.local PONG hobnob.local :x",
    ]);
    ann.say("@label=c OPER root secret");
    ann.hear(&[
        "@label=c :hobnob.local BATCH +b1 labeled-response",
        "@batch=b1 :hobnob.local 381 ann :You are now an operator of this relay",
        "@batch=b1 :hobnob.local MODE ann :+o",
        ":hobnob.local BATCH -b1",
    ]);
    ann.hear_nothing();
}

#[cfg(feature = "passwords")]
#[test]
fn the_password_may_be_a_hash() {
    let server = Server::start(&[&format!("irc://127.0.0.1:0?password={}", hash("sesame"))]);
    for password in ["", "PASS sesam", "PASS $argon2id$"] {
        let mut client = Talk::connect(&server, 0);
        // Whatever stands behind it is not obeyed.
        client.say(&format!("{password}\r\nNICK ann\r\nUSER a 0 * :a\r\nJOIN #x\r\nPING x"));
        client.hear_end(&[WRONG, "ERROR :Closing link: the password is missing or wrong"]);
    }
    server.until_closed(CloseReason::BadPassword, 3);
    for nick in ["ann", "bob"] {
        let mut client = Talk::connect(&server, 0);
        client.say(&format!("PASS sesame\r\nNICK {nick}\r\nUSER a 0 * :a\r\nISON {nick}"));
        client.hear(&[&format!(
            ":hobnob.local 001 {nick} :Welcome to the hobnob network, {nick}!~a@HOST"
        )]);
        while !client.line().contains(" 422 ") {}
        client.hear(&[&format!(":hobnob.local 303 {nick} :{nick}")]);
    }
}

#[cfg(feature = "passwords")]
#[test]
fn a_name_that_is_taken_does_not_cost_the_password() {
    let server = Server::start(&[&format!("irc://127.0.0.1:0?password={}", hash("sesame"))]);
    let mut ann = Talk::connect(&server, 0);
    ann.say("PASS sesame\r\nNICK ann\r\nUSER a 0 * :a");
    while !ann.line().contains(" 422 ") {}
    let mut other = Talk::connect(&server, 0);
    other.say("PASS sesame\r\nNICK ann\r\nUSER a 0 * :a\r\nNICK bob");
    other.hear(&[
        ":hobnob.local 433 * ann :Nickname is already in use",
        ":hobnob.local 001 bob :Welcome to the hobnob network, bob!~a@HOST",
    ]);
    let mut forgetful = Talk::connect(&server, 0);
    forgetful.say("PASS sesame\r\nPASS other\r\nNICK carl\r\nUSER a 0 * :a");
    forgetful.hear_end(&[
        ":hobnob.local 464 carl :Password incorrect",
        "ERROR :Closing link: the password is missing or wrong",
    ]);
}

#[cfg(feature = "passwords")]
#[test]
fn who_goes_while_a_password_is_checked_troubles_nobody() {
    let server = Server::start(&[&format!("irc://127.0.0.1:0?operator=root:{}", hash("secret"))]);
    let mut bob = Talk::enter(&server, "bob");
    for round in 0..10 {
        let mut ann = Talk::enter(&server, "ann");
        ann.say("OPER root secret\r\nQUIT :in a hurry");
        match round % 2 {
            0 => ann.client.reset(),
            _ => ann.hear_end(&[RIGHT[0], RIGHT[1], "ERROR :Closing link: Quit: in a hurry"]),
        }
        server.until_connected(1);
    }
    bob.ask(
        "KILL bob :me",
        &[":hobnob.local 481 bob :Permission Denied: you're not an operator of this relay"],
    );
}

/// The engine by itself: whoever runs it answers when it likes.
#[cfg(feature = "passwords")]
mod answered_by_hand {
    use super::*;
    use crate::common::secrets;
    use hobnob::Limits;
    use hobnob::address::Remote;
    use hobnob::engine::{Effect, Engine, Reading, SLICES};
    use hobnob::id::{ConnId, JobId};
    use hobnob::now::Now;
    use hobnob::password::Claim;
    use hobnob::session::{Job, Outcome, Service};
    use std::io::IoSlice;
    use std::sync::Arc;
    use std::time::Duration;

    const NOW: Now = Now { running: Duration::from_secs(1), unix_ms: 1_790_000_000_000 };

    fn engine(options: Options) -> Engine {
        let mut engine =
            Engine::new(Limits::default(), vec![Service::Irc(Arc::new(options))], secrets());
        engine.wake(NOW);
        engine
    }

    /// What the engine wants done.
    #[derive(Debug, Default)]
    struct Wanted {
        resumed: Vec<ConnId>,
        dropped: Vec<ConnId>,
        claims: Vec<(JobId, Claim)>,
    }

    fn wanted(engine: &mut Engine) -> Wanted {
        let mut wanted = Wanted::default();
        while let Some(effect) = engine.poll_effect() {
            match effect {
                Effect::Resume(conn) => wanted.resumed.push(conn),
                Effect::Drop(conn, _) => wanted.dropped.push(conn),
                Effect::Job(id, Job::VerifyPassword(claim)) => wanted.claims.push((id, claim)),
                other => panic!("{other:?}"),
            }
        }
        wanted
    }

    /// The passwords of the claims.
    fn passwords(wanted: &Wanted) -> Vec<&str> {
        wanted.claims.iter().map(|(_, claim)| claim.password.as_str()).collect()
    }

    const RIGHT_PASSWORD: Outcome = Outcome::Verified(true);

    /// Lets time pass, a second at a time: a longer silence would be the process's own.
    fn pass(engine: &mut Engine, seconds: std::ops::Range<u64>) -> Now {
        let mut now = NOW;
        for second in seconds {
            now.running = Duration::from_secs(second);
            engine.wake(now);
            engine.expire(now);
        }
        now
    }

    /// Everything that `conn` is owed; what others are is thrown away.
    fn heard(engine: &mut Engine, conn: ConnId) -> String {
        engine.reap(NOW);
        let mut bytes = Vec::new();
        while let Some(dirty) = engine.take_dirty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let (filled, total) = engine.slices(dirty, &mut slices);
            if dirty == conn {
                slices[..filled].iter().for_each(|slice| bytes.extend_from_slice(slice));
            }
            engine.sent(dirty, total);
        }
        String::from_utf8(bytes).unwrap()
    }

    fn operated(hash: &str) -> Options {
        let operator = Operator { name: "root".to_owned(), password: hash.parse().unwrap() };
        Options { operators: vec![operator], ..Options::default() }
    }

    fn enter(engine: &mut Engine, nick: &str) -> ConnId {
        let conn = engine.connected(0, Remote { exempt: true, ..Remote::default() }, NOW).unwrap();
        let lines = format!("NICK {nick}\r\nUSER a 0 * :a\r\n");
        engine.received(conn, lines.as_bytes(), NOW);
        assert!(heard(engine, conn).contains(" 422 "));
        conn
    }

    #[test]
    fn nothing_is_heard_before_the_answer() {
        let mut engine = engine(operated(&hash("secret")));
        let ann = enter(&mut engine, "ann");
        // A guess is the last that is heard of a peer in a turn.
        let reading = engine.received(ann, b"OPER root secret\r\nPING x\r\n", NOW);
        assert_eq!(reading, Reading::Unfinished);
        assert_eq!(engine.resume(ann, NOW), Reading::Held);
        assert_eq!(heard(&mut engine, ann), "");
        // One job for each peer, whatever else it says.
        assert_eq!(engine.received(ann, b"OPER root secret\r\n", NOW), Reading::Held);
        let first = wanted(&mut engine);
        assert_eq!((passwords(&first), first.resumed.len()), (vec!["secret"], 0));
        let (id, claim) = &first.claims[0];
        assert!(claim.holds());
        engine.completed(*id, &RIGHT_PASSWORD, NOW);
        assert!(heard(&mut engine, ann).contains(" 381 "));
        assert_eq!(wanted(&mut engine).resumed, [ann]);
        engine.resume(ann, NOW);
        // The second time the answer is known, and that of a job is taken once.
        assert!(wanted(&mut engine).claims.is_empty());
        engine.completed(*id, &RIGHT_PASSWORD, NOW);
        let text = heard(&mut engine, ann);
        let ping = text.find("PONG").unwrap();
        assert!(text.find(" 381 ").unwrap() > ping, "{text}");
    }

    #[test]
    fn who_waits_with_a_password_that_was_right_waits_no_longer() {
        let password = Some(hash("sesame").parse().unwrap());
        let mut engine = engine(Options { password, ..Options::default() });
        let guests = ["ann", "bob", "carl", "dan"].map(|nick| {
            let conn =
                engine.connected(0, Remote { exempt: true, ..Remote::default() }, NOW).unwrap();
            let password = if nick == "carl" { "guess" } else { "sesame" };
            let lines = format!("PASS {password}\r\nNICK {nick}\r\nUSER a 0 * :a\r\n");
            assert_eq!(engine.received(conn, lines.as_bytes(), NOW), Reading::Held);
            conn
        });
        let first = wanted(&mut engine);
        assert_eq!(passwords(&first), ["sesame"], "one at a time, unless told otherwise");
        engine.completed(first.claims[0].0, &RIGHT_PASSWORD, NOW);
        let next = wanted(&mut engine);
        assert_eq!(next.resumed, [guests[1], guests[3], guests[0]]);
        assert_eq!(passwords(&next), ["guess"]);
        for conn in next.resumed {
            engine.resume(conn, NOW);
            assert!(heard(&mut engine, conn).contains(" 422 ") || conn == guests[0]);
        }
        assert!(wanted(&mut engine).claims.is_empty());
    }

    #[test]
    fn a_job_that_takes_too_long_fails_and_its_outcome_is_dropped() {
        let mut engine = engine(operated(&hash("secret")));
        let (ann, bob) = (enter(&mut engine, "ann"), enter(&mut engine, "bob"));
        engine.received(ann, b"OPER root secret\r\n", NOW);
        engine.received(bob, b"OPER root guess\r\n", NOW);
        let first = wanted(&mut engine);
        let late = pass(&mut engine, 2..32);
        assert!(heard(&mut engine, ann).contains(" 464 "));
        let then = wanted(&mut engine);
        assert_eq!(then.resumed, [] as [ConnId; 0], "nobody was held");
        assert!(then.claims.is_empty(), "the worker is still taken");
        engine.completed(first.claims[0].0, &RIGHT_PASSWORD, late);
        assert_eq!(heard(&mut engine, ann), "");
        assert_eq!(passwords(&wanted(&mut engine)), ["guess"]);
    }

    #[test]
    fn a_peer_that_waits_for_a_job_is_not_late_for_its_handshake() {
        let password = Some(hash("sesame").parse().unwrap());
        let mut engine = engine(Options { password, ..Options::default() });
        let ann = engine.connected(0, Remote { exempt: true, ..Remote::default() }, NOW).unwrap();
        engine.received(ann, b"PASS sesame\r\nNICK ann\r\nUSER a 0 * :a\r\n", NOW);
        let first = wanted(&mut engine);
        pass(&mut engine, 2..25);
        assert!(engine.is_open(ann));
        engine.completed(first.claims[0].0, &RIGHT_PASSWORD, NOW);
        assert!(heard(&mut engine, ann).contains(" 422 "));
    }

    #[test]
    fn an_answer_never_reaches_a_stranger() {
        let mut engine = engine(operated(&hash("secret")));
        let ann = enter(&mut engine, "ann");
        engine.received(ann, b"OPER root secret\r\n", NOW);
        let (id, _) = wanted(&mut engine).claims.remove(0);
        engine.lost(ann);
        engine.reap(NOW);
        assert_eq!(wanted(&mut engine).dropped, [ann]);
        engine.release(ann);
        let bob = enter(&mut engine, "bob");
        assert_eq!(bob.slot(), ann.slot());
        let stale = engine.counts().stale;
        engine.completed(id, &RIGHT_PASSWORD, NOW);
        assert_eq!(engine.counts().stale, stale + 1);
        engine.received(bob, b"KILL bob :me\r\n", NOW);
        let text = heard(&mut engine, bob);
        assert!(text.contains(" 481 ") && !text.contains(" 381 "), "{text}");
        // Nor is a password checked for somebody who is gone.
        engine.received(bob, b"OPER root guess\r\n", NOW);
        engine.lost(bob);
        assert!(wanted(&mut engine).claims.is_empty());
    }

    #[test]
    fn whoever_is_here_goes_before_those_at_the_door() {
        let hash_of_all = hash("sesame").parse().unwrap();
        let mut engine = engine(operated(&hash("secret")));
        let ann = enter(&mut engine, "ann");
        let mut options = operated(&hash("secret"));
        options.password = Some(hash_of_all);
        engine.reconfigure(vec![Service::Irc(Arc::new(options))], Limits::default());
        for _ in 0..5 {
            let guest =
                engine.connected(0, Remote { exempt: true, ..Remote::default() }, NOW).unwrap();
            engine.received(guest, b"PASS guess\r\nNICK bob\r\nUSER a 0 * :a\r\n", NOW);
        }
        engine.received(ann, b"OPER root secret\r\n", NOW);
        engine.takes_jobs(9);
        let order = wanted(&mut engine);
        assert_eq!(passwords(&order), ["secret", "guess", "guess", "guess", "guess", "guess"]);
    }

    #[test]
    fn an_answer_to_another_configuration_is_none() {
        let mut engine = engine(operated(&hash("secret")));
        let ann = enter(&mut engine, "ann");
        engine.received(ann, b"OPER root secret\r\n", NOW);
        let (id, _) = wanted(&mut engine).claims.remove(0);
        let options = operated(&hash("another"));
        engine.reconfigure(vec![Service::Irc(Arc::new(options))], Limits::default());
        engine.completed(id, &RIGHT_PASSWORD, NOW);
        assert!(heard(&mut engine, ann).contains(" 464 "));
    }
}

#[test]
pub fn there_may_be_nothing_to_read_again() {
    let server = Server::start(&["irc://127.0.0.1:0?operator=root:secret"]);
    let mut ann = Talk::enter(&server, "ann");
    ann.ask("OPER root secret", &RIGHT);
    let nothing = "There is no configuration file to read";
    ann.ask("REHASH", &[&format!(":hobnob.local NOTICE ann :{nothing}")]);
    ann.ask("CAP REQ :standard-replies", &[":hobnob.local CAP ann ACK :standard-replies"]);
    ann.ask("REHASH", &[&format!(":hobnob.local FAIL REHASH CANNOT_REHASH :{nothing}")]);
}

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
