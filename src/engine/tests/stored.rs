//! Tests of stores: pages of older messages, and rooms that are not in memory.

use super::harness::{FRAMES, Harness, ROOM, expected, narrow, padded};
use crate::history::{
    CommitOutcome, OpenOutcome, OpenRequest, PageOutcome, PageRequest, Question, Select,
    StoredPage, StoredRoom,
};
use crate::history::{Mark, ReadId};
use crate::id::{ConnId, Epoch, Offset, Resume};
use crate::limits::Limits;
use crate::payload::Message;
use crate::reason::Refusal;
use crate::wire::frame::{ClientFrame, Side};
use std::rc::Rc;
use std::time::Duration;

/// A relay, and the messages that a store has kept for it.
struct Stored {
    harness: Harness,
    epoch: Epoch,
    messages: Vec<Rc<Message>>,
}

impl Stored {
    fn new(limits: Limits) -> Self {
        let mut harness = Harness::new(limits);
        harness.engine.keep_remotely();
        Self { harness, epoch: Epoch(0), messages: Vec::new() }
    }

    /// Creates a relay whose room has `count` messages, the last ones in memory; a member, and a
    /// peer outside.
    fn with(count: Offset, limits: Limits) -> (Self, ConnId, ConnId) {
        let mut stored = Self::new(limits);
        let ann = stored.harness.greeted(FRAMES, "ann");
        stored.harness.join(ann, ROOM, None);
        stored.harness.settle();
        let request = stored.open_request();
        stored.open(&request, OpenOutcome::Absent);
        assert_eq!(stored.harness.heard(ann), ["joined r at 0"]);
        stored.publish(ann, 1..=count);
        let bob = stored.harness.greeted(FRAMES, "bob");
        stored.harness.heard(ann);
        (stored, ann, bob)
    }

    fn publish(&mut self, conn: ConnId, offsets: impl IntoIterator<Item = Offset>) {
        for offset in offsets {
            self.harness.publish(conn, ROOM, padded(&format!("m{offset}"), 1_000));
            self.harness.settle();
            self.keep();
        }
    }

    /// Keeps all messages that the relay hands out.
    fn keep(&mut self) {
        let now = self.harness.now;
        while let Some(append) = self.harness.engine.take_append() {
            self.epoch = append.epoch;
            self.messages.extend(append.messages.iter().map(|(message, _)| Rc::clone(message)));
            let last = append.after + append.messages.len() as Offset;
            self.harness.engine.committed(append.room, CommitOutcome::Kept(last), now);
        }
        self.harness.settle();
    }

    fn open_request(&mut self) -> OpenRequest {
        self.harness.engine.take_open_request().expect("a room to be opened")
    }

    fn open(&mut self, request: &OpenRequest, outcome: OpenOutcome) {
        let now = self.harness.now;
        self.harness.engine.opened(request, outcome, now);
        self.harness.settle();
    }

    fn page_request(&mut self) -> PageRequest {
        self.harness.engine.take_page_request().expect("a page to be read")
    }

    /// Returns the messages of these offsets, as a page.
    fn page_of(&self, oldest: Offset, offsets: std::ops::RangeInclusive<Offset>) -> StoredPage {
        let messages = self.messages.iter().filter(|message| offsets.contains(&message.offset));
        StoredPage { oldest, messages: messages.map(Rc::clone).collect() }
    }

    fn page(&mut self, id: ReadId, outcome: PageOutcome) {
        let now = self.harness.now;
        self.harness.engine.page(id, outcome, now);
        self.harness.settle();
    }

    /// Answers a request for a replay with one page of at most `most` messages.
    fn answer_replay(&mut self, request: &PageRequest, most: Offset) {
        let Question { select: Select::After(Mark::Offset(after)), .. } = request.question else {
            panic!("{request:?}");
        };
        let page = self.page_of(1, after + 1..=(after + most).min(request.head));
        self.page(request.id, PageOutcome::Page(page));
    }

    fn ask(&mut self, conn: ConnId, side: Side) {
        let room = self.harness.socket(conn).number_of(ROOM);
        self.harness.send(conn, &ClientFrame::History { request: 9, room, side, limit: 3 });
        self.harness.ping(conn, 1);
        self.harness.settle();
    }

    /// Returns the lines that a peer receives, with pages as offsets.
    fn heard(&mut self, conn: ConnId) -> Vec<String> {
        let lines = self.harness.heard(conn);
        lines
            .iter()
            .map(|line| if line.starts_with("History") { offsets(line) } else { line.clone() })
            .collect()
    }
}

/// Returns the offsets of a page.
fn offsets(line: &str) -> String {
    let parts = line.split("Past { offset: ").skip(1);
    let offsets: Vec<&str> = parts.filter_map(|part| part.split(',').next()).collect();
    format!("page {}", offsets.join(" "))
}

fn messages(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| line.starts_with("r#")).cloned().collect()
}

/// Returns limits with which five messages are in memory.
fn few() -> Limits {
    Limits { history_messages: 5, ..narrow() }
}

fn error(refusal: Refusal) -> String {
    format!("error {}", refusal.code())
}

#[test]
fn a_question_below_memory_is_answered_when_the_store_is_and_nothing_overtakes_the_answer() {
    let (mut stored, ann, _) = Stored::with(10, few());
    stored.ask(ann, Side::Before(0));
    assert_eq!(stored.heard(ann), ["page 8 9 10", "pong 1"], "that much is in memory");
    stored.ask(ann, Side::After(2));
    assert!(stored.heard(ann).is_empty());
    let request = stored.page_request();
    assert_eq!((request.epoch, request.head, &*request.name), (stored.epoch, 10, ROOM));
    assert!(stored.harness.engine.take_page_request().is_none());
    stored.page(request.id, PageOutcome::Page(stored.page_of(1, 3..=5)));
    assert_eq!(stored.heard(ann), ["page 3 4 5", "pong 1"]);
    // Nobody waits for it any longer.
    stored.page(request.id, PageOutcome::Failed);
    assert!(stored.heard(ann).is_empty());
}

#[test]
fn a_question_that_the_store_cannot_answer_is_refused() {
    let (mut stored, ann, _) = Stored::with(10, few());
    let refused = [error(Refusal::Unavailable), "pong 1".to_owned()];
    stored.ask(ann, Side::Before(3));
    let request = stored.page_request();
    stored.page(request.id, PageOutcome::Failed);
    assert_eq!(stored.heard(ann), refused);
    stored.ask(ann, Side::Before(3));
    let request = stored.page_request();
    let hole = StoredPage {
        oldest: 1,
        messages: vec![stored.messages[0].clone(), stored.messages[2].clone()],
    };
    stored.page(request.id, PageOutcome::Page(hole));
    assert_eq!(stored.heard(ann), refused, "a page with a hole is none");
    stored.ask(ann, Side::Before(3));
    let request = stored.page_request();
    let patience = Limits::default().commit_patience;
    stored.harness.pass(patience - Duration::from_millis(200));
    assert!(stored.heard(ann).is_empty());
    stored.harness.pass(Duration::from_millis(400));
    assert_eq!(stored.heard(ann), refused, "nor is one that takes too long");
    stored.page(request.id, PageOutcome::Page(stored.page_of(1, 1..=2)));
    assert!(stored.heard(ann).is_empty());
}

#[test]
fn an_answer_to_a_peer_that_is_gone_is_dropped() {
    let (mut stored, ann, bob) = Stored::with(10, few());
    stored.harness.enter(bob, ROOM);
    stored.ask(bob, Side::Before(3));
    let request = stored.page_request();
    stored.harness.engine.lost(bob);
    stored.harness.settle();
    stored.page(request.id, PageOutcome::Page(stored.page_of(1, 1..=2)));
    assert_eq!(stored.heard(ann), ["went bob, 1"]);
}

#[test]
fn a_resume_below_memory_is_read_from_the_store_and_then_from_memory_without_a_hole() {
    for (most, published_after) in [(1, 0), (1, 2), (2, 1), (3, 0), (3, 1)] {
        let (mut stored, ann, bob) = Stored::with(10, few());
        let resume = Resume { epoch: stored.epoch, offset: 1 };
        stored.harness.join(bob, ROOM, Some(resume));
        stored.harness.ping(bob, 7);
        stored.harness.settle();
        assert_eq!(stored.heard(bob), ["joined r at 10, recovered"]);
        let (mut pages, mut last) = (0, 10);
        while let Some(request) = stored.harness.engine.take_page_request() {
            if pages == published_after {
                last += 1;
                stored.publish(ann, [last]);
            }
            stored.answer_replay(&request, most);
            pages += 1;
            assert!(pages < 20, "it never ends");
        }
        let heard = stored.heard(bob);
        assert_eq!(messages(&heard), expected(2..=last), "pages of {most}");
        let place = |line: &str| heard.iter().position(|heard| heard == line);
        assert!(place("pong 7") > place("r#10 m10"), "an answer overtakes the replay");
        stored.publish(ann, [last + 1]);
        assert_eq!(messages(&stored.heard(bob)), expected([last + 1]));
    }
}

#[test]
fn what_the_store_cannot_replay_is_told_as_a_gap() {
    let (mut stored, _, bob) = Stored::with(10, few());
    let resume = Resume { epoch: stored.epoch, offset: 1 };
    stored.harness.join(bob, ROOM, Some(resume));
    stored.harness.settle();
    let request = stored.page_request();
    stored.answer_replay(&request, 2);
    assert_eq!(messages(&stored.heard(bob)), expected(2..=3));
    let request = stored.page_request();
    stored.page(request.id, PageOutcome::Failed);
    let heard = stored.heard(bob);
    assert_eq!(heard[0], "gap r 4 to 5");
    assert_eq!(messages(&heard), expected(6..=10));
}

#[test]
fn a_laggard_that_fell_off_its_tape_goes_on_from_the_store() {
    let (mut stored, ann, bob) = Stored::with(0, few());
    stored.harness.enter(bob, ROOM);
    stored.harness.block(bob);
    stored.publish(ann, 1..=90);
    assert_eq!(stored.harness.engine.counts().overruns, 1);
    stored.harness.unblock(bob);
    stored.harness.settle();
    while let Some(request) = stored.harness.engine.take_page_request() {
        stored.answer_replay(&request, 3);
    }
    assert_eq!(messages(&stored.heard(bob)), expected(1..=90));
    assert_eq!(stored.harness.engine.counts().gaps, 0);
}

#[test]
fn all_who_wait_for_a_room_share_one_request_and_have_their_turn_in_it() {
    let mut stored = Stored::new(few());
    let (ann, bob) = (stored.harness.greeted(FRAMES, "ann"), stored.harness.greeted(FRAMES, "bob"));
    stored.harness.join(ann, ROOM, None);
    stored.harness.join(bob, "R", None);
    stored.harness.ping(bob, 1);
    stored.harness.settle();
    let request = stored.open_request();
    assert!(stored.harness.engine.take_open_request().is_none(), "one request for each name");
    assert!(stored.heard(ann).is_empty() && stored.heard(bob).is_empty());
    // Another room does not wait for that one.
    let cyd = stored.harness.greeted(FRAMES, "cyd");
    stored.harness.join(cyd, "elsewhere", None);
    stored.harness.settle();
    let other = stored.open_request();
    stored.open(&other, OpenOutcome::Absent);
    assert_eq!(stored.heard(cyd), ["joined elsewhere at 0"]);
    let epoch = Epoch(7);
    let room =
        StoredRoom { name: "R".into(), epoch, head: 4, oldest: 5, messages: Vec::new(), events: 0 };
    stored.open(&request, OpenOutcome::Found(room));
    assert_eq!(stored.heard(ann), ["joined R at 4", "came bob, 2"]);
    assert_eq!(stored.heard(bob), ["joined R at 4", "pong 1"]);
    // Its numbering goes on.
    let number = stored.harness.socket(ann).number_of("R");
    let payload = b"five".as_slice().into();
    stored.harness.send(ann, &ClientFrame::Say { room: number, id: 3, echo: false, payload });
    stored.harness.settle();
    stored.keep();
    assert_eq!(stored.heard(bob), ["R#5 five"]);
    assert_eq!((stored.epoch, stored.heard(ann)), (epoch, vec!["ack 3 at 5".to_owned()]));
}

#[test]
fn a_room_that_cannot_be_opened_refuses_all_who_wait_and_is_asked_for_anew() {
    let mut stored = Stored::new(few());
    let ann = stored.harness.greeted(FRAMES, "ann");
    let refused = [error(Refusal::Unavailable)];
    stored.harness.join(ann, ROOM, None);
    stored.harness.settle();
    let first = stored.open_request();
    stored.open(&first, OpenOutcome::Failed);
    assert_eq!(stored.heard(ann), refused);
    stored.harness.join(ann, ROOM, None);
    stored.harness.settle();
    let late = stored.open_request();
    stored.harness.pass(Limits::default().commit_patience + Duration::from_millis(200));
    assert_eq!(stored.heard(ann), refused, "it took too long");
    stored.harness.join(ann, ROOM, None);
    stored.harness.settle();
    // What comes of an earlier request is not for the later one.
    let lost = StoredRoom {
        name: ROOM.into(),
        epoch: Epoch(1),
        head: 9,
        oldest: 10,
        messages: Vec::new(),
        events: 0,
    };
    stored.open(&late, OpenOutcome::Found(lost));
    assert!(stored.heard(ann).is_empty());
    let request = stored.open_request();
    stored.open(&request, OpenOutcome::Absent);
    assert_eq!(stored.heard(ann), ["joined r at 0"]);
}

#[test]
fn a_room_comes_back_with_its_messages() {
    let age = Duration::from_secs(5);
    let (mut stored, ann, bob) =
        Stored::with(0, Limits { history_age: age, said_once_age: age, ..few() });
    stored.harness.publish_as(ann, ROOM, "m1", 5, true);
    stored.harness.settle();
    stored.keep();
    stored.publish(ann, [2]);
    stored.heard(ann);
    stored.harness.leave(ann, ROOM);
    stored.harness.pass(age + Duration::from_secs(1));
    assert_eq!(stored.harness.engine.counts().rooms, 0, "nothing is in memory");
    stored.heard(ann);
    stored.harness.join(bob, ROOM, Some(Resume { epoch: stored.epoch, offset: 1 }));
    stored.harness.settle();
    let request = stored.open_request();
    let messages = stored.messages.iter().map(|message| (Rc::clone(message), None)).collect();
    let (epoch, name) = (stored.epoch, ROOM.into());
    stored.open(
        &request,
        OpenOutcome::Found(StoredRoom { name, epoch, head: 2, oldest: 1, messages, events: 0 }),
    );
    let heard = stored.heard(bob);
    assert_eq!(heard[..2], ["joined r at 2, recovered", "r#2 m2"]);
    assert_eq!(stored.harness.engine.counts().rooms, 1);
}

#[test]
fn the_program_around_the_relay_waits_for_a_room_as_well() {
    let mut stored = Stored::new(few());
    let now = stored.harness.now;
    let said = stored.harness.engine.say_from_host(ROOM, "host", b"m1", now);
    assert_eq!(said, Ok(None));
    assert!(stored.harness.engine.take_append().is_none());
    let request = stored.open_request();
    stored.open(&request, OpenOutcome::Absent);
    stored.keep();
    assert_eq!(stored.messages.len(), 1);
    assert_eq!(stored.harness.engine.counts().messages, 1);
}
