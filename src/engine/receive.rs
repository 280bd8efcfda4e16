//! A visit to one peer: the bytes that it sent are parsed, and its actions carried out one by one.

use super::Engine;
use super::commits::Wait;
use super::effect::Effect;
use super::opens::Gate;
use super::peer::{Hold, Inbox, Peer, Phase};
use crate::hub::{Command, Reply, Where};
use crate::id::{ConnId, RequestId};
use crate::limits::MESSAGE_COST;
use crate::now::Now;
use crate::reason::Refusal;
use crate::session::{Action, Conversation, Fault, Input, Outcome, Session};
use crate::wire::Parsed;

/// The end of a visit to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All received bytes were handled: continue reading.
    More,
    /// The budget is spent, or the flush of a room is behind: call `resume` in the next turn, and
    /// do not read before.
    Unfinished,
    /// The peer must read first: do not read from it until [`Effect::Resume`] names it.
    Held,
    /// The peer is gone or closing: discard its bytes.
    Gone,
}

impl Engine {
    /// Takes bytes that a peer sent.
    pub fn received(&mut self, conn: ConnId, bytes: &[u8], now: Now) -> Reading {
        let now = self.world.lived(now);
        let Some(peer) = self.peers.get_mut(conn) else {
            self.metrics.count_stale();
            return Reading::Gone;
        };
        self.metrics.count_received(bytes.len());
        peer.heard = now.tick();
        peer.pinged = false;
        if !peer.is_heard() {
            self.closing.discard(peer, bytes.len());
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

    /// Continues with the bytes received before.
    pub fn resume(&mut self, conn: ConnId, now: Now) -> Reading {
        let now = self.world.lived(now);
        let Some(peer) = self.peers.get_mut(conn) else {
            self.metrics.count_stale();
            return Reading::Gone;
        };
        if !peer.is_heard() {
            return Reading::Gone;
        }
        let inbox = peer.inbox.take().unwrap_or_default();
        self.converse_inbox(conn, inbox, now)
    }

    /// Takes the end of a peer's stream. Its earlier commands are still carried out, and its
    /// pending bytes are still sent.
    pub fn ended(&mut self, conn: ConnId, now: Now) -> Reading {
        let Some(peer) = self.peers.get_mut(conn) else {
            self.metrics.count_stale();
            return Reading::Gone;
        };
        peer.ended = true;
        if !peer.is_open() {
            if peer.phase() == Some(Phase::Lingering) {
                self.closing.finish(peer);
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

    /// Carries out actions until the bytes, the budget or the peer's credit is used up. Returns the
    /// number of bytes used.
    fn converse(&mut self, conn: ConnId, bytes: &[u8], now: Now) -> (usize, Reading) {
        let mut used = 0;
        let mut visit = Visit::default();
        let mut commands = 0;
        while commands < self.world.limits().commands_per_turn {
            let rest = bytes.get(used..).unwrap_or_default();
            let (action, length) = match self.next_action(conn, Some(rest), &visit, now) {
                Next::Polled(action) => (action, 0),
                Next::Read(action, length) => {
                    commands += 1;
                    (action, length)
                }
                Next::Nothing if self.peers.get(conn).is_some_and(|peer| peer.ended) => {
                    if self.awaits_outcome(conn) && !planted!("hang-up-forgets-pending-commits") {
                        self.hold(conn, Wait::Own);
                        return (used, Reading::Held);
                    }
                    self.close_when_read(conn, now);
                    return (used, Reading::Gone);
                }
                Next::Nothing => return (used, Reading::More),
                Next::Stop(reading) => return (used, reading),
                Next::Fault(fault) => {
                    self.close(conn, fault);
                    return (used, Reading::Gone);
                }
            };
            used += length;
            if matches!(action, Action::Upgrade(..)) && planted!("upgrade-forgets-unread-bytes") {
                used += rest.len() - length;
            }
            if let Some(reading) = self.perform(conn, action, &mut visit, now) {
                return (used, reading);
            }
        }
        let is_heard = self.peers.get(conn).is_some_and(Peer::is_heard);
        match is_heard {
            true if planted!("unfinished-read-is-forgotten") => (used, Reading::More),
            true => (used, Reading::Unfinished),
            false => (used, Reading::Gone),
        }
    }

    /// Returns the next step for a peer: its paused action, an action of its session, or with
    /// `bytes` an action that the session parses from them.
    fn next_action<'b>(
        &mut self,
        conn: ConnId,
        bytes: Option<&'b [u8]>,
        visit: &Visit,
        now: Now,
    ) -> Next<'b> {
        let Some(peer) = self.peers.get_mut(conn).filter(|peer| peer.is_heard()) else {
            return Next::Stop(Reading::Gone);
        };
        if peer.is_to_wait(self.world.limits()) {
            // The peer's share of the turn ends first; the next turn checks that the peer has to
            // wait.
            if visit.is_costly {
                return Next::Stop(Reading::Unfinished);
            }
            peer.held = Some(Hold::Output);
            return Next::Stop(Reading::Held);
        }
        if peer.awaits_commit() {
            return Next::Stop(Reading::Held);
        }
        if self.world.hub().has_pending() && self.is_behind_own(conn) {
            self.hold(conn, Wait::Own);
            return Next::Stop(Reading::Held);
        }
        let Some(peer) = self.peers.get_mut(conn) else { return Next::Stop(Reading::Gone) };
        if let Some(action) = peer.take_paused() {
            return Next::Polled(self.due_again(conn, action, now));
        }
        let Some(view) = self.world.view(conn, peer.service, now) else {
            return Next::Stop(Reading::Gone);
        };
        if peer.session.has_actions()
            && let Some(action) = peer.session.poll_action(&view)
        {
            return Next::Polled(action);
        }
        let Some(bytes) = bytes else { return Next::Nothing };
        if visit.is_costly {
            // The previous action was expensive: it visited all persons, or wrote a page. Other
            // peers are next.
            return Next::Stop(Reading::Unfinished);
        }
        let input = Input { bytes, ended: peer.ended };
        match peer.session.receive(input, &view, &mut self.inflater) {
            Ok(Parsed::Complete(action, length)) => Next::Read(action, length),
            Ok(Parsed::Partial) => Next::Nothing,
            Err(fault) => Next::Fault(fault),
        }
    }

    /// Returns a paused action that is due again.
    fn due_again(&mut self, conn: ConnId, action: Action<'static>, now: Now) -> Action<'static> {
        if planted!("paused-action-is-carried-out-twice")
            && let Action::Command(id, command) = &action
            && !self.must_wait(command)
        {
            self.ask(conn, *id, command.clone(), now);
        }
        action
    }

    /// Carries out the actions that a session starts by itself, before anything is read from its
    /// peer.
    pub(super) fn open(&mut self, conn: ConnId, now: Now) {
        while let Some(action) = self.poll_action(conn, now) {
            if self.perform(conn, action, &mut Visit::default(), now).is_some() {
                return;
            }
        }
    }

    /// Carries out a peer's paused action, outside of a visit.
    pub(super) fn carry_out_paused(&mut self, conn: ConnId, now: Now) {
        let paused = self.peers.get_mut(conn).filter(|peer| peer.is_heard());
        if let Some(action) = paused.and_then(Peer::take_paused) {
            let action = self.due_again(conn, action, now);
            self.perform(conn, action, &mut Visit::default(), now);
        }
    }

    /// Carries out the actions that follow an outcome, outside of a visit.
    pub(super) fn go_on(&mut self, conn: ConnId, now: Now) {
        let mut visit = Visit::default();
        while let Next::Polled(action) = self.next_action(conn, None, &visit, now) {
            if self.perform(conn, action, &mut visit, now).is_some() {
                return;
            }
        }
    }

    fn poll_action(&mut self, conn: ConnId, now: Now) -> Option<Action<'static>> {
        let peer = self.peers.get_mut(conn)?;
        let view = self.world.view(conn, peer.service, now)?;
        peer.session.poll_action(&view)
    }

    /// True if a command publishes in a room whose flush is far behind.
    fn must_wait(&self, command: &Command<'_>) -> bool {
        match command {
            Command::Publish { room: Where::Joined(room), .. } => self.is_congested(*room),
            Command::Publish { room: Where::Named(room), .. } => self.is_behind(room),
            _ => false,
        }
    }

    /// Carries out one action. Returns the end of the visit, if the action ends it.
    fn perform(
        &mut self,
        conn: ConnId,
        action: Action<'_>,
        visit: &mut Visit,
        now: Now,
    ) -> Option<Reading> {
        if self.world.hub().is_remote() {
            match self.gate(conn, &action, now) {
                Gate::Open => {}
                Gate::Wait => {
                    self.pause(conn, action.into_owned());
                    return Some(Reading::Held);
                }
                Gate::Refuse(id, refusal) => {
                    self.refuse(conn, id, refusal);
                    return None;
                }
            }
        }
        match action {
            Action::Nothing => {}
            Action::Send(bytes) => self.tell(conn, |_, _, out| out.extend_from_slice(&bytes)),
            Action::Command(id, command) if self.must_wait(&command) => {
                self.pause(conn, Action::Command(id, command.into_owned()));
                return Some(Reading::Unfinished);
            }
            Action::Command(id, command) => self.ask(conn, id, command, now),
            Action::Refuse(id, refusal) => self.refuse(conn, id, refusal),
            Action::Charge(cost) => {
                self.world.hub_mut().charge(conn, cost, now);
                visit.is_costly |= cost >= MESSAGE_COST;
                // The charged action follows at once, whatever the peer has read.
                let action = self.poll_action(conn, now)?;
                return self.perform(conn, action, visit, now);
            }
            Action::Query(id, query) => {
                let report = self.report(query, now);
                self.complete(conn, id, Outcome::Report(report));
            }
            Action::Job(id, job) => self.begin_job(conn, id, job),
            Action::Resubscribe(bytes) => {
                self.tell(conn, |_, _, out| out.extend_from_slice(&bytes));
                self.resubscribe(conn);
            }
            Action::RemoteAddr(ip) => {
                // The caller accepts or refuses the forwarded address before anything else is read.
                self.effects.push_back(Effect::RemoteAddr(conn, ip));
                return Some(Reading::Unfinished);
            }
            Action::Upgrade(bytes, session) => {
                self.tell(conn, |_, _, out| out.extend_from_slice(&bytes));
                self.upgrade(conn, *session, now);
            }
            Action::Pong(token) => {
                self.tell(conn, |session, _, out| session.write_pong(token, out));
            }
            Action::Finish => self.close_when_read(conn, now),
            Action::Close(fault) => self.close(conn, fault),
        }
        None
    }

    /// Pauses an action until it can be carried out, so that it is not parsed again.
    pub(super) fn pause(&mut self, conn: ConnId, action: Action<'static>) {
        if planted!("paused-action-is-lost") {
            return;
        }
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.pause(action);
        }
    }

    /// Resumes reading from a peer, if it was paused and no longer has to wait.
    pub(super) fn listen_again(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        if peer.held.is_some() && !peer.is_to_wait(self.world.limits()) {
            peer.held = None;
            if !planted!("held-peer-is-not-resumed") {
                self.effects.push_back(Effect::Resume(conn));
            }
        }
    }

    /// Replaces a peer's session. The new session's handshake begins, if it has one.
    fn upgrade(&mut self, conn: ConnId, session: Session, now: Now) {
        let Some(peer) = self.peers.get_mut(conn) else { return };
        peer.session = session;
        if !peer.session.is_greeted() {
            self.set_deadline(conn, now.tick().after(self.world.limits().handshake));
        }
    }

    fn refuse(&mut self, conn: ConnId, id: RequestId, refusal: Refusal) {
        self.reply(conn, id, &Reply::Refused { refusal });
        self.complete(conn, id, Outcome::Done);
    }

    /// Reports the outcome of a request to a session.
    pub(super) fn complete(&mut self, conn: ConnId, id: RequestId, outcome: Outcome) {
        self.tell(conn, |session, view, out| session.completed(id, outcome, view, out));
    }
}

/// The next step for a peer.
#[derive(Debug)]
enum Next<'b> {
    /// An action for which nothing was read.
    Polled(Action<'b>),
    /// An action, and the number of bytes that it used.
    Read(Action<'b>, usize),
    /// None until more bytes arrive.
    Nothing,
    /// The visit ends.
    Stop(Reading),
    /// The session ends, by a fault of the peer.
    Fault(Fault),
}

/// One visit to a peer.
#[derive(Debug, Default)]
struct Visit {
    /// True if the visit has cost as much as a message: the peer's share of the turn is spent.
    is_costly: bool,
}
