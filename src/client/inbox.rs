//! Bytes of the relay that are no whole frame yet.

use crate::limits::MESSAGE_MAX;
use crate::wire::Parsed;
use crate::wire::binary;
use crate::wire::frame::FRAME_OVERHEAD;
use crate::wire::frame::FrameError;
use crate::wire::frame::ServerFrame;

/// Longest frame taken before the relay has said how long its messages may be. Also what a list of
/// members may take, however short the messages.
const FRAME_MIN: usize = 256 << 10;

/// Capacity kept between frames; what a rare long one needed is given back.
const KEEP: usize = 256 << 10;

/// The unparsed tail of what came. It grows by what arrives, never by what a frame declares.
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
    /// The relay takes and sends payloads up to this length.
    pub(super) fn expect_messages_of(&mut self, max_message: usize) {
        self.frame_max = max_message.clamp(FRAME_MIN, MESSAGE_MAX) + FRAME_OVERHEAD;
    }

    /// Takes what came.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The first whole frame from `at` on, and where the next one begins.
    pub(super) fn frame(&self, at: usize) -> Result<Option<(ServerFrame<'_>, usize)>, FrameError> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        Ok(match binary::parse_server(rest, self.frame_max)? {
            Parsed::Complete(frame, used) => Some((frame, at + used)),
            Parsed::Partial => None,
        })
    }

    /// Forgets everything before `at`. Called once for all that was received, so what moves to the
    /// front came with the last bytes: each byte moves once at most.
    pub(super) fn consumed(&mut self, at: usize) {
        self.bytes.drain(..at.min(self.bytes.len()));
        if self.bytes.capacity() > KEEP && self.bytes.len() < KEEP / 2 {
            self.bytes.shrink_to(KEEP / 2);
        }
    }
}
