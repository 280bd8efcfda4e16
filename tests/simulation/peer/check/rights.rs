//! Rights in a channel: every client knows them by the lines alone, and so checks what all others
//! are let do.

use super::super::Peer;
use super::super::heard::nick_in;
use super::super::irc::Channel;
use super::super::rights::Modes;
use crate::model::Model;
use std::collections::BTreeSet;

impl Peer {
    fn channel(&mut self, room: u32) -> Option<&mut Channel> {
        self.irc_mut().channels.get_mut(&room)
    }

    /// Somebody changed who may do what.
    pub(super) fn heed_change(
        &mut self,
        room: u32,
        by: &str,
        letters: &str,
        params: &[&str],
        model: &Model,
    ) {
        self.check_order(room, by, false, model);
        self.tally.orders += 1;
        self.channel_heard(room).rights.change(letters, params);
    }

    /// Only operators give orders, as far as it is known who is one.
    pub(super) fn check_order(&mut self, room: u32, by: &str, is_topic: bool, model: &Model) {
        let serial = self.serial;
        let channel = self.channel_heard(room);
        let is_free = is_topic && !channel.rights.is_on('t');
        let is_known = channel.members.is_some() && !is_free;
        let may = channel.rights.operators.contains(by) || model.is_operator(by);
        assert!(
            !is_known || may,
            "[rights] peer {serial} obeys {by} in r{room}, who is no operator"
        );
    }

    /// Somebody says something in a channel: whoever is there knows whether that one may.
    pub(super) fn check_speech(&mut self, room: u32, person: &str, model: &Model) {
        let (serial, nick, hears_late) = (self.serial, nick_in(person), self.hears_late);
        if nick == "host" || model.is_operator(nick) {
            return;
        }
        let Some(channel) = self.channel(room) else { return };
        let (rights, members) = (&channel.rights, &channel.members);
        // Who is not known to be there may have a rank.
        let Some(members) = members else { return };
        let is_outside = !members.contains(nick);
        // It has left since, as a list of names has told.
        if is_outside && hears_late {
            return;
        }
        assert!(
            !(is_outside && rights.is_on('n')),
            "[rights] {nick} speaks in r{room} from outside"
        );
        if rights.operators.contains(nick) || rights.voices.contains(nick) {
            return;
        }
        assert!(!rights.is_on('m'), "[rights] peer {serial}: {nick} speaks in moderated r{room}");
        assert!(!rights.bans(person), "[rights] peer {serial}: {nick} is banned from r{room}");
    }

    /// Somebody else comes in.
    pub(super) fn check_coming(&mut self, room: u32, person: &str, model: &Model) {
        let (serial, nick) = (self.serial, nick_in(person));
        let Some(channel) = self.channel(room) else { return };
        channel.rights.others_came = true;
        // A limit may be set below how many are there.
        let limit = channel.rights.modes.as_ref().and_then(|modes| modes.limit);
        let is_over = limit.zip(channel.members.as_ref()).is_some_and(|(l, m)| m.len() > l);
        let rights = &channel.rights;
        if !(rights.is_on('i') || rights.bans(person) || is_over) {
            return;
        }
        let is_fair = model.is_operator(nick) || model.is_invited(nick, room as usize);
        assert!(is_fair, "[rights] peer {serial}: {nick} comes into r{room} all the same");
    }

    /// Checks a channel's demands against what is known of them.
    pub(super) fn heed_modes(&mut self, room: u32, modes: Modes, model: &Model) {
        let serial = self.serial;
        let nick = self.irc_mut().nick.clone();
        let Some(channel) = self.channel(room) else { return };
        if let Some(known) = &channel.rights.modes {
            assert_eq!(*known, modes, "[rights] peer {serial} of r{room}");
        }
        if let Some(has_key) = channel.rights.came {
            let is_fair = model.is_operator(&nick) || model.is_invited(&nick, room as usize);
            let others = channel.rights.others_came;
            let count = modes.limit.zip(channel.members.as_ref());
            let is_full = !others && count.is_some_and(|(limit, members)| members.len() > limit);
            let is_shut = modes.switches.contains(&'i') || modes.key.is_some() && !has_key;
            assert!(is_fair || !(is_shut || is_full), "[rights] peer {serial} came into r{room}");
        }
        channel.rights.modes = Some(modes);
    }

    /// All who may not come in.
    pub(super) fn heed_bans(&mut self, room: u32, listed: BTreeSet<String>, model: &Model) {
        let (serial, nick) = (self.serial, self.irc_mut().nick.clone());
        let Some(channel) = self.channel(room) else { return };
        if let Some(known) = &channel.rights.bans {
            assert_eq!(*known, listed, "[rights] peer {serial} of r{room}");
        }
        channel.rights.bans = Some(listed);
        if channel.rights.came.is_some() && channel.rights.bans(&format!("{nick}!~u@there")) {
            let is_fair = model.is_operator(&nick) || model.is_invited(&nick, room as usize);
            assert!(is_fair, "[rights] peer {serial} came into r{room}, from which it is banned");
        }
    }
}
