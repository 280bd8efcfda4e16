//! Published messages without an acknowledgement.

use super::event::RoomName;
use std::collections::VecDeque;

/// The most unacknowledged messages.
pub(super) const MESSAGES_MAX: usize = 1024;

/// The most bytes of unacknowledged payloads. A single longer message is accepted if no other
/// waits.
pub(super) const BYTES_MAX: usize = 8 << 20;

/// An unacknowledged message.
#[derive(Debug)]
pub(super) struct UnackedMessage {
    pub(super) id: u64,
    pub(super) room: RoomName,
    pub(super) payload: Vec<u8>,
    /// True if the message was sent on the present connection.
    sent: bool,
}

impl UnackedMessage {
    /// True if the message was sent on the present connection, so that the relay will reply.
    pub(super) fn is_sent(&self) -> bool {
        self.sent
    }
}

/// All unacknowledged messages, in order.
///
/// A message leaves the queue with its acknowledgement or refusal, so messages with an unknown
/// outcome are sent again after a reconnect; the relay knows the id and publishes a message once.
#[derive(Debug, Default)]
pub(super) struct UnackedMessages {
    /// In ascending order of ids.
    queue: VecDeque<UnackedMessage>,
    bytes: usize,
    /// The number of messages sent and not acknowledged.
    in_flight: usize,
    /// All messages before this index are sent: a search starts here.
    sent_up_to: usize,
    /// Set after a `rate_limited` refusal on this connection. Then one message is in flight at a
    /// time: of two, the first could be refused and the second accepted, which would change their
    /// order.
    one_at_a_time: bool,
}

impl UnackedMessages {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// True if a message of this length must wait.
    pub(super) fn is_full(&self, length: usize) -> bool {
        let too_many_bytes = self.bytes + length > BYTES_MAX && !self.queue.is_empty();
        self.queue.len() >= MESSAGES_MAX || too_many_bytes
    }

    pub(super) fn push(&mut self, id: u64, room: RoomName, payload: Vec<u8>) {
        self.bytes += payload.len();
        self.queue.push_back(UnackedMessage { id, room, payload, sent: false });
    }

    /// Removes the message with that id, after its acknowledgement or final refusal.
    pub(super) fn remove(&mut self, id: u64) -> Option<UnackedMessage> {
        let index = self.find(id)?;
        self.remove_at(index)
    }

    /// Marks a message as unsent after `rate_limited`, and sends one at a time from now on. Returns
    /// false if there is no such message.
    pub(super) fn retry_one_at_a_time(&mut self, id: u64) -> bool {
        self.one_at_a_time = true;
        self.retry(id)
    }

    /// Marks a message as unsent. Returns false if there is no such message.
    pub(super) fn retry(&mut self, id: u64) -> bool {
        let Some(index) = self.find(id) else { return false };
        if std::mem::take(&mut self.queue[index].sent) {
            self.in_flight -= 1;
        }
        self.sent_up_to = self.sent_up_to.min(index);
        true
    }

    /// Marks all messages as unsent.
    pub(super) fn connection_lost(&mut self) {
        self.queue.iter_mut().for_each(|say| say.sent = false);
        self.in_flight = 0;
        self.sent_up_to = 0;
        self.one_at_a_time = false;
    }

    /// Removes and returns the messages that match.
    pub(super) fn take(
        &mut self,
        matches: impl Fn(&UnackedMessage) -> bool,
    ) -> Vec<UnackedMessage> {
        let mut taken = Vec::new();
        for index in (0..self.queue.len()).rev() {
            if matches(&self.queue[index]) {
                taken.extend(self.remove_at(index));
            }
        }
        taken.reverse();
        taken
    }

    /// Returns the next message to send and the number of its room, and marks it as sent. `number`
    /// returns the numbers of joined rooms.
    pub(super) fn next_to_send(
        &mut self,
        number: impl Fn(&RoomName) -> Option<u32>,
    ) -> Option<(u32, &UnackedMessage)> {
        if self.one_at_a_time && self.in_flight > 0 {
            return None;
        }
        while self.queue.get(self.sent_up_to).is_some_and(|say| say.sent) {
            self.sent_up_to += 1;
        }
        let (index, room) =
            self.queue.iter().enumerate().skip(self.sent_up_to).find_map(|(index, say)| {
                let room = if say.sent { None } else { number(&say.room) }?;
                Some((index, room))
            })?;
        let say = self.queue.get_mut(index)?;
        say.sent = true;
        self.in_flight += 1;
        Some((room, say))
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.queue.binary_search_by_key(&id, |say| say.id).ok()
    }

    fn remove_at(&mut self, index: usize) -> Option<UnackedMessage> {
        let say = self.queue.remove(index)?;
        self.bytes -= say.payload.len();
        self.in_flight -= usize::from(say.sent);
        self.sent_up_to -= usize::from(index < self.sent_up_to);
        Some(say)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> UnackedMessages {
        let mut says = UnackedMessages::default();
        for (id, room) in [(1, "a"), (2, "b"), (5, "a")] {
            says.push(id, room.into(), vec![0; 10]);
        }
        says
    }

    fn send_all(says: &mut UnackedMessages, number: impl Fn(&RoomName) -> Option<u32>) -> Vec<u64> {
        let mut sent = Vec::new();
        while let Some((_, say)) = says.next_to_send(&number) {
            sent.push(say.id);
        }
        sent
    }

    #[test]
    fn each_goes_once_and_only_into_rooms_that_are_joined() {
        let mut says = three();
        assert_eq!(send_all(&mut says, |room| (&**room == "a").then_some(7)), [1, 5]);
        assert_eq!(send_all(&mut says, |_| Some(7)), [2]);
        assert_eq!(send_all(&mut says, |_| Some(7)), [0_u64; 0]);
        says.connection_lost();
        assert_eq!(says.remove(1).unwrap().id, 1);
        assert_eq!(send_all(&mut says, |_| Some(7)), [2, 5]);
    }

    #[test]
    fn after_too_fast_they_go_one_by_one_in_their_order() {
        let mut says = three();
        assert_eq!(send_all(&mut says, |_| Some(7)), [1, 2, 5]);
        assert!(
            says.retry_one_at_a_time(2)
                && says.retry_one_at_a_time(5)
                && !says.retry_one_at_a_time(9)
        );
        assert_eq!(send_all(&mut says, |_| Some(7)), [0_u64; 0], "1 is still in flight");
        says.remove(1);
        assert_eq!(send_all(&mut says, |_| Some(7)), [2]);
        says.remove(2);
        assert_eq!(send_all(&mut says, |_| Some(7)), [5]);
        assert_eq!((says.len(), says.in_flight), (1, 1));
    }

    #[test]
    fn what_may_wait_is_bounded_in_number_and_bytes() {
        let mut says = UnackedMessages::default();
        assert!(!says.is_full(BYTES_MAX * 2), "one long message may wait alone");
        (1..=MESSAGES_MAX as u64).for_each(|id| says.push(id, "a".into(), Vec::new()));
        assert!(says.is_full(0));
        says.remove(7);
        assert!(!says.is_full(0) && !says.is_full(BYTES_MAX));
        says.push(2_000, "a".into(), vec![0; BYTES_MAX]);
        says.remove(8);
        assert!(says.is_full(1));
    }

    #[test]
    fn a_rooms_messages_can_be_taken_out_together() {
        let mut says = three();
        send_all(&mut says, |_| Some(7));
        let taken: Vec<u64> = says.take(|say| &*say.room == "a").iter().map(|say| say.id).collect();
        assert_eq!(taken, [1, 5]);
        assert_eq!((says.len(), says.bytes, says.in_flight, says.sent_up_to), (1, 10, 1, 1));
    }
}
