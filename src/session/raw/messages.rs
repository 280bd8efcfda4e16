//! A browser's plain socket: the session publishes every WebSocket message in one room.

use super::{hello, join};
use crate::hub::{Command, Reply};
use crate::id::RoomId;
use crate::limits::Limits;
use crate::payload::Form;
use crate::session::action::{Action, Outcome, RequestId};
use crate::session::carrier::Carrier;
use crate::session::dialect::Language;
use crate::session::fault::Fault;
use crate::session::protocol::{OverMessages, Protocol};
use crate::session::service::Service;
use crate::session::view::View;
use std::borrow::Cow;

/// The state of one browser's plain socket.
#[derive(Debug)]
pub struct RawMessages {
    room: Option<RoomId>,
    /// The name of the room to join, until the join is requested.
    wanted: Option<Box<str>>,
    echo: bool,
    has_said_hello: bool,
    is_greeted: bool,
}

impl RawMessages {
    /// Returns a conversation for the room of this name. With `echo`, the sender receives its own
    /// messages.
    pub fn new(room: &str, echo: bool) -> Self {
        let wanted = Some(room.into());
        Self { room: None, wanted, echo, has_said_hello: false, is_greeted: false }
    }
}

impl OverMessages for RawMessages {
    fn message_max(&self, _: bool, limits: &Limits) -> usize {
        limits.message
    }

    fn receive_message<'a>(
        &mut self,
        is_text: bool,
        message: &'a [u8],
        _: &View<'_>,
    ) -> Result<Action<'a>, Fault> {
        let Some(room) = self.room else { return Ok(Action::Nothing) };
        let form = if is_text { Form::Text } else { Form::Binary };
        let (echo, bytes) = (self.echo, Cow::Borrowed(message));
        let publish = Command::from_member(room, 0, echo, bytes, form);
        Ok(Action::Command(RequestId::NONE, publish))
    }
}

impl Protocol for RawMessages {
    const COMPRESSES: bool = true;

    /// Returns the hello that requests a guest name, then the join.
    fn poll_action(&mut self, _: Carrier, _: &View<'_>) -> Option<Action<'static>> {
        if !std::mem::replace(&mut self.has_said_hello, true) {
            return Some(hello());
        }
        self.wanted.take().map(|room| join(&room))
    }

    fn has_actions(&self) -> bool {
        !self.has_said_hello || self.wanted.is_some()
    }

    fn deliver(&mut self, _: Carrier, _: RequestId, reply: &Reply, _: &View<'_>, _: &mut Vec<u8>) {
        match reply {
            Reply::Welcome { .. } => self.is_greeted = true,
            Reply::Joined { room, .. } => self.room = Some(*room),
            _ => {}
        }
    }

    fn completed(&mut self, _: Carrier, _: RequestId, _: Outcome, _: &View<'_>, _: &mut Vec<u8>) {}

    fn write_pong(&self, _: Carrier, _: u64, _: &mut Vec<u8>) {}

    fn write_draining(&self, _: Carrier, _: &View<'_>, _: &mut Vec<u8>) {}

    fn write_close(&self, _: Carrier, _: &Fault, _: &mut Vec<u8>) {}

    fn language(&self, _: &Service) -> Language {
        Language::Chunk
    }

    fn can_tell_refusal(&self) -> bool {
        false
    }

    fn has_one_room(&self) -> bool {
        true
    }

    fn is_greeted(&self) -> bool {
        self.is_greeted
    }
}
