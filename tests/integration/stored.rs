//! Older messages and forgotten rooms, read from a store that keeps a relay's messages: as IRC and HTTP ask
//! for them, and what they are told where the store cannot say. The engine is driven as an embedder does.

use hobnob::address::Remote;
use hobnob::engine::{Effect, Engine, SLICES};
use hobnob::history::{CommitOutcome, OpenOutcome, PageOutcome, StoredPage};
use hobnob::id::{ConnId, Offset};
use hobnob::limits::Limits;
use hobnob::now::Now;
use hobnob::payload::Message;
use hobnob::secret::Secrets;
use hobnob::session::{Service, irc};
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const IRC: usize = 0;
#[cfg(feature = "http")]
const HTTP: usize = 1;

/// A relay that has three messages of each room in memory, and a store that has them all.
struct Relay {
    engine: Engine,
    now: Now,
    output: Vec<(ConnId, Vec<u8>)>,
    kept: Vec<Rc<Message>>,
}

impl Relay {
    fn new() -> Self {
        let limits = Limits { history_messages: 3, ..Limits::default() };
        let services = vec![
            Service::Irc(Arc::new(irc::Options::default())),
            #[cfg(feature = "http")]
            Service::Http(hobnob::session::web::Options::default()),
        ];
        let mut engine = Engine::new(limits, services, Secrets::from_number(3));
        engine.keep_remotely();
        let now = Now { running: Duration::from_secs(1), unix_ms: 1_700_000_000_000 };
        Self { engine, now, output: Vec::new(), kept: Vec::new() }
    }

    fn connect(&mut self, service: usize) -> ConnId {
        let remote = Remote { exempt: true, ..Remote::default() };
        let conn = self.engine.connected(service, remote, self.now).expect("space");
        self.output.push((conn, Vec::new()));
        conn
    }

    /// Sends bytes. Returns what is answered at once.
    fn send(&mut self, conn: ConnId, bytes: &str) -> String {
        self.engine.received(conn, bytes.as_bytes(), self.now);
        self.answer(conn)
    }

    /// The same, and returns what a peer has received since the last call.
    fn answer(&mut self, conn: ConnId) -> String {
        self.answer_nobody();
        let (_, bytes) = self.output.iter_mut().find(|(known, _)| *known == conn).expect("a peer");
        String::from_utf8(std::mem::take(bytes)).expect("text")
    }

    /// Turns until nothing is to be done.
    fn answer_nobody(&mut self) {
        loop {
            self.engine.expire(self.now);
            self.engine.reap(self.now);
            self.flush();
            while let Some(effect) = self.engine.poll_effect() {
                match effect {
                    Effect::Resume(conn) => _ = self.engine.resume(conn, self.now),
                    Effect::Drop(conn, _) => self.engine.release(conn),
                    _ => {}
                }
            }
            if !self.engine.is_pressing() {
                break;
            }
        }
    }

    fn flush(&mut self) {
        while let Some(conn) = self.engine.take_dirty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let (filled, total) = self.engine.slices(conn, &mut slices);
            let bytes: Vec<u8> =
                slices.iter().take(filled).flat_map(|slice| slice.iter().copied()).collect();
            let output = self.output.iter_mut().find(|(known, _)| *known == conn);
            output.expect("a peer").1.extend(bytes);
            self.engine.sent(conn, total);
        }
    }

    fn open(&mut self, outcome: OpenOutcome) {
        let request = self.engine.take_open_request().expect("a room to be opened");
        self.engine.opened(&request, outcome, self.now);
    }

    fn keep(&mut self) {
        while let Some(append) = self.engine.take_append() {
            self.kept.extend(append.messages.iter().map(|(message, _)| Rc::clone(message)));
            let last = append.after + append.messages.len() as Offset;
            self.engine.committed(append.room, CommitOutcome::Kept(last), self.now);
        }
    }

    /// Answers the request for a page with these messages.
    fn page(&mut self, offsets: std::ops::RangeInclusive<Offset>) {
        let request = self.engine.take_page_request().expect("a page to be read");
        let messages = self.kept.iter().filter(|message| offsets.contains(&message.offset));
        let page = StoredPage { oldest: 1, messages: messages.map(Rc::clone).collect() };
        self.engine.page(request.id, PageOutcome::Page(page), self.now);
    }

    fn fail_page(&mut self) {
        let request = self.engine.take_page_request().expect("a page to be read");
        self.engine.page(request.id, PageOutcome::Failed, self.now);
    }

    /// Somebody on IRC in a room in which it has said `m1` to `m8`.
    fn speaker(&mut self) -> ConnId {
        let ann = self.connect(IRC);
        let caps = "CAP REQ :draft/chathistory batch labeled-response\r\n";
        self.send(ann, &format!("{caps}NICK ann\r\nUSER a 0 * :Ann\r\nCAP END\r\n"));
        let at_once = self.send(ann, "JOIN #r\r\n");
        assert!(at_once.is_empty(), "{at_once}");
        self.open(OpenOutcome::Absent);
        assert!(self.answer(ann).contains(" JOIN #r"));
        for number in 1..=8 {
            self.send(ann, &format!("PRIVMSG #r :m{number}\r\n"));
            self.keep();
            self.answer(ann);
        }
        ann
    }
}

/// The texts of messages, in the order of the lines.
fn texts(lines: &str) -> Vec<&str> {
    let messages = lines.lines().filter(|line| line.contains(" PRIVMSG #r :"));
    messages.filter_map(|line| line.rsplit(':').next()).collect()
}

#[test]
fn chathistory_below_memory_is_answered_once_the_store_has_and_later_lines_wait() {
    let mut relay = Relay::new();
    let ann = relay.speaker();
    let at_once = relay.send(ann, "CHATHISTORY LATEST #r * 2\r\n");
    assert_eq!(texts(&at_once), ["m7", "m8"], "that much is in memory");
    let nothing = relay.send(ann, "@label=x CHATHISTORY LATEST #r * 5\r\nPING :later\r\n");
    assert!(nothing.is_empty(), "{nothing}");
    relay.page(4..=8);
    let answer = relay.answer(ann);
    assert_eq!(texts(&answer), ["m4", "m5", "m6", "m7", "m8"]);
    assert!(answer.starts_with("@label=x :hobnob.local BATCH +"), "{answer}");
    assert!(answer.trim_end().ends_with("PONG hobnob.local :later"), "{answer}");
}

#[test]
fn what_the_store_cannot_say_is_a_failure_in_irc() {
    let mut relay = Relay::new();
    let ann = relay.speaker();
    relay.send(ann, "CHATHISTORY BEFORE #r timestamp=2001-01-01T00:00:00.000Z 5\r\n");
    relay.fail_page();
    let answer = relay.answer(ann);
    assert!(answer.starts_with(":hobnob.local FAIL CHATHISTORY MESSAGE_ERROR #r :"), "{answer}");
    relay.send(ann, "JOIN #elsewhere\r\n");
    relay.open(OpenOutcome::Failed);
    let answer = relay.answer(ann);
    let expected = ":hobnob.local FAIL JOIN TEMPORARILY_UNAVAILABLE #elsewhere :";
    assert!(answer.starts_with(expected), "{answer}");
}

#[cfg(feature = "http")]
#[test]
fn over_http_older_messages_and_forgotten_rooms_come_with_the_answer_of_the_store() {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut relay = Relay::new();
    relay.speaker();
    let web = relay.connect(HTTP);
    assert!(relay.send(web, &get("/rooms/r/messages?limit=5")).is_empty());
    relay.page(4..=8);
    let answer = relay.answer(web);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for number in 4..=8 {
        assert!(answer.contains(&format!("\"m{number}\"")), "{answer}");
    }
    relay.send(web, &get("/rooms/r/messages?after=1"));
    relay.fail_page();
    let answer = relay.answer(web);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("unavailable"), "{answer}");
    assert!(relay.send(web, &get("/rooms/attic/messages")).is_empty());
    relay.open(OpenOutcome::Absent);
    assert!(
        relay.answer(web).starts_with("HTTP/1.1 404 "),
        "a room that is looked for is not made"
    );
    assert_eq!(relay.engine.counts().rooms, 1);
    let post =
        "POST /rooms/attic/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi";
    assert!(relay.send(web, post).is_empty());
    relay.open(OpenOutcome::Failed);
    let answer = relay.answer(web);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("unavailable"), "{answer}");
}

#[test]
fn a_room_that_is_over_is_forgotten_behind_the_messages_that_are_being_kept() {
    let mut relay = Relay::new();
    let ann = relay.connect(IRC);
    relay.send(ann, "NICK ann\r\nUSER a 0 * :Ann\r\nJOIN #closed\r\n");
    relay.open(OpenOutcome::Absent);
    relay.answer(ann);
    relay.send(ann, "MODE #closed +k sesame\r\nPRIVMSG #closed :the last\r\n");
    relay.answer(ann);
    let append = relay.engine.take_append().expect("a message to be kept");
    assert_eq!((append.messages.len(), append.clears), (1, false));
    relay.engine.lost(ann);
    relay.answer_nobody();
    assert!(relay.engine.take_append().is_none(), "nothing overtakes what is being kept");
    relay.engine.committed(append.room, CommitOutcome::Kept(1), relay.now);
    relay.answer_nobody();
    let clear = relay.engine.take_append().expect("what a closed room kept is forgotten");
    assert_eq!((clear.messages.len(), clear.clears, clear.after), (0, true, 1));
}
