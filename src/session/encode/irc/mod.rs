//! The lines that a whole room receives, encoded once for all clients with the same capabilities.

pub mod caps;
pub mod mask;
pub mod mode_table;
pub mod names;
mod nick;
pub mod stamp;

use self::mode_table::letter_of;
use crate::hex::Hex;
use crate::hub::{Change, Departure, Ephemeral, Notice, Room, What};
use crate::payload::{Attributes, Identity, Message, Payload};
use crate::session::carrier::Carrier;
use crate::wire::irc::LineWriter;
use crate::wire::websocket::{self, Opcode};
use caps::{Cap, Style};
use names::{channel_of, nick_of};
use stamp::Stamp;
use std::borrow::Cow;

/// Maximum number of lines for one message. Messages of other protocols may contain many, and each
/// costs more in IRC, most of all in a history.
const LINES_MAX: usize = 16;

/// The markers before and after the text of a CTCP ACTION.
const ACTION: &str = "\u{1}ACTION ";
const ACTION_END: char = '\u{1}';

/// The tags and the source before the command of a person's line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heading<'a> {
    pub(crate) style: Style,
    pub(crate) unix_ms: u64,
    /// The batch that contains the line.
    pub(crate) batch: Option<&'a str>,
    pub(crate) msgid: Option<&'a str>,
    /// Tags of the sender's client.
    pub(crate) attributes: Option<&'a Attributes>,
}

impl Heading<'_> {
    /// Begins the line.
    pub(crate) fn write<'o>(&self, who: &Identity, out: &'o mut Vec<u8>) -> LineWriter<'o> {
        let mut line = LineWriter::new(out);
        if let Some(batch) = self.batch {
            line = line.tag("batch", batch);
        }
        if self.style.has(Cap::ServerTime) {
            line = line.tag("time", &Stamp(self.unix_ms).to_string());
        }
        if self.style.has(Cap::MessageTags) {
            if let Some(msgid) = self.msgid {
                line = line.tag("msgid", msgid);
            }
            if who.is_bot() {
                line = line.tag("bot", "");
            }
            for (key, value) in self.attributes.into_iter().flat_map(Attributes::iter) {
                line = line.client_tag(key, value);
            }
        }
        line.from_person(&nick_of(&who.name), who.user(), who.host())
    }
}

/// Returns the id of a message of a room. It is unique as long as epochs are.
pub(crate) fn msgid(room: &Room, message: &Message) -> String {
    format!("{}-{}", Hex(room.epoch.0), message.offset)
}

/// Returns the id of a direct or ephemeral message.
pub(crate) fn id_of(minted: u64) -> String {
    Hex(minted).to_string()
}

/// Returns the quit reason of a person whom an operator disconnected.
pub(crate) fn killed_by(by: &Identity, reason: &str) -> String {
    format!("Killed ({by} ({reason}))")
}

/// True if a person's text fits one line, after the source, the command and the target.
pub(crate) fn fits_a_line(who: &Identity, command: &str, target: &str, text: &str) -> bool {
    let mut line = Vec::new();
    let heading = Heading::default().write(who, &mut line);
    text.len() <= heading.command(command).middle(target).space()
}

/// Wraps each line, from `start` on, for its carrier.
pub(crate) fn pack(carrier: Carrier, is_binary: bool, start: usize, out: &mut Vec<u8>) {
    if carrier == Carrier::WebSocket {
        let lines = out.split_off(start);
        let opcode = if is_binary { Opcode::Binary } else { Opcode::Text };
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            websocket::write(opcode, line.strip_suffix(b"\r\n").unwrap_or(line), out);
        }
    }
}

/// Returns bytes as text. Nearly all bytes are valid text, so they are validated as a whole first:
/// the lossy conversion goes from chunk to chunk.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Appends a message of a room in this style.
pub fn write_message(
    style: Style,
    carrier: Carrier,
    room: &Room,
    message: &Message,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let id = if style.has(Cap::MessageTags) { msgid(room, message) } else { String::new() };
    write_spoken(style, &channel_of(&room.name), &id, message, None, out);
    pack(carrier, style.is_binary, start, out);
}

/// Appends a notice of a room in this style.
pub fn write_news(
    style: Style,
    carrier: Carrier,
    room: &str,
    notice: &Notice,
    unix_ms: u64,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    write_notice(style, room, notice, unix_ms, out);
    pack(carrier, style.is_binary, start, out);
}

/// Appends a message to a room or a person. `batch` is the batch that contains it.
pub(crate) fn write_spoken(
    style: Style,
    target: &str,
    id: &str,
    message: &Message,
    batch: Option<&str>,
    out: &mut Vec<u8>,
) {
    let command = if message.payload.manner.is_notice { "NOTICE" } else { "PRIVMSG" };
    let text = text_of(&message.payload);
    let action = action_of(&text);
    let around = action.map_or(0, |_| ACTION.len() + ACTION_END.len_utf8());
    let mut rest = action.unwrap_or(&text).split('\n').map(|line| line.trim_end_matches('\r'));
    let mut line = rest.find(|line| !line.is_empty()).unwrap_or(" ");
    for count in 1.. {
        let heading = Heading {
            style,
            unix_ms: message.unix_ms,
            batch,
            msgid: (count == 1).then_some(id),
            attributes: Some(&message.payload.manner.attributes),
        };
        let writer = heading.write(&message.sender, out).command(command).middle(target);
        let cut = cut_at(line, writer.space().saturating_sub(around));
        let (now, later) = line.split_at_checked(cut).unwrap_or((line, ""));
        let next = if later.is_empty() { rest.find(|line| !line.is_empty()) } else { Some(later) };
        if count == LINES_MAX && next.is_some() {
            return writer.last("[and more: the message is longer than fits here]");
        }
        match action {
            Some(_) => writer.last(&format!("{ACTION}{now}{ACTION_END}")),
            None => writer.last(now),
        }
        let Some(next) = next else { return };
        line = next;
    }
}

/// Returns the text of a CTCP ACTION, if the whole message is one. Each line of it becomes an
/// ACTION of its own: otherwise clients would show the second line as plain text, with the end
/// marker in it.
fn action_of(text: &str) -> Option<&str> {
    let action = text.strip_prefix(ACTION)?.trim_end_matches(['\r', '\n']);
    let action = action.strip_suffix(ACTION_END)?;
    (!action.trim().is_empty() && !action.contains(ACTION_END)).then_some(action)
}

/// Returns the number of bytes of `line` that fit into `space`, cut between characters. Returns at
/// least the length of the first character.
fn cut_at(line: &str, space: usize) -> usize {
    if line.len() <= space {
        return line.len();
    }
    let fits = line.char_indices().map(|(at, _)| at).take_while(|at| *at <= space).last();
    let first = line.chars().next().map_or(0, char::len_utf8);
    fits.unwrap_or(0).max(first)
}

/// Returns a payload as text. A payload with a NUL is binary, so a placeholder replaces it. Other
/// bytes that are not UTF-8 are taken as text in a legacy encoding, and decoded lossily.
fn text_of(payload: &Payload) -> Cow<'_, str> {
    if payload.bytes.contains(&0) {
        return Cow::Owned(format!("[{} bytes that are not text]", payload.bytes.len()));
    }
    text(&payload.bytes)
}

/// Appends a notice of a room as lines. Appends nothing if the style has no encoding for it.
pub(crate) fn write_notice(
    style: Style,
    room: &str,
    notice: &Notice,
    unix_ms: u64,
    out: &mut Vec<u8>,
) {
    let channel = channel_of(room);
    let heading = Heading { style, unix_ms, ..Heading::default() };
    match notice {
        Notice::Came(who, _) => {
            let line = heading.write(who, out).command("JOIN").middle(&channel);
            if style.has(Cap::ExtendedJoin) {
                line.middle("*").last(who.real_name());
            } else {
                line.end();
            }
        }
        Notice::Went(who, _, Departure::Left(reason)) => {
            let line = heading.write(who, out).command("PART").middle(&channel);
            match reason {
                Some(reason) => line.last(reason),
                None => line.end(),
            }
        }
        Notice::Went(who, _, Departure::Quit(reason)) => {
            heading.write(who, out).command("QUIT").last(reason);
        }
        Notice::Went(who, _, Departure::Disconnected(by, reason)) => {
            heading.write(who, out).command("QUIT").last(&killed_by(by, reason));
        }
        Notice::Went(who, _, Departure::Kicked(by, reason)) => {
            let line = heading.write(by, out).command("KICK").middle(&channel);
            line.middle(&nick_of(&who.name)).last(reason);
        }
        Notice::Renamed(who, name, _) => {
            heading.write(who, out).command("NICK").last(&nick_of(name));
        }
        Notice::Topic(who, text) => {
            heading.write(who, out).command("TOPIC").middle(&channel).last(text);
        }
        Notice::Changed(who, changes) => {
            write_changes(&heading, who, &channel, changes, out);
        }
        Notice::Invited(who, whom) if style.has(Cap::InviteNotify) => {
            let line = heading.write(who, out).command("INVITE");
            line.middle(&nick_of(whom)).middle(&channel).end();
        }
        Notice::Away(who, message) if style.has(Cap::AwayNotify) => {
            let line = heading.write(who, out).command("AWAY");
            match message {
                Some(message) => line.last(message),
                None => line.end(),
            }
        }
        Notice::RealName(who) if style.has(Cap::Setname) => {
            let line = heading.write(who, out).command("SETNAME");
            line.last(who.real_name());
        }
        Notice::Ephemeral(message) if style.has(Cap::MessageTags) => {
            write_ephemeral(style, &channel, message, unix_ms, out);
        }
        Notice::Count(_)
        | Notice::Invited(..)
        | Notice::Away(..)
        | Notice::RealName(_)
        | Notice::Ephemeral(..) => {}
    }
}

/// Appends an ephemeral message: the tags that a client sends to other clients.
pub(crate) fn write_ephemeral(
    style: Style,
    target: &str,
    Ephemeral { who, attributes, id }: &Ephemeral,
    unix_ms: u64,
    out: &mut Vec<u8>,
) {
    let id = id_of(*id);
    let heading = Heading {
        style,
        unix_ms,
        msgid: Some(&id),
        attributes: Some(attributes),
        ..Heading::default()
    };
    let line = heading.write(who, out);
    line.command("TAGMSG").middle(target).end();
}

/// Appends changes of a room's rights, in as many lines as they need.
fn write_changes(
    heading: &Heading<'_>,
    who: &Identity,
    channel: &str,
    changes: &[Change],
    out: &mut Vec<u8>,
) {
    let mut rest = changes;
    while !rest.is_empty() {
        let line = heading.write(who, out).command("MODE");
        let line = line.middle(channel);
        // As many changes as fit; the next line takes the others.
        let space = line.space();
        let fits = |count: &usize| {
            let (modes, params) = modes_of(rest.get(..*count).unwrap_or(rest));
            modes.len() + params.iter().map(|p| p.len() + 1).sum::<usize>() <= space
        };
        let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
        let (now, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        let (modes, params) = modes_of(now);
        params.iter().fold(line.middle(&modes), |line, param| line.middle(param)).end();
        rest = later;
    }
}

/// Returns changes as mode letters and parameters.
fn modes_of(changes: &[Change]) -> (String, Vec<Cow<'_, str>>) {
    let (mut modes, mut params, mut sign) = (String::new(), Vec::new(), None);
    for change in changes {
        if sign != Some(change.on) {
            sign = Some(change.on);
            modes.push(if change.on { '+' } else { '-' });
        }
        let param = match &change.what {
            What::Switch(_) => None,
            What::Key(key) => Some(Cow::Borrowed(&**key)),
            What::Limit(limit) => change.on.then(|| Cow::Owned(limit.to_string())),
            What::Entry(_, pattern) => Some(Cow::Owned(mask::text_of(pattern))),
            What::Rank(_, _, name) => Some(nick_of(name)),
        };
        modes.push(letter_of(change));
        params.extend(param);
    }
    (modes, params)
}
