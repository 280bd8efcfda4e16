//! Output that waits to be sent to the relay.

use crate::wire::binary;
use crate::wire::frame::ClientFrame;

/// Encoded frames; `bytes[start..]` is still to be sent.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    start: usize,
}

impl Outbox {
    pub(super) fn write(&mut self, frame: &ClientFrame<'_>) {
        binary::write_client(frame, &mut self.bytes);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Removes sent bytes. The rest moves to the front only when it is the smaller part, so each
    /// byte moves a bounded number of times even with small writes.
    pub(super) fn sent(&mut self, length: usize) {
        self.start = (self.start + length).min(self.bytes.len());
        if self.start >= self.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_a_byte_at_a_time_arrives_in_order() {
        let mut outbox = Outbox::default();
        let mut wanted = Vec::new();
        let mut arrived: Vec<u8> = Vec::new();
        for token in 0..50 {
            outbox.write(&ClientFrame::Ping { token });
            binary::write_client(&ClientFrame::Ping { token }, &mut wanted);
            for _ in 0..token % 17 {
                arrived.extend(outbox.bytes().first());
                outbox.sent(1);
            }
        }
        arrived.extend(outbox.bytes());
        outbox.sent(outbox.len());
        assert_eq!(arrived, wanted);
        assert_eq!((outbox.bytes.len(), outbox.start), (0, 0));
    }
}
