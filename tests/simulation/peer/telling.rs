//! What a client tells another alone, and what it is told.

use super::irc::{AND_MORE, LINES, text_of};
use super::{Peer, Want};
use crate::model::{Model, Passed};
use crate::random::Random;
use crate::weather::Manners;
use hobnob::reason::Refusal;
use hobnob::wire::frame::ClientFrame;
use hobnob::wire::irc::{LINE_MAX, Line};
use std::borrow::Cow;

/// Lines that somebody tells a client of IRC alone, and that are one message.
pub struct Telling {
    serial: u32,
    index: u64,
    is_notice: bool,
    whole: String,
    begun: String,
    lines: usize,
}

/// Somebody to tell something, in this spelling of the name or another; or nobody.
fn whom(random: &mut Random, model: &Model) -> String {
    let name = model.names.pick(random).filter(|_| random.chance(970)).unwrap_or("nobody");
    if random.chance(100) { name.to_ascii_uppercase() } else { name.to_owned() }
}

impl Peer {
    /// In frames.
    pub(super) fn tell(&mut self, random: &mut Random, manners: &Manners, model: &mut Model) {
        let (name, notice) = (whom(random, model), random.chance(300));
        let length = random.skewed(manners.largest);
        let payload = self.payload(random, length, model);
        let index = model.tell(self.serial, self.person, &name, notice, &payload);
        let request = self.request();
        let (name, payload) = (Cow::Owned(name), Cow::Owned(payload));
        let tell = ClientFrame::Tell { request, notice, name, payload };
        self.ask(&tell, Want::Passed { request, index });
    }

    /// In lines. The answer to the ping behind it says that there is none to it.
    pub(super) fn tell_line(&mut self, random: &mut Random, manners: &Manners, model: &mut Model) {
        let (name, is_notice) = (whom(random, model), random.chance(300));
        let index = model.speakers[self.serial as usize].said.len();
        let mut text = format!("{}.{index};", self.serial);
        let most = random.skewed(manners.largest).min(LINE_MAX - 120);
        text.push_str(&"t".repeat(most.saturating_sub(text.len())));
        let index = model.tell(self.serial, self.person, &name, is_notice, text.as_bytes());
        let verb = if is_notice { "NOTICE" } else { "PRIVMSG" };
        self.line(&format!("{verb} {name} :{text}"));
        self.expect_next(Want::Told { index, is_notice, is_echoed: false });
        self.ping_line(random);
    }

    /// A frame says what somebody told this peer.
    pub(super) fn told(
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
        let last = self.last.replace(key);
        let is_next = last.is_none_or(|last| key > last);
        assert!(is_next, "[order] peer {serial} is told {key:?} after {last:?}");
        assert!(key.0 >= floor, "[reply overtakes] peer {serial} is told {key:?} after {floor}");
        self.tally.told += 1;
    }

    /// What it told somebody is on its way.
    pub(super) fn passed(&mut self, request: u64, time: u64, away: &str, model: &mut Model) {
        let asked = self.answered("passed");
        let Want::Passed { request: wanted, index } = asked else {
            panic!("[replies in order] passed for {asked:?}");
        };
        assert_eq!(request, wanted, "[replies in order] passed");
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

    /// A line says what somebody told this peer, or is its own copy; whose message that was, if it was
    /// the last line of it.
    pub(super) fn told_line(
        &mut self,
        line: &Line<'_>,
        is_own: bool,
        model: &mut Model,
    ) -> Option<(u32, u64)> {
        let (target, text) = (line.params[0], line.params[1]);
        let is_notice = line.command == "NOTICE";
        if is_own && self.is_echo(text, is_notice, model) {
            return None;
        }
        let serial = self.serial;
        let last_call = model.calls.len() as u32 - 1;
        let irc = self.irc.as_mut().expect("a client of IRC");
        assert_eq!(target, irc.nick, "[privacy] peer {serial} hears what another is told");
        let telling = irc.telling.get_or_insert_with(|| {
            let (from, index) = header_of(text).expect("[content] a header");
            let sender = line.source.and_then(|source| source.split('!').next());
            let say = model.speakers[from as usize].said.get(index as usize);
            let private = say.and_then(|say| say.private.as_ref());
            let asked = private.expect("[privacy] that was for a room").asked;
            let calls = (asked, last_call);
            let say = model.told_alone(serial, from, index, sender.unwrap_or_default(), calls);
            let is_notice = say.private.as_ref().is_some_and(|private| private.is_notice);
            let (whole, begun, lines) = (text_of(&say.bytes), String::new(), 0);
            Telling { serial: from, index, is_notice, whole, begun, lines }
        });
        let place = format!("peer {serial}, told {}.{}", telling.serial, telling.index);
        assert_eq!(telling.is_notice, is_notice, "[content] {place}: a notice, or none");
        telling.lines += 1;
        if telling.lines < LINES || text != AND_MORE {
            assert!(telling.lines <= LINES, "[lines] {place}: too many");
            telling.begun.push_str(text);
            let is_begun = telling.whole.starts_with(&telling.begun);
            assert!(is_begun, "[lines] {place}: {text:?} of {:?}", telling.whole);
            if telling.begun.len() < telling.whole.len() {
                return None;
            }
        }
        self.tally.told += 1;
        irc.telling.take().map(|telling| (telling.serial, telling.index))
    }

    /// Whether it is its own copy of what it has told somebody.
    fn is_echo(&mut self, text: &str, is_notice: bool, model: &Model) -> bool {
        let wants_echo = self.irc_mut().caps.contains("echo-message");
        let said = &model.speakers[self.serial as usize].said;
        let front = self.asked.iter_mut().find(|asked| !matches!(asked.want, Want::Perhaps));
        match front.map(|asked| &mut asked.want) {
            Some(Want::Told { index, is_notice: wanted, is_echoed })
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

    /// What it told somebody first was not refused.
    pub(super) fn was_told(&mut self) {
        let wants_echo = self.irc_mut().caps.contains("echo-message");
        let Some(asked) = self.asked.front() else { return };
        let Want::Told { index, is_notice, is_echoed } = asked.want else { return };
        let (is_sure, is_quiet) = (!(self.has_rate || is_notice), self.has_rate || is_notice);
        assert!(is_quiet || is_echoed == wants_echo, "[echo] {}.{index}", self.serial);
        if is_echoed || is_sure {
            let from = self.read_in(asked.end);
            self.accepted.push((index, from));
        }
    }

    /// What it told somebody is not passed on, and why.
    pub(super) fn not_told(&mut self, line: &Line<'_>, model: &Model) {
        let refusals: &[Refusal] = match line.command {
            "401" => &[Refusal::NoSuchPerson],
            _ => &[Refusal::CannotHear, Refusal::NotReading],
        };
        while self.asked.front().is_some_and(|asked| matches!(asked.want, Want::Perhaps)) {
            self.asked.pop_front();
        }
        let asked = self.asked.pop_front();
        let Some(Want::Told { index, is_notice: false, .. }) = asked.as_ref().map(|a| &a.want)
        else {
            panic!("[replies in order] {line:?} for {:?}", asked.map(|asked| asked.want));
        };
        let from = self.read_in(asked.as_ref().map_or(0, |asked| asked.end));
        let may = |refusal: &Refusal| model.may_refuse(*refusal, self.serial, *index, from);
        assert!(refusals.iter().any(may), "[refusal] {line:?} of {}.{index}", self.serial);
    }

    /// What was let pass, now that the model can be told.
    pub(super) fn note_accepted(&mut self, model: &mut Model) {
        let (serial, to) = (self.serial, model.calls.len() as u32 - 1);
        let passed = self.accepted.drain(..);
        model.passed.extend(passed.map(|(index, from)| Passed { serial, index, from, to }));
    }
}

/// Whose message, and which, a text says it is.
fn header_of(text: &str) -> Option<(u32, u64)> {
    let (serial, index) = text.split(';').next()?.split_once('.')?;
    Some((serial.parse().ok()?, index.parse().ok()?))
}
