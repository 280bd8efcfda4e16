//! The append-only byte stream of one room in one dialect, and its members' cursors.

use crate::id::{ConnId, Offset, RoomId};
use crate::session::Dialect;
use std::collections::VecDeque;

/// Largest block that small messages share. Big enough that a full write needs few slices, small
/// enough that giving one back frees memory soon.
const BLOCK_MAX: usize = 64 << 10;

/// Smallest block: most turns append one or two messages and then free the block. A block is as
/// large as the bytes last held, and larger than the bytes held now, so that a write has few
/// pieces.
const BLOCK_MIN: usize = 4 << 10;

/// Counts the bytes allocated for the blocks of all tapes.
#[derive(Debug, Default)]
pub struct Pool {
    reserved: usize,
}

impl Pool {
    /// Returns the bytes allocated in blocks, used or not.
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    fn lend(&mut self, capacity: usize) -> Vec<u8> {
        let bytes = Vec::with_capacity(capacity);
        self.reserved += bytes.capacity();
        bytes
    }

    fn take_back(&mut self, block: &Block) {
        self.reserved -= block.bytes.capacity();
    }
}

/// The messages of one room in one dialect that some member still has to receive.
///
/// ```text
/// freed    start                                end
///   ·  ·  ·  |--- block ---|--- block ---|--- |     new messages →
///                  ^ cursor of a laggard      ^ cursors of all others
/// ```
///
/// Positions are absolute and only grow. Invariant: `start <= cursor <= end` for every member that
/// reads the tape; `start`, `end` and the edges of blocks fall between messages; `behind` counts
/// the members whose cursor is before `end`.
#[derive(Debug)]
pub struct Tape {
    /// The room it belongs to.
    pub room: RoomId,
    /// The dialect it is written in.
    pub dialect: Dialect,
    /// The peers that read it. Each member's peer knows its index here.
    members: Vec<Member>,
    /// The round of offering the tape to its members, while one is under way.
    round: Option<Round>,
    blocks: VecDeque<Block>,
    start: u64,
    end: u64,
    behind: usize,
    /// Members that read history instead of the tape.
    recovering: usize,
    /// Position up to which every member was offered the tape at least once.
    offered: u64,
    /// Bytes held when all members had last read everything.
    lately: u32,
    /// The offset of the next message that will be appended.
    upcoming: Offset,
}

/// A member's position on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The peer.
    pub conn: ConnId,
    /// The position up to which the peer has read.
    pub cursor: Cursor,
}

/// A member's position on the tape; or, for a member that was overrun or resumes, the next offset
/// to receive from the room's history. Eight bytes, because there are as many cursors as members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(u64);

/// A cursor in its decoded form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A position on the tape.
    At(u64),
    /// Not on the tape: the next offset to receive from history.
    Recovering(Offset),
}

impl Cursor {
    const RECOVERING: u64 = 1 << 63;

    /// Creates a cursor at a position on the tape. No tape reaches 2⁶³ bytes.
    pub fn at(position: u64) -> Self {
        Self(position)
    }

    /// Creates a cursor at an offset in history.
    pub fn recovering(next: Offset) -> Self {
        Self(next | Self::RECOVERING)
    }

    /// Returns the place: on the tape or in history.
    pub fn place(self) -> Place {
        if self.0 & Self::RECOVERING == 0 {
            Place::At(self.0)
        } else {
            Place::Recovering(self.0 & !Self::RECOVERING)
        }
    }
}

/// One pass over the members, in the order of their list and then from its beginning again.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// The member to visit next.
    next: usize,
    /// The number of visits left.
    left: usize,
    /// The end of the tape when the round began. The round offers the tape to all members up to
    /// here.
    floor: u64,
}

/// A piece of the tape: whole messages, one after the other.
#[derive(Debug)]
struct Block {
    position: u64,
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

/// The end of one message, its offset and its stamp.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: u32,
    /// The message's offset; 0 for a notice.
    offset: Offset,
    stamp: u64,
}

/// A stretch of the tape that lies in one block.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The stamp of its first message, in the engine's count of appends.
    pub stamp: u64,
}

impl Block {
    fn end(&self) -> u64 {
        self.position + self.bytes.len() as u64
    }

    /// Returns the message that `position` lies in or before, as an index into `marks`.
    fn mark_at(&self, position: u64) -> usize {
        let within = position.saturating_sub(self.position);
        self.marks.partition_point(|mark| u64::from(mark.end) <= within)
    }

    fn message_start(&self, index: usize) -> u64 {
        let before = index.checked_sub(1).and_then(|index| self.marks.get(index));
        self.position + before.map_or(0, |mark| u64::from(mark.end))
    }

    /// Splits the block at a position. Returns the rest of the message at the position, and the
    /// marks of the messages behind.
    fn cut_at(&self, position: u64) -> (&[u8], &[Mark]) {
        let index = self.mark_at(position);
        if position <= self.message_start(index) {
            return (&[], self.marks.get(index..).unwrap_or_default());
        }
        let end = self.marks.get(index).map_or(0, |mark| mark.end as usize);
        let rest = self.bytes.get((position - self.position) as usize..end);
        (rest.unwrap_or_default(), self.marks.get(index + 1..).unwrap_or_default())
    }
}

/// Returns the offset of the first message; notices have none.
fn first_offset<'a>(marks: impl IntoIterator<Item = &'a Mark>) -> Option<Offset> {
    marks.into_iter().map(|mark| mark.offset).find(|offset| *offset != 0)
}

/// A member that was overrun: the first offset that it does not receive from the tape, and the rest
/// of its half-sent message.
#[derive(Debug)]
pub struct Fallen {
    /// The member.
    pub conn: ConnId,
    /// Its index among the members.
    pub index: usize,
    /// The first offset that it did not receive completely and that `rest` does not complete.
    pub next: Offset,
    /// The rest of a message half sent.
    pub rest: Vec<u8>,
    /// The stamp of the next append. Private bytes with this stamp or a later one were to follow
    /// it.
    pub stamp: u64,
}

impl Tape {
    /// Creates a tape without members and messages. `upcoming` is the offset of the room's next
    /// message.
    pub fn new(room: RoomId, dialect: Dialect, upcoming: Offset) -> Self {
        Self {
            room,
            dialect,
            members: Vec::new(),
            round: None,
            blocks: VecDeque::new(),
            start: 0,
            end: 0,
            behind: 0,
            recovering: 0,
            offered: 0,
            lately: 0,
            upcoming,
        }
    }

    /// Returns the members that read the tape.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Returns how far a member has read.
    pub fn place(&self, index: usize) -> Option<Place> {
        Some(self.members.get(index)?.cursor.place())
    }

    /// True while a round of offering the tape to its members is under way.
    pub fn has_round(&self) -> bool {
        self.round.is_some()
    }

    /// Returns the position at which the next message begins.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns the bytes held for members that are behind.
    pub fn held(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Returns the bytes that some members have not been offered yet. Only the flush makes them
    /// grow, not a slow member.
    pub fn unoffered(&self) -> usize {
        (self.end - self.offered) as usize
    }

    /// Adds a member at the end of the tape, or in history. Returns its index.
    pub fn seat(&mut self, conn: ConnId, recovering: Option<Offset>) -> usize {
        self.recovering += usize::from(recovering.is_some());
        let cursor = recovering.map_or(Cursor::at(self.end), Cursor::recovering);
        self.members.push(Member { conn, cursor });
        if let Some(round) = &mut self.round {
            // The round visits the new member too; that visit must not replace another member's.
            round.left += 1;
        }
        self.members.len() - 1
    }

    /// Removes a member. Returns the last member, which takes its index: a round that is under way may
    /// have passed it, so the caller has it visited. The others keep their turn, so that members that
    /// come and go do not keep a round from its end.
    pub fn unseat(&mut self, index: usize, pool: &mut Pool) -> Option<ConnId> {
        match self.place(index) {
            None => return None,
            Some(Place::Recovering(_)) => self.recovering -= 1,
            Some(Place::At(position)) if position < self.end => self.behind -= 1,
            Some(Place::At(_)) => {}
        }
        let last = self.members.len() - 1;
        self.members.swap_remove(index);
        if let Some(round) = &mut self.round {
            round.next = if round.next <= last { round.next } else { 0 };
            round.left -= usize::from(round.next + round.left > last);
        }
        self.release_if_read(pool);
        self.members.get(index).map(|member| member.conn)
    }

    /// True if the member still has bytes of the tape to receive.
    #[cfg(test)]
    pub fn is_behind(&self, index: usize) -> bool {
        matches!(self.place(index), Some(Place::At(position)) if position < self.end)
    }

    /// Appends one whole message, without work per member. Room for it must have been made with
    /// [`trim`](Self::trim). True if this began a round: the flush must then be notified of the
    /// tape.
    pub fn append(&mut self, message: &[u8], offset: Offset, stamp: u64, pool: &mut Pool) -> bool {
        let room = self.blocks.back().map_or(0, |last| last.bytes.capacity() - last.bytes.len());
        if room < message.len() {
            let expected = (3 * self.held()).max(self.lately as usize);
            let capacity = expected.clamp(BLOCK_MIN, BLOCK_MAX).max(message.len());
            let bytes = pool.lend(capacity);
            self.blocks.push_back(Block { position: self.end, bytes, marks: Vec::new() });
        }
        let Some(block) = self.blocks.back_mut() else { return false };
        block.bytes.extend_from_slice(message);
        debug_assert!(block.marks.last().is_none_or(|last| last.stamp < stamp), "stamps ascend");
        block.marks.push(Mark { end: block.bytes.len() as u32, offset, stamp });
        self.end += message.len() as u64;
        self.upcoming = if offset == 0 { self.upcoming } else { offset + 1 };
        self.behind = self.members.len() - self.recovering;
        self.release_if_read(pool);
        let begins = self.round.is_none() && !self.members.is_empty();
        if begins {
            self.round = Some(Round { next: 0, left: self.members.len(), floor: self.end });
        }
        begins
    }

    /// True if the oldest block must go before `need` more bytes fit into `max`.
    pub fn is_full(&self, need: usize, max: usize) -> bool {
        !self.blocks.is_empty() && self.held() + need > max
    }

    /// Frees the oldest block. Members that still needed it are taken off the tape and returned.
    pub fn trim(&mut self, pool: &mut Pool) -> Vec<Fallen> {
        let Some(block) = self.blocks.pop_front() else { return Vec::new() };
        pool.take_back(&block);
        self.start = block.end();
        self.offered = self.offered.max(self.start);
        let mut fallen = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            let Place::At(cursor) = member.cursor.place() else { continue };
            if cursor >= self.start {
                continue;
            }
            if planted!("cursor-survives-its-block") && cursor == block.position {
                member.cursor = Cursor::at(self.start);
                continue;
            }
            let (rest, missed) = block.cut_at(cursor);
            let (conn, rest) = (member.conn, rest.to_vec());
            let stamp = missed.first().map_or(u64::MAX, |mark| mark.stamp);
            let next = first_offset(missed).unwrap_or(0);
            fallen.push(Fallen { conn, index, next, rest, stamp });
        }
        let mut kept = self.blocks.iter().flat_map(|block| &block.marks).peekable();
        let stamp_kept = kept.peek().map_or(u64::MAX, |mark| mark.stamp);
        let first_kept = first_offset(kept);
        for fallen in &mut fallen {
            if fallen.next == 0 {
                fallen.next = first_kept.unwrap_or(self.upcoming);
            }
            fallen.stamp = fallen.stamp.min(stamp_kept);
            // Excludes the member from the next trim; the engine decides how it continues.
            if let Some(member) = self.members.get_mut(fallen.index) {
                member.cursor = Cursor::recovering(fallen.next);
            }
        }
        self.behind -= fallen.len();
        self.recovering += fallen.len();
        self.release_if_read(pool);
        fallen
    }

    /// Returns the rest of the message that `position` is within; nothing between messages.
    pub fn rest_at(&self, position: u64) -> &[u8] {
        self.block_at(position).map_or(&[], |block| block.cut_at(position).0)
    }

    /// Returns the offset of the first message that a reader at `position` has not begun to receive.
    pub fn next_offset(&self, position: u64) -> Option<Offset> {
        let index = self.block_index(position);
        let (_, ahead) = self.blocks.get(index)?.cut_at(position);
        let later = self.blocks.range(index + 1..).flat_map(|block| &block.marks);
        first_offset(ahead.iter().chain(later))
    }

    /// Returns the offset of the message that begins at `position`; 0 for a notice.
    pub fn offset_at(&self, position: u64) -> Offset {
        let mark =
            self.block_at(position).and_then(|block| block.marks.get(block.mark_at(position)));
        mark.map_or(0, |mark| mark.offset)
    }

    /// Frees the blocks that no member needs any more, at the end of a round.
    fn trim_read(&mut self, pool: &mut Pool) {
        let places = self.members.iter().filter_map(|member| match member.cursor.place() {
            Place::At(position) => Some(position),
            Place::Recovering(_) => None,
        });
        let needed = places.min().unwrap_or(self.end);
        while self.blocks.front().is_some_and(|block| block.end() <= needed) {
            if let Some(block) = self.blocks.pop_front() {
                pool.take_back(&block);
                self.start = block.end();
            }
        }
        if self.blocks.is_empty() {
            self.blocks = VecDeque::new();
        }
    }

    fn release_if_read(&mut self, pool: &mut Pool) {
        if self.behind == 0 && !self.blocks.is_empty() {
            self.lately = self.held() as u32;
            for block in std::mem::take(&mut self.blocks) {
                pool.take_back(&block);
            }
            self.start = self.end;
            self.offered = self.end;
        }
    }

    /// Moves a member's cursor forward to `position`, or to the end if it comes from history.
    pub fn advance(&mut self, index: usize, position: u64, pool: &mut Pool) {
        let end = self.end;
        let Some(member) = self.members.get_mut(index) else { return };
        debug_assert!(position <= end);
        let before = std::mem::replace(&mut member.cursor, Cursor::at(position));
        match before.place() {
            Place::Recovering(_) => {
                debug_assert_eq!(position, end, "only the end follows on history");
                self.recovering -= 1;
            }
            Place::At(before) if before < end && position == end => {
                self.behind -= 1;
                self.release_if_read(pool);
            }
            Place::At(_) => {}
        }
    }

    /// Notes how far a member has read in history.
    pub fn recover(&mut self, index: usize, next: Offset) {
        if let Some(member) = self.members.get_mut(index) {
            debug_assert!(matches!(member.cursor.place(), Place::Recovering(_)));
            member.cursor = Cursor::recovering(next);
        }
    }

    /// Iterates over the stretches from `position` on, one per block.
    pub fn ahead_of(&self, position: u64) -> impl Iterator<Item = &[u8]> {
        let blocks = self.blocks.range(self.block_index(position)..);
        blocks.map(move |block| {
            let from = position.saturating_sub(block.position) as usize;
            block.bytes.get(from..).unwrap_or_default()
        })
    }

    /// Returns the stretch at `position`, up to the end of its block, up to `until`, or to the
    /// first message appended after `stamp_max`, whichever comes first.
    pub fn stretch(&self, position: u64, until: u64, stamp_max: u64) -> Option<Stretch<'_>> {
        let block = self.block_at(position)?;
        let first = block.mark_at(position);
        let stamp = block.marks.get(first)?.stamp;
        let end = if block.marks.last().is_some_and(|last| last.stamp <= stamp_max) {
            block.end()
        } else {
            let after = block.marks.partition_point(|mark| mark.stamp <= stamp_max);
            // The first message is given whatever its stamp: the caller has chosen it.
            block.message_start(after.max(first + 1))
        };
        let from = (position - block.position) as usize;
        let to = (end.min(until) - block.position) as usize;
        Some(Stretch { bytes: block.bytes.get(from..to)?, stamp })
    }

    fn block_at(&self, position: u64) -> Option<&Block> {
        self.blocks.get(self.block_index(position))
    }

    fn block_index(&self, position: u64) -> usize {
        self.blocks.partition_point(|block| block.end() <= position)
    }

    /// Returns the next member of the round that has something to receive. `None` ends this visit:
    /// after `quantum` members, or if no round is under way.
    pub fn next_in_round(&mut self, quantum: &mut usize, pool: &mut Pool) -> Option<ConnId> {
        while let Some(round) = &mut self.round {
            if round.left == 0 || self.members.is_empty() {
                self.end_round(pool);
                continue;
            }
            if *quantum == 0 {
                return None;
            }
            *quantum -= 1;
            round.left -= 1;
            let index = if round.next < self.members.len() { round.next } else { 0 };
            round.next = index + 1;
            let Some(member) = self.members.get(index) else { continue };
            if !matches!(member.cursor.place(), Place::At(position) if position >= self.end) {
                return Some(member.conn);
            }
        }
        None
    }

    /// Ends a round: every member was offered everything up to its floor. Later appends were
    /// offered only to some members, so another round begins where this one stopped.
    fn end_round(&mut self, pool: &mut Pool) {
        let Some(round) = self.round.take() else { return };
        self.offered = self.offered.max(round.floor);
        self.trim_read(pool);
        if self.end > round.floor && !self.members.is_empty() {
            let (next, left) = (round.next, self.members.len());
            self.round = Some(Round { next, left, floor: self.end });
        } else {
            self.offered = self.end;
        }
    }

    /// True if the round under way, or the one that follows it, visits the member.
    pub fn will_visit(&self, index: usize) -> bool {
        self.round.is_some_and(|round| {
            let first = if round.next < self.members.len() { round.next } else { 0 };
            let ahead = if index >= first { index } else { index + self.members.len() };
            ahead - first < round.left || self.end > round.floor
        })
    }

    /// Returns the stamp of the newest message held.
    pub fn last_stamp(&self) -> Option<u64> {
        self.blocks.back()?.marks.last().map(|mark| mark.stamp)
    }

    /// Checks the invariants above, and returns the bytes allocated. For tests: it visits everything.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn assert_sound(&self, backlog_max: usize) -> usize {
        assert!(self.start <= self.end);
        let (mut behind, mut recovering) = (0, 0);
        for member in &self.members {
            match member.cursor.place() {
                Place::Recovering(_) => recovering += 1,
                Place::At(position) => {
                    assert!(self.start <= position && position <= self.end, "cursor off the tape");
                    behind += usize::from(position < self.end);
                }
            }
        }
        assert_eq!((behind, recovering), (self.behind, self.recovering));
        if behind == 0 {
            assert!(self.blocks.is_empty(), "a tape that everyone has read owns no block");
        }
        let mut position = self.start;
        for block in &self.blocks {
            assert_eq!(block.position, position);
            assert_eq!(block.marks.last().map(|mark| mark.end as usize), Some(block.bytes.len()));
            position = block.end();
        }
        if !self.blocks.is_empty() {
            assert_eq!(position, self.end);
        }
        assert!(self.held() <= backlog_max);
        assert!(self.offered <= self.end);
        assert!(self.round.is_some() || self.offered == self.end);
        assert!(self.round.is_none_or(|round| round.left <= self.members.len()));
        self.blocks.iter().map(|block| block.bytes.capacity()).sum()
    }
}

#[cfg(test)]
mod tests;
