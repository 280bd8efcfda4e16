//! One client's side of the frame protocol, less the sockets.
//!
//! Told what happened and when: [`connected`](Conversation::connected),
//! [`received`](Conversation::received), [`sent`](Conversation::sent),
//! [`disconnected`](Conversation::disconnected), [`expire`](Conversation::expire). Then asked:
//! [`link`](Conversation::link) for what to do with the socket,
//! [`outgoing`](Conversation::outgoing) for bytes to write,
//! [`next_event`](Conversation::next_event) for news, and
//! [`next_deadline`](Conversation::next_deadline) for when to call `expire`.

mod frames;
#[cfg(test)]
mod tests;

use super::backoff::Backoff;
use super::event::Cause;
use super::event::Event;
use super::event::Request;
use super::event::RoomName;
use super::event::SayError;
use super::inbox::Inbox;
use super::naming::Naming;
use super::outbox::Outbox;
use super::room::Room;
use super::room::Stage;
use super::says::Says;
use super::tells::Tell;
use super::tells::Tells;
use crate::limits::MESSAGE_MAX;
use crate::reason::Refusal;
use crate::wire::frame::ClientFrame;
use crate::wire::frame::Side;
use crate::wire::frame::VERSION;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

/// How long a connection may take to come about.
const DIAL_PATIENCE: Duration = Duration::from_secs(10);

/// How long the relay may take to answer the hello, and a ping.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// How long the relay may take to end a connection it was asked to end.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(2);

/// A connection that held for this long was no accident: the next wait may be short again.
const HELD: Duration = Duration::from_secs(5);

/// How long to wait after a refusal for being too fast. The relay's rate is some per second.
const RATE_PAUSE: Duration = Duration::from_millis(500);

/// Bytes waiting to be written beyond which messages wait outside.
const OUTBOX_MAX: usize = 256 << 10;

/// Bytes of answers waiting to be written beyond which the relay is not reading at all.
const ANSWERS_MAX: usize = 4 << 20;

/// Bytes of a room's key that fit into a frame.
const KEY_MAX: usize = u8::MAX as usize;

/// The same of a person's name.
const NAME_MAX: usize = u8::MAX as usize;

/// What becomes of a private message when the connection is lost before it was answered.
const UNCERTAIN: &str =
    "the connection was lost before the relay answered: it may or may not have come";

/// What the conversation wants of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// None: drop it if there is one.
    Down,
    /// A new one, if there is none yet; then `connected` or `disconnected`.
    Dial,
    /// To keep it.
    Up,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection; the next try is due then.
    Waiting(Instant),
    /// A connection is to come about until then.
    Dialling(Instant),
    /// Hello is said; the welcome is due until then.
    Greeting(Instant),
    /// The welcome came then.
    Greeted(Instant),
    /// Bye is said; the relay is to end the connection until then.
    Closing(Instant),
    /// Over for good.
    Ended,
}

/// One client's side of the frame protocol.
#[derive(Debug)]
pub(super) struct Conversation {
    phase: Phase,
    naming: Naming,
    /// Proves to the relay that this is the same client again; 0 before the first welcome.
    key: u64,
    rooms: Vec<Room>,
    says: Says,
    tells: Tells,
    /// Whether the application heeds private messages.
    pub(super) private: bool,
    /// The last number given to a request or message. They share one sequence, because a refusal
    /// names either by its number alone.
    numbers: u64,
    inbox: Inbox,
    outbox: Outbox,
    events: VecDeque<Event>,
    backoff: Backoff,
    /// The relay's limit for payloads; its own largest before the first welcome.
    max_message: usize,
    /// Silence after which the relay is pinged.
    silence_max: Duration,
    heard: Instant,
    pinged: Option<Instant>,
    /// Nothing that counts towards the relay's rate goes out before then.
    paused: Option<Instant>,
}

impl Conversation {
    /// A client that is to connect at once. `seed` spreads its waits.
    pub(super) fn new(name: String, seed: u64, now: Instant) -> Self {
        Self {
            phase: Phase::Waiting(now),
            naming: Naming::new(name),
            key: 0,
            rooms: Vec::new(),
            says: Says::default(),
            tells: Tells::default(),
            private: false,
            numbers: 0,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            events: VecDeque::new(),
            backoff: Backoff::new(seed),
            max_message: MESSAGE_MAX,
            silence_max: Duration::from_secs(40),
            heard: now,
            pinged: None,
            paused: None,
        }
    }

    /// What is to be done with the socket.
    pub(super) fn link(&self) -> Link {
        match self.phase {
            Phase::Waiting(_) | Phase::Ended => Link::Down,
            Phase::Dialling(_) => Link::Dial,
            Phase::Greeting(_) | Phase::Greeted(_) | Phase::Closing(_) => Link::Up,
        }
    }

    /// The socket that was asked for is connected.
    pub(super) fn connected(&mut self, now: Instant) {
        if self.link() == Link::Dial {
            self.heard = now;
            self.greet(now);
        }
    }

    /// The socket is gone, or did not come about.
    pub(super) fn disconnected(&mut self, cause: Cause, now: Instant) {
        if self.link() == Link::Down {
            return;
        }
        let cause = if matches!(self.phase, Phase::Closing(_)) { Cause::Asked } else { cause };
        if matches!(self.phase, Phase::Greeted(since) if now.saturating_duration_since(since) >= HELD)
        {
            self.backoff.reset();
        }
        self.forget_connection();
        if cause.is_final() {
            self.phase = Phase::Ended;
            self.events.push_back(Event::Disconnected { cause, retry_in: None });
        } else {
            let wait = self.backoff.next_wait();
            self.phase = Phase::Waiting(now + wait);
            self.events.push_back(Event::Disconnected { cause, retry_in: Some(wait) });
        }
    }

    /// Bytes came.
    pub(super) fn received(&mut self, bytes: &[u8], now: Instant) {
        if self.link() != Link::Up {
            return;
        }
        self.heard = now;
        self.pinged = None;
        // Taken out, because frames borrow from it while the rest of `self` changes.
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.received(bytes);
        let mut at = 0;
        while self.link() == Link::Up {
            match inbox.frame(at) {
                Ok(Some((frame, next))) => {
                    self.frame(frame, now);
                    at = next;
                    inbox.expect_messages_of(self.max_message);
                }
                Ok(None) => break,
                Err(error) => self.disconnected(Cause::Nonsense(error), now),
            }
        }
        if self.link() == Link::Up {
            inbox.consumed(at);
            self.inbox = inbox;
            self.pump(OUTBOX_MAX);
        }
        if self.outbox.len() > ANSWERS_MAX + MESSAGE_MAX {
            let text = "the relay asks for more answers than it reads".to_owned();
            self.disconnected(Cause::Broken(text), now);
        }
    }

    /// Bytes to write to the socket.
    pub(super) fn outgoing(&self) -> &[u8] {
        self.outbox.bytes()
    }

    /// The socket took so many of them.
    pub(super) fn sent(&mut self, length: usize) {
        self.outbox.sent(length);
        self.pump(OUTBOX_MAX);
    }

    /// When `expire` has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting(due) | Phase::Dialling(due) => Some(due),
            Phase::Greeting(due) | Phase::Closing(due) => Some(due),
            Phase::Greeted(_) => {
                let silence = match self.pinged {
                    Some(pinged) => pinged + ANSWER_PATIENCE,
                    None => self.heard + self.silence_max,
                };
                Some(self.paused.map_or(silence, |paused| paused.min(silence)))
            }
            Phase::Ended => None,
        }
    }

    /// Does what has come due. Bytes that have come already should be handed over first: they may
    /// be the very answer that is waited for.
    pub(super) fn expire(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting(due) if due <= now => self.phase = Phase::Dialling(now + DIAL_PATIENCE),
            Phase::Dialling(due) if due <= now => {
                let text = "no connection came about in time".to_owned();
                let kind = std::io::ErrorKind::TimedOut;
                self.disconnected(Cause::Unreachable { kind, text }, now);
            }
            Phase::Greeting(due) if due <= now => self.disconnected(Cause::Silent, now),
            Phase::Closing(due) if due <= now => self.disconnected(Cause::Asked, now),
            Phase::Greeted(_) => self.expire_greeted(now),
            _ => {}
        }
    }

    fn expire_greeted(&mut self, now: Instant) {
        if self.paused.is_some_and(|until| until <= now) {
            self.paused = None;
            self.pump(OUTBOX_MAX);
        }
        match self.pinged {
            Some(pinged) if pinged + ANSWER_PATIENCE <= now => {
                self.disconnected(Cause::Silent, now);
            }
            None if self.heard + self.silence_max <= now => {
                self.pinged = Some(now);
                let token = self.next_number();
                self.outbox.write(&ClientFrame::Ping { token });
            }
            _ => {}
        }
    }

    /// The next piece of news.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How much news waits.
    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    /// Messages said or told and neither acknowledged nor refused yet.
    pub(super) fn unacknowledged(&self) -> usize {
        self.says.len() + self.tells.len()
    }

    /// Joins a room, now or as soon as possible, and after every reconnect. `history` is how many
    /// messages from before should come first.
    pub(super) fn join(&mut self, name: &str, history: u64, key: Option<&str>) {
        // One that does not fit into a frame is no room's, and is refused like any other wrong one.
        let key = key.map(|key| Box::from(if key.len() > KEY_MAX { "" } else { key }));
        match self.rooms.iter_mut().find(|room| room.is_called(name)) {
            Some(room) if room.wanted => return,
            // On the way out: `left` begins anew.
            Some(room) => (room.wanted, room.key) = (true, key),
            None => self.rooms.push(Room::new(name.into(), history).with_key(key)),
        }
        self.pump(OUTBOX_MAX);
    }

    /// Leaves a room. False if it was not joined.
    pub(super) fn leave(&mut self, name: &str) -> bool {
        let found = self.rooms.iter().position(|room| room.is_called(name) && room.wanted);
        let Some(index) = found else { return false };
        let room = &mut self.rooms[index];
        let name = RoomName::clone(&room.name);
        room.wanted = false;
        match (room.number, room.stage) {
            (Some(_), _) => room.stage = Stage::ToLeave,
            // Asked to join: the answer will say by which number to leave.
            (None, Stage::Joining(_)) => {}
            (None, _) => {
                self.rooms.remove(index);
                self.events.push_back(Event::Left { room: RoomName::clone(&name) });
            }
        }
        self.refuse_says(Refusal::NotMember, |say| say.room == name && !say.is_sent());
        self.pump(OUTBOX_MAX);
        true
    }

    /// Says something in a joined room; the answer is the id by which it will be acknowledged.
    pub(super) fn say(&mut self, name: &str, payload: &[u8]) -> Result<u64, SayError> {
        if matches!(self.phase, Phase::Closing(_) | Phase::Ended) {
            return Err(SayError::Closed);
        }
        let room = self.rooms.iter().find(|room| room.is_called(name) && room.wanted);
        let room = RoomName::clone(&room.ok_or(SayError::NotJoined)?.name);
        if payload.len() > self.max_message {
            return Err(SayError::TooLong { max: self.max_message });
        }
        if self.says.is_full(payload.len()) {
            return Err(SayError::Busy);
        }
        let id = self.next_number();
        self.says.push(id, room, payload.to_vec());
        self.pump(OUTBOX_MAX);
        Ok(id)
    }

    /// Tells one person something; the answer is the id by which the relay's will be known.
    pub(super) fn tell(&mut self, name: &str, payload: &[u8]) -> Result<u64, SayError> {
        if matches!(self.phase, Phase::Closing(_) | Phase::Ended) {
            return Err(SayError::Closed);
        }
        if payload.len() > self.max_message {
            return Err(SayError::TooLong { max: self.max_message });
        }
        if self.tells.is_full() {
            return Err(SayError::Busy);
        }
        let id = self.next_number();
        if name.len() > NAME_MAX {
            let refusal = Refusal::NoSuchPerson;
            self.tell_refused(id, name.into(), Some(refusal), refusal.text());
            return Ok(id);
        }
        self.tells.push(Tell { id, name: name.into(), payload: payload.to_vec() });
        self.pump(OUTBOX_MAX);
        Ok(id)
    }

    /// Asks who is in a room. False if it is not joined at the moment.
    pub(super) fn members(&mut self, name: &str) -> bool {
        let Some(room) = self.number_of(name) else { return false };
        let request = self.next_number();
        self.outbox.write(&ClientFrame::Members { request, room });
        true
    }

    /// Asks for a room's past; the number of the request, if the room is joined at the moment.
    pub(super) fn history(&mut self, name: &str, side: Side, limit: u32) -> Option<u64> {
        let room = self.number_of(name)?;
        let request = self.next_number();
        self.outbox.write(&ClientFrame::History { request, room, side, limit });
        Some(request)
    }

    fn number_of(&self, name: &str) -> Option<u32> {
        self.rooms.iter().find(|room| room.is_called(name) && room.wanted)?.number
    }

    /// Ends the conversation: everything that can be said is said, then bye.
    pub(super) fn close(&mut self, now: Instant) {
        match self.phase {
            Phase::Greeted(_) => {
                self.paused = None;
                self.pump(usize::MAX);
                self.outbox.write(&ClientFrame::Bye);
                self.phase = Phase::Closing(now + FAREWELL_PATIENCE);
            }
            Phase::Closing(_) | Phase::Ended => {}
            Phase::Waiting(_) | Phase::Dialling(_) | Phase::Greeting(_) => {
                self.forget_connection();
                self.phase = Phase::Ended;
                self.events.push_back(Event::Disconnected { cause: Cause::Asked, retry_in: None });
            }
        }
    }

    fn greet(&mut self, now: Instant) {
        self.phase = Phase::Greeting(now + ANSWER_PATIENCE);
        let name = Cow::Borrowed(self.naming.asked());
        let (private, key) = (self.private, self.key);
        self.outbox.write(&ClientFrame::Hello { version: VERSION, private, key, name });
    }

    /// Writes every join and message that may go out now, up to `limit` bytes waiting.
    fn pump(&mut self, limit: usize) {
        if !matches!(self.phase, Phase::Greeted(_)) || self.paused.is_some() {
            return;
        }
        for room in &mut self.rooms {
            self.numbers += 1;
            let (request, name) = (self.numbers, Cow::Borrowed(&*room.name));
            self.outbox.write(&match (room.stage, room.number) {
                (Stage::Out, _) => {
                    room.stage = Stage::Joining(request);
                    let key = room.key.as_deref().map(Cow::Borrowed);
                    ClientFrame::Join { request, resume: room.place, key, room: name }
                }
                (Stage::ToLeave, Some(number)) => {
                    room.stage = Stage::Leaving(request);
                    ClientFrame::Leave { request, room: number }
                }
                _ => continue,
            });
        }
        let number = |name: &RoomName| {
            self.rooms.iter().find(|room| room.name == *name).and_then(Room::number_to_say)
        };
        while self.outbox.len() < limit {
            let Some((room, say)) = self.says.next_to_send(number) else { break };
            let payload = Cow::Borrowed(&say.payload[..]);
            self.outbox.write(&ClientFrame::Say { room, id: say.id, echo: true, payload });
        }
        if self.outbox.len() < limit
            && let Some(Tell { id, name, payload }) = self.tells.next_to_send()
        {
            let (name, payload) = (Cow::Borrowed(&**name), Cow::Borrowed(&payload[..]));
            self.outbox.write(&ClientFrame::Tell { request: *id, notice: false, name, payload });
        }
    }

    fn forget_connection(&mut self) {
        self.inbox = Inbox::default();
        self.outbox.clear();
        self.pinged = None;
        self.paused = None;
        self.says.connection_lost();
        if let Some(Tell { id, name, .. }) = self.tells.connection_lost() {
            self.tell_refused(id, name, None, UNCERTAIN);
        }
        self.rooms.iter_mut().for_each(Room::connection_lost);
        for index in (0..self.rooms.len()).rev() {
            if !self.rooms[index].wanted {
                let room = self.rooms.remove(index).name;
                self.refuse_says(Refusal::NotMember, |say| say.room == room);
                self.events.push_back(Event::Left { room });
            }
        }
    }

    /// Gives up messages for good, and says so for each.
    fn refuse_says(&mut self, refusal: Refusal, hopeless: impl Fn(&super::says::Say) -> bool) {
        for say in self.says.take(hopeless) {
            self.events.push_back(Event::Refused {
                request: Request::Say { room: say.room, id: say.id },
                refusal: Some(refusal),
                text: refusal.text().to_owned(),
            });
        }
    }

    fn tell_refused(&mut self, id: u64, name: Box<str>, refusal: Option<Refusal>, text: &str) {
        let request = Request::Tell { name: name.into_string(), id };
        self.events.push_back(Event::Refused { request, refusal, text: text.to_owned() });
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
