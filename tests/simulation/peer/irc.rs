//! A client of IRC: what it asks for, and what it knows of its channels.

use super::Peer;
use super::action::{Action, Weights};
use super::heard::Listing;
use super::rights::{KEY, Rights};
use super::want::{Token, Want};
use crate::model::{Model, Say};
use crate::random::Random;
use crate::weather::Manners;
use hobnob::id::Offset;
use hobnob::wire::irc::LINE_MAX;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Capabilities that a client may ask for, and those of them that it may give up or add later.
const CAPS: [&str; 7] = [
    "message-tags",
    "server-time",
    "extended-join",
    "echo-message",
    "multi-prefix",
    "userhost-in-names",
    "batch",
];
const CHANGED_LATER: usize = 3;

/// How often a client of IRC does what.
const ACTIONS: &Weights = &[
    (Action::Join, |manners| manners.join),
    (Action::Leave, |manners| manners.leave),
    (Action::Publish, |manners| manners.publish),
    (Action::QueryMembers, |manners| manners.query),
    (Action::Ping, |manners| manners.ping),
    (Action::Bye, |manners| manners.bye),
    (Action::Mistake, |manners| manners.mistake),
    (Action::ChangeCapabilities, |manners| manners.join / 4),
    (Action::ChangeName, |manners| manners.join / 8),
    (Action::DirectMessage, |manners| manners.direct),
    (Action::Moderate, |manners| manners.moderate),
    (Action::Away, |manners| manners.direct / 8),
];

/// A line that must be refused.
#[derive(Clone, Copy, Debug)]
enum Mistake {
    UnknownVerb,
    TooLongLine,
    PublishAsStranger,
}

const MISTAKES: &[(Mistake, usize)] =
    &[(Mistake::UnknownVerb, 1), (Mistake::TooLongLine, 1), (Mistake::PublishAsStranger, 1)];

/// A channel that the client is in, as it sees it.
#[derive(Default)]
pub struct Channel {
    pub is_leaving: bool,
    /// Names of the members, as long as the relay tells everybody who comes and goes.
    pub members: Option<HashSet<String>>,
    pub(super) rights: Rights,
}

/// A join or a part under way.
pub(super) struct Move {
    is_join: bool,
    /// It has given the key.
    pub(super) has_key: bool,
    /// In which call it came about, and from which offset on the client may hear.
    pub(super) at: Option<(u32, Offset)>,
}

#[derive(Default)]
pub struct Irc {
    pub(super) nick: String,
    pub(super) caps: HashSet<&'static str>,
    /// The numbering of each room, by the auditor's word.
    epochs: HashMap<u32, u64>,
    pub channels: HashMap<u32, Channel>,
    pub(super) moves: HashMap<u32, Move>,
    /// Rooms that it was put out of in this call, and has not heard of yet.
    pub(super) put_out: HashMap<u32, u32>,
    /// Names, channels and bans that are being listed.
    pub(super) listing: Option<Listing>,
    pub(super) shown: BTreeSet<usize>,
    pub(super) banned: BTreeSet<String>,
    /// It has tried a wrong password.
    pub(super) has_guessed: bool,
}

impl Irc {
    pub fn new(epochs: HashMap<u32, u64>) -> Self {
        Self { epochs, ..Self::default() }
    }

    /// Rooms that the client is entering or leaving, and where that has not been seen yet.
    pub fn moving(&self) -> Vec<(u32, bool)> {
        let moves = self.moves.iter().filter(|(_, step)| step.at.is_none());
        moves.map(|(room, step)| (*room, step.is_join)).collect()
    }

    /// It has come about in this call.
    pub fn moved(&mut self, room: u32, call: u32, next: Offset) {
        self.moves.get_mut(&room).expect("under way").at = Some((call, next));
    }

    /// Rooms that it is in, unless somebody has put it out.
    pub fn staying(&self) -> Vec<u32> {
        let leaves = |room: &u32| {
            self.moves.get(room).is_some_and(|step| !step.is_join && step.at.is_some())
        };
        let comes = self.moves.iter().filter(|(_, step)| step.is_join && step.at.is_some());
        let rooms =
            self.channels.keys().filter(|room| !leaves(room)).chain(comes.map(|(room, _)| room));
        rooms.copied().filter(|room| !self.put_out.contains_key(room)).collect()
    }

    /// It was put out in this call.
    pub fn note_put_out(&mut self, room: u32, call: u32) {
        self.put_out.insert(room, call);
    }

    pub fn epoch_of(&self, room: u32) -> u64 {
        self.epochs[&room]
    }
}

impl Peer {
    pub(super) fn irc_mut(&mut self) -> &mut Irc {
        self.irc.as_mut().expect("a client of IRC")
    }

    pub(super) fn line(&mut self, line: &str) {
        if self.is_traced {
            eprintln!("       {} says {line:.160}", self.conn);
        }
        match self.web.is_some() {
            false => self.write(format!("{line}\r\n").as_bytes()),
            true => self.write_message(self.is_text, line.as_bytes()),
        }
    }

    pub(super) fn ask_line(&mut self, line: &str, want: Want) {
        self.line(line);
        self.expect_next(want);
    }

    /// Asks for something, or says something.
    pub fn act_irc(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
        rooms: usize,
    ) {
        if random.chance(manners.garbage) && (self.web.is_some() || !self.has_begun) {
            return match self.web.is_some() {
                true => self.garbage_in_frames(random),
                false => self.garbage_opening(random),
            };
        }
        if !self.greeted {
            if self.irc_mut().nick.is_empty() {
                self.register(random);
            }
            return;
        }
        let irc = self.irc_mut();
        let mut joined: Vec<u32> = irc
            .channels
            .iter()
            .filter(|(_, channel)| !channel.is_leaving)
            .map(|(r, _)| *r)
            .collect();
        joined.sort_unstable();
        let room = if joined.is_empty() { 0 } else { *random.pick(&joined) };
        match self.choose_action(ACTIONS, !joined.is_empty(), random, manners) {
            Action::Join => self.enter_channel(random.below(rooms) as u32, random, model),
            Action::Leave => self.leave_channel(room),
            Action::Publish => self.say_line(room, random, manners, model),
            Action::QueryMembers => {
                self.ask_line(&format!("NAMES #r{room}"), Want::Members { request: 0, room });
            }
            Action::Ping => {
                let count = if random.chance(20) { random.within(1, 600) } else { 1 };
                for _ in 0..count {
                    self.ping_line(random);
                }
            }
            Action::Bye => {
                self.line("QUIT :enough of all");
                self.has_said_bye();
            }
            Action::Mistake => match self.choose(MISTAKES, random) {
                Mistake::UnknownVerb => self.ask_line("FLY away", Want::Numeric("421")),
                Mistake::TooLongLine => {
                    self.ask_line(&"x".repeat(LINE_MAX + 88), Want::Numeric("417"));
                }
                // Where it may be too fast, it would not be known for which line.
                Mistake::PublishAsStranger if self.has_rate => {}
                Mistake::PublishAsStranger => {
                    self.ask_line("PRIVMSG #nowhere :hello?", Want::Numeric("403"));
                }
            },
            Action::ChangeCapabilities => self.change_caps(random),
            Action::ChangeName => self.change_nick(random),
            Action::DirectMessage => self.send_direct_line(random, manners, model),
            Action::Moderate => self.moderate(room, random, model),
            Action::Away => self.go_away(random),
            other => unreachable!("{other:?} is no action of IRC"),
        }
    }

    fn enter_channel(&mut self, room: u32, random: &mut Random, model: &Model) {
        let irc = self.irc_mut();
        if irc.channels.contains_key(&room) || irc.moves.contains_key(&room) {
            return;
        }
        let has_key = model.is_governed && random.chance(500);
        irc.moves.insert(room, Move { is_join: true, has_key, at: None });
        let key = if has_key { KEY } else { "" };
        let line = format!("JOIN #r{room} {key}");
        let at = room as usize;
        let want = Want::Joined { request: 0, room: at, is_bad: false, resume: None };
        self.ask_line(line.trim_end(), want);
        self.joining.push(at);
    }

    fn leave_channel(&mut self, room: u32) {
        let irc = self.irc_mut();
        irc.moves.insert(room, Move { is_join: false, has_key: false, at: None });
        irc.channels.get_mut(&room).expect("joined").is_leaving = true;
        self.ask_line(&format!("PART #r{room} :enough"), Want::Left { request: 0, room });
    }

    /// Pings, so that the end of what comes before is known.
    pub(super) fn ping_line(&mut self, random: &mut Random) {
        let token = format!("{:x}", random.next());
        self.ask_line(&format!("PING {token}"), Want::Pong(Token::Text(token)));
    }

    fn change_caps(&mut self, random: &mut Random) {
        let cap = CAPS[random.below(CHANGED_LATER)];
        let is_on = self.irc_mut().caps.contains(cap);
        let sign = if is_on { "-" } else { "" };
        // Until it is agreed on, it is not known which of two comes first.
        if !self.wants(|want| matches!(want, Want::Capabilities(_))) {
            self.ask_line(
                &format!("CAP REQ :{sign}{cap}"),
                Want::Capabilities(vec![(cap, !is_on)]),
            );
        }
    }

    fn change_nick(&mut self, random: &mut Random) {
        let nick = format!("irc{}n{}", self.serial, random.below(1_000));
        let is_new = nick != self.irc_mut().nick;
        // The name it has already is not news.
        if is_new && !self.wants(|want| matches!(want, Want::Name(_))) {
            self.ask_line(&format!("NICK {nick}"), Want::Name(nick));
        }
    }

    fn register(&mut self, random: &mut Random) {
        let caps: Vec<&str> = CAPS.iter().copied().filter(|_| random.chance(500)).collect();
        let nick = format!("irc{}", self.serial);
        self.irc_mut().nick.clone_from(&nick);
        if !caps.is_empty() {
            let agreed = caps.iter().map(|cap| (*cap, true)).collect();
            self.ask_line(&format!("CAP REQ :{}", caps.join(" ")), Want::Capabilities(agreed));
        }
        self.line(&format!("NICK {nick}"));
        self.line("USER u 0 * :a client");
        if !caps.is_empty() {
            self.line("CAP END");
        }
        self.expect_next(Want::Welcome);
    }

    fn say_line(&mut self, room: u32, random: &mut Random, manners: &Manners, model: &mut Model) {
        let (is_moderated, may_fail) = (model.is_governed, model.may_fail);
        // It may be refused by operators, or by the store.
        let is_governed = model.is_governed || model.may_refuse_all();
        let speaker = &mut model.speakers[self.serial as usize];
        let mut text = format!("{}.{};", self.serial, speaker.said.len());
        let most = random.skewed(manners.largest).min(LINE_MAX - 120);
        let fill = *random.pick(&["x", "é", " y", "\u{1f642}"]);
        while text.len() + fill.len() <= most {
            text.push_str(fill);
        }
        let echo = self.irc.as_ref().is_some_and(|irc| irc.caps.contains("echo-message"));
        let is_sure = !(self.has_rate || is_moderated || may_fail);
        let at = room as usize;
        speaker.said.push(Say { room: at, echo, is_sure, ..Say::of(self.person, text.as_bytes()) });
        let verb = if random.chance(800) { "PRIVMSG" } else { "NOTICE" };
        self.line(&format!("{verb} #r{room} :{text}"));
        if self.has_rate || is_governed {
            self.expect_next(Want::Perhaps);
        }
        // Whatever refuses it comes before this.
        if is_governed {
            self.ping_line(random);
        }
    }

    /// True if that is its name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.irc.as_ref().is_some_and(|irc| irc.nick == name)
    }

    /// True if it is in a room, as it knows.
    pub(super) fn is_in(&self, room: u32) -> bool {
        self.irc.as_ref().is_some_and(|irc| irc.channels.contains_key(&room))
    }
}
