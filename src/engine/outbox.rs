//! Outboxes: the pending replies of one peer, and the stretches of tape that it skips.
//!
//! If the peer's transport takes whole messages, each segment is one message and is sent whole.

use std::collections::VecDeque;

/// A short queue of private bytes. Every segment carries the engine's count of appends at the time
/// it was written: tape bytes appended until then are sent before it, later ones after it. An idle
/// peer has none.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The rest of a half-sent message whose tape the peer no longer reads. Sent before everything
    /// else.
    finish: Vec<u8>,
    finished: usize,
    bytes: Vec<u8>,
    sent: usize,
    /// True if part of the first segment was sent.
    is_begun: bool,
    /// The number of unsent bytes, from the first one on, that are history, messages of others, or
    /// came before these. They do not count against the peer.
    page: usize,
    /// The number of unsent bytes that belong to requested pages of history, at most.
    asked: usize,
    segments: VecDeque<Segment>,
    skips: VecDeque<Skip>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    stamp: u64,
    /// The end of the segment in `bytes`.
    end: usize,
}

/// Pending bytes of a peer, taken off its tapes and out of its outbox, in order.
#[derive(Debug, Default)]
pub struct LaidOut {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The end of each message, if the transport takes whole messages; empty otherwise.
    pub ends: Vec<usize>,
}

/// A stretch of a tape that the peer skips because it sent the message itself, while it has not
/// read that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The tape.
    pub tape: usize,
    /// The position at which the stretch begins.
    pub from: u64,
    /// The position at which the stretch ends.
    pub to: u64,
}

impl Outbox {
    /// Returns the bytes of memory counted against the peer: pending answers that it does not read.
    /// One half-sent message, pages of history and messages of others have bounds of their own.
    pub fn weight(&self) -> usize {
        self.unsent() - self.page + self.skips.len() * size_of::<Skip>()
    }

    /// Returns the number of private bytes to send.
    pub fn unsent(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// True if nothing is pending, so that the outbox can be dropped.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty() && self.unsent() == 0 && self.skips.is_empty()
    }

    /// Excludes all unsent bytes from the weight, after a page of history was added.
    pub fn page_laid(&mut self) {
        self.page = self.unsent();
    }

    /// Excludes all unsent bytes from the weight, after another person's message was added. No such
    /// message is added while much is unsent.
    pub fn others_told(&mut self) {
        self.page = self.unsent();
    }

    /// Excludes from the weight an answer of `count` bytes that is a page of history. One message
    /// may fill it, so it is not counted against the peer; but only one is pending at a time.
    pub fn page_answered(&mut self, count: usize) {
        self.page += count;
        self.asked += count;
    }

    /// True if a requested page has not been sent completely.
    pub fn has_page(&self) -> bool {
        self.asked > 0
    }

    /// Returns the buffer for private bytes that are written after `stamp` appends.
    pub fn segment(&mut self, stamp: u64) -> &mut Vec<u8> {
        self.seal();
        if self.sent > 0 && self.sent * 2 >= self.bytes.len() {
            self.bytes.drain(..self.sent);
            for segment in &mut self.segments {
                segment.end -= self.sent;
            }
            self.sent = 0;
        }
        if self.segments.back().is_none_or(|last| last.stamp != stamp) {
            self.segments.push_back(Segment { stamp, end: self.bytes.len() });
        }
        &mut self.bytes
    }

    /// Adds one message, written after `stamp` appends, for a transport that takes whole messages.
    pub fn add_message(&mut self, stamp: u64, message: &[u8]) {
        if message.is_empty() {
            return;
        }
        self.seal();
        self.bytes.extend_from_slice(message);
        self.segments.push_back(Segment { stamp, end: self.bytes.len() });
    }

    /// Puts prepared bytes before everything else.
    pub fn put_first(&mut self, laid_out: &LaidOut) {
        if laid_out.ends.is_empty() {
            return self.finish_first(&laid_out.bytes);
        }
        debug_assert!(self.rest().is_empty() && !self.is_begun, "whole messages are sent whole");
        self.seal();
        let (sent, count) = (std::mem::take(&mut self.sent), laid_out.bytes.len());
        self.bytes.splice(..sent, laid_out.bytes.iter().copied());
        for segment in &mut self.segments {
            segment.end = segment.end - sent + count;
        }
        for end in laid_out.ends.iter().rev() {
            self.segments.push_front(Segment { stamp: 0, end: *end });
        }
        // It is excluded from the weight, as the rest of a message is.
        self.page += count;
        if self.asked > 0 {
            self.asked += count;
        }
    }

    /// Returns the number of bytes that are sent before everything else.
    pub fn first_bytes(&self) -> usize {
        let first = self.segments.iter().take_while(|segment| segment.stamp == 0);
        self.rest().len() + first.last().map_or(0, |segment| segment.end.saturating_sub(self.sent))
    }

    /// Ends the segment being written.
    fn seal(&mut self) {
        if let Some(last) = self.segments.back_mut() {
            last.end = self.bytes.len();
        }
    }

    /// Puts the rest of a half-sent message before everything else.
    pub fn finish_first(&mut self, rest: &[u8]) {
        debug_assert!(
            rest.is_empty() || self.rest().is_empty(),
            "one message at most is half sent"
        );
        self.finish.extend_from_slice(rest);
    }

    /// Returns the rest of a half-sent message.
    pub fn rest(&self) -> &[u8] {
        self.finish.get(self.finished..).unwrap_or_default()
    }

    /// Returns the stamp and the unsent bytes of the `index`th segment.
    pub fn get(&self, index: usize) -> Option<(u64, &[u8])> {
        let segment = self.segments.get(index)?;
        let before = index.checked_sub(1).and_then(|index| self.segments.get(index));
        let from = before.map_or(self.sent, |before| before.end);
        let is_last = index + 1 == self.segments.len();
        let end = if is_last { self.bytes.len() } else { segment.end };
        Some((segment.stamp, self.bytes.get(from..end)?))
    }

    /// Removes `count` sent bytes of the rest.
    pub fn sent_rest(&mut self, count: usize) {
        self.finished += count;
        if self.finished >= self.finish.len() {
            (self.finish, self.finished) = (Vec::new(), 0);
        }
    }

    /// Removes `count` sent private bytes of the first segments.
    pub fn sent(&mut self, count: usize) {
        self.seal();
        self.sent += count;
        self.page = self.page.saturating_sub(count);
        self.asked = self.asked.saturating_sub(count);
        self.is_begun |= count > 0;
        while let Some(first) = self.segments.front().filter(|first| first.end <= self.sent) {
            self.is_begun = first.end < self.sent;
            self.segments.pop_front();
        }
        if self.segments.is_empty() {
            (self.bytes, self.sent) = (Vec::new(), 0);
        }
    }

    /// Removes the segments that follow an append of that stamp, except a half-sent one.
    pub fn forget_from(&mut self, stamp: u64) {
        self.seal();
        let begun = usize::from(self.is_begun);
        let before = self.segments.iter().skip(begun).take_while(|segment| segment.stamp < stamp);
        let kept = self.segments.len().min(begun + before.count());
        self.segments.truncate(kept);
        self.bytes.truncate(self.segments.back().map_or(self.sent, |last| last.end));
        self.page = self.page.min(self.unsent());
        self.asked = self.asked.min(self.unsent());
    }

    /// Adds a stretch of tape to skip.
    pub fn skip(&mut self, skip: Skip) {
        match self.skips.iter_mut().rfind(|last| last.tape == skip.tape) {
            Some(last) if last.to == skip.from => last.to = skip.to,
            _ => self.skips.push_back(skip),
        }
    }

    /// Returns the next stretch to skip on `tape`, at or after `position`.
    pub fn skip_after(&self, tape: usize, position: u64) -> Option<Skip> {
        self.skips.iter().find(|skip| skip.tape == tape && skip.from >= position).copied()
    }

    /// Forgets the stretches of `tape` that end at or before `position`.
    pub fn skipped(&mut self, tape: usize, position: u64) {
        self.skips.retain(|skip| skip.tape != tape || skip.to > position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsent(outbox: &Outbox) -> Vec<(u64, String)> {
        let segments = (0..).map_while(|index| outbox.get(index));
        segments.map(|(stamp, bytes)| (stamp, String::from_utf8_lossy(bytes).into())).collect()
    }

    fn pairs(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
        expected.iter().map(|(stamp, bytes)| (*stamp, (*bytes).to_owned())).collect()
    }

    #[test]
    fn what_was_to_go_behind_an_append_is_forgotten() {
        let filled = || {
            let mut outbox = Outbox::default();
            outbox.segment(1).extend_from_slice(b"one");
            outbox.segment(4).extend_from_slice(b"four");
            outbox.segment(5).extend_from_slice(b"five");
            outbox
        };
        for (sent, stamp, kept) in [
            (0, 6, &[(1, "one"), (4, "four"), (5, "five")][..]),
            (0, 5, &[(1, "one"), (4, "four")]),
            (0, 2, &[(1, "one")]),
            (0, 1, &[]),
            (1, 1, &[(1, "ne")]),
            (3, 4, &[]),
            (4, 4, &[(4, "our")]),
            (4, 5, &[(4, "our")]),
            (11, 1, &[]),
        ] {
            let mut outbox = filled();
            outbox.sent(sent);
            outbox.forget_from(stamp);
            assert_eq!(unsent(&outbox), pairs(kept), "{sent} sent, {stamp}");
            outbox.segment(9).extend_from_slice(b"bye");
            assert_eq!(unsent(&outbox), pairs(&[kept, &[(9, "bye")]].concat()));
        }
    }

    #[test]
    fn segments_keep_their_stamps_under_partial_sends() {
        let mut outbox = Outbox::default();
        outbox.segment(1).extend_from_slice(b"one");
        outbox.segment(1).extend_from_slice(b"uno");
        outbox.segment(4).extend_from_slice(b"four");
        assert_eq!(unsent(&outbox), pairs(&[(1, "oneuno"), (4, "four")]));
        outbox.sent(5);
        assert_eq!(unsent(&outbox), pairs(&[(1, "o"), (4, "four")]));
        outbox.segment(4).extend_from_slice(b"!");
        outbox.segment(5).extend_from_slice(b"five");
        assert_eq!(unsent(&outbox), pairs(&[(1, "o"), (4, "four!"), (5, "five")]));
        outbox.sent(6);
        assert_eq!(unsent(&outbox), pairs(&[(5, "five")]));
        assert_eq!(outbox.weight(), 4);
        outbox.sent(4);
        assert!(outbox.is_empty() && outbox.bytes.capacity() == 0);
    }

    #[test]
    fn messages_are_segments_of_their_own_and_what_is_laid_out_goes_first() {
        let mut outbox = Outbox::default();
        outbox.add_message(1, b"one");
        outbox.add_message(1, b"uno");
        outbox.add_message(1, b"");
        outbox.add_message(4, b"four");
        assert_eq!(unsent(&outbox), pairs(&[(1, "one"), (1, "uno"), (4, "four")]));
        outbox.sent(3);
        outbox.put_first(&LaidOut { bytes: b"agap".to_vec(), ends: vec![1, 4] });
        assert_eq!(unsent(&outbox), pairs(&[(0, "a"), (0, "gap"), (1, "uno"), (4, "four")]));
        assert_eq!((outbox.first_bytes(), outbox.weight()), (4, 7));
        outbox.sent(1);
        assert_eq!((outbox.first_bytes(), outbox.weight()), (3, 7));
        outbox.sent(6);
        assert_eq!(unsent(&outbox), pairs(&[(4, "four")]));
        assert_eq!((outbox.first_bytes(), outbox.weight()), (0, 4));
        outbox.sent(4);
        assert!(outbox.is_empty() && outbox.bytes.capacity() == 0);
    }

    #[test]
    fn a_page_that_was_asked_for_weighs_nothing_until_it_is_sent() {
        let mut outbox = Outbox::default();
        outbox.segment(1).extend_from_slice(b"ack");
        outbox.segment(1).extend_from_slice(b"page page page");
        outbox.page_answered(14);
        assert!(outbox.has_page());
        assert_eq!(outbox.weight(), 3);
        outbox.segment(2).extend_from_slice(b"pong");
        outbox.sent(3 + 14);
        assert!(!outbox.has_page());
        assert_eq!(outbox.weight(), 4);
    }

    #[test]
    fn what_others_told_weighs_nothing_and_what_is_asked_behind_it_does() {
        let mut outbox = Outbox::default();
        outbox.segment(1).extend_from_slice(b"ack");
        outbox.segment(2).extend_from_slice(b"psst, psst");
        outbox.others_told();
        assert_eq!(outbox.weight(), 0);
        outbox.segment(3).extend_from_slice(b"pong");
        outbox.sent(5);
        assert_eq!(outbox.weight(), 4);
        outbox.segment(3).extend_from_slice(b"psst");
        outbox.others_told();
        assert_eq!((outbox.weight(), outbox.unsent()), (0, 16));
        outbox.sent(16);
        assert!(outbox.is_empty());
    }

    #[test]
    fn skips_next_to_each_other_become_one() {
        let mut outbox = Outbox::default();
        outbox.skip(Skip { tape: 1, from: 10, to: 20 });
        outbox.skip(Skip { tape: 2, from: 20, to: 30 });
        outbox.skip(Skip { tape: 1, from: 20, to: 25 });
        assert_eq!(outbox.skip_after(1, 0), Some(Skip { tape: 1, from: 10, to: 25 }));
        outbox.skipped(1, 25);
        assert_eq!(outbox.skip_after(1, 0), None);
        assert!(!outbox.is_empty());
        outbox.skipped(2, u64::MAX);
        assert!(outbox.is_empty());
    }
}
