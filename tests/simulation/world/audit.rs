//! Audits: after every turn, at every end of a connection, and when nothing remains to be done.

use super::{AUDITOR, DIALECTS, World};
use crate::model::{HOST, Model};
use crate::peer::{Events, Kind, Peer, Read};
use hobnob::engine::Counts;
use hobnob::id::Offset;
use hobnob::limits::{LINGER, SAID_ONCE_ROOM};
use hobnob::reason::CloseReason;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// The engine counts deadlines in these.
const TICK: Duration = Duration::from_millis(100);

impl World {
    pub(super) fn check_end(&mut self, mut peer: Peer, reason: CloseReason) {
        self.totals.tally.add(&peer.tally);
        let name = format!("peer {} ({:?})", peer.serial, peer.kind);
        let (is_plain, is_http) = (peer.kind.is_plain(), peer.kind == Kind::Http);
        let is_listener = peer.kind == Kind::Events;
        let is_fair = match reason {
            CloseReason::PeerClosed => {
                let is_refused = |events: &Events| events.is_refused || peer.is_reset;
                peer.said_bye || peer.fin_read || peer.events.as_deref().is_some_and(is_refused)
            }
            CloseReason::Lost => peer.is_reset,
            CloseReason::HandshakeTimeout => match peer.kind.is_raw() {
                true => peer.seats.is_empty(),
                false => !peer.greeted,
            },
            CloseReason::PingTimeout => !(is_plain || is_listener || is_http),
            CloseReason::Idle => is_http && peer.has_begun,
            CloseReason::Replaced => peer.kind.hears_frames(),
            CloseReason::SlowConsumer => {
                // Who is not let in is done once that is read.
                let is_refused = |events: &Events| !events.is_live;
                let is_done = peer.said_bye || peer.fin_read;
                let is_done = is_done || peer.events.as_deref().is_some_and(is_refused);
                peer.closes_on_overrun || is_done
            }
            CloseReason::Refused => peer.kind.is_raw(),
            CloseReason::Expelled => self.model.is_governed && (peer.kind.is_raw() || is_listener),
            CloseReason::Shutdown => self.is_draining,
            CloseReason::Stopped => true,
            reason => reason.code() >= 300 && reason != CloseReason::Internal && peer.is_bad,
        };
        assert!(is_fair, "[reasons] {name} ended with {reason}");
        let was_told = peer.shut && !peer.is_reset;
        let is_done = reason == CloseReason::PeerClosed && was_told && !peer.is_bad;
        if is_done && peer.kind.speaks_frames() && peer.undelivered().is_empty() {
            assert!(!peer.is_waiting(), "[answers] {name} hung up, and was not answered");
        }
        // A long answer is not finished for one that the relay wants no more of.
        let is_whole = !is_http || matches!(reason, CloseReason::PeerClosed | CloseReason::Idle);
        if !is_plain && was_told && is_whole {
            assert!(peer.is_between_frames(), "[cut] {name} ended with {reason} within a frame");
        }
        let (closed, closing) = match &peer.web {
            Some(web) if web.is_open => (web.closed, web.closing),
            _ => (None, None),
        };
        let is_open = peer.is_open();
        if is_open && peer.web.is_some() && was_told {
            assert!(closed.is_some(), "[close last] {name} ended with {reason}");
        }
        if peer.irc.is_some() && is_open && was_told {
            let is_answered = closing.is_some() && closed == closing;
            assert!(peer.is_over || is_answered, "[bye last] {name} ended with {reason}");
        }
        if peer.kind.hears_frames() && is_open && was_told {
            let is_answered = closing.is_some() && closed == closing && peer.bye.is_none();
            let is_told = peer.bye == Some(reason.code()) || is_answered;
            assert!(is_told, "[bye last] {name} ended with {reason}, not {:?}", peer.bye);
            if is_answered && reason == CloseReason::PeerClosed && !peer.is_bad {
                peer.let_go(&mut self.model);
            }
        }
        if reason == CloseReason::PeerClosed && !peer.is_bad && peer.undelivered().is_empty() {
            self.finished.push(peer.serial);
        }
        if peer.raw.is_some() || peer.irc.is_some() {
            self.ended.push((peer, reason));
        }
    }

    /// Checks a connection about to be dropped: what its transport holds is lost only where the connection is
    /// broken, or the peer has not read it in time.
    pub(super) fn check_held(&self, index: usize) {
        let peer = &self.peers[index];
        let closing = peer.closing_since.map_or(Duration::ZERO, |since| self.running - since);
        let may_lose = peer.is_reset || closing + TICK >= LINGER;
        let (conn, held) = (peer.conn, peer.held.len());
        assert!(
            held == 0 || may_lose,
            "[held] {conn} is dropped with {held} bytes in its transport"
        );
    }

    /// Notes which peers the engine has begun to close.
    pub(super) fn note_closing(&mut self) {
        for peer in self.peers.iter_mut().filter(|peer| peer.closing_since.is_none()) {
            if !self.engine.is_open(peer.conn) {
                peer.closing_since = Some(self.running);
                peer.is_left_waiting = self.engine.awaits_outcome(peer.conn);
            }
        }
    }

    pub(super) fn check(&mut self) {
        self.totals.turns += 1;
        self.engine.assert_sound();
        let counts = self.engine.counts();
        let line = self.limits.message * 2 + (8 << 10);
        let tapes = (counts.rooms as usize) * DIALECTS;
        let backlog = counts.backlog as usize;
        assert!(
            backlog <= tapes * (self.limits.backlog + (64 << 10).max(line)),
            "[memory] backlog"
        );
        let total = self.limits.backlog_total + tapes * (64 << 10).max(line);
        assert!(backlog <= total, "[memory] all backlogs");
        assert!(counts.history as usize <= self.limits.history_total, "[memory] history");
        let ids = self.limits.said_once_total + counts.rooms as usize * SAID_ONCE_ROOM;
        assert!(counts.said_once as usize <= ids, "[memory] ids of messages");
        assert_eq!(counts.connections as usize, self.engine.connections());
        let numbers = |counts: &Counts| (counts.accepted, counts.bytes_in, counts.bytes_out);
        assert_eq!(numbers(&counts), numbers(&self.expected), "[metrics] connections and bytes");
    }

    pub(super) fn what_is_busy(&self) -> String {
        let busy = self.peers.iter().filter(|peer| peer.dropped.is_none());
        let busy = busy.filter(|peer| {
            !matches!(peer.read, Read::Any | Read::Gone)
                || peer.fin != peer.fin_read
                || !(peer.undelivered().is_empty() && peer.from_relay.is_empty())
        });
        let busy = busy.map(|peer| {
            let (unread, unsent) = (peer.undelivered().len(), peer.from_relay.len());
            let (fin, fin_read, read) = (peer.fin, peer.fin_read, peer.read);
            format!(
                "{}: {read:?}, {unread} {unsent}, {fin} {fin_read} {}",
                peer.conn, peer.is_reset
            )
        });
        let pressing = (self.engine.is_pressing(), self.unfinished.len());
        format!("{pressing:?} {}", busy.collect::<Vec<_>>().join("; "))
    }

    pub(super) fn check_quiet(&mut self) {
        self.engine.assert_idle();
        self.model.settle();
        let here = self.peers.iter().filter(|peer| self.is_here(peer)).map(|peer| peer.serial);
        let here: HashSet<u32> = here.collect();
        self.model.settle_private(|serial| here.contains(&serial));
        let is_audited = self.peers[AUDITOR].gaps == 0;
        let mut members = HashMap::new();
        for peer in self.peers.iter_mut().filter(|peer| here.contains(&peer.serial)) {
            let serial = peer.serial;
            assert!(peer.is_silent || !peer.is_waiting(), "[answers] peer {serial} waits");
            assert!(peer.replays.values().all(VecDeque::is_empty), "[replay] lost");
            peer.compare(&mut self.model);
            if peer.kind.hears_frames() || is_audited {
                check_all_arrived(peer, &self.model, &mut members);
            }
        }
        for (mut peer, reason) in std::mem::take(&mut self.ended) {
            peer.compare(&mut self.model);
            if is_audited {
                check_owed(&mut peer, reason, &mut self.model);
            }
        }
        if is_audited {
            self.totals.checked += 1;
            self.check_all_said();
        }
    }

    /// True if a peer is connected, and has not said that it goes.
    fn is_here(&self, peer: &Peer) -> bool {
        let is_done = peer.is_bad || peer.fin || peer.said_bye;
        self.engine.is_open(peer.conn) && !is_done
    }

    /// Checks that all that was surely said in a room with an auditor was heard there.
    pub(super) fn check_all_said(&mut self) {
        let auditor = &self.peers[AUDITOR];
        let epoch_of =
            |room: usize| auditor.seats.values().find(|seat| seat.room == room).map(|s| s.epoch);
        for (room, offset, index) in self.said_by_host.drain(..) {
            let Some(epoch) = epoch_of(room) else { continue };
            let told = self.model.told(epoch, offset);
            let told = told.map(|told| (told.serial, told.index));
            assert_eq!(told, Some((HOST, index)), "[host] offset {offset} of r{room}");
        }
        let here = self.peers.iter().filter(|peer| self.engine.is_open(peer.conn) && !peer.is_bad);
        let here = here.map(|peer| peer.serial);
        for serial in here.chain(self.finished.drain(..)) {
            let speaker = &self.model.speakers[serial as usize];
            for (index, say) in speaker.said.iter().enumerate() {
                let is_audited = speaker.is_raw || epoch_of(say.room).is_some();
                let was_due = say.is_sure && say.placed.is_none() && is_audited;
                assert!(!was_due, "[all is said] {serial}.{index} was not");
            }
            if let Some(stream) = speaker.stream.as_ref().filter(|_| !speaker.has_rate) {
                assert_eq!(speaker.heard, stream.len(), "[all is said] of {serial}");
            }
        }
        if self.weather.is_audited_everywhere {
            let rooms: Vec<u64> = auditor.seats.values().map(|seat| seat.epoch).collect();
            let heard = rooms.iter().filter_map(|epoch| self.model.log(*epoch));
            let heard: usize = heard.map(|log| log.known).sum();
            let elsewhere = &self.model.speakers[HOST as usize].said;
            let elsewhere = elsewhere.iter().filter(|say| say.is_sure && say.room >= 6).count();
            let said = self.engine.counts().messages;
            assert_eq!((heard + elsewhere) as u64, said, "[all arrives] at the auditor");
        }
    }
}

/// A peer that is here has heard all that it is due, and knows how many are there as others do.
fn check_all_arrived(peer: &Peer, model: &Model, members: &mut HashMap<u64, u32>) {
    let (serial, hears_places) = (peer.serial, peer.kind.hears_frames());
    assert!(peer.is_compared(), "[raw stream] [lines] peer {serial} got more than was said");
    for (number, seat) in &peer.seats {
        let room = seat.room;
        let known = model.log(seat.epoch).map_or(0, |log| log.told.len()) as Offset;
        for offset in seat.next..=known {
            let told = model.told(seat.epoch, offset);
            assert!(hears_places || told.is_some(), "audited");
            let is_due = told.is_some_and(|told| seat.is_due(told, serial));
            assert!(!is_due, "[all arrives] peer {serial} lacks {offset} of r{room}");
        }
        let count = match &peer.irc {
            Some(irc) => irc.channels[number].members.as_ref().map(|names| names.len() as u32),
            None => seat.members,
        };
        assert!(count.is_some() || !hears_places, "told when it joined");
        if let Some(count) = count {
            let agreed = *members.entry(seat.epoch).or_insert(count);
            assert_eq!(count, agreed, "[presence] r{room} as peer {serial} knows it");
        }
    }
}

/// A peer that is gone has heard whole messages, unless the connection broke, and all that it was owed.
fn check_owed(peer: &mut Peer, reason: CloseReason, model: &mut Model) {
    let serial = peer.serial;
    if !peer.shut || peer.is_reset {
        return;
    }
    assert!(peer.is_compared(), "[cut] peer {serial} ended with {reason}");
    if reason != CloseReason::PeerClosed || peer.is_bad {
        return;
    }
    if peer.irc.is_some() {
        return peer.let_go(model);
    }
    let end_call = peer.end_call();
    for seat in peer.seats.values() {
        let log = model.log(seat.epoch);
        for offset in seat.next..=log.map_or(0, |log| log.told.len()) as Offset {
            let told = model.told(seat.epoch, offset).expect("audited");
            let is_due = seat.is_due(told, serial) && told.key.0 < end_call;
            assert!(!is_due, "[owed at the end] peer {serial} lacks {offset}");
        }
    }
}
