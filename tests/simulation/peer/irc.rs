//! A client of IRC: what it asks for, and whether the lines it hears are what they must be.
//!
//! Lines do not say where in its room a message stands, so what was said is compared with the model
//! once the auditor has heard it too; everything else at once.

use super::action::{Action, Weights};
use super::government::{KEY, Rights};
use super::telling::Telling;
use super::{Peer, Want};
use crate::model::{Key, LetGo, Model, Say, Told};
use crate::random::Random;
use crate::weather::Manners;
use hobnob::id::Offset;
use hobnob::session::encode::irc::names::nick_of;
use hobnob::wire::irc::{LINE_MAX, Line, parse};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

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

/// Most lines that a message becomes, and what the last of so many says.
pub(super) const LINES: usize = 16;
pub(super) const AND_MORE: &str = "[and more: the message is longer than fits here]";

/// What answers a line.
#[derive(Debug)]
pub enum Answer {
    Welcome,
    Caps(Vec<(&'static str, bool)>),
    Joined(usize),
    Left(usize),
    Names(usize),
    Nick(String),
    Pong(String),
    /// This numeric, which says that it makes no sense.
    Numeric(&'static str),
    /// What a channel demands, and who may not come in.
    Modes(usize),
    Bans(usize),
    Away(bool),
    /// Channels that are shown, and others that may be.
    List {
        must: BTreeSet<usize>,
        may: BTreeSet<usize>,
    },
}

/// A channel that the client is in, as it sees it.
#[derive(Default)]
pub struct Channel {
    pub is_leaving: bool,
    /// Who is there, as long as the relay tells everybody who comes and goes.
    pub members: Option<HashSet<String>>,
    pub(super) rights: Rights,
}

/// The names in a channel, as they are being listed.
struct Listing {
    room: usize,
    names: HashSet<String>,
    operators: HashSet<String>,
    voices: HashSet<String>,
    /// It is part of the answer to a join.
    is_join: bool,
}

impl Listing {
    fn of(room: usize, is_join: bool) -> Self {
        let (names, operators, voices) = Default::default();
        Self { room, names, operators, voices, is_join }
    }

    fn add(&mut self, entry: &str) {
        let whole = entry.trim_start_matches(['@', '+']);
        let nick = whole.split('!').next().unwrap_or_default();
        let ranks = &entry[..entry.len() - whole.len()];
        if ranks.contains('@') {
            self.operators.insert(nick.to_owned());
        }
        if ranks.contains('+') {
            self.voices.insert(nick.to_owned());
        }
        self.names.insert(nick.to_owned());
    }
}

/// A join or a part under way.
struct Move {
    is_join: bool,
    /// It has given the key.
    has_key: bool,
    /// In which call it came about, and from which offset on the client may hear.
    at: Option<(u32, Offset)>,
}

/// A place in a room, as the model sees it.
pub struct Seat {
    pub epoch: u64,
    pub joined: u32,
    pub next: Offset,
}

/// What was heard, until it can be compared.
#[derive(Debug)]
enum Heard {
    Joined {
        room: usize,
        call: u32,
        next: Offset,
    },
    Left {
        room: usize,
        call: u32,
    },
    Said {
        room: usize,
        nick: String,
        text: String,
        msgid: Option<String>,
        floor: u32,
    },
    /// The last line of what somebody told it alone.
    Told {
        serial: u32,
        index: u64,
    },
    Else,
}

pub struct Irc {
    pub(super) nick: String,
    pub(super) caps: HashSet<&'static str>,
    /// The numbering of each room, by the auditor's word.
    epochs: HashMap<usize, u64>,
    pub rooms: HashMap<usize, Channel>,
    moves: HashMap<usize, Move>,
    /// Rooms that it was put out of in this call, and has not heard of yet.
    put_out: HashMap<usize, u32>,
    listing: Option<Listing>,
    /// The channels that LIST has shown so far.
    pub(super) shown: BTreeSet<usize>,
    heard: VecDeque<Heard>,
    pub seats: HashMap<usize, Seat>,
    /// The beginning of a message, and how many lines it was.
    begun: (String, usize),
    last: Option<Key>,
    /// Which message of each sender was the last.
    last_of: HashMap<u32, u64>,
    /// What somebody tells it alone, and has not told to the end.
    pub(super) telling: Option<Telling>,
    pub has_ended: bool,
}

impl Irc {
    pub fn new(epochs: HashMap<usize, u64>) -> Self {
        Self {
            nick: String::new(),
            caps: HashSet::new(),
            epochs,
            rooms: HashMap::new(),
            moves: HashMap::new(),
            put_out: HashMap::new(),
            listing: None,
            shown: BTreeSet::new(),
            heard: VecDeque::new(),
            seats: HashMap::new(),
            begun: (String::new(), 0),
            last: None,
            last_of: HashMap::new(),
            telling: None,
            has_ended: false,
        }
    }

    /// Rooms that the client is entering or leaving, and where that has not been seen yet.
    pub fn moving(&self) -> Vec<(usize, bool)> {
        let moves = self.moves.iter().filter(|(_, step)| step.at.is_none());
        moves.map(|(room, step)| (*room, step.is_join)).collect()
    }

    /// It has come about in this call.
    pub fn moved(&mut self, room: usize, call: u32, next: Offset) {
        self.moves.get_mut(&room).expect("under way").at = Some((call, next));
    }

    /// Rooms that it is in, unless somebody has put it out.
    pub fn staying(&self) -> Vec<usize> {
        let leaves = |room: &usize| {
            self.moves.get(room).is_some_and(|step| !step.is_join && step.at.is_some())
        };
        let comes = self.moves.iter().filter(|(_, step)| step.is_join && step.at.is_some());
        let rooms =
            self.rooms.keys().filter(|room| !leaves(room)).chain(comes.map(|(room, _)| room));
        rooms.copied().filter(|room| !self.put_out.contains_key(room)).collect()
    }

    /// It was put out in this call.
    pub fn note_put_out(&mut self, room: usize, call: u32) {
        self.put_out.insert(room, call);
    }

    pub fn epoch_of(&self, room: usize) -> u64 {
        self.epochs[&room]
    }

    /// Whether all that was heard was compared.
    pub fn is_compared(&self) -> bool {
        self.heard.is_empty() && self.begun.1 == 0
    }

    /// Compares what was heard with what was said, as far as is known.
    pub fn compare(&mut self, serial: u32, model: &mut Model) {
        loop {
            match self.heard.front() {
                None => return,
                Some(Heard::Said { .. }) => {
                    if !self.compare_line(serial, model) {
                        return;
                    }
                }
                Some(other) => {
                    assert_eq!(self.begun.1, 0, "[cut] peer {serial} hears {other:?} in a message");
                    match *other {
                        Heard::Joined { room, call, next } => {
                            let (epoch, joined) = (self.epochs[&room], call);
                            self.seats.insert(room, Seat { epoch, joined, next });
                        }
                        Heard::Left { room, call } => {
                            let seat = self.seats.remove(&room).expect("[left] it was not there");
                            model.let_go.push(seat.let_go(serial, call));
                        }
                        Heard::Told { serial: from, index } => {
                            note_order(&mut self.last_of, from, index, serial);
                        }
                        Heard::Said { .. } | Heard::Else => {}
                    }
                }
            }
            self.heard.pop_front();
        }
    }

    /// Compares one line; false if what it is part of is not known yet.
    fn compare_line(&mut self, serial: u32, model: &Model) -> bool {
        let Some(Heard::Said { room, nick, text, msgid, floor }) = self.heard.front() else {
            return false;
        };
        let seat = self.seats.get_mut(room);
        let seat = seat.unwrap_or_else(|| panic!("[stranger] peer {serial} hears r{room}"));
        let told = loop {
            let Some(told) = model.told(seat.epoch, seat.next) else { return false };
            if seat.is_due(told, serial) {
                break told;
            }
            seat.next += 1;
        };
        let place =
            format!("peer {serial} in r{room} at offset {}, said in call {}", seat.next, told.call);
        let (begun, lines) = &mut self.begun;
        *lines += 1;
        let whole = text_of(&told.bytes);
        let is_over = if *lines == LINES && text == AND_MORE {
            assert!(begun.len() < whole.len(), "[lines] {place}: there is no more");
            true
        } else {
            assert!(*lines <= LINES, "[lines] {place}: too many");
            begun.push_str(text);
            assert!(whole.starts_with(&*begun), "[lines] {place}: {text:?} of {whole:?}");
            begun.len() == whole.len()
        };
        assert_eq!(*nick, nick_of(&told.sender), "[lines] {place}: said by another");
        if *lines == 1 {
            let id = msgid.as_ref().map(|_| format!("{:016x}-{}", seat.epoch, seat.next));
            assert_eq!(*msgid, id, "[msgid] {place}");
            let key = (told.call, told.index);
            let last = self.last.replace(key);
            assert!(last.is_none_or(|last| key > last), "[order across rooms] {place}: {key:?}");
            assert!(key.0 >= *floor, "[reply overtakes] {place}: {key:?} after {floor}");
            let (from, index) = (told.serial, told.index);
            let is_counted = model.speakers[from as usize].stream.is_none();
            if is_counted {
                note_order(&mut self.last_of, from, index, serial);
            }
        }
        if is_over {
            seat.next += 1;
            self.begun = (String::new(), 0);
        }
        true
    }
}

impl Seat {
    /// Whether a message is to be heard here.
    pub fn is_due(&self, told: &Told, serial: u32) -> bool {
        told.call > self.joined && (told.serial != serial || told.echo)
    }

    /// Whoever leaves in this call must have heard what was said before.
    pub fn let_go(&self, serial: u32, call: u32) -> LetGo {
        let (epoch, next) = (self.epoch, self.next);
        LetGo { epoch, next, serial, after: self.joined, before: call }
    }
}

/// What one person says arrives in the order in which it was said, to whomever.
fn note_order(last_of: &mut HashMap<u32, u64>, from: u32, index: u64, serial: u32) {
    let last = last_of.insert(from, index);
    let is_next = last.is_none_or(|last| index > last);
    assert!(is_next, "[order] peer {serial} hears {from}.{index} after {last:?}");
}

/// All that a message's lines say, one behind the other.
pub(super) fn text_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\0') {
        return format!("[{} bytes that are not text]", bytes.len());
    }
    let text: String = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    if text.is_empty() { " ".to_owned() } else { text }
}

/// The room that a channel is. Its name is as whoever made it wrote it.
fn room_of(channel: &str) -> usize {
    let number = channel.strip_prefix(['#']).and_then(|name| name.strip_prefix(['r', 'R']));
    number.and_then(|number| number.parse().ok()).expect("[lines] a channel")
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

    pub(super) fn ask_line(&mut self, line: &str, answer: Answer) {
        self.line(line);
        self.expect_next(Want::Line(answer));
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
        let mut joined: Vec<usize> =
            irc.rooms.iter().filter(|(_, channel)| !channel.is_leaving).map(|(r, _)| *r).collect();
        joined.sort_unstable();
        let room = if joined.is_empty() { 0 } else { *random.pick(&joined) };
        match self.choose_action(ACTIONS, !joined.is_empty(), random, manners) {
            Action::Join => self.enter_channel(random.below(rooms), random, model),
            Action::Leave => self.leave_channel(room),
            Action::Publish => self.say_line(room, random, manners, model),
            Action::QueryMembers => self.ask_line(&format!("NAMES #r{room}"), Answer::Names(room)),
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
                Mistake::UnknownVerb => self.ask_line("FLY away", Answer::Numeric("421")),
                Mistake::TooLongLine => {
                    self.ask_line(&"x".repeat(LINE_MAX + 88), Answer::Numeric("417"));
                }
                // Where it may be too fast, it would not be known for which line.
                Mistake::PublishAsStranger if self.has_rate => {}
                Mistake::PublishAsStranger => {
                    self.ask_line("PRIVMSG #nowhere :hello?", Answer::Numeric("403"));
                }
            },
            Action::ChangeCapabilities => self.change_caps(random),
            Action::ChangeName => self.change_nick(random),
            Action::DirectMessage => self.tell_line(random, manners, model),
            Action::Moderate => self.govern(room, random, model),
            Action::Away => self.go_away(random),
            other => unreachable!("{other:?} is no action of IRC"),
        }
    }

    fn enter_channel(&mut self, room: usize, random: &mut Random, model: &Model) {
        let irc = self.irc_mut();
        if irc.rooms.contains_key(&room) || irc.moves.contains_key(&room) {
            return;
        }
        let has_key = model.is_governed && random.chance(500);
        irc.moves.insert(room, Move { is_join: true, has_key, at: None });
        let key = if has_key { KEY } else { "" };
        let line = format!("JOIN #r{room} {key}");
        self.ask_line(line.trim_end(), Answer::Joined(room));
    }

    fn leave_channel(&mut self, room: usize) {
        let irc = self.irc_mut();
        irc.moves.insert(room, Move { is_join: false, has_key: false, at: None });
        irc.rooms.get_mut(&room).expect("joined").is_leaving = true;
        self.ask_line(&format!("PART #r{room} :enough"), Answer::Left(room));
    }

    /// Pings, so that the end of what comes before is known.
    pub(super) fn ping_line(&mut self, random: &mut Random) {
        let token = format!("{:x}", random.next());
        self.ask_line(&format!("PING {token}"), Answer::Pong(token));
    }

    fn change_caps(&mut self, random: &mut Random) {
        let cap = CAPS[random.below(CHANGED_LATER)];
        let is_on = self.irc_mut().caps.contains(cap);
        let sign = if is_on { "-" } else { "" };
        // Until it is agreed on, it is not known which of two comes first.
        if !self.wants(|want| matches!(want, Want::Line(Answer::Caps(_)))) {
            self.ask_line(&format!("CAP REQ :{sign}{cap}"), Answer::Caps(vec![(cap, !is_on)]));
        }
    }

    fn change_nick(&mut self, random: &mut Random) {
        let nick = format!("irc{}n{}", self.serial, random.below(1_000));
        let is_new = nick != self.irc_mut().nick;
        // The name it has already is not news.
        if is_new && !self.wants(|want| matches!(want, Want::Line(Answer::Nick(_)))) {
            self.ask_line(&format!("NICK {nick}"), Answer::Nick(nick));
        }
    }

    fn register(&mut self, random: &mut Random) {
        let caps: Vec<&str> = CAPS.iter().copied().filter(|_| random.chance(500)).collect();
        let nick = format!("irc{}", self.serial);
        self.irc_mut().nick.clone_from(&nick);
        if !caps.is_empty() {
            let agreed = caps.iter().map(|cap| (*cap, true)).collect();
            self.ask_line(&format!("CAP REQ :{}", caps.join(" ")), Answer::Caps(agreed));
        }
        self.line(&format!("NICK {nick}"));
        self.line("USER u 0 * :a client");
        if !caps.is_empty() {
            self.line("CAP END");
        }
        self.expect_next(Want::Line(Answer::Welcome));
    }

    fn say_line(&mut self, room: usize, random: &mut Random, manners: &Manners, model: &mut Model) {
        let is_governed = model.is_governed;
        let speaker = &mut model.speakers[self.serial as usize];
        let mut text = format!("{}.{};", self.serial, speaker.said.len());
        let most = random.skewed(manners.largest).min(LINE_MAX - 120);
        let fill = *random.pick(&["x", "é", " y", "\u{1f642}"]);
        while text.len() + fill.len() <= most {
            text.push_str(fill);
        }
        let echo = self.irc.as_ref().is_some_and(|irc| irc.caps.contains("echo-message"));
        let is_sure = !(self.has_rate || is_governed);
        speaker.said.push(Say { room, echo, is_sure, ..Say::of(self.person, text.as_bytes()) });
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

    /// Hears one line, without its end.
    pub fn hear_line(&mut self, bytes: &[u8], model: &mut Model) {
        let text = std::str::from_utf8(bytes).expect("[lines] all is UTF-8");
        if self.is_traced {
            eprintln!("       {} hears {text:.160}", self.conn);
        }
        let line = parse(text).expect("[lines] a command");
        let untagged = match text.strip_prefix('@') {
            Some(tagged) => tagged.split_once(' ').expect("[lines] tags end").1,
            None => text,
        };
        assert!(untagged.len() + 2 <= LINE_MAX, "[lines] longer than a line: {text}");
        let serial = self.serial;
        assert!(!self.irc_mut().has_ended, "[bye last] peer {serial} then received {text:?}");
        let is_cut =
            self.irc_mut().telling.is_some() && !matches!(line.command, "PRIVMSG" | "NOTICE");
        assert!(!is_cut, "[cut] peer {serial} hears {text:?} in what it is told");
        let said = self.heed_line(&line, text, model);
        self.note_accepted(model);
        let heard = &mut self.irc_mut().heard;
        match said {
            Some(said) => heard.push_back(said),
            None if matches!(heard.back(), Some(Heard::Said { .. })) => {
                heard.push_back(Heard::Else);
            }
            None => {}
        }
    }

    fn heed_line(&mut self, line: &Line<'_>, text: &str, model: &mut Model) -> Option<Heard> {
        let source = line.source.unwrap_or_default();
        let person = source.split_once('!').map(|(nick, _)| nick);
        let param = |index: usize| line.params.get(index).copied().unwrap_or_default();
        let (serial, floor, large) = (self.serial, self.floor, model.limits.presence_members);
        if person.is_some() {
            let is_stamped = line.tags.get("time").is_some();
            let irc = self.irc_mut();
            assert_eq!(is_stamped, irc.caps.contains("server-time"), "[style] {serial}: {text}");
        }
        let is_own = person.is_some_and(|nick| nick == self.irc_mut().nick);
        match (line.command, person) {
            ("PING", None) => {
                if !self.is_mute && self.can_speak() {
                    self.line(&format!("PONG :{}", param(0)));
                }
            }
            ("ERROR", None) => self.irc_mut().has_ended = true,
            ("PONG", None) => self.answered_line(text, |answer| {
                matches!(answer, Answer::Pong(token) if *token == param(1)).then_some(())
            }),
            ("CAP", None) => {
                assert_eq!(param(1), "ACK", "[caps] {text}");
                let caps = self.answered_line(text, |answer| match answer {
                    Answer::Caps(caps) => Some(caps.clone()),
                    _ => None,
                });
                for (cap, on) in caps {
                    let irc = self.irc_mut();
                    if on {
                        irc.caps.insert(cap)
                    } else {
                        irc.caps.remove(cap)
                    };
                }
            }
            ("001", None) => {
                self.answered_line(text, |answer| matches!(answer, Answer::Welcome).then_some(()));
            }
            ("002" | "003" | "004" | "005" | "251" | "252" | "253" | "254" | "255", None) => {}
            ("265" | "266", None) => {}
            ("422", None) => self.greeted = true,
            ("NOTICE", None) => {}
            ("353", None) => {
                let room = room_of(param(2));
                let irc = self.irc_mut();
                let listing = irc.listing.get_or_insert_with(|| Listing::of(room, false));
                assert_eq!(listing.room, room, "[replies whole] {text}");
                param(3).split(' ').for_each(|entry| listing.add(entry));
            }
            ("366", None) => self.names_end(text, room_of(param(1)), large),
            ("JOIN", Some(_)) if is_own => {
                let room = room_of(param(0));
                self.answered_line(text, |answer| {
                    matches!(answer, Answer::Joined(wanted) if *wanted == room).then_some(())
                });
                let irc = self.irc_mut();
                let step = irc.moves.remove(&room).expect("[joined] under way");
                let (call, next) = step.at.expect("[joined] before it was");
                let mut channel = Channel::default();
                channel.rights.came = Some(step.has_key);
                irc.rooms.insert(room, channel);
                irc.listing = Some(Listing::of(room, true));
                if model.is_governed && self.can_speak() {
                    self.ask_rights(room);
                }
                return Some(Heard::Joined { room, call, next });
            }
            ("PART", Some(_)) if is_own => {
                let room = room_of(param(0));
                self.answered_line(text, |answer| {
                    matches!(answer, Answer::Left(wanted) if *wanted == room).then_some(())
                });
                let irc = self.irc_mut();
                let step = irc.moves.remove(&room).expect("[left] under way");
                let (call, _) = step.at.expect("[left] before it was");
                irc.rooms.remove(&room).expect("[left] it was not there");
                return Some(Heard::Left { room, call });
            }
            ("JOIN", Some(nick)) => {
                self.check_coming(room_of(param(0)), line, model);
                self.came(room_of(param(0)), nick, large);
            }
            ("KICK", Some(_)) => {
                let room = room_of(param(0));
                self.check_order(room, line, model);
                if param(1) != self.irc_mut().nick {
                    self.went(room, param(1));
                    return None;
                }
                self.tally.kicks += 1;
                self.irc_mut().rooms.remove(&room).expect("[left] it was not there");
                let call = self.irc_mut().put_out.remove(&room).expect("[left] before it was");
                return Some(Heard::Left { room, call });
            }
            // An operator of the relay changes what it was just put out of.
            ("MODE", Some(_)) if is_own && !self.is_in(room_of(param(0))) => {}
            ("MODE", Some(_)) => self.heed_change(room_of(param(0)), line, model),
            ("TOPIC", Some(_)) => self.check_order(room_of(param(0)), line, model),
            ("MODE", None) | ("INVITE", Some(_)) => {}
            ("305" | "306", None) => self.answered_line(text, |answer| {
                let is_away = line.command == "306";
                matches!(answer, Answer::Away(wanted) if *wanted == is_away).then_some(())
            }),
            ("301", None) => model.check_away(param(2), param(1)),
            ("321", None) => {}
            ("322", None) => drop(self.irc_mut().shown.insert(room_of(param(1)))),
            ("323", None) => {
                let (must, may) = self.answered_line(text, |answer| match answer {
                    Answer::List { must, may } => Some((must.clone(), may.clone())),
                    _ => None,
                });
                let shown = &self.irc_mut().shown;
                assert!(
                    shown.is_superset(&must),
                    "[secrecy] {serial} sees {shown:?}, not {must:?}"
                );
                let is_fair = shown.iter().all(|room| must.contains(room) || may.contains(room));
                assert!(is_fair, "[secrecy] {serial} sees {shown:?}, not just {must:?} or {may:?}");
            }
            ("329" | "332" | "333" | "341" | "381", None) => {}
            ("324", None) => {
                let room = room_of(param(1));
                self.answered_line(text, |answer| {
                    matches!(answer, Answer::Modes(wanted) if *wanted == room).then_some(())
                });
                self.heed_modes(line, room, model);
            }
            ("367", None) => self.heed_ban(room_of(param(1)), param(2)),
            ("368", None) => {
                let room = room_of(param(1));
                self.answered_line(text, |answer| {
                    matches!(answer, Answer::Bans(wanted) if *wanted == room).then_some(())
                });
                self.heed_bans_end(room, model);
            }
            ("PART", Some(nick)) => self.went(room_of(param(0)), nick),
            ("QUIT", Some(nick)) => {
                let channels = self.irc_mut().rooms.values_mut();
                for channel in channels {
                    channel.rights.went(nick);
                    if let Some(members) = &mut channel.members {
                        members.remove(nick);
                    }
                }
            }
            ("NICK", Some(nick)) => {
                if is_own {
                    self.answered_line(text, |answer| {
                        matches!(answer, Answer::Nick(wanted) if *wanted == param(0)).then_some(())
                    });
                    self.irc_mut().nick = param(0).to_owned();
                }
                for channel in self.irc_mut().rooms.values_mut() {
                    channel.rights.renamed(nick, param(0), is_own);
                    if let Some(members) = channel.members.as_mut()
                        && members.remove(nick)
                    {
                        members.insert(param(0).to_owned());
                    }
                }
            }
            ("PRIVMSG" | "NOTICE", Some(_)) if !param(0).starts_with('#') => {
                let (serial, index) = self.told_line(line, is_own, model)?;
                return Some(Heard::Told { serial, index });
            }
            ("471" | "473" | "474" | "475", None) if model.is_governed => {
                let room = room_of(param(1));
                self.answered_line(text, |answer| {
                    matches!(answer, Answer::Joined(wanted) if *wanted == room).then_some(())
                });
                self.irc_mut().moves.remove(&room);
            }
            ("401" | "403" | "404" | "441" | "442" | "443" | "478" | "482" | "531", None)
                if model.is_governed && self.is_of_order() =>
            {
                self.answered_perhaps(text);
            }
            // What it asked of where it no longer is.
            ("403" | "442", None) if model.is_governed && param(1) != "#nowhere" => {
                let room = room_of(param(1));
                let is_part = self.answered_line(text, |answer| match answer {
                    Answer::Left(asked) if *asked == room => Some(true),
                    Answer::Modes(asked) | Answer::Bans(asked) if *asked == room => Some(false),
                    _ => None,
                });
                assert!(!self.is_in(room), "[refusal] {text}");
                if is_part {
                    self.irc_mut().moves.remove(&room);
                }
            }
            ("401" | "531", None) => self.not_told(line, model),
            ("PRIVMSG" | "NOTICE", Some(nick)) => {
                let msgid = line.tags.get("msgid").map(Cow::into_owned);
                let has_ids = self.irc_mut().caps.contains("message-tags");
                assert!(has_ids || msgid.is_none(), "[style] {serial}: {text}");
                let (room, nick, text) = (room_of(param(0)), nick.to_owned(), param(1).to_owned());
                if model.is_governed {
                    // Whoever was put out may have spoken from outside.
                    if is_own && !self.is_in(room) {
                        return None;
                    }
                    self.check_speech(room, line, model);
                }
                return Some(Heard::Said { room, nick, text, msgid, floor });
            }
            ("263", None) => self.limited(text, param(1)),
            ("405", None) => {
                let room = room_of(param(1));
                let irc = self.irc_mut();
                let joining = irc.moves.values().filter(|step| step.is_join).count();
                let most = model.limits.rooms_per_peer;
                assert!(self.irc_mut().rooms.len() + joining > most, "[refusal] {text}");
                self.answered_line(text, |answer| {
                    matches!(answer, Answer::Joined(wanted) if *wanted == room).then_some(())
                });
                self.irc_mut().moves.remove(&room);
            }
            (numeric, None) => self.answered_line(text, |answer| {
                matches!(answer, Answer::Numeric(wanted) if *wanted == numeric).then_some(())
            }),
            _ => panic!("[lines] peer {serial} received {text:?}"),
        }
        None
    }

    /// The line answers what was asked for next; what that says.
    fn answered_line<T>(&mut self, line: &str, fits: impl FnOnce(&Answer) -> Option<T>) -> T {
        let asked = self.answered(line);
        let fitting = match &asked {
            Want::Line(answer) => fits(answer),
            _ => None,
        };
        fitting.unwrap_or_else(|| panic!("[replies in order] {line:?} for {asked:?}"))
    }

    /// Whether it is in a room, as it knows.
    fn is_in(&self, room: usize) -> bool {
        self.irc.as_ref().is_some_and(|irc| irc.rooms.contains_key(&room))
    }

    /// Whether what is refused is what could be answered in many ways.
    fn is_of_order(&self) -> bool {
        self.asked.front().is_some_and(|asked| matches!(asked.want, Want::Perhaps))
    }

    fn names_end(&mut self, text: &str, room: usize, large: usize) {
        let listing = self.irc_mut().listing.take().unwrap_or_else(|| Listing::of(room, false));
        let Listing { room: listed, names, operators, voices, is_join } = listing;
        assert_eq!(listed, room, "[replies whole] {text}");
        if !is_join {
            self.answered_line(text, |answer| {
                matches!(answer, Answer::Names(wanted) if *wanted == room).then_some(())
            });
        }
        let is_all = !text.contains("too many") && names.len() < large;
        let irc = self.irc_mut();
        let nick = irc.nick.clone();
        let shows_all = irc.caps.contains("multi-prefix");
        let Some(channel) = irc.rooms.get_mut(&room) else {
            return assert!(!names.contains(&nick), "[names] of where it is not");
        };
        assert!(names.contains(&nick), "[names] without its own: {text}");
        if let Some(known) = channel.members.as_ref().filter(|_| is_all) {
            assert_eq!(*known, names, "[presence] who is in r{room}");
            let rights = &channel.rights;
            assert_eq!(rights.operators, operators, "[rights] who is operator in r{room}");
            assert!(rights.voices.is_superset(&voices), "[rights] who has a voice in r{room}");
        }
        if is_all {
            channel.rights.listed_ranks(operators, voices, shows_all);
        }
        channel.members = is_all.then_some(names);
    }

    fn came(&mut self, room: usize, nick: &str, large: usize) {
        let serial = self.serial;
        let channel = self.irc_mut().rooms.get_mut(&room);
        let channel = channel.unwrap_or_else(|| panic!("[stranger] peer {serial} hears r{room}"));
        let Some(members) = &mut channel.members else { return };
        assert!(members.insert(nick.to_owned()), "[presence] {nick} comes to r{room} twice");
        // At the limit, others may come without a word.
        if members.len() >= large {
            channel.members = None;
        }
    }

    fn went(&mut self, room: usize, nick: &str) {
        let serial = self.serial;
        let channel = self.irc_mut().rooms.get_mut(&room);
        let channel = channel.unwrap_or_else(|| panic!("[stranger] peer {serial} hears r{room}"));
        channel.rights.went(nick);
        let Some(members) = &mut channel.members else { return };
        assert!(members.remove(nick), "[presence] {nick} leaves r{room} without having been there");
    }

    /// Too fast: what was asked is not done.
    fn limited(&mut self, text: &str, verb: &str) {
        assert!(self.has_rate, "[refusal] {text}");
        let is_order =
            self.is_of_order() && matches!(verb, "KICK" | "INVITE" | "TOPIC" | "MODE" | "OPER");
        if is_order || matches!(verb, "PRIVMSG" | "NOTICE") {
            return self.answered_perhaps(text);
        }
        let room = self.answered_line(text, |answer| match (verb, answer) {
            ("JOIN", Answer::Joined(room)) => Some(Some(*room)),
            ("NICK", Answer::Nick(_)) | ("NAMES", Answer::Names(_)) => Some(None),
            ("CAP", Answer::Caps(_)) => Some(None),
            ("AWAY", Answer::Away(_)) => Some(None),
            ("MODE", Answer::Modes(_) | Answer::Bans(_)) => Some(None),
            _ => None,
        });
        let Some(room) = room else { return };
        self.irc_mut().moves.remove(&room);
    }
}
