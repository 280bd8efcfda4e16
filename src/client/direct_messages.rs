//! Direct messages without a reply.

use std::collections::VecDeque;

/// The most direct messages without a reply.
const MESSAGES_MAX: usize = 256;

/// A direct message.
#[derive(Debug)]
pub(super) struct DirectMessage {
    pub(super) id: u64,
    pub(super) name: Box<str>,
    pub(super) payload: Vec<u8>,
}

/// All direct messages without a reply, in order.
///
/// One message is in flight at a time: of two, the first could be refused as too fast and the
/// second accepted, which would change their order. Relays do not store direct messages, so a
/// message with an unknown outcome is not sent again.
#[derive(Debug, Default)]
pub(super) struct DirectMessages {
    queue: VecDeque<DirectMessage>,
    /// True if the first message was sent on the present connection.
    in_flight: bool,
}

impl DirectMessages {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// True if a further message must wait.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= MESSAGES_MAX
    }

    pub(super) fn push(&mut self, tell: DirectMessage) {
        self.queue.push_back(tell);
    }

    /// Returns the next message to send, and marks it as sent.
    pub(super) fn next_to_send(&mut self) -> Option<&DirectMessage> {
        if self.in_flight {
            return None;
        }
        self.in_flight = !self.queue.is_empty();
        self.queue.front()
    }

    /// True if the message in flight has that id.
    pub(super) fn is_in_flight(&self, id: u64) -> bool {
        self.in_flight && self.queue.front().is_some_and(|tell| tell.id == id)
    }

    /// Removes and returns the message in flight, if it has that id.
    pub(super) fn take_answered(&mut self, id: u64) -> Option<DirectMessage> {
        if !self.is_in_flight(id) {
            return None;
        }
        self.in_flight = false;
        self.queue.pop_front()
    }

    /// Marks the message in flight as unsent.
    pub(super) fn retry(&mut self) {
        self.in_flight = false;
    }

    /// Removes and returns the message in flight: its outcome is unknown.
    pub(super) fn connection_lost(&mut self) -> Option<DirectMessage> {
        if std::mem::take(&mut self.in_flight) { self.queue.pop_front() } else { None }
    }

    /// Removes and returns the messages longer than `max`.
    pub(super) fn take_longer_than(&mut self, max: usize) -> Vec<DirectMessage> {
        let (longer, rest): (Vec<DirectMessage>, Vec<DirectMessage>) =
            self.queue.drain(..).partition(|tell| tell.payload.len() > max);
        self.queue = rest.into();
        longer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> DirectMessages {
        let mut tells = DirectMessages::default();
        for id in [3, 4] {
            tells.push(DirectMessage { id, name: "bob".into(), payload: vec![0; id as usize] });
        }
        tells
    }

    fn next(tells: &mut DirectMessages) -> Option<u64> {
        tells.next_to_send().map(|tell| tell.id)
    }

    #[test]
    fn they_go_one_by_one_and_keep_their_order() {
        let mut tells = two();
        assert_eq!((next(&mut tells), next(&mut tells)), (Some(3), None));
        assert!(tells.take_answered(4).is_none() && tells.is_in_flight(3));
        tells.retry();
        assert_eq!((next(&mut tells), next(&mut tells)), (Some(3), None));
        assert_eq!(tells.take_answered(3).map(|tell| tell.id), Some(3));
        assert_eq!(next(&mut tells), Some(4));
        tells.take_answered(4);
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
