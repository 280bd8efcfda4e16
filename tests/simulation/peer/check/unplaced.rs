//! Messages that do not tell where in its room they stand: compared with the model once somebody else
//! has heard them with their place.

use super::super::heard::{Content, nick_in};
use super::super::seat::{ROOM, Seat};
use super::super::{Kind, Peer};
use crate::model::{HOST, Model};
use hobnob::id::Offset;
use hobnob::session::encode::irc::names::nick_of;
use std::collections::HashMap;

/// Most lines that a message becomes, and what the last of so many says.
pub(in super::super) const LINES: usize = 16;
pub(in super::super) const AND_MORE: &str = "[and more: the message is longer than fits here]";

/// One thing that was heard, until it can be compared.
#[derive(Debug)]
pub enum Unplaced {
    Joined {
        room: u32,
        call: u32,
        next: Offset,
    },
    Left {
        room: u32,
        call: u32,
    },
    /// A message, and whether it is text.
    Whole {
        is_text: bool,
        payload: Vec<u8>,
    },
    Line {
        room: u32,
        nick: String,
        text: String,
        msgid: Option<String>,
        floor: u32,
    },
    /// The last line of a direct message.
    Direct {
        serial: u32,
        index: u64,
    },
    Else,
}

impl Peer {
    pub(super) fn heed_unplaced(&mut self, room: u32, content: Content<'_>, model: &Model) {
        let unplaced = match content {
            Content::Whole { is_text, payload } => Unplaced::Whole { is_text, payload },
            Content::Line { person, text, msgid } => {
                if model.is_governed {
                    // Whoever was put out may have spoken from outside.
                    if self.is_called(nick_in(person)) && !self.is_in(room) {
                        return;
                    }
                    self.check_speech(room, person, model);
                }
                let (nick, text) = (nick_in(person).to_owned(), text.to_owned());
                Unplaced::Line { room, nick, text, msgid, floor: self.floor }
            }
        };
        self.unplaced.push_back(unplaced);
    }

    /// True if all that was heard was compared.
    pub fn is_compared(&self) -> bool {
        let is_plain_compared = self.raw.as_ref().is_none_or(|raw| raw.pending.is_empty());
        self.unplaced.is_empty() && self.begun.1 == 0 && is_plain_compared
    }

    /// Compares what was heard with what was said, as far as is known.
    pub fn compare(&mut self, model: &mut Model) {
        while self.compare_next(model) {
            self.unplaced.pop_front();
        }
        while self.compare_stream(model) {}
    }

    /// Compares the oldest; false if it is not known yet.
    fn compare_next(&mut self, model: &mut Model) -> bool {
        let serial = self.serial;
        let Some(front) = self.unplaced.front() else { return false };
        if let Unplaced::Line { .. } = front {
            return self.compare_line(model);
        }
        assert_eq!(self.begun.1, 0, "[cut] peer {serial} hears {front:?} in a message");
        match *front {
            Unplaced::Whole { is_text, ref payload } => {
                let Some(seat) = self.seats.get_mut(&ROOM) else { return false };
                let Some(told) = seat.next_due(serial, model) else { return false };
                let is_same = (is_text, &**payload) == (told.is_text, &*told.bytes);
                assert!(is_same, "[raw messages] peer {serial} at offset {}", seat.next);
                seat.next += 1;
            }
            Unplaced::Joined { room, call: joined, next } => {
                let epoch = self.irc_mut().epoch_of(room);
                let seat = Seat { room: room as usize, epoch, joined, next, ..Seat::default() };
                self.seats.insert(room, seat);
            }
            Unplaced::Left { room, call } => {
                let seat = self.seats.remove(&room).expect("[left] it was not there");
                model.let_go.push(seat.let_go(serial, call));
            }
            Unplaced::Direct { serial: from, index } => {
                note_order(&mut self.last_of, from, index, serial);
            }
            Unplaced::Line { .. } | Unplaced::Else => {}
        }
        true
    }

    /// Compares one line; false if what it is part of is not known yet.
    fn compare_line(&mut self, model: &Model) -> bool {
        let serial = self.serial;
        let Some(Unplaced::Line { room, nick, text, msgid, floor }) = self.unplaced.front() else {
            return false;
        };
        let (room, floor) = (*room, *floor);
        let seat = self.seats.get_mut(&room);
        let seat = seat.unwrap_or_else(|| panic!("[stranger] peer {serial} hears r{room}"));
        let Some(told) = seat.next_due(serial, model) else { return false };
        let place =
            format!("peer {serial} in r{room} at {}, said in call {}", seat.next, told.call);
        let (begun, lines) = &mut self.begun;
        *lines += 1;
        let is_first = *lines == 1;
        let is_over = is_last_line(begun, *lines, text, &text_of(&told.bytes), &place);
        assert_eq!(*nick, nick_of(&told.sender), "[lines] {place}: said by another");
        let id = msgid.as_ref().filter(|_| is_first);
        let wanted = id.map(|_| format!("{:016x}-{}", seat.epoch, seat.next));
        assert!(!is_first || *msgid == wanted, "[msgid] {place}: {msgid:?}, not {wanted:?}");
        if is_over {
            seat.next += 1;
            self.begun = (String::new(), 0);
        }
        if is_first {
            self.check_order_of(told.key, floor, &place);
            // Of who does not wait for the outcome, messages of several rooms are under way at once.
            let is_ordered = !model.is_doubtful && (told.serial != HOST || model.kept.is_none());
            if model.speakers[told.serial as usize].stream.is_none() && is_ordered {
                note_order(&mut self.last_of, told.serial, told.index, serial);
            }
        }
        true
    }

    /// Compares the next message in the bytes of a plain socket; false if it is not known yet.
    fn compare_stream(&mut self, model: &Model) -> bool {
        let serial = self.serial;
        let Some(raw) = self.raw.as_mut().filter(|raw| !raw.pending.is_empty()) else {
            return false;
        };
        let count = raw.greeting.len().min(raw.pending.len());
        if count > 0 {
            assert!(raw.pending.drain(..count).eq(raw.greeting.drain(..count)), "[greeting]");
            return true;
        }
        let Some(seat) = self.seats.get_mut(&ROOM) else { return false };
        let Some(told) = seat.next_due(serial, model) else { return false };
        let is_chunk = model.speakers[told.serial as usize].stream.is_some();
        let ends_line = match self.kind {
            _ if told.bytes.ends_with(b"\n") => false,
            Kind::Chunk => !is_chunk && told.is_text,
            _ => true,
        };
        let length = told.bytes.len() + usize::from(ends_line);
        if raw.pending.len() < length {
            let same = raw.pending.iter().zip(told.bytes.iter()).all(|(a, b)| a == b);
            assert!(same, "[raw stream] peer {serial} at offset {}", seat.next);
            return false;
        }
        let heard: Vec<u8> = raw.pending.drain(..length).collect();
        let is_same = heard.starts_with(&told.bytes) && (!ends_line || heard.ends_with(b"\n"));
        assert!(is_same, "[raw stream] peer {serial} at offset {}", seat.next);
        seat.next += 1;
        true
    }
}

/// Adds a line to what has begun; true if the message is whole then.
pub(super) fn is_last_line(
    begun: &mut String,
    lines: usize,
    text: &str,
    whole: &str,
    place: &str,
) -> bool {
    if lines == LINES && text == AND_MORE {
        assert!(begun.len() < whole.len(), "[lines] {place}: there is no more");
        return true;
    }
    assert!(lines <= LINES, "[lines] {place}: too many");
    begun.push_str(text);
    assert!(whole.starts_with(&*begun), "[lines] {place}: {text:?} of {whole:?}");
    begun.len() == whole.len()
}

/// Messages of one person arrive in the order in which they were said, to whomever.
fn note_order(last_of: &mut HashMap<u32, u64>, from: u32, index: u64, serial: u32) {
    let last = last_of.insert(from, index);
    let is_next = last.is_none_or(|last| index > last);
    assert!(is_next, "[order] peer {serial} hears {from}.{index} after {last:?}");
}

/// All that a message's lines say, one behind the other.
pub(super) fn text_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\0') {
        return format!("[{} bytes that are not text]", bytes.len());
    }
    let text: String = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    if text.is_empty() { " ".to_owned() } else { text }
}
