//! Work that a turn left undone. An edge-triggered event is reported once: a reader that stops
//! before `WouldBlock` must continue without a further event.

use crate::id::ConnId;
use std::collections::VecDeque;

/// One unfinished piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A listener whose queue may hold more connections.
    Accept(usize),
    /// A peer whose input is not fully read, or not fully processed.
    Read(ConnId),
}

/// A first-in, first-out queue, so that a busy peer does not starve others.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    queue: VecDeque<Work>,
}

impl Unfinished {
    pub(super) fn push(&mut self, work: Work) {
        self.queue.push_back(work);
    }

    pub(super) fn pop(&mut self) -> Option<Work> {
        self.queue.pop_front()
    }

    /// Moves the first entry to the end, so that the same peer is not always first when the budget
    /// is short.
    pub(super) fn rotate(&mut self) {
        if !self.queue.is_empty() {
            self.queue.rotate_left(1);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
