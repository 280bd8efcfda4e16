//! MODE: rights of channels, flags of people.

use super::numeric::*;
use super::state::PendingRequest;
use super::talk::Talk;
use super::visible;
use crate::hub::{Change, Command as Ask, Entry, Flags, List, Rank, Room, Switch, What, mask};
use crate::session::encode::irc::names::nick_of;
use crate::session::encode::irc::{letter_of, letter_of_list};

/// Letters with a parameter that one MODE may have.
pub(super) const MODES_MAX: usize = 20;

/// Longest key, in bytes.
pub(super) const KEY_MAX: usize = 23;

/// Every switch.
const SWITCHES: &[Switch] = &[
    Switch::InviteOnly,
    Switch::Moderated,
    Switch::MembersOnly,
    Switch::Secret,
    Switch::TopicLocked,
];

/// MODE.
pub(super) fn mode(talk: &mut Talk<'_>) {
    let target = talk.param(0).unwrap_or_default();
    if target.starts_with('#') { of_channel(talk, target) } else { of_person(talk, target) }
}

fn of_channel(talk: &mut Talk<'_>, channel: &str) {
    let Some(room) = visible::known(talk, channel) else { return };
    let Some(letters) = talk.param(1) else { return show(talk, room) };
    let params: Vec<&str> = talk.line.params.iter().skip(2).copied().collect();
    let mut params = params.into_iter();
    let mut on = true;
    let mut changes = Vec::new();
    // Lists may be long: each is shown once, however often a line asks for it.
    let mut shown = Vec::new();
    for letter in letters.chars() {
        if changes.len() >= MODES_MAX {
            break;
        }
        match letter {
            '+' => on = true,
            '-' => on = false,
            'b' | 'e' | 'I' => {
                let list = match letter {
                    'b' => List::Bans,
                    'e' => List::Excepts,
                    _ => List::Invites,
                };
                match params.next().and_then(mask::whole) {
                    Some(mask) => {
                        if mask.len() > mask::MASK_MAX {
                            bad_param(talk, channel, letter, "*", "That mask is too long");
                            continue;
                        }
                        changes.push(Change { on, what: What::Mask(list, mask.into()) });
                    }
                    None if shown.contains(&list) => {}
                    None => {
                        shown.push(list);
                        show_list(talk, room, list);
                    }
                }
            }
            'k' => match params.next().filter(|key| !key.is_empty()) {
                Some(key) if on && !is_key(key) => {
                    bad_param(talk, channel, letter, "*", "That cannot be a key");
                }
                Some(key) => changes.push(Change { on, what: What::Key(key.into()) }),
                None if on => bad_param(talk, channel, letter, "*", "You must give a key"),
                None => changes.push(Change { on, what: What::Key("*".into()) }),
            },
            'l' if on => match params.next().map(|limit| (limit, limit.parse::<u32>())) {
                Some((_, Ok(limit))) if limit > 0 => {
                    changes.push(Change { on, what: What::Limit(limit) });
                }
                Some((given, _)) => {
                    let given = if given.is_empty() { "*" } else { given };
                    bad_param(talk, channel, letter, given, "A limit is a number from 1 on");
                }
                None => bad_param(talk, channel, letter, "*", "You must give a limit"),
            },
            'l' => changes.push(Change { on, what: What::Limit(0) }),
            'o' | 'v' => {
                let rank = if letter == 'o' { Rank::Operator } else { Rank::Voice };
                let Some(nick) = params.next().filter(|nick| !nick.is_empty()) else {
                    bad_param(talk, channel, letter, "*", "You must give a nick");
                    continue;
                };
                let Some((conn, who)) = talk.person(nick) else {
                    talk.no_such_nick(nick);
                    continue;
                };
                if !talk.hub().is_member(conn, room.id) {
                    let text = "They aren't on that channel";
                    talk.numeric(ERR_USERNOTINCHANNEL, &[nick, channel], text);
                    continue;
                }
                changes.push(Change { on, what: What::Rank(rank, conn, who.name) });
            }
            letter => match SWITCHES.iter().find(|switch| letter_of(**switch) == letter) {
                Some(switch) => changes.push(Change { on, what: What::Switch(*switch) }),
                None => {
                    let letter = letter.to_string();
                    talk.numeric(ERR_UNKNOWNMODE, &[&letter], "is an unknown mode to me");
                }
            },
        }
    }
    if !changes.is_empty() {
        // One of the lists may be full.
        let lists = changes.iter().filter_map(|change| match change.what {
            What::Mask(list, _) if change.on => Some(letter_of_list(list)),
            _ => None,
        });
        let words = Some(lists.collect());
        let about = PendingRequest { words, ..talk.about(channel, "") };
        talk.ask(about, Ask::Change { room: room.id, changes });
    }
}

fn bad_param(talk: &mut Talk<'_>, channel: &str, letter: char, given: &str, text: &str) {
    talk.numeric(ERR_INVALIDMODEPARAM, &[channel, &letter.to_string(), given], text);
}

/// A key is one parameter of JOIN, which separates keys by commas.
fn is_key(key: &str) -> bool {
    key.len() <= KEY_MAX
        && !key.starts_with(':')
        && key.chars().all(|c| !c.is_control() && !matches!(c, ' ' | ','))
}

fn show(talk: &mut Talk<'_>, room: &Room) {
    let channel = crate::session::encode::irc::names::channel_of(&room.name);
    let rights = &room.rights;
    let mut modes = "+".to_owned();
    modes.extend(SWITCHES.iter().filter(|switch| rights.is_on(**switch)).map(|s| letter_of(*s)));
    let mut params = Vec::new();
    let is_member = talk.hub().is_member(talk.conn(), room.id);
    if let Some(limit) = rights.limit {
        modes.push('l');
        params.push(limit.to_string());
    }
    if let Some(key) = &rights.key {
        modes.push('k');
        params.push(if is_member { key.to_string() } else { "*".to_owned() });
    }
    let mut words = vec![channel.as_str(), modes.as_str()];
    words.extend(params.iter().map(String::as_str));
    talk.bare_numeric(RPL_CHANNELMODEIS, &words);
    talk.bare_numeric(RPL_CREATIONTIME, &[&channel, &rights.since.to_string()]);
}

fn show_list(talk: &mut Talk<'_>, room: &Room, list: List) {
    let channel = crate::session::encode::irc::names::channel_of(&room.name);
    let (each, end, text) = match list {
        List::Bans => (RPL_BANLIST, RPL_ENDOFBANLIST, "End of channel ban list"),
        List::Excepts => (RPL_EXCEPTLIST, RPL_ENDOFEXCEPTLIST, "End of channel exception list"),
        List::Invites => (RPL_INVEXLIST, RPL_ENDOFINVEXLIST, "End of channel invite list"),
    };
    // Who is excepted and who is expected is for operators to know.
    let is_told = list == List::Bans || talk.hub().is_operator(talk.conn(), room.id);
    if !is_told {
        let text = "You're not channel operator";
        return talk.numeric(ERR_CHANOPRIVSNEEDED, &[&channel], text);
    }
    for Entry { mask, by, at } in room.rights.list(list) {
        talk.bare_numeric(each, &[&channel, mask, by, &at.to_string()]);
    }
    talk.numeric(end, &[&channel], text);
}

/// A person's flags as letters.
pub(super) fn letters_of(flags: Flags) -> String {
    let letters =
        [(flags.invisible, 'i'), (flags.operator, 'o'), (flags.listens, 'w'), (flags.bot, 'B')];
    letters.into_iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect()
}

fn of_person(talk: &mut Talk<'_>, nick: &str) {
    let Some((conn, who)) = talk.person(nick) else { return talk.no_such_nick(nick) };
    if conn != talk.conn() {
        return talk.numeric(ERR_USERSDONTMATCH, &[], "Can't change mode for other users");
    }
    let before = talk.hub().record(conn).map(|record| record.flags).unwrap_or_default();
    let Some(letters) = talk.param(1) else {
        let modes = format!("+{}", letters_of(before));
        return talk.bare_numeric(RPL_UMODEIS, &[&modes]);
    };
    let mut flags = before;
    let (mut on, mut is_unknown) = (true, false);
    for letter in letters.chars() {
        match letter {
            '+' => on = true,
            '-' => on = false,
            'i' => flags.invisible = on,
            'w' => flags.listens = on,
            'B' => flags.bot = on,
            // Operators are made by OPER alone.
            'o' => flags.operator &= on,
            _ => is_unknown = true,
        }
    }
    if is_unknown {
        talk.numeric(ERR_UMODEUNKNOWNFLAG, &[], "Unknown MODE flag");
    }
    if flags != before {
        let (had, has) = (letters_of(before), letters_of(flags));
        let more: String = has.chars().filter(|letter| !had.contains(*letter)).collect();
        let less: String = had.chars().filter(|letter| !has.contains(*letter)).collect();
        let mut modes = String::new();
        for (sign, letters) in [('+', more), ('-', less)] {
            if !letters.is_empty() {
                modes.push(sign);
                modes.push_str(&letters);
            }
        }
        let nick = nick_of(&who.name);
        talk.line(|line| {
            let line = line.from_person(&nick, who.seen.user(), who.seen.host());
            line.command("MODE").middle(&nick).last(&modes);
        });
        let about = talk.about("", "");
        talk.ask(about, Ask::Flags(flags));
    }
}
