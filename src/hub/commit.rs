//! Commit: a message that was let through is given its offset, kept, delivered and acknowledged.

use super::event::Event;
use super::proposal::{Answer, Draft, Speaker};
use super::reply::Reply;
use super::state::{Hub, room_mut};
use crate::id::{Offset, RoomId};
use crate::now::Now;
use crate::payload::Message;
use std::rc::Rc;

impl Hub {
    /// Puts a message forward that has passed every check, and answers its sender with the outcome.
    /// Returns the offset if the message is kept at once.
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
        let kept = self.history.append(history, message, said_id, now.tick(), &self.limits);
        if let Some(at) = kept.remind {
            self.events.push_back(Event::Remind(id, at));
        }
        let offset = kept.message.offset;
        match speaker.filter(|speaker| speaker.answer != Answer::Nothing) {
            None => self.events.push_back(Event::Deliver { room: id, message: kept.message, skip }),
            Some(speaker) => {
                let message = Rc::clone(&kept.message);
                self.events.push_back(Event::Deliver { room: id, message, skip });
                self.acknowledge(id, speaker, offset, Some(kept.message));
            }
        }
        Some(offset)
    }

    /// Tells a sender that its message is kept at this offset. The message itself may be gone by now.
    pub(super) fn acknowledge(
        &mut self,
        id: RoomId,
        speaker: Speaker,
        offset: Offset,
        message: Option<Rc<Message>>,
    ) {
        let reply = match speaker.answer {
            Answer::Nothing => return,
            Answer::Ack(ack) => Reply::Ack { room: id, id: ack, offset },
            Answer::Echo => match message {
                Some(message) => Reply::Echo { room: id, message },
                None => return,
            },
            Answer::Published { sender, unix_ms } => {
                let Some(room) = self.room(id) else { return };
                let (room, epoch) = (Rc::clone(&room.name), room.epoch);
                let (unix_ms, sender) = match message {
                    Some(message) => (message.unix_ms, Rc::clone(&message.sender.name)),
                    None => (unix_ms, sender),
                };
                Reply::Published { room, epoch, offset, unix_ms, sender }
            }
        };
        self.events.push_back(Event::Reply(speaker.conn, speaker.request, reply));
    }
}
