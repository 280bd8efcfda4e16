//! A client of IRC among operators: what it does to a channel.

use super::Peer;
use super::want::Want;
use crate::model::Model;
use crate::random::Random;
use std::collections::BTreeSet;

/// The one that nobody bans or kicks: the auditor.
const SPARED: &str = "guest1";

/// One thing that an operator does to a channel.
#[derive(Clone, Copy, Debug)]
enum Order {
    Change,
    Kick,
    Invite,
    Topic,
    AskRights,
}

const ORDERS: &[(Order, usize)] = &[
    (Order::Change, 7),
    (Order::Kick, 4),
    (Order::Invite, 1),
    (Order::Topic, 1),
    (Order::AskRights, 3),
];

impl Peer {
    /// Does something as an operator does, or asks what is so.
    pub(super) fn moderate(&mut self, room: u32, random: &mut Random, model: &mut Model) {
        let speaker = &mut model.speakers[self.serial as usize];
        if !speaker.is_operator && random.chance(600) {
            speaker.is_operator = true;
            return self.order("OPER op secret", random);
        }
        if random.chance(50) && !std::mem::replace(&mut self.irc_mut().has_guessed, true) {
            return self.order("OPER op guess", random);
        }
        let members = self.irc_mut().channels[&room].members.iter().flatten();
        let mut members: Vec<String> = members.filter(|nick| *nick != SPARED).cloned().collect();
        members.sort_unstable();
        let member = match members.is_empty() {
            true => "nobody".to_owned(),
            false => random.pick(&members).clone(),
        };
        match self.choose(ORDERS, random) {
            Order::Change => {
                let change = self.irc_mut().channels[&room].rights.next(&member, random);
                self.order(&format!("MODE #r{room} {change}"), random);
            }
            Order::Kick => self.order(&format!("KICK #r{room} {member} :out with you"), random),
            Order::Invite => {
                let whom = model.names.pick(random).unwrap_or(SPARED).to_owned();
                model.invited.push((room as usize, whom.clone()));
                self.order(&format!("INVITE {whom} #r{room}"), random);
            }
            Order::Topic => self.order(&format!("TOPIC #r{room} :{}", random.below(9)), random),
            Order::AskRights => self.ask_rights(room),
        }
    }

    /// Sends a line that may be answered in many ways, or not at all. The answer to the ping behind it
    /// is the end of it.
    fn order(&mut self, line: &str, random: &mut Random) {
        self.line(line.trim_end());
        self.expect_next(Want::Perhaps);
        self.ping_line(random);
    }

    /// Is away, or back.
    pub(super) fn go_away(&mut self, random: &mut Random) {
        let is_away = random.chance(600);
        let words = if is_away { format!("AWAY :away {}", self.serial) } else { "AWAY".to_owned() };
        self.ask_line(&words, Want::Away(is_away));
    }

    /// Asks which channels there are. It must be shown some, and may be shown others.
    pub fn ask_channels(&mut self, must: BTreeSet<usize>, may: BTreeSet<usize>) {
        self.irc_mut().shown.clear();
        self.ask_line("LIST", Want::Channels { must, may });
    }

    /// True if a channel is kept secret, as far as this client knows.
    pub fn knows_secret(&self, room: usize) -> Option<bool> {
        let channel = self.irc.as_ref()?.channels.get(&(room as u32))?;
        channel.rights.modes.as_ref().map(|modes| modes.switches.contains(&'s'))
    }

    /// True if messages in a channel are for its members alone, as far as this client knows.
    pub fn knows_closed(&self, room: usize) -> Option<bool> {
        let channel = self.irc.as_ref()?.channels.get(&(room as u32))?;
        let modes = channel.rights.modes.as_ref()?;
        let is_open = !(modes.switches.contains(&'i') || modes.switches.contains(&'s'));
        Some(!is_open || modes.key.is_some())
    }

    /// Asks who may do what in a channel.
    pub(super) fn ask_rights(&mut self, room: u32) {
        self.ask_line(&format!("MODE #r{room}"), Want::Modes(room));
        self.ask_line(&format!("MODE #r{room} b"), Want::Bans(room));
    }
}
