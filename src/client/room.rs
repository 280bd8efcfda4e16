//! One room, as far as a client knows it.

use super::event::{Recovered, RoomName};
use crate::id::Epoch;
use crate::id::Offset;
use crate::wire::frame::Resume;

/// How often what is kept is asked for again when it has moved on meanwhile. A room that outruns
/// this many answers in a row will not be caught.
const REREADS_MAX: u32 = 3;

/// Where the client stands with a room on the present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// To be joined, or read again from `place`, as soon as possible.
    Out,
    /// Asked, under this request number. Messages that come before the answer are read again
    /// after it, so they are dropped.
    Joining(u64),
    /// Messages flow.
    In,
    /// Asked to leave, under this request number.
    Leaving(u64),
    /// To be left as soon as possible.
    ToLeave,
}

/// What the next answer will report, if it is not simply what was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    Missed,
    Fresh,
    Lost(Option<u64>),
}

/// What a relay answers to a join, less what is only there to find the room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) number: u32,
    pub(super) recovered: bool,
    pub(super) epoch: Epoch,
    pub(super) head: Offset,
    pub(super) oldest: Offset,
}

/// What a message's offset says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Seen before, or to be read again later.
    Drop,
    /// The next one.
    Next,
    /// The first after some that never came: from, to.
    After(Offset, Offset),
}

/// One room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: RoomName,
    /// What its operators may ask for.
    pub(super) key: Option<Box<str>>,
    /// Its number on this connection, once joined there.
    pub(super) number: Option<u32>,
    pub(super) stage: Stage,
    /// False once the application has left, until the relay has heard of it.
    pub(super) wanted: bool,
    /// Messages from before the first join that the application wants to see.
    history: u64,
    /// The numbering, and the last message the application has. `None` before the first answer.
    pub(super) place: Option<Resume>,
    report: Report,
    rereads: u32,
}

impl Room {
    pub(super) fn new(name: RoomName, history: u64) -> Self {
        Self {
            name,
            key: None,
            number: None,
            stage: Stage::Out,
            wanted: true,
            history,
            place: None,
            report: Report::Missed,
            rereads: 0,
        }
    }

    /// The same, with what its operators may ask for.
    pub(super) fn with_key(self, key: Option<Box<str>>) -> Self {
        Self { key, ..self }
    }

    /// Whether a relay would find this room under that name: ASCII letters have no case there.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The number under which messages may be said now.
    pub(super) fn number_to_say(&self) -> Option<u32> {
        let here = matches!(self.stage, Stage::In | Stage::Out | Stage::Joining(_));
        self.number.filter(|_| self.wanted && here)
    }

    /// The connection is gone; the place in the room is not.
    pub(super) fn connection_lost(&mut self) {
        self.number = None;
        self.stage = Stage::Out;
    }

    /// Takes the answer to a join. `Some` once messages flow; `None` if the room is to be read
    /// again from `place` first: the two steps by which messages are had that are kept, but do not
    /// join up with what the application has.
    pub(super) fn joined(&mut self, answer: Answer) -> Option<Recovered> {
        self.number = Some(answer.number);
        let kept_from = answer.oldest.saturating_sub(1).min(answer.head);
        let from = match self.place {
            Some(place) if answer.recovered => return Some(self.flow(place.offset, answer)),
            None => {
                self.report = Report::Fresh;
                kept_from.max(answer.head.saturating_sub(self.history))
            }
            Some(place) => self.lost(place, kept_from, answer),
        };
        if from >= answer.head {
            return Some(self.flow(from, answer));
        }
        self.place = Some(Resume { epoch: answer.epoch, offset: from });
        self.stage = Stage::Out;
        None
    }

    /// Notes what the relay no longer has, and decides where to go on.
    fn lost(&mut self, place: Resume, kept_from: Offset, answer: Answer) -> Offset {
        self.rereads += 1;
        let same = place.epoch == answer.epoch;
        let from = match same {
            _ if self.rereads > REREADS_MAX => answer.head,
            // Nothing the application has is shown to it again, whatever the relay offers.
            true => kept_from.max(place.offset).min(answer.head),
            false => kept_from,
        };
        let lost = same.then(|| from.saturating_sub(place.offset));
        self.report = match self.report {
            Report::Fresh => Report::Fresh,
            Report::Missed => Report::Lost(lost),
            Report::Lost(before) => {
                Report::Lost(before.zip(lost).map(|(before, more)| before.saturating_add(more)))
            }
        };
        from
    }

    fn flow(&mut self, from: Offset, answer: Answer) -> Recovered {
        self.place = Some(Resume { epoch: answer.epoch, offset: from });
        self.stage = Stage::In;
        self.rereads = 0;
        let following = answer.head.saturating_sub(from);
        match std::mem::replace(&mut self.report, Report::Missed) {
            Report::Fresh => Recovered::Fresh { history: following },
            Report::Lost(lost) => Recovered::Lost { lost, following },
            Report::Missed if following == 0 => Recovered::NothingMissed,
            Report::Missed => Recovered::Complete { missed: following },
        }
    }

    /// Takes a message's offset.
    pub(super) fn message(&mut self, offset: Offset) -> Place {
        let Some(place) = self.place.as_mut().filter(|_| self.stage == Stage::In) else {
            return Place::Drop;
        };
        let last = place.offset;
        if offset <= last {
            return Place::Drop;
        }
        place.offset = offset;
        match offset - last {
            1 => Place::Next,
            _ => Place::After(last + 1, offset - 1),
        }
    }

    /// Takes the news that everything up to `to` will not come; the answer is what that means for
    /// the application.
    pub(super) fn gap(&mut self, to: Offset) -> Option<(Offset, Offset)> {
        let place = self.place.as_mut().filter(|_| self.stage == Stage::In)?;
        let last = place.offset;
        place.offset = last.max(to);
        (to > last).then(|| (last + 1, to))
    }
}
