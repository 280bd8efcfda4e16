//! Refusals: each of a request that may be refused so.

use super::super::heard::Subject;
use super::super::reader::room_of;
use super::super::want::Want;
use super::super::{Peer, Person};
use crate::model::Model;
use hobnob::reason::Refusal;

impl Peer {
    /// Something is refused.
    pub(super) fn refused(
        &mut self,
        refusal: Option<Refusal>,
        of: Subject<'_>,
        model: &mut Model,
        people: &mut Vec<Person>,
    ) {
        let limited = self.has_rate && refusal == Some(Refusal::RateLimited);
        let is_lost = model.is_lost(refusal);
        match of {
            Subject::Request(0) if limited || is_lost => self.answered_perhaps("a refusal"),
            Subject::Request(request) => {
                self.refused_request(refusal.expect("a refusal"), request, model, people);
            }
            Subject::Join(room) => {
                let in_rooms = self.in_rooms();
                let is_bad = self.answer("a refusal to join", |want| match want {
                    Want::Joined { room: at, is_bad, .. } => {
                        (*at == room as usize).then_some(*is_bad)
                    }
                    _ => None,
                });
                let refusal = refusal.expect("a refusal");
                self.refused_join(refusal, room as usize, is_bad, in_rooms, model);
            }
            Subject::Verb(verb) => self.refused_verb(verb),
            Subject::Line { numeric, about } => self.refused_line(refusal, numeric, about, model),
            Subject::Oldest => self.refused_oldest(refusal, model),
        }
    }

    /// A request by its number.
    fn refused_request(
        &mut self,
        refusal: Refusal,
        request: u64,
        model: &mut Model,
        people: &mut Vec<Person>,
    ) {
        let limited = self.has_rate && refusal == Refusal::RateLimited;
        // It may have been put out before.
        let is_outside = model.is_governed && refusal == Refusal::NotMember;
        let is_unavailable = model.is_unavailable(Some(refusal));
        let in_rooms = self.in_rooms();
        match self.answered("error") {
            Want::Welcome if request == 0 => {
                assert!(matches!(refusal, Refusal::NameTaken | Refusal::BadName), "{refusal}");
                if refusal == Refusal::NameTaken {
                    people.push(Person::default());
                    self.person = people.len() - 1;
                }
            }
            Want::Joined { request: wanted, room, is_bad, .. } if wanted == request => {
                self.refused_join(refusal, room, is_bad, in_rooms, model);
            }
            Want::Left { request: wanted, .. } if wanted == request => {
                assert!(is_outside, "[refusal] {refusal} for a leave");
            }
            Want::Members { request: wanted, .. } | Want::History { request: wanted, .. }
                if wanted == request =>
            {
                let is_fair = limited || is_outside || is_unavailable;
                assert!(is_fair, "[refusal] {refusal} for a question");
            }
            Want::Ack { id, index, is_repeat, .. }
                if id == request && model.is_lost(Some(refusal)) =>
            {
                if refusal == Refusal::Unknown {
                    return;
                }
                let said = &mut model.speakers[self.serial as usize].said;
                said[index as usize].is_lost = !is_repeat;
                let placed = said[index as usize].placed;
                assert!(placed.is_none(), "[kept] {} is, at {placed:?}", self.serial);
            }
            Want::Ack { id, must_fail, .. } if id == request => {
                let may_not = is_outside || model.is_governed && refusal == Refusal::CannotSay;
                let is_right = limited || may_not || must_fail == Some(refusal);
                assert!(is_right, "[refusal] {refusal} for a message");
            }
            Want::NoMembers { request: wanted } if wanted == request => {
                assert_eq!(refusal, Refusal::NotMember);
            }
            Want::Passed { request: wanted, index } if wanted == request => {
                let is_right = model.may_refuse(refusal, self.serial, index, self.floor);
                assert!(limited || is_right, "[refusal] {refusal} for {}.{index}", self.serial);
            }
            Want::Refused(must_fail) if request == 0 => assert_eq!(refusal, must_fail),
            asked => panic!("[replies in order] {refusal} of {request} for {asked:?}"),
        }
    }

    /// A join. The peer was in so many rooms, or about to be.
    fn refused_join(
        &mut self,
        refusal: Refusal,
        room: usize,
        is_bad: bool,
        in_rooms: usize,
        model: &Model,
    ) {
        self.forget_joining(room);
        if let Some(irc) = &mut self.irc {
            irc.moves.remove(&(room as u32));
        }
        let is_right = match refusal {
            Refusal::BadRoom => is_bad,
            Refusal::TooManyRooms => in_rooms > model.limits.rooms_per_peer,
            Refusal::RelayRoomsFull => !is_bad,
            Refusal::Banned | Refusal::InviteOnly | Refusal::BadKey | Refusal::RoomFull => {
                model.is_governed && !is_bad
            }
            // A listener asks for its name and its room at once.
            Refusal::NameTaken => self.events.is_some(),
            Refusal::Unavailable => !is_bad && model.is_unavailable(Some(refusal)),
            refusal => self.has_rate && refusal == Refusal::RateLimited,
        };
        assert!(is_right, "[refusal] {refusal} for a join");
    }

    /// A line was too fast: what it asks is not done.
    fn refused_verb(&mut self, verb: &str) {
        assert!(self.has_rate, "[refusal] peer {} has no rate for {verb}", self.serial);
        let is_order =
            self.is_of_order() && matches!(verb, "KICK" | "INVITE" | "TOPIC" | "MODE" | "OPER");
        if is_order || matches!(verb, "PRIVMSG" | "NOTICE") {
            return self.answered_perhaps(verb);
        }
        let room = self.answer(verb, |want| match (verb, want) {
            ("JOIN", Want::Joined { room, .. }) => Some(Some(*room)),
            ("NICK", Want::Name(_))
            | ("NAMES", Want::Members { .. })
            | ("CAP", Want::Capabilities(_))
            | ("AWAY", Want::Away(_))
            | ("MODE", Want::Modes(_) | Want::Bans(_)) => Some(None),
            _ => None,
        });
        let Some(room) = room else { return };
        self.forget_joining(room);
        self.irc_mut().moves.remove(&(room as u32));
    }

    /// A line, by a numeric that refuses many.
    fn refused_line(
        &mut self,
        refusal: Option<Refusal>,
        numeric: &str,
        about: &str,
        model: &Model,
    ) {
        let is_lost = model.is_lost(refusal);
        if is_lost || model.is_governed && self.is_of_order() {
            return self.answered_perhaps(numeric);
        }
        match refusal {
            Some(Refusal::NoSuchPerson | Refusal::CannotHear) => {
                self.direct_refused(refusal == Some(Refusal::CannotHear), model);
            }
            // What it asked of where it no longer is.
            Some(Refusal::NoRoom | Refusal::NotMember)
                if model.is_governed && about != "#nowhere" =>
            {
                let room = room_of(about);
                let is_part = self.answer(numeric, |want| match want {
                    Want::Left { room: asked, .. } if *asked == room => Some(true),
                    Want::Modes(asked) | Want::Bans(asked) if *asked == room => Some(false),
                    _ => None,
                });
                assert!(!self.is_in(room), "[refusal] {numeric} of r{room}, where it is");
                if is_part {
                    self.irc_mut().moves.remove(&room);
                }
            }
            _ => self.answer(numeric, |want| {
                matches!(want, Want::Numeric(wanted) if *wanted == numeric).then_some(())
            }),
        }
    }

    /// The oldest request.
    fn refused_oldest(&mut self, refusal: Option<Refusal>, model: &Model) {
        let limited = self.has_rate && refusal == Some(Refusal::RateLimited);
        let asked = self.answered("HTTP");
        let is_right = match (&asked, refusal) {
            (Want::Posted { .. }, Some(Refusal::RelayRoomsFull)) => true,
            (Want::Past { is_closed, .. }, Some(Refusal::NoRoom)) => *is_closed != Some(false),
            (Want::Posted { .. }, Some(Refusal::CannotSay))
            | (Want::Past { .. }, Some(Refusal::Banned)) => model.is_governed,
            (Want::Posted { .. }, Some(Refusal::NotKept | Refusal::Unknown)) => {
                model.is_lost(refusal)
            }
            (Want::Posted { .. } | Want::Past { .. }, _) => {
                limited || model.is_unavailable(refusal)
            }
            _ => false,
        };
        assert!(is_right, "[refusal] peer {}: {refusal:?} for {asked:?}", self.serial);
    }

    /// True if what is refused is what could be answered in many ways.
    fn is_of_order(&self) -> bool {
        self.asked.front().is_some_and(|asked| matches!(asked.want, Want::Perhaps))
    }

    /// Rooms that the peer is in, or about to be.
    fn in_rooms(&self) -> usize {
        let rooms = match &self.irc {
            Some(irc) => irc.channels.len(),
            None => self.seats.len(),
        };
        rooms + self.joining.len()
    }
}
