//! The one table of commands.

use super::label::Label;
use super::numeric::*;
use super::state::Irc;
use super::talk::{Said, Talk};
use super::{history, modes, people, register, relay, rooms, speech};
use crate::session::encode::irc::caps::Cap;
use crate::session::view::View;
use crate::wire::irc::{Line, parse};

/// One command of the protocol.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// Minimum number of parameters.
    least: usize,
    /// True if the command is allowed before registration.
    early: bool,
    run: fn(&mut Talk<'_>),
    /// One line for HELP.
    pub(super) help: &'static str,
}

const fn command(
    name: &'static str,
    least: usize,
    early: bool,
    run: fn(&mut Talk<'_>),
    help: &'static str,
) -> Command {
    Command { name, least, early, run, help }
}

/// Every command, sorted by name.
#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command("ADMIN", 0, false, relay::admin, "ADMIN: who runs this relay"),
    command("AWAY", 0, false, people::away, "AWAY [text]: say that you are away, or are back"),
    command("CAP", 1, true, register::cap, "CAP LS|LIST|REQ|END: agree on capabilities"),
    command("CHATHISTORY", 1, false, history::chathistory, "CHATHISTORY LATEST|BEFORE|AFTER|AROUND|BETWEEN|TARGETS …: read what was said"),
    command("ERROR", 0, true, register::ignore, "ERROR: for servers only"),
    command("HELP", 0, false, help, "HELP [command]: this"),
    command("HELPOP", 0, false, help, "HELPOP [command]: the same as HELP"),
    command("INFO", 0, false, relay::info, "INFO: what this relay is"),
    command("INVITE", 0, false, rooms::invite, "INVITE <nick> <channel>: ask somebody in"),
    command("ISON", 1, false, people::ison, "ISON <nick> …: which of them are here"),
    command("JOIN", 1, false, rooms::join, "JOIN <channel>[,…] [key[,…]]: enter channels"),
    command("KICK", 2, false, rooms::kick, "KICK <channel>[,…] <nick>[,…] [reason]: put somebody out"),
    command("KILL", 1, false, relay::kill, "KILL <nick> [reason]: end a connection (operators)"),
    command("LINKS", 0, false, relay::links, "LINKS: the servers of this network: one"),
    command("LIST", 0, false, rooms::list, "LIST [channel,…] [filter,…]: channels, how many are there, and their topics"),
    command("LUSERS", 0, false, relay::lusers, "LUSERS: how many are here"),
    command("MODE", 1, false, modes::mode, "MODE <channel|nick> [modes [parameters]]: rights and flags"),
    command("MONITOR", 1, false, people::monitor, "MONITOR +|-|C|L|S [nick,…]: be told when people come and go"),
    command("MOTD", 0, false, relay::motd, "MOTD: what everybody who comes is shown"),
    command("NAMES", 0, false, rooms::names, "NAMES [channel]: who is there, or who is where"),
    command("NICK", 0, true, register::nick, "NICK <nick>: take a name"),
    command("NOTICE", 0, false, speech::notice, "NOTICE <channel|nick>[,…] <text>: say something that no program answers"),
    command("OPER", 2, false, relay::oper, "OPER <name> <password>: become an operator of the relay"),
    command("PART", 1, false, rooms::part, "PART <channel>[,…] [reason]: leave channels"),
    command("PASS", 1, true, register::pass, "PASS <password>: before NICK and USER, where one is asked for"),
    command("PING", 0, true, register::ping, "PING <token>: are you there?"),
    command("PONG", 0, true, register::ignore, "PONG <token>: answers PING"),
    command("PRIVMSG", 0, false, speech::privmsg, "PRIVMSG <channel|nick>[,…] <text>: say something"),
    command("QUIT", 0, true, register::quit, "QUIT [reason]: leave"),
    command("REHASH", 0, false, relay::rehash, "REHASH: read the configuration again (operators)"),
    command("SETNAME", 1, false, people::setname, "SETNAME <text>: be called something else in full"),
    command("STATS", 1, false, relay::stats, "STATS u: how long the relay has run"),
    command("TAGMSG", 0, false, speech::tagmsg, "TAGMSG <channel|nick>[,…]: tags without a text"),
    command("TIME", 0, false, relay::time, "TIME: what time it is here"),
    command("TOPIC", 1, false, rooms::topic, "TOPIC <channel> [text]: read or give the topic"),
    command("USER", 4, true, register::user, "USER <user> 0 * <full name>: say who you are"),
    command("USERHOST", 1, false, people::userhost, "USERHOST <nick> …: where they come from"),
    command("VERSION", 0, false, relay::version, "VERSION: which relay this is"),
    command("WALLOPS", 1, false, relay::wallops, "WALLOPS <text>: call out to all operators (operators)"),
    command("WHO", 0, false, people::who, "WHO <channel|mask> [o|%fields[,token]]: who is there"),
    command("WHOIS", 0, false, people::whois, "WHOIS <nick>: who that is"),
    command("WHOWAS", 0, false, people::whowas, "WHOWAS <nick> [count]: who that was"),
];

/// Returns the command of this name, in any case.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    let upper = name.bytes().map(|byte| byte.to_ascii_uppercase());
    let found = COMMANDS.binary_search_by(|known| known.name.bytes().cmp(upper.clone()));
    COMMANDS.get(found.ok()?)
}

impl Irc {
    /// Answers a line that was too long to be read.
    pub(super) fn obey_too_long(&mut self, view: &View<'_>) {
        let mut talk = Talk::new(self, view, "*", Said::default());
        talk.numeric(ERR_INPUTTOOLONG, &[], "Input line was too long");
    }

    /// Handles a line and queues the actions that it causes. Returns the cost for the peer, in
    /// addition to the hub's own charges: see [`Hub::charge`](crate::hub::Hub::charge).
    pub(super) fn obey(&mut self, line: &[u8], view: &View<'_>) -> usize {
        match std::str::from_utf8(line) {
            Ok(line) => parse(line).map_or(0, |line| self.obey_parsed(&line, true, view)),
            Err(_) => {
                let line = String::from_utf8_lossy(line);
                parse(&line).map_or(0, |line| self.obey_parsed(&line, false, view))
            }
        }
    }

    fn obey_parsed(&mut self, line: &Line<'_>, is_text: bool, view: &View<'_>) -> usize {
        if self.caps.has(Cap::LabeledResponse)
            && self.caps.has(Cap::Batch)
            && let Some(label) = line.tags.get("label")
        {
            self.line_mut().label = Label::new(&label);
        }
        let found = find(line.command);
        let verb = found.map_or("*", |known| known.name);
        let said = Said { tags: line.tags, params: &line.params };
        let mut talk = Talk::new(self, view, verb, said);
        if !is_text {
            talk.fail("INVALID_UTF8", &[], "Message rejected: it is not UTF-8");
            return 0;
        }
        match found {
            Some(known) if !known.early && !talk.irc.greeted => {
                talk.numeric(ERR_NOTREGISTERED, &[], "You have not registered");
            }
            Some(known) if line.params.len() < known.least => {
                talk.numeric(ERR_NEEDMOREPARAMS, &[known.name], "Not enough parameters");
            }
            Some(known) if known.early => (known.run)(&mut talk),
            Some(_) if !talk.may_ask() && !rooms::leaves(&talk) => talk.refuse(),
            Some(known) => {
                (known.run)(&mut talk);
                talk.cost += talk.cost_of_answer();
            }
            None if talk.irc.greeted => {
                talk.numeric(ERR_UNKNOWNCOMMAND, &[line.command], "Unknown command");
            }
            None => talk.numeric(ERR_NOTREGISTERED, &[], "You have not registered"),
        }
        talk.cost
    }
}

/// Handles HELP.
fn help(talk: &mut Talk<'_>) {
    let Some(subject) = talk.param(0) else {
        talk.numeric(RPL_HELPSTART, &["*"], "The commands of this relay");
        for command in COMMANDS {
            talk.numeric(RPL_HELPTXT, &["*"], command.help);
        }
        return talk.numeric(RPL_ENDOFHELP, &["*"], "End of /HELP");
    };
    match find(subject) {
        Some(command) => {
            talk.numeric(RPL_HELPSTART, &[subject], command.name);
            talk.numeric(RPL_HELPTXT, &[subject], command.help);
            talk.numeric(RPL_ENDOFHELP, &[subject], "End of /HELP");
        }
        None => talk.numeric(ERR_HELPNOTFOUND, &[subject], "No help available on this topic"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case() {
        for known in COMMANDS {
            for name in [known.name.to_owned(), known.name.to_lowercase()] {
                assert_eq!(find(&name).map(|found| found.name), Some(known.name));
            }
        }
        assert!(find("").is_none() && find("PRIV").is_none() && find("PRIVMSGS").is_none());
    }
}
