//! A relay inside somebody else's loop.
//!
//! The outer loop here is a plain `mio::Poll` with work of its own: once a second it says the time
//! in the room `clock`. It sleeps on the relay's descriptor and deadline, and on nothing else.
//!
//! ```text
//! cargo run --example embed
//! nc 127.0.0.1 12345          # in another terminal: hears the clock, and everyone in the room
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
        // Busy or stopped: the next second will do.
        let _ = handle.publish("clock", "clock", time.as_bytes());
    })?;
    Ok(())
}

/// Turns the relay until it has stopped, and does `work` every `period`.
pub fn run(mut relay: Relay, period: Duration, mut work: impl FnMut()) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let relay_fd = relay.as_fd().as_raw_fd();
    poll.registry().register(&mut SourceFd(&relay_fd), Token(0), Interest::READABLE)?;
    let mut next_work = Instant::now() + period;
    loop {
        // The relay's deadline is in the past whenever it has more to do than one turn allows, so
        // an edge-triggered outer poll like this one strands nothing.
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
