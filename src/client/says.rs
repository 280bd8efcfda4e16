//! Messages said and not yet acknowledged.

use super::event::RoomName;
use std::collections::VecDeque;

/// Messages that may wait for their acknowledgement.
pub(super) const SAYS_MAX: usize = 1024;

/// Bytes of payload that may wait for acknowledgement. A single longer message may wait alone.
pub(super) const SAYS_BYTES_MAX: usize = 8 << 20;

/// One message on its way.
#[derive(Debug)]
pub(super) struct Say {
    pub(super) id: u64,
    pub(super) room: RoomName,
    pub(super) payload: Vec<u8>,
    /// Whether it was written to the present connection.
    sent: bool,
}

impl Say {
    /// Whether it was written to the present connection, and so will be answered there.
    pub(super) fn is_sent(&self) -> bool {
        self.sent
    }
}

/// All messages on their way, in the order in which they were said.
///
/// A message leaves only by its acknowledgement or its refusal, so what a lost connection leaves
/// unclear is sent again; the relay knows the id and says it once.
#[derive(Debug, Default)]
pub(super) struct Says {
    /// Ids ascend, because they are given out in order.
    queue: VecDeque<Say>,
    bytes: usize,
    /// How many are written and not acknowledged.
    in_flight: usize,
    /// Everything before this place is sent. Spares each write a walk past what is in flight.
    sent_up_to: usize,
    /// The relay has refused something as too fast on this connection. From then on messages go
    /// one by one: two in flight could be refused and accepted in turn, and so change places.
    careful: bool,
}

impl Says {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether a message of this length has to wait outside.
    pub(super) fn is_full(&self, length: usize) -> bool {
        let too_many_bytes = self.bytes + length > SAYS_BYTES_MAX && !self.queue.is_empty();
        self.queue.len() >= SAYS_MAX || too_many_bytes
    }

    pub(super) fn push(&mut self, id: u64, room: RoomName, payload: Vec<u8>) {
        self.bytes += payload.len();
        self.queue.push_back(Say { id, room, payload, sent: false });
    }

    /// Takes out the message with that id: it is acknowledged, or refused for good.
    pub(super) fn remove(&mut self, id: u64) -> Option<Say> {
        let index = self.find(id)?;
        self.remove_at(index)
    }

    /// The message was refused as too fast: it is to be sent again, and all others with more care.
    /// False if there is no such message.
    pub(super) fn retry_carefully(&mut self, id: u64) -> bool {
        self.careful = true;
        self.retry(id)
    }

    /// The message is to be sent again. False if there is no such message.
    pub(super) fn retry(&mut self, id: u64) -> bool {
        let Some(index) = self.find(id) else { return false };
        if std::mem::take(&mut self.queue[index].sent) {
            self.in_flight -= 1;
        }
        self.sent_up_to = self.sent_up_to.min(index);
        true
    }

    /// The connection is gone: all is to be sent again on the next.
    pub(super) fn connection_lost(&mut self) {
        self.queue.iter_mut().for_each(|say| say.sent = false);
        self.in_flight = 0;
        self.sent_up_to = 0;
        self.careful = false;
    }

    /// Takes out every message that `hopeless` picks.
    pub(super) fn take(&mut self, hopeless: impl Fn(&Say) -> bool) -> Vec<Say> {
        let mut taken = Vec::new();
        for index in (0..self.queue.len()).rev() {
            if hopeless(&self.queue[index]) {
                taken.extend(self.remove_at(index));
            }
        }
        taken.reverse();
        taken
    }

    /// The next message to write, and the number of its room, of which `number` knows those that
    /// are joined. It counts as written from now on.
    pub(super) fn next_to_send(
        &mut self,
        number: impl Fn(&RoomName) -> Option<u32>,
    ) -> Option<(u32, &Say)> {
        if self.careful && self.in_flight > 0 {
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

    fn remove_at(&mut self, index: usize) -> Option<Say> {
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

    fn three() -> Says {
        let mut says = Says::default();
        for (id, room) in [(1, "a"), (2, "b"), (5, "a")] {
            says.push(id, room.into(), vec![0; 10]);
        }
        says
    }

    fn send_all(says: &mut Says, number: impl Fn(&RoomName) -> Option<u32>) -> Vec<u64> {
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
        assert!(says.retry_carefully(2) && says.retry_carefully(5) && !says.retry_carefully(9));
        assert_eq!(send_all(&mut says, |_| Some(7)), [0_u64; 0], "1 is still in flight");
        says.remove(1);
        assert_eq!(send_all(&mut says, |_| Some(7)), [2]);
        says.remove(2);
        assert_eq!(send_all(&mut says, |_| Some(7)), [5]);
        assert_eq!((says.len(), says.in_flight), (1, 1));
    }

    #[test]
    fn what_may_wait_is_bounded_in_number_and_bytes() {
        let mut says = Says::default();
        assert!(!says.is_full(SAYS_BYTES_MAX * 2), "one long message may wait alone");
        (1..=SAYS_MAX as u64).for_each(|id| says.push(id, "a".into(), Vec::new()));
        assert!(says.is_full(0));
        says.remove(7);
        assert!(!says.is_full(0) && !says.is_full(SAYS_BYTES_MAX));
        says.push(2_000, "a".into(), vec![0; SAYS_BYTES_MAX]);
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
