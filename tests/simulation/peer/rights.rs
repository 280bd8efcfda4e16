//! Rights in a channel, as far as a client knows them.

use crate::random::Random;
use hobnob::session::encode::irc::mask;
use std::collections::{BTreeSet, HashSet};

/// The key of every channel that has one.
pub const KEY: &str = "sesame";

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

/// A channel's demands of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    pub(super) switches: BTreeSet<char>,
    pub(super) key: Option<String>,
    pub(super) limit: Option<usize>,
}

impl Modes {
    /// Reads the letters and parameters of a line.
    pub(super) fn of(letters: &str, params: &[&str]) -> Self {
        let (mut params, mut modes) = (params.iter(), Self::default());
        for letter in letters.chars().skip(1) {
            match letter {
                'l' => modes.limit = params.next().and_then(|limit| limit.parse().ok()),
                'k' => modes.key = params.next().map(|key| (*key).to_owned()),
                letter => drop(modes.switches.insert(letter)),
            }
        }
        modes
    }
}

/// A client's knowledge of the rights in a channel.
#[derive(Default)]
pub struct Rights {
    /// Somebody came in after the peer itself: a limit may be exceeded by those who need not heed it.
    pub others_came: bool,
    /// Since it has asked.
    pub(super) modes: Option<Modes>,
    pub(super) bans: Option<BTreeSet<String>>,
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

    pub(super) fn is_on(&self, switch: char) -> bool {
        self.modes.as_ref().is_some_and(|modes| modes.switches.contains(&switch))
    }

    pub(super) fn bans(&self, person: &str) -> bool {
        let bans = self.bans.iter().flatten();
        bans.into_iter().any(|ban| mask::matches(ban, person))
    }

    /// A change to make: mostly one that is news, and sooner one that opens a door than one that
    /// shuts it.
    pub(super) fn next(&self, member: &str, random: &mut Random) -> String {
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
    pub(super) fn change(&mut self, letters: &str, params: &[&str]) {
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
