//! Worker threads for tasks that may block.
//!
//! A thread starts with the first task that finds no idle thread. It ends after the workers are
//! dropped, once its queue is empty.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Tasks queued per thread: one that runs, and one that follows without waiting for the loop's next
/// turn.
const TASKS_PER_THREAD: usize = 2;

/// A task that may block.
pub trait Task: Send + 'static {
    /// The result of the task.
    type Done: Send + 'static;

    /// Runs the task.
    fn run(self) -> Self::Done;
}

/// A pool of threads for tasks, each identified by an `I`.
#[derive(Debug)]
pub struct Workers<I, T: Task> {
    threads: Vec<Thread<I, T>>,
    threads_max: usize,
    done: Receiver<Done<I, T>>,
    done_sender: Sender<Done<I, T>>,
}

/// The thread, the task's id, and the task's result; `None` if the task panicked.
type Done<I, T> = (usize, I, Option<<T as Task>::Done>);

#[derive(Debug)]
struct Thread<I, T> {
    tasks: SyncSender<(I, T)>,
    task_count: usize,
}

impl<I: Copy + Send + 'static, T: Task> Workers<I, T> {
    /// Creates a pool of at most `threads_max` threads.
    pub fn new(threads_max: usize) -> Self {
        let (done_sender, done) = channel();
        Self { threads: Vec::new(), threads_max, done, done_sender }
    }

    /// Returns the most tasks that can be queued or running at once.
    pub fn tasks_max(&self) -> usize {
        self.threads_max * TASKS_PER_THREAD
    }

    /// Queues a task for a thread, which calls `wake` when the task is done.
    ///
    /// # Errors
    /// A full queue, or a failure of the system to start a thread.
    pub fn start(&mut self, id: I, task: T, wake: impl Fn() + Send + 'static) -> io::Result<()> {
        let least = self.threads.iter().enumerate().min_by_key(|(_, thread)| thread.task_count);
        let index = match least {
            Some((index, thread)) if thread.task_count == 0 => index,
            _ if self.threads.len() < self.threads_max => self.spawn(wake)?,
            Some((index, _)) => index,
            None => return Err(io::Error::other("the pool has no threads")),
        };
        let Some(thread) = self.threads.get_mut(index) else {
            return Err(io::Error::other("the pool has no threads"));
        };
        if thread.task_count >= TASKS_PER_THREAD || thread.tasks.try_send((id, task)).is_err() {
            return Err(io::Error::other("the queue of the worker threads is full"));
        }
        thread.task_count += 1;
        Ok(())
    }

    fn spawn(&mut self, wake: impl Fn() + Send + 'static) -> io::Result<usize> {
        let index = self.threads.len();
        let (tasks, queue) = sync_channel::<(I, T)>(TASKS_PER_THREAD);
        let done = self.done_sender.clone();
        let run = move || {
            for (id, task) in queue {
                // A panic of one task must not stop the tasks behind it.
                let outcome = catch_unwind(AssertUnwindSafe(|| task.run())).ok();
                if done.send((index, id, outcome)).is_err() {
                    return;
                }
                wake();
            }
        };
        thread::Builder::new().name(format!("hobnob-worker-{index}")).spawn(run)?;
        self.threads.push(Thread { tasks, task_count: 0 });
        Ok(index)
    }

    /// Returns the id and the result of the next finished task; the result is `None` if the task
    /// panicked.
    pub fn next_done(&mut self) -> Option<(I, Option<T::Done>)> {
        let (index, id, outcome) = self.done.try_recv().ok()?;
        if let Some(thread) = self.threads.get_mut(index) {
            thread.task_count -= 1;
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
        assert_eq!(workers.tasks_max(), 4);
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
    fn no_more_is_taken_than_can_be_task_count() {
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
        assert_eq!(taken, TASKS_PER_THREAD);
        assert!(Workers::<u8, Wait>::new(0).start(0, Wait(mpsc::channel().1), || ()).is_err());
    }
}
