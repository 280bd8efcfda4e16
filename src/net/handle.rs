//! The relay's handle for other threads.

use crate::engine::Counts;
use crate::hub::{is_person_name, is_room_name};
use crate::reason::{CloseReason, Refusal};
use mio::Waker;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Requests that may wait for the loop. Further requests are refused as [`HandleError::Busy`].
pub(super) const REQUESTS_MAX: usize = 1024;

/// The number of values in `Counts`.
const NUMBERS: usize = 16 + CloseReason::ALL.len() + Refusal::ALL.len();

/// A handle to publish, read counters and stop from any thread. Cheap to clone; no method blocks.
#[derive(Clone)]
pub struct Handle {
    requests: SyncSender<Request>,
    shared: Arc<Shared>,
}

/// The reason why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleError {
    /// The queue of requests is full. Try again later, or publish less.
    Busy,
    /// The relay has stopped.
    Stopped,
    /// The request can never succeed: the name of the room or of the sender is invalid.
    Refused(Refusal),
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "the queue of requests is full: try again later",
            Self::Stopped => "the relay has stopped",
            Self::Refused(refusal) => refusal.text(),
        })
    }
}

impl std::error::Error for HandleError {}

/// A request to the loop.
#[derive(Debug)]
pub(super) enum Request {
    Publish { room: String, sender: String, bytes: Vec<u8> },
}

struct Shared {
    waker: Waker,
    /// True while a wake-up is pending; another one would have no effect.
    woken: AtomicBool,
    stop: AtomicBool,
    gone: AtomicBool,
    counts: [AtomicU64; NUMBERS],
}

/// The loop's end of the handle.
pub(super) struct HandleRequests {
    requests: Receiver<Request>,
    /// A request that was taken from the queue and could not be handled yet.
    first: Option<Request>,
    handle: Handle,
}

impl Handle {
    /// Publishes a message in a room, in the name of `sender`. The room need not exist yet. `Ok`
    /// means that the message is queued; a message over the relay's limits is then logged and
    /// dropped.
    ///
    /// # Errors
    /// [`HandleError`]; the message is not published.
    pub fn publish(&self, room: &str, sender: &str, bytes: &[u8]) -> Result<(), HandleError> {
        if !is_room_name(room) {
            return Err(HandleError::Refused(Refusal::BadRoom));
        }
        if !is_person_name(sender) {
            return Err(HandleError::Refused(Refusal::BadName));
        }
        if self.shared.gone.load(Ordering::Acquire) {
            return Err(HandleError::Stopped);
        }
        let (room, sender, bytes) = (room.to_owned(), sender.to_owned(), bytes.to_vec());
        match self.requests.try_send(Request::Publish { room, sender, bytes }) {
            Ok(()) => {
                self.wake();
                Ok(())
            }
            Err(TrySendError::Full(_)) => Err(HandleError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(HandleError::Stopped),
        }
    }

    /// Returns the counters as of the relay's last turn.
    pub fn counts(&self) -> Counts {
        let mut numbers = self.shared.counts.iter().map(|number| number.load(Ordering::Relaxed));
        let mut counts = Counts::default();
        for number in numbers_of(&mut counts) {
            *number = numbers.next().unwrap_or(0);
        }
        counts
    }

    /// Asks the relay to drain and stop, as SIGTERM does.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        if !self.shared.woken.swap(true, Ordering::AcqRel) {
            // A wake-up fails only if the loop has ended, and then no thread waits for it.
            let _ = self.shared.waker.wake();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl HandleRequests {
    pub(super) fn new(waker: Waker) -> Self {
        let (sender, requests) = sync_channel(REQUESTS_MAX);
        let shared = Shared {
            waker,
            woken: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            counts: [const { AtomicU64::new(0) }; NUMBERS],
        };
        let handle = Handle { requests: sender, shared: Arc::new(shared) };
        Self { requests, first: None, handle }
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Clears the wake-up: requests from now on wake the loop again.
    pub(super) fn clear_wake(&self) {
        self.handle.shared.woken.store(false, Ordering::Release);
    }

    /// True if a wake-up is pending.
    pub(super) fn is_woken(&self) -> bool {
        self.handle.shared.woken.load(Ordering::Acquire)
    }

    pub(super) fn next_request(&mut self) -> Option<Request> {
        self.first.take().or_else(|| self.requests.try_recv().ok())
    }

    /// Returns a request that must wait to the head of the queue.
    pub(super) fn put_back(&mut self, request: Request) {
        self.first = Some(request);
    }

    /// Returns the room of the request that was returned to the queue.
    pub(super) fn waits_for(&self) -> Option<&str> {
        self.first.as_ref().map(|Request::Publish { room, .. }| &**room)
    }

    /// Refuses all later requests: the relay has stopped.
    pub(super) fn close(&self) {
        self.handle.shared.gone.store(true, Ordering::Release);
    }

    pub(super) fn is_stop_requested(&self) -> bool {
        self.handle.shared.stop.load(Ordering::Acquire)
    }

    /// Copies the counters for other threads: one plain store per value, no lock in the loop.
    pub(super) fn publish(&self, mut counts: Counts) {
        for (shared, number) in self.handle.shared.counts.iter().zip(numbers_of(&mut counts)) {
            shared.store(*number, Ordering::Relaxed);
        }
    }
}

impl Drop for HandleRequests {
    fn drop(&mut self) {
        self.close();
    }
}

/// Returns every value of `Counts`, always in the same order.
fn numbers_of(counts: &mut Counts) -> impl Iterator<Item = &mut u64> {
    macro_rules! numbers {
        ($($single:ident)*) => {{
            let Counts { $($single,)* closes, refusals } = counts;
            [$($single),*].into_iter().chain(closes).chain(refusals)
        }};
    }
    numbers! {
        connections accepted rooms messages private deliveries bytes_in bytes_out
        overruns gaps oversized replayed stale backlog history said_once
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_a_place() {
        assert_eq!(numbers_of(&mut Counts::default()).count(), NUMBERS);
    }
}
