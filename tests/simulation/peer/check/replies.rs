//! Answers: each to the oldest request, and with what was asked for.

use super::super::heard::Reply;
use super::super::want::{Token, Want};
use super::super::{Peer, Person};
use super::messages::check_page;
use crate::model::{Acked, Model};
use hobnob::id::Offset;
use std::collections::BTreeSet;

impl Peer {
    pub(super) fn welcomed(&mut self, login: Option<(&str, u64)>, people: &mut [Person]) {
        self.answer("welcome", |want| matches!(want, Want::Welcome).then_some(()));
        if let Some((name, key)) = login {
            let person = &mut people[self.person];
            name.clone_into(&mut person.name);
            person.key = key;
        }
        self.greeted = true;
    }

    pub(in super::super) fn ponged(&mut self, token: &Token) {
        self.answer("pong", |want| {
            matches!(want, Want::Pong(wanted) if wanted == token).then_some(())
        });
    }

    pub(super) fn replied(&mut self, reply: Reply<'_>, model: &mut Model) {
        match reply {
            Reply::Acknowledged { room, id, offset } => self.acked(room, id, offset, model),
            Reply::Members { request, room, count, names } => {
                self.answer("members", |want| match want {
                    Want::Members { request: wanted, room: at } => {
                        ((*wanted, *at) == (request, room)).then_some(())
                    }
                    _ => None,
                });
                let listed =
                    if count as usize <= model.limits.presence_members { count } else { 0 };
                assert_eq!(names, listed as usize, "[presence] names of {count}");
            }
            Reply::History { request, room, oldest, messages } => {
                let asked = self.answer("history", |want| match want {
                    Want::History { request: wanted, room: at, side, limit } => {
                        ((*wanted, *at) == (request, room)).then_some((*side, *limit))
                    }
                    _ => None,
                });
                check_page(asked, self.seat(room).epoch, oldest, messages, model);
            }
            Reply::Passed { request, time, away } => self.passed(request, time, away, model),
            Reply::Capabilities => self.capabilities_changed(),
            Reply::Away(is_away) => self.answer("away", |want| {
                matches!(want, Want::Away(wanted) if *wanted == is_away).then_some(())
            }),
            Reply::Channels(shown) => self.check_channels(&shown),
            Reply::Modes(room, modes) => {
                self.answer("modes", |want| {
                    matches!(want, Want::Modes(wanted) if *wanted == room).then_some(())
                });
                self.heed_modes(room, modes, model);
            }
            Reply::Bans(room, bans) => {
                self.answer("bans", |want| {
                    matches!(want, Want::Bans(wanted) if *wanted == room).then_some(())
                });
                self.heed_bans(room, bans, model);
            }
            Reply::Oper(is_granted) => {
                self.answered_perhaps("OPER");
                let has_password = model.speakers[self.serial as usize].is_operator;
                let is_right = !is_granted || has_password;
                assert!(is_right, "[jobs] peer {} is an operator by a guess", self.serial);
            }
            Reply::Numeric(numeric) => self.answer(numeric, |want| {
                matches!(want, Want::Numeric(wanted) if *wanted == numeric).then_some(())
            }),
            Reply::Posted { epoch, offset, time, sender } => {
                self.posted(epoch, offset, (time, sender), model);
            }
            Reply::Past { epoch, oldest, messages } => {
                let (asked, is_closed) = self.answer("the past", |want| match want {
                    Want::Past { side, limit, is_closed } => Some(((*side, *limit), *is_closed)),
                    _ => None,
                });
                let is_secret = is_closed == Some(true);
                assert!(!is_secret, "[secrecy] peer {} reads a closed room", self.serial);
                check_page(asked, epoch, oldest, messages, model);
            }
            Reply::Nothing => {
                self.answer("nothing", |want| matches!(want, Want::Nothing).then_some(()));
            }
        }
    }

    fn acked(&mut self, room: u32, id: u64, offset: Offset, model: &mut Model) {
        let serial = self.serial;
        let (echo, is_repeat, index) = self.answer("ack", |want| match want {
            Want::Ack { id: wanted, room: at, must_fail: None, echo, is_repeat, index } => {
                ((*wanted, *at) == (id, room)).then_some((*echo, *is_repeat, *index))
            }
            _ => None,
        });
        let (person, last) = (self.person, self.last);
        let Some(seat) = self.seats.get_mut(&room) else {
            panic!("[ack] peer {serial}: of a room it is not in");
        };
        let epoch = seat.epoch;
        model.check_kept(epoch, offset);
        model.acks.push(Acked { epoch, offset, person, id });
        if !is_repeat && echo && seat.next <= offset {
            seat.acked.insert(offset);
        }
        if let Some(told) = model.told(epoch, offset).filter(|_| !is_repeat) {
            assert_eq!((told.serial, told.index), (serial, index), "[ack] of another message");
            let key = told.key;
            assert!(last.is_none_or(|last| key >= last), "[reply overtaken] peer {serial}");
            self.last = Some(key);
        }
    }

    /// A message was posted, and stands at this place.
    fn posted(
        &mut self,
        epoch: u64,
        offset: Offset,
        (time, sender): (u64, &str),
        model: &mut Model,
    ) {
        let (id, index) = self.answer("posted", |want| match want {
            Want::Posted { id, index } => Some((*id, *index)),
            _ => None,
        });
        self.tally.posts += 1;
        model.check_kept(epoch, offset);
        // Of those with an id, another connection may have said another before.
        if id != 0 {
            let person = self.person;
            return model.acks.push(Acked { epoch, offset, person, id });
        }
        let bytes = model.speakers[self.serial as usize].said[index as usize].bytes.clone();
        model.observe(epoch, offset, time, sender, &bytes);
        let placed = model.told(epoch, offset).expect("just observed");
        assert_eq!(placed.index, index, "[ack] of another message, said in call {}", placed.call);
    }

    fn capabilities_changed(&mut self) {
        let caps = self.answer("capabilities", |want| match want {
            Want::Capabilities(caps) => Some(caps.clone()),
            _ => None,
        });
        let known = &mut self.irc_mut().caps;
        for (cap, on) in caps {
            if on {
                known.insert(cap)
            } else {
                known.remove(cap)
            };
        }
    }

    fn check_channels(&mut self, shown: &BTreeSet<usize>) {
        let serial = self.serial;
        let (must, may) = self.answer("channels", |want| match want {
            Want::Channels { must, may } => Some((must.clone(), may.clone())),
            _ => None,
        });
        assert!(shown.is_superset(&must), "[secrecy] {serial} sees {shown:?}, not {must:?}");
        let is_fair = shown.iter().all(|room| must.contains(room) || may.contains(room));
        assert!(is_fair, "[secrecy] {serial} sees {shown:?}, not just {must:?} or {may:?}");
    }
}
