//! The checker: compares what a peer hears with the model, whatever it hears it in.

mod direct;
mod messages;
mod presence;
mod refusals;
mod replies;
mod rights;
mod unplaced;

pub use direct::OpenDirect;
pub use unplaced::Unplaced;

use super::heard::{Heard, Order, Presence};
use super::{Peer, Person};
use crate::model::Model;
use hobnob::reason::CloseReason;

impl Peer {
    /// Checks one thing that the peer hears.
    pub(super) fn heed(&mut self, heard: Heard<'_>, model: &mut Model, people: &mut Vec<Person>) {
        let serial = self.serial;
        assert!(!self.is_over, "[bye last] peer {serial} then received {heard:?}");
        let is_gap = matches!(heard, Heard::Gap { .. });
        let lost = self.events.as_mut().and_then(|events| events.lost.take());
        assert!(lost.is_none() || is_gap, "[gap] comes first");
        let is_cut = self.open_direct.is_some()
            && !matches!(heard, Heard::Direct { .. } | Heard::Unplaced { .. });
        assert!(!is_cut, "[cut] peer {serial} hears {heard:?} in what it is told");
        let unplaced = self.unplaced.len();
        match heard {
            Heard::Message { room, offset, time, sender, payload } => {
                let key = model.observe(self.seat(room).epoch, offset, time, sender, payload);
                self.placed(room, offset, key, model, people);
            }
            Heard::Unplaced { room, content } => self.heed_unplaced(room, content, model),
            Heard::Gap { from, to, .. } if lost.is_some() => assert_eq!(lost, Some((from, to))),
            Heard::Gap { room, from, to } => self.gap(room, from, to, model, people),
            Heard::Presence(presence) => self.heed_presence(presence, model),
            Heard::Moderated { room, by, order } => self.heed_order(room, by, &order, model),
            Heard::Direct { time: Some(time), is_notice, sender, payload, .. } => {
                self.direct_message(time, is_notice, sender, payload, model);
            }
            Heard::Direct { time: None, is_notice, sender, target, payload } => {
                self.direct_line(is_notice, sender, target, payload, model);
            }
            Heard::Away { name, words } => model.check_away(words, name),
            Heard::Welcome(login) => self.welcomed(login, people),
            Heard::Joined { request, room, name, numbering } => {
                self.joined(request, room, name, numbering, model, people);
            }
            Heard::Left { request, room, offset } => {
                self.left(request, room, offset, model, people);
            }
            Heard::Kicked => {
                assert!(model.is_governed, "[rights] peer {serial} is put out by nobody");
                self.is_expelled = true;
            }
            Heard::Ping(token) => self.pong(token),
            Heard::Pong(token) => self.ponged(&token),
            Heard::Reply(reply) => self.replied(reply, model),
            Heard::Refused { refusal, of } => self.refused(refusal, of, model, people),
            Heard::Blamed(code) => {
                assert!(self.is_bad, "[blame] peer {serial} did nothing wrong: {code}");
            }
            Heard::Draining | Heard::Else => {}
            Heard::Closed(code) => {
                (self.is_over, self.bye) = (true, code);
                if code == Some(CloseReason::PeerClosed.code()) && !self.is_bad {
                    self.let_go(model);
                }
            }
        }
        // No message may go on behind it.
        let is_new = self.unplaced.len() > unplaced;
        if !is_new && matches!(self.unplaced.back(), Some(Unplaced::Line { .. })) {
            self.unplaced.push_back(Unplaced::Else);
        }
        self.note_accepted(model);
    }

    /// Somebody came, went, or is called something else.
    fn heed_presence(&mut self, presence: Presence<'_>, model: &Model) {
        match presence {
            Presence::Came { room, count: Some(count), .. } => {
                self.members_changed(room, count, 1, model);
            }
            Presence::Went { room, count: Some(count), .. } => {
                self.members_changed(room, count, -1, model);
            }
            Presence::Count { room, count } => self.seat(room).members = Some(count),
            Presence::Came { room, person, count: None } => {
                self.check_coming(room, person, model);
                self.came(room, person, model.limits.presence_members);
            }
            Presence::Went { room, name, count: None } => self.went(room, name),
            Presence::Quit { name } => self.quit(name),
            Presence::Renamed { from, to } => self.renamed(from, to),
            Presence::Listed(listing) => self.listed(listing, model.limits.presence_members),
        }
    }

    /// An operator did something in a room.
    fn heed_order(&mut self, room: u32, by: &str, order: &Order<'_>, model: &Model) {
        match order {
            // An operator of the relay changes what it was just put out of.
            Order::Modes { .. } | Order::Topic if self.is_called(by) && !self.is_in(room) => {}
            Order::Kick(name)
                if self.is_called(by) && !self.is_in(room) && model.is_operator(by) =>
            {
                assert!(!self.is_called(name), "[rights] it is put out twice");
            }
            Order::Modes { letters, params } => self.heed_change(room, by, letters, params, model),
            Order::Topic => self.check_order(room, by, true, model),
            Order::Kick(name) => {
                self.check_order(room, by, false, model);
                match self.is_called(name) {
                    true => self.kicked(room),
                    false => self.went(room, name),
                }
            }
        }
    }
}
