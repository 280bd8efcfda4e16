//! The relay as other threads reach it.

use crate::engine::Counts;
use crate::hub::{is_person_name, is_room_name};
use crate::reason::{CloseReason, Refusal};
use mio::Waker;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Orders that may wait for the loop. Beyond it the caller is told to come back.
pub(super) const ORDERS: usize = 1024;

/// How many numbers `Counts` has.
const NUMBERS: usize = 13 + CloseReason::ALL.len() + Refusal::ALL.len();

/// Says, counts and stops, from any thread. Cheap to clone; nothing here blocks.
#[derive(Clone)]
pub struct Handle {
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
}

/// Why an order was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleError {
    /// As many orders wait as may. Try again in a moment, or say less.
    Busy,
    /// The relay is no more.
    Stopped,
    /// It can never be said: the name of the room or of the sender cannot be one.
    Refused(Refusal),
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "the relay has as many orders waiting as it may: try again in a moment",
            Self::Stopped => "the relay has stopped",
            Self::Refused(refusal) => refusal.text(),
        })
    }
}

impl std::error::Error for HandleError {}

/// What the loop is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    Say { room: String, sender: String, bytes: Vec<u8> },
}

struct Shared {
    waker: Waker,
    /// A wake-up is under way; another would be wasted.
    woken: AtomicBool,
    stop: AtomicBool,
    gone: AtomicBool,
    counts: [AtomicU64; NUMBERS],
}

/// The loop's end of it.
pub(super) struct Orders {
    orders: Receiver<Order>,
    /// One that was taken out and could not be carried out yet.
    first: Option<Order>,
    handle: Handle,
}

impl Handle {
    /// Says something in a room, in the name of `sender`. The room need not exist yet. `Ok` means
    /// that the loop will see to it; a message over the relay's limits is then logged and dropped.
    ///
    /// # Errors
    /// [`HandleError`]; the message is then not said.
    pub fn say(&self, room: &str, sender: &str, bytes: &[u8]) -> Result<(), HandleError> {
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
        match self.orders.try_send(Order::Say { room, sender, bytes }) {
            Ok(()) => {
                self.wake();
                Ok(())
            }
            Err(TrySendError::Full(_)) => Err(HandleError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(HandleError::Stopped),
        }
    }

    /// What the relay has done, as of its last turn.
    pub fn counts(&self) -> Counts {
        let mut numbers = self.shared.counts.iter().map(|number| number.load(Ordering::Relaxed));
        let mut counts = Counts::default();
        for number in numbers_of(&mut counts) {
            *number = numbers.next().unwrap_or(0);
        }
        counts
    }

    /// Asks the relay to drain and end, as SIGTERM would.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        if !self.shared.woken.swap(true, Ordering::AcqRel) {
            // Fails only when the loop is gone, and with it everybody who could be woken.
            let _ = self.shared.waker.wake();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Orders {
    pub(super) fn new(waker: Waker) -> Self {
        let (sender, orders) = sync_channel(ORDERS);
        let shared = Shared {
            waker,
            woken: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            counts: [const { AtomicU64::new(0) }; NUMBERS],
        };
        let handle = Handle { orders: sender, shared: Arc::new(shared) };
        Self { orders, first: None, handle }
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The loop was woken: orders given from now on wake it again.
    pub(super) fn heard(&self) {
        self.handle.shared.woken.store(false, Ordering::Release);
    }

    /// Whether somebody woke the loop, and it has not heard yet.
    pub(super) fn is_called(&self) -> bool {
        self.handle.shared.woken.load(Ordering::Acquire)
    }

    pub(super) fn next_order(&mut self) -> Option<Order> {
        self.first.take().or_else(|| self.orders.try_recv().ok())
    }

    /// The order's time has not come: it is the next one again.
    pub(super) fn put_back(&mut self, order: Order) {
        self.first = Some(order);
    }

    /// The relay has stopped: nobody will hear orders any more.
    pub(super) fn close(&self) {
        self.handle.shared.gone.store(true, Ordering::Release);
    }

    pub(super) fn is_stop_asked(&self) -> bool {
        self.handle.shared.stop.load(Ordering::Acquire)
    }

    /// Lets other threads see the counts. One plain store per number: no lock in the loop.
    pub(super) fn publish(&self, mut counts: Counts) {
        for (shared, number) in self.handle.shared.counts.iter().zip(numbers_of(&mut counts)) {
            shared.store(*number, Ordering::Relaxed);
        }
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.close();
    }
}

/// Every number of `Counts`, always in the same order.
fn numbers_of(counts: &mut Counts) -> impl Iterator<Item = &mut u64> {
    macro_rules! numbers {
        ($($single:ident)*) => {{
            let Counts { $($single,)* closes, refusals } = counts;
            [$($single),*].into_iter().chain(closes).chain(refusals)
        }};
    }
    numbers! {
        connections accepted rooms messages private deliveries bytes_in bytes_out
        overruns gaps replayed stale backlog history
    }
}
