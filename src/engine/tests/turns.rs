//! Tests of turns: the cost that one room, or its store, may cause for another room. Counted in
//! work, not in time.

use super::harness::{FRAMES, Harness, MODERATORS, PLAIN, ROOM, narrow};
use crate::engine::commits::OUTCOME_BYTES;
use crate::history::CommitOutcome;
use crate::id::{ConnId, RoomId};
use crate::limits::Limits;
use crate::payload::Message;
use crate::wire::Parsed;
use crate::wire::binary;
use crate::wire::frame::ServerFrame;

/// The room that nothing may delay.
const ELSEWHERE: &str = "s";

/// Readers of [`ROOM`], and a publisher and a reader of [`ELSEWHERE`].
struct World {
    harness: Harness,
    readers: Vec<ConnId>,
    ann: ConnId,
    bob: ConnId,
    /// The number of messages in [`ELSEWHERE`] so far.
    count: u64,
}

impl World {
    fn new(mut limits: Limits, readers: usize, services: &[usize]) -> Self {
        limits.presence_members = 1;
        let mut harness = Harness::remote(limits);
        let (ann, bob) = (harness.greeted(FRAMES, "ann"), harness.greeted(FRAMES, "bob"));
        harness.enter(ann, ELSEWHERE);
        harness.enter(bob, ELSEWHERE);
        let readers = (0..readers).zip(services.iter().cycle()).map(|(number, service)| {
            let conn = harness.connect(*service);
            match *service {
                PLAIN => {}
                MODERATORS => {
                    let hello = format!("NICK op{number}\r\nUSER u 0 * :u\r\nJOIN #{ROOM}\r\n");
                    harness.send_bytes(conn, hello.as_bytes());
                }
                _ => {
                    harness.hello(conn, &format!("reader{number}"));
                    harness.join(conn, ROOM, None);
                }
            }
            harness.settle();
            conn
        });
        let readers = readers.collect();
        let mut world = Self { harness, readers, ann, bob, count: 0 };
        world.harness.settle();
        world.take_received();
        world
    }

    /// Publishes `count` messages of the host in [`ROOM`], and hands them to a store.
    fn propose(&mut self, count: u64) -> RoomId {
        let Self { harness, .. } = self;
        for _ in 0..count {
            let said = harness.engine.say_from_host(ROOM, "host", b"m", harness.now);
            assert_eq!(said, Ok(None), "a store keeps it");
        }
        let append = harness.engine.take_append().expect("an append");
        assert_eq!(append.messages.len() as u64, count);
        append.room
    }

    /// Returns the bytes that each reader has received since the last call.
    fn take_received(&mut self) -> Vec<Vec<u8>> {
        let Self { harness, readers, .. } = self;
        let take = |conn: &ConnId| {
            let socket = harness.socket_mut(*conn);
            socket.parsed = 0;
            std::mem::take(&mut socket.received)
        };
        readers.iter().map(take).collect()
    }

    /// Publishes a message in [`ELSEWHERE`]; it is kept at once. Checks that its reader receives it
    /// in the turn in which the outcome is known, or in the `later` turns after it.
    fn publish_elsewhere(&mut self, later: usize) {
        let Self { harness, ann, bob, count, .. } = self;
        *count += 1;
        harness.publish_as(*ann, ELSEWHERE, "hi", *count, false);
        harness.turn();
        let (room, messages) = harness.take_append().expect("it is proposed at once");
        assert_eq!(messages, [format!("s#{count} hi")]);
        harness.commit(room, CommitOutcome::Kept(*count));
        harness.turn();
        for _ in 0..later {
            harness.turn();
        }
        assert_eq!(harness.heard(*bob), messages, "delivered in that turn");
        assert_eq!(harness.heard(*ann), [format!("ack {count} at {count}")]);
    }
}

/// Returns the offsets of the messages in a stream of frames.
fn offsets_of(mut bytes: &[u8]) -> Vec<u64> {
    let mut offsets = Vec::new();
    while let Parsed::Complete(frame, length) =
        binary::parse_server(bytes, 1 << 20).expect("frames")
    {
        match frame {
            ServerFrame::Message { offset, .. } => offsets.push(offset),
            other => panic!("{other:?}"),
        }
        bytes = &bytes[length..];
    }
    offsets
}

/// Commits `count` messages at once, and checks every turn until all are delivered. Returns the
/// number of turns.
fn commit_at_once(world: &mut World, count: u64, later: usize) -> usize {
    let room = world.propose(count);
    assert!(world.harness.engine.is_behind(ROOM), "pending bytes are congestion");
    world.harness.commit(room, CommitOutcome::Kept(count));
    let (before, turns) = (world.harness.engine.counts(), world.harness.turns);
    let weight = (Message::OVERHEAD + 1) as u64;
    let mut received: Vec<Vec<u8>> = vec![Vec::new(); world.readers.len()];
    let mut delivered = 0;
    while delivered < count {
        let (known, turns) = (world.harness.engine.counts().messages, world.harness.turns);
        world.publish_elsewhere(later);
        let turns = (world.harness.turns - turns) as u64;
        let applied = world.harness.engine.counts().messages - known - 1;
        assert!(applied * weight <= turns * (OUTCOME_BYTES as u64 + weight), "{applied} at once");
        delivered += applied;
        for (all, new) in received.iter_mut().zip(world.take_received()) {
            all.extend(new);
        }
        assert!(world.harness.turns < 40_000, "{delivered} of {count}");
    }
    let turns = world.harness.turns - turns;
    world.harness.settle();
    for (all, new) in received.iter_mut().zip(world.take_received()) {
        all.extend(new);
    }
    assert_eq!(
        offsets_of(&received[0]).into_iter().collect::<Vec<_>>(),
        (1..=count).collect::<Vec<_>>()
    );
    assert!(received.iter().all(|bytes| *bytes == received[0]), "all receive the same");
    let after = world.harness.engine.counts();
    assert_eq!((after.overruns, after.gaps), (0, 0), "members that read keep their place");
    assert_eq!(after.closes, before.closes);
    assert_eq!(after.backlog, 0);
    turns
}

#[test]
fn a_hundred_thousand_messages_kept_at_once_are_delivered_in_slices() {
    let mut world = World::new(Limits::default(), 50, &[FRAMES]);
    let turns = commit_at_once(&mut world, 100_000, 0);
    let least = 100_000 * (Message::OVERHEAD + 1) / OUTCOME_BYTES;
    assert!((least..2 * least).contains(&turns), "{turns} turns");
}

#[test]
fn messages_kept_at_once_wait_for_a_flush_that_is_behind() {
    // Less is flushed in a turn than the outcomes of one would be. A lane of the flush is left after 64
    // visits, however many turns those take.
    let limits = Limits { flush_writes: 20, flush_bytes: 40 << 10, ..narrow() };
    let mut world = World::new(limits, 50, &[FRAMES]);
    commit_at_once(&mut world, 10_000, 64);
}

#[test]
fn a_room_of_many_dialects_pays_for_each() {
    let turns_of = |services: &[usize]| {
        let mut world = World::new(Limits::default(), 6, services);
        let room = world.propose(5_000);
        world.harness.commit(room, CommitOutcome::Kept(5_000));
        let turns = world.harness.turns;
        while world.harness.engine.counts().messages < 5_000 {
            world.harness.turn();
        }
        world.harness.turns - turns
    };
    let (one, three) = (turns_of(&[FRAMES]), turns_of(&[FRAMES, PLAIN, MODERATORS]));
    assert!((3 * one - 3..=3 * one).contains(&three), "{one} turns, and {three}");
}

#[test]
fn a_room_whose_commits_stall_delays_no_other_room() {
    let mut world = World::new(Limits::default(), 10, &[FRAMES]);
    // Their messages are under way, and the store is silent.
    let room = world.propose(5_000);
    for _ in 0..50 {
        world.publish_elsewhere(0);
    }
    assert!(world.take_received().iter().all(Vec::is_empty));
    // The store reports that a part is kept, and stalls again.
    world.harness.commit(room, CommitOutcome::Kept(2_000));
    for _ in 0..50 {
        world.publish_elsewhere(0);
    }
    assert_eq!(offsets_of(&world.take_received()[0]).len(), 2_000);
    world.harness.commit(room, CommitOutcome::Kept(4_000));
    world.harness.settle();
    assert_eq!(offsets_of(&world.take_received()[0]).len(), 2_000, "more turns follow at once");
    // The rest is not kept.
    world.harness.commit(room, CommitOutcome::NotKept);
    for _ in 0..50 {
        world.publish_elsewhere(0);
    }
    assert!(world.take_received().iter().all(Vec::is_empty));
    assert!(!world.harness.engine.is_behind(ROOM));
}

#[test]
fn many_rooms_with_outcomes_take_turns() {
    let mut world = World::new(Limits::default(), 1, &[FRAMES]);
    let rooms: Vec<String> = (0..12).map(|number| format!("busy{number}")).collect();
    for room in &rooms {
        // The first one has the room opened.
        let now = world.harness.now;
        world.harness.engine.say_from_host(room, "host", b"m", now).expect("said");
        world.harness.settle();
    }
    let engine = &mut world.harness.engine;
    for room in &rooms {
        for _ in 1..2_000 {
            engine.say_from_host(room, "host", b"m", world.harness.now).expect("said");
        }
    }
    while let Some(append) = engine.take_append() {
        engine.committed(append.room, CommitOutcome::Kept(2_000), world.harness.now);
    }
    let before = world.harness.engine.counts().messages;
    for _ in 0..20 {
        world.publish_elsewhere(0);
    }
    let applied = world.harness.engine.counts().messages - before - 20;
    assert!(applied < 20_000, "the others are not through yet: {applied}");
}
