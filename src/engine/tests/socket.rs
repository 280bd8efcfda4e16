//! A socket in memory, and its peer's view of what arrives.

use crate::id::{ConnId, Epoch};
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::binary;
use crate::wire::frame::ServerFrame;
use std::collections::{HashMap, VecDeque};
use std::io::IoSlice;

/// A socket in memory: one direction holds what the peer sent, the other what the kernel took.
pub struct Socket {
    pub conn: ConnId,
    /// Bytes that the peer sent and the relay has not read.
    pub incoming: VecDeque<u8>,
    /// Most bytes of one read.
    pub read_max: usize,
    /// True if the peer sends no more after `incoming`.
    pub is_half_closed: bool,
    /// Bytes that the kernel takes before it blocks.
    pub space: usize,
    /// Most bytes of one write.
    pub write_max: usize,
    /// Bytes that the transport accepts beyond those that the kernel takes.
    pub hold_max: usize,
    /// The bytes that it holds.
    pub held: VecDeque<u8>,
    /// True if the engine knows that the transport holds bytes.
    pub is_known_to_hold: bool,
    /// True if the peer uses lines, not frames.
    pub speaks_lines: bool,
    /// True if the socket takes whole messages: each slice of an offer is one, and `space` counts
    /// them.
    pub takes_messages: bool,
    /// The messages that it took.
    pub messages: Vec<Vec<u8>>,
    /// True if the kernel refused a write, and has not reported the socket writable since.
    pub is_blocked: bool,
    /// All bytes that the kernel took.
    pub received: Vec<u8>,
    /// The number of them that were read as frames.
    pub parsed: usize,
    /// The names of rooms by the numbers that the relay gave them.
    pub rooms: HashMap<u32, String>,
    /// The number of times that the flush offered something to this socket.
    pub offers: usize,
    /// The most pieces of one offer.
    pub pieces_max: usize,
    /// The number of visits that ended with `Reading::Held`.
    pub holds: usize,
    /// The number of times that the socket was shut for writing.
    pub shuts: usize,
    /// The reason of the close, once the socket was dropped.
    pub closed: Option<CloseReason>,
    /// True if the last visit left bytes unparsed: the next one begins with them.
    pub has_leftover: bool,
    /// True if the relay does not read before the engine names the peer as resumable.
    pub is_held: bool,
    /// True if the relay has read the end of the stream.
    pub is_ended: bool,
}

impl Socket {
    pub fn new(conn: ConnId) -> Self {
        Self {
            conn,
            incoming: VecDeque::new(),
            read_max: 64 << 10,
            is_half_closed: false,
            space: usize::MAX,
            write_max: usize::MAX,
            hold_max: 0,
            held: VecDeque::new(),
            is_known_to_hold: false,
            speaks_lines: false,
            takes_messages: false,
            messages: Vec::new(),
            is_blocked: false,
            received: Vec::new(),
            parsed: 0,
            rooms: HashMap::new(),
            offers: 0,
            pieces_max: 0,
            holds: 0,
            shuts: 0,
            closed: None,
            has_leftover: false,
            is_held: false,
            is_ended: false,
        }
    }

    /// True if a visit of the loop would find something.
    pub fn is_readable(&self) -> bool {
        let has_end = self.is_half_closed && !self.is_ended;
        let has_more = self.has_leftover || !self.incoming.is_empty() || has_end;
        has_more && !self.is_held && self.closed.is_none()
    }

    /// Accepts as many of the offered bytes as the kernel has space for and the transport can hold.
    /// Returns their number.
    pub fn take(&mut self, slices: &[IoSlice<'_>], offered: usize) -> usize {
        assert!(self.shuts == 0 && self.closed.is_none(), "a write after the end of the stream");
        assert!(!self.is_blocked, "a write to a blocked socket");
        self.offers += 1;
        self.pieces_max = self.pieces_max.max(slices.len());
        let space = self.space.saturating_add(self.hold_max - self.held.len());
        let taken = offered.min(space).min(self.write_max);
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
        let before = self.held.len();
        self.held.extend(bytes.take(taken));
        assert_eq!(self.held.len() - before, taken, "fewer bytes than were offered");
        let written = self.held.len().min(self.space);
        self.received.extend(self.held.drain(..written));
        self.space = if self.space == usize::MAX { self.space } else { self.space - written };
        taken
    }

    /// Accepts the messages that the kernel has space for. Returns their number.
    pub fn take_messages(&mut self, slices: &[IoSlice<'_>]) -> usize {
        assert!(self.shuts == 0 && self.closed.is_none(), "a write after the end of the stream");
        assert!(!self.is_blocked, "a write to a blocked socket");
        self.offers += 1;
        self.pieces_max = self.pieces_max.max(slices.len());
        let count = slices.len().min(self.space);
        for message in &slices[..count] {
            self.received.extend_from_slice(message);
            self.messages.push(message.to_vec());
        }
        self.space = if self.space == usize::MAX { self.space } else { self.space - count };
        count
    }

    /// Returns the number by which frames name a room.
    pub fn number_of(&self, room: &str) -> u32 {
        let found = self.rooms.iter().find(|(_, name)| *name == room);
        *found.expect("a room that the peer has joined").0
    }

    /// Returns the first frame that was not read, and its length.
    pub fn next_frame(&self) -> Option<(ServerFrame<'_>, usize)> {
        let unread = &self.received[self.parsed..];
        match binary::parse_server(unread, 1 << 20).expect("frames of the relay") {
            Parsed::Complete(frame, length) => Some((frame, length)),
            Parsed::Partial => None,
        }
    }

    /// Returns the numbering of the room whose join is the next frame.
    pub fn joined_epoch(&self) -> Option<Epoch> {
        match self.next_frame()? {
            (ServerFrame::Joined { epoch, .. }, _) => Some(epoch),
            _ => None,
        }
    }

    /// Returns the frames since the last call, a line each; or the lines.
    pub fn heard(&mut self) -> Vec<String> {
        if self.speaks_lines {
            let unread = String::from_utf8_lossy(&self.received[self.parsed..]);
            let lines = unread.lines().map(str::to_owned).collect();
            self.parsed = self.received.len();
            return lines;
        }
        let mut lines = Vec::new();
        while let Some((frame, length)) = self.next_frame() {
            let joined = match &frame {
                ServerFrame::Joined { room, name, .. } => Some((*room, name.to_string())),
                _ => None,
            };
            let line = line_of(&frame, &self.rooms);
            self.rooms.extend(joined);
            self.parsed += length;
            lines.push(line);
        }
        lines
    }
}

fn line_of(frame: &ServerFrame<'_>, rooms: &HashMap<u32, String>) -> String {
    let name_of = |room: &u32| rooms.get(room).map_or("?", String::as_str);
    match frame {
        ServerFrame::Welcome { name, .. } => format!("welcome {name}"),
        ServerFrame::Joined { recovered: true, head, name, .. } => {
            format!("joined {name} at {head}, recovered")
        }
        ServerFrame::Joined { head, name, .. } => format!("joined {name} at {head}"),
        ServerFrame::Left { room, offset, .. } => format!("left {} at {offset}", name_of(room)),
        ServerFrame::Ack { id, offset, .. } => format!("ack {id} at {offset}"),
        ServerFrame::Members { room, count, .. } => format!("{} has {count}", name_of(room)),
        ServerFrame::Message { room, offset, payload, .. } => {
            let text = String::from_utf8_lossy(payload);
            format!("{}#{offset} {}", name_of(room), text.trim_end_matches('.'))
        }
        ServerFrame::Came { name, count, .. } => format!("came {name}, {count}"),
        ServerFrame::Went { name, count, .. } => format!("went {name}, {count}"),
        ServerFrame::Gap { room, from, to } => format!("gap {} {from} to {to}", name_of(room)),
        ServerFrame::Ping { .. } => "ping".to_owned(),
        ServerFrame::Pong { token } => format!("pong {token}"),
        ServerFrame::Error { code, .. } => format!("error {code}"),
        ServerFrame::Bye { code, .. } => format!("bye {code}"),
        other => format!("{other:?}"),
    }
}
