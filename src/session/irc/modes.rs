//! MODE: rights of channels, flags of people.

use super::numeric::*;
use super::state::PendingRequest;
use super::talk::Talk;
use super::visible;
use crate::hub::{Change, Command as Ask, Entry, Flags, List, Pattern, Rank, Room, What};
use crate::session::encode::irc::mask;
use crate::session::encode::irc::mode_table::{
    Kind, USER_MODES, kind_of, letter_of_key, letter_of_limit, letter_of_list, switches_on,
};
use crate::session::encode::irc::names::nick_of;

/// Maximum number of changes in one MODE.
pub(super) const MODES_MAX: usize = 20;

/// Longest key, in bytes.
pub(super) const KEY_MAX: usize = 23;

/// Handles MODE.
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
    // Lists may be long, so each is shown once, even if a line requests it several times.
    let mut shown = Vec::new();
    for letter in letters.chars() {
        if changes.len() >= MODES_MAX {
            break;
        }
        let what = match (letter, kind_of(letter)) {
            ('+', _) => {
                on = true;
                None
            }
            ('-', _) => {
                on = false;
                None
            }
            (_, Some(Kind::List(list))) => match params.next().and_then(mask::parse) {
                Some(pattern) => entry(talk, channel, letter, (list, pattern)),
                None => {
                    if !shown.contains(&list) {
                        shown.push(list);
                        show_list(talk, room, list);
                    }
                    None
                }
            },
            (_, Some(Kind::Key)) => key(talk, channel, letter, on, params.next()),
            (_, Some(Kind::Limit)) if on => limit(talk, channel, letter, params.next()),
            (_, Some(Kind::Limit)) => Some(What::Limit(0)),
            (_, Some(Kind::Switch(switch))) => Some(What::Switch(switch)),
            (_, Some(Kind::Rank(rank, _))) => {
                let params = params.next();
                ranked(talk, (channel, room), letter, rank, params)
            }
            (_, None) => {
                talk.numeric(ERR_UNKNOWNMODE, &[&letter.to_string()], "is an unknown mode to me");
                None
            }
        };
        changes.extend(what.map(|what| Change { on, what }));
    }
    if !changes.is_empty() {
        // The hub may refuse one of the lists as full. The answer names its letter.
        let lists = changes.iter().filter_map(|change| match change.what {
            What::Entry(list, _) if change.on => Some(letter_of_list(list)),
            _ => None,
        });
        let words = Some(lists.collect());
        let about = PendingRequest { words, ..talk.about(channel, "") };
        talk.ask(about, Ask::Change { room: room.id, changes });
    }
}

fn entry(
    talk: &mut Talk<'_>,
    channel: &str,
    letter: char,
    (list, pattern): (List, Pattern),
) -> Option<What> {
    if mask::text_of(&pattern).len() > mask::MASK_MAX {
        bad_param(talk, channel, letter, "*", "That mask is too long");
        return None;
    }
    Some(What::Entry(list, pattern.into()))
}

fn key(
    talk: &mut Talk<'_>,
    channel: &str,
    letter: char,
    on: bool,
    key: Option<&str>,
) -> Option<What> {
    match key.filter(|key| !key.is_empty()) {
        Some(key) if on && !is_key(key) => {
            bad_param(talk, channel, letter, "*", "That cannot be a key");
        }
        Some(key) => return Some(What::Key(key.into())),
        None if on => bad_param(talk, channel, letter, "*", "You must give a key"),
        None => return Some(What::Key("*".into())),
    }
    None
}

fn limit(talk: &mut Talk<'_>, channel: &str, letter: char, limit: Option<&str>) -> Option<What> {
    match limit.map(|limit| (limit, limit.parse::<u32>())) {
        Some((_, Ok(limit))) if limit > 0 => return Some(What::Limit(limit)),
        Some((given, _)) => {
            let given = if given.is_empty() { "*" } else { given };
            bad_param(talk, channel, letter, given, "A limit is a number from 1 on");
        }
        None => bad_param(talk, channel, letter, "*", "You must give a limit"),
    }
    None
}

fn ranked(
    talk: &mut Talk<'_>,
    (channel, room): (&str, &Room),
    letter: char,
    rank: Rank,
    nick: Option<&str>,
) -> Option<What> {
    let Some(nick) = nick.filter(|nick| !nick.is_empty()) else {
        bad_param(talk, channel, letter, "*", "You must give a nick");
        return None;
    };
    let Some((conn, who)) = talk.person(nick) else {
        talk.no_such_nick(nick);
        return None;
    };
    if !talk.hub().is_member(conn, room.id) {
        let text = "They aren't on that channel";
        talk.numeric(ERR_USERNOTINCHANNEL, &[nick, channel], text);
        return None;
    }
    Some(What::Rank(rank, conn, who.name))
}

fn bad_param(talk: &mut Talk<'_>, channel: &str, letter: char, given: &str, text: &str) {
    talk.numeric(ERR_INVALIDMODEPARAM, &[channel, &letter.to_string(), given], text);
}

/// True if the text can be a key: it must be one parameter of JOIN, which separates keys by commas.
fn is_key(key: &str) -> bool {
    key.len() <= KEY_MAX
        && !key.starts_with(':')
        && key.chars().all(|c| !c.is_control() && !matches!(c, ' ' | ','))
}

fn show(talk: &mut Talk<'_>, room: &Room) {
    let channel = crate::session::encode::irc::names::channel_of(&room.name);
    let rights = &room.rights;
    let mut modes = "+".to_owned();
    modes.extend(switches_on(|switch| rights.is_on(switch)));
    let mut params = Vec::new();
    let is_member = talk.hub().is_member(talk.conn(), room.id);
    if let Some(limit) = rights.limit {
        modes.push(letter_of_limit());
        params.push(limit.to_string());
    }
    if let Some(key) = &rights.key {
        modes.push(letter_of_key());
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
    // The lists of exceptions and invitations are visible to operators only.
    let is_told = list == List::Bans || talk.hub().is_operator(talk.conn(), room.id);
    if !is_told {
        let text = "You're not channel operator";
        return talk.numeric(ERR_CHANOPRIVSNEEDED, &[&channel], text);
    }
    for Entry { pattern, by, at } in room.rights.list(list) {
        let (mask, by) = (mask::text_of(pattern), mask::mask_of(by));
        talk.bare_numeric(each, &[&channel, &mask, &by, &at.to_string()]);
    }
    talk.numeric(end, &[&channel], text);
}

/// Returns a person's flags as mode letters.
pub(super) fn letters_of(flags: Flags) -> String {
    let mut flags = flags;
    let on = USER_MODES.iter().filter(|mode| *(mode.flag)(&mut flags));
    on.map(|mode| mode.letter).collect()
}

fn of_person(talk: &mut Talk<'_>, nick: &str) {
    let Some((conn, who)) = talk.person(nick) else { return talk.no_such_nick(nick) };
    if conn != talk.conn() {
        return talk.numeric(ERR_USERSDONTMATCH, &[], "Can't change mode for other users");
    }
    let before = talk.hub().presence(conn).map(|presence| presence.flags).unwrap_or_default();
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
            letter => match USER_MODES.iter().find(|mode| mode.letter == letter) {
                Some(mode) if mode.is_granted && on => {}
                Some(mode) => *(mode.flag)(&mut flags) = on,
                None => is_unknown = true,
            },
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
            let line = line.from_person(&nick, who.user(), who.host());
            line.command("MODE").middle(&nick).last(&modes);
        });
        let about = talk.about("", "");
        talk.ask(about, Ask::Flags(flags));
    }
}
