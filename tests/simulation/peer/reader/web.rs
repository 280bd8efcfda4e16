//! Messages of a WebSocket, whatever they carry.

use super::super::heard::{Content, Heard};
use super::super::seat::ROOM;
use super::super::want::Token;
use super::super::web::Came;
use super::super::{Kind, Peer, Person};
use crate::model::Model;

impl Peer {
    pub(super) fn read_web(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        people: &mut Vec<Person>,
    ) -> Option<usize> {
        let (came, length) = self.web.as_mut()?.unwrap(bytes)?;
        match came {
            Some(Came::Text(message)) => self.read_message(true, message, model, people),
            Some(Came::Binary(message)) => self.read_message(false, message, model, people),
            Some(Came::Ping(token)) => self.pong(Token::Bytes(token)),
            Some(Came::Pong(token)) => self.ponged(&Token::Bytes(token)),
            Some(Came::Close) | None => {}
        }
        Some(length)
    }

    fn read_message(
        &mut self,
        is_text: bool,
        mut message: Vec<u8>,
        model: &mut Model,
        people: &mut Vec<Person>,
    ) {
        if self.raw.is_some() {
            let content = Content::Whole { is_text, payload: message };
            return self.heed(Heard::Unplaced { room: ROOM, content }, model, people);
        }
        if self.irc.is_some() {
            assert_eq!(is_text, self.is_text, "[spelling] peer {}", self.serial);
            return self.heed_line(&message, model, people);
        }
        // Whoever has not said how it spells is spoken to in JSON.
        let is_json = self.kind == Kind::Json || !self.greeted && is_text;
        assert_eq!(is_text, is_json, "[spelling] peer {}", self.serial);
        if is_json {
            message.push(b'\n');
        } else {
            message.splice(..0, (message.len() as u32).to_be_bytes());
        }
        self.read_whole_frame(is_json, &message, model, people);
    }
}
