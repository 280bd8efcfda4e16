//! Members of a room: the peer itself, and others.

use super::super::heard::{Listing, Numbering, nick_in};
use super::super::irc::Channel;
use super::super::seat::Seat;
use super::super::want::Want;
use super::super::{Peer, Person};
use super::Unplaced;
use crate::model::Model;
use hobnob::id::Offset;

impl Peer {
    /// The peer is in a room that it asked for.
    pub(super) fn joined(
        &mut self,
        request: u64,
        room: u32,
        name: &str,
        numbering: Option<Numbering>,
        model: &Model,
        people: &mut [Person],
    ) {
        let (at, resume) = self.answer("joined", |want| match want {
            Want::Joined { request: wanted, room, is_bad: false, resume } if *wanted == request => {
                Some((*room, *resume))
            }
            _ => None,
        });
        assert!(name.eq_ignore_ascii_case(&format!("r{at}")), "[joined] {name} for r{at}");
        self.forget_joining(at);
        match numbering {
            Some(numbering) => self.take_seat(room, at, resume, numbering, people),
            None => self.enter(room, model),
        }
    }

    /// A join of this room is over.
    pub(super) fn forget_joining(&mut self, room: usize) {
        let index = self.joining.iter().position(|joining| *joining == room).expect("joining");
        self.joining.swap_remove(index);
    }

    /// The peer was told from where on it hears the room.
    fn take_seat(
        &mut self,
        room: u32,
        at: usize,
        given: Option<(u64, Offset)>,
        numbering: Numbering,
        people: &mut [Person],
    ) {
        let Numbering { recovered, epoch, head, oldest, members } = numbering;
        assert!(oldest <= head + 1 && oldest > 0, "[joined] {oldest} and {head}");
        let resume = given
            .filter(|(known, offset)| *known == epoch && *offset <= head && offset + 1 >= oldest);
        assert_eq!(recovered, resume.is_some(), "[recovered] peer {}", self.serial);
        let next = match (resume, &mut self.events) {
            (Some((_, offset)), _) => offset + 1,
            // What is kept follows, behind a gap if it is known how much is lost.
            (None, Some(events)) if given.is_some() => {
                let lost = given.filter(|(known, last)| *known == epoch && *last + 1 < oldest);
                events.lost = lost.map(|(_, last)| (last + 1, oldest - 1));
                oldest
            }
            (None, _) => head + 1,
        };
        if let Some(seat) = self.seats.get(&room) {
            assert_eq!(seat.epoch, epoch, "[epoch] changed under a member");
        }
        let members = Some(members);
        self.seats.insert(room, Seat { room: at, epoch, next, members, ..Seat::default() });
        people[self.person].places.insert(at, (epoch, next - 1));
    }

    /// The peer is in a channel, and nobody tells it its place.
    fn enter(&mut self, room: u32, model: &Model) {
        let irc = self.irc_mut();
        let step = irc.moves.remove(&room).expect("[joined] under way");
        let (call, next) = step.at.expect("[joined] before it was");
        let mut channel = Channel::default();
        channel.rights.came = Some(step.has_key);
        irc.channels.insert(room, channel);
        if model.is_governed && self.can_speak() {
            self.ask_rights(room);
        }
        self.unplaced.push_back(Unplaced::Joined { room, call, next });
    }

    /// The peer is out of a room, as it asked to be, or was told before.
    pub(super) fn left(
        &mut self,
        request: u64,
        room: u32,
        offset: Option<Offset>,
        model: &mut Model,
        people: &mut [Person],
    ) {
        let serial = self.serial;
        let was_expelled = request == 0 && std::mem::take(&mut self.is_expelled);
        if !was_expelled {
            self.answer("left", |want| match want {
                Want::Left { request: wanted, room: at } => {
                    ((*wanted, *at) == (request, room)).then_some(())
                }
                _ => None,
            });
        }
        self.tally.kicks += u64::from(was_expelled);
        let Some(offset) = offset else {
            let irc = self.irc_mut();
            let step = irc.moves.remove(&room).expect("[left] under way");
            let (call, _) = step.at.expect("[left] before it was");
            irc.channels.remove(&room).expect("[left] it was not there");
            return self.unplaced.push_back(Unplaced::Left { room, call });
        };
        let seat = self.seats.remove(&room).expect("[left] a room it was not in");
        let read = seat.next - 1;
        assert!(offset >= read, "[left] peer {serial} up to {offset}, having read to {read}");
        let unheard = seat.next..=offset;
        model.unheard.extend(unheard.map(|offset| (seat.epoch, offset, serial)));
        people[self.person].places.insert(seat.room, (seat.epoch, offset));
    }

    /// The peer was put out of a channel.
    pub(super) fn kicked(&mut self, room: u32) {
        self.tally.kicks += 1;
        let irc = self.irc_mut();
        irc.channels.remove(&room).expect("[left] it was not there");
        let call = irc.put_out.remove(&room).expect("[left] before it was");
        self.unplaced.push_back(Unplaced::Left { room, call });
    }

    /// Somebody came or went, and so many are there.
    pub(super) fn members_changed(&mut self, room: u32, count: u32, by: i64, model: &Model) {
        let serial = self.serial;
        let (large, hears_late) = (model.limits.presence_members as i64, self.hears_late);
        let seat = self.seat(room);
        let count = i64::from(count);
        // Of who is put out, everybody hears.
        let is_told = count <= large || model.is_governed && by < 0;
        assert!(is_told, "[presence] names in a room of {count}");
        // At the limit, members may have come without a word.
        if let Some(known) = seat.members.map(i64::from).filter(|known| *known < large) {
            let is_next = count == known + by || hears_late;
            assert!(
                is_next,
                "[presence] {count}, not {known} and {by}: peer {serial} in r{}",
                seat.room
            );
        }
        seat.members = Some(count as u32);
    }

    /// Somebody came into a channel.
    pub(super) fn came(&mut self, room: u32, person: &str, large: usize) {
        let (nick, hears_late) = (nick_in(person), self.hears_late);
        let channel = self.channel_heard(room);
        let Some(members) = &mut channel.members else { return };
        let is_new = members.insert(nick.to_owned());
        assert!(is_new || hears_late, "[presence] {nick} comes to r{room} twice");
        // At the limit, others may come without a word.
        if members.len() >= large {
            channel.members = None;
        }
    }

    /// Somebody left a channel.
    pub(super) fn went(&mut self, room: u32, nick: &str) {
        let hears_late = self.hears_late;
        let channel = self.channel_heard(room);
        channel.rights.went(nick);
        let Some(members) = &mut channel.members else { return };
        let was_there = members.remove(nick);
        assert!(
            was_there || hears_late,
            "[presence] {nick} leaves r{room} without having been there"
        );
    }

    /// Somebody left all channels.
    pub(super) fn quit(&mut self, nick: &str) {
        for channel in self.irc_mut().channels.values_mut() {
            channel.rights.went(nick);
            if let Some(members) = &mut channel.members {
                members.remove(nick);
            }
        }
    }

    /// Somebody is called something else, perhaps the peer itself.
    pub(super) fn renamed(&mut self, from: &str, to: &str) {
        let is_own = self.is_called(from);
        if is_own {
            self.answer("a name", |want| {
                matches!(want, Want::Name(wanted) if wanted == to).then_some(())
            });
            to.clone_into(&mut self.irc_mut().nick);
        }
        for channel in self.irc_mut().channels.values_mut() {
            channel.rights.renamed(from, to, is_own);
            if let Some(members) = channel.members.as_mut()
                && members.remove(from)
            {
                members.insert(to.to_owned());
            }
        }
    }

    /// All names in a channel, or as many as are shown.
    pub(super) fn listed(&mut self, listing: Listing, large: usize) {
        let Listing { room, names, operators, voices, is_join, is_all } = listing;
        if !is_join {
            self.answer("names", |want| {
                matches!(want, Want::Members { room: wanted, .. } if *wanted == room).then_some(())
            });
        }
        let (is_all, hears_late) = (is_all && names.len() < large, self.hears_late);
        let irc = self.irc_mut();
        let nick = irc.nick.clone();
        let shows_all = irc.caps.contains("multi-prefix");
        let Some(channel) = irc.channels.get_mut(&room) else {
            return assert!(!names.contains(&nick), "[names] of where it is not");
        };
        assert!(names.contains(&nick), "[names] without its own: {names:?}");
        if let Some(known) = channel.members.as_ref().filter(|_| is_all && !hears_late) {
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

    /// A channel that the peer hears, and so must be in.
    pub(super) fn channel_heard(&mut self, room: u32) -> &mut Channel {
        let serial = self.serial;
        let channel = self.irc_mut().channels.get_mut(&room);
        channel.unwrap_or_else(|| panic!("[stranger] peer {serial} hears r{room}"))
    }
}
