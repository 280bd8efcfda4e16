//! Offers: the next bytes to write to one peer, in the order in which the engine produced them.

use super::outbox::Outbox;
use super::peer::{Peer, Seat};
use super::tape::Place;
use super::tapes::Tapes;
use crate::id::{ConnId, Offset, RoomId};
use smallvec::SmallVec;
use std::io::IoSlice;

/// The most pieces of one write. Sixteen full blocks are more than a socket buffer takes.
pub const SLICES: usize = 16;

/// The units in which a transport accepts data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Bytes: a write may end anywhere.
    #[default]
    Bytes,
    /// Whole messages of at most this many bytes: each slice of an offer is one.
    Messages(usize),
}

/// One piece of an offer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// The rest of a half-sent message.
    Rest(usize),
    /// A segment of the peer's outbox.
    Private { segment: usize, len: usize },
    /// A stretch of a tape.
    Tape { seat: Seat, from: u64, len: usize },
}

/// The pieces of the last offer to a peer, in order.
///
/// Invariants: there are at most [`SLICES`]; they belong to one peer, whose outbox and tapes do not
/// change before it takes some of them, or none; they are taken once. For a transport that takes whole
/// messages each of them is one, and is taken whole.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// The peer; `None` after it accepted its bytes.
    conn: Option<ConnId>,
    fit: Fit,
    pieces: Vec<Piece>,
}

/// The places of a peer on its tapes. Few peers have many.
type Places = SmallVec<[Ahead; 4]>;

/// A place on a tape that is followed by bytes to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    seat: Seat,
    position: u64,
}

impl Offer {
    /// Forgets the offer.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.conn = None;
    }

    /// Returns the first piece.
    pub(super) fn first(&self) -> Option<Piece> {
        self.pieces.first().copied()
    }

    /// Offers a peer its next bytes. Returns the number of slices filled, and of bytes.
    pub(super) fn make<'a>(
        &mut self,
        peer: &'a Peer,
        fit: Fit,
        tapes: &'a Tapes,
        slices: &mut [IoSlice<'a>; SLICES],
    ) -> (usize, usize) {
        self.pieces.clear();
        (self.conn, self.fit) = (Some(peer.id), fit);
        self.plan(peer, tapes);
        debug_assert!(self.pieces.len() <= SLICES);
        let outbox = peer.outbox.as_deref();
        let mut total = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            let bytes = bytes_of(piece, outbox, tapes);
            total += bytes.len();
            *slice = IoSlice::new(bytes);
        }
        (self.pieces.len(), total)
    }

    /// Offers a peer with [one room](sole_place) and no private bytes all that follows its place.
    pub(super) fn make_of_tape<'a>(
        &mut self,
        conn: ConnId,
        place: Ahead,
        tapes: &'a Tapes,
        slices: &mut [IoSlice<'a>; SLICES],
    ) -> (usize, usize) {
        self.pieces.clear();
        (self.conn, self.fit) = (Some(conn), Fit::Bytes);
        let Ahead { seat, position: from } = place;
        let (mut filled, mut len) = (0, 0);
        if let Some(tape) = tapes.get(seat.tape as usize) {
            for (slice, bytes) in slices.iter_mut().zip(tape.ahead_of(from)) {
                *slice = IoSlice::new(bytes);
                filled += 1;
                len += bytes.len();
            }
        }
        self.pieces.push(Piece::Tape { seat, from, len });
        (filled, len)
    }

    /// Plans an offer of everything that is pending for a peer, in the order in which the engine
    /// produced it: by the stamp of each piece, across its outbox and all its tapes. A half-sent
    /// message has the lowest stamp, so it is always finished first. The plan ends before a message
    /// that is too long for the transport.
    fn plan(&mut self, peer: &Peer, tapes: &Tapes) {
        let mut places = places(peer, tapes);
        let outbox = peer.outbox.as_deref();
        if let Some(rest) = outbox.map(|outbox| outbox.rest().len()).filter(|len| *len > 0) {
            self.pieces.push(Piece::Rest(rest));
        }
        let mut segment = 0;
        while self.pieces.len() < SLICES {
            let private = outbox.and_then(|outbox| outbox.get(segment));
            let limit = private.map_or(u64::MAX, |(stamp, _)| stamp);
            let limit = limit.saturating_sub(u64::from(planted!("reply-overtakes-a-broadcast")));
            match next_stretch(&mut places, limit, self.fit, outbox, tapes) {
                Some(piece) if is_too_long(&piece, self.fit) => return,
                Some(piece) => self.pieces.push(piece),
                None => match private {
                    Some((_, bytes)) => {
                        self.pieces.push(Piece::Private { segment, len: bytes.len() });
                        segment += 1;
                    }
                    None => return,
                },
            }
        }
    }

    /// Returns the bytes of the first `count` pieces.
    pub(super) fn length_of(&self, count: usize) -> usize {
        self.pieces.iter().take(count).map(Piece::length).sum()
    }

    /// Moves the peer behind the first `count` bytes of its offer.
    pub(super) fn take(&mut self, count: usize, peer: &mut Peer, tapes: &mut Tapes) {
        debug_assert!(count == 0 || self.conn == Some(peer.id), "what {} was not offered", peer.id);
        let mut left = count;
        for piece in &self.pieces {
            if left == 0 {
                break;
            }
            debug_assert!(self.fit == Fit::Bytes || left >= piece.length(), "half a message");
            left -= take_piece(piece, left, peer, tapes);
        }
        debug_assert_eq!(left, 0, "more than {} was offered", peer.id);
        self.clear();
    }
}

impl Piece {
    fn length(&self) -> usize {
        match *self {
            Self::Rest(len) | Self::Private { len, .. } | Self::Tape { len, .. } => len,
        }
    }
}

/// Skips the next message on a peer's tape if it is longer than `max`. The peer's private messages
/// never are. Returns the room, and the message's offset; 0 for a notice.
pub(super) fn take_too_long(
    peer: &mut Peer,
    max: usize,
    tapes: &mut Tapes,
) -> Option<(RoomId, Offset)> {
    let (fit, outbox) = (Fit::Messages(max), peer.outbox.as_deref());
    let limit = outbox.and_then(|outbox| outbox.get(0)).map_or(u64::MAX, |(stamp, _)| stamp);
    let piece = next_stretch(&mut places(peer, tapes), limit, fit, outbox, tapes)?;
    let Piece::Tape { seat, from, len } = piece else { return None };
    if !is_too_long(&piece, fit) {
        return None;
    }
    let tape = tapes.get(seat.tape as usize)?;
    let message = (tape.room, tape.offset_at(from));
    take_piece(&piece, len, peer, tapes);
    Some(message)
}

fn is_too_long(piece: &Piece, fit: Fit) -> bool {
    match fit {
        Fit::Bytes => false,
        Fit::Messages(max) => piece.length() > max,
    }
}

/// Moves a peer behind at most `count` bytes of one piece. Returns the number of those bytes.
fn take_piece(piece: &Piece, count: usize, peer: &mut Peer, tapes: &mut Tapes) -> usize {
    match *piece {
        Piece::Rest(len) => {
            let taken = len.min(count);
            peer.outbox_mut().sent_rest(taken);
            taken
        }
        Piece::Private { len, .. } => {
            let taken = len.min(count);
            peer.outbox_mut().sent(taken);
            taken
        }
        Piece::Tape { seat, from, len } => {
            let (key, taken) = (seat.tape as usize, len.min(count));
            let mut to = from + taken as u64;
            let outbox = peer.outbox.as_deref_mut();
            if let Some(outbox) = outbox
                && let Some(skip) = outbox.skip_after(key, to).filter(|skip| skip.from == to)
            {
                to = skip.to;
                outbox.skipped(key, to);
            }
            tapes.advance(seat, to);
            taken
        }
    }
}

fn bytes_of<'a>(piece: &Piece, outbox: Option<&'a Outbox>, tapes: &'a Tapes) -> &'a [u8] {
    let bytes = match *piece {
        Piece::Rest(_) => outbox.map(Outbox::rest),
        Piece::Private { segment, .. } => {
            outbox.and_then(|outbox| outbox.get(segment)).map(|(_, bytes)| bytes)
        }
        Piece::Tape { seat, from, len } => {
            let tape = tapes.get(seat.tape as usize);
            let stretch = tape.and_then(|tape| tape.stretch(from, from + len as u64, u64::MAX));
            stretch.map(|stretch| stretch.bytes)
        }
    };
    bytes.unwrap_or_default()
}

/// Returns the next stretch of tape to send before anything stamped later than `limit`, and moves
/// its place behind it. A transport that takes whole messages receives one of them.
fn next_stretch(
    places: &mut Places,
    limit: u64,
    fit: Fit,
    outbox: Option<&Outbox>,
    tapes: &Tapes,
) -> Option<Piece> {
    let first = match places.len() {
        0 => return None,
        // One tape is the common case: nothing to compare.
        1 => 0,
        _ => {
            let stamps = places.iter().map(|place| stamp_at(place, tapes));
            stamps.enumerate().min_by_key(|(_, stamp)| *stamp)?.0
        }
    };
    let others = places.iter().enumerate().filter(|(index, _)| *index != first);
    let next = others.map(|(_, place)| stamp_at(place, tapes)).min().unwrap_or(u64::MAX);
    let place = places.get_mut(first)?;
    let key = place.seat.tape as usize;
    let tape = tapes.get(key)?;
    let skip = outbox.and_then(|outbox| outbox.skip_after(key, place.position));
    let until = skip.map_or(tape.end(), |skip| skip.from);
    let stamp_max = match fit {
        Fit::Bytes => limit.min(next.saturating_sub(1)),
        // With this maximum the tape returns one message only.
        Fit::Messages(_) => 0,
    };
    let stretch = tape.stretch(place.position, until, stamp_max)?;
    if stretch.stamp > limit {
        return None;
    }
    let (from, len) = (place.position, stretch.bytes.len());
    let piece = Piece::Tape { seat: place.seat, from, len };
    place.position += len as u64;
    if let Some(skip) = skip.filter(|skip| skip.from == place.position) {
        place.position = skip.to;
    }
    if place.position >= tape.end() {
        places.swap_remove(first);
    }
    Some(piece)
}

fn stamp_at(place: &Ahead, tapes: &Tapes) -> u64 {
    let tape = tapes.get(place.seat.tape as usize);
    let stretch = tape.and_then(|tape| tape.stretch(place.position, u64::MAX, 0));
    stretch.map_or(u64::MAX, |stretch| stretch.stamp)
}

/// Returns the places of a peer on the tapes that it has not read to the end.
fn places(peer: &Peer, tapes: &Tapes) -> Places {
    let places = peer.seats.iter().filter_map(|seat| match tapes.at(*seat)? {
        (tape, Place::At(position)) if position < tape.end() => {
            Some(Ahead { seat: *seat, position })
        }
        _ => None,
    });
    places.collect()
}

/// Returns the place of a peer for which only one room can be pending.
pub(super) fn sole_place(peer: &Peer, tapes: &Tapes) -> Option<Ahead> {
    let ([seat], None) = (peer.seats.as_slice(), &peer.outbox) else { return None };
    match tapes.at(*seat)?.1 {
        Place::At(position) => Some(Ahead { seat: *seat, position }),
        Place::Recovering(_) => None,
    }
}
