//! Handling of the relay's frames.

use super::Conversation;
use super::Phase;
use super::RATE_PAUSE;
use super::REPLY_TIMEOUT;
use crate::client::event::DisconnectCause;
use crate::client::event::Event;
use crate::client::event::HistoryMessage;
use crate::client::event::Request;
use crate::client::event::RoomName;
use crate::client::room::JoinReply;
use crate::client::room::OffsetOrder;
use crate::client::room::Room;
use crate::client::room::Stage;
use crate::id::Offset;
use crate::limits::MESSAGE_MAX;
use crate::reason::CloseReason;
use crate::reason::Refusal;
use crate::wire::frame::ClientFrame;
use crate::wire::frame::ServerFrame;
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;
use std::time::Instant;

/// The range of plausible ping intervals, in milliseconds.
const PING_MS: RangeInclusive<u32> = 1_000..=3_600_000;

impl Conversation {
    /// Handles one frame. A frame about an unknown room is ignored: it crossed with a leave.
    pub(super) fn frame(&mut self, frame: ServerFrame<'_>, now: Instant) {
        match frame {
            ServerFrame::Welcome { key, max_message, ping_ms, name, .. } => {
                self.welcomed(key, &name, max_message, ping_ms, now);
            }
            ServerFrame::Joined {
                request, room, recovered, epoch, head, oldest, members, ..
            } => {
                let answer = JoinReply { number: room, recovered, epoch, head, oldest };
                self.joined(request, answer, members);
            }
            ServerFrame::Left { request: 0, room, .. } => self.kicked(room),
            ServerFrame::Left { request, .. } => self.left(request),
            ServerFrame::Ack { id, offset, .. } => {
                if let Some(say) = self.unacked.remove(id) {
                    self.events.push_back(Event::Acked { room: say.room, id, offset });
                }
            }
            ServerFrame::Message { room, offset, time, sender, payload } => {
                if let Some(room) = self.next_in_room(room, offset) {
                    let (sender, payload) = (sender.into_owned(), payload.into_owned());
                    self.events.push_back(Event::Message { room, offset, time, sender, payload });
                }
            }
            ServerFrame::Told { time, notice, sender, payload } => {
                let (sender, payload) = (sender.into_owned(), payload.into_owned());
                self.events.push_back(Event::DirectMessage { time, sender, notice, payload });
            }
            ServerFrame::Passed { request: id, time, away } => {
                if let Some(tell) = self.direct_messages.take_answered(id) {
                    let (name, away) = (tell.name.into_string(), away.into_owned());
                    self.events.push_back(Event::DirectMessagePassed { id, name, time, away });
                }
            }
            ServerFrame::Gap { room, to, .. } => self.gap(room, to),
            ServerFrame::Ping { token } => self.outbox.write(&ClientFrame::Pong { token }),
            ServerFrame::Pong { .. } => {}
            ServerFrame::Error { code, request, text } => self.refused(code, request, &text, now),
            ServerFrame::Bye { code, text } => {
                let reason = CloseReason::ALL.iter().copied().find(|reason| reason.code() == code);
                self.disconnected(DisconnectCause::Bye { reason, text: text.into_owned() }, now);
            }
            ServerFrame::Came { room, count, name } => {
                let name = name.into_owned();
                self.room_event(room, |room| Event::MemberJoined { room, count, name });
            }
            ServerFrame::Went { room, count, name } => {
                let name = name.into_owned();
                self.room_event(room, |room| Event::MemberLeft { room, count, name });
            }
            ServerFrame::Members { request, room, count, names } => {
                let names = names.into_iter().map(Cow::into_owned).collect();
                let requested = request != 0;
                self.room_event(room, |room| Event::Members { room, count, names, requested });
            }
            ServerFrame::History { request, room, oldest, messages } => {
                let messages = messages.into_iter().map(|past| HistoryMessage {
                    offset: past.offset,
                    time: past.time,
                    sender: past.sender.into_owned(),
                    payload: past.payload.into_owned(),
                });
                let messages = messages.collect();
                self.room_event(room, |room| Event::History { room, request, oldest, messages });
            }
        }
    }

    /// Emits an event about a room, unless the application has left the room.
    fn room_event(&mut self, number: u32, event: impl FnOnce(RoomName) -> Event) {
        let room = self.room_by_number(number).filter(|room| room.wanted);
        if let Some(name) = room.map(|room| RoomName::clone(&room.name)) {
            self.events.push_back(event(name));
        }
    }

    fn welcomed(&mut self, key: u64, name: &str, max_message: u32, ping_ms: u32, now: Instant) {
        if !matches!(self.phase, Phase::AwaitingWelcome(_)) {
            return;
        }
        self.phase = Phase::LoggedIn(now);
        self.key = key;
        self.name_choice.welcomed(name);
        self.max_message = (max_message as usize).min(MESSAGE_MAX);
        let ping_ms = ping_ms.clamp(*PING_MS.start(), *PING_MS.end());
        // The relay's ping is due by then: it varies the interval by up to a fifth.
        self.silence_max = Duration::from_millis(u64::from(ping_ms) * 3 / 2);
        self.events.push_back(Event::Welcomed { name: name.to_owned() });
        let max = self.max_message;
        self.refuse_unacked(Refusal::MessageTooLong, |say| say.payload.len() > max);
        for tell in self.direct_messages.take_longer_than(max) {
            let refusal = Refusal::MessageTooLong;
            self.direct_refused(tell.id, tell.name, Some(refusal), refusal.text());
        }
    }

    fn joined(&mut self, request: u64, answer: JoinReply, members: u32) {
        let room = self.rooms.iter_mut().find(|room| room.stage == Stage::Joining(request));
        let Some(room) = room else { return };
        let recovered = room.joined(answer);
        if !room.wanted {
            // The application left while the reply was on its way.
            room.stage = Stage::ToLeave;
        } else if let Some(recovered) = recovered {
            let room = RoomName::clone(&room.name);
            self.events.push_back(Event::Joined { room, members, recovered });
        }
    }

    fn left(&mut self, request: u64) {
        let index = self.rooms.iter().position(|room| room.stage == Stage::Leaving(request));
        let Some(index) = index else { return };
        let Room { name, key, wanted, .. } = self.rooms.remove(index);
        self.events.push_back(Event::Left { room: RoomName::clone(&name) });
        if wanted {
            self.rooms.push(Room::new(name, 0).with_key(key));
        } else {
            // Messages that were still waiting to be sent again.
            self.refuse_unacked(Refusal::NotMember, |say| say.room == name);
        }
    }

    /// Handles a removal from a room by an operator. If a leave or a join is pending, its reply
    /// decides.
    fn kicked(&mut self, number: u32) {
        let is_it = |room: &Room| {
            let waits = matches!(room.stage, Stage::Leaving(_) | Stage::Joining(_));
            room.number == Some(number) && !waits
        };
        let Some(index) = self.rooms.iter().position(is_it) else { return };
        let Room { name, wanted, .. } = self.rooms.remove(index);
        self.refuse_unacked(Refusal::NotMember, |say| say.room == name);
        self.events.push_back(match wanted {
            true => Event::Kicked { room: name },
            false => Event::Left { room: name },
        });
    }

    fn next_in_room(&mut self, number: u32, offset: Offset) -> Option<RoomName> {
        let room = self.room_by_number(number)?;
        let name = RoomName::clone(&room.name);
        match room.message(offset) {
            OffsetOrder::NotLive => None,
            OffsetOrder::Next => Some(name),
            OffsetOrder::AfterGap(from, to) => {
                let room = RoomName::clone(&name);
                self.events.push_back(Event::Gap { room, from, to });
                Some(name)
            }
        }
    }

    fn gap(&mut self, number: u32, to: Offset) {
        let Some(room) = self.room_by_number(number) else { return };
        let Some((from, to)) = room.gap(to) else { return };
        let room = RoomName::clone(&room.name);
        self.events.push_back(Event::Gap { room, from, to });
    }

    fn room_by_number(&mut self, number: u32) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.number == Some(number))
    }

    fn refused(&mut self, code: u16, request: u64, text: &str, now: Instant) {
        if CloseReason::ALL.iter().any(|reason| reason.code() == code) {
            // The bye that follows has the same reason.
            return;
        }
        let refusal = Refusal::ALL.iter().copied().find(|refusal| refusal.code() == code);
        let at_stage = |stage| self.rooms.iter().position(|room| room.stage == stage);
        if refusal == Some(Refusal::Draining) && request == 0 {
            self.events.push_back(Event::Draining);
        } else if matches!(self.phase, Phase::AwaitingWelcome(_)) {
            self.name_refused(refusal, text, now);
        } else if let Some(index) = at_stage(Stage::Joining(request)) {
            self.join_refused(index, refusal, text, now);
        } else if at_stage(Stage::Leaving(request)).is_some() {
            // The relay did not have this client in the room.
            self.left(request);
        } else if self.direct_messages.is_in_flight(request) {
            if self.pause_after(refusal, now) {
                self.direct_messages.retry();
            } else if let Some(tell) = self.direct_messages.take_answered(request) {
                self.direct_refused(tell.id, tell.name, refusal, text);
            }
        } else {
            self.publish_refused(request, refusal, text, now);
        }
    }

    fn name_refused(&mut self, refusal: Option<Refusal>, text: &str, now: Instant) {
        let name = self.name_choice.requested().to_owned();
        let trying = match refusal {
            Some(Refusal::NameTaken) => self.name_choice.taken(),
            _ => self.name_choice.bad(),
        };
        match trying.map(str::to_owned) {
            Some(trying) => {
                self.events.push_back(Event::NameTaken { name, trying });
                self.send_hello(now);
            }
            None => self.disconnected(DisconnectCause::NameRefused(text.to_owned()), now),
        }
    }

    fn join_refused(&mut self, index: usize, refusal: Option<Refusal>, text: &str, now: Instant) {
        if self.pause_after(refusal, now) {
            self.rooms[index].stage = Stage::ToJoin;
            return;
        }
        let Room { name, wanted, .. } = self.rooms.remove(index);
        self.refuse_unacked(Refusal::NotMember, |say| say.room == name);
        let text = text.to_owned();
        self.events.push_back(match wanted {
            true => Event::Refused { request: Request::Join(name), refusal, text },
            false => Event::Left { room: name },
        });
    }

    fn publish_refused(&mut self, id: u64, refusal: Option<Refusal>, text: &str, now: Instant) {
        let again = match refusal {
            Some(Refusal::RateLimited) => self.unacked.retry_one_at_a_time(id),
            Some(Refusal::Draining) => self.unacked.retry(id),
            _ => false,
        };
        if again {
            self.pause_after(refusal, now);
            return;
        }
        let request = match self.unacked.remove(id) {
            Some(say) => Request::Publish { room: say.room, id },
            None => Request::Other,
        };
        self.events.push_back(Event::Refused { request, refusal, text: text.to_owned() });
    }

    /// Pauses if the refusal is temporary. Returns true if it is.
    fn pause_after(&mut self, refusal: Option<Refusal>, now: Instant) -> bool {
        let pause = match refusal {
            Some(Refusal::RateLimited) => RATE_PAUSE,
            // The connection will close soon: a retry before that would be refused too.
            Some(Refusal::Draining) => REPLY_TIMEOUT,
            _ => return false,
        };
        self.paused_until = Some(now + pause);
        true
    }
}
