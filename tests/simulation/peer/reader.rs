//! Readers: bytes of one protocol become what was heard. What is wrong with the bytes themselves is found
//! here; what they say is checked elsewhere.

mod events;
mod frames;
mod http;
mod lines;
mod web;

pub use events::Events;
pub use lines::room_of;

use super::{Kind, Peer, Person};
use crate::model::Model;

impl Peer {
    /// Reads `count` bytes of what the relay sent.
    pub fn read(&mut self, count: usize, model: &mut Model, people: &mut Vec<Person>) {
        let bytes = self.from_relay.drain(..count);
        if let Some(raw) = self.raw.as_mut().filter(|_| self.web.is_none()) {
            raw.pending.extend(bytes);
            return self.compare(model);
        }
        self.heard.extend(bytes);
        let heard = std::mem::take(&mut self.heard);
        let mut used = 0;
        while let Some(length) = self.read_next(&heard[used..], model, people) {
            used += length;
            self.heard_before += length as u64;
        }
        self.heard = heard;
        self.heard.drain(..used);
        self.tally.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
        self.compare(model);
    }

    /// Reads the first whole piece of these bytes; how long it was.
    fn read_next(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        people: &mut Vec<Person>,
    ) -> Option<usize> {
        if self.web.is_some() {
            return self.read_web(bytes, model, people);
        }
        match self.kind {
            Kind::Irc => self.read_line(bytes, model, people),
            Kind::Events => self.read_event(bytes, model, people),
            Kind::Http => self.read_response(bytes, model, people),
            _ => self.read_frame(bytes, model, people),
        }
    }

    pub fn is_between_frames(&self) -> bool {
        self.heard.is_empty()
    }
}
