//! Received bytes that do not form a complete frame yet.

use crate::limits::MESSAGE_MAX;
use crate::wire::Parsed;
use crate::wire::binary;
use crate::wire::frame::FRAME_OVERHEAD;
use crate::wire::frame::FrameError;
use crate::wire::frame::ServerFrame;

/// Longest frame accepted before the relay has announced its message limit, and the room for a list
/// of members after that.
const FRAME_MIN: usize = 256 << 10;

/// Capacity kept between frames; a larger buffer is shrunk.
const CAPACITY_KEPT: usize = 256 << 10;

/// The unparsed input. It grows with received bytes, never by a declared length.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    frame_max: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { bytes: Vec::new(), frame_max: FRAME_MIN }
    }
}

impl Inbox {
    /// Sets the longest payload that the relay sends.
    pub(super) fn expect_messages_of(&mut self, max_message: usize) {
        self.frame_max = max_message.clamp(FRAME_MIN, MESSAGE_MAX) + FRAME_OVERHEAD;
    }

    /// Appends received bytes.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the first complete frame from `at` on, and the position of the next one.
    pub(super) fn frame(&self, at: usize) -> Result<Option<(ServerFrame<'_>, usize)>, FrameError> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        Ok(match binary::parse_server(rest, self.frame_max)? {
            Parsed::Complete(frame, used) => Some((frame, at + used)),
            Parsed::Partial => None,
        })
    }

    /// Removes everything before `at`. It is called once per read, so each byte moves once at most.
    pub(super) fn consumed(&mut self, at: usize) {
        self.bytes.drain(..at.min(self.bytes.len()));
        if self.bytes.capacity() > CAPACITY_KEPT && self.bytes.len() < CAPACITY_KEPT / 2 {
            self.bytes.shrink_to(CAPACITY_KEPT / 2);
        }
    }
}
