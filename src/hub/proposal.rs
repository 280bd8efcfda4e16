//! Proposals: messages that were accepted and are not kept yet, and the peers that wait for the
//! outcome.

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
    /// The id under which the message is published only once.
    pub(super) id: Option<SaidId>,
    /// The sender, if it does not want its own copy.
    pub(super) skip: Option<ConnId>,
}

/// A peer that proposed a message and receives the outcome.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) conn: ConnId,
    /// The time of the proposal.
    pub(super) since: Duration,
    /// The request that the outcome answers.
    pub(super) request: RequestId,
    pub(super) answer: Answer,
}

/// The answer to a message that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// None: only a failure is reported.
    Nothing,
    /// [`Reply::Ack`](super::Reply::Ack), with the sender's id of the message.
    Ack(u64),
    /// [`Reply::Echo`](super::Reply::Echo).
    Echo,
    /// [`Reply::Published`](super::Reply::Published). Where the first message under its id is no
    /// longer there, its sender and time are taken from the proposal.
    Published { sender: Rc<str>, unix_ms: u64 },
}

/// The progress of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Complete: all answers were given.
    Done,
    /// Some answers are given later; [`Event::Done`](super::Event::Done) follows the last one.
    Pending,
}

/// Everything that waits for the outcome of one message.
#[derive(Debug)]
pub struct Waiting {
    /// The sender, if it does not want its own copy.
    pub(super) skip: Option<ConnId>,
    /// The peers that proposed the message: more than one, if the message was repeated meanwhile.
    pub(super) speakers: SmallVec<[Speaker; 1]>,
    /// The events that follow the message, whatever its outcome.
    pub(super) behind: Vec<Behind>,
    /// The time of the proposal.
    pub(super) since: Duration,
    /// True if an unknown outcome was reported to the proposing peers. The statistics then count
    /// the message as unknown.
    pub(super) is_unknown: bool,
}

impl Waiting {
    /// Creates the state that waits for the outcome of a message.
    pub(super) fn of(skip: Option<ConnId>, speaker: Option<Speaker>, since: Duration) -> Self {
        let speakers = speaker.into_iter().collect();
        Self { skip, speakers, behind: Vec::new(), since, is_unknown: false }
    }

    /// Takes out the answers for peers that have waited since `since` or longer: the outcome of
    /// their messages is not known. Lowers `next` to the start of the next peer's wait. Returns
    /// true if the outcome of the message became unknown, the first time.
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
            // A sender that wants its own copy then receives the message with the others, if it is
            // kept.
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

    /// Excludes a peer from the waiting notices.
    pub(super) fn spare(&mut self, conn: ConnId) {
        for behind in &mut self.behind {
            match behind {
                Behind::Notice(_, except) if !except.contains(&conn) => except.push(conn),
                Behind::Notice(..) | Behind::Answer(_) => {}
            }
        }
    }

    /// Iterates over the waiting peers, once for every request.
    pub(super) fn conns(&self) -> impl Iterator<Item = ConnId> {
        let behind = self.behind.iter().filter_map(|behind| match behind {
            Behind::Notice(..) => None,
            Behind::Answer(answer) => Some(answer.conn),
        });
        self.speakers.iter().map(|speaker| speaker.conn).chain(behind)
    }
}

/// An event that must not overtake a message.
#[derive(Debug)]
pub(super) enum Behind {
    /// A notice to the room, except for some.
    Notice(Notice, Vec<ConnId>),
    /// An answer to a peer that waits for the outcome of this message or of an earlier one.
    Answer(LateAnswer),
}

/// An answer that is given after the call that requested it.
#[derive(Debug)]
pub(super) struct LateAnswer {
    pub(super) conn: ConnId,
    pub(super) request: RequestId,
    pub(super) since: Duration,
    /// The reply; `None` if only the end of the request is reported.
    pub(super) reply: Option<Reply>,
}
