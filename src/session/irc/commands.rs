//! The one table of commands, and what their handlers work with.

use super::numeric::*;
use super::waiting::Waiting;
use super::{About, Doing, Input, Irc, Label, View, options_of};
use super::{Cap, Options, history, people, register, relay, rooms, speech};
use crate::hub::{Act, Command as Ask, Hub};
use crate::id::ConnId;
use crate::limits::QUESTION_COST;
use crate::password::Claim;
use crate::payload::Identity;
use crate::reason::Refusal;
use crate::wire::irc::{Line, LineWriter, Tags, parse};

/// One command of the protocol.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// Parameters it cannot do without.
    least: usize,
    /// Whether it may come before the client is welcome.
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

/// Every command, in the order of their names.
#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command("ADMIN", 0, false, relay::admin, "ADMIN: who runs this relay"),
    command("AWAY", 0, false, people::away, "AWAY [text]: say that you are away, or are back"),
    command("CAP", 1, true, register::cap, "CAP LS|LIST|REQ|END: agree on capabilities"),
    command("CHATHISTORY", 1, false, history::chathistory, "CHATHISTORY LATEST|BEFORE|AFTER|AROUND|BETWEEN|TARGETS …: read what was said"),
    command("ERROR", 0, true, register::ignore, "ERROR: for servers only"),
    command("HELP", 0, false, relay::help, "HELP [command]: this"),
    command("HELPOP", 0, false, relay::help, "HELPOP [command]: the same as HELP"),
    command("INFO", 0, false, relay::info, "INFO: what this relay is"),
    command("INVITE", 0, false, rooms::invite, "INVITE <nick> <channel>: ask somebody in"),
    command("ISON", 1, false, people::ison, "ISON <nick> …: which of them are here"),
    command("JOIN", 1, false, rooms::join, "JOIN <channel>[,…] [key[,…]]: enter channels"),
    command("KICK", 2, false, rooms::kick, "KICK <channel>[,…] <nick>[,…] [reason]: put somebody out"),
    command("KILL", 1, false, relay::kill, "KILL <nick> [reason]: end a connection (operators)"),
    command("LINKS", 0, false, relay::links, "LINKS: the servers of this network: one"),
    command("LIST", 0, false, rooms::list, "LIST [channel,…] [filter,…]: channels, how many are there, and their topics"),
    command("LUSERS", 0, false, relay::lusers, "LUSERS: how many are here"),
    command("MODE", 1, false, super::modes::mode, "MODE <channel|nick> [modes [parameters]]: rights and flags"),
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

/// The command of that name, in whatever case it came.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    let upper = name.bytes().map(|byte| byte.to_ascii_uppercase());
    let found = COMMANDS.binary_search_by(|known| known.name.bytes().cmp(upper.clone()));
    COMMANDS.get(found.ok()?)
}

/// What a line asks for.
#[derive(Debug)]
pub enum Request<'a> {
    /// Nothing: it is empty, or not over.
    Nothing,
    /// Nothing that was kept: it is too long.
    TooLong,
    /// A line in UTF-8.
    Line(Line<'a>),
    /// A line that is none, as far as it can be read.
    NotText(Line<'a>),
}

impl<'a> Request<'a> {
    /// Takes apart what was said. `room` is where a line is put that is not UTF-8.
    pub fn read(input: &'a Input<'_>, room: &'a mut String) -> Self {
        let line = match input {
            Input::Part => return Self::Nothing,
            Input::TooLong => return Self::TooLong,
            Input::Line(line) => line,
        };
        let line = match std::str::from_utf8(line) {
            Ok(line) => parse(line).map(Self::Line),
            Err(_) => {
                *room = String::from_utf8_lossy(line).into_owned();
                parse(room).map(Self::NotText)
            }
        };
        line.unwrap_or(Self::Nothing)
    }

    /// The rooms that something is said in, so that it waits while they are behind.
    pub fn rooms_spoken_to(&self) -> impl Iterator<Item = &'a str> {
        let speaks = |line: &Line<'_>| {
            let verbs = ["PRIVMSG", "NOTICE", "TAGMSG"];
            verbs.iter().any(|verb| verb.eq_ignore_ascii_case(line.command))
        };
        let targets = match self {
            Self::Line(line) if speaks(line) => line.params.first().copied(),
            _ => None,
        };
        let targets = targets.into_iter().flat_map(|targets| targets.split(','));
        targets.filter_map(|target| target.strip_prefix('#'))
    }
}

/// What a handler works with: the line, what the relay knows, and where its answer goes.
pub(super) struct Talk<'t> {
    pub(super) irc: &'t mut Irc,
    pub(super) view: &'t View<'t>,
    pub(super) line: Said<'t>,
    /// The command, as the table spells it.
    pub(super) verb: &'static str,
    /// What was done beside writing the answer, in the coin of
    /// [`MESSAGE_COST`](crate::limits::MESSAGE_COST).
    pub(super) cost: usize,
}

/// A line, as handlers look at it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said<'t> {
    pub(super) tags: Tags<'t>,
    pub(super) params: &'t [&'t str],
}

impl Irc {
    /// Carries out a line, up to what is to be done about it. What that costs the peer, beside what
    /// the hub holds against it: see [`Hub::charge`].
    pub fn obey(&mut self, request: &Request<'_>, view: &View<'_>) -> usize {
        let line = match request {
            Request::Nothing => return 0,
            Request::TooLong => {
                let mut talk = Talk::new(self, view, "*", Said::default());
                talk.numeric(ERR_INPUTTOOLONG, &[], "Input line was too long");
                return 0;
            }
            Request::Line(line) | Request::NotText(line) => line,
        };
        if self.caps.has(Cap::LabeledResponse)
            && self.caps.has(Cap::Batch)
            && let Some(label) = line.tags.get("label")
        {
            self.label = Label::new(&label).map(Box::new);
        }
        let found = find(line.command);
        let verb = found.map_or("*", |known| known.name);
        let said = Said { tags: line.tags, params: &line.params };
        let mut talk = Talk::new(self, view, verb, said);
        if let Request::NotText(_) = request {
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

impl<'t> Talk<'t> {
    /// The handling of a line.
    pub(super) fn new(
        irc: &'t mut Irc,
        view: &'t View<'t>,
        verb: &'static str,
        line: Said<'t>,
    ) -> Self {
        Self { irc, view, line, verb, cost: 0 }
    }

    pub(super) fn hub(&self) -> &'t Hub {
        self.view.hub
    }

    pub(super) fn conn(&self) -> ConnId {
        self.view.conn
    }

    pub(super) fn options(&self) -> &'t Options {
        options_of(self.view)
    }

    /// A parameter, if it is there and not empty.
    pub(super) fn param(&self, index: usize) -> Option<&'t str> {
        self.line.params.get(index).copied().filter(|param| !param.is_empty())
    }

    /// Lines for the peer, behind whatever was done before.
    pub(super) fn write(&mut self, write: impl FnOnce(&Irc, &View<'_>, &mut Vec<u8>)) {
        let mut lines = match self.irc.doings.pop_back() {
            Some(Doing::Tell(lines)) => lines,
            other => {
                self.irc.doings.extend(other);
                Vec::new()
            }
        };
        write(self.irc, self.view, &mut lines);
        self.then(Doing::Tell(lines));
    }

    /// A line for the peer.
    pub(super) fn line(&mut self, write: impl FnOnce(LineWriter<'_>)) {
        self.write(|_, _, out| write(LineWriter::new(out)));
    }

    /// A line of the relay's.
    pub(super) fn server(&mut self, write: impl FnOnce(LineWriter<'_>)) {
        let name = self.options().name.as_str();
        self.line(|line| write(line.from_server(name)));
    }

    /// A numeric, with a text at its end.
    pub(super) fn numeric(&mut self, numeric: Numeric, params: &[&str], text: &str) {
        let target = self.irc.target().to_owned();
        self.server(|line| {
            let line = line.command(numeric).middle(&target);
            params.iter().fold(line, |line, param| line.middle(param)).last(text);
        });
    }

    /// A numeric without a text.
    pub(super) fn bare_numeric(&mut self, numeric: Numeric, params: &[&str]) {
        let target = self.irc.target().to_owned();
        self.server(|line| {
            let line = line.command(numeric).middle(&target);
            params.iter().fold(line, |line, param| line.middle(param)).end();
        });
    }

    /// A numeric whose text is a list, in as many lines as it needs; none if nothing is on it.
    pub(super) fn list(&mut self, numeric: Numeric, separator: char, items: &[String]) {
        let mut line = Vec::new();
        let writer = LineWriter::new(&mut line).from_server(&self.options().name);
        let space = writer.command(numeric).middle(self.irc.target()).space();
        let mut text = String::new();
        for item in items {
            if !text.is_empty() && text.len() + separator.len_utf8() + item.len() > space {
                self.numeric(numeric, &[], &std::mem::take(&mut text));
            }
            if !text.is_empty() {
                text.push(separator);
            }
            text.push_str(item);
        }
        if !text.is_empty() {
            self.numeric(numeric, &[], &text);
        }
    }

    /// A failure in the words of standard-replies.
    pub(super) fn fail(&mut self, code: &str, context: &[&str], text: &str) {
        let verb = self.verb;
        self.server(|line| {
            let line = line.command("FAIL").middle(verb).middle(code);
            context.iter().fold(line, |line, word| line.middle(word)).last(text);
        });
    }

    /// Whether the peer's rate allows a question.
    pub(super) fn may_ask(&self) -> bool {
        self.hub().wait(self.conn(), Act::Ask, self.view.running).is_zero()
    }

    /// The line comes too soon after others.
    pub(super) fn refuse(&mut self) {
        let about = self.about("", "");
        self.then(Doing::Refuse(Box::new(about), Refusal::RateLimited));
    }

    /// What the answer costs, in whatever it is given. A deed without one the hub holds to the rate
    /// itself, but for a person's own lists and flags.
    fn cost_of_answer(&self) -> usize {
        let is_act = |doing: &Doing| match doing {
            Doing::Ask(_, ask) => !matches!(ask, Ask::Watch { .. } | Ask::Flags(_)),
            _ => false,
        };
        let bytes = |doing: &Doing| if let Doing::Tell(lines) = doing { lines.len() } else { 0 };
        let doings = &self.irc.doings;
        match doings.iter().map(bytes).sum::<usize>() {
            0 if doings.iter().any(is_act) => 0,
            told => QUESTION_COST + told,
        }
    }

    /// Asks the hub, and notes what the answer will be about.
    pub(super) fn ask(&mut self, about: About, command: Ask<'static>) {
        self.then(Doing::Ask(Box::new(about), command));
    }

    /// This is to be done next, behind what is to be done already.
    pub(super) fn then(&mut self, doing: Doing) {
        self.irc.doings.push_back(doing);
    }

    /// Has it found out whether that is so. What the client says next is heard once it is known.
    pub(super) fn verify(&mut self, claim: Claim, waiting: Waiting) {
        self.wait(waiting, Doing::Verify(claim));
    }

    /// Has something done outside, for which the client waits.
    pub(super) fn wait(&mut self, waiting: Waiting, doing: Doing) {
        self.irc.waiting = Some(Box::new(waiting));
        self.then(doing);
    }

    /// What most answers are about.
    pub(super) fn about(&self, channel: &str, nick: &str) -> About {
        let (channel, nick) = (channel.to_owned(), nick.to_owned());
        About { verb: self.verb, channel, nick, ..About::default() }
    }

    /// The person of that nick.
    pub(super) fn person(&self, nick: &str) -> Option<(ConnId, Identity)> {
        let hub = self.hub();
        let conn = hub.holder(nick).or_else(|| hub.holder(&super::name_of(nick)))?;
        Some((conn, hub.identity(conn)?))
    }

    pub(super) fn no_such_nick(&mut self, nick: &str) {
        self.numeric(ERR_NOSUCHNICK, &[nick], "No such nick");
    }

    pub(super) fn no_such_channel(&mut self, channel: &str) {
        self.numeric(ERR_NOSUCHCHANNEL, &[channel], "No such channel");
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
