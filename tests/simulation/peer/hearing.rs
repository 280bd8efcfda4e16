//! A client in frames: whether what it hears is what it must.

use super::frames::Seat;
use super::{Asked, Kind, Peer, Person, Want};
use crate::model::{Acked, Model};
use hobnob::id::Offset;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::{ClientFrame, FrameError, Past, ServerFrame, Side, VERSION};
use hobnob::wire::{Parsed, binary};
use std::collections::HashSet;

impl Peer {
    pub(super) fn hear_message(
        &mut self,
        is_text: bool,
        mut message: Vec<u8>,
        model: &mut Model,
        people: &mut Vec<Person>,
    ) {
        if let Some(raw) = &mut self.raw {
            return raw.messages.push_back((is_text, message));
        }
        if self.irc.is_some() {
            assert_eq!(is_text, self.is_text, "[spelling] peer {}", self.serial);
            return self.hear_line(&message, model);
        }
        // Whoever has not said how it spells is spoken to in JSON.
        let is_json = self.kind == Kind::Json || !self.greeted && is_text;
        assert_eq!(is_text, is_json, "[spelling] peer {}", self.serial);
        if is_json {
            message.push(b'\n');
        } else {
            message.splice(..0, (message.len() as u32).to_be_bytes());
        }
        match parse(is_json, &message, model.limits.message) {
            Ok(Parsed::Complete(frame, length)) if length == message.len() => {
                self.heed(frame, model, people);
            }
            other => panic!("[spelling] peer {} received {other:?}", self.serial),
        }
    }

    pub(super) fn hear(&mut self, model: &mut Model, people: &mut Vec<Person>) {
        let heard = std::mem::take(&mut self.heard);
        let mut used = 0;
        loop {
            let rest = &heard[used..];
            // Whoever has not said how it spells is spoken to in JSON.
            let is_json = self.kind == Kind::Json || !self.greeted && rest.starts_with(b"{");
            if is_json && !rest[self.searched.min(rest.len())..].contains(&b'\n') {
                self.searched = rest.len();
                break;
            }
            self.searched = 0;
            match parse(is_json, rest, model.limits.message) {
                Ok(Parsed::Complete(frame, length)) => {
                    used += length;
                    self.heed(frame, model, people);
                    self.heard_before += length as u64;
                }
                Ok(Parsed::Partial) => break,
                Err(error) => panic!("[spelling] peer {} received {error}", self.serial),
            }
        }
        self.heard = heard;
        self.heard.drain(..used);
        self.tally.cuts += u64::from(self.from_relay.is_empty() && !self.heard.is_empty());
    }

    pub(super) fn heed(
        &mut self,
        frame: ServerFrame<'_>,
        model: &mut Model,
        people: &mut Vec<Person>,
    ) {
        if self.is_traced {
            let text = format!("{frame:?}");
            eprintln!("       {} hears {:.160}", self.conn, text);
        }
        assert!(self.bye.is_none(), "[bye last] peer {} then received {frame:?}", self.serial);
        let lost = self.events.as_mut().and_then(|events| events.lost.take());
        assert!(lost.is_none() || matches!(frame, ServerFrame::Gap { .. }), "[gap] comes first");
        // What was said before comes first, then that it has left.
        let is_left = matches!(frame, ServerFrame::Left { request: 0, .. });
        let was_expelled = is_left && std::mem::take(&mut self.is_expelled);
        match frame {
            ServerFrame::Message { room, offset, time, sender, payload } => {
                self.message(room, offset, time, &sender, &payload, model, people);
            }
            ServerFrame::Came { room, count, .. } => self.members_changed(room, count, 1, model),
            ServerFrame::Went { room, count, .. } => self.members_changed(room, count, -1, model),
            ServerFrame::Members { request: 0, room, count, names } => {
                assert!(names.is_empty(), "[presence] a count with names");
                self.seat(room).members = Some(count);
            }
            ServerFrame::Gap { from, to, .. } if lost.is_some() => {
                assert_eq!(lost, Some((from, to)));
            }
            ServerFrame::Gap { room, from, to } => self.gap(room, from, to, model, people),
            ServerFrame::Ping { token } => {
                if !self.is_mute && self.can_speak() {
                    self.send(&ClientFrame::Pong { token });
                }
            }
            ServerFrame::Bye { code, .. } => {
                self.bye = Some(code);
                if code == CloseReason::PeerClosed.code() && !self.is_bad {
                    self.let_go(model);
                }
            }
            ServerFrame::Error { code, request: 0, .. } if code >= 300 => {
                assert!(self.is_bad, "[blame] peer {} did nothing wrong: {code}", self.serial);
            }
            ServerFrame::Error { code, request: 0, .. } if code == Refusal::Draining.code() => {}
            ServerFrame::Error { code, request: 0, .. } if code == Refusal::Expelled.code() => {
                assert!(model.is_governed, "[rights] peer {} is put out by nobody", self.serial);
                self.is_expelled = true;
            }
            ServerFrame::Error { code, request, text } => {
                assert_eq!(word_of(code).map(Refusal::text), Some(&*text));
                self.refused(word_of(code).expect("a refusal"), request, model, people);
            }
            ServerFrame::Welcome { key, name, version, .. } => {
                assert_eq!(version, VERSION);
                let asked = self.answered("welcome");
                assert!(matches!(asked, Want::Welcome), "[replies in order] welcome for {asked:?}");
                let person = &mut people[self.person];
                person.name = name.into_owned();
                person.key = key;
                self.greeted = true;
            }
            ServerFrame::Joined {
                request,
                room,
                recovered,
                epoch,
                head,
                oldest,
                members,
                name,
            } => {
                let asked = self.answered("joined");
                let Want::Joined { request: wanted, room: at, is_bad: false, resume: given } =
                    asked
                else {
                    panic!("[replies in order] joined for {asked:?}");
                };
                assert_eq!(request, wanted, "[replies in order] joined");
                assert!(name.eq_ignore_ascii_case(&format!("r{at}")), "[joined] {name} for r{at}");
                assert!(oldest <= head + 1 && oldest > 0, "[joined] {oldest} and {head}");
                self.joining.swap_remove(
                    self.joining.iter().position(|joining| *joining == at).expect("joining"),
                );
                let resume = given.filter(|(known, offset)| {
                    *known == epoch.0 && *offset <= head && offset + 1 >= oldest
                });
                assert_eq!(recovered, resume.is_some(), "[recovered] peer {}", self.serial);
                let next = match (resume, &mut self.events) {
                    (Some((_, offset)), _) => offset + 1,
                    // What is kept follows, behind a gap if it is known how much is lost.
                    (None, Some(events)) if given.is_some() => {
                        let lost =
                            given.filter(|(known, last)| *known == epoch.0 && *last + 1 < oldest);
                        events.lost = lost.map(|(_, last)| (last + 1, oldest - 1));
                        oldest
                    }
                    (None, _) => head + 1,
                };
                if let Some(seat) = self.rooms.get(&room) {
                    assert_eq!(seat.epoch, epoch.0, "[epoch] changed under a member");
                }
                let seat = Seat {
                    room: at,
                    epoch: epoch.0,
                    next,
                    members: Some(members),
                    is_leaving: false,
                    acked: HashSet::new(),
                };
                self.rooms.insert(room, seat);
                people[self.person].places.insert(at, (epoch.0, next - 1));
            }
            ServerFrame::Left { request, room, offset } => {
                if !was_expelled {
                    let asked = self.answered("left");
                    let Want::Left { request: wanted, room: at } = asked else {
                        panic!("[replies in order] left for {asked:?}");
                    };
                    assert_eq!((request, room), (wanted, at), "[replies in order] left");
                }
                self.tally.kicks += u64::from(was_expelled);
                let seat = self.rooms.remove(&room).expect("[left] a room it was not in");
                assert!(
                    offset + 1 >= seat.next,
                    "[left] peer {} up to {offset}, having read to {}",
                    self.serial,
                    seat.next - 1
                );
                let unheard = seat.next..=offset;
                model.unheard.extend(unheard.map(|offset| (seat.epoch, offset, self.serial)));
                people[self.person].places.insert(seat.room, (seat.epoch, offset));
            }
            ServerFrame::Ack { room, id, offset } => self.acked(room, id, offset, model),
            ServerFrame::Members { request, room, count, names } => {
                let asked = self.answered("members");
                let Want::Members { request: wanted, room: at } = asked else {
                    panic!("[replies in order] members for {asked:?}");
                };
                assert_eq!((request, room), (wanted, at), "[replies in order] members");
                let listed =
                    if count as usize <= model.limits.presence_members { count } else { 0 };
                assert_eq!(names.len(), listed as usize, "[presence] names of {count}");
            }
            ServerFrame::History { request, room, oldest, messages } => {
                let asked = self.answered("history");
                let Want::History { request: wanted, room: at, side, limit } = asked else {
                    panic!("[replies in order] history for {asked:?}");
                };
                assert_eq!((request, room), (wanted, at), "[replies in order] history");
                check_page(side, limit, oldest, &messages);
                let epoch = self.seat(room).epoch;
                for past in &messages {
                    model.observe(epoch, past.offset, past.time, &past.sender, &past.payload);
                }
            }
            ServerFrame::Told { time, notice, sender, payload } => {
                self.told(time, notice, &sender, &payload, model);
            }
            ServerFrame::Passed { request, time, away } => {
                self.passed(request, time, &away, model);
            }
            ServerFrame::Pong { token } => {
                let asked = self.answered("pong");
                assert!(
                    matches!(asked, Want::Pong(wanted) if wanted == token),
                    "[replies in order] pong for {asked:?}"
                );
            }
        }
    }

    pub(super) fn seat(&mut self, room: u32) -> &mut Seat {
        let serial = self.serial;
        let seat = self.rooms.get_mut(&room);
        seat.unwrap_or_else(|| panic!("[stranger] peer {serial} hears a room it is not in"))
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    pub(super) fn message(
        &mut self,
        room: u32,
        offset: Offset,
        time: u64,
        sender: &str,
        payload: &[u8],
        model: &mut Model,
        people: &mut [Person],
    ) {
        let serial = self.serial;
        let (at, epoch, next) = {
            let seat = self.seat(room);
            (seat.room, seat.epoch, seat.next)
        };
        let key = model.observe(epoch, offset, time, sender, payload);
        assert!(offset >= next, "[offsets increase] peer {serial} has {offset} again or late");
        let replays = self.replays.entry(room).or_default();
        let (replay, heard) = (replays.front_mut(), self.heard_before);
        let replay = replay.filter(|replay| heard >= replay.at && offset >= replay.from);
        let is_replay = replay.is_some();
        let mut first_due = offset;
        if let Some(replay) = replay {
            assert!(!replay.gap, "[gap] the notice comes first");
            first_due = replay.from.max(next);
            replay.from = offset + 1;
            replay.count -= 1;
            if replay.count == 0 {
                replays.pop_front();
            }
            assert_eq!(offset, first_due, "[replay] peer {serial} misses some of the past");
        }
        let told = model.told(epoch, offset).expect("just observed");
        let is_own = told.serial == serial;
        model.unheard.extend((next..first_due).map(|offset| (epoch, offset, serial)));
        if !is_replay {
            let is_echoed = model.told(epoch, offset).is_none_or(|told| told.echo);
            assert!(!is_own || is_echoed, "[no echo] peer {serial} hears itself at {offset}");
            assert!(
                self.last.is_none_or(|last| key > last),
                "[order across rooms] peer {serial} hears {key:?} (offset {offset} of {room:x}) after {:?}",
                self.last
            );
            assert!(
                key.0 >= self.floor,
                "[reply overtakes] peer {serial} hears of call {} after an answer of {}",
                key.0,
                self.floor
            );
            self.last = Some(key);
        }
        let seat = self.seat(room);
        let was_acked = seat.acked.remove(&offset);
        assert!(is_replay || !was_acked, "[echo before ack] peer {serial} at {offset}");
        seat.next = offset + 1;
        people[self.person].places.insert(at, (epoch, offset));
    }

    pub(super) fn gap(
        &mut self,
        room: u32,
        from: Offset,
        to: Offset,
        model: &mut Model,
        people: &mut [Person],
    ) {
        self.gaps += 1;
        let serial = self.serial;
        let replays = self.replays.entry(room).or_default();
        let front = replays.front_mut().filter(|replay| replay.gap);
        let replay = front.unwrap_or_else(|| panic!("[gap] peer {serial}: nobody laid one out"));
        assert_eq!(replay.from, from, "[gap] peer {serial}");
        (replay.from, replay.gap) = (to + 1, false);
        if replay.count == 0 {
            replays.pop_front();
        }
        let seat = self.seat(room);
        assert!(from >= seat.next && to >= from, "[gap] {from} to {to}, due {}", seat.next);
        let (at, epoch) = (seat.room, seat.epoch);
        model.unheard.extend((seat.next..from).map(|offset| (epoch, offset, serial)));
        seat.next = to + 1;
        people[self.person].places.insert(at, (epoch, to));
    }

    pub(super) fn members_changed(&mut self, room: u32, count: u32, by: i64, model: &Model) {
        let serial = self.serial;
        let large = model.limits.presence_members as i64;
        let seat = self.seat(room);
        let count = i64::from(count);
        // Of who is put out, everybody hears.
        let is_told = count <= large || model.is_governed && by < 0;
        assert!(is_told, "[presence] names in a room of {count}");
        // At the limit, members may have come without a word.
        if let Some(known) = seat.members.map(i64::from).filter(|known| *known < large) {
            assert_eq!(count, known + by, "[presence] peer {serial} in r{}", seat.room);
        }
        seat.members = Some(count as u32);
    }

    pub(super) fn acked(&mut self, room: u32, id: u64, offset: Offset, model: &mut Model) {
        let serial = self.serial;
        let asked = self.answered("ack");
        let Want::Ack { id: wanted, room: at, must_fail: None, echo, is_repeat, index } = asked
        else {
            panic!("[replies in order] ack for {asked:?}");
        };
        assert_eq!((id, room), (wanted, at), "[replies in order] ack");
        let person = self.person;
        let last = self.last;
        let Some(seat) = self.rooms.get_mut(&room) else {
            panic!("[ack] peer {serial}: of a room it is not in");
        };
        let epoch = seat.epoch;
        model.acks.push(Acked { epoch, offset, person, id });
        if !is_repeat && echo && seat.next <= offset {
            seat.acked.insert(offset);
        }
        if let Some(told) = model.told(epoch, offset).filter(|_| !is_repeat) {
            assert_eq!((told.serial, told.index), (serial, index), "[ack] of another message");
            let key = (told.call, told.index);
            assert!(last.is_none_or(|last| key >= last), "[reply overtaken] peer {serial}");
            self.last = Some(key);
        }
    }

    pub(super) fn refused(
        &mut self,
        refusal: Refusal,
        request: u64,
        model: &Model,
        people: &mut Vec<Person>,
    ) {
        let limited = self.has_rate && refusal == Refusal::RateLimited;
        if request == 0 && limited {
            let asked = self.asked.pop_front();
            assert!(
                matches!(&asked, Some(Asked { want: Want::Perhaps | Want::Refused(_), .. })),
                "[replies in order] {refusal} for {:?}",
                asked.map(|asked| asked.want)
            );
            return;
        }
        // It may have been put out before.
        let is_outside = model.is_governed && refusal == Refusal::NotMember;
        let in_rooms = self.rooms.len() + self.joining.len();
        match self.answered("error") {
            Want::Welcome if request == 0 => {
                assert!(matches!(refusal, Refusal::NameTaken | Refusal::BadName), "{refusal}");
                if refusal == Refusal::NameTaken {
                    people.push(Person::default());
                    self.person = people.len() - 1;
                }
            }
            Want::Joined { request: wanted, room, is_bad, .. } if wanted == request => {
                self.joining.swap_remove(
                    self.joining.iter().position(|joining| *joining == room).expect("joining"),
                );
                let is_right = match refusal {
                    Refusal::BadRoom => is_bad,
                    Refusal::TooManyRooms => in_rooms > model.limits.rooms_per_peer,
                    Refusal::RelayRoomsFull => !is_bad,
                    Refusal::Banned | Refusal::InviteOnly | Refusal::BadKey | Refusal::RoomFull => {
                        model.is_governed && !is_bad
                    }
                    // A listener asks for its name and its room at once.
                    Refusal::NameTaken => self.events.is_some(),
                    _ => limited,
                };
                assert!(is_right, "[refusal] {refusal} for a join");
            }
            Want::Left { request: wanted, .. } if wanted == request => {
                assert!(is_outside, "[refusal] {refusal} for a leave");
            }
            Want::Members { request: wanted, .. } | Want::History { request: wanted, .. }
                if wanted == request =>
            {
                assert!(limited || is_outside, "[refusal] {refusal} for a question");
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
}

/// Whether a page of history is what was asked for.
pub fn check_page(side: Side, limit: u32, oldest: Offset, messages: &[Past<'_>]) {
    let most = if limit == 0 { usize::MAX } else { limit as usize };
    assert!(messages.len() <= most, "[history] more than {limit}");
    let offsets: Vec<Offset> = messages.iter().map(|past| past.offset).collect();
    let is_run = offsets.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    assert!(is_run, "[history] a page with holes: {offsets:?}");
    assert!(offsets.first().is_none_or(|first| *first >= oldest), "[history] {oldest}");
    let (first, last) = (offsets.first().copied(), offsets.last().copied());
    match side {
        Side::Before(0) => {}
        Side::Before(end) => assert!(last.is_none_or(|last| last < end)),
        Side::After(start) => assert!(
            first.is_none_or(|first| first == oldest.max(start + 1)),
            "[history] after {start} from {oldest}: {offsets:?}"
        ),
    }
}

pub fn word_of(code: u16) -> Option<Refusal> {
    Refusal::ALL.iter().copied().find(|refusal| refusal.code() == code)
}

pub fn parse<'a>(
    is_json: bool,
    bytes: &'a [u8],
    message_max: usize,
) -> Result<Parsed<ServerFrame<'a>>, FrameError> {
    #[cfg(feature = "json")]
    if is_json {
        return hobnob::wire::json::parse_server(bytes, hobnob::wire::json::line_max(message_max));
    }
    let _ = is_json;
    binary::parse_server(bytes, message_max + hobnob::wire::frame::FRAME_OVERHEAD)
}
