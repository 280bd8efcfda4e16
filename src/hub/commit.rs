//! Commit: an accepted message is given its offset, kept, delivered and acknowledged; or it is not
//! kept, and its sender is notified.

use super::command::Sender;
use super::event::Event;
use super::notice::Notice;
use super::proposal::{Answer, Behind, Draft, LateAnswer, Progress, Speaker, Waiting};
use super::reply::Reply;
use super::state::{Hub, room_mut};
use crate::history;
use crate::history::{CommitOutcome, History, Kept, Part, SaidId, Settled};
use crate::id::{ConnId, Offset, RoomId};
use crate::now::{Now, Tick};
use crate::payload::Message;
use crate::reason::Refusal;
use std::rc::Rc;
use std::time::Duration;

/// The messages of a room to keep, and the notices among them: see [`history::Append`].
pub type Append = history::Append<Notice>;

/// An outcome that was applied.
#[derive(Clone, Copy, Debug)]
pub struct Applied {
    /// The weight of its message.
    pub weight: usize,
    /// True if its room has more.
    pub has_more: bool,
    /// True if the message is kept, and the time that took. `None` for a clear, and for a message
    /// whose outcome was reported as unknown before.
    pub outcome: Option<(bool, Duration)>,
}

impl Settled<Waiting> {
    /// The outcome in the statistics.
    fn outcome(&self, now: Duration) -> Option<(bool, Duration)> {
        let (is_kept, waiting) = match self {
            Self::Kept(_, waiting) => (true, waiting),
            Self::NotKept(_, waiting) => (false, waiting),
            Self::Cleared => return None,
        };
        (!waiting.is_unknown).then(|| (is_kept, now.saturating_sub(waiting.since)))
    }
}

impl Hub {
    /// Switches to a store outside of the relay that keeps all messages, from the first one on.
    pub fn keep_remotely(&mut self) {
        debug_assert!(self.rooms.is_empty(), "a room keeps its messages where it began");
        self.history = History::remote();
    }

    /// Proposes a message, unless a message with its id is kept or pending: then its sender
    /// receives the answer of that one.
    #[inline]
    pub(super) fn submit(
        &mut self,
        id: RoomId,
        draft: Draft,
        speaker: Speaker,
        now: Now,
    ) -> Progress {
        let is_planted = match speaker.answer {
            Answer::Published { .. } => planted!("post-is-said-again"),
            _ => planted!("repeat-is-said-again"),
        };
        if let Some(said_id) = draft.id.filter(|_| !is_planted) {
            let room = room_mut(&mut self.rooms, id);
            let first = room.and_then(|room| {
                self.history.find(&mut room.history, said_id, now.tick(), &self.limits)
            });
            if let Some(first) = first {
                return self.answer_repeat(id, &speaker, first);
            }
            if self.is_pending(id, said_id) {
                return self.share_outcome(id, said_id, speaker);
            }
        }
        match self.propose(id, draft, Some(speaker), now) {
            Some(_) => Progress::Done,
            None => Progress::Pending,
        }
    }

    /// Proposes a message that has passed every check, and answers its sender with the outcome.
    /// Returns the offset if the message is kept at once.
    #[inline]
    pub(super) fn propose(
        &mut self,
        id: RoomId,
        draft: Draft,
        speaker: Option<Speaker>,
        now: Now,
    ) -> Option<Offset> {
        let room = room_mut(&mut self.rooms, id)?;
        let Draft { sender, payload, id: said_id, skip } = draft;
        let message = Message { offset: 0, unix_ms: now.unix_ms, sender, payload };
        let history = &mut room.history;
        if self.history.is_remote() {
            if planted!("delivery-before-commit") {
                let offset = history.head() + history.pending() as Offset + 1;
                let message = Rc::new(Message { offset, ..message.clone() });
                self.events.push_back(Event::Deliver { room: id, message, skip });
            }
            let conn = speaker.as_ref().map(|speaker| speaker.conn);
            if planted!("ack-before-commit")
                && let Some(Speaker { conn, request, answer: Answer::Ack(ack), .. }) = speaker
            {
                let offset = history.head() + history.pending() as Offset + 1;
                let reply = Reply::Ack { room: id, id: ack, offset };
                self.events.push_back(Event::Reply(conn, request, reply));
                let waiting = Waiting::of(skip, None, now.running);
                self.history.propose(id, history, message, said_id, waiting);
                return None;
            }
            let waiting = Waiting::of(skip, speaker, now.running);
            self.history.propose(id, history, message, said_id, waiting);
            if let Some(conn) = conn {
                self.note_pending(conn, id, now.running);
            }
            return None;
        }
        let kept = self.history.append(history, message, said_id, now.tick(), &self.limits);
        let offset = kept.message.offset;
        let speaker = speaker.filter(|speaker| speaker.answer != Answer::Nothing);
        let message = speaker.is_some().then(|| Rc::clone(&kept.message));
        self.deliver(id, kept, skip);
        if let Some(speaker) = speaker
            && let Some(reply) = self.acknowledgement(id, &speaker.answer, offset, message.as_ref())
        {
            self.events.push_back(Event::Reply(speaker.conn, speaker.request, reply));
        }
        Some(offset)
    }

    #[inline]
    fn deliver(&mut self, id: RoomId, kept: Kept, skip: Option<ConnId>) {
        let Kept { message, remind } = kept;
        if let Some(at) = remind {
            self.events.push_back(Event::Remind(id, at));
        }
        self.events.push_back(Event::Deliver { room: id, message, skip });
    }

    /// Answers a peer whose message is kept already: the first one with its id has this offset.
    fn answer_repeat(&mut self, id: RoomId, speaker: &Speaker, first: Offset) -> Progress {
        let message = self.room(id).and_then(|room| room.history.get(first)).map(Rc::clone);
        let &Speaker { conn, since, request, ref answer } = speaker;
        let reply = self.acknowledgement(id, answer, first, message.as_ref());
        self.answer_in_order(LateAnswer { conn, request, since, reply })
    }

    /// Gives an answer behind those that the peer still waits for.
    pub(super) fn answer_in_order(&mut self, answer: LateAnswer) -> Progress {
        let (conn, since) = (answer.conn, answer.since);
        let own = self.pending_room(conn);
        let room = own.and_then(|room| room_mut(&mut self.rooms, room));
        match room.and_then(|room| room.history.last_waiting()) {
            Some(waiting) => {
                waiting.behind.push(Behind::Answer(answer));
                own.into_iter().for_each(|room| self.note_pending(conn, room, since));
                Progress::Pending
            }
            None => {
                if let Some(reply) = answer.reply {
                    self.events.push_back(Event::Reply(conn, answer.request, reply));
                }
                Progress::Done
            }
        }
    }

    fn is_pending(&self, id: RoomId, said_id: SaidId) -> bool {
        let is_planted = planted!("second-id-during-a-stall-is-published-twice");
        self.has_pending()
            && !is_planted
            && self.room(id).is_some_and(|room| room.history.is_pending(said_id))
    }

    fn share_outcome(&mut self, id: RoomId, said_id: SaidId, speaker: Speaker) -> Progress {
        let (conn, since) = (speaker.conn, speaker.since);
        let room = room_mut(&mut self.rooms, id);
        if let Some(waiting) = room.and_then(|room| room.history.waiting_of(said_id)) {
            waiting.speakers.push(speaker);
            self.note_pending(conn, id, since);
        }
        Progress::Pending
    }

    /// Returns the answer to a message that is kept at this offset. The message itself may have
    /// been forgotten.
    fn acknowledgement(
        &self,
        id: RoomId,
        answer: &Answer,
        offset: Offset,
        message: Option<&Rc<Message>>,
    ) -> Option<Reply> {
        Some(match answer {
            Answer::Nothing => return None,
            Answer::Ack(ack) => Reply::Ack { room: id, id: *ack, offset },
            Answer::Echo => Reply::Echo { room: id, message: Rc::clone(message?) },
            Answer::Published { sender, unix_ms } => {
                let room = self.room(id)?;
                let (room, epoch) = (Rc::clone(&room.name), room.epoch);
                let (unix_ms, sender) = match message {
                    Some(message) => (message.unix_ms, &message.sender.name),
                    None => (*unix_ms, sender),
                };
                Reply::Published { room, epoch, offset, unix_ms, sender: Rc::clone(sender) }
            }
        })
    }

    /// Returns the next append or clear to write. A room has one of them under way at most.
    pub fn take_append(&mut self) -> Option<Append> {
        while let Some(id) = self.history.take_ready() {
            let Some(room) = room_mut(&mut self.rooms, id) else { continue };
            let after = room.head();
            let Some(part) = room.history.begin() else { continue };
            let (name, epoch, clears) =
                (Rc::clone(&room.name), room.epoch, matches!(part, Part::Clear));
            let (messages, events) = match part {
                Part::Append(messages, events) => (messages, events),
                Part::Clear => (Vec::new(), Vec::new()),
            };
            return Some(Append { room: id, name, epoch, after, messages, events, clears });
        }
        None
    }

    /// Takes the outcome of a room's append that is under way. True if there is something to
    /// [apply](Self::apply_outcome). If the outcome is unknown, the waiting peers are notified.
    pub fn committed(&mut self, id: RoomId, outcome: CommitOutcome, now: Now) -> bool {
        if outcome == CommitOutcome::Unknown {
            self.give_up(id, Duration::MAX);
            return false;
        }
        let Some(room) = room_mut(&mut self.rooms, id) else { return false };
        let (has_outcome, comes) = self.history.settle(id, &mut room.history, outcome, now.tick());
        self.events.extend(comes.map(|at| Event::Remind(id, at)));
        has_outcome
    }

    /// Reports to the peers that have waited long enough that the outcome of their messages is
    /// unknown. The messages stay pending.
    pub(super) fn lose_patience(&mut self, id: RoomId, now: Now) {
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        if room.patience_at.is_some_and(|at| at <= now.tick()) {
            let since = now.running.checked_sub(self.limits.commit_patience);
            self.give_up(id, since.unwrap_or_default());
        }
    }

    /// Reports an unknown outcome to the peers that have waited since `since` or longer.
    fn give_up(&mut self, id: RoomId, since: Duration) {
        let Some(room) = room_mut(&mut self.rooms, id) else { return };
        let (mut next, mut answers) = (None, Vec::new());
        for waiting in room.history.waiting_mut() {
            self.unknown += u64::from(waiting.give_up(since, &mut next, &mut answers));
        }
        room.patience_at = next.map(|since| patience_ends(since, self.limits.commit_patience));
        if let Some(at) = room.patience_at {
            self.events.push_back(Event::Remind(id, at));
        }
        for answer in answers {
            self.answer_late(answer);
        }
    }

    /// Applies the oldest outcome of a room: the message is delivered and acknowledged, or its
    /// sender is notified that it is not kept. Returns `None` if there was none.
    pub fn apply_outcome(&mut self, id: RoomId, now: Now) -> Option<Applied> {
        let room = room_mut(&mut self.rooms, id)?;
        let history = &mut room.history;
        let settled = self.history.apply_next(id, history, now.tick(), &self.limits)?;
        let has_more = room.history.has_outcome();
        let outcome = settled.outcome(now.running);
        let (weight, waiting) = match settled {
            Settled::Kept(kept, waiting) => {
                let message = Rc::clone(&kept.message);
                if !planted!("delivery-before-commit") {
                    self.deliver(id, kept, waiting.skip);
                }
                for speaker in waiting.speakers {
                    let Speaker { conn, since, request, answer } = speaker;
                    let reply = self.acknowledgement(id, &answer, message.offset, Some(&message));
                    self.answer_late(LateAnswer { conn, request, since, reply });
                }
                (message.weight(), waiting.behind)
            }
            Settled::NotKept(message, waiting) => {
                for speaker in waiting.speakers {
                    let Speaker { conn, since, request, .. } = speaker;
                    let reply = Some(Reply::Refused { refusal: Refusal::NotKept });
                    self.answer_late(LateAnswer { conn, request, since, reply });
                }
                (message.weight(), waiting.behind)
            }
            Settled::Cleared => (Message::OVERHEAD, Vec::new()),
        };
        for behind in waiting {
            match behind {
                Behind::Notice(notice, except) => {
                    self.events.push_back(Event::Notice(id, notice, except));
                }
                Behind::Answer(answer) => self.answer_late(answer),
            }
        }
        self.forget_if_over(id);
        Some(Applied { weight, has_more, outcome })
    }

    /// Answers a request that had to wait, which ends it.
    fn answer_late(&mut self, answer: LateAnswer) {
        let LateAnswer { conn, request, reply, .. } = answer;
        if let Some(reply) = reply {
            self.events.push_back(Event::Reply(conn, request, reply));
        }
        if request.is_some() {
            self.events.push_back(Event::Done(conn, request));
        }
        let Some((_, count)) = self.pending.get_mut(&conn) else { return };
        *count -= 1;
        if *count == 0 {
            self.pending.remove(&conn);
            self.events.push_back(Event::Settled(conn));
        }
    }

    /// Records that a peer waits for an outcome in a room, since this time.
    fn note_pending(&mut self, conn: ConnId, id: RoomId, since: Duration) {
        self.pending.entry(conn).or_insert((id, 0)).1 += 1;
        let room = room_mut(&mut self.rooms, id).filter(|room| room.patience_at.is_none());
        if let Some(room) = room {
            let at = patience_ends(since, self.limits.commit_patience);
            room.patience_at = Some(at);
            self.events.push_back(Event::Remind(id, at));
        }
    }

    /// Reports an unknown outcome to all waiting peers. Visits every room.
    pub fn give_up_all(&mut self) {
        let waits = self.rooms.iter().filter(|(_, room)| room.patience_at.is_some());
        let rooms: Vec<RoomId> = waits.map(|(_, room)| room.id).collect();
        for room in rooms {
            self.give_up(room, Duration::MAX);
        }
    }

    /// Returns the messages and bytes that wait for their outcome, in all rooms.
    pub fn pending_sizes(&self) -> (usize, usize) {
        (self.history.pending(), self.history.pending_weight())
    }

    /// Returns the number of messages whose outcome was reported as unknown.
    pub fn unknown_outcomes(&self) -> u64 {
        self.unknown
    }

    /// True if nothing waits to be written, and no outcome is missing.
    pub fn is_settled(&self) -> bool {
        self.history.is_settled()
    }

    /// True if any message of the relay waits for its outcome.
    pub fn has_pending(&self) -> bool {
        self.history.pending() > 0
    }

    /// Returns the room in which messages of a peer wait for their outcome.
    pub fn pending_room(&self, conn: ConnId) -> Option<RoomId> {
        self.pending.get(&conn).map(|(room, _)| *room)
    }

    /// Returns the bytes of messages that wait for their outcome in a room.
    pub fn pending_bytes(&self, id: RoomId) -> usize {
        self.room(id).map_or(0, |room| room.history.pending_weight())
    }

    /// True if a message has the id of one that waits for its outcome.
    pub fn is_repeat(&self, conn: ConnId, id: RoomId, sender: &Sender<'_>) -> bool {
        let &Sender::Member { id: said, .. } = sender else { return false };
        let key = self.people.get(conn).map_or(0, |person| person.key);
        said != 0 && self.is_pending(id, (key, said))
    }

    /// True if all members have left a room that was not open to everybody, and the room only waits
    /// for its last messages.
    pub fn is_closing(&self, id: RoomId) -> bool {
        self.room(id).is_some_and(|room| {
            room.members.is_empty() && !room.rights.is_open() && room.history.pending_weight() > 0
        })
    }
}

/// Returns the first tick at which a peer that waits since `since` has waited long enough.
fn patience_ends(since: Duration, patience: Duration) -> Tick {
    // One tick is added: a tick drops the rest of a millisecond.
    Tick(Tick(0).after(since + patience).0.saturating_add(1))
}
