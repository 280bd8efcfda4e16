//! A client of IRC among operators: what it does to a channel, and what it knows of who may do what
//! there. It knows it by the lines alone, so that every client checks what all others are let do.

use super::Peer;
use super::irc::{Answer, Channel};
use crate::model::Model;
use crate::random::Random;
use hobnob::session::encode::irc::mask;
use hobnob::wire::irc::Line;
use std::collections::{BTreeSet, HashSet};

/// What opens every channel that has a key.
pub const KEY: &str = "sesame";

/// Whom nobody bans or puts out: the auditor.
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

/// One change of a channel's modes.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Of moderated, no messages from outside, secret, topic for operators.
    Switch,
    InviteOnly,
    Key,
    Limit,
    Ban,
    Operator,
    Voice,
}

const CHANGES: &[(Change, usize)] = &[
    (Change::Switch, 3),
    (Change::InviteOnly, 1),
    (Change::Key, 1),
    (Change::Limit, 1),
    (Change::Ban, 3),
    (Change::Operator, 1),
    (Change::Voice, 2),
];

/// What a channel demands of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    switches: BTreeSet<char>,
    key: Option<String>,
    limit: Option<usize>,
}

/// What a client knows of the rights in a channel.
#[derive(Default)]
pub struct Rights {
    /// Since it has asked.
    modes: Option<Modes>,
    bans: Option<BTreeSet<String>>,
    /// The list that is being shown.
    listed: BTreeSet<String>,
    /// As long as it knows who is there.
    pub operators: HashSet<String>,
    /// The same; and some who may have a voice, because that is not shown beside a higher rank.
    pub voices: HashSet<String>,
    /// It came in, with the key or without, and nothing was changed since.
    pub came: Option<bool>,
}

impl Rights {
    /// A member is gone, and its rank with it.
    pub fn went(&mut self, nick: &str) {
        self.operators.remove(nick);
        self.voices.remove(nick);
    }

    /// Everybody with a rank is known, or with the highest that each has.
    pub fn listed_ranks(
        &mut self,
        operators: HashSet<String>,
        voices: HashSet<String>,
        shows_all: bool,
    ) {
        self.voices = voices;
        if !shows_all {
            self.voices.extend(operators.iter().cloned());
        }
        self.operators = operators;
    }

    /// A member is called something else.
    pub fn renamed(&mut self, nick: &str, name: &str, is_own: bool) {
        if is_own {
            self.came = None;
        }
        for ranked in [&mut self.operators, &mut self.voices] {
            if ranked.remove(nick) {
                ranked.insert(name.to_owned());
            }
        }
    }

    fn is_on(&self, switch: char) -> bool {
        self.modes.as_ref().is_some_and(|modes| modes.switches.contains(&switch))
    }

    fn bans(&self, person: &str) -> bool {
        let bans = self.bans.iter().flatten();
        bans.into_iter().any(|ban| mask::matches(ban, person))
    }

    /// A change to make: mostly one that is news, and sooner one that opens a door than one that
    /// shuts it.
    fn next(&self, member: &str, random: &mut Random) -> String {
        let known = self.modes.clone().unwrap_or_default();
        let sign = |is_on: bool, random: &mut Random| match is_on {
            true if random.chance(900) => '-',
            false if random.chance(900) => '+',
            _ => *random.pick(&['+', '-']),
        };
        match random.choose(CHANGES) {
            Change::Switch => {
                let letter = *random.pick(&['m', 'n', 's', 't']);
                format!("{}{letter}", sign(known.switches.contains(&letter), random))
            }
            Change::InviteOnly => {
                format!("{}i", sign(self.is_on('i') || random.chance(500), random))
            }
            Change::Key => {
                format!("{}k {KEY}", sign(known.key.is_some() || random.chance(500), random))
            }
            Change::Limit => match sign(known.limit.is_some() || random.chance(500), random) {
                '-' => "-l".to_owned(),
                _ => format!("+l {}", random.within(1, 12)),
            },
            Change::Ban => match self.bans.iter().flatten().next() {
                Some(ban) if random.chance(600) => format!("-b {ban}"),
                _ => format!("+b {member}!*@*"),
            },
            Change::Operator => {
                format!("{}o {member}", sign(self.operators.contains(member), random))
            }
            Change::Voice => format!("{}v {member}", sign(self.voices.contains(member), random)),
        }
    }

    /// Makes the changes that a line tells.
    fn change(&mut self, letters: &str, params: &[&str]) {
        self.came = None;
        let (mut on, mut params) = (true, params.iter());
        for letter in letters.chars() {
            let takes = matches!(letter, 'b' | 'k' | 'o' | 'v') || letter == 'l' && on;
            let param = if takes { params.next().expect("[rights] a parameter") } else { "" };
            match letter {
                '+' => on = true,
                '-' => on = false,
                'o' => set(&mut self.operators, param, on),
                'v' => set(&mut self.voices, param, on),
                'b' => {
                    if let Some(bans) = &mut self.bans {
                        let is_news =
                            if on { bans.insert(param.into()) } else { bans.remove(param) };
                        assert!(is_news, "[rights] {letters} {param} is no change");
                    }
                }
                letter => {
                    let Some(modes) = &mut self.modes else { continue };
                    let before = modes.clone();
                    match letter {
                        'k' => modes.key = on.then(|| param.to_owned()),
                        'l' => modes.limit = on.then(|| param.parse().expect("[rights] a number")),
                        _ if on => drop(modes.switches.insert(letter)),
                        _ => drop(modes.switches.remove(&letter)),
                    }
                    assert!(before != *modes, "[rights] {letters} is no change of {before:?}");
                }
            }
        }
    }
}

fn set(names: &mut HashSet<String>, name: &str, on: bool) {
    if on {
        names.insert(name.to_owned());
    } else {
        names.remove(name);
    }
}

fn nick_in(source: &str) -> &str {
    source.split('!').next().unwrap_or_default()
}

impl Peer {
    /// Does something as an operator does, or asks what is so.
    pub(super) fn govern(&mut self, room: usize, random: &mut Random, model: &mut Model) {
        let speaker = &mut model.speakers[self.serial as usize];
        if !speaker.is_operator && random.chance(600) {
            speaker.is_operator = true;
            return self.order("OPER op secret", random);
        }
        let members = self.irc_mut().rooms[&room].members.iter().flatten();
        let mut members: Vec<String> = members.filter(|nick| *nick != SPARED).cloned().collect();
        members.sort_unstable();
        let member = match members.is_empty() {
            true => "nobody".to_owned(),
            false => random.pick(&members).clone(),
        };
        match self.choose(ORDERS, random) {
            Order::Change => {
                let change = self.irc_mut().rooms[&room].rights.next(&member, random);
                self.order(&format!("MODE #r{room} {change}"), random);
            }
            Order::Kick => self.order(&format!("KICK #r{room} {member} :out with you"), random),
            Order::Invite => {
                let whom = model.names.pick(random).unwrap_or(SPARED).to_owned();
                model.invited.push((room, whom.clone()));
                self.order(&format!("INVITE {whom} #r{room}"), random);
            }
            Order::Topic => self.order(&format!("TOPIC #r{room} :{}", random.below(9)), random),
            Order::AskRights => self.ask_rights(room),
        }
    }

    /// What may be answered in many ways, or not at all. The answer to the ping behind it is the end
    /// of it.
    fn order(&mut self, line: &str, random: &mut Random) {
        self.line(line.trim_end());
        self.expect_next(super::Want::Perhaps);
        self.ping_line(random);
    }

    /// Is away, or back.
    pub(super) fn go_away(&mut self, random: &mut Random) {
        let is_away = random.chance(600);
        let words = if is_away { format!("AWAY :away {}", self.serial) } else { "AWAY".to_owned() };
        self.ask_line(&words, Answer::Away(is_away));
    }

    /// Asks which channels there are. It must be shown some, and may be shown others.
    pub fn ask_list(&mut self, must: BTreeSet<usize>, may: BTreeSet<usize>) {
        self.irc_mut().shown.clear();
        self.ask_line("LIST", Answer::List { must, may });
    }

    /// Whether a channel is kept secret, as far as this client knows.
    pub fn knows_secret(&self, room: usize) -> Option<bool> {
        let channel = self.irc.as_ref()?.rooms.get(&room)?;
        channel.rights.modes.as_ref().map(|modes| modes.switches.contains(&'s'))
    }

    /// Whether what is said in a channel is for its members alone, as far as this client knows.
    pub fn knows_closed(&self, room: usize) -> Option<bool> {
        let channel = self.irc.as_ref()?.rooms.get(&room)?;
        let modes = channel.rights.modes.as_ref()?;
        let is_open = !(modes.switches.contains(&'i') || modes.switches.contains(&'s'));
        Some(!is_open || modes.key.is_some())
    }

    /// Asks who may do what in a channel.
    pub(super) fn ask_rights(&mut self, room: usize) {
        self.ask_line(&format!("MODE #r{room}"), Answer::Modes(room));
        self.ask_line(&format!("MODE #r{room} b"), Answer::Bans(room));
    }

    fn channel(&mut self, room: usize) -> Option<&mut Channel> {
        self.irc_mut().rooms.get_mut(&room)
    }

    /// Somebody changed who may do what.
    pub(super) fn heed_change(&mut self, room: usize, line: &Line<'_>, model: &Model) {
        self.check_order(room, line, model);
        self.tally.orders += 1;
        let serial = self.serial;
        let channel = self.channel(room);
        let channel = channel.unwrap_or_else(|| panic!("[stranger] peer {serial} hears r{room}"));
        channel.rights.change(line.params[1], &line.params[2..]);
    }

    /// Only operators give orders, as far as it is known who is one.
    pub(super) fn check_order(&mut self, room: usize, line: &Line<'_>, model: &Model) {
        let serial = self.serial;
        let nick = nick_in(line.source.unwrap_or_default());
        let channel = self.channel(room);
        let channel = channel.unwrap_or_else(|| panic!("[stranger] peer {serial} hears r{room}"));
        let is_free = line.command == "TOPIC" && !channel.rights.is_on('t');
        let is_known = channel.members.is_some() && !is_free;
        let may = channel.rights.operators.contains(nick) || model.is_operator(nick);
        assert!(
            !is_known || may,
            "[rights] peer {serial} hears {line:?} by one who is no operator"
        );
    }

    /// Somebody says something in a channel: whoever is there knows whether that one may.
    pub(super) fn check_speech(&mut self, room: usize, line: &Line<'_>, model: &Model) {
        let (serial, person) = (self.serial, line.source.unwrap_or_default());
        let nick = nick_in(person);
        if nick == "host" || model.is_operator(nick) {
            return;
        }
        let Some(channel) = self.channel(room) else { return };
        let (rights, members) = (&channel.rights, &channel.members);
        // Who is not known to be there may have a rank.
        let Some(members) = members else { return };
        let is_outside = !members.contains(nick);
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
    pub(super) fn check_coming(&mut self, room: usize, line: &Line<'_>, model: &Model) {
        let (serial, person) = (self.serial, line.source.unwrap_or_default());
        let nick = nick_in(person);
        let Some(channel) = self.channel(room) else { return };
        // A limit may be set below how many are there.
        let limit = channel.rights.modes.as_ref().and_then(|modes| modes.limit);
        let is_over = limit.zip(channel.members.as_ref()).is_some_and(|(l, m)| m.len() > l);
        let rights = &channel.rights;
        if !(rights.is_on('i') || rights.bans(person) || is_over) {
            return;
        }
        let is_fair = model.is_operator(nick) || model.is_invited(nick, room);
        assert!(is_fair, "[rights] peer {serial}: {nick} comes into r{room} all the same");
    }

    /// What a channel demands.
    pub(super) fn heed_modes(&mut self, line: &Line<'_>, room: usize, model: &Model) {
        let (serial, letters) = (self.serial, line.params[2]);
        let mut params = line.params[3..].iter();
        let mut modes = Modes::default();
        for letter in letters.chars().skip(1) {
            match letter {
                'l' => modes.limit = params.next().and_then(|limit| limit.parse().ok()),
                'k' => modes.key = params.next().map(|key| (*key).to_owned()),
                letter => drop(modes.switches.insert(letter)),
            }
        }
        let nick = self.irc_mut().nick.clone();
        let Some(channel) = self.channel(room) else { return };
        if let Some(known) = &channel.rights.modes {
            assert_eq!(*known, modes, "[rights] peer {serial} of r{room}");
        }
        if let Some(has_key) = channel.rights.came {
            let is_fair = model.is_operator(&nick) || model.is_invited(&nick, room);
            let is_full =
                modes.limit.zip(channel.members.as_ref()).is_some_and(|(l, m)| m.len() > l);
            let is_shut = modes.switches.contains(&'i') || modes.key.is_some() && !has_key;
            assert!(is_fair || !(is_shut || is_full), "[rights] peer {serial} came into r{room}");
        }
        channel.rights.modes = Some(modes);
    }

    /// One who may not come in.
    pub(super) fn heed_ban(&mut self, room: usize, ban: &str) {
        if let Some(channel) = self.channel(room) {
            channel.rights.listed.insert(ban.to_owned());
        }
    }

    /// Those were all.
    pub(super) fn heed_bans_end(&mut self, room: usize, model: &Model) {
        let (serial, nick) = (self.serial, self.irc_mut().nick.clone());
        let Some(channel) = self.channel(room) else { return };
        let listed = std::mem::take(&mut channel.rights.listed);
        if let Some(known) = &channel.rights.bans {
            assert_eq!(*known, listed, "[rights] peer {serial} of r{room}");
        }
        channel.rights.bans = Some(listed);
        if channel.rights.came.is_some() && channel.rights.bans(&format!("{nick}!~u@there")) {
            let is_fair = model.is_operator(&nick) || model.is_invited(&nick, room);
            assert!(is_fair, "[rights] peer {serial} came into r{room}, from which it is banned");
        }
    }
}
