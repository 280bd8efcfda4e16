//! Rooms as channels: JOIN, PART, TOPIC, NAMES, LIST, INVITE, KICK.

use super::numeric::*;
use super::options::options_of;
use super::register::{REASON_MAX, short};
use super::speech::TARGETS_MAX;
use super::state::{Irc, PendingRequest};
use super::talk::Talk;
use super::visible::{is_shown, is_visible, joined, known};
use crate::hub::{Command as Ask, Room, Switch};
use crate::id::{ConnId, RoomId};
use crate::limits::MESSAGE_COST;
use crate::session::encode::irc::caps::Cap;
use crate::session::encode::irc::mask;
use crate::session::encode::irc::mode_table::prefix_of;
use crate::session::encode::irc::names::{channel_of, nick_of, room_of};
use crate::session::view::View;

/// Longest topic, in bytes.
pub(super) const TOPIC_MAX: usize = 390;

/// Maximum number of ranked members that NAMES shows for a room with too many members.
const RANKED_MAX: usize = 100;

/// Handles JOIN.
pub(super) fn join(talk: &mut Talk<'_>) {
    let channels = talk.param(0).unwrap_or_default();
    if channels == "0" {
        let rooms: Vec<RoomId> = talk.hub().rooms_of(talk.conn()).collect();
        for room in rooms {
            let name = talk.hub().room(room).map_or(String::new(), |room| channel_of(&room.name));
            leave(talk, &name, room, None);
        }
        return;
    }
    let mut keys = talk.param(1).unwrap_or_default().split(',');
    let mut asked: Vec<&str> = Vec::new();
    for channel in channels.split(',').filter(|channel| !channel.is_empty()) {
        let key = keys.next().filter(|key| !key.is_empty());
        let Some(room) = room_of(channel) else {
            talk.no_such_channel(channel);
            continue;
        };
        let known = talk.hub().find(room);
        let is_in = known.is_some_and(|known| talk.hub().is_member(talk.conn(), known));
        if is_in || asked.iter().any(|other| other.eq_ignore_ascii_case(room)) {
            continue;
        }
        asked.push(room);
        let about = talk.about(channel, "");
        let (room, key) = (room.to_owned().into(), key.map(|key| key.to_owned().into()));
        talk.ask(about, Ask::Join { room, key, resume: None });
    }
}

/// Handles PART.
pub(super) fn part(talk: &mut Talk<'_>) {
    let reason = talk.line.params.get(1).map(|reason| short(reason, REASON_MAX));
    for channel in talk.param(0).unwrap_or_default().split(',').filter(|c| !c.is_empty()) {
        if let Some((_, room)) = joined(talk, channel) {
            leave(talk, channel, room, reason);
        }
    }
}

/// True if the line makes the peer leave rooms. The peer may leave even if its rate is used up.
pub(super) fn leaves(talk: &Talk<'_>) -> bool {
    let channels = talk.param(0).unwrap_or_default();
    let is_in = |room| talk.hub().is_member(talk.conn(), room);
    let mut rooms =
        channels.split(',').filter_map(room_of).filter_map(|room| talk.hub().find(room));
    match talk.verb {
        "PART" => rooms.any(is_in),
        "JOIN" => channels == "0" && talk.hub().rooms_of(talk.conn()).next().is_some(),
        _ => false,
    }
}

fn leave(talk: &mut Talk<'_>, channel: &str, room: RoomId, reason: Option<&str>) {
    let words = reason.map(str::to_owned);
    let about = PendingRequest { words: words.clone(), ..talk.about(channel, "") };
    let reason = words.map(Into::into);
    talk.ask(about, Ask::Leave { room, reason });
}

/// Handles TOPIC.
pub(super) fn topic(talk: &mut Talk<'_>) {
    let channel = talk.param(0).unwrap_or_default();
    let Some(text) = talk.line.params.get(1) else {
        let Some(room) = known(talk, channel) else { return };
        let channel = channel_of(&room.name);
        if room.rights.topic.is_none() {
            return talk.numeric(RPL_NOTOPIC, &[&channel], "No topic is set");
        }
        return talk.write(|irc, view, out| write_topic(irc, view, room, out));
    };
    let Some((_, room)) = joined(talk, channel) else { return };
    let text = short(text, TOPIC_MAX).to_owned().into();
    let about = talk.about(channel, "");
    talk.ask(about, Ask::Topic { room, text });
}

/// Appends the topic, with its author and time. Appends nothing if there is none.
pub(super) fn write_topic(irc: &Irc, view: &View<'_>, room: &Room, out: &mut Vec<u8>) {
    let Some(topic) = &room.rights.topic else { return };
    let (server, channel) = (irc.server_lines(view), channel_of(&room.name));
    server.numeric(RPL_TOPIC, &[&channel], &topic.text, out);
    let (by, at) = (mask::mask_of(&topic.by), topic.at.to_string());
    server.bare_numeric(RPL_TOPICWHOTIME, &[&channel, &by, &at], out);
}

/// Handles NAMES: of one channel, or of all visible channels.
pub(super) fn names(talk: &mut Talk<'_>) {
    let mut channels = talk.param(0).into_iter().flat_map(|channels| channels.split(','));
    let Some(channel) = channels.find(|channel| !channel.is_empty()) else {
        return names_of_all(talk);
    };
    let hub = talk.hub();
    let room = room_of(channel).and_then(|room| hub.find(room)).and_then(|id| hub.room(id));
    let room = room.filter(|room| is_visible(talk.view, room) && !room.members.is_empty());
    match room {
        Some(room) => {
            talk.write(|irc, view, out| write_names(irc, view, room, out));
        }
        None => talk.numeric(RPL_ENDOFNAMES, &[channel], "End of /NAMES list"),
    }
    if let Some(next) = channels.find(|next| !next.is_empty()) {
        talk.numeric(ERR_TOOMANYTARGETS, &[next], "One channel at a time: the rest is not named");
    }
}

/// Sends the members of all visible rooms, up to a quarter of the outbox.
fn names_of_all(talk: &mut Talk<'_>) {
    talk.cost += MESSAGE_COST;
    let (hub, limits) = (talk.hub(), talk.view.limits);
    let visible = hub.rooms().filter(|room| !room.members.is_empty());
    let mut out = Vec::new();
    let mut more = 0;
    for room in visible.filter(|room| is_visible(talk.view, room)) {
        if room.members.len() > limits.presence_members || out.len() >= limits.outbox / 4 {
            more += 1;
        } else {
            write_members(talk.irc, talk.view, room, &mut out);
        }
    }
    talk.write(|_, _, lines| lines.extend_from_slice(&out));
    let end = match more {
        0 => "End of /NAMES list".to_owned(),
        more => format!("End of /NAMES list: {more} more, ask for each"),
    };
    talk.numeric(RPL_ENDOFNAMES, &["*"], &end);
}

/// Appends the members of a room, and the end of the list.
pub(super) fn write_names(irc: &Irc, view: &View<'_>, room: &Room, out: &mut Vec<u8>) {
    write_members(irc, view, room, out);
    let count = room.members.len();
    let end = if count > view.limits.presence_members {
        format!("End of /NAMES list: {count} members, too many to name")
    } else {
        "End of /NAMES list".to_owned()
    };
    irc.server_lines(view).numeric(RPL_ENDOFNAMES, &[&channel_of(&room.name)], &end, out);
}

/// Appends the members of a room. For a room with too many members, appends only the peer itself
/// and ranked members.
fn write_members(irc: &Irc, view: &View<'_>, room: &Room, out: &mut Vec<u8>) {
    let (channel, name) = (channel_of(&room.name), &options_of(view).name);
    let is_big = room.members.len() > view.limits.presence_members;
    let members: Vec<ConnId> = if is_big {
        let others = room.rights.ranked().map(|(conn, _)| conn).filter(|conn| *conn != view.conn);
        let own = view.hub.is_member(view.conn, room.id).then_some(view.conn);
        own.into_iter().chain(others.take(RANKED_MAX)).collect()
    } else {
        room.members.clone()
    };
    let symbol = if room.rights.is_on(Switch::Secret) { "@" } else { "=" };
    let multi = irc.caps.has(Cap::MultiPrefix);
    let hosts = irc.caps.has(Cap::UserhostInNames);
    let mut line = String::new();
    let mut flush = |line: &mut String| {
        irc.server_lines(view).numeric(RPL_NAMREPLY, &[symbol, &channel], line, out);
        line.clear();
    };
    let room_for_names =
        400_usize.saturating_sub(name.len() + channel.len() + irc.target().len()).max(80);
    for member in members.into_iter().filter(|member| is_shown(view, room, *member)) {
        let Some(who) = view.hub.identity(member) else { continue };
        let mut entry: String = prefix_of(room.rights.ranks(member), multi).collect();
        entry.push_str(&nick_of(&who.name));
        if hosts {
            entry.push_str(&format!("!{}@{}", who.user(), who.host()));
        }
        if !line.is_empty() && line.len() + 1 + entry.len() > room_for_names {
            flush(&mut line);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&entry);
    }
    if !line.is_empty() {
        flush(&mut line);
    }
}

/// One condition of LIST (ELIST: C, M, N, T, U).
enum Filter<'a> {
    MoreThan(usize),
    FewerThan(usize),
    CreatedAfter(u64),
    CreatedBefore(u64),
    TopicAfter(u64),
    TopicBefore(u64),
    Named(&'a str),
    NotNamed(&'a str),
}

impl<'a> Filter<'a> {
    fn parse(text: &'a str, now: u64) -> Self {
        let number = |text: &str| text.parse::<u64>().ok();
        let minutes = |text: &str| number(text).map(|m| now.saturating_sub(m.saturating_mul(60)));
        let found = match text.as_bytes() {
            [b'>', ..] => number(&text[1..]).map(|n| Self::MoreThan(n as usize)),
            [b'<', ..] => number(&text[1..]).map(|n| Self::FewerThan(n as usize)),
            [b'C' | b'c', b'<', ..] => minutes(&text[2..]).map(Self::CreatedAfter),
            [b'C' | b'c', b'>', ..] => minutes(&text[2..]).map(Self::CreatedBefore),
            [b'T' | b't', b'<', ..] => minutes(&text[2..]).map(Self::TopicAfter),
            [b'T' | b't', b'>', ..] => minutes(&text[2..]).map(Self::TopicBefore),
            [b'!', ..] => Some(Self::NotNamed(&text[1..])),
            _ => None,
        };
        found.unwrap_or(Self::Named(text))
    }

    fn fits(&self, room: &Room) -> bool {
        let topic = room.rights.topic.as_ref().map(|topic| topic.at);
        let channel = || channel_of(&room.name);
        match self {
            Self::MoreThan(count) => room.members.len() > *count,
            Self::FewerThan(count) => room.members.len() < *count,
            Self::CreatedAfter(at) => room.rights.since > *at,
            Self::CreatedBefore(at) => room.rights.since < *at,
            Self::TopicAfter(at) => topic.is_some_and(|topic| topic > *at),
            Self::TopicBefore(at) => topic.is_some_and(|topic| topic < *at),
            Self::Named(mask) => mask::matches(mask, &channel()),
            Self::NotNamed(mask) => !mask::matches(mask, &channel()),
        }
    }
}

/// Handles LIST. Channels are in the first parameter and filters in the second; both parameters
/// accept either.
pub(super) fn list(talk: &mut Talk<'_>) {
    let now = talk.view.unix_ms / 1000;
    let params = talk.line.params.iter().take(2);
    let filters = params.flat_map(|param| param.split(',')).filter(|filter| !filter.is_empty());
    let filters = filters.take(10);
    let (names, others): (Vec<_>, Vec<_>) = filters
        .map(|filter| Filter::parse(filter, now))
        .partition(|filter| matches!(filter, Filter::Named(_)));
    // LIST visits every room, even if it shows few.
    talk.cost += MESSAGE_COST;
    talk.numeric(RPL_LISTSTART, &["Channel"], "Users  Name");
    let mut bytes = 0;
    let mut more = 0;
    let visible = talk.hub().rooms().filter(|room| !room.members.is_empty());
    let wanted = visible.filter(|room| {
        let is_named = names.is_empty() || names.iter().any(|filter| filter.fits(room));
        is_named
            && others.iter().all(|filter| filter.fits(room))
            && (is_visible(talk.view, room) || planted!("secret-room-is-listed"))
    });
    for room in wanted.collect::<Vec<_>>() {
        let topic = room.rights.topic.as_ref().map_or("", |topic| &*topic.text);
        // The approximate length of a line without name and topic.
        bytes += 96 + room.name.len() + topic.len();
        if bytes > talk.view.limits.outbox / 4 {
            more += 1;
            continue;
        }
        let count = room.members.len().to_string();
        talk.numeric(RPL_LIST, &[&channel_of(&room.name), &count], topic);
    }
    let end = match more {
        0 => "End of /LIST".to_owned(),
        more => format!("End of /LIST: {more} more, narrow it down with filters"),
    };
    talk.numeric(RPL_LISTEND, &[], &end);
}

/// Handles INVITE.
pub(super) fn invite(talk: &mut Talk<'_>) {
    let (Some(nick), Some(channel)) = (talk.param(0), talk.param(1)) else {
        return talk.numeric(ERR_NEEDMOREPARAMS, &["INVITE"], "Not enough parameters");
    };
    let Some((_, room)) = joined(talk, channel) else { return };
    let Some((whom, who)) = talk.person(nick) else { return talk.no_such_nick(nick) };
    if talk.hub().is_member(whom, room) {
        return talk.numeric(ERR_USERONCHANNEL, &[nick, channel], "is already on channel");
    }
    let about = talk.about(channel, &nick_of(&who.name));
    talk.ask(about, Ask::Invite { room, whom });
}

/// Handles KICK. Kicks several people from one channel, or each person from the channel at the same
/// position.
pub(super) fn kick(talk: &mut Talk<'_>) {
    let words = |index| talk.param(index).unwrap_or_default().split(',').filter(|w| !w.is_empty());
    let (channels, nicks): (Vec<&str>, Vec<&str>) = (words(0).collect(), words(1).collect());
    let reason = short(talk.param(2).unwrap_or(talk.irc.target()), REASON_MAX).to_owned();
    match channels.as_slice() {
        [channel] if joined(talk, channel).is_none() => return,
        [_] => {}
        [_, ..] if channels.len() == nicks.len() => {}
        _ => return talk.numeric(ERR_NEEDMOREPARAMS, &["KICK"], "Not enough parameters"),
    }
    for (channel, nick) in channels.iter().cycle().zip(&nicks).take(TARGETS_MAX) {
        put_out(talk, channel, nick, &reason);
    }
    if let Some(next) = nicks.get(TARGETS_MAX) {
        talk.numeric(ERR_TOOMANYTARGETS, &[*next], "Too many targets: the rest is still there");
    }
}

fn put_out(talk: &mut Talk<'_>, channel: &str, nick: &str, reason: &str) {
    let Some((_, room)) = joined(talk, channel) else { return };
    let Some((whom, who)) = talk.person(nick) else { return talk.no_such_nick(nick) };
    if !talk.hub().is_member(whom, room) {
        let text = "They aren't on that channel";
        return talk.numeric(ERR_USERNOTINCHANNEL, &[nick, channel], text);
    }
    let about = talk.about(channel, &nick_of(&who.name));
    talk.ask(about, Ask::Kick { room, whom, reason: reason.to_owned().into() });
}
