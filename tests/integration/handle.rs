//! The relay as other threads reach it: say, count, stop.

use crate::common::*;
use hobnob::id::Resume;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::ServerFrame;
use hobnob::{Bound, Config, HandleError, Limits, Relay, Status};
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn the_program_around_it_says_something_in_a_room() {
    for spelling in SPELLINGS {
        let server = Server::start(&["frame://127.0.0.1:0", "raw://127.0.0.1:0?room=tea"]);
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        let mut raw = server.connect_to(1);
        ann.expect(&came(room, 2, "guest1"));
        server.handle.publish("TEA", "clock", b"noon").unwrap();
        ann.expect(&message(room, 1, "clock", "noon"));
        raw.expect_bytes(b"noon\n");
        server.handle.publish("tea", "clock", b"\xff\x00").unwrap();
        ann.expect(&message(room, 2, "clock", b"\xff\x00"));
        raw.expect_bytes(b"\xff\x00");
        // It is not a member, and comes and goes unseen.
        ann.members(1, room);
        assert!(matches!(ann.next(), ServerFrame::Members { count: 2, .. }));
    }
}

#[test]
fn what_cannot_be_said_is_dropped_and_harms_nobody() {
    let server = Server::frames_with(Limits { message: 100, ..Limits::default() });
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let long_name = "x".repeat(300);
    for (room, sender, refusal) in [
        ("", "clock", Refusal::BadRoom),
        ("no room", "clock", Refusal::BadRoom),
        ("tea", "", Refusal::BadName),
        ("tea", "two words", Refusal::BadName),
        ("tea", "line\nbreak", Refusal::BadName),
        // Longer than the wire has a length for.
        ("tea", &long_name, Refusal::BadName),
    ] {
        assert_eq!(server.handle.publish(room, sender, b"x"), Err(HandleError::Refused(refusal)));
    }
    // What is too long is the relay's to know: it says so in its log, and goes on.
    server.handle.publish("tea", "clock", &[b'x'; 101]).unwrap();
    server.handle.publish("tea", "clock", &[b'x'; 100]).unwrap();
    ann.expect(&message(room, 1, "clock", &[b'x'; 100]));
    ann.expect_quiet();
    assert_eq!(server.counts().rooms, 1);
}

#[test]
fn said_into_a_room_where_nobody_is_it_is_kept_for_who_comes() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        server.handle.publish("diary", "host", b"one").unwrap();
        server.handle.publish("Diary", "host", b"two").unwrap();
        server.until("both were said", |counts| counts.messages == 2);
        let mut ann = server.greet(*spelling, "ann");
        let diary = ann.join("diary");
        assert_eq!((diary.head, diary.oldest, diary.recovered), (2, 1, false));
        ann.expect_quiet();
        let resume = Resume { epoch: diary.epoch, offset: 0 };
        assert!(ann.join_after("diary", Some(resume)).recovered);
        ann.expect_all(&[
            message(diary.room, 1, "host", "one"),
            message(diary.room, 2, "host", "two"),
            member_count(0, diary.room, 1),
        ]);
    }
}

#[test]
fn many_threads_say_at_once_and_each_ones_order_is_kept() {
    const THREADS: usize = 8;
    const EACH: usize = 500;
    let server = Server::frames();
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let threads: Vec<_> = (0..THREADS)
        .map(|n| {
            let handle = server.handle.clone();
            thread::spawn(move || {
                for said in 0..EACH {
                    while let Err(error) =
                        handle.publish("tea", &format!("t{n}"), &said.to_le_bytes())
                    {
                        assert_eq!(error, HandleError::Busy);
                        thread::yield_now();
                    }
                    // Reading the counts disturbs nobody.
                    assert!(handle.counts().messages <= (THREADS * EACH) as u64);
                }
            })
        })
        .collect();
    let mut next = BTreeMap::new();
    for offset in 1..=(THREADS * EACH) as u64 {
        match ann.next() {
            ServerFrame::Message { room: its, offset: came, sender, payload, .. } => {
                assert_eq!((its, came), (room, offset));
                let next = next.entry(sender.into_owned()).or_insert(0_usize);
                assert_eq!(*payload, next.to_le_bytes());
                *next += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(next.len() == THREADS && next.values().all(|said| *said == EACH));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    ann.expect_quiet();
}

fn relay() -> Relay {
    let listeners = vec!["frame://127.0.0.1:0".parse().unwrap()];
    let config = Config { listeners, secret: Some(SECRET), run: Some(RUN), ..Config::default() };
    Relay::bind(config).unwrap()
}

#[test]
fn a_relay_that_does_not_turn_takes_so_many_orders_and_then_is_busy() {
    let mut relay = relay();
    let handle = relay.handle();
    let say = |n: u64| handle.publish("tea", "host", &n.to_le_bytes());
    let taken = (0..100_000).take_while(|n| say(*n).is_ok()).count() as u64;
    assert_eq!(taken, 1024);
    assert_eq!(say(taken), Err(HandleError::Busy));
    assert_eq!(handle.counts().messages, 0, "nothing is said by the caller's own thread");
    // Turns carry them out, some in each, and there is space again.
    let mut turns = 0;
    while relay.counts().messages < taken {
        assert_eq!(relay.turn(Some(Duration::ZERO)).unwrap(), Status::Running);
        turns += 1;
        assert!(turns < 100);
    }
    assert!(turns > 1, "all in one turn");
    assert_eq!(handle.counts(), relay.counts());
    assert_eq!(say(0), Ok(()));
    relay.turn(Some(PATIENCE)).unwrap();
    assert_eq!(handle.counts().messages, taken + 1);
}

#[test]
fn a_sleeping_relay_is_woken_by_an_order() {
    let mut relay = relay();
    let handle = relay.handle();
    let since = Instant::now();
    let teller = thread::spawn(move || {
        // Whether it sleeps by now or not, it must not be missed.
        thread::yield_now();
        handle.publish("tea", "host", b"wake up").unwrap();
    });
    while relay.counts().messages == 0 {
        relay.turn(Some(PATIENCE)).unwrap();
    }
    assert!(since.elapsed() < PATIENCE / 2);
    teller.join().unwrap();
}

#[test]
fn after_the_relay_is_gone_orders_are_not_taken() {
    let server = Server::frames();
    let handle = server.handle.clone();
    let others = handle.clone();
    handle.publish("tea", "host", b"x").unwrap();
    server.until("it was said", |counts| counts.messages == 1);
    server.stop();
    for handle in [handle, others] {
        assert_eq!(handle.publish("tea", "host", b"y"), Err(HandleError::Stopped));
        assert_eq!(handle.counts().messages, 1, "the last counts can still be read");
        handle.stop();
    }
}

/// The notice that comes before the end.
fn draining() -> ServerFrame<'static> {
    refused(Refusal::Draining, 0)
}

#[test]
fn stop_tells_everybody_and_ends_every_connection() {
    let urls = ["frame://127.0.0.1:0", "raw://127.0.0.1:0?room=tea"];
    let server = Server::start(&urls);
    let handle = server.handle.clone();
    let mut clients: Vec<Client> = SPELLINGS
        .iter()
        .enumerate()
        .map(|(n, spelling)| server.enter(*spelling, &format!("p{n}"), "tea").0)
        .collect();
    let mut raw = server.connect_to(1);
    let mut fresh = server.connect();
    fresh.spelling = SPELLINGS[SPELLINGS.len() - 1];
    server.until_accepted(2 + SPELLINGS.len() as u64);
    clients.iter_mut().for_each(|client| drop(client.until_pong()));
    // What was said before is heard before.
    handle.publish("tea", "host", b"last call").unwrap();
    let address = server.bound(0).clone();
    let stopper = thread::spawn(move || server.stop());
    for client in &mut clients {
        client.expect(&message(FIRST_ROOM, 1, "host", "last call"));
        client.expect(&draining());
        client.expect_bye(CloseReason::Shutdown);
    }
    raw.expect_bytes(b"last call\n");
    raw.expect_end();
    // Nobody knows which spelling this one reads: it is spared the notice.
    fresh.expect_bye(CloseReason::Shutdown);
    drop((clients, raw, fresh));
    stopper.join().unwrap();
    let counts = handle.counts();
    assert_eq!(counts.connections, 0);
    let shutdown = CloseReason::ALL.iter().position(|r| *r == CloseReason::Shutdown).unwrap();
    assert_eq!(counts.closes[shutdown], 2 + SPELLINGS.len() as u64);
    // Nobody new.
    assert!(Client::connect(&address, None).is_err());
}

#[test]
fn all_that_was_said_before_the_stop_is_said() {
    const SAID: u64 = 1024;
    let mut relay = relay();
    let Bound::Tcp(address) = relay.bound().unwrap()[0] else { panic!("TCP") };
    let handle = relay.handle();
    let hearer = thread::spawn(move || {
        let mut ann = Client::connect_tcp(address).unwrap();
        ann.hello("ann");
        ann.join("tea");
        for n in 1..=SAID {
            ann.expect(&message(FIRST_ROOM, n, "host", &n.to_le_bytes()));
        }
        ann.expect(&draining());
        ann.expect_bye(CloseReason::Shutdown);
    });
    while relay.counts().rooms == 0 {
        relay.turn(Some(PATIENCE)).unwrap();
    }
    // As much as waits at most, and then the end.
    for n in 1..=SAID {
        handle.publish("tea", "host", &n.to_le_bytes()).unwrap();
    }
    handle.stop();
    relay.run().unwrap();
    hearer.join().unwrap();
    assert_eq!(relay.counts().messages, SAID);
}

#[test]
fn while_it_drains_everything_still_works() {
    const PEERS: usize = 60;
    // 60 peers, 10 ms apart: the first one has more than half a second to go.
    let server = Server::frames();
    let mut clients: Vec<Client> = (0..PEERS)
        .map(|n| server.enter(SPELLINGS[n % SPELLINGS.len()], &format!("p{n}"), "tea").0)
        .collect();
    clients.iter_mut().for_each(|client| drop(client.until_pong()));
    let handle = server.handle.clone();
    let stopper = thread::spawn(move || server.stop());
    let mut first = clients.remove(0);
    first.expect(&draining());
    first.say(FIRST_ROOM, 5, "still here");
    first.expect_all(&[message(FIRST_ROOM, 1, "p0", "still here"), ack(FIRST_ROOM, 5, 1)]);
    // All are let go, each with a reason.
    let readers: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            thread::spawn(move || {
                client.expect(&draining());
                client.frames_to_end().pop()
            })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), Some(bye_of(CloseReason::Shutdown)));
    }
    assert_eq!(first.frames_to_end().pop(), Some(bye_of(CloseReason::Shutdown)));
    drop(first);
    stopper.join().unwrap();
    assert_eq!(handle.counts().connections, 0);
}

#[test]
fn one_who_never_reads_its_goodbye_does_not_keep_the_relay() {
    let limits = Limits { send_buffer: 16 << 10, ..Limits::default() };
    let server = Server::frames_with(limits);
    let mut slow = server.connect_narrow(0, 4096);
    slow.hello("slow");
    slow.join("tea");
    for n in 0..100_u64 {
        server.handle.publish("tea", "host", &[n as u8; 10_000]).unwrap();
    }
    server.until("all was said", |counts| counts.messages == 100);
    let since = Instant::now();
    let handle = server.handle.clone();
    server.stop();
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    assert_eq!(handle.counts().connections, 0);
    drop(slow);
}
