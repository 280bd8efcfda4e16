//! The one table of modes: the letters of a room's rights and of a person's flags.

use crate::hub::{Change, Flags, List, Rank, Ranks, Switch, What};
use crate::reason::Refusal;

/// The right that a channel mode represents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    List(List),
    Key,
    Limit,
    Switch(Switch),
    /// A rank, and the prefix of members with it.
    Rank(Rank, char),
}

/// Every channel mode, sorted by letter.
const CHANNEL_MODES: &[(char, Kind)] = &[
    ('I', Kind::List(List::Invites)),
    ('b', Kind::List(List::Bans)),
    ('e', Kind::List(List::Excepts)),
    ('i', Kind::Switch(Switch::InviteOnly)),
    ('k', Kind::Key),
    ('l', Kind::Limit),
    ('m', Kind::Switch(Switch::Moderated)),
    ('n', Kind::Switch(Switch::MembersOnly)),
    ('o', Kind::Rank(Rank::Operator, '@')),
    ('s', Kind::Switch(Switch::Secret)),
    ('t', Kind::Switch(Switch::TopicLocked)),
    ('v', Kind::Rank(Rank::Voice, '+')),
];

/// One user mode.
pub(crate) struct UserMode {
    pub(crate) letter: char,
    /// Returns the flag that the letter represents.
    pub(crate) flag: fn(&mut Flags) -> &mut bool,
    /// True if MODE can only remove the flag.
    pub(crate) is_granted: bool,
}

/// The letter of bots, which 005 announces.
const BOT: char = 'B';

/// Every user mode, in the order of display.
pub(crate) const USER_MODES: &[UserMode] = &[
    UserMode { letter: 'i', flag: |flags| &mut flags.invisible, is_granted: false },
    // Only OPER makes operators.
    UserMode { letter: 'o', flag: |flags| &mut flags.operator, is_granted: true },
    UserMode { letter: 'w', flag: |flags| &mut flags.listens, is_granted: false },
    UserMode { letter: BOT, flag: |flags| &mut flags.bot, is_granted: false },
];

impl Kind {
    /// True if every change has a parameter, including one that removes the right.
    fn always_has_param(self) -> bool {
        matches!(self, Self::List(_) | Self::Key | Self::Rank(..))
    }

    /// True if a change that sets the right has a parameter.
    fn has_param(self) -> bool {
        self.always_has_param() || self == Self::Limit
    }
}

/// Returns the right that a letter represents.
pub(crate) fn kind_of(letter: char) -> Option<Kind> {
    CHANNEL_MODES.iter().find(|(known, _)| *known == letter).map(|(_, kind)| *kind)
}

fn letter(is_it: impl Fn(Kind) -> bool) -> char {
    CHANNEL_MODES.iter().find(|(_, kind)| is_it(*kind)).map_or('?', |(letter, _)| *letter)
}

/// Returns the letter of a list.
pub(crate) fn letter_of_list(list: List) -> char {
    letter(|kind| kind == Kind::List(list))
}

/// Returns the letter of the key.
pub(crate) fn letter_of_key() -> char {
    letter(|kind| kind == Kind::Key)
}

/// Returns the letter of the limit.
pub(crate) fn letter_of_limit() -> char {
    letter(|kind| kind == Kind::Limit)
}

/// Returns the letter of a switch.
pub(crate) fn letter_of_switch(switch: Switch) -> char {
    letter(|kind| kind == Kind::Switch(switch))
}

/// Returns the letter of the mode that causes a refusal to join.
pub(crate) fn letter_behind(refusal: Refusal) -> Option<char> {
    Some(match refusal {
        Refusal::InviteOnly => letter_of_switch(Switch::InviteOnly),
        Refusal::Banned => letter_of_list(List::Bans),
        Refusal::BadKey => letter_of_key(),
        Refusal::RoomFull => letter_of_limit(),
        _ => return None,
    })
}

/// Returns the letter of a change.
pub(crate) fn letter_of(change: &Change) -> char {
    match &change.what {
        What::Switch(switch) => letter_of_switch(*switch),
        What::Key(_) => letter_of_key(),
        What::Limit(_) => letter_of_limit(),
        What::Entry(list, _) => letter_of_list(*list),
        What::Rank(rank, ..) => {
            letter(|kind| matches!(kind, Kind::Rank(known, _) if known == *rank))
        }
    }
}

/// Returns the letters of the switches that are on.
pub(crate) fn switches_on(is_on: impl Fn(Switch) -> bool) -> impl Iterator<Item = char> {
    let letters = CHANNEL_MODES.iter();
    letters.filter_map(move |(letter, kind)| match kind {
        Kind::Switch(switch) if is_on(*switch) => Some(*letter),
        _ => None,
    })
}

/// Returns the ranks with their letters and prefixes, highest rank first.
fn ranks() -> impl Iterator<Item = (char, Rank, char)> {
    CHANNEL_MODES.iter().filter_map(|(letter, kind)| match kind {
        Kind::Rank(rank, prefix) => Some((*letter, *rank, *prefix)),
        _ => None,
    })
}

/// Returns the prefix of a member's nick: the highest rank's, or with `is_multi` the prefixes of
/// all ranks.
pub(crate) fn prefix_of(has: Ranks, is_multi: bool) -> impl Iterator<Item = char> {
    let prefixes = ranks().filter(move |(_, rank, _)| has.has(*rank)).map(|(_, _, prefix)| prefix);
    prefixes.take(if is_multi { usize::MAX } else { 1 })
}

fn letters(is_it: impl Fn(Kind) -> bool) -> String {
    let letters = CHANNEL_MODES.iter().filter(|(_, kind)| is_it(*kind));
    letters.map(|(letter, _)| *letter).collect()
}

/// Returns the last three parameters of 004: user modes, channel modes, and channel modes with a
/// parameter.
pub(crate) fn my_info() -> [String; 3] {
    let mut user: Vec<char> = USER_MODES.iter().map(|mode| mode.letter).collect();
    user.sort_unstable();
    [user.into_iter().collect(), letters(|_| true), letters(Kind::has_param)]
}

/// Returns the tokens of 005 that describe modes. Each list has at most `list_max` entries.
pub(crate) fn isupport(list_max: usize) -> [String; 6] {
    let lists = letters(|kind| matches!(kind, Kind::List(_)));
    let keys = letters(|kind| kind == Kind::Key);
    let limits = letters(|kind| kind.has_param() && !kind.always_has_param());
    let switches = letters(|kind| !kind.has_param());
    let max: Vec<String> = lists.chars().map(|list| format!("{list}:{list_max}")).collect();
    let prefixes: String = ranks().map(|(_, _, prefix)| prefix).collect();
    let ranks: String = ranks().map(|(letter, ..)| letter).collect();
    [
        format!("BOT={BOT}"),
        format!("CHANMODES={lists},{keys},{limits},{switches}"),
        format!("EXCEPTS={}", letter_of_list(List::Excepts)),
        format!("INVEX={}", letter_of_list(List::Invites)),
        format!("MAXLIST={}", max.join(",")),
        format!("PREFIX=({ranks}){prefixes}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_documented() {
        let page = include_str!("../../../../docs/IRC.md");
        let letters = CHANNEL_MODES.iter().map(|(letter, _)| letter);
        for letter in letters.chain(USER_MODES.iter().map(|mode| &mode.letter)) {
            let is_told =
                page.contains(&format!("`{letter}`")) || page.contains(&format!("`+{letter}`"));
            assert!(is_told, "docs/IRC.md does not tell of {letter}");
        }
    }

    #[test]
    fn letters_are_in_order_and_stand_for_one_thing_each() {
        assert!(CHANNEL_MODES.is_sorted_by(|(one, _), (other, _)| one < other));
        for (letter, kind) in CHANNEL_MODES {
            assert_eq!(kind_of(*letter), Some(*kind));
            assert_eq!(CHANNEL_MODES.iter().filter(|(_, other)| other == kind).count(), 1);
        }
    }
}
