//! Jobs, where the program around the relay has workers of its own.

use crate::common::PATIENCE;
use hobnob::password::hash;
use hobnob::{Config, Relay, Status};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Turns the relay, and does its jobs elsewhere, until the client has read this.
fn turn_until(relay: &mut Relay, client: &mut TcpStream, expected: &str) -> usize {
    let (to_done, done) = mpsc::channel();
    let (mut jobs, mut heard, since) = (0, Vec::new(), Instant::now());
    while !String::from_utf8_lossy(&heard).contains(expected) {
        assert!(since.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&heard));
        assert_eq!(relay.turn(Some(Duration::from_millis(5))).unwrap(), Status::Running);
        while let Some((id, job)) = relay.take_job() {
            jobs += 1;
            let to_done = to_done.clone();
            thread::spawn(move || to_done.send((id, job.run())).unwrap());
        }
        while let Ok((id, outcome)) = done.try_recv() {
            relay.complete_job(id, Some(outcome));
        }
        let mut buffer = [0; 4096];
        if let Ok(count) = client.read(&mut buffer) {
            heard.extend_from_slice(&buffer[..count]);
        }
    }
    jobs
}

#[test]
fn a_program_with_workers_of_its_own_does_the_jobs() {
    let hash = hash("secret").unwrap();
    let listen = format!("irc://127.0.0.1:0?operator=root:{hash}");
    let listeners = vec![listen.parse().unwrap()];
    let mut relay =
        Relay::bind(Config { listeners, workers: Some(0), ..Config::default() }).unwrap();
    let hobnob::Bound::Tcp(address) = relay.bound().unwrap().remove(0) else { panic!("no port") };
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    client.write_all(b"NICK ann\r\nUSER a 0 * :a\r\n").unwrap();
    assert_eq!(turn_until(&mut relay, &mut client, " 422 "), 0);
    client.write_all(b"OPER root guess\r\n").unwrap();
    assert_eq!(turn_until(&mut relay, &mut client, " 464 "), 1);
    client.write_all(b"OPER root secret\r\nREHASH\r\n").unwrap();
    // There is nothing to read again: that is no job for anybody.
    assert_eq!(turn_until(&mut relay, &mut client, "There is no configuration file"), 1);
}
