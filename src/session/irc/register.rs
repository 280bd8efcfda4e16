//! Registration and quit: CAP, PASS, NICK, USER, PING, QUIT.

use super::numeric::*;
use super::state::{Entry, PendingJob, PendingRequest};
use super::talk::Talk;
use crate::hub::{Command as Ask, Departure, guest_number, is_person_name};
use crate::limits::{MESSAGE_COST, QUESTION_COST};
use crate::password::{Claim, Secret};
use crate::reason::CloseReason;
use crate::session::action::{Action, Job};
use crate::session::encode::irc::caps::Cap;
use crate::session::encode::irc::names::is_nick;
use crate::session::fault::Fault;

/// Longest user name, in bytes.
pub(super) const USER_MAX: usize = 18;

/// Longest full name, in bytes.
pub(super) const REAL_NAME_MAX: usize = 150;

/// Longest reason of any command, in bytes.
pub(super) const REASON_MAX: usize = 300;

/// Ignores a command that has no effect here.
pub(super) fn ignore(_: &mut Talk<'_>) {}

/// Handles CAP: <https://ircv3.net/specs/extensions/capability-negotiation>.
pub(super) fn cap(talk: &mut Talk<'_>) {
    let sub = talk.param(0).unwrap_or_default().to_ascii_uppercase();
    let argument = talk.line.params.get(1).copied().unwrap_or_default();
    if !talk.irc.greeted && matches!(sub.as_str(), "LS" | "REQ") {
        entry(talk).negotiating = true;
    }
    match sub.as_str() {
        "LS" => {
            if argument.parse::<u32>().is_ok_and(|version| version >= 302) {
                talk.irc.caps.is_302 = true;
                talk.irc.caps.set(Cap::CapNotify, true);
            }
            let names: Vec<&str> = Cap::ALL.iter().map(|cap| cap.name()).collect();
            list(talk, "LS", &names);
        }
        "LIST" => {
            let names: Vec<&str> = talk.irc.caps.iter().map(Cap::name).collect();
            list(talk, "LIST", &names);
        }
        "REQ" => request(talk, argument),
        "END" => {
            if let Some(entry) = &mut talk.irc.entry {
                entry.negotiating = false;
            }
            try_to_enter(talk);
        }
        _ => {
            let sub = talk.param(0).unwrap_or("*");
            talk.numeric(ERR_INVALIDCAPCMD, &[sub], "Invalid CAP command");
        }
    }
}

/// Lists capabilities. Uses as many lines as needed if the client reads more than one.
fn list(talk: &mut Talk<'_>, sub: &str, names: &[&str]) {
    let target = talk.irc.target().to_owned();
    let mut text = String::new();
    let mut lines = Vec::new();
    for name in names {
        if talk.irc.caps.is_302 && text.len() + name.len() > 350 {
            lines.push(std::mem::take(&mut text));
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(name);
    }
    for text in lines {
        talk.server(|line| {
            line.command("CAP").middle(&target).middle(sub).middle("*").last(&text);
        });
    }
    talk.server(|line| line.command("CAP").middle(&target).middle(sub).last(&text));
}

fn request(talk: &mut Talk<'_>, argument: &str) {
    let before = talk.irc.caps;
    let mut caps = before;
    let mut is_known = true;
    for word in argument.split(' ').filter(|word| !word.is_empty()) {
        let (name, on) = word.strip_prefix('-').map_or((word, true), |name| (name, false));
        match Cap::named(name) {
            // CAP LS 302 implies `cap-notify`, and the client cannot disable it.
            Some(Cap::CapNotify) if !on && caps.is_302 => is_known = false,
            Some(cap) => caps.set(cap, on),
            None => is_known = false,
        }
    }
    // A change of style moves the peer to another dialect in each of its rooms.
    let is_other = before.style(false) != caps.style(false);
    let reseats = is_known && is_other && talk.irc.greeted;
    if reseats && !talk.may_ask() {
        return talk.refuse();
    }
    let target = talk.irc.target().to_owned();
    let answer = if is_known { "ACK" } else { "NAK" };
    talk.server(|line| line.command("CAP").middle(&target).middle(answer).last(argument));
    if is_known {
        talk.irc.caps = caps;
    }
    if reseats {
        let rooms = talk.hub().rooms_of(talk.conn()).count();
        talk.cost += MESSAGE_COST + rooms * QUESTION_COST;
        // Directly after this answer, the peer receives its rooms in the other dialect.
        let answer = talk.irc.line_mut().actions.pop_back();
        if let Some(Action::Send(lines)) = answer {
            talk.then(Action::Resubscribe(lines));
        }
    }
}

fn entry<'i>(talk: &'i mut Talk<'_>) -> &'i mut Entry {
    talk.irc.entry.get_or_insert_default()
}

/// Handles PASS.
pub(super) fn pass(talk: &mut Talk<'_>) {
    if talk.irc.greeted {
        return talk.numeric(ERR_ALREADYREGISTERED, &[], "You may not reregister");
    }
    let password = talk.param(0).map(str::to_owned);
    let entry = entry(talk);
    (entry.password, entry.proven) = (password, None);
}

/// Handles NICK.
pub(super) fn nick(talk: &mut Talk<'_>) {
    let Some(nick) = talk.param(0) else {
        return talk.numeric(ERR_NONICKNAMEGIVEN, &[], "No nickname given");
    };
    if !is_person_name(nick) || !is_nick(nick) || guest_number(nick).is_some() {
        return talk.numeric(ERR_ERRONEUSNICKNAME, &[nick], "Erroneous nickname");
    }
    let holder = talk.hub().holder(nick);
    if holder.is_some_and(|holder| holder != talk.conn()) {
        return talk.numeric(ERR_NICKNAMEINUSE, &[nick], "Nickname is already in use");
    }
    if talk.irc.greeted {
        let about = talk.about("", nick);
        talk.ask(about, Ask::Rename { name: nick.to_owned().into() });
    } else {
        talk.irc.nick = nick.into();
        try_to_enter(talk);
    }
}

/// Handles USER.
pub(super) fn user(talk: &mut Talk<'_>) {
    if talk.irc.greeted || talk.irc.entry.as_ref().is_some_and(|entry| entry.user.is_some()) {
        return talk.numeric(ERR_ALREADYREGISTERED, &[], "You may not reregister");
    }
    let (Some(user), Some(real_name)) = (talk.param(0), talk.param(3)) else {
        return talk.numeric(ERR_NEEDMOREPARAMS, &["USER"], "Not enough parameters");
    };
    // Invalid characters are dropped, so that a client with such a local user name can still
    // register.
    let user: String = user.chars().filter(is_of_user).collect();
    let user = if user.is_empty() { "user" } else { &user };
    let real_name = short(real_name, REAL_NAME_MAX).to_owned();
    let entry = entry(talk);
    // The tilde marks the user name as unverified.
    entry.user = Some(format!("~{}", short(user, USER_MAX - 1)));
    entry.real_name = real_name;
    try_to_enter(talk);
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as `filter` wants it")]
fn is_of_user(c: &char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']' | '{' | '}' | '^' | '`')
}

/// Returns the beginning of a text, at most `most` bytes, cut between characters.
pub(super) fn short(text: &str, most: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= most);
    text.get(..end.last().unwrap_or(0)).unwrap_or(text)
}

/// Requests the name from the hub, once the client has sent everything that registration needs.
pub(super) fn try_to_enter(talk: &mut Talk<'_>) {
    if talk.irc.greeted || talk.irc.nick.is_empty() {
        return;
    }
    let Some(entry) = &talk.irc.entry else { return };
    let (Some(user), false) = (&entry.user, entry.negotiating) else { return };
    let (user, real_name) = (user.clone(), entry.real_name.clone());
    let given = entry.password.as_deref().unwrap_or_default();
    match &talk.options().password {
        Some(_) if given.is_empty() => return turn_away(talk),
        Some(Secret::Hash(hash)) if entry.proven.as_ref() != Some(hash) => {
            let claim = Claim { hash: hash.clone(), password: given.to_owned() };
            let job = Some(PendingJob::Pass(hash.clone()));
            let request = PendingRequest { job, ..talk.about("", "") };
            return talk.start(request, Job::VerifyPassword(claim));
        }
        Some(wanted) if wanted.is(given) == Some(false) => return turn_away(talk),
        Some(_) | None => {}
    }
    let nick = talk.irc.nick.to_string();
    let about = talk.about("", &nick);
    talk.ask(
        PendingRequest::default(),
        Ask::Describe { user: user.into(), real_name: real_name.into() },
    );
    talk.ask(about, Ask::Hello { name: nick.into(), key: 0, private: true });
}

/// Closes the peer because the password of the relay is missing or wrong.
pub(super) fn turn_away(talk: &mut Talk<'_>) {
    talk.numeric(ERR_PASSWDMISMATCH, &[], "Password incorrect");
    let fault = Fault::from(CloseReason::BadPassword);
    talk.then(Action::Close(fault));
}

/// Handles PING.
pub(super) fn ping(talk: &mut Talk<'_>) {
    let Some(token) = talk.line.params.first() else {
        return talk.numeric(ERR_NEEDMOREPARAMS, &["PING"], "Not enough parameters");
    };
    if token.is_empty() {
        return talk.numeric(ERR_NOORIGIN, &[], "No origin specified");
    }
    let name = &talk.options().name;
    talk.server(|line| line.command("PONG").middle(name).last(token));
}

/// Handles QUIT.
pub(super) fn quit(talk: &mut Talk<'_>) {
    let reason = short(talk.param(0).unwrap_or_default(), REASON_MAX);
    let about = talk.about("", "");
    let quit = format!("Quit: {reason}");
    talk.irc.departure = Some(Box::new(Departure::Quit(quit.trim_end_matches(": ").into())));
    talk.ask(about, Ask::Farewell { reason: quit.into() });
    talk.then(Action::Finish);
}
