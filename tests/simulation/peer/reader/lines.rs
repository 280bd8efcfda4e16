//! Lines of IRC.

use super::super::heard::{Content, Heard, Listing, Order, Presence, Reply, Subject};
use super::super::irc::Irc;
use super::super::rights::Modes;
use super::super::want::Token;
use super::super::{Peer, Person};
use crate::model::Model;
use hobnob::reason::Refusal;
use hobnob::wire::irc::{LINE_MAX, Line, parse};
use std::borrow::Cow;

impl Peer {
    pub(super) fn read_line(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        people: &mut Vec<Person>,
    ) -> Option<usize> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let line = bytes[..end].strip_suffix(b"\r").expect("[lines] they end in CRLF");
        self.heed_line(line, model, people);
        Some(end + 1)
    }

    /// Hears one line, without its end.
    pub(super) fn heed_line(&mut self, bytes: &[u8], model: &mut Model, people: &mut Vec<Person>) {
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
        let heard = self.irc_mut().heard(&line, text);
        self.heed(heard, model, people);
    }
}

impl Irc {
    /// Puts a line in the words of no protocol.
    fn heard<'a>(&mut self, line: &'a Line<'_>, text: &'a str) -> Heard<'a> {
        let Some(person) = line.source.filter(|source| source.contains('!')) else {
            return self.heard_of_relay(line, text);
        };
        let is_stamped = line.tags.get("time").is_some();
        assert_eq!(is_stamped, self.caps.contains("server-time"), "[style] {text}");
        let param = |index: usize| line.params.get(index).copied().unwrap_or_default();
        let nick = super::super::heard::nick_in(person);
        let is_own = nick == self.nick;
        let room = || room_of(param(0));
        match line.command {
            "JOIN" if is_own => {
                self.listing = Some(Listing::of(room(), true));
                let name = param(0).trim_start_matches('#');
                Heard::Joined { request: 0, room: room(), name, numbering: None }
            }
            "PART" if is_own => Heard::Left { request: 0, room: room(), offset: None },
            "JOIN" => Heard::Presence(Presence::Came { room: room(), person, count: None }),
            "PART" => Heard::Presence(Presence::Went { room: room(), name: nick, count: None }),
            "QUIT" => Heard::Presence(Presence::Quit { name: nick }),
            "NICK" => Heard::Presence(Presence::Renamed { from: nick, to: param(0) }),
            "KICK" => Heard::Moderated { room: room(), by: nick, order: Order::Kick(param(1)) },
            "MODE" => {
                let order = Order::Modes { letters: param(1), params: &line.params[2..] };
                Heard::Moderated { room: room(), by: nick, order }
            }
            "TOPIC" => Heard::Moderated { room: room(), by: nick, order: Order::Topic },
            "INVITE" => Heard::Else,
            "PRIVMSG" | "NOTICE" if !param(0).starts_with('#') => Heard::Direct {
                time: None,
                is_notice: line.command == "NOTICE",
                sender: nick,
                target: Some(param(0)),
                payload: param(1).as_bytes(),
            },
            "PRIVMSG" | "NOTICE" => {
                let msgid = line.tags.get("msgid").map(Cow::into_owned);
                let has_ids = self.caps.contains("message-tags");
                assert!(has_ids || msgid.is_none(), "[style] {text}");
                let content = Content::Line { person, text: param(1), msgid };
                Heard::Unplaced { room: room(), content }
            }
            _ => panic!("[lines] a client received {text:?}"),
        }
    }

    /// A line that the relay itself is the source of.
    fn heard_of_relay<'a>(&mut self, line: &'a Line<'_>, text: &'a str) -> Heard<'a> {
        let param = |index: usize| line.params.get(index).copied().unwrap_or_default();
        let room = || room_of(param(1));
        match line.command {
            "PING" => Heard::Ping(Token::Text(param(0).to_owned())),
            "PONG" => Heard::Pong(Token::Text(param(1).to_owned())),
            "ERROR" => Heard::Closed(None),
            "CAP" => {
                assert_eq!(param(1), "ACK", "[caps] {text}");
                Heard::Reply(Reply::Capabilities)
            }
            "001" => Heard::Welcome(None),
            "002" | "003" | "004" | "005" | "251" | "252" | "253" | "254" | "255" | "265"
            | "266" | "422" | "NOTICE" | "MODE" => Heard::Else,
            "321" | "329" | "332" | "333" | "341" => Heard::Else,
            "381" | "464" => Heard::Reply(Reply::Oper(line.command == "381")),
            "353" => {
                let room = room_of(param(2));
                let listing = self.listing.get_or_insert_with(|| Listing::of(room, false));
                assert_eq!(listing.room, room, "[replies whole] {text}");
                param(3).split(' ').for_each(|entry| listing.add(entry));
                Heard::Else
            }
            "366" => {
                let listing = self.listing.take();
                let mut listing = listing.unwrap_or_else(|| Listing::of(room(), false));
                assert_eq!(listing.room, room(), "[replies whole] {text}");
                listing.is_all = !text.contains("too many");
                Heard::Presence(Presence::Listed(listing))
            }
            "FAIL" => {
                let refusal = match param(1) {
                    "NOT_KEPT" => Refusal::NotKept,
                    "OUTCOME_UNKNOWN" => Refusal::Unknown,
                    other => panic!("[refusal] {other} in {text}"),
                };
                let of = Subject::Line { numeric: "FAIL", about: param(2) };
                Heard::Refused { refusal: Some(refusal), of }
            }
            "305" | "306" => Heard::Reply(Reply::Away(line.command == "306")),
            "301" => Heard::Away { name: param(1), words: param(2) },
            "322" => {
                self.shown.insert(room() as usize);
                Heard::Else
            }
            "323" => Heard::Reply(Reply::Channels(std::mem::take(&mut self.shown))),
            "324" => Heard::Reply(Reply::Modes(room(), Modes::of(param(2), &line.params[3..]))),
            "367" => {
                self.banned.insert(param(2).to_owned());
                Heard::Else
            }
            "368" => Heard::Reply(Reply::Bans(room(), std::mem::take(&mut self.banned))),
            numeric => refused(numeric, param(1)),
        }
    }
}

/// The refusal behind a numeric.
fn refused<'a>(numeric: &'a str, about: &'a str) -> Heard<'a> {
    let by_join = || Subject::Join(room_of(about));
    let by_line = Subject::Line { numeric, about };
    let (refusal, of) = match numeric {
        "263" => (Some(Refusal::RateLimited), Subject::Verb(about)),
        "401" => (Some(Refusal::NoSuchPerson), by_line),
        "403" => (Some(Refusal::NoRoom), by_line),
        "404" => (Some(Refusal::CannotSay), by_line),
        "405" => (Some(Refusal::TooManyRooms), by_join()),
        "442" => (Some(Refusal::NotMember), by_line),
        "471" => (Some(Refusal::RoomFull), by_join()),
        "473" => (Some(Refusal::InviteOnly), by_join()),
        "474" => (Some(Refusal::Banned), by_join()),
        "475" => (Some(Refusal::BadKey), by_join()),
        "478" => (Some(Refusal::ListFull), by_line),
        "482" => (Some(Refusal::NotOperator), by_line),
        // Or that one has not read what it was told.
        "531" => (Some(Refusal::CannotHear), by_line),
        "441" | "443" => (None, by_line),
        numeric => return Heard::Reply(Reply::Numeric(numeric)),
    };
    Heard::Refused { refusal, of }
}

/// The room that a channel is. Its name is as whoever made it wrote it.
pub fn room_of(channel: &str) -> u32 {
    let number = channel.strip_prefix(['#']).and_then(|name| name.strip_prefix(['r', 'R']));
    number.and_then(|number| number.parse().ok()).expect("[lines] a channel")
}
