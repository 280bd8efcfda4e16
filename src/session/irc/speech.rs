//! Messages: PRIVMSG, NOTICE, TAGMSG.

use super::numeric::*;
use super::state::PendingRequest;
use super::talk::Talk;
use super::visible;
use crate::hub::{Addressee, Command as Ask, Sender, Target, Where};
use crate::payload::{Attributes, Form, Manner};
use crate::session::encode::irc::caps::Cap;
use crate::session::encode::irc::fits_a_line;
use crate::session::encode::irc::names::{channel_of, nick_of};
use crate::wire::irc::{LINE_MAX, unescape};
use smallvec::SmallVec;

/// Maximum number of targets in one line.
pub(super) const TARGETS_MAX: usize = 4;

/// Maximum length of text and target together that fits one line from any sender: nick, user, host
/// and command never have more than 192 bytes. The target counts three times, since a target of
/// another protocol may be shown in three times its bytes.
const SHORT: usize = LINE_MAX - 192;

/// Handles PRIVMSG.
pub(super) fn privmsg(talk: &mut Talk<'_>) {
    say(talk, false);
}

/// Handles NOTICE. Nothing answers it, not even an error, so that two programs cannot answer each
/// other for ever.
pub(super) fn notice(talk: &mut Talk<'_>) {
    say(talk, true);
}

fn say(talk: &mut Talk<'_>, is_notice: bool) {
    let Some(targets) = talk.param(0) else {
        if !is_notice {
            let text = format!("No recipient given ({})", talk.verb);
            talk.numeric(ERR_NORECIPIENT, &[], &text);
        }
        return;
    };
    let Some(text) = talk.param(1) else {
        if !is_notice {
            talk.numeric(ERR_NOTEXTTOSEND, &[], "No text to send");
        }
        return;
    };
    let attributes = attributes(talk);
    let echo = talk.irc.caps.has(Cap::EchoMessage);
    let mut is_too_long = false;
    for target in each(talk, targets, is_notice) {
        let Some(to) = visible::target_of(talk, target) else {
            if !is_notice {
                not_there(talk, target);
            }
            continue;
        };
        // One line becomes one line or none. Half of it, or two lines, would be a different
        // message.
        let is_short = text.len() + 3 * target.len() <= SHORT;
        if !is_short && !fits(talk, to, text) {
            is_too_long = true;
            continue;
        }
        if let Target::Person(conn) = to
            && !is_notice
            && let Some(away) = talk.hub().presence(conn).and_then(|presence| presence.away.clone())
        {
            talk.numeric(RPL_AWAY, &[&shown_as(talk, to)], &away);
        }
        let about = about(talk, target, is_notice);
        let manner = Manner { is_notice, attributes: attributes.clone() };
        let bytes = text.as_bytes().to_vec().into();
        let ask = match to {
            Target::Room(room) => Ask::Publish {
                room: Where::Joined(room),
                sender: Sender::Person { echo },
                bytes,
                form: Form::Unsaid,
                manner,
            },
            Target::Person(conn) => {
                Ask::DirectMessage { to: Addressee::Connection { conn, echo }, bytes, manner }
            }
        };
        talk.ask(about, ask);
    }
    if is_too_long {
        talk.numeric(ERR_INPUTTOOLONG, &[], "Input line was too long to fit behind your name");
    }
}

/// True if a text fits one line after its sender's name.
fn fits(talk: &Talk<'_>, to: Target, text: &str) -> bool {
    let own = talk.hub().identity(talk.conn());
    own.is_some_and(|own| fits_a_line(&own, talk.verb, &shown_as(talk, to), text))
}

/// Returns the target as its recipients see it.
fn shown_as(talk: &Talk<'_>, to: Target) -> String {
    match to {
        Target::Room(room) => talk.hub().room(room).map(|room| channel_of(&room.name)),
        Target::Person(conn) => {
            talk.hub().identity(conn).map(|who| nick_of(&who.name).into_owned())
        }
    }
    .unwrap_or_default()
}

/// Handles TAGMSG (message-tags).
pub(super) fn tagmsg(talk: &mut Talk<'_>) {
    if !talk.irc.caps.has(Cap::MessageTags) {
        return talk.numeric(ERR_UNKNOWNCOMMAND, &["TAGMSG"], "Unknown command");
    }
    let Some(targets) = talk.param(0) else {
        return talk.numeric(ERR_NORECIPIENT, &[], "No recipient given (TAGMSG)");
    };
    let attributes = attributes(talk);
    let echo = talk.irc.caps.has(Cap::EchoMessage);
    for target in each(talk, targets, false) {
        let Some(to) = visible::target_of(talk, target) else {
            not_there(talk, target);
            continue;
        };
        let about = about(talk, target, false);
        talk.ask(about, Ask::Ephemeral { to, attributes: attributes.clone(), echo });
    }
}

/// Returns the line's client-only tags, if the peer may send tags.
fn attributes(talk: &Talk<'_>) -> Attributes {
    let may = talk.irc.caps.has(Cap::MessageTags);
    let tags = may.then(|| talk.line.tags.client_only()).flatten();
    let tags = tags.iter().flat_map(|tags| tags.split(';'));
    Attributes::new(tags.map(|tag| match tag.split_once('=') {
        Some((key, value)) => (key, Some(unescape(value))),
        None => (tag, None),
    }))
}

fn each<'t>(
    talk: &mut Talk<'t>,
    targets: &'t str,
    is_quiet: bool,
) -> SmallVec<[&'t str; TARGETS_MAX]> {
    let mut found = SmallVec::new();
    for target in targets.split(',').filter(|target| !target.is_empty()) {
        if found.len() == TARGETS_MAX {
            if !is_quiet {
                let text = "Too many targets: the rest was not told";
                talk.numeric(ERR_TOOMANYTARGETS, &[target], text);
            }
            break;
        }
        if !found.contains(&target) {
            found.push(target);
        }
    }
    found
}

fn not_there(talk: &mut Talk<'_>, target: &str) {
    if target.starts_with('#') {
        talk.no_such_channel(target);
    } else {
        talk.no_such_nick(target);
    }
}

fn about(talk: &Talk<'_>, target: &str, is_quiet: bool) -> PendingRequest {
    let (channel, nick) = if target.starts_with('#') { (target, "") } else { ("", target) };
    PendingRequest { is_quiet, ..talk.about(channel, nick) }
}
