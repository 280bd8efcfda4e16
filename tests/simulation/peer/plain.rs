//! A client that speaks no protocol: a plain socket, or a browser's.

use super::action::{Action, Weights};
use super::{Kind, Peer};
use crate::model::{Model, Say, Speaker, Told};
use crate::random::Random;
use crate::weather::Manners;
use hobnob::id::Offset;
use std::collections::VecDeque;

/// How often a client without a protocol does what.
const ACTIONS: &Weights = &[
    (Action::Publish, |_| 1_000),
    (Action::Bye, |manners| manners.bye),
    (Action::Garbage, |manners| manners.garbage),
];

pub struct RawHearing {
    pub room: usize,
    pub epoch: u64,
    /// In which call it came to be in its room.
    pub joined: Option<u32>,
    pub next: Offset,
    pub greeting: Vec<u8>,
    pub pending: VecDeque<u8>,
    /// For browsers: whether each is text, and what it says.
    pub messages: VecDeque<(bool, Vec<u8>)>,
}

impl RawHearing {
    /// Whether the peer is to hear this.
    pub fn is_due(&self, told: &Told, serial: u32) -> bool {
        let is_own = told.serial == serial;
        let is_later = |joined| told.call > joined || told.call == joined && is_own;
        self.joined.is_some_and(is_later) && (!is_own || told.echo)
    }

    /// Whether it heard nothing that was not said.
    pub fn is_compared(&self) -> bool {
        self.pending.is_empty() && self.messages.is_empty()
    }
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
        let is_sure = !(self.has_rate || model.is_governed);
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
        let is_sure = !(self.has_rate || model.is_governed);
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

    /// For plain sockets: the bytes are exactly what was said since it came, as far as is known.
    pub fn compare(&mut self, model: &mut Model) {
        let serial = self.serial;
        if let Some(irc) = &mut self.irc {
            return irc.compare(serial, model);
        }
        let Some(raw) = &mut self.raw else { return };
        while let Some((is_text, message)) = raw.messages.front().filter(|_| raw.joined.is_some()) {
            let told = model.told(raw.epoch, raw.next);
            let Some(told) = told else { return };
            if raw.is_due(told, serial) {
                let heard = (*is_text, &**message);
                let is_same = heard == (told.is_text, &*told.bytes);
                assert!(is_same, "[raw messages] peer {serial} at offset {}", raw.next);
                raw.messages.pop_front();
            }
            raw.next += 1;
        }
        while !raw.pending.is_empty() {
            let count = raw.greeting.len().min(raw.pending.len());
            if count > 0 {
                assert!(raw.pending.drain(..count).eq(raw.greeting.drain(..count)), "[greeting]");
                continue;
            }
            let Some(log) = model.log(raw.epoch) else { return };
            let Some(told) = log.told.get(raw.next as usize - 1).and_then(Option::as_ref) else {
                return;
            };
            if !raw.is_due(told, serial) {
                raw.next += 1;
                continue;
            }
            let is_chunk = model.speakers[told.serial as usize].stream.is_some();
            let ends_line = match self.kind {
                _ if told.bytes.ends_with(b"\n") => false,
                Kind::Chunk => !is_chunk && told.is_text,
                _ => true,
            };
            let length = told.bytes.len() + usize::from(ends_line);
            if raw.pending.len() < length {
                let same = raw.pending.iter().zip(told.bytes.iter()).all(|(a, b)| a == b);
                assert!(same, "[raw stream] peer {} at offset {}", self.serial, raw.next);
                return;
            }
            let heard: Vec<u8> = raw.pending.drain(..length).collect();
            let is_same = heard.starts_with(&told.bytes) && (!ends_line || heard.ends_with(b"\n"));
            assert!(is_same, "[raw stream] peer {} at offset {}", self.serial, raw.next);
            raw.next += 1;
        }
    }
}

impl Speaker {
    pub fn of(kind: Kind, echo: bool) -> Self {
        let stream = (kind == Kind::Chunk).then(Vec::new);
        Self { stream, echo, is_raw: kind.is_raw(), ..Self::default() }
    }
}
