//! What one person tells another alone: to whom it may come, and that it does.

use super::{Key, Model, Say, Who, index_of};
use hobnob::reason::Refusal;

/// The private part of a message.
pub struct Private {
    /// The name it was told to.
    pub to: String,
    pub is_notice: bool,
    /// In no earlier call was it read by the relay.
    pub asked: u32,
    /// The peer that heard it.
    pub heard: Option<u32>,
}

/// A private message of which the relay said that it is on its way.
pub struct Passed {
    pub serial: u32,
    pub index: u64,
    /// It was let pass in one of these calls.
    pub from: u32,
    pub to: u32,
}

impl Model {
    /// A private message that somebody is about to send.
    pub fn tell(
        &mut self,
        serial: u32,
        person: usize,
        to: &str,
        is_notice: bool,
        bytes: &[u8],
    ) -> u64 {
        let asked = self.calls.len() as u32;
        let private = Private { to: to.to_owned(), is_notice, asked, heard: None };
        let private = Some(Box::new(private));
        let said = &mut self.speakers[serial as usize].said;
        said.push(Say { private, ..Say::of(person, bytes) });
        said.len() as u64 - 1
    }

    /// Somebody heard a private message at this time: where it stands among everything said.
    pub fn told_at(
        &mut self,
        hearer: u32,
        time: u64,
        sender: &str,
        is_notice: bool,
        bytes: &[u8],
    ) -> Key {
        let call = (time & 0xff_ffff_ffff) as u32;
        let who = self.calls.get(call as usize).map(|call| call.who);
        let Some(Who::Peer(serial)) = who else {
            panic!("[time] something was told in call {call}, by nobody");
        };
        let index = index_of(bytes, serial);
        let told = self.told_alone(hearer, serial, index, sender, (call, call));
        assert!(told.bytes[..] == *bytes, "[content] {serial}.{index} arrived altered");
        let noted = told.private.as_ref().map(|private| private.is_notice);
        assert_eq!(noted, Some(is_notice), "[content] {serial}.{index}: a notice, or none");
        (call, index)
    }

    /// Somebody heard the private message of that number, which was let pass in one of these calls.
    pub fn told_alone(
        &mut self,
        hearer: u32,
        serial: u32,
        index: u64,
        sender: &str,
        (from, to): (u32, u32),
    ) -> &Say {
        assert!(self.speakers[hearer as usize].hears, "[privacy] {hearer} asked for nothing");
        let speaker = self.speakers.get_mut(serial as usize).expect("[content] a sender");
        let say = speaker.said.get_mut(index as usize);
        let say = say.expect("[content] a message that its sender did not send");
        let private = say.private.as_mut();
        let private =
            private.unwrap_or_else(|| panic!("[privacy] {serial}.{index} was for a room"));
        let (name, before) = (private.to.clone(), private.heard.replace(hearer));
        assert!(before.is_none(), "[told twice] {serial}.{index}: {before:?} and {hearer}");
        let holders = self.names.holders(&name, from, to);
        assert!(holders.contains(&Some(hearer)), "[privacy] {hearer} heard what {name} was told");
        let senders = self.names.holders(sender, from, to);
        assert!(senders.contains(&Some(serial)), "[content] {serial}.{index} is not {sender}'s");
        &self.speakers[serial as usize].said[index as usize]
    }

    /// Somebody was asked into a room at this time: in which call that was.
    pub fn check_invited(&self, guest: u32, time: u64, by: &str, room: &[u8]) -> u32 {
        let call = (time & 0xff_ffff_ffff) as u32;
        let room = std::str::from_utf8(room).expect("[rights] a room's name");
        let number = room.get(1..).and_then(|number| number.parse().ok());
        let was_asked = |(to, name): &(usize, String)| {
            Some(*to) == number && self.names.holders(name, call, call).contains(&Some(guest))
        };
        assert!(
            self.invited.iter().any(was_asked),
            "[rights] {by} never asked {guest} into {room}"
        );
        let who = self.calls.get(call as usize).map(|call| call.who);
        let senders = self.names.holders(by, call, call);
        match who {
            Some(Who::Peer(serial)) => {
                assert!(senders.contains(&Some(serial)), "[content] {serial} is not {by}");
            }
            // It had to wait for messages to be kept, and was carried out once they were.
            Some(Who::Nobody) if self.kept.is_some() => {
                assert!(senders.iter().any(Option::is_some), "[content] nobody is {by}");
            }
            who => panic!("[time] {guest} was invited in call {call}, by {who:?}"),
        }
        call
    }

    /// Somebody is told what another says who is away: that one has said so.
    pub fn check_away(&self, words: &str, name: &str) {
        let serial = words.strip_prefix("away ").and_then(|serial| serial.parse().ok());
        let holders = self.names.holders(name, 0, u32::MAX);
        assert!(
            serial.is_some() && holders.contains(&serial),
            "[away] {name} never said {words:?}"
        );
    }

    /// True if a private message that was read in one of these calls may have been refused so.
    pub fn may_refuse(&self, refusal: Refusal, serial: u32, index: u64, from: u32) -> bool {
        let say = &self.speakers[serial as usize].said[index as usize];
        let Some(private) = &say.private else { return false };
        let holders = self.names.holders(&private.to, from, u32::MAX);
        let mut hears =
            holders.iter().flatten().map(|holder| self.speakers[*holder as usize].hears);
        match refusal {
            Refusal::NoSuchPerson => holders.contains(&None),
            Refusal::CannotHear => hears.any(|hears| !hears),
            Refusal::NotReading => hears.any(|hears| hears),
            _ => false,
        }
    }

    /// Everything was read that there was to read: what was let pass has arrived, if whoever it was
    /// for is still here.
    pub fn settle_private(&mut self, is_here: impl Fn(u32) -> bool) {
        for Passed { serial, index, from, to } in std::mem::take(&mut self.passed) {
            let say = &self.speakers[serial as usize].said[index as usize];
            let Some(private) = &say.private else { continue };
            let mut holders = self.names.holders(&private.to, from, to);
            holders.dedup();
            if let [Some(holder)] = holders[..] {
                let is_lost = private.heard.is_none() && is_here(holder);
                assert!(!is_lost, "[told arrives] {holder} never heard {serial}.{index}");
            }
        }
    }
}
