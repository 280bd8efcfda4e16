//! A client that speaks no protocol: a plain socket, or a browser's.

use super::action::{Action, Weights};
use super::{Kind, Peer};
use crate::model::{Model, Say, Speaker};
use crate::random::Random;
use crate::weather::Manners;
use std::collections::VecDeque;

/// How often a client without a protocol does what.
const ACTIONS: &Weights = &[
    (Action::Publish, |_| 1_000),
    (Action::Bye, |manners| manners.bye),
    (Action::Garbage, |manners| manners.garbage),
];

/// Bytes that a client without a protocol hears.
pub struct RawHearing {
    pub room: usize,
    pub epoch: u64,
    pub greeting: Vec<u8>,
    /// Bytes not yet compared.
    pub pending: VecDeque<u8>,
}

impl Peer {
    /// Publishes in messages of a WebSocket.
    pub(super) fn act_web_raw(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
    ) {
        match self.choose_action(ACTIONS, true, random, manners) {
            Action::Garbage => return self.garbage_in_frames(random),
            Action::Bye => return self.close(1000),
            _ => {}
        }
        let length = random.skewed(manners.largest).max(1);
        let message = self.payload(random, length, model);
        let is_text = std::str::from_utf8(&message).is_ok() && random.chance(500);
        let is_sure = !(self.has_rate || model.is_governed || model.may_fail);
        let echo = self.echo;
        let say = Say { echo, is_sure, is_text: Some(is_text), ..Say::of(self.person, &message) };
        model.speakers[self.serial as usize].said.push(say);
        self.write_message(is_text, &message);
    }

    /// Publishes in bytes of a plain socket.
    pub(super) fn act_raw(&mut self, random: &mut Random, manners: &Manners, model: &mut Model) {
        if !self.has_begun && random.chance(manners.garbage * 4) {
            self.is_bad = true;
            return self.write(b"GET / HTTP/1.1\r\n\r\n");
        }
        if self.kind == Kind::Chunk {
            let length = random.skewed(manners.largest).max(1);
            return self.write_chunk(length, model);
        }
        let action = self.choose_action(ACTIONS, true, random, manners);
        if action == Action::Garbage {
            self.is_bad = true;
            return self.write(&vec![b'-'; model.limits.message + 2]);
        }
        let length = random.skewed(manners.largest).max(1);
        let mut line = self.payload(random, length, model);
        line.retain(|byte| *byte != b'\n');
        let is_sure = !(self.has_rate || model.is_governed || model.may_fail);
        let say = Say { echo: self.echo, is_sure, ..Say::of(self.person, &line) };
        model.speakers[self.serial as usize].said.push(say);
        // The last line may lack its end, if the peer then hangs up.
        if action == Action::Bye {
            self.fin = true;
        } else {
            line.extend_from_slice(random.pick::<&[u8]>(&[b"\n", b"\r\n"]));
        }
        self.write(&line);
    }

    /// Writes bytes that the relay cuts into messages as it reads them.
    fn write_chunk(&mut self, length: usize, model: &mut Model) {
        let digits = b"0123456789abcdef\n";
        let at = self.written as usize;
        let bytes: Vec<u8> = (at..at + length).map(|at| digits[at * 7 % 17]).collect();
        let stream = &mut model.speakers[self.serial as usize].stream;
        stream.as_mut().expect("a plain socket").extend_from_slice(&bytes);
        self.write(&bytes);
    }
}

impl Speaker {
    pub fn of(kind: Kind, echo: bool) -> Self {
        let stream = (kind == Kind::Chunk).then(Vec::new);
        Self { stream, echo, is_raw: kind.is_raw(), ..Self::default() }
    }
}
