//! Private messages that have not been answered yet.

use std::collections::VecDeque;

/// Private messages that may wait for their answer.
const TELLS_MAX: usize = 256;

/// One private message on its way.
#[derive(Debug)]
pub(super) struct Tell {
    pub(super) id: u64,
    pub(super) name: Box<str>,
    pub(super) payload: Vec<u8>,
}

/// All private messages on their way, in the order in which they were told.
///
/// They go one by one, each when the one before is answered: two in flight could be refused as too
/// fast and accepted in turn, and so change places. A relay remembers none of them, so what a lost
/// connection leaves unclear stays unclear, and is not sent again.
#[derive(Debug, Default)]
pub(super) struct Tells {
    queue: VecDeque<Tell>,
    /// The first one was written to the present connection.
    in_flight: bool,
}

impl Tells {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether another one has to wait outside.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= TELLS_MAX
    }

    pub(super) fn push(&mut self, tell: Tell) {
        self.queue.push_back(tell);
    }

    /// The next one to write. It counts as written from now on.
    pub(super) fn next_to_send(&mut self) -> Option<&Tell> {
        if self.in_flight {
            return None;
        }
        self.in_flight = !self.queue.is_empty();
        self.queue.front()
    }

    /// Whether the one in flight has that id.
    pub(super) fn is_in_flight(&self, id: u64) -> bool {
        self.in_flight && self.queue.front().is_some_and(|tell| tell.id == id)
    }

    /// Takes out the one in flight, if it has that id: it is answered.
    pub(super) fn answered(&mut self, id: u64) -> Option<Tell> {
        if !self.is_in_flight(id) {
            return None;
        }
        self.in_flight = false;
        self.queue.pop_front()
    }

    /// The one in flight is to be sent again.
    pub(super) fn retry(&mut self) {
        self.in_flight = false;
    }

    /// The connection is gone: takes out the one of which nobody knows what became.
    pub(super) fn connection_lost(&mut self) -> Option<Tell> {
        if std::mem::take(&mut self.in_flight) { self.queue.pop_front() } else { None }
    }

    /// Takes out every one that is longer than a relay takes.
    pub(super) fn take_longer_than(&mut self, max: usize) -> Vec<Tell> {
        let (longer, rest): (Vec<Tell>, Vec<Tell>) =
            self.queue.drain(..).partition(|tell| tell.payload.len() > max);
        self.queue = rest.into();
        longer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Tells {
        let mut tells = Tells::default();
        for id in [3, 4] {
            tells.push(Tell { id, name: "bob".into(), payload: vec![0; id as usize] });
        }
        tells
    }

    fn next(tells: &mut Tells) -> Option<u64> {
        tells.next_to_send().map(|tell| tell.id)
    }

    #[test]
    fn they_go_one_by_one_and_keep_their_order() {
        let mut tells = two();
        assert_eq!((next(&mut tells), next(&mut tells)), (Some(3), None));
        assert!(tells.answered(4).is_none() && tells.is_in_flight(3));
        tells.retry();
        assert_eq!((next(&mut tells), next(&mut tells)), (Some(3), None));
        assert_eq!(tells.answered(3).map(|tell| tell.id), Some(3));
        assert_eq!(next(&mut tells), Some(4));
        tells.answered(4);
        assert_eq!((next(&mut tells), tells.len()), (None, 0));
    }

    #[test]
    fn a_lost_connection_takes_only_what_was_in_flight() {
        let mut tells = two();
        assert!(tells.connection_lost().is_none());
        next(&mut tells);
        assert_eq!(tells.connection_lost().map(|tell| tell.id), Some(3));
        assert_eq!(next(&mut tells), Some(4));
    }

    #[test]
    fn what_is_too_long_is_taken_out_before_it_is_sent() {
        let mut tells = two();
        let longer = tells.take_longer_than(3);
        assert_eq!(longer.iter().map(|tell| tell.id).collect::<Vec<_>>(), [4]);
        assert_eq!((next(&mut tells), tells.len()), (Some(3), 1));
    }
}
