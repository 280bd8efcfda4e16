//! The whole relay less the system calls. No clock, no socket, no randomness.

mod broadcast;
mod claims;
mod counts;
mod deadlines;
mod farewell;
mod flush;
mod outbox;
mod peer;
mod pulse;
mod soundness;
mod tape;
#[cfg(feature = "http")]
mod top;
mod watch;

pub use counts::Counts;
pub use flush::SLICES;

use crate::hub::{Command, Event, Hub, Reply, Target};
use crate::id::{ConnId, Offset, RoomId};
use crate::limits::{Limits, MESSAGE_COST};
use crate::now::{Now, Tick};
use crate::reason::{CloseReason, Refusal};
use crate::session::irc::{Doing, Input, Irc, rooms_spoken_to};
use crate::session::{Service, Session, Step, View};
use crate::wire::Parsed;
use crate::wire::deflate::{Deflater, Inflater};
use broadcast::{RoomTapes, Said};
use claims::Claims;
use core::net::IpAddr;
use deadlines::Wheel;
use farewell::Drain;
use flush::{Lane, Piece};
use peer::{Inbox, Peer, Peers};
use pulse::Pulse;
use slab::Slab;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tape::{Pool, Tape};

/// A deadline missed by more than this was not missed by a peer: the process did not run.
const STALL: Duration = Duration::from_secs(2);

/// Everyone connected, what they say, and what they are still owed.
///
/// The engine is told what happened, with the time at which it did, and then asked what to do:
///
/// 1. [`wake`](Self::wake) after every sleep;
/// 2. [`connected`](Self::connected), [`received`](Self::received), [`ended`](Self::ended),
///    [`resume`](Self::resume), [`writable`](Self::writable), [`lost`](Self::lost) as it comes;
/// 3. [`expire`](Self::expire), then [`reap`](Self::reap), then [`take_shut`](Self::take_shut) and
///    [`take_done`](Self::take_done) until they answer `None`;
/// 4. [`take_dirty`](Self::take_dirty), and for each: [`slices`](Self::slices), a write, and
///    [`sent`](Self::sent) or [`blocked`](Self::blocked); until `None` or a budget is spent;
/// 5. [`take_claim`](Self::take_claim) and [`take_reload`](Self::take_reload), whose answers are
///    [`verified`](Self::verified) and [`reloaded`](Self::reloaded), now or later;
/// 6. [`take_resumable`](Self::take_resumable); sleep until [`next_deadline`](Self::next_deadline),
///    or not at all while [`is_pressing`](Self::is_pressing).
///
/// Ids of connections that are gone are ignored everywhere, and counted.
#[derive(Debug)]
pub struct Engine {
    limits: Rc<Limits>,
    services: Vec<Service>,
    hub: Hub,
    peers: Peers,
    tapes: Slab<Tape>,
    pool: Pool,
    /// Each room's tapes, by the slot of its id.
    rooms: Vec<RoomTapes>,
    /// Appends so far. A stamp orders what one peer is owed across all its tapes and its outbox.
    stamp: u64,
    scratch: Vec<u8>,
    deflater: Deflater,
    inflater: Inflater,
    /// Who must be offered something, in turn. See `flush`.
    lanes: VecDeque<Lane>,
    ready: VecDeque<ConnId>,
    quantum: usize,
    /// What was last offered to be written, piece by piece.
    offered: Vec<Piece>,
    resumable: VecDeque<ConnId>,
    /// Marked for their end, and not seen to yet.
    marked: Vec<ConnId>,
    /// Who waits for what.
    claims: Claims,
    /// Who speaks for whom, until `take_remote`.
    remotes: Vec<(ConnId, IpAddr)>,
    shut: Vec<ConnId>,
    done: Vec<ConnId>,
    peer_deadlines: Wheel<ConnId>,
    room_deadlines: Wheel<RoomId>,
    drain: Option<Drain>,
    /// When the engine was last told the time.
    woken: Duration,
    /// The time on the wall, as it was last told.
    unix_ms: u64,
    /// Time during which the process did not run, and which is held against nobody.
    stalled: Duration,
    counts: Counts,
    pulse: Pulse,
    /// Why new peers are turned away at the moment, if they are.
    strain: Option<&'static str>,
    /// With so many peers, no more are let in.
    full_at: usize,
}

/// How a visit to a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Everything that came was seen to: read on.
    More,
    /// The budget is spent, or the rooms spoken to are behind: come back with `resume` next turn,
    /// and do not read before.
    Unfinished,
    /// The peer owes us a read first: do not read until `take_resumable` names it.
    Held,
    /// Nobody is there, or nobody that is listened to: throw away what comes.
    Gone,
}

/// On whose account private bytes are.
#[derive(Clone, Copy, Debug)]
enum Account {
    /// The peer asked for them, and is held to reading them.
    Own,
    /// A page of history that it asked for: one at a time, however long.
    Page,
    /// What others have told it.
    Others,
}

impl Engine {
    /// An engine for these services, by the index by which `connected` will name them. See
    /// [`Hub::new`] for `secret`.
    pub fn new(limits: Limits, services: Vec<Service>, secret: u64) -> Self {
        let limits = Rc::new(limits);
        let mut hub = Hub::new(Rc::clone(&limits), secret);
        for opening in services.iter().filter_map(Service::opening) {
            hub.keep_common(opening.room);
        }
        Self {
            hub,
            limits,
            services,
            peers: Peers::default(),
            tapes: Slab::new(),
            pool: Pool::default(),
            rooms: Vec::new(),
            stamp: 0,
            scratch: Vec::new(),
            deflater: Deflater::default(),
            inflater: Inflater::default(),
            lanes: VecDeque::new(),
            ready: VecDeque::new(),
            quantum: flush::QUANTUM,
            offered: Vec::new(),
            resumable: VecDeque::new(),
            marked: Vec::new(),
            claims: Claims::default(),
            remotes: Vec::new(),
            shut: Vec::new(),
            done: Vec::new(),
            peer_deadlines: Wheel::default(),
            room_deadlines: Wheel::default(),
            drain: None,
            woken: Duration::ZERO,
            unix_ms: 0,
            stalled: Duration::ZERO,
            counts: Counts::default(),
            pulse: Pulse::default(),
            strain: None,
            full_at: usize::MAX,
        }
    }

    /// The loop woke up. Time overslept by far was spent stopped or suspended; it is taken out of
    /// every deadline, so that peers are not judged by a silence that was ours.
    pub fn wake(&mut self, now: Now) {
        let due = self.next_deadline();
        if let Some(due) = due.filter(|due| *due <= now.running) {
            self.pulse.lag.record(now.running - due);
        }
        let expected = due.map_or(now.running, |next| next.max(self.woken));
        let overslept = now.running.saturating_sub(expected);
        if overslept > STALL {
            self.stalled += overslept;
        }
        self.woken = now.running;
        self.unix_ms = now.unix_ms;
    }

    /// The time, less what was spent stopped.
    fn lived(&self, now: Now) -> Now {
        Now { running: now.running.saturating_sub(self.stalled), unix_ms: now.unix_ms }
    }

    /// Somebody connected to `service`. Peers with `unlimited` are not held to the message rate;
    /// `network` stands for where they come from: see [`Hub::arrive`].
    ///
    /// # Errors
    /// Why there is no room; nothing was set aside.
    pub fn connected(
        &mut self,
        service: usize,
        unlimited: bool,
        network: u64,
        now: Now,
    ) -> Result<ConnId, CloseReason> {
        let now = self.lived(now);
        let served = self.services.get(service).ok_or(CloseReason::Internal)?;
        if self.drain.is_some() && (!served.is_admin() || self.is_left_alone()) {
            return Err(CloseReason::Shutdown);
        }
        let (session, pings) = (Session::new(served), served.pings());
        let index = u16::try_from(service).map_err(|_| CloseReason::Internal)?;
        let id = self.peers.insert(session, index, now.tick()).ok_or(CloseReason::RelayFull)?;
        self.counts.accepted += 1;
        self.hub.arrive(id, unlimited, network);
        if pings {
            self.schedule(id, now.tick().after(self.limits.handshake));
        }
        self.open(id, service, now);
        Ok(id)
    }

    /// Somebody who connected to `service` cannot stay. What to tell them, in one write.
    pub fn turn_away(&mut self, service: usize, reason: CloseReason) -> Vec<u8> {
        self.counts.closed(reason);
        let mut words = Vec::new();
        if let Some(service) = self.services.get(service) {
            Session::new(service).write_farewell(&reason.into(), &mut words);
        }
        words
    }

    /// Where there is no handshake, connecting alone gives a name and a room.
    fn open(&mut self, conn: ConnId, service: usize, now: Now) {
        let opening = self.services.get(service).and_then(Service::opening);
        let Some(opening) = opening else { return };
        let room = Cow::Owned(opening.room.to_owned());
        if let Some(peer) = self.peers.get_mut(conn).filter(|_| !opening.greeting.is_empty()) {
            peer.outbox_mut().segment(self.stamp).extend_from_slice(opening.greeting);
            self.mark_ready(conn);
        }
        self.hub.handle_command(
            conn,
            Command::Hello { name: Cow::Borrowed(""), key: 0, private: false },
            now,
        );
        self.hub.handle_command(
            conn,
            Command::Join { request: 0, room, key: None, resume: None },
            now,
        );
        self.settle(now);
    }

    /// Bytes came.
    pub fn received(&mut self, conn: ConnId, bytes: &[u8], now: Now) -> Reading {
        let now = self.lived(now);
        let Some(peer) = self.peers.get_mut(conn) else {
            self.counts.stale += 1;
            return Reading::Gone;
        };
        self.counts.bytes_in += bytes.len() as u64;
        peer.heard = now.tick();
        peer.pinged = false;
        if !peer.is_heard() {
            self.discard(conn, bytes.len());
            return Reading::Gone;
        }
        match peer.inbox.take() {
            None => {
                let (used, reading) = self.converse(conn, bytes, now);
                let tail = bytes.get(used..).unwrap_or_default();
                self.keep_inbox(conn, (!tail.is_empty()).then(|| Box::new(Inbox::new(tail))));
                reading
            }
            Some(mut inbox) => {
                inbox.extend(bytes);
                self.converse_inbox(conn, inbox, now)
            }
        }
    }

    /// Goes on with what had come already.
    pub fn resume(&mut self, conn: ConnId, now: Now) -> Reading {
        let now = self.lived(now);
        let Some(peer) = self.peers.get_mut(conn) else {
            self.counts.stale += 1;
            return Reading::Gone;
        };
        if !peer.is_heard() {
            return Reading::Gone;
        }
        let inbox = peer.inbox.take().unwrap_or_default();
        self.converse_inbox(conn, inbox, now)
    }

    /// The peer will send no more. What it said still counts, and what it is owed is still sent.
    pub fn ended(&mut self, conn: ConnId, now: Now) -> Reading {
        let Some(peer) = self.peers.get_mut(conn) else {
            self.counts.stale += 1;
            return Reading::Gone;
        };
        peer.ended = true;
        if !peer.is_open() {
            if peer.phase() == Some(farewell::Phase::Lingering) {
                self.mark_done(conn);
            }
            return Reading::Gone;
        }
        self.resume(conn, now)
    }

    /// The connection broke.
    pub fn lost(&mut self, conn: ConnId) {
        self.counts.stale += u64::from(self.peers.get(conn).is_none());
        self.close(conn, CloseReason::Lost);
    }

    fn keep_inbox(&mut self, conn: ConnId, inbox: Option<Box<Inbox>>) {
        if let Some(peer) = self.peers.get_mut(conn).filter(|peer| peer.is_heard()) {
            peer.inbox = inbox;
        }
    }

    fn converse_inbox(&mut self, conn: ConnId, mut inbox: Box<Inbox>, now: Now) -> Reading {
        let (used, reading) = self.converse(conn, inbox.unparsed(), now);
        inbox.parsed(used);
        self.keep_inbox(conn, (!inbox.unparsed().is_empty()).then_some(inbox));
        reading
    }

    /// Carries out commands until the bytes, the budget or the peer's credit is used up; how many
    /// bytes that took.
    fn converse(&mut self, conn: ConnId, bytes: &[u8], now: Now) -> (usize, Reading) {
        let mut used = 0;
        for _ in 0..self.limits.commands_per_turn {
            let Some(peer) = self.peers.get_mut(conn).filter(|peer| peer.is_heard()) else {
                return (used, Reading::Gone);
            };
            if peer.is_to_wait(self.limits.outbox_soft_for(peer.session.is_greeted())) {
                peer.held = true;
                return (used, Reading::Held);
            }
            if peer.session.irc().is_some_and(|irc| irc.has_more_to_do()) {
                self.go_on(conn, now);
                continue;
            }
            let Some(service) = self.services.get(usize::from(peer.service)) else {
                return (used, Reading::Gone);
            };
            let rest = bytes.get(used..).unwrap_or_default();
            let ended = peer.ended;
            let inflater = &mut self.inflater;
            match peer.session.receive(rest, ended, service, &self.limits, inflater) {
                Ok(Parsed::Complete(Step::Command(command), _)) if self.must_wait(&command) => {
                    if let Some(peer) = self.peers.get_mut(conn) {
                        peer.session.again();
                    }
                    return (used, Reading::Unfinished);
                }
                Ok(Parsed::Complete(Step::Line(line), _)) if self.is_line_held_up(&line) => {
                    if let Some(peer) = self.peers.get_mut(conn) {
                        peer.session.again();
                    }
                    return (used, Reading::Unfinished);
                }
                Ok(Parsed::Complete(Step::Line(line), length)) => {
                    used += length;
                    if self.obey(conn, &line, now) >= MESSAGE_COST {
                        // That was much: looking at everybody, or writing a page. Others are next.
                        return (used, Reading::Unfinished);
                    }
                }
                Ok(Parsed::Complete(Step::Remote(ip), length)) => {
                    // Whether that one may come in is judged before anything else is read.
                    self.remotes.push((conn, ip));
                    return (used + length, Reading::Unfinished);
                }
                Ok(Parsed::Complete(step, length)) => {
                    used += length;
                    self.carry_out(conn, step, now);
                }
                Ok(Parsed::Partial) if ended => {
                    self.let_go(conn, now);
                    return (used, Reading::Gone);
                }
                Ok(Parsed::Partial) => return (used, Reading::More),
                Err(fault) => {
                    self.close(conn, fault);
                    return (used, Reading::Gone);
                }
            }
        }
        let is_heard = self.peers.get(conn).is_some_and(Peer::is_heard);
        (used, if is_heard { Reading::Unfinished } else { Reading::Gone })
    }

    /// Whether something is to be said in a room whose flush is far behind.
    fn must_wait(&self, command: &Command<'_>) -> bool {
        match command {
            Command::Say { room, .. } => self.is_congested(*room),
            Command::Post { room, .. } => self.is_behind(room),
            _ => false,
        }
    }

    fn carry_out(&mut self, conn: ConnId, step: Step<'_>, now: Now) {
        match step {
            Step::Command(command) => self.ask(conn, command, now),
            Step::Answer(bytes) => self.tell(conn, |_, _, out| out.extend_from_slice(&bytes)),
            #[cfg(feature = "http")]
            Step::Look(look) => self.look(conn, look, now),
            Step::Line(line) => {
                self.obey(conn, &line, now);
            }
            Step::Ping(token) => self.tell(conn, |session, _, out| session.write_pong(token, out)),
            Step::Alive | Step::Remote(_) => {}
            Step::Bye => self.let_go(conn, now),
        }
    }

    /// Whether a line speaks to a room that is behind.
    fn is_line_held_up(&self, line: &Input<'_>) -> bool {
        rooms_spoken_to(line)
            .filter_map(|room| self.hub.find(room))
            .any(|room| self.is_congested(room))
    }

    /// Carries out a line: looks at the hub, answers, and asks it for what only it decides. What the
    /// answer costs the peer.
    fn obey(&mut self, conn: ConnId, line: &Input<'_>, now: Now) -> usize {
        let Some(peer) = self.peers.get_mut(conn) else { return 0 };
        let Some(service) = self.services.get(usize::from(peer.service)) else { return 0 };
        let (hub, limits) = (&self.hub, &*self.limits);
        let Now { unix_ms, running } = now;
        let view = View { hub, limits, service, conn, unix_ms, running };
        let Some(irc) = peer.session.irc() else { return 0 };
        let cost = irc.obey(line, &view);
        self.hub.charge(conn, cost, now);
        self.go_on(conn, now);
        cost
    }

    /// Does what a line has led to, as far as the peer reads what comes of it.
    fn go_on(&mut self, conn: ConnId, now: Now) {
        loop {
            let Some(peer) = self.peers.get_mut(conn).filter(|peer| peer.is_heard()) else {
                return;
            };
            if peer.awaits_answer() {
                return;
            }
            // What answers a line is complete with the last of it, whether the peer reads it or not.
            let is_to_wait =
                peer.is_to_wait(self.limits.outbox_soft_for(peer.session.is_greeted()));
            if is_to_wait && peer.session.irc().is_some_and(|irc| irc.has_more_to_do()) {
                return;
            }
            let Some(doing) = peer.session.irc().and_then(Irc::next_doing) else { break };
            if let Doing::Bye | Doing::Close(_) = doing {
                self.obeyed(conn);
            }
            match doing {
                Doing::Tell(lines) => self.tell(conn, |session, view, out| {
                    if let Some(irc) = session.irc() {
                        irc.write_lines(&lines, view, out);
                    }
                }),
                Doing::Refuse(about, refusal) => {
                    if let Some(irc) = self.peers.get_mut(conn).and_then(|peer| peer.session.irc())
                    {
                        irc.ask(about);
                    }
                    self.reply(conn, &Reply::Refused { refusal, request: 0 });
                }
                Doing::Ask(about, command) => {
                    if let Some(irc) = self.peers.get_mut(conn).and_then(|peer| peer.session.irc())
                    {
                        irc.ask(about);
                    }
                    self.ask(conn, command, now);
                }
                Doing::Verify(claim) => self.verify(conn, claim, now),
                Doing::Reload => self.ask_reload(conn),
                Doing::Reseat => self.reseat(conn),
                Doing::Bye => self.let_go(conn, now),
                Doing::Close(fault) => self.close(conn, fault),
            }
        }
        self.obeyed(conn);
    }

    /// A line was carried out to its end.
    fn obeyed(&mut self, conn: ConnId) {
        self.tell(conn, |session, view, out| {
            if let Some(irc) = session.irc() {
                irc.obeyed(view, out);
            }
        });
    }

    /// Asks the hub for something, and does what it decides.
    fn ask(&mut self, conn: ConnId, command: Command<'_>, now: Now) {
        if let Some(request) = self.told_too_much(&command) {
            let refusal = Refusal::NotReading;
            return self.reply(conn, &Reply::Refused { refusal, request });
        }
        self.hub.handle_command(conn, command, now);
        self.settle(now);
    }

    /// The request, if it would tell somebody alone more than they read. What is said to one alone
    /// waits in an outbox: it must not be a way for others to fill it, and so to end its owner.
    fn told_too_much(&self, command: &Command<'_>) -> Option<u64> {
        let (to, length, request) = match command {
            Command::Tell { name, bytes, request, .. } => {
                (self.hub.holder(name)?, bytes.len(), *request)
            }
            Command::Speak { to: Target::Person(to), bytes, .. } => (*to, bytes.len(), 0),
            Command::Signal { to: Target::Person(to), tags, .. } => (*to, tags.len(), 0),
            _ => return None,
        };
        let unsent = self.peers.get(to)?.outbox.as_ref().map_or(0, |outbox| outbox.unsent());
        // A message that is longer than all that may wait still waits alone.
        (unsent > 0 && unsent + length > self.limits.outbox_soft()).then_some(request)
    }

    /// Does what the hub decided, in its order, until it has nothing more.
    fn settle(&mut self, now: Now) {
        while let Some(event) = self.hub.poll_event() {
            match event {
                Event::Reply(conn, reply) => self.reply(conn, &reply),
                Event::Seat { conn, room, from } => self.seat(conn, room, from),
                Event::Unseat { conn, room, request, head } => {
                    self.unseat(conn, room, request, head);
                }
                Event::Deliver { room, message, skip } => {
                    self.counts.messages += 1;
                    self.broadcast(room, &Said::Message { message: &message, skip });
                }
                // Everybody was told that everybody goes.
                Event::Notice(..) if self.drain.is_some() => {}
                Event::Notice(room, notice, except) => {
                    self.broadcast(room, &Said::Notice { notice: &notice, except: &except });
                }
                Event::Close(conn, reason) => self.close(conn, reason),
                Event::Remind(room, at) => self.room_deadlines.schedule(at.max(now.tick()), room),
                Event::Gone(room) => self.forget_room(room),
            }
        }
    }

    fn reply(&mut self, conn: ConnId, reply: &Reply) {
        match reply {
            Reply::Refused { refusal, .. } => {
                self.counts.refused(*refusal);
                let peer = self.peers.get(conn);
                if peer.is_some_and(|peer| !peer.session.can_tell_refusal()) {
                    self.close(conn, CloseReason::Refused);
                }
            }
            Reply::Gap { .. } => self.counts.gaps += 1,
            _ => {}
        }
        let account = match reply {
            Reply::History { .. } => Account::Page,
            Reply::Whisper { is_echo: false, .. } | Reply::Signal { is_echo: false, .. } => {
                Account::Others
            }
            _ => Account::Own,
        };
        self.write_private(conn, account, |session, view, out| {
            session.write_reply(reply, view, out);
        });
        if let Reply::Expelled { .. } = reply
            && self.peers.get(conn).is_some_and(|peer| !peer.session.can_tell_refusal())
        {
            self.close(conn, CloseReason::Expelled);
        }
        if let Reply::Welcome { .. } = reply {
            self.expect_signs_of_life(conn);
        }
    }

    /// Silence counts from the welcome on. Where it may last longer than a handshake, as it usually
    /// may, the deadline of the handshake will see to it.
    fn expect_signs_of_life(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get(conn) else { return };
        let at = peer.heard.after(ping_after(conn, &self.limits));
        if at < peer.due && self.service_of(conn).is_some_and(Service::pings) {
            self.schedule(conn, at);
        }
    }

    /// Adds private bytes to what a peer is owed, in order with everything said before.
    fn tell(&mut self, conn: ConnId, write: impl FnOnce(&mut Session, &View<'_>, &mut Vec<u8>)) {
        self.write_private(conn, Account::Own, write);
    }

    /// The same, on somebody's account.
    fn write_private(
        &mut self,
        conn: ConnId,
        account: Account,
        write: impl FnOnce(&mut Session, &View<'_>, &mut Vec<u8>),
    ) {
        let Some(peer) = self.peers.get_mut(conn).filter(|peer| peer.is_open()) else { return };
        self.scratch.clear();
        let Some(service) = self.services.get(usize::from(peer.service)) else { return };
        let running = self.woken.saturating_sub(self.stalled);
        let (hub, limits, unix_ms) = (&self.hub, &*self.limits, self.unix_ms);
        let view = View { hub, limits, service, conn, unix_ms, running };
        write(&mut peer.session, &view, &mut self.scratch);
        if self.scratch.is_empty() {
            return;
        }
        let outbox = peer.outbox_mut();
        outbox.segment(self.stamp).extend_from_slice(&self.scratch);
        match account {
            Account::Own => {}
            Account::Page => outbox.page_answered(self.scratch.len()),
            Account::Others => outbox.others_told(),
        }
        let is_full = peer.owed() > self.limits.outbox;
        self.mark_ready(conn);
        if is_full {
            self.close(conn, CloseReason::OutboxFull);
        }
    }

    /// Whether a room's flush is so far behind that the program around the relay should wait with
    /// what it has to say there. Nothing else holds it up; saying it all the same costs members that
    /// read as they should their place.
    pub fn is_behind(&self, room: &str) -> bool {
        self.hub.find(room).is_some_and(|room| self.is_congested(room))
    }

    /// The program around the relay says something.
    ///
    /// # Errors
    /// Why it was not said.
    pub fn say_from_host(
        &mut self,
        room: &str,
        sender: &str,
        bytes: &[u8],
        now: Now,
    ) -> Result<Offset, Refusal> {
        let now = self.lived(now);
        let said = self.hub.say_from_host(room, sender, bytes, now);
        self.settle(now);
        said
    }

    /// Sees to whatever deadlines have passed.
    pub fn expire(&mut self, now: Now) {
        let now = self.lived(now);
        while let Some(conn) = self.peer_deadlines.pop_due(now.tick()) {
            self.peer_due(conn, now.tick());
        }
        while let Some(room) = self.room_deadlines.pop_due(now.tick()) {
            self.hub.room_due(room, now);
            self.settle(now);
        }
        self.expire_drain(now.tick());
    }

    fn schedule(&mut self, conn: ConnId, at: Tick) {
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.due = at;
            self.peer_deadlines.schedule(at, conn);
        }
    }

    fn peer_due(&mut self, conn: ConnId, now: Tick) {
        let Some(peer) = self.peers.get_mut(conn).filter(|peer| peer.due <= now) else { return };
        if !peer.is_open() {
            self.farewell_due(conn, now);
        } else if peer.leaving {
            self.close(conn, CloseReason::SlowConsumer);
        } else if !peer.session.is_greeted() {
            match peer.session.overdue() {
                Some(reason) => self.close(conn, reason),
                None => self.schedule(conn, now.after(self.limits.handshake)),
            }
        } else if peer.pinged {
            self.close(conn, CloseReason::PingTimeout);
        } else if let at = peer.heard.after(ping_after(conn, &self.limits))
            && at > now
        {
            self.schedule(conn, at);
        } else {
            peer.pinged = peer.session.answers_pings();
            let service = self.services.get(usize::from(peer.service)).filter(|_| peer.pinged);
            let wait = match service {
                Some(service) => service.ping_grace(&self.limits),
                None => ping_after(conn, &self.limits),
            };
            self.tell(conn, |session, view, out| session.write_ping(view, out));
            self.schedule(conn, now.after(wait));
        }
    }

    /// When `expire` next has something to do, as monotonic time.
    pub fn next_deadline(&self) -> Option<Duration> {
        let deadlines = [
            self.peer_deadlines.next(),
            self.room_deadlines.next(),
            self.drain.as_ref().and_then(Drain::next),
        ];
        deadlines.into_iter().flatten().min().map(|tick| tick.start() + self.stalled)
    }

    /// Whether another turn must follow at once.
    pub fn is_pressing(&self) -> bool {
        let ended = [&self.marked, &self.shut, &self.done];
        !self.lanes.is_empty()
            || !self.resumable.is_empty()
            || ended.iter().any(|list| !list.is_empty())
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        Counts {
            connections: self.peers.len() as u64,
            rooms: self.hub.room_count() as u64,
            backlog: self.pool.reserved() as u64,
            history: self.hub.kept_bytes() as u64,
            ..self.counts.clone()
        }
    }

    /// How many peers there are.
    pub fn connections(&self) -> usize {
        self.peers.len()
    }

    /// The service of this index.
    pub fn service(&self, index: usize) -> Option<&Service> {
        self.services.get(index)
    }

    /// The peer has an address that its service trusts.
    pub fn trust(&mut self, conn: ConnId) {
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.session.trust();
        }
    }

    /// The next peer that turned out to speak for somebody else, and whose address that is.
    pub fn take_remote(&mut self) -> Option<(ConnId, IpAddr)> {
        self.remotes.pop()
    }

    /// The peer speaks for somebody else, from `network`: see [`Hub::arrive`].
    pub fn introduce(&mut self, conn: ConnId, unlimited: bool, network: u64) {
        self.hub.introduce(conn, unlimited, network);
    }

    /// The peer comes from this address, which is shown if its service shows addresses.
    pub fn locate(&mut self, conn: ConnId, ip: IpAddr) {
        let irc = self.service_of(conn).and_then(Service::irc);
        if irc.is_some_and(|irc| !irc.cloak) {
            self.hub.show(conn, ip);
        }
    }

    /// The service a peer came to.
    pub fn service_of(&self, conn: ConnId) -> Option<&Service> {
        self.services.get(usize::from(self.peers.get(conn)?.service))
    }
}

/// The silence this peer is allowed: the limit give or take a fifth, so that peers who came
/// together are not all pinged together.
fn ping_after(conn: ConnId, limits: &Limits) -> Duration {
    let spread = (conn.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % 400;
    limits.ping_after * (800 + spread) / 1000
}
