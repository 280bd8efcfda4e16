use super::*;
use crate::session::dialect::Language;
use std::num::NonZeroU32;

fn conn(slot: u32) -> ConnId {
    ConnId::new(slot, NonZeroU32::MIN)
}

fn tape(members: u32) -> (Tape, Pool) {
    let mut tape = Tape::new(RoomId::new(0, 0).unwrap(), Dialect::stream(Language::Binary), 1);
    for slot in 0..members {
        tape.seat(conn(slot), None);
    }
    (tape, Pool::default())
}

#[test]
fn a_tape_that_everyone_has_read_owns_no_block() {
    let (mut tape, mut pool) = tape(2);
    tape.append(b"hello", 1, 1, &mut pool);
    assert!(pool.reserved() > 0);
    tape.advance(0, 5, &mut pool);
    tape.advance(1, 3, &mut pool);
    assert!(pool.reserved() > 0);
    assert_eq!(tape.rest_at(3), b"lo");
    tape.advance(1, 5, &mut pool);
    assert_eq!(pool.reserved(), 0);
    assert_eq!(tape.assert_sound(1 << 20), 0);
}

#[test]
fn stretches_end_at_stamps_blocks_and_limits() {
    let (mut tape, mut pool) = tape(1);
    tape.append(b"one", 1, 10, &mut pool);
    tape.append(b"two", 2, 20, &mut pool);
    tape.append(b"six", 3, 30, &mut pool);
    let bytes = |from, until, stamp| tape.stretch(from, until, stamp).map(|s| (s.bytes, s.stamp));
    assert_eq!(bytes(0, 9, u64::MAX), Some((&b"onetwosix"[..], 10)));
    assert_eq!(bytes(0, 9, 20), Some((&b"onetwo"[..], 10)));
    assert_eq!(bytes(0, 9, 25), Some((&b"onetwo"[..], 10)));
    assert_eq!(bytes(1, 9, 10), Some((&b"ne"[..], 10)));
    assert_eq!(bytes(3, 9, 0), Some((&b"two"[..], 20)));
    assert_eq!(bytes(3, 4, u64::MAX), Some((&b"t"[..], 20)));
    assert_eq!(bytes(9, 9, u64::MAX), None);
    assert_eq!(
        (tape.next_offset(0), tape.next_offset(1), tape.next_offset(9)),
        (Some(1), Some(2), None)
    );
}

#[test]
fn whoever_falls_off_is_told_where_and_finishes_its_message() {
    let (mut tape, mut pool) = tape(4);
    let message = vec![b'x'; 4_000];
    for offset in 1..=3 {
        tape.append(&message, offset, offset, &mut pool);
    }
    // Blocks of 4 KiB at first: the first message fills one, the others share the next.
    tape.advance(0, 1_000, &mut pool);
    tape.advance(1, 4_000, &mut pool);
    tape.advance(2, 12_000, &mut pool);
    let fallen = tape.trim(&mut pool);
    let told: Vec<_> = fallen.iter().map(|f| (f.index, f.next, f.rest.len())).collect();
    assert_eq!(told, [(0, 2, 3_000), (3, 1, 0)]);
    tape.assert_sound(1 << 20);
    let fallen = tape.trim(&mut pool);
    let told: Vec<_> = fallen.iter().map(|f| (f.index, f.next, f.rest.len())).collect();
    assert_eq!(told, [(1, 2, 0)]);
    tape.trim(&mut pool);
    assert_eq!(tape.assert_sound(1 << 20), pool.reserved());
}

#[test]
fn a_round_visits_everyone_even_when_members_leave_it() {
    let (mut tape, mut pool) = tape(5);
    tape.append(b"hello", 1, 1, &mut pool);
    let mut quantum = 2;
    let mut seen: Vec<ConnId> = Vec::new();
    while let Some(conn) = tape.next_in_round(&mut quantum, &mut pool) {
        let index = tape.members.iter().position(|member| member.conn == conn).unwrap();
        tape.advance(index, 5, &mut pool);
        seen.push(conn);
    }
    assert_eq!(seen, [conn(0), conn(1)]);
    // The last member moves to the place of one that was visited already: the engine's to see to.
    let moved = tape.unseat(0, &mut pool);
    assert_eq!(moved, Some(conn(4)));
    let mut quantum = 100;
    while let Some(conn) = tape.next_in_round(&mut quantum, &mut pool) {
        let index = tape.members.iter().position(|member| member.conn == conn).unwrap();
        tape.advance(index, 5, &mut pool);
        seen.push(conn);
    }
    assert_eq!(seen, [0, 1, 2, 3].map(conn));
    assert!(tape.round.is_none() && tape.unoffered() == 0);
}

#[test]
fn what_is_said_during_a_round_is_offered_in_another() {
    let (mut tape, mut pool) = tape(2);
    tape.append(b"one", 1, 1, &mut pool);
    let (mut visits, mut quantum) = (0, 1);
    while tape.next_in_round(&mut quantum, &mut pool).is_some() {
        visits += 1;
    }
    tape.append(b"two", 2, 2, &mut pool);
    assert_eq!(tape.unoffered(), 6);
    let mut quantum = 100;
    while tape.next_in_round(&mut quantum, &mut pool).is_some() {
        visits += 1;
    }
    assert_eq!((visits, tape.unoffered()), (4, 0));
}

#[test]
fn who_comes_or_goes_during_a_round_takes_nobody_s_visit() {
    let (mut tape, mut pool) = tape(7);
    tape.append(b"hello", 1, 1, &mut pool);
    let visit = |tape: &mut Tape, pool: &mut Pool| {
        let conn = tape.next_in_round(&mut 1, pool)?;
        let index = tape.members.iter().position(|member| member.conn == conn).unwrap();
        tape.advance(index, 5, pool);
        Some(())
    };
    (0..3).for_each(|_| visit(&mut tape, &mut pool).unwrap());
    // One place that the round is past, and one that it is not, are taken by those who stood last.
    assert_eq!(tape.unseat(1, &mut pool), Some(conn(6)));
    assert_eq!(tape.unseat(4, &mut pool), Some(conn(5)));
    tape.seat(conn(7), None);
    while visit(&mut tape, &mut pool).is_some() || tape.round.is_some() {}
    let behind: Vec<usize> = (0..6).filter(|index| tape.is_behind(*index)).collect();
    assert_eq!(behind, [1]);
}

#[test]
fn who_sits_down_as_a_round_begins_takes_nobody_s_visit() {
    let (mut tape, mut pool) = tape(2);
    tape.append(b"one", 1, 1, &mut pool);
    let mut quantum = 2;
    let visit = |tape: &mut Tape, pool: &mut Pool, quantum: &mut usize| {
        let conn = tape.next_in_round(quantum, pool)?;
        let index = tape.members.iter().position(|member| member.conn == conn).unwrap();
        tape.advance(index, tape.end(), pool);
        Some(())
    };
    (0..2).for_each(|_| visit(&mut tape, &mut pool, &mut quantum).unwrap());
    tape.append(b"two", 2, 2, &mut pool);
    // The second round begins behind the last member, and the visit ends right there.
    assert!(visit(&mut tape, &mut pool, &mut quantum).is_none() && tape.round.is_some());
    tape.seat(conn(2), None);
    while visit(&mut tape, &mut pool, &mut 100).is_some() {}
    assert!((0..3).all(|index| !tape.is_behind(index)));
}

#[test]
fn whoever_loses_the_last_block_is_due_what_is_appended_next() {
    let (mut tape, mut pool) = tape(1);
    tape.append(b"news", 0, 1, &mut pool);
    assert_eq!(tape.trim(&mut pool).first().map(|fallen| fallen.next), Some(1));
    tape.append(b"first", 1, 2, &mut pool);
    let index = tape.seat(conn(1), None);
    tape.append(b"second", 2, 3, &mut pool);
    tape.advance(index, tape.end() - 2, &mut pool);
    let fallen = tape.trim(&mut pool);
    assert_eq!(fallen.first().map(|f| (f.next, &f.rest[..])), Some((3, &b"nd"[..])));
}
