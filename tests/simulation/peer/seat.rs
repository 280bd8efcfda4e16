//! A room that a peer is in, and how far it has heard it.

use super::Peer;
use crate::model::{LetGo, Model, Told};
use hobnob::id::Offset;
use std::collections::HashSet;

/// The number by which a peer knows its room, if it can be in one only.
pub const ROOM: u32 = 0;

/// A room that a peer is in.
#[derive(Default)]
pub struct Seat {
    pub room: usize,
    pub epoch: u64,
    /// In which call it came to be there, where nobody tells it its place.
    pub joined: u32,
    /// It may have said something in that call, but not before it came.
    pub is_quick: bool,
    /// The next offset it is due.
    pub next: Offset,
    /// Members now, as far as it was told.
    pub members: Option<u32>,
    pub is_leaving: bool,
    /// Its own messages whose ack came first: they may come in a replay only.
    pub(super) acked: HashSet<Offset>,
}

/// A page of history that the relay laid out: messages from this offset on.
pub struct Replay {
    pub from: Offset,
    pub count: u64,
    pub gap: bool,
    /// Bytes that had been sent before.
    pub at: u64,
}

impl Seat {
    /// True if a message is to be heard here.
    pub fn is_due(&self, told: &Told, serial: u32) -> bool {
        let is_own = told.serial == serial;
        let is_later =
            told.key.0 > self.joined || told.key.0 == self.joined && is_own && self.is_quick;
        is_later && (!is_own || told.echo)
    }

    /// Goes on to the next message that is due; nothing if that is not known yet.
    pub fn next_due<'m>(&mut self, serial: u32, model: &'m Model) -> Option<&'m Told> {
        loop {
            let told = model.told(self.epoch, self.next)?;
            if self.is_due(told, serial) {
                return Some(told);
            }
            self.next += 1;
        }
    }

    /// The debt to a peer that leaves in this call: all that was said before.
    pub fn let_go(&self, serial: u32, call: u32) -> LetGo {
        let (epoch, next) = (self.epoch, self.next);
        LetGo { epoch, next, serial, after: self.joined, before: call }
    }
}

impl Peer {
    pub(super) fn seat(&mut self, room: u32) -> &mut Seat {
        let serial = self.serial;
        let seat = self.seats.get_mut(&room);
        seat.unwrap_or_else(|| panic!("[stranger] peer {serial} hears a room it is not in"))
    }

    /// A client without a protocol has come to be in its room in this call.
    pub fn be_seated(&mut self, call: u32, model: &Model) {
        let raw = self.raw.as_ref().expect("a client without a protocol");
        let next = model.log(raw.epoch).map_or(0, |log| log.known) as Offset + 1;
        let (room, epoch) = (raw.room, raw.epoch);
        self.seats.insert(
            ROOM,
            Seat { room, epoch, joined: call, is_quick: true, next, ..Seat::default() },
        );
    }

    /// It hung up, and was owed what was said before.
    pub fn let_go(&mut self, model: &mut Model) {
        let call = self.end_call();
        model.let_go.extend(self.seats.values().map(|seat| seat.let_go(self.serial, call)));
    }

    /// The call in which the relay learned that this peer is done.
    pub fn end_call(&mut self) -> u32 {
        if self.said_bye {
            self.carried_out(self.bye_end);
            self.floor
        } else {
            self.fin_call
        }
    }
}
