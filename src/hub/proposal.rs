//! Proposals: messages that were let through and are not kept yet, and who waits for that.

use super::notice::Notice;
use super::reply::Reply;
use crate::history::SaidId;
use crate::id::{ConnId, RequestId};
use crate::payload::{Identity, Payload};
use crate::reason::Refusal;
use smallvec::SmallVec;
use std::rc::Rc;
use std::time::Duration;

/// A message that has passed every check.
#[derive(Debug)]
pub(super) struct Draft {
    /// The sender, as it is shown.
    pub(super) sender: Identity,
    /// The content.
    pub(super) payload: Payload,
    /// Under this id it is published once.
    pub(super) id: Option<SaidId>,
    /// The sender, if it does not want its own copy.
    pub(super) skip: Option<ConnId>,
}

/// The peer that proposed a message: it is told the outcome.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) conn: ConnId,
    /// When it proposed it.
    pub(super) since: Duration,
    /// The request that the outcome answers.
    pub(super) request: RequestId,
    pub(super) answer: Answer,
}

/// The answer to a message that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// None: only a failure is told.
    Nothing,
    /// [`Reply::Ack`](super::Reply::Ack), with the sender's id of the message.
    Ack(u64),
    /// [`Reply::Echo`](super::Reply::Echo).
    Echo,
    /// [`Reply::Published`](super::Reply::Published). Where the first message under its id is no
    /// longer there, its sender and time are taken from the proposal.
    Published { sender: Rc<str>, unix_ms: u64 },
}

/// Whether a command is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All answers were given.
    Done,
    /// Some are given later, and [`Event::Done`](super::Event::Done) with the last.
    Pending,
}

/// Everything that waits for the outcome of one message.
#[derive(Debug)]
pub struct Waiting {
    /// The sender, if it does not want its own copy.
    pub(super) skip: Option<ConnId>,
    /// Those who proposed it: more than one, if it was said again meanwhile.
    pub(super) speakers: SmallVec<[Speaker; 1]>,
    /// What comes behind the message, whatever becomes of it.
    pub(super) behind: Vec<Behind>,
    /// When it was proposed.
    pub(super) since: Duration,
    /// Those who proposed it were told that nobody knows: that is its outcome in the statistics.
    pub(super) is_unknown: bool,
}

impl Waiting {
    /// Begins to wait for the outcome of a message.
    pub(super) fn of(skip: Option<ConnId>, speaker: Option<Speaker>, since: Duration) -> Self {
        let speakers = speaker.into_iter().collect();
        Self { skip, speakers, behind: Vec::new(), since, is_unknown: false }
    }

    /// Takes out the answers to those who have waited since this time or longer: what becomes of their
    /// messages is not known. Returns true if that is the outcome of the message, the first time. Adds the time since when the next one waits, if that is earlier.
    pub(super) fn give_up(
        &mut self,
        since: Duration,
        next: &mut Option<Duration>,
        answers: &mut Vec<LateAnswer>,
    ) -> bool {
        let was_asked_for = !self.speakers.is_empty();
        let mut is_over = |at: Duration| {
            let is_over = at <= since;
            if !is_over {
                *next = Some(next.map_or(at, |next| next.min(at)));
            }
            is_over
        };
        for speaker in std::mem::take(&mut self.speakers) {
            if !is_over(speaker.since) {
                self.speakers.push(speaker);
                continue;
            }
            // Who wants its own message back hears it with the others, if it comes.
            if speaker.answer == Answer::Echo {
                self.skip = None;
            }
            let Speaker { conn, since, request, .. } = speaker;
            let reply = Some(Reply::Refused { refusal: Refusal::Unknown });
            answers.push(LateAnswer { conn, request, since, reply });
        }
        for behind in std::mem::take(&mut self.behind) {
            match behind {
                Behind::Answer(answer) if is_over(answer.since) => answers.push(answer),
                behind => self.behind.push(behind),
            }
        }
        let is_unknown = was_asked_for && self.speakers.is_empty();
        is_unknown && !std::mem::replace(&mut self.is_unknown, true)
    }

    /// Keeps somebody from hearing the notices that wait.
    pub(super) fn spare(&mut self, conn: ConnId) {
        for behind in &mut self.behind {
            match behind {
                Behind::Notice(_, except) if !except.contains(&conn) => except.push(conn),
                Behind::Notice(..) | Behind::Answer(_) => {}
            }
        }
    }

    /// Each peer that waits, once for every request.
    pub(super) fn conns(&self) -> impl Iterator<Item = ConnId> {
        let behind = self.behind.iter().filter_map(|behind| match behind {
            Behind::Notice(..) => None,
            Behind::Answer(answer) => Some(answer.conn),
        });
        self.speakers.iter().map(|speaker| speaker.conn).chain(behind)
    }
}

/// What must not overtake a message.
#[derive(Debug)]
pub(super) enum Behind {
    /// A notice to the room, except for some.
    Notice(Notice, Vec<ConnId>),
    /// An answer to a peer that waits for the outcome of this message or of an earlier one.
    Answer(LateAnswer),
}

/// An answer that comes after the call in which it was asked for.
#[derive(Debug)]
pub(super) struct LateAnswer {
    pub(super) conn: ConnId,
    pub(super) request: RequestId,
    pub(super) since: Duration,
    /// Nothing, if only the end of the request is told.
    pub(super) reply: Option<Reply>,
}
