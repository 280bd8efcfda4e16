//! Direct messages: to the one they are for, once, in order; and a refusal only where one is fair.

use super::super::Peer;
use super::super::want::Want;
use super::unplaced::{Unplaced, is_last_line, text_of};
use crate::model::{Model, Passed};
use hobnob::reason::Refusal;

/// A direct message of which not all lines have come.
pub struct OpenDirect {
    serial: u32,
    index: u64,
    is_notice: bool,
    whole: String,
    begun: String,
    lines: usize,
}

impl Peer {
    /// A whole direct message to this peer.
    pub(super) fn direct_message(
        &mut self,
        time: u64,
        is_notice: bool,
        sender: &str,
        bytes: &[u8],
        model: &mut Model,
    ) {
        let (serial, floor) = (self.serial, self.floor);
        if let Some(room) = bytes.strip_prefix(b"invites you to ") {
            let call = model.check_invited(serial, time, sender, room);
            let is_next = call >= floor && self.last.is_none_or(|last| call >= last.0);
            return assert!(is_next, "[order] peer {serial} is invited in {call}, after {floor}");
        }
        let key = model.told_at(serial, time, sender, is_notice, bytes);
        self.check_order_of(key, floor, &"told alone");
        self.tally.told += 1;
    }

    /// One line of a direct message to this peer, or of its own copy.
    pub(super) fn direct_line(
        &mut self,
        is_notice: bool,
        sender: &str,
        target: Option<&str>,
        bytes: &[u8],
        model: &mut Model,
    ) {
        let text = std::str::from_utf8(bytes).expect("[lines] all is UTF-8");
        if self.is_called(sender) && self.is_echo(text, is_notice, model) {
            return;
        }
        let serial = self.serial;
        let is_own = target.is_some_and(|target| self.is_called(target));
        assert!(is_own, "[privacy] peer {serial} hears what another is told");
        let open_direct =
            self.open_direct.get_or_insert_with(|| begun(serial, sender, text, model));
        let place = format!("peer {serial}, told {}.{}", open_direct.serial, open_direct.index);
        assert_eq!(open_direct.is_notice, is_notice, "[content] {place}: a notice, or none");
        open_direct.lines += 1;
        let (lines, whole) = (open_direct.lines, &open_direct.whole);
        if is_last_line(&mut open_direct.begun, lines, text, whole, &place) {
            let (serial, index) = (open_direct.serial, open_direct.index);
            self.unplaced.push_back(Unplaced::Direct { serial, index });
            self.tally.told += 1;
            self.open_direct = None;
        }
    }

    /// Its direct message is on its way.
    pub(super) fn passed(&mut self, request: u64, time: u64, away: &str, model: &mut Model) {
        let index = self.answer("passed", |want| match want {
            Want::Passed { request: wanted, index } if *wanted == request => Some(*index),
            _ => None,
        });
        let (serial, call) = (self.serial, (time & 0xff_ffff_ffff) as u32);
        assert!(call >= self.floor, "[time] {serial}.{index} was let pass in call {call}");
        let say = &model.speakers[serial as usize].said[index as usize];
        let private = say.private.as_ref().expect("[replies in order] passed");
        if !away.is_empty() {
            assert!(!private.is_notice, "[away] {away:?} answers a notice");
            model.check_away(away, &private.to);
        }
        model.passed.push(Passed { serial, index, from: call, to: call });
    }

    /// True if it is the peer's own copy of a direct message.
    fn is_echo(&mut self, text: &str, is_notice: bool, model: &Model) -> bool {
        let wants_echo = self.irc_mut().caps.contains("echo-message");
        let said = &model.speakers[self.serial as usize].said;
        let front = self.asked.iter_mut().find(|asked| !matches!(asked.want, Want::Perhaps));
        match front.map(|asked| &mut asked.want) {
            Some(Want::Direct { index, is_notice: wanted, is_echoed })
                if wants_echo && !*is_echoed =>
            {
                assert_eq!(*said[*index as usize].bytes, *text.as_bytes(), "[echo] of another");
                assert_eq!(*wanted, is_notice, "[echo] a notice, or none");
                *is_echoed = true;
                true
            }
            _ => false,
        }
    }

    /// Its oldest direct message was not refused.
    pub(in super::super) fn direct_accepted(&mut self) {
        let wants_echo = self.irc_mut().caps.contains("echo-message");
        let Some(asked) = self.asked.front() else { return };
        let Want::Direct { index, is_notice, is_echoed } = asked.want else { return };
        let (is_sure, is_quiet) = (!(self.has_rate || is_notice), self.has_rate || is_notice);
        assert!(is_quiet || is_echoed == wants_echo, "[echo] {}.{index}", self.serial);
        if is_echoed || is_sure {
            let from = self.read_in(asked.end);
            self.accepted.push((index, from));
        }
    }

    /// Its direct message is not passed on: nobody has that name, or that one does not hear.
    pub(super) fn direct_refused(&mut self, is_deaf: bool, model: &Model) {
        let refusals: &[Refusal] = match is_deaf {
            true => &[Refusal::CannotHear, Refusal::NotReading],
            false => &[Refusal::NoSuchPerson],
        };
        while self.asked.front().is_some_and(|asked| matches!(asked.want, Want::Perhaps)) {
            self.asked.pop_front();
        }
        let asked = self.asked.pop_front();
        let Some(Want::Direct { index, is_notice: false, .. }) = asked.as_ref().map(|a| &a.want)
        else {
            let asked = asked.map(|asked| asked.want);
            panic!("[replies in order] {refusals:?} for {asked:?}");
        };
        let from = self.read_in(asked.as_ref().map_or(0, |asked| asked.end));
        let may = |refusal: &Refusal| model.may_refuse(*refusal, self.serial, *index, from);
        let is_right = refusals.iter().any(may);
        assert!(is_right, "[refusal] {refusals:?} of {}.{index}", self.serial);
    }

    /// Notes the direct messages that were let pass, now that the model is at hand.
    pub(super) fn note_accepted(&mut self, model: &mut Model) {
        let (serial, to) = (self.serial, model.calls.len() as u32 - 1);
        let passed = self.accepted.drain(..);
        model.passed.extend(passed.map(|(index, from)| Passed { serial, index, from, to }));
    }
}

/// Finds a direct message by its first line.
fn begun(serial: u32, sender: &str, text: &str, model: &mut Model) -> OpenDirect {
    let last_call = model.calls.len() as u32 - 1;
    let (from, index) = header_of(text).expect("[content] a header");
    let say = model.speakers[from as usize].said.get(index as usize);
    let private = say.and_then(|say| say.private.as_ref());
    let asked = private.expect("[privacy] that was for a room").asked;
    let say = model.told_alone(serial, from, index, sender, (asked, last_call));
    let is_notice = say.private.as_ref().is_some_and(|private| private.is_notice);
    let (whole, begun, lines) = (text_of(&say.bytes), String::new(), 0);
    OpenDirect { serial: from, index, is_notice, whole, begun, lines }
}

/// The sender and the number of a message, by its text.
fn header_of(text: &str) -> Option<(u32, u64)> {
    let (serial, index) = text.split(';').next()?.split_once('.')?;
    Some((serial.parse().ok()?, index.parse().ok()?))
}
