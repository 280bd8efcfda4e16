//! The client's side of the frame protocol, without sockets.
//!
//! Input: [`connected`](Conversation::connected), [`received`](Conversation::received),
//! [`sent`](Conversation::sent), [`disconnected`](Conversation::disconnected) and
//! [`expire`](Conversation::expire). Output: [`wanted_socket`](Conversation::wanted_socket), the
//! bytes to write ([`outgoing`](Conversation::outgoing)), events
//! ([`next_event`](Conversation::next_event)), and the time of the next `expire`
//! ([`next_deadline`](Conversation::next_deadline)).

mod frames;
#[cfg(test)]
mod tests;

use super::backoff::Backoff;
use super::direct_messages::DirectMessage;
use super::direct_messages::DirectMessages;
use super::event::DisconnectCause;
use super::event::Event;
use super::event::PublishError;
use super::event::Request;
use super::event::RoomName;
use super::inbox::Inbox;
use super::name_choice::NameChoice;
use super::outbox::Outbox;
use super::room::Room;
use super::room::Stage;
use super::unacked::UnackedMessages;
use crate::limits::MESSAGE_MAX;
use crate::reason::Refusal;
use crate::wire::frame::ClientFrame;
use crate::wire::frame::Side;
use crate::wire::frame::VERSION;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the relay to reply to a hello or a ping.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the relay to close the connection after a bye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Age of a stable connection: after its loss the backoff starts anew.
const STABLE_AGE: Duration = Duration::from_secs(5);

/// Pause after a `rate_limited` refusal. The relay allows a few messages per second.
const RATE_PAUSE: Duration = Duration::from_millis(500);

/// Pending output beyond which messages stay in their queue.
const OUTBOX_MAX: usize = 256 << 10;

/// Pending replies beyond which the relay has evidently stopped reading.
const REPLIES_MAX: usize = 4 << 20;

/// The longest room key that fits a frame.
const KEY_MAX: usize = u8::MAX as usize;

/// The longest person name that fits a frame.
const NAME_MAX: usize = u8::MAX as usize;

/// The refusal text for a direct message that was not answered before the connection was lost.
const UNKNOWN_OUTCOME: &str =
    "the connection was lost before the relay replied: the message may or may not have arrived";

/// The socket that the conversation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WantedSocket {
    /// No socket: close an open one.
    None,
    /// A socket: connect, then call `connected` or `disconnected`.
    Connecting,
    /// The connected socket.
    Connected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection; the next attempt starts at this time.
    AwaitingRetry(Instant),
    /// Connecting, until this time at the latest.
    Connecting(Instant),
    /// Hello was sent; the welcome is due by this time.
    AwaitingWelcome(Instant),
    /// Logged in since this time.
    LoggedIn(Instant),
    /// Bye was sent; the relay must close the connection by this time.
    Closing(Instant),
    /// Closed for good.
    Closed,
}

/// The client's side of the frame protocol.
#[derive(Debug)]
pub(super) struct Conversation {
    phase: Phase,
    name_choice: NameChoice,
    /// The key by which the relay recognises this client after a reconnect; 0 before the first
    /// welcome.
    key: u64,
    rooms: Vec<Room>,
    unacked: UnackedMessages,
    direct_messages: DirectMessages,
    /// True if the application accepts direct messages.
    pub(super) accepts_direct: bool,
    /// The last number of a request or message. Both share one sequence, because a refusal names
    /// either by its number alone.
    numbers: u64,
    inbox: Inbox,
    outbox: Outbox,
    events: VecDeque<Event>,
    backoff: Backoff,
    /// The relay's limit for payloads; before the first welcome, the protocol's limit.
    max_message: usize,
    /// Time without input after which the relay is pinged.
    silence_max: Duration,
    last_received: Instant,
    ping_sent: Option<Instant>,
    /// Rate-limited commands wait until this time.
    paused_until: Option<Instant>,
}

impl Conversation {
    /// Creates a client that connects at once. `seed` randomises its backoff.
    pub(super) fn new(name: String, seed: u64, now: Instant) -> Self {
        Self {
            phase: Phase::AwaitingRetry(now),
            name_choice: NameChoice::new(name),
            key: 0,
            rooms: Vec::new(),
            unacked: UnackedMessages::default(),
            direct_messages: DirectMessages::default(),
            accepts_direct: false,
            numbers: 0,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            events: VecDeque::new(),
            backoff: Backoff::new(seed),
            max_message: MESSAGE_MAX,
            silence_max: Duration::from_secs(40),
            last_received: now,
            ping_sent: None,
            paused_until: None,
        }
    }

    /// Returns the socket that the conversation needs.
    pub(super) fn wanted_socket(&self) -> WantedSocket {
        match self.phase {
            Phase::AwaitingRetry(_) | Phase::Closed => WantedSocket::None,
            Phase::Connecting(_) => WantedSocket::Connecting,
            Phase::AwaitingWelcome(_) | Phase::LoggedIn(_) | Phase::Closing(_) => {
                WantedSocket::Connected
            }
        }
    }

    /// Sends the hello on the connected socket.
    pub(super) fn connected(&mut self, now: Instant) {
        if self.wanted_socket() == WantedSocket::Connecting {
            self.last_received = now;
            self.send_hello(now);
        }
    }

    /// Handles the loss of the socket, or the failure to connect.
    pub(super) fn disconnected(&mut self, cause: DisconnectCause, now: Instant) {
        if self.wanted_socket() == WantedSocket::None {
            return;
        }
        let cause = if matches!(self.phase, Phase::Closing(_)) {
            DisconnectCause::Requested
        } else {
            cause
        };
        if matches!(self.phase, Phase::LoggedIn(since) if now.saturating_duration_since(since) >= STABLE_AGE)
        {
            self.backoff.reset();
        }
        self.forget_connection();
        if cause.is_final() {
            self.phase = Phase::Closed;
            self.events.push_back(Event::Disconnected { cause, retry_in: None });
        } else {
            let wait = self.backoff.next_wait();
            self.phase = Phase::AwaitingRetry(now + wait);
            self.events.push_back(Event::Disconnected { cause, retry_in: Some(wait) });
        }
    }

    /// Handles received bytes.
    pub(super) fn received(&mut self, bytes: &[u8], now: Instant) {
        if self.wanted_socket() != WantedSocket::Connected {
            return;
        }
        self.last_received = now;
        self.ping_sent = None;
        // Moved out because frames borrow from it while the rest of `self` changes.
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.received(bytes);
        let mut at = 0;
        while self.wanted_socket() == WantedSocket::Connected {
            match inbox.frame(at) {
                Ok(Some((frame, next))) => {
                    self.frame(frame, now);
                    at = next;
                    inbox.expect_messages_of(self.max_message);
                }
                Ok(None) => break,
                Err(error) => self.disconnected(DisconnectCause::NotARelay(error), now),
            }
        }
        if self.wanted_socket() == WantedSocket::Connected {
            inbox.consumed(at);
            self.inbox = inbox;
            self.write_pending(OUTBOX_MAX);
        }
        if self.outbox.len() > REPLIES_MAX + MESSAGE_MAX {
            let text = "the relay does not read the replies to its pings".to_owned();
            self.disconnected(DisconnectCause::Broken(text), now);
        }
    }

    /// Returns the bytes to write to the socket.
    pub(super) fn outgoing(&self) -> &[u8] {
        self.outbox.bytes()
    }

    /// Records that the socket accepted `length` bytes.
    pub(super) fn sent(&mut self, length: usize) {
        self.outbox.sent(length);
        self.write_pending(OUTBOX_MAX);
    }

    /// Returns the time at which `expire` must be called.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::AwaitingRetry(due) | Phase::Connecting(due) => Some(due),
            Phase::AwaitingWelcome(due) | Phase::Closing(due) => Some(due),
            Phase::LoggedIn(_) => {
                let silence = match self.ping_sent {
                    Some(pinged) => pinged + REPLY_TIMEOUT,
                    None => self.last_received + self.silence_max,
                };
                Some(self.paused_until.map_or(silence, |paused| paused.min(silence)))
            }
            Phase::Closed => None,
        }
    }

    /// Handles expired deadlines. Received bytes must be passed in first: they may contain the
    /// awaited reply.
    pub(super) fn expire(&mut self, now: Instant) {
        match self.phase {
            Phase::AwaitingRetry(due) if due <= now => {
                self.phase = Phase::Connecting(now + CONNECT_TIMEOUT);
            }
            Phase::Connecting(due) if due <= now => {
                let text = "the connection could not be established in time".to_owned();
                let kind = std::io::ErrorKind::TimedOut;
                self.disconnected(DisconnectCause::Unreachable { kind, text }, now);
            }
            Phase::AwaitingWelcome(due) if due <= now => {
                self.disconnected(DisconnectCause::TimedOut, now);
            }
            Phase::Closing(due) if due <= now => self.disconnected(DisconnectCause::Requested, now),
            Phase::LoggedIn(_) => self.expire_logged_in(now),
            _ => {}
        }
    }

    fn expire_logged_in(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            self.write_pending(OUTBOX_MAX);
        }
        match self.ping_sent {
            Some(pinged) if pinged + REPLY_TIMEOUT <= now => {
                self.disconnected(DisconnectCause::TimedOut, now);
            }
            None if self.last_received + self.silence_max <= now => {
                self.ping_sent = Some(now);
                let token = self.next_number();
                self.outbox.write(&ClientFrame::Ping { token });
            }
            _ => {}
        }
    }

    /// Returns the next event.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the number of pending events.
    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    /// Returns the number of messages neither acknowledged nor refused.
    pub(super) fn unacknowledged(&self) -> usize {
        self.unacked.len() + self.direct_messages.len()
    }

    /// Joins a room, now or once connected, and after every reconnect. The last `history` messages
    /// are replayed first.
    pub(super) fn join(&mut self, name: &str, history: u64, key: Option<&str>) {
        // A key too long for a frame is no room's key; an empty key is refused like any other wrong
        // key.
        let key = key.map(|key| Box::from(if key.len() > KEY_MAX { "" } else { key }));
        match self.rooms.iter_mut().find(|room| room.has_name(name)) {
            Some(room) if room.wanted => return,
            // Being left: `left` joins again.
            Some(room) => (room.wanted, room.key) = (true, key),
            None => self.rooms.push(Room::new(name.into(), history).with_key(key)),
        }
        self.write_pending(OUTBOX_MAX);
    }

    /// Leaves a room. Returns false if the room was not joined.
    pub(super) fn leave(&mut self, name: &str) -> bool {
        let found = self.rooms.iter().position(|room| room.has_name(name) && room.wanted);
        let Some(index) = found else { return false };
        let room = &mut self.rooms[index];
        let name = RoomName::clone(&room.name);
        room.wanted = false;
        match (room.number, room.stage) {
            (Some(_), _) => room.stage = Stage::ToLeave,
            // The join is pending: its reply brings the number needed to leave.
            (None, Stage::Joining(_)) => {}
            (None, _) => {
                self.rooms.remove(index);
                self.events.push_back(Event::Left { room: RoomName::clone(&name) });
            }
        }
        self.refuse_unacked(Refusal::NotMember, |say| say.room == name && !say.is_sent());
        self.write_pending(OUTBOX_MAX);
        true
    }

    /// Publishes a message in a joined room. Returns the id that its acknowledgement will carry.
    pub(super) fn publish(&mut self, name: &str, payload: &[u8]) -> Result<u64, PublishError> {
        if matches!(self.phase, Phase::Closing(_) | Phase::Closed) {
            return Err(PublishError::Closed);
        }
        let room = self.rooms.iter().find(|room| room.has_name(name) && room.wanted);
        let room = RoomName::clone(&room.ok_or(PublishError::NotJoined)?.name);
        if payload.len() > self.max_message {
            return Err(PublishError::TooLong { max: self.max_message });
        }
        if self.unacked.is_full(payload.len()) {
            return Err(PublishError::Busy);
        }
        let id = self.next_number();
        self.unacked.push(id, room, payload.to_vec());
        self.write_pending(OUTBOX_MAX);
        Ok(id)
    }

    /// Sends a direct message. Returns the id that the relay's reply will carry.
    pub(super) fn send_direct(&mut self, name: &str, payload: &[u8]) -> Result<u64, PublishError> {
        if matches!(self.phase, Phase::Closing(_) | Phase::Closed) {
            return Err(PublishError::Closed);
        }
        if payload.len() > self.max_message {
            return Err(PublishError::TooLong { max: self.max_message });
        }
        if self.direct_messages.is_full() {
            return Err(PublishError::Busy);
        }
        let id = self.next_number();
        if name.len() > NAME_MAX {
            let refusal = Refusal::NoSuchPerson;
            self.direct_refused(id, name.into(), Some(refusal), refusal.text());
            return Ok(id);
        }
        self.direct_messages.push(DirectMessage {
            id,
            name: name.into(),
            payload: payload.to_vec(),
        });
        self.write_pending(OUTBOX_MAX);
        Ok(id)
    }

    /// Requests a room's members. Returns false if the room is not joined at the moment.
    pub(super) fn request_members(&mut self, name: &str) -> bool {
        let Some(room) = self.room_number(name) else { return false };
        let request = self.next_number();
        self.outbox.write(&ClientFrame::Members { request, room });
        true
    }

    /// Requests past messages of a room. Returns the request's number; `None` if the room is not
    /// joined at the moment.
    pub(super) fn request_history(&mut self, name: &str, side: Side, limit: u32) -> Option<u64> {
        let room = self.room_number(name)?;
        let request = self.next_number();
        self.outbox.write(&ClientFrame::History { request, room, side, limit });
        Some(request)
    }

    fn room_number(&self, name: &str) -> Option<u32> {
        self.rooms.iter().find(|room| room.has_name(name) && room.wanted)?.number
    }

    /// Ends the conversation: sends all pending messages, then a bye.
    pub(super) fn close(&mut self, now: Instant) {
        match self.phase {
            Phase::LoggedIn(_) => {
                self.paused_until = None;
                self.write_pending(usize::MAX);
                self.outbox.write(&ClientFrame::Bye);
                self.phase = Phase::Closing(now + CLOSE_TIMEOUT);
            }
            Phase::Closing(_) | Phase::Closed => {}
            Phase::AwaitingRetry(_) | Phase::Connecting(_) | Phase::AwaitingWelcome(_) => {
                self.forget_connection();
                self.phase = Phase::Closed;
                self.events.push_back(Event::Disconnected {
                    cause: DisconnectCause::Requested,
                    retry_in: None,
                });
            }
        }
    }

    fn send_hello(&mut self, now: Instant) {
        self.phase = Phase::AwaitingWelcome(now + REPLY_TIMEOUT);
        let name = Cow::Borrowed(self.name_choice.requested());
        let (private, key) = (self.accepts_direct, self.key);
        self.outbox.write(&ClientFrame::Hello { version: VERSION, private, key, name });
    }

    /// Writes pending joins, leaves and messages, until `limit` bytes wait to be sent.
    fn write_pending(&mut self, limit: usize) {
        if !matches!(self.phase, Phase::LoggedIn(_)) || self.paused_until.is_some() {
            return;
        }
        for room in &mut self.rooms {
            self.numbers += 1;
            let (request, name) = (self.numbers, Cow::Borrowed(&*room.name));
            self.outbox.write(&match (room.stage, room.number) {
                (Stage::ToJoin, _) => {
                    room.stage = Stage::Joining(request);
                    let key = room.key.as_deref().map(Cow::Borrowed);
                    ClientFrame::Join { request, resume: room.position, key, room: name }
                }
                (Stage::ToLeave, Some(number)) => {
                    room.stage = Stage::Leaving(request);
                    ClientFrame::Leave { request, room: number }
                }
                _ => continue,
            });
        }
        let number = |name: &RoomName| {
            self.rooms.iter().find(|room| room.name == *name).and_then(Room::publish_number)
        };
        while self.outbox.len() < limit {
            let Some((room, say)) = self.unacked.next_to_send(number) else { break };
            let payload = Cow::Borrowed(&say.payload[..]);
            self.outbox.write(&ClientFrame::Say { room, id: say.id, echo: true, payload });
        }
        if self.outbox.len() < limit
            && let Some(DirectMessage { id, name, payload }) = self.direct_messages.next_to_send()
        {
            let (name, payload) = (Cow::Borrowed(&**name), Cow::Borrowed(&payload[..]));
            self.outbox.write(&ClientFrame::Tell { request: *id, notice: false, name, payload });
        }
    }

    fn forget_connection(&mut self) {
        self.inbox = Inbox::default();
        self.outbox.clear();
        self.ping_sent = None;
        self.paused_until = None;
        self.unacked.connection_lost();
        if let Some(DirectMessage { id, name, .. }) = self.direct_messages.connection_lost() {
            self.direct_refused(id, name, None, UNKNOWN_OUTCOME);
        }
        self.rooms.iter_mut().for_each(Room::connection_lost);
        for index in (0..self.rooms.len()).rev() {
            if !self.rooms[index].wanted {
                let room = self.rooms.remove(index).name;
                self.refuse_unacked(Refusal::NotMember, |say| say.room == room);
                self.events.push_back(Event::Left { room });
            }
        }
    }

    /// Drops the messages that match, and reports each as refused.
    fn refuse_unacked(
        &mut self,
        refusal: Refusal,
        matches: impl Fn(&super::unacked::UnackedMessage) -> bool,
    ) {
        for say in self.unacked.take(matches) {
            self.events.push_back(Event::Refused {
                request: Request::Publish { room: say.room, id: say.id },
                refusal: Some(refusal),
                text: refusal.text().to_owned(),
            });
        }
    }

    fn direct_refused(&mut self, id: u64, name: Box<str>, refusal: Option<Refusal>, text: &str) {
        let request = Request::DirectMessage { name: name.into_string(), id };
        self.events.push_back(Event::Refused { request, refusal, text: text.to_owned() });
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
