//! People: WHO, WHOIS, WHOWAS, ISON, USERHOST, AWAY, SETNAME, MONITOR.

use super::numeric::*;
use super::register::{REAL_NAME_MAX, short};
use super::talk::Talk;
use super::visible::{is_shown, is_visible};
use crate::hub::{Command as Ask, Presence, Room, is_person_name};
use crate::id::{ConnId, RoomId};
use crate::limits::MESSAGE_COST;
use crate::payload::Identity;
use crate::session::encode::irc::caps::Cap;
use crate::session::encode::irc::mask;
use crate::session::encode::irc::mode_table::prefix_of;
use crate::session::encode::irc::names::{channel_of, is_nick, nick_of, room_of};
use crate::session::encode::irc::stamp::Stamp;

/// Longest AWAY message, in bytes.
pub(super) const AWAY_MAX: usize = 300;

/// Maximum number of names that one client may watch.
pub(super) const WATCHED_MAX: usize = 100;

/// Maximum number of people in the answer to one WHO.
const WHO_MAX: usize = 500;

/// Maximum number of nicks that ISON looks up.
const NICKS_MAX: usize = 30;

/// Handles AWAY.
pub(super) fn away(talk: &mut Talk<'_>) {
    let message = talk.param(0).map(|message| short(message, AWAY_MAX).to_owned().into());
    let about = talk.about("", "");
    talk.ask(about, Ask::Away { message });
}

/// Handles SETNAME: <https://ircv3.net/specs/extensions/setname>.
pub(super) fn setname(talk: &mut Talk<'_>) {
    let text = talk.line.params.first().copied().unwrap_or_default();
    if text.is_empty() || text.len() > REAL_NAME_MAX {
        return talk.fail("INVALID_REALNAME", &[], "That cannot be a full name");
    }
    let about = talk.about("", "");
    talk.ask(about, Ask::RealName { text: text.to_owned().into() });
}

/// Handles ISON.
pub(super) fn ison(talk: &mut Talk<'_>) {
    let nicks = talk.line.params.iter().flat_map(|param| param.split(' '));
    let here = nicks.filter(|nick| !nick.is_empty()).take(NICKS_MAX);
    let here = here.filter_map(|nick| talk.person(nick));
    let names: Vec<String> = here.map(|(_, who)| nick_of(&who.name).into_owned()).collect();
    if names.is_empty() {
        return talk.numeric(RPL_ISON, &[], "");
    }
    talk.list(RPL_ISON, ' ', &names);
}

/// Handles USERHOST.
pub(super) fn userhost(talk: &mut Talk<'_>) {
    let here = talk.line.params.iter().take(5).filter_map(|nick| talk.person(nick));
    let each = here.map(|(conn, who)| {
        let presence = talk.hub().presence(conn);
        let operator =
            if presence.is_some_and(|presence| presence.flags.operator) { "*" } else { "" };
        let away = if presence.is_some_and(|presence| presence.away.is_some()) { '-' } else { '+' };
        let nick = nick_of(&who.name);
        format!("{nick}{operator}={away}{}@{}", who.user(), who.host())
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() {
        return talk.numeric(RPL_USERHOST, &[], "");
    }
    talk.list(RPL_USERHOST, ' ', &each);
}

/// The fields that WHO shows for each person.
#[derive(Default)]
struct Fields<'a> {
    /// The letters of WHOX, if the client uses WHOX.
    letters: Option<&'a str>,
    token: &'a str,
}

/// Handles WHO and WHOX (<https://ircv3.net/specs/extensions/whox>).
pub(super) fn who(talk: &mut Talk<'_>) {
    let wanted = talk.param(0).unwrap_or("*");
    let flags = talk.param(1).unwrap_or_default();
    let (flags, fields) = flags.split_once('%').map_or((flags, None), |(f, x)| (f, Some(x)));
    let fields = fields.map_or(Fields::default(), |fields| {
        let (letters, token) = fields.split_once(',').unwrap_or((fields, "0"));
        Fields { letters: Some(letters), token }
    });
    let operators = flags.contains('o');
    let hub = talk.hub();
    let mut shown = 0;
    let mut more = false;
    if wanted.starts_with('#') {
        let room = room_of(wanted).and_then(|room| hub.find(room)).and_then(|id| hub.room(id));
        if let Some(room) = room.filter(|room| is_visible(talk.view, room)) {
            let is_big = room.members.len() > talk.view.limits.presence_members;
            let members: &[ConnId] = if is_big { &[] } else { &room.members };
            let own = is_big && hub.is_member(talk.conn(), room.id);
            let own = own.then_some(talk.conn());
            more = is_big;
            for conn in members.iter().copied().chain(own) {
                if is_shown(talk.view, room, conn) {
                    show_who(talk, conn, Some(room), operators, &fields);
                }
            }
        }
    } else if let Some((conn, _)) = talk.person(wanted) {
        show_who(talk, conn, None, operators, &fields);
    } else {
        // WHO visits every person, even if it shows few.
        talk.cost += MESSAGE_COST;
        let pattern = if wanted == "0" { "*" } else { wanted };
        let own = talk.conn();
        let found = hub.everybody().filter(|conn| {
            let is_hidden = hub.presence(*conn).is_some_and(|presence| presence.flags.invisible);
            let fits = hub.identity(*conn).is_some_and(|who| fits(pattern, &who));
            fits && (!is_hidden || *conn == own || hub.are_neighbours(*conn, own))
        });
        for conn in found.take(WHO_MAX + 1).collect::<Vec<_>>() {
            shown += 1;
            if shown > WHO_MAX {
                more = true;
                break;
            }
            show_who(talk, conn, None, operators, &fields);
        }
    }
    let end = if more { "End of WHO list: too many to show all" } else { "End of WHO list" };
    talk.numeric(RPL_ENDOFWHO, &[wanted], end);
}

fn fits(pattern: &str, who: &Identity) -> bool {
    mask::matches(pattern, &nick_of(&who.name))
        || mask::matches(pattern, who.user())
        || mask::matches(pattern, &who.host().to_string())
        || mask::matches(pattern, who.real_name())
        || mask::matches(pattern, &mask::mask_of(who))
}

/// Returns a room that the person is in and that is visible to the peer. Prefers a room that both
/// are in.
fn room_with<'t>(talk: &Talk<'t>, conn: ConnId) -> Option<&'t Room> {
    let hub = talk.hub();
    let rooms = || hub.rooms_of(conn).filter_map(|id| hub.room(id));
    let shared = rooms().find(|room| hub.is_member(talk.conn(), room.id));
    shared.or_else(|| rooms().find(|room| is_visible(talk.view, room)))
}

fn show_who(
    talk: &mut Talk<'_>,
    conn: ConnId,
    room: Option<&Room>,
    operators: bool,
    fields: &Fields<'_>,
) {
    let hub = talk.hub();
    let Some(who) = hub.identity(conn) else { return };
    let presence = hub.presence(conn);
    let is = |test: fn(&Presence) -> bool| presence.is_some_and(test);
    let is_operator = is(|presence| presence.flags.operator);
    if operators && !is_operator {
        return;
    }
    let room = room.or_else(|| room_with(talk, conn));
    let channel = room.map_or("*".to_owned(), |room| channel_of(&room.name));
    let mut flags = if is(|presence| presence.away.is_some()) { "G" } else { "H" }.to_owned();
    if is_operator {
        flags.push('*');
    }
    if is(|presence| presence.flags.bot) {
        flags.push('B');
    }
    if let Some(room) = room {
        let multi = talk.irc.caps.has(Cap::MultiPrefix);
        flags.extend(prefix_of(room.rights.ranks(conn), multi));
    }
    let (nick, host) = (nick_of(&who.name).into_owned(), who.host().to_string());
    let (user, real_name) = (who.user(), who.real_name());
    let server = talk.options().name.clone();
    let Some(letters) = fields.letters else {
        let params = [&channel, user, &host, &server, &nick, &flags];
        return talk.numeric(RPL_WHOREPLY, &params, &format!("0 {real_name}"));
    };
    let idle =
        presence.map_or(0, |presence| (talk.view.unix_ms / 1000).saturating_sub(presence.spoke));
    let idle = idle.to_string();
    let operator = if room.is_some_and(|room| room.rights.is_operator(conn)) { "1" } else { "n/a" };
    let address = who.address().map_or("255.255.255.255", |_| &host);
    // In WHOX's own order, independent of the order of the letters.
    let all = [
        ('t', fields.token),
        ('c', &channel),
        ('u', user),
        ('i', address),
        ('h', &host),
        ('s', &server),
        ('n', &nick),
        ('f', &flags),
        ('d', "0"),
        ('l', &idle),
        ('a', "0"),
        ('o', operator),
    ];
    let chosen = all.iter().filter(|(letter, _)| letters.contains(*letter));
    let params: Vec<&str> = chosen.map(|(_, value)| *value).collect();
    if letters.contains('r') {
        talk.numeric(RPL_WHOSPCRPL, &params, real_name);
    } else {
        talk.bare_numeric(RPL_WHOSPCRPL, &params);
    }
}

/// Handles WHOIS.
pub(super) fn whois(talk: &mut Talk<'_>) {
    let Some(first) = talk.param(0) else {
        return talk.numeric(ERR_NONICKNAMEGIVEN, &[], "No nickname given");
    };
    // If there are two parameters, the first names a server: this one, or that of a person.
    let nick = talk.param(1).unwrap_or(first);
    if talk.param(1).is_some() {
        let is_here = first.eq_ignore_ascii_case(&talk.options().name)
            || mask::matches(first, &talk.options().name)
            || talk.person(first).is_some();
        if !is_here {
            return talk.numeric(ERR_NOSUCHSERVER, &[first], "No such server");
        }
    }
    if let Some((conn, who)) = talk.person(nick) {
        show_whois(talk, conn, &who);
    } else {
        talk.no_such_nick(nick);
    }
    talk.numeric(RPL_ENDOFWHOIS, &[nick], "End of /WHOIS list");
}

fn show_whois(talk: &mut Talk<'_>, conn: ConnId, who: &Identity) {
    let hub = talk.hub();
    let nick = nick_of(&who.name).into_owned();
    let host = who.host().to_string();
    talk.numeric(RPL_WHOISUSER, &[&nick, who.user(), &host, "*"], who.real_name());
    let ids: Vec<RoomId> = hub.rooms_of(conn).collect();
    let mut channels = String::new();
    let is_hidden = hub.presence(conn).is_some_and(|presence| presence.flags.invisible);
    for room in ids.into_iter().filter_map(|id| hub.room(id)) {
        let is_shared = hub.is_member(talk.conn(), room.id);
        if !is_shared && (is_hidden || !is_visible(talk.view, room)) && conn != talk.conn() {
            continue;
        }
        let multi = talk.irc.caps.has(Cap::MultiPrefix);
        let prefix = prefix_of(room.rights.ranks(conn), multi);
        if !channels.is_empty() && channels.len() + room.name.len() > 300 {
            talk.numeric(RPL_WHOISCHANNELS, &[&nick], &channels);
            channels.clear();
        }
        if !channels.is_empty() {
            channels.push(' ');
        }
        channels.extend(prefix);
        channels.push_str(&channel_of(&room.name));
    }
    if !channels.is_empty() {
        talk.numeric(RPL_WHOISCHANNELS, &[&nick], &channels);
    }
    let options = talk.options();
    talk.numeric(RPL_WHOISSERVER, &[&nick, &options.name], &options.network);
    let Some(presence) = hub.presence(conn) else { return };
    if presence.flags.operator {
        talk.numeric(RPL_WHOISOPERATOR, &[&nick], "is an operator of this relay");
    }
    if presence.flags.bot {
        talk.numeric(RPL_WHOISBOT, &[&nick], "is a bot");
    }
    if let Some(away) = &presence.away {
        talk.numeric(RPL_AWAY, &[&nick], away);
    }
    let idle = (talk.view.unix_ms / 1000).saturating_sub(presence.spoke).to_string();
    let since = presence.since.to_string();
    talk.numeric(RPL_WHOISIDLE, &[&nick, &idle, &since], "seconds idle, signon time");
}

/// Handles WHOWAS.
pub(super) fn whowas(talk: &mut Talk<'_>) {
    let Some(nick) = talk.param(0) else {
        return talk.numeric(ERR_NONICKNAMEGIVEN, &[], "No nickname given");
    };
    let count = talk.param(1).and_then(|count| count.parse::<i64>().ok()).filter(|c| *c > 0);
    let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(10).min(10);
    let name = crate::session::encode::irc::names::name_of(nick);
    let past = talk.hub().departed(&name).take(count);
    let past: Vec<(Identity, u64)> = past.map(|(who, at)| (who.clone(), at)).collect();
    if past.is_empty() {
        talk.numeric(ERR_WASNOSUCHNICK, &[nick], "There was no such nickname");
    }
    let server = talk.options().name.clone();
    for (who, at) in past {
        let (nick, host) = (nick_of(&who.name).into_owned(), who.host().to_string());
        let params = [&nick, who.user(), &host, "*"];
        talk.numeric(RPL_WHOWASUSER, &params, who.real_name());
        let at = Stamp(at * 1000).to_string();
        talk.numeric(RPL_WHOISSERVER, &[&nick, &server], &at);
    }
    talk.numeric(RPL_ENDOFWHOWAS, &[nick], "End of WHOWAS");
}

/// Handles MONITOR: <https://ircv3.net/specs/extensions/monitor>.
pub(super) fn monitor(talk: &mut Talk<'_>) {
    let names = talk.param(1).unwrap_or_default().split(',').filter(|name| !name.is_empty());
    let names: Vec<&str> = names.collect();
    let watched: Vec<String> = talk.hub().presence(talk.conn()).map_or(Vec::new(), |presence| {
        presence.watches.iter().map(|name| nick_of(name).into_owned()).collect()
    });
    match talk.param(0).unwrap_or_default() {
        "+" => watch(talk, &names, &watched),
        "-" => {
            for name in names {
                let about = talk.about("", name);
                let name = crate::session::encode::irc::names::name_of(name).into();
                talk.ask(about, Ask::Watch { name, on: false });
            }
        }
        "C" | "c" => {
            for name in watched {
                let about = talk.about("", &name);
                let name = crate::session::encode::irc::names::name_of(&name).into();
                talk.ask(about, Ask::Watch { name, on: false });
            }
        }
        "L" | "l" => {
            talk.list(RPL_MONLIST, ',', &watched);
            talk.numeric(RPL_ENDOFMONLIST, &[], "End of MONITOR list");
        }
        "S" | "s" => {
            let names: Vec<&str> = watched.iter().map(String::as_str).collect();
            status(talk, &names);
        }
        _ => talk.numeric(ERR_NEEDMOREPARAMS, &["MONITOR"], "Not enough parameters"),
    }
}

/// Watches more names, up to the limit. An invalid name is only reported as offline, since nobody
/// can ever have it.
fn watch(talk: &mut Talk<'_>, names: &[&str], watched: &[String]) {
    let mut fresh: Vec<&str> = Vec::new();
    let (mut answered, mut refused) = (Vec::new(), Vec::new());
    for name in names {
        let mut known = watched.iter().map(String::as_str).chain(fresh.iter().copied());
        let is_known = known.any(|known| known.eq_ignore_ascii_case(name));
        if !is_known && is_name(name) {
            if watched.len() + fresh.len() >= WATCHED_MAX {
                refused.push(*name);
                continue;
            }
            fresh.push(name);
            let about = talk.about("", name);
            let name = crate::session::encode::irc::names::name_of(name).into();
            talk.ask(about, Ask::Watch { name, on: true });
        }
        answered.push(*name);
    }
    status(talk, &answered);
    let limit = WATCHED_MAX.to_string();
    for names in refused.chunks(5) {
        let text = "Monitor list is full";
        talk.numeric(ERR_MONLISTFULL, &[&limit, &names.join(",")], text);
    }
}

/// True if a person can have this nick. A nick with wide characters counts.
fn is_name(nick: &str) -> bool {
    is_nick(nick) && is_person_name(&crate::session::encode::irc::names::name_of(nick))
}

/// Reports the names that are online, and the names that are not.
fn status(talk: &mut Talk<'_>, names: &[&str]) {
    let (mut here, mut gone) = (Vec::new(), Vec::new());
    for name in names {
        match talk.person(name).filter(|_| is_name(name)) {
            Some((_, who)) => here.push(mask::mask_of(&who)),
            None => gone.push((*name).to_owned()),
        }
    }
    talk.list(RPL_MONONLINE, ',', &here);
    talk.list(RPL_MONOFFLINE, ',', &gone);
}
