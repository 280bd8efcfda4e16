//! Transports that take whole messages.

use crate::peer::{Kind, Peer};
use hobnob::wire::Parsed;
use hobnob::wire::binary;
use hobnob::wire::frame::ServerFrame;
use std::io::IoSlice;

/// A frame that is longer than any of a world.
const FRAME_MAX: usize = 1 << 20;

impl Peer {
    /// Returns the bytes, and the number, of the messages that fit into `space`: one at least, where the
    /// kernel holds none. Checks that each slice is one message, as far as its protocol tells.
    pub fn whole_messages(&self, slices: &[IoSlice<'_>], space: usize) -> (usize, usize) {
        let mut taken = (0, 0);
        for message in slices {
            self.assert_whole(message);
            let fits = taken.0 + message.len() <= space;
            let is_first = space > 0 && taken.1 == 0 && self.from_relay.is_empty();
            if !fits && !is_first {
                break;
            }
            taken = (taken.0 + message.len(), taken.1 + 1);
        }
        taken
    }

    fn assert_whole(&self, message: &[u8]) {
        assert!(!message.is_empty(), "[whole] {} is offered an empty message", self.conn);
        match self.kind {
            // Before that the relay does not know how it spells.
            Kind::Binary if self.web.is_none() && self.greeted => {
                let frames = frames_of(message);
                // What is said at once may be two frames: a fault and goodbye, or a change of name.
                let is_said = |(frame, _): &(ServerFrame<'_>, usize)| {
                    matches!(frame, ServerFrame::Message { .. } | ServerFrame::Joined { .. })
                };
                let is_one = frames.len() == 1 || frames.len() == 2 && !frames.iter().any(is_said);
                let length: usize = frames.iter().map(|(_, length)| length).sum();
                assert!(
                    is_one && length == message.len(),
                    "[whole] {} is offered {frames:?}",
                    self.conn
                );
            }
            Kind::Json | Kind::Line if self.web.is_none() => {
                let is_whole = message.ends_with(b"\n");
                assert!(is_whole, "[whole] {} is offered a part of a line", self.conn);
            }
            _ => {}
        }
    }
}

/// Returns the frames that begin a message, each with its length.
fn frames_of(message: &[u8]) -> Vec<(ServerFrame<'_>, usize)> {
    let mut frames = Vec::new();
    let mut rest = message;
    while let Ok(Parsed::Complete(frame, length)) = binary::parse_server(rest, FRAME_MAX) {
        frames.push((frame, length));
        rest = &rest[length..];
    }
    frames
}
