//! The loop, with a store that the test plays.

use super::*;
use crate::history::{CommitOutcome, OpenOutcome};
use crate::id::Offset;
use crate::net::handle::HandleError;

const NOW: Option<Duration> = Some(Duration::ZERO);

/// A loop without listeners whose messages a store keeps.
fn stored() -> EventLoop {
    let mut event_loop = EventLoop::bind(Options {
        listeners: Vec::new(),
        limits: Limits { drain_hard: Duration::from_millis(2_200), ..Limits::default() },
        signals: false,
        reloads: false,
        jobs_max: 0,
        secrets: Secrets::from_number(1),
    })
    .unwrap();
    event_loop.engine.keep_remotely();
    event_loop
}

/// Publishes to a room until the relay takes no more requests.
fn fill(event_loop: &mut EventLoop) -> Offset {
    let handle = event_loop.handle();
    handle.publish("lobby", "host", b"first").unwrap();
    event_loop.turn(NOW).unwrap();
    let request = event_loop.engine.take_open_request().expect("the room is not in memory");
    event_loop.engine.opened(&request, OpenOutcome::Absent, event_loop.now);
    for said in 1..100 {
        match handle.publish("lobby", "host", &[b'x'; 16 << 10]) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error, HandleError::Busy);
                return said;
            }
        }
    }
    100
}

#[test]
fn a_request_that_waits_for_a_store_does_not_spin() {
    let mut event_loop = stored();
    let said = fill(&mut event_loop);
    for _ in 0..4 {
        event_loop.turn(NOW).unwrap();
    }
    let pending = event_loop.engine.counts().messages;
    assert_eq!(pending, 0);
    assert!(event_loop.engine.is_behind_store("lobby") && event_loop.has_requests);
    assert!(!event_loop.has_immediate_work(), "the next turn comes when something happens");
    let mut kept = 0;
    while kept < said {
        let append = event_loop.engine.take_append().expect("more to be kept");
        kept += append.messages.len() as Offset;
        event_loop.engine.committed(append.room, CommitOutcome::Kept(kept), event_loop.now);
        assert!(
            event_loop.has_immediate_work(),
            "an outcome is applied, and requests have their turn"
        );
        for _ in 0..16 {
            event_loop.turn(NOW).unwrap();
        }
    }
    assert_eq!(event_loop.engine.counts().messages, said);
    assert!(!event_loop.has_requests && !event_loop.has_immediate_work());
}

#[test]
fn a_relay_that_is_stopped_waits_for_a_store_and_not_for_ever() {
    let mut event_loop = stored();
    let said = fill(&mut event_loop);
    event_loop.turn(NOW).unwrap();
    event_loop.handle().stop();
    for _ in 0..8 {
        assert_ne!(event_loop.turn(NOW).unwrap(), Status::Stopped);
    }
    assert_eq!(event_loop.turn(NOW).unwrap(), Status::Draining, "though a room is behind");
    assert!(!event_loop.has_immediate_work());
    let append = event_loop.engine.take_append().unwrap();
    event_loop.engine.committed(
        append.room,
        CommitOutcome::Kept(append.messages.len() as u64),
        event_loop.now,
    );
    while let Status::Draining = event_loop.turn(NOW).unwrap() {
        let Some(append) = event_loop.engine.take_append() else { continue };
        let last = append.after + append.messages.len() as u64;
        event_loop.engine.committed(append.room, CommitOutcome::Kept(last), event_loop.now);
    }
    assert_eq!(event_loop.engine.counts().messages, said);
    // Another whose store never says a word.
    let mut event_loop = stored();
    fill(&mut event_loop);
    event_loop.turn(NOW).unwrap();
    event_loop.handle().stop();
    let since = Instant::now();
    while event_loop.turn(None).unwrap() != Status::Stopped {}
    assert!(since.elapsed() >= Duration::from_secs(2), "{:?}", since.elapsed());
}
