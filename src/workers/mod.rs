//! Workers: threads that do what may block, beside the loop.
//!
//! A thread starts with the first task that finds no other thread free, and ends when the workers are
//! dropped, once it is done with what it has in hand.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Tasks that one thread has in hand: one that it does, and one so that it need not wait for the next
/// turn of the loop.
const IN_HAND: usize = 2;

/// Something that may block.
pub trait Task: Send + 'static {
    /// What comes of it.
    type Done: Send + 'static;

    /// Does it.
    fn run(self) -> Self::Done;
}

/// Threads for tasks, each named by an `I`.
#[derive(Debug)]
pub struct Workers<I, T: Task> {
    threads: Vec<Thread<I, T>>,
    threads_max: usize,
    done: Receiver<Done<I, T>>,
    to_done: Sender<Done<I, T>>,
}

/// The thread, the task's name, and what came of the task; `None` if it panicked.
type Done<I, T> = (usize, I, Option<<T as Task>::Done>);

#[derive(Debug)]
struct Thread<I, T> {
    tasks: SyncSender<(I, T)>,
    in_hand: usize,
}

impl<I: Copy + Send + 'static, T: Task> Workers<I, T> {
    /// Workers with so many threads at most.
    pub fn new(threads_max: usize) -> Self {
        let (to_done, done) = channel();
        Self { threads: Vec::new(), threads_max, done, to_done }
    }

    /// The tasks that can be in hand at once.
    pub fn in_hand_max(&self) -> usize {
        self.threads_max * IN_HAND
    }

    /// Has a task done by a thread, which then calls `wake`.
    ///
    /// # Errors
    /// When as many tasks as possible are in hand, or the system has no thread to give.
    pub fn start(&mut self, id: I, task: T, wake: impl Fn() + Send + 'static) -> io::Result<()> {
        let least = self.threads.iter().enumerate().min_by_key(|(_, thread)| thread.in_hand);
        let index = match least {
            Some((index, thread)) if thread.in_hand == 0 => index,
            _ if self.threads.len() < self.threads_max => self.spawn(wake)?,
            Some((index, _)) => index,
            None => return Err(io::Error::other("there are no workers")),
        };
        let Some(thread) = self.threads.get_mut(index) else {
            return Err(io::Error::other("there are no workers"));
        };
        if thread.in_hand >= IN_HAND || thread.tasks.try_send((id, task)).is_err() {
            return Err(io::Error::other("the workers have enough in hand"));
        }
        thread.in_hand += 1;
        Ok(())
    }

    fn spawn(&mut self, wake: impl Fn() + Send + 'static) -> io::Result<usize> {
        let index = self.threads.len();
        let (tasks, to_do) = sync_channel::<(I, T)>(IN_HAND);
        let done = self.to_done.clone();
        let run = move || {
            for (id, task) in to_do {
                // A task that panics must not take those behind it along.
                let outcome = catch_unwind(AssertUnwindSafe(|| task.run())).ok();
                if done.send((index, id, outcome)).is_err() {
                    return;
                }
                wake();
            }
        };
        thread::Builder::new().name(format!("hobnob-worker-{index}")).spawn(run)?;
        self.threads.push(Thread { tasks, in_hand: 0 });
        Ok(index)
    }

    /// Returns the next task that is done, and what came of it; `None` if it panicked.
    pub fn next_done(&mut self) -> Option<(I, Option<T::Done>)> {
        let (index, id, outcome) = self.done.try_recv().ok()?;
        if let Some(thread) = self.threads.get_mut(index) {
            thread.in_hand -= 1;
        }
        Some((id, outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::mpsc;

    struct Double(u64);

    impl Task for Double {
        type Done = u64;

        fn run(self) -> u64 {
            assert_ne!(self.0, 3, "a task that panics");
            self.0 * 2
        }
    }

    #[test]
    fn every_task_ends_once_also_one_that_panics() {
        let (wake, woken) = mpsc::channel();
        let mut workers = Workers::new(2);
        assert_eq!(workers.in_hand_max(), 4);
        let mut outcomes = BTreeMap::new();
        for batch in [[1, 2, 3, 4], [5, 6, 7, 8]] {
            for number in batch {
                let wake = wake.clone();
                workers.start(number, Double(number), move || wake.send(()).unwrap()).unwrap();
            }
            for _ in batch {
                woken.recv().unwrap();
            }
            outcomes.extend(std::iter::from_fn(|| workers.next_done()));
        }
        let expected = (1..=8).map(|number| (number, (number != 3).then_some(number * 2)));
        assert_eq!(outcomes, expected.collect());
    }

    #[test]
    fn no_more_is_taken_than_can_be_in_hand() {
        struct Wait(mpsc::Receiver<()>);
        impl Task for Wait {
            type Done = ();
            fn run(self) {
                let _ = self.0.recv();
            }
        }
        let mut workers = Workers::new(1);
        let mut senders = Vec::new();
        let mut taken = 0;
        for id in 0..5 {
            let (sender, receiver) = mpsc::channel();
            senders.push(sender);
            taken += usize::from(workers.start(id, Wait(receiver), || ()).is_ok());
        }
        assert_eq!(taken, IN_HAND);
        assert!(Workers::<u8, Wait>::new(0).start(0, Wait(mpsc::channel().1), || ()).is_err());
    }
}
