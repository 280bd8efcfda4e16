//! An engine with a clock and sockets in memory, driven in the order that [`Engine`] documents.

use super::socket::Socket;
use crate::address::Remote;
use crate::engine::{Effect, Engine, Reading, SLICES};
use crate::history::{CommitOutcome, OpenOutcome};
use crate::id::{ConnId, Epoch, Offset, Resume, RoomId};
use crate::limits::Limits;
use crate::now::Now;
use crate::secret::Secrets;
use crate::session::options::raw::Framing;
use crate::session::{Overrun, Service};
use crate::wire::binary;
use crate::wire::frame::{ClientFrame, VERSION};
use std::borrow::Cow;
use std::io::IoSlice;
use std::time::Duration;

/// The service of frames that continues from history after an overrun.
pub const FRAMES: usize = 0;
/// The service of frames that closes a peer after an overrun.
pub const STRICT_FRAMES: usize = 1;
/// The service of plain sockets that send lines. Every peer is in the room [`ROOM`].
pub const PLAIN: usize = 2;
/// The service of clients that may moderate rooms, and use lines.
pub const MODERATORS: usize = 3;
/// The room of most tests.
pub const ROOM: &str = "r";

/// A number of turns that no test needs.
const TURNS_MAX: usize = 20_000;

/// An engine, a clock, and the sockets of its peers.
pub struct Harness {
    pub engine: Engine,
    pub now: Now,
    /// The number of turns so far.
    pub turns: usize,
    limits: Limits,
    sockets: Vec<Socket>,
    /// True if a store keeps the messages, and reports at once for each room that it does not know
    /// the room.
    has_empty_store: bool,
}

/// Returns the smallest limits, so that a few messages fill them.
pub fn narrow() -> Limits {
    Limits {
        message: 16 << 10,
        backlog: 64 << 10,
        outbox: 16 << 10,
        presence_members: 100,
        ..Limits::default()
    }
}

/// Returns a payload of `length` bytes. [`Harness::heard`] leaves the padding out.
pub fn padded(text: &str, length: usize) -> Vec<u8> {
    format!("{text:.<length$}").into_bytes()
}

impl Harness {
    pub fn new(limits: Limits) -> Self {
        limits.check().expect("limits that hold");
        let mut plain = Service::Raw(Default::default());
        let mut strict = Service::Frame(Default::default());
        if let Service::Raw(options) = &mut plain {
            (options.room, options.framing) = (ROOM.to_owned(), Framing::Line);
        }
        if let Service::Frame(options) = &mut strict {
            options.overrun = Overrun::Close;
        }
        let services =
            vec![Service::Frame(Default::default()), strict, plain, Service::moderating()];
        let now = Now { running: Duration::from_secs(1), unix_ms: 1_700_000_000_000 };
        let engine = Engine::new(limits.clone(), services, Secrets::from_number(7));
        Self { engine, now, turns: 0, limits, sockets: Vec::new(), has_empty_store: false }
    }

    /// Creates a harness whose messages the test [keeps](Self::take_append), in a store that knows
    /// no room.
    pub fn remote(limits: Limits) -> Self {
        let mut harness = Self { has_empty_store: true, ..Self::new(limits) };
        harness.engine.keep_remotely();
        harness
    }

    /// Returns the messages of the next append: its room, and each message as text, without padding.
    /// Appends without messages, of events or a clear, are done at once.
    pub fn take_append(&mut self) -> Option<(RoomId, Vec<String>)> {
        let append = loop {
            let append = self.engine.take_append()?;
            if !append.messages.is_empty() {
                break append;
            }
            self.commit(append.room, CommitOutcome::Kept(append.after));
        };
        let messages = append.messages.iter().map(|(message, _)| {
            let text = String::from_utf8_lossy(&message.payload.bytes);
            format!("{}#{} {}", append.name, message.offset, text.trim_end_matches('.'))
        });
        Some((append.room, messages.collect()))
    }

    /// Reports the outcome of a room's append that is under way.
    pub fn commit(&mut self, room: RoomId, outcome: CommitOutcome) {
        self.engine.committed(room, outcome, self.now);
    }

    /// Connects a peer that has sent nothing.
    pub fn connect(&mut self, service: usize) -> ConnId {
        self.connect_from(service, Remote { exempt: true, ..Remote::default() })
    }

    /// Connects a peer from this origin.
    pub fn connect_from(&mut self, service: usize, remote: Remote) -> ConnId {
        self.engine.wake(self.now);
        let conn = self.engine.connected(service, remote, self.now).expect("space for a peer");
        self.sockets.push(Socket { speaks_lines: service == MODERATORS, ..Socket::new(conn) });
        conn
    }

    /// Connects a peer of frames under this name.
    pub fn greeted(&mut self, service: usize, name: &str) -> ConnId {
        let conn = self.connect(service);
        self.hello(conn, name);
        self.settle();
        assert_eq!(self.heard(conn), [format!("welcome {name}")]);
        conn
    }

    /// Connects a peer of frames that is in [`ROOM`]. The notices of its join are dropped.
    pub fn member(&mut self, name: &str) -> ConnId {
        let conn = self.greeted(FRAMES, name);
        self.enter(conn, ROOM);
        conn
    }

    /// Makes a peer enter a room. The notices of its join are dropped.
    pub fn enter(&mut self, conn: ConnId, room: &str) {
        self.join(conn, room, None);
        self.settle();
        for index in 0..self.sockets.len() {
            self.heard(self.sockets[index].conn);
        }
    }

    pub fn socket(&self, conn: ConnId) -> &Socket {
        self.sockets.iter().find(|socket| socket.conn == conn).expect("a socket")
    }

    pub fn socket_mut(&mut self, conn: ConnId) -> &mut Socket {
        self.sockets.iter_mut().find(|socket| socket.conn == conn).expect("a socket")
    }

    /// Sends a frame as the peer. The relay reads it in its next turn.
    pub fn send(&mut self, conn: ConnId, frame: &ClientFrame<'_>) {
        let mut bytes = Vec::new();
        binary::write_client(frame, &mut bytes);
        self.send_bytes(conn, &bytes);
    }

    pub fn send_bytes(&mut self, conn: ConnId, bytes: &[u8]) {
        self.socket_mut(conn).incoming.extend(bytes);
    }

    pub fn hello(&mut self, conn: ConnId, name: &str) {
        let name = Cow::Borrowed(name);
        self.send(conn, &ClientFrame::Hello { version: VERSION, private: false, key: 0, name });
    }

    pub fn join(&mut self, conn: ConnId, room: &str, resume: Option<Resume>) {
        let room = Cow::Borrowed(room);
        self.send(conn, &ClientFrame::Join { request: 1, resume, key: None, room });
    }

    pub fn leave(&mut self, conn: ConnId, room: &str) {
        let room = self.socket(conn).number_of(room);
        self.send(conn, &ClientFrame::Leave { request: 2, room });
    }

    /// Publishes as the peer, which receives its own message.
    pub fn publish(&mut self, conn: ConnId, room: &str, payload: impl AsRef<[u8]>) {
        self.publish_as(conn, room, payload, 0, true);
    }

    pub fn publish_as(
        &mut self,
        conn: ConnId,
        room: &str,
        payload: impl AsRef<[u8]>,
        id: u64,
        echo: bool,
    ) {
        let room = self.socket(conn).number_of(room);
        let payload = Cow::Borrowed(payload.as_ref());
        self.send(conn, &ClientFrame::Say { room, id, echo, payload });
    }

    pub fn ping(&mut self, conn: ConnId, token: u64) {
        self.send(conn, &ClientFrame::Ping { token });
    }

    pub fn bye(&mut self, conn: ConnId) {
        self.send(conn, &ClientFrame::Bye);
    }

    /// Makes the kernel accept no more for this peer.
    pub fn block(&mut self, conn: ConnId) {
        self.socket_mut(conn).space = 0;
    }

    /// Reads `count` bytes as the peer: the kernel accepts as many more, and reports it.
    pub fn read(&mut self, conn: ConnId, count: usize) {
        let socket = self.socket_mut(conn);
        socket.space = socket.space.saturating_add(count);
        if std::mem::take(&mut socket.is_blocked) {
            self.engine.writable(conn);
        }
    }

    /// Makes the peer read everything from now on.
    pub fn unblock(&mut self, conn: ConnId) {
        self.read(conn, usize::MAX);
    }

    /// Runs one turn of the loop: see [`Engine`] for the order.
    pub fn turn(&mut self) {
        self.turns += 1;
        self.engine.wake(self.now);
        self.dispatch();
        self.engine.expire(self.now);
        self.engine.reap(self.now);
        self.flush();
        self.act();
        while self.has_empty_store
            && let Some(request) = self.engine.take_open_request()
        {
            self.engine.opened(&request, OpenOutcome::Absent, self.now);
        }
        self.engine.assert_sound();
    }

    /// Runs turns until there is nothing to do before a deadline.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn();
            let is_unread = self.sockets.iter().any(Socket::is_readable);
            if !is_unread && !self.engine.is_pressing() {
                return;
            }
        }
        panic!("the engine does not come to rest");
    }

    /// Lets time pass, with a turn at each deadline.
    pub fn pass(&mut self, time: Duration) {
        self.settle();
        let until = self.now.running + time;
        while let Some(at) = self.engine.next_deadline().filter(|at| *at <= until) {
            self.set_time(at.max(self.now.running));
            self.settle();
        }
        self.set_time(until);
        self.settle();
    }

    pub fn set_time(&mut self, running: Duration) {
        self.now.unix_ms += (running - self.now.running).as_millis() as u64;
        self.now.running = running;
    }

    fn act(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            match effect {
                Effect::Resume(conn) => self.socket_mut(conn).is_held = false,
                Effect::Shut(conn) => {
                    let socket = self.socket_mut(conn);
                    socket.shuts += 1;
                    (socket.has_leftover, socket.is_held) = (false, false);
                }
                Effect::Drop(conn, reason) => {
                    let socket = self.socket_mut(conn);
                    assert_eq!(socket.closed.replace(reason), None, "{conn} is dropped twice");
                    self.engine.release(conn);
                }
                Effect::Job(..) | Effect::RemoteAddr(..) => panic!("{effect:?}"),
            }
        }
    }

    fn dispatch(&mut self) {
        for index in 0..self.sockets.len() {
            if self.sockets[index].is_readable() {
                self.read_from(index);
            }
        }
    }

    fn read_from(&mut self, index: usize) {
        let (engine, socket, now) = (&mut self.engine, &mut self.sockets[index], self.now);
        let mut reading = Reading::More;
        if socket.has_leftover {
            reading = engine.resume(socket.conn, now);
        }
        if matches!(reading, Reading::More | Reading::Gone) && !socket.is_ended {
            let count = socket.incoming.len().min(socket.read_max);
            let bytes: Vec<u8> = socket.incoming.drain(..count).collect();
            if !bytes.is_empty() {
                reading = engine.received(socket.conn, &bytes, now);
            } else if socket.is_half_closed {
                socket.is_ended = true;
                reading = engine.ended(socket.conn, now);
            }
        }
        socket.has_leftover = matches!(reading, Reading::Unfinished | Reading::Held);
        socket.is_held = reading == Reading::Held;
        socket.holds += usize::from(socket.is_held);
    }

    fn flush(&mut self) {
        let mut bytes_left = self.limits.flush_bytes;
        for _ in 0..self.limits.flush_writes {
            let Some(conn) = self.engine.take_dirty() else { return };
            bytes_left = bytes_left.saturating_sub(self.write(conn));
            if bytes_left == 0 {
                return;
            }
        }
    }

    /// Writes until nothing is pending for the peer or the kernel accepts no more.
    fn write(&mut self, conn: ConnId) -> usize {
        let socket = self.sockets.iter_mut().find(|socket| socket.conn == conn);
        let socket = socket.expect("a socket");
        let before = socket.received.len();
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let (filled, offered) = self.engine.slices(conn, &mut slices);
            let messages = socket.takes_messages.then(|| socket.take_messages(&slices[..filled]));
            let taken = match messages {
                Some(count) => slices[..count].iter().map(|slice| slice.len()).sum(),
                None => socket.take(&slices[..filled], offered),
            };
            let is_pending = !socket.held.is_empty();
            if std::mem::replace(&mut socket.is_known_to_hold, is_pending) != is_pending {
                self.engine.note_pending_output(conn, is_pending);
            }
            let is_refused = taken == 0 && offered > 0;
            match messages {
                _ if is_refused => {}
                Some(count) => self.engine.sent_messages(conn, count),
                None => self.engine.sent(conn, taken),
            }
            if is_refused || is_pending {
                socket.is_blocked = true;
                self.engine.blocked(conn);
            }
            if taken == offered || socket.is_blocked {
                return socket.received.len() - before;
            }
        }
    }

    /// Returns the frames that the peer has received since the last call, a line each.
    pub fn heard(&mut self, conn: ConnId) -> Vec<String> {
        self.socket_mut(conn).heard()
    }

    /// Returns the numbering of [`ROOM`], as a member learns it.
    pub fn epoch(&mut self) -> Epoch {
        let conn = self.greeted(FRAMES, "surveyor");
        self.join(conn, ROOM, None);
        self.settle();
        let epoch = self.socket(conn).joined_epoch().expect("joined");
        self.bye(conn);
        self.socket_mut(conn).is_half_closed = true;
        self.settle();
        for index in 0..self.sockets.len() {
            self.heard(self.sockets[index].conn);
        }
        epoch
    }
}

/// Returns offsets as the messages of [`ROOM`] that [`messages`] wrote.
pub fn expected(offsets: impl IntoIterator<Item = Offset>) -> Vec<String> {
    offsets.into_iter().map(|offset| format!("{ROOM}#{offset} m{offset}")).collect()
}
