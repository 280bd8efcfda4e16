//! Commands about the relay: its identity, its counts, and the commands of its operators.

use super::numeric::*;
use super::options::options_of;
use super::register::{REASON_MAX, short};
use super::state::{Irc, PendingJob, PendingRequest};
use super::talk::Talk;
use super::{history, modes, people, register, rooms, speech};
use crate::hub::{Command as Ask, Flags, LIST_MAX};
use crate::limits::{MESSAGE_COST, PERSON_NAME_MAX, ROOM_NAME_MAX};
use crate::password::{Claim, Secret};
use crate::reason::CloseReason;
use crate::session::action::{Action, Job};
use crate::session::encode::irc::mask::{self, mask_of};
use crate::session::encode::irc::mode_table;
use crate::session::encode::irc::names::nick_of;
use crate::session::encode::irc::stamp::Stamp;
use crate::session::view::View;

/// Wrong passwords for OPER that one connection may send before it is closed. To guess further, a
/// client must reconnect.
const OPER_FAILURES_MAX: u8 = 3;

/// The relay's name and version.
const VERSION: &str = concat!("hobnob-", env!("CARGO_PKG_VERSION"));

/// Appends the welcome, from 001 to the end of the MOTD.
pub(super) fn write_welcome(irc: &Irc, view: &View<'_>, out: &mut Vec<u8>) {
    let options = options_of(view);
    let mask = view.hub.identity(view.conn).as_ref().map(mask_of).unwrap_or_default();
    let server = irc.server_lines(view);
    let text = format!("Welcome to the {} network, {mask}", options.network);
    server.numeric(RPL_WELCOME, &[], &text, out);
    let text = format!("Your host is {}, running version {VERSION}", options.name);
    server.numeric(RPL_YOURHOST, &[], &text, out);
    server.numeric(RPL_CREATED, &[], "This relay was created for everybody", out);
    let [user, channel, with_param] = mode_table::my_info();
    let params = [&*options.name, VERSION, &user, &channel, &with_param];
    server.bare_numeric(RPL_MYINFO, &params, out);
    write_isupport(irc, view, out);
    write_lusers(irc, view, out);
    write_motd(irc, view, out);
}

/// Appends the supported features (005).
fn write_isupport(irc: &Irc, view: &View<'_>, out: &mut Vec<u8>) {
    let options = options_of(view);
    let mut tokens = vec![
        format!("AWAYLEN={}", people::AWAY_MAX),
        "CASEMAPPING=ascii".to_owned(),
        format!("CHANLIMIT=#:{}", view.limits.rooms_per_peer),
        format!("CHANNELLEN={}", ROOM_NAME_MAX + 1),
        "CHANTYPES=#".to_owned(),
        format!("CHATHISTORY={}", history::PAGE_MAX),
        "ELIST=CMNTU".to_owned(),
        "HOSTLEN=64".to_owned(),
        format!("KEYLEN={}", modes::KEY_MAX),
        format!("KICKLEN={REASON_MAX}"),
        format!("MAXTARGETS={}", speech::TARGETS_MAX),
        format!("MODES={}", modes::MODES_MAX),
        format!("MONITOR={}", people::WATCHED_MAX),
        "MSGREFTYPES=msgid,timestamp".to_owned(),
        format!("NAMELEN={}", register::REAL_NAME_MAX),
        format!("NETWORK={}", options.network.replace(' ', "_")),
        format!("NICKLEN={PERSON_NAME_MAX}"),
        format!(
            "TARGMAX=JOIN:,KICK:{0},LIST:10,NAMES:1,NOTICE:{0},PART:,PRIVMSG:{0},TAGMSG:{0},WHOIS:1,WHOWAS:1",
            speech::TARGETS_MAX
        ),
        format!("TOPICLEN={}", rooms::TOPIC_MAX),
        format!("USERLEN={}", register::USER_MAX),
        "UTF8ONLY".to_owned(),
        "WHOX".to_owned(),
    ];
    tokens.extend(mode_table::isupport(LIST_MAX));
    tokens.sort_unstable();
    for tokens in tokens.chunks(12) {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let text = "are supported by this server";
        irc.server_lines(view).numeric(RPL_ISUPPORT, &tokens, text, out);
    }
}

fn write_lusers(irc: &Irc, view: &View<'_>, out: &mut Vec<u8>) {
    let (census, rooms) = (view.hub.census(), view.hub.room_count());
    let visible = census.named - census.invisible.min(census.named);
    let server = irc.server_lines(view);
    let text = format!("There are {visible} users and {} invisible on 1 servers", census.invisible);
    server.numeric(RPL_LUSERCLIENT, &[], &text, out);
    if census.operators > 0 {
        server.numeric(RPL_LUSEROP, &[&census.operators.to_string()], "operator(s) online", out);
    }
    if census.nameless > 0 {
        server.numeric(
            RPL_LUSERUNKNOWN,
            &[&census.nameless.to_string()],
            "unknown connection(s)",
            out,
        );
    }
    if rooms > 0 {
        server.numeric(RPL_LUSERCHANNELS, &[&rooms.to_string()], "channels formed", out);
    }
    let text = format!("I have {} clients and 0 servers", census.named);
    server.numeric(RPL_LUSERME, &[], &text, out);
    let (now, most) = (census.named.to_string(), census.most.to_string());
    let text = format!("Current local users {now}, max {most}");
    server.numeric(RPL_LOCALUSERS, &[&now, &most], &text, out);
    let text = format!("Current global users {now}, max {most}");
    server.numeric(RPL_GLOBALUSERS, &[&now, &most], &text, out);
}

fn write_motd(irc: &Irc, view: &View<'_>, out: &mut Vec<u8>) {
    let options = options_of(view);
    let server = irc.server_lines(view);
    if options.motd.is_empty() {
        return server.numeric(ERR_NOMOTD, &[], "MOTD File is missing", out);
    }
    let text = format!("- {} Message of the day - ", options.name);
    server.numeric(RPL_MOTDSTART, &[], &text, out);
    for line in &options.motd {
        server.numeric(RPL_MOTD, &[], &format!("- {line}"), out);
    }
    server.numeric(RPL_ENDOFMOTD, &[], "End of /MOTD command.", out);
}

/// True if a query names no server, this server, or a person. Otherwise sends `No such server`.
fn is_here(talk: &mut Talk<'_>, index: usize) -> bool {
    let Some(server) = talk.param(index) else { return true };
    let name = &talk.options().name;
    let is_here = mask::matches(server, name) || talk.person(server).is_some();
    if !is_here {
        talk.numeric(ERR_NOSUCHSERVER, &[server], "No such server");
    }
    is_here
}

/// Handles MOTD.
pub(super) fn motd(talk: &mut Talk<'_>) {
    if is_here(talk, 0) {
        talk.write(write_motd);
    }
}

/// Handles LUSERS.
pub(super) fn lusers(talk: &mut Talk<'_>) {
    talk.write(write_lusers);
}

/// Handles VERSION.
pub(super) fn version(talk: &mut Talk<'_>) {
    if is_here(talk, 0) {
        let name = talk.options().name.clone();
        talk.numeric(RPL_VERSION, &[VERSION, &name], "one thread, one poll, one hot loop");
        talk.write(write_isupport);
    }
}

/// Handles TIME.
pub(super) fn time(talk: &mut Talk<'_>) {
    if is_here(talk, 0) {
        let name = talk.options().name.clone();
        let now = Stamp(talk.view.unix_ms).to_string();
        talk.numeric(RPL_TIME, &[&name], &now);
    }
}

/// Handles INFO.
pub(super) fn info(talk: &mut Talk<'_>) {
    if is_here(talk, 0) {
        let text = "hobnob, a real-time relay: what one says in a room, everyone there receives";
        talk.numeric(RPL_INFO, &[], text);
        talk.numeric(RPL_INFO, &[], VERSION);
        talk.numeric(RPL_ENDOFINFO, &[], "End of INFO list");
    }
}

/// Handles ADMIN.
pub(super) fn admin(talk: &mut Talk<'_>) {
    if is_here(talk, 0) {
        let (name, network) = (talk.options().name.clone(), talk.options().network.clone());
        talk.numeric(RPL_ADMINME, &[&name], "Administrative info");
        talk.numeric(RPL_ADMINLOC1, &[], &network);
        talk.numeric(RPL_ADMINLOC2, &[], VERSION);
        talk.numeric(RPL_ADMINEMAIL, &[], "ask an operator of this relay");
    }
}

/// Handles LINKS. There are no links, and the client's own server is not listed: WHOIS shows it.
pub(super) fn links(talk: &mut Talk<'_>) {
    talk.numeric(RPL_ENDOFLINKS, &["*"], "End of /LINKS list: this server stands alone");
}

/// Handles STATS.
pub(super) fn stats(talk: &mut Talk<'_>) {
    let letter = talk.param(0).unwrap_or("*").to_owned();
    if !is_here(talk, 1) {
        return;
    }
    if letter == "u" {
        let up = talk.view.running.as_secs();
        let (days, hours, minutes, seconds) = (up / 86_400, up / 3600 % 24, up / 60 % 60, up % 60);
        let text = format!("Server Up {days} days {hours}:{minutes:02}:{seconds:02}");
        talk.numeric(RPL_STATSUPTIME, &[], &text);
    }
    talk.numeric(RPL_ENDOFSTATS, &[&letter], "End of /STATS report");
}

fn flags(talk: &Talk<'_>) -> Flags {
    talk.hub().presence(talk.conn()).map(|presence| presence.flags).unwrap_or_default()
}

fn is_operator(talk: &mut Talk<'_>) -> bool {
    let is_operator = flags(talk).operator;
    if !is_operator {
        let text = "Permission Denied: you're not an operator of this relay";
        talk.numeric(ERR_NOPRIVILEGES, &[], text);
    }
    is_operator
}

/// Handles OPER.
pub(super) fn oper(talk: &mut Talk<'_>) {
    let (name, password) = (talk.param(0).unwrap_or_default(), talk.param(1).unwrap_or_default());
    // A guess costs more than a query.
    talk.cost += MESSAGE_COST;
    let operators = &talk.options().operators;
    if operators.is_empty() {
        return talk.numeric(ERR_NOOPERHOST, &[], "No O-lines for your host");
    }
    let named = operators.iter().find(|operator| operator.name == name);
    // An unknown name takes as long as a wrong password, so that timing does not reveal the names
    // of operators.
    let secret = named.or_else(|| operators.iter().find(|other| other.password.hash().is_some()));
    match secret.map(|operator| &operator.password) {
        Some(Secret::Hash(hash)) => {
            let claim = Claim { hash: hash.clone(), password: password.to_owned() };
            let hash = named.map(|_| hash.clone());
            let job = Some(PendingJob::Oper { name: name.into(), hash });
            let request = PendingRequest { job, ..talk.about("", "") };
            talk.start(request, Job::VerifyPassword(claim));
        }
        secret => be_operator(talk, secret.is_some_and(|secret| secret.is(password) == Some(true))),
    }
}

/// Handles the result of the password check of OPER.
pub(super) fn be_operator(talk: &mut Talk<'_>, is_right: bool) {
    if !is_right {
        talk.numeric(ERR_PASSWDMISMATCH, &[], "Password incorrect");
        talk.irc.oper_failures = talk.irc.oper_failures.saturating_add(1);
        if talk.irc.oper_failures >= OPER_FAILURES_MAX {
            talk.then(Action::Close(CloseReason::BadPassword.into()));
        }
        return;
    }
    talk.irc.oper_failures = 0;
    talk.numeric(RPL_YOUREOPER, &[], "You are now an operator of this relay");
    let nick = talk.irc.target().to_owned();
    talk.server(|line| line.command("MODE").middle(&nick).last("+o"));
    let flags = Flags { operator: true, ..flags(talk) };
    let about = talk.about("", "");
    talk.ask(about, Ask::Flags(flags));
}

/// Handles KILL.
pub(super) fn kill(talk: &mut Talk<'_>) {
    if !is_operator(talk) {
        return;
    }
    let nick = talk.param(0).unwrap_or_default();
    let reason = talk.param(1).unwrap_or("no reason given");
    let Some((whom, who)) = talk.person(nick) else { return talk.no_such_nick(nick) };
    let about = talk.about("", &nick_of(&who.name));
    let reason = short(reason, REASON_MAX).to_owned().into();
    talk.ask(about, Ask::Disconnect { whom, reason });
}

/// Handles WALLOPS.
pub(super) fn wallops(talk: &mut Talk<'_>) {
    if is_operator(talk) {
        let text = talk.param(0).unwrap_or_default().to_owned().into();
        let about = talk.about("", "");
        talk.ask(about, Ask::Call { text });
    }
}

/// Handles REHASH.
pub(super) fn rehash(talk: &mut Talk<'_>) {
    if is_operator(talk) {
        let request = PendingRequest { job: Some(PendingJob::Rehash), ..talk.about("", "") };
        talk.start(request, Job::ReloadConfig);
    }
}
