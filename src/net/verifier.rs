//! Checks passwords on a thread of its own: each takes tens of milliseconds.

use super::orders::Handle;
use crate::id::ConnId;
use crate::password::Claim;
use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

/// Claims that the thread may have in hand: one that it checks, and one so that it need not wait for
/// the next turn. The others wait in the engine, where those that go meanwhile are left out.
const IN_HAND: usize = 2;

/// Whose claim, what, and whether it holds.
type Answer = (ConnId, Claim, bool);

/// The loop's end of the thread. There is none before the first claim, and so none at all where no
/// password is a hash.
#[derive(Debug, Default)]
pub(super) struct Verifier {
    thread: Option<Thread>,
    in_hand: VecDeque<(ConnId, Claim)>,
}

/// Ends when this is dropped, once it is done with what it has in hand.
#[derive(Debug)]
struct Thread {
    claims: SyncSender<(ConnId, Claim)>,
    answers: Receiver<Answer>,
}

impl Verifier {
    /// Whether it takes another claim.
    pub(super) fn has_room(&self) -> bool {
        self.in_hand.len() < IN_HAND
    }

    /// Takes a claim. The handle wakes the loop when it is checked.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn take(&mut self, conn: ConnId, claim: Claim, handle: Handle) -> io::Result<()> {
        let thread = match self.thread.take() {
            Some(thread) => thread,
            None => start(handle)?,
        };
        // It has room for all that it may have in hand. Should it be gone, `next_answer` finds out.
        let _ = thread.claims.try_send((conn, claim.clone()));
        self.in_hand.push_back((conn, claim));
        self.thread = Some(thread);
        Ok(())
    }

    /// The next claim that was checked.
    pub(super) fn next_answer(&mut self) -> Option<Answer> {
        match self.thread.as_ref()?.answers.try_recv() {
            Ok(answer) => {
                self.in_hand.pop_front();
                Some(answer)
            }
            Err(TryRecvError::Empty) => None,
            // It does not end by itself. If it did, whoever it leaves behind is not let in.
            Err(TryRecvError::Disconnected) => match self.in_hand.pop_front() {
                Some((conn, claim)) => Some((conn, claim, false)),
                None => {
                    self.thread = None;
                    None
                }
            },
        }
    }
}

fn start(handle: Handle) -> io::Result<Thread> {
    let (claims, to_check) = sync_channel::<(ConnId, Claim)>(IN_HAND);
    let (checked, answers) = sync_channel(IN_HAND);
    let run = move || {
        for (conn, claim) in to_check {
            let holds = claim.holds();
            if checked.send((conn, claim, holds)).is_err() {
                return;
            }
            handle.wake();
        }
    };
    thread::Builder::new().name("hobnob-verifier".to_owned()).spawn(run)?;
    Ok(Thread { claims, answers })
}
