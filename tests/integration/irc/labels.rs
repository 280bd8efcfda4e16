//! Answers that name their question, when there is hardly room for them.

use crate::common::{Server, secrets};
use crate::irc::talk::{Talk, crowded, relay};
use hobnob::address::Remote;
use hobnob::engine::{Engine, Reading, SLICES};
use hobnob::id::ConnId;
use hobnob::now::Now;
use hobnob::{Limits, Listen};
use std::io::IoSlice;

/// A peer of a relay without sockets, that reads when the test says so.
struct Slow {
    engine: Engine,
    conn: ConnId,
    reading: Reading,
}

const NOW: Now = Now { running: std::time::Duration::from_secs(1), unix_ms: 1 };

impl Slow {
    fn connect(limits: Limits) -> Self {
        let listen: Listen = "irc://127.0.0.1:0?operator=root:secret".parse().unwrap();
        let mut engine = Engine::new(limits, vec![listen.service], secrets());
        let conn = engine.connected(0, Remote { exempt: true, ..Remote::default() }, NOW).unwrap();
        Self { engine, conn, reading: Reading::More }
    }

    /// Says all of this, and reads nothing before the relay will hear no more. Then it reads so many
    /// bytes, and so on; everything it has read.
    fn say(&mut self, lines: &str, at_once: usize) -> String {
        let mut heard = Vec::new();
        self.reading = self.engine.received(self.conn, lines.as_bytes(), NOW);
        loop {
            while self.reading == Reading::Unfinished {
                self.reading = self.engine.resume(self.conn, NOW);
            }
            let before = heard.len();
            self.read(at_once, &mut heard);
            while self.engine.poll_effect().is_some() {
                self.reading = self.engine.resume(self.conn, NOW);
            }
            if heard.len() == before {
                break;
            }
        }
        String::from_utf8(heard).unwrap()
    }

    fn read(&mut self, at_once: usize, heard: &mut Vec<u8>) {
        if self.engine.take_dirty().is_none() {
            return;
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (filled, total) = self.engine.slices(self.conn, &mut slices);
        let offered: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        let taken = total.min(at_once);
        heard.extend_from_slice(&offered[..taken]);
        self.engine.sent(self.conn, taken);
    }
}

/// The labels of lines, in the order in which they were answered.
fn labels(heard: &str) -> Vec<usize> {
    let label = |line: &str| line.strip_prefix("@label=")?.split(' ').next()?.parse().ok();
    heard.lines().filter_map(label).collect()
}

#[test]
fn an_answer_is_not_lost_when_the_outbox_is_full_behind_it() {
    for at_once in [usize::MAX, 10_000, 1_000] {
        let limits = Limits { outbox: 16 << 10, presence_members: 100, ..Limits::default() };
        let mut ann = Slow::connect(limits);
        let enter = "CAP REQ :batch labeled-response\r\nNICK ann\r\nUSER a 0 * :a\r\nCAP END\r\n";
        let welcome = ann.say(&format!("{enter}OPER root secret\r\n"), at_once);
        assert!(welcome.contains(" 381 ann "), "{welcome}");
        // What an operator calls out she hears as everybody does: it is no answer, and comes before
        // it. Often enough it makes the outbox fuller than it may be for more to be heard.
        let count = 300;
        let call = |n| format!("@label={n} WALLOPS :{}\r\n", "x".repeat(n % 400));
        let heard = ann.say(&(0..count).map(call).collect::<String>(), at_once);
        assert_eq!(labels(&heard), (0..count).collect::<Vec<_>>(), "read {at_once} at once");
        assert_eq!(heard.lines().filter(|line| line.contains(" WALLOPS ")).count(), count);
        // Nor do answers end up under a label that is not theirs.
        assert!(heard.lines().all(|line| !line.contains("BATCH")), "{heard}");
        assert_eq!(ann.say("PING x\r\n", at_once), ":hobnob.local PONG hobnob.local :x\r\n");
    }
}

#[test]
fn an_answer_longer_than_an_outbox_is_one_batch_and_given_as_it_is_read() {
    let (server, rooms, _others) = crowded();
    let mut ann = Talk::enter_with(&server, "ann", "batch labeled-response");
    ann.say(&format!("@label=x JOIN {rooms}"));
    // 60 times the names of 30 are 52 KB, of which the outbox holds half.
    let came = ann.sync();
    let [first, answers @ .., last] = came.as_slice() else { panic!("{came:?}") };
    assert_eq!(first, "@label=x :hobnob.local BATCH +b1 labeled-response");
    assert_eq!(last, ":hobnob.local BATCH -b1");
    assert!(answers.iter().all(|line| line.starts_with("@batch=b1 ")), "{answers:?}");
    assert_eq!(answers.iter().filter(|line| line.contains(" 366 ")).count(), 60);
    assert_eq!(answers.iter().filter(|line| line.contains(" JOIN ")).count(), 60);
    assert!(came.iter().map(String::len).sum::<usize>() > 48 << 10);
    ann.ask("@label=y PING x", &["@label=y :hobnob.local PONG hobnob.local :x"]);
}

#[test]
pub fn the_last_line_is_answered_before_the_end() {
    let server = relay();
    let mut ann = Talk::enter_with(&server, "ann", "batch labeled-response");
    for _ in 0..2 {
        ann.ask("OPER root wrong", &[":hobnob.local 464 ann :Password incorrect"]);
    }
    ann.say("@label=a OPER root wrong");
    ann.hear_end(&[
        "@label=a :hobnob.local 464 ann :Password incorrect",
        "ERROR :Closing link: the password is missing or wrong",
    ]);
    let mut bob = Talk::enter_with(&server, "bob", "batch labeled-response");
    bob.say("@label=b QUIT :bye");
    bob.hear_end(&["@label=b :hobnob.local ACK", "ERROR :Closing link: Quit: bye"]);
}

#[test]
fn what_people_say_is_no_tag_and_no_batch() {
    let server = Server::start(&["irc://127.0.0.1:0?name=irc.example"]);
    let mut ann = Talk::connect(&server, 0);
    ann.say(
        "CAP REQ :batch labeled-response echo-message\r\nNICK ann\r\nUSER ann 0 * :Ann\r\nCAP END",
    );
    while !ann.line().contains(" 422 ") {}
    let mut hears = |line: &str, answers: &[&str]| {
        ann.say(line);
        ann.hear(answers);
    };
    hears(
        "@label=a PRIVMSG ann,none :a;batch=b",
        &[
            ":ann!~ann@HOST PRIVMSG ann :a;batch=b",
            "@label=a :irc.example BATCH +b1 labeled-response",
            "@batch=b1 :ann!~ann@HOST PRIVMSG ann :a;batch=b",
            "@batch=b1 :irc.example 401 ann none :No such nick",
            ":irc.example BATCH -b1",
        ],
    );
    hears("@label=b PONG", &["@label=b :irc.example ACK"]);
}

#[test]
fn what_is_no_label_is_not_repeated() {
    let server = relay();
    let mut ann = Talk::enter_with(&server, "ann", "batch labeled-response");
    let pong = ":hobnob.local PONG hobnob.local :x";
    for none in ["label=", "label", "Label=a", "+label=a", &format!("label={}", "a".repeat(65))] {
        ann.ask(&format!("@{none} PING x"), &[pong]);
    }
    let longest = "a".repeat(64);
    ann.ask(&format!("@label={longest} PING x"), &[&format!("@label={longest} {pong}")]);
    ann.ask("@label=a;label=b PING x", &[&format!("@label=b {pong}")]);
    // Answers may need batches, which not everybody reads.
    let mut bob = Talk::enter_with(&server, "bob", "labeled-response");
    bob.ask("@label=a PING x", &[pong]);
    bob.ask("CAP REQ :batch", &[":hobnob.local CAP bob ACK :batch"]);
    bob.ask("@label=a PING x", &[&format!("@label=a {pong}")]);
}
