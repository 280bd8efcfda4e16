//! A visit to one peer: what it sent is read, step by step, and carried out.

use super::Engine;
use super::peer::{Inbox, Peer, Phase};
use crate::hub::Command;
use crate::id::ConnId;
use crate::limits::MESSAGE_COST;
use crate::now::Now;
use crate::session::Step;
use crate::session::irc::Request;
use crate::wire::Parsed;

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

impl Engine {
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
            if peer.phase() == Some(Phase::Lingering) {
                self.mark_done(conn);
            }
            return Reading::Gone;
        }
        self.resume(conn, now)
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
                Ok(Parsed::Complete(Step::Line(line), length)) => {
                    let mut room = String::new();
                    let request = Request::read(&line, &mut room);
                    if self.is_held_up(&request) {
                        if let Some(peer) = self.peers.get_mut(conn) {
                            peer.session.again();
                        }
                        return (used, Reading::Unfinished);
                    }
                    used += length;
                    if self.obey(conn, &request, now) >= MESSAGE_COST {
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
        match is_heard {
            true if planted!("unfinished-read-is-forgotten") => (used, Reading::More),
            true => (used, Reading::Unfinished),
            false => (used, Reading::Gone),
        }
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
            Step::Ping(token) => self.tell(conn, |session, _, out| session.write_pong(token, out)),
            // The last two were seen to as they came.
            Step::Alive | Step::Remote(_) | Step::Line(_) => {}
            Step::Bye => self.let_go(conn, now),
        }
    }
}
