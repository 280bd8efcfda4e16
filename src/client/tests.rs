//! Tests of the client over sockets, against a minimal relay.

use super::*;
use crate::id::Epoch;
use crate::limits::MESSAGE_MAX;
use crate::wire::Parsed;
use crate::wire::binary;
use crate::wire::frame::ClientFrame;
use crate::wire::frame::ServerFrame;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A blocking connection of the relay.
struct Served<S> {
    stream: S,
    bytes: Vec<u8>,
    /// Messages received on this connection.
    head: u64,
}

impl<S: Read + Write> Served<S> {
    fn new(stream: S, head: u64) -> Self {
        Self { stream, bytes: Vec::new(), head }
    }

    /// Replies until `expected` messages were published, then closes the connection.
    fn serve(mut self, says: usize) -> u64 {
        let mut said = 0;
        let mut chunk = [0; 4096];
        while said < says {
            let answer = match binary::parse_client(&self.bytes, MESSAGE_MAX).unwrap() {
                Parsed::Complete(frame, used) => {
                    said += usize::from(matches!(frame, ClientFrame::Say { .. }));
                    let answer = answer(&frame, &mut self.head);
                    self.bytes.drain(..used);
                    answer
                }
                Parsed::Partial => match self.stream.read(&mut chunk).unwrap() {
                    0 => break,
                    length => {
                        self.bytes.extend_from_slice(&chunk[..length]);
                        continue;
                    }
                },
            };
            // In two pieces, so that the client receives incomplete frames.
            let (first, second) = answer.split_at(answer.len() / 2);
            self.stream.write_all(first).unwrap();
            self.stream.write_all(second).unwrap();
        }
        self.head
    }
}

fn answer(frame: &ClientFrame<'_>, head: &mut u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut write = |frame| binary::write_server(&frame, &mut out);
    match frame {
        ClientFrame::Hello { name, .. } => write(ServerFrame::Welcome {
            version: 1,
            id: 1,
            key: 9,
            max_message: 1 << 20,
            max_rooms: 9,
            ping_ms: 25_000,
            name: name.clone(),
        }),
        ClientFrame::Join { request, room, resume, .. } => write(ServerFrame::Joined {
            request: *request,
            room: 3,
            recovered: resume.is_some(),
            epoch: Epoch(5),
            head: *head,
            oldest: 1,
            members: 1,
            name: room.clone(),
        }),
        ClientFrame::Say { room, id, payload, .. } => {
            *head += 1;
            write(ServerFrame::Message {
                room: *room,
                offset: *head,
                time: 0,
                sender: "ann".into(),
                payload: payload.clone(),
            });
            write(ServerFrame::Ack { room: *room, id: *id, offset: *head });
        }
        _ => {}
    }
    out
}

/// Turns until the events satisfy `enough`.
fn turn_until(client: &mut Client, enough: impl Fn(&[Event]) -> bool) -> Vec<Event> {
    let end = Instant::now() + Duration::from_secs(20);
    let mut events = Vec::new();
    while !enough(&events) {
        assert!(Instant::now() < end, "{events:?}");
        client.turn(Some(Duration::from_millis(100))).unwrap();
        events.extend(std::iter::from_fn(|| client.next_event()));
    }
    events
}

fn acks(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Acked { .. })).count()
}

fn offsets(events: &[Event]) -> Vec<u64> {
    let offset = |event: &Event| match event {
        Event::Message { offset, .. } => Some(*offset),
        _ => None,
    };
    events.iter().filter_map(offset).collect()
}

fn is_gone(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Disconnected { .. }))
}

#[test]
fn a_lost_connection_is_found_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let relay = thread::spawn(move || {
        let head = Served::new(listener.accept().unwrap().0, 0).serve(2);
        Served::new(listener.accept().unwrap().0, head).serve(usize::MAX)
    });
    // By name: the first address may be ::1, where no relay listens.
    let address = format!("localhost:{port}").parse().unwrap();
    let mut client = Client::connect(Options::new(address).name("ann")).unwrap();
    client.join("lobby", 0);
    client.publish("lobby", "one").unwrap();
    client.publish("lobby", vec![b'x'; 600 << 10]).unwrap();
    turn_until(&mut client, is_gone);
    client.publish("lobby", "three").unwrap();
    let events = turn_until(&mut client, |events| offsets(events).contains(&3));
    assert!(matches!(events[0], Event::Welcomed { .. }), "{events:?}");
    let Event::Joined { recovered: Recovered::NothingMissed, .. } = events[1] else {
        panic!("{events:?}")
    };
    while client.unacknowledged() > 0 {
        turn_until(&mut client, |events| acks(events) > 0);
    }
    client.close();
    drop(client);
    relay.join().unwrap();
}

#[test]
fn a_unix_socket_does_as_well_and_goodbye_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay");
    let listener = UnixListener::bind(&path).unwrap();
    let relay = thread::spawn(move || Served::new(listener.accept().unwrap().0, 0).serve(1_000));
    let mut client = Client::connect(Options::new(Address::Unix(path))).unwrap();
    client.join("lobby", 0);
    for n in 0..1_000 {
        client.publish("lobby", format!("{n}")).unwrap();
    }
    let events = turn_until(&mut client, |events| acks(events) == 1_000);
    assert_eq!(offsets(&events), (1..=1_000).collect::<Vec<_>>());
    client.close();
    let events = turn_until(&mut client, is_gone);
    let gone = Event::Disconnected { cause: DisconnectCause::Requested, retry_in: None };
    assert_eq!(events.last(), Some(&gone));
    assert_eq!(relay.join().unwrap(), 1_000);
}

#[test]
fn nobody_there_is_told_and_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let mut client = Client::connect(Options::new(address)).unwrap();
    let events = turn_until(&mut client, |events| events.len() == 2);
    for event in events {
        let Event::Disconnected { cause, retry_in: Some(_) } = event else { panic!("{event:?}") };
        let refused = io::ErrorKind::ConnectionRefused;
        assert!(
            matches!(cause, DisconnectCause::Unreachable { kind, .. } if kind == refused),
            "{cause:?}"
        );
    }
}

#[test]
fn a_waker_ends_a_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let mut client = Client::connect(Options::new(address)).unwrap();
    let waker = client.waker();
    let is_awake = Arc::new(AtomicBool::new(false));
    let announced = Arc::clone(&is_awake);
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        // Before the wake, so that the wait it ends is the last.
        announced.store(true, Ordering::SeqCst);
        waker.wake()
    });
    let begun = Instant::now();
    while !is_awake.load(Ordering::SeqCst) {
        client.turn(Some(Duration::from_secs(60))).unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(50));
    thread.join().unwrap().unwrap();
}

#[test]
fn a_client_that_has_nothing_to_do_sleeps() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let relay = thread::spawn(move || Served::new(listener.accept().unwrap().0, 0).serve(1));
    let mut client = Client::connect(Options::new(address)).unwrap();
    turn_until(&mut client, |events| matches!(events[..], [Event::Welcomed { .. }]));
    client.turn(Some(Duration::ZERO)).unwrap();
    let due = client.next_deadline().unwrap();
    assert!(due > Instant::now() + Duration::from_secs(30));
    let begun = Instant::now();
    client.turn(Some(Duration::from_millis(100))).unwrap();
    client.turn(Some(Duration::from_millis(100))).unwrap();
    assert!(begun.elapsed() > Duration::from_millis(90), "one edge may still be due, not two");
    drop(client);
    relay.join().unwrap();
}
