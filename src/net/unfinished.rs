//! What a turn left undone. Edge-triggered readiness is told once: whoever stops before the kernel
//! said `WouldBlock` must come back by itself.

use crate::id::ConnId;
use std::collections::VecDeque;

/// Something to go on with next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A listener whose queue may hold more.
    Accept(usize),
    /// A peer whose bytes are not all read, or not all carried out.
    Read(ConnId),
}

/// First come, first served: nobody is starved by one who always has more.
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

    /// Lets another one be first next time: where there is not enough for all, the first take it.
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
