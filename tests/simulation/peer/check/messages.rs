//! Messages that tell their place: every one, once, in order.

use super::super::{Peer, Person};
use crate::model::{Key, Model};
use hobnob::id::Offset;
use hobnob::wire::frame::{Past, Side};
use std::fmt::Display;

impl Peer {
    /// A message stands at this place of a room, and was said there.
    pub(super) fn placed(
        &mut self,
        room: u32,
        offset: Offset,
        key: Key,
        model: &mut Model,
        people: &mut [Person],
    ) {
        let serial = self.serial;
        let (at, epoch, next) = {
            let seat = self.seat(room);
            (seat.room, seat.epoch, seat.next)
        };
        assert!(offset >= next, "[offsets increase] peer {serial} has {offset} again or late");
        let replayed_from = self.replayed(room, offset, next);
        let (is_replay, first_due) = (replayed_from.is_some(), replayed_from.unwrap_or(offset));
        assert!(offset == first_due, "[replay] peer {serial} misses some of the past");
        model.unheard.extend((next..first_due).map(|offset| (epoch, offset, serial)));
        if !is_replay {
            let told = model.told(epoch, offset).expect("just observed");
            let is_own = told.serial == serial;
            assert!(!is_own || told.echo, "[no echo] peer {serial} hears itself at {offset}");
            self.check_order_of(key, self.floor, &format_args!("offset {offset} of {room:x}"));
        }
        let seat = self.seat(room);
        let was_acked = seat.acked.remove(&offset);
        assert!(is_replay || !was_acked, "[echo before ack] peer {serial} at {offset}");
        seat.next = offset + 1;
        people[self.person].places.insert(at, (epoch, offset));
    }

    /// Everything is heard in the order in which it was said, and nothing after an answer that was
    /// given later.
    pub(super) fn check_order_of(&mut self, key: Key, floor: u32, place: &dyn Display) {
        let (serial, last) = (self.serial, self.last.replace(key));
        assert!(
            last.is_none_or(|last| key > last),
            "[order across rooms] peer {serial} hears {key:?} ({place}) after {last:?}"
        );
        assert!(
            key.0 >= floor,
            "[reply overtakes] peer {serial} hears of call {} ({place}) after an answer of {floor}",
            key.0
        );
    }

    /// The first message that is due, if this one is part of a replay.
    fn replayed(&mut self, room: u32, offset: Offset, next: Offset) -> Option<Offset> {
        let heard = self.heard_before;
        let replays = self.replays.entry(room).or_default();
        let replay = replays.front_mut();
        let replay = replay.filter(|replay| heard >= replay.at && offset >= replay.from)?;
        assert!(!replay.gap, "[gap] the notice comes first");
        let first_due = replay.from.max(next);
        replay.from = offset + 1;
        replay.count -= 1;
        if replay.count == 0 {
            replays.pop_front();
        }
        Some(first_due)
    }

    /// These messages are lost to the peer.
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
}

/// A page of history is what was asked for, and was said.
pub fn check_page(
    (side, limit): (Side, u32),
    epoch: u64,
    oldest: Offset,
    messages: &[Past<'_>],
    model: &mut Model,
) {
    let most = if limit == 0 { usize::MAX } else { limit as usize };
    assert!(messages.len() <= most, "[history] more than {limit}");
    let offsets: Vec<Offset> = messages.iter().map(|past| past.offset).collect();
    let is_run = offsets.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    assert!(is_run, "[history] a page with holes: {offsets:?}");
    assert!(offsets.first().is_none_or(|first| *first >= oldest), "[history] {oldest}");
    let (first, last) = (offsets.first().copied(), offsets.last().copied());
    match side {
        Side::Before(0) => {}
        Side::Before(end) => {
            assert!(last.is_none_or(|last| last < end), "[history] before {end}: {offsets:?}");
        }
        Side::After(start) => assert!(
            first.is_none_or(|first| first == oldest.max(start + 1)),
            "[history] after {start} from {oldest}: {offsets:?}"
        ),
    }
    for past in messages {
        model.observe(epoch, past.offset, past.time, &past.sender, &past.payload);
    }
}
