//! The client's state of one room.

use super::event::{Recovered, RoomName};
use crate::id::Epoch;
use crate::id::Offset;
use crate::wire::frame::Resume;

/// Rejoins in a row after which the client gives up catching up: the room publishes faster than it
/// can read.
const REJOINS_MAX: u32 = 3;

/// The state of a room on the present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// To be joined, or joined again from `position`.
    ToJoin,
    /// The join with this request number is pending. Messages before its reply are dropped; they
    /// are replayed after it.
    Joining(u64),
    /// Joined: messages are delivered.
    Joined,
    /// The leave with this request number is pending.
    Leaving(u64),
    /// To be left.
    ToLeave,
}

/// The outcome that the next reply will report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    Missed,
    Fresh,
    Lost(Option<u64>),
}

/// The part of a join's reply that concerns the room's history.
#[derive(Clone, Copy, Debug)]
pub(super) struct JoinReply {
    pub(super) number: u32,
    pub(super) recovered: bool,
    pub(super) epoch: Epoch,
    pub(super) head: Offset,
    pub(super) oldest: Offset,
}

/// The place of a received message in the room's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffsetOrder {
    /// Delivered before, or to be replayed later.
    NotLive,
    /// The next offset.
    Next,
    /// The first one after a gap: first and last missing offset.
    AfterGap(Offset, Offset),
}

/// The client's state of one room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: RoomName,
    /// The key that the room requires.
    pub(super) key: Option<Box<str>>,
    /// The room's number on this connection, once joined.
    pub(super) number: Option<u32>,
    pub(super) stage: Stage,
    /// False after the application has left, until the relay has confirmed.
    pub(super) wanted: bool,
    /// HistoryMessage messages that the application requested with its first join.
    history: u64,
    /// The epoch and offset of the last message delivered. `None` before the first reply.
    pub(super) position: Option<Resume>,
    report: Report,
    rejoins: u32,
}

impl Room {
    pub(super) fn new(name: RoomName, history: u64) -> Self {
        Self {
            name,
            key: None,
            number: None,
            stage: Stage::ToJoin,
            wanted: true,
            history,
            position: None,
            report: Report::Missed,
            rejoins: 0,
        }
    }

    /// Sets the key.
    pub(super) fn with_key(self, key: Option<Box<str>>) -> Self {
        Self { key, ..self }
    }

    /// True if the relay would find this room by that name: ASCII case is ignored.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Returns the number under which messages can be published now.
    pub(super) fn publish_number(&self) -> Option<u32> {
        let here = matches!(self.stage, Stage::Joined | Stage::ToJoin | Stage::Joining(_));
        self.number.filter(|_| self.wanted && here)
    }

    /// Resets the connection's state. The position stays.
    pub(super) fn connection_lost(&mut self) {
        self.number = None;
        self.stage = Stage::ToJoin;
    }

    /// Handles the reply to a join. Returns `None` if the room must be joined again from
    /// `position`, to read messages that the relay keeps and that do not follow the last one
    /// delivered.
    pub(super) fn joined(&mut self, answer: JoinReply) -> Option<Recovered> {
        self.number = Some(answer.number);
        let kept_from = answer.oldest.saturating_sub(1).min(answer.head);
        let from = match self.position {
            Some(position) if answer.recovered => {
                return Some(self.go_live(position.offset, answer));
            }
            None => {
                self.report = Report::Fresh;
                kept_from.max(answer.head.saturating_sub(self.history))
            }
            Some(position) => self.lost(position, kept_from, answer),
        };
        if from >= answer.head {
            return Some(self.go_live(from, answer));
        }
        self.position = Some(Resume { epoch: answer.epoch, offset: from });
        self.stage = Stage::ToJoin;
        None
    }

    /// Records the lost messages, and returns the offset to continue from.
    fn lost(&mut self, position: Resume, kept_from: Offset, answer: JoinReply) -> Offset {
        self.rejoins += 1;
        let same = position.epoch == answer.epoch;
        let from = match same {
            _ if self.rejoins > REJOINS_MAX => answer.head,
            // Messages already delivered are not delivered again.
            true => kept_from.max(position.offset).min(answer.head),
            false => kept_from,
        };
        let lost = same.then(|| from.saturating_sub(position.offset));
        self.report = match self.report {
            Report::Fresh => Report::Fresh,
            Report::Missed => Report::Lost(lost),
            Report::Lost(before) => {
                Report::Lost(before.zip(lost).map(|(before, more)| before.saturating_add(more)))
            }
        };
        from
    }

    fn go_live(&mut self, from: Offset, answer: JoinReply) -> Recovered {
        self.position = Some(Resume { epoch: answer.epoch, offset: from });
        self.stage = Stage::Joined;
        self.rejoins = 0;
        let following = answer.head.saturating_sub(from);
        match std::mem::replace(&mut self.report, Report::Missed) {
            Report::Fresh => Recovered::Fresh { history: following },
            Report::Lost(lost) => Recovered::Lost { lost, following },
            Report::Missed if following == 0 => Recovered::NothingMissed,
            Report::Missed => Recovered::Complete { missed: following },
        }
    }

    /// Records a message's offset.
    pub(super) fn message(&mut self, offset: Offset) -> OffsetOrder {
        let Some(position) = self.position.as_mut().filter(|_| self.stage == Stage::Joined) else {
            return OffsetOrder::NotLive;
        };
        let last = position.offset;
        if offset <= last {
            return OffsetOrder::NotLive;
        }
        position.offset = offset;
        match offset - last {
            1 => OffsetOrder::Next,
            _ => OffsetOrder::AfterGap(last + 1, offset - 1),
        }
    }

    /// Records that all messages up to `to` are lost. Returns the first and the last one not
    /// reported yet.
    pub(super) fn gap(&mut self, to: Offset) -> Option<(Offset, Offset)> {
        let position = self.position.as_mut().filter(|_| self.stage == Stage::Joined)?;
        let last = position.offset;
        position.offset = last.max(to);
        (to > last).then(|| (last + 1, to))
    }
}
