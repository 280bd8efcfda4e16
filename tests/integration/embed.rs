//! The example of a relay inside another loop, run. (mio's poll(2) emulation has no descriptor that
//! speaks for all it watches, so there is nothing to sleep on there.)

#[path = "../../examples/embed.rs"]
mod example;

use hobnob::{Bound, Config, Relay};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

#[test]
fn nothing_is_stranded_in_an_outer_edge_triggered_loop() {
    let worked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&worked);
    let (found, place) = channel();
    // A relay stays in the thread that made it; its handle and address may leave.
    let outer = thread::spawn(move || {
        let listeners = vec!["raw://127.0.0.1:0?room=embedded".parse().unwrap()];
        let relay = Relay::bind(Config { listeners, ..Config::default() }).unwrap();
        found.send((relay.bound().unwrap(), relay.handle())).unwrap();
        // Two hours between works: every wake-up in between is the relay's own.
        example::run(relay, Duration::from_secs(7_200), || {
            counter.fetch_add(1, Ordering::Relaxed);
        })
    });
    let (bound, handle) = place.recv().unwrap();
    let Bound::Tcp(address) = bound[0].clone() else { panic!("a TCP address") };

    const CLIENTS: usize = 8;
    const ROUNDS: usize = 20;
    let mut clients: Vec<TcpStream> =
        (0..CLIENTS).map(|_| TcpStream::connect(address).unwrap()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // The bytes come back once this client is in the room, and so do the later ones' bytes.
        client.write_all(&[b'a' + index as u8; 4]).unwrap();
        let mut echo = [0; 4];
        client.read_exact(&mut echo).unwrap();
    }
    let (first, rest) = clients.split_first_mut().unwrap();
    let mut greeted = vec![0; 4 * rest.len()];
    first.read_exact(&mut greeted).unwrap();
    for round in 0..ROUNDS {
        // Large enough for several reads and short writes.
        let said = vec![b'0' + (round % 10) as u8; 200_000];
        first.write_all(&said).unwrap();
        let mut heard = vec![0; said.len()];
        first.read_exact(&mut heard).unwrap();
        assert!(heard == said, "round {round}");
    }
    handle.publish("embedded", "host", b"from another thread").unwrap();
    let mut heard = [0; 20];
    first.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"from another thread\n");
    handle.stop();
    drop(clients);
    outer.join().unwrap().unwrap();
    assert_eq!(worked.load(Ordering::Relaxed), 0);
}
