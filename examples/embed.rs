//! A relay embedded in another event loop.
//!
//! The outer loop is a plain `mio::Poll` with its own work: once a second it publishes the time in
//! the room `clock`. It waits for the relay's descriptor and deadline.
//!
//! ```text
//! cargo run --example embed
//! nc 127.0.0.1 12345          # in another terminal: prints the clock and all other messages
//! ```

use hobnob::{Config, Relay, Status};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

#[allow(dead_code, reason = "the test of this example brings its own")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listeners = vec!["raw://127.0.0.1:12345?room=clock".parse()?];
    let relay = Relay::bind(Config { listeners, ..Config::default() })?;
    println!("the clock is at {:?}", relay.bound()?);
    let (handle, began) = (relay.handle(), Instant::now());
    run(relay, Duration::from_secs(1), move || {
        let time = format!("{} seconds\n", began.elapsed().as_secs());
        // If the queue is full or the relay has stopped, the next second repeats it.
        let _ = handle.publish("clock", "clock", time.as_bytes());
    })?;
    Ok(())
}

/// Turns the relay until it has stopped, and calls `work` every `period`.
pub fn run(mut relay: Relay, period: Duration, mut work: impl FnMut()) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let relay_fd = relay.as_fd().as_raw_fd();
    poll.registry().register(&mut SourceFd(&relay_fd), Token(0), Interest::READABLE)?;
    let mut next_work = Instant::now() + period;
    loop {
        // The relay's deadline is in the past while it has more work than one turn allows, so that
        // an edge-triggered outer poll loses nothing.
        let wake_at = relay.next_deadline().map_or(next_work, |relay| relay.min(next_work));
        match poll.poll(&mut events, Some(wake_at.saturating_duration_since(Instant::now()))) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if relay.turn(Some(Duration::ZERO))? == Status::Stopped {
            return Ok(());
        }
        if Instant::now() >= next_work {
            next_work += period;
            work();
        }
    }
}
