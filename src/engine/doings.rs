//! What a line of IRC leads to: doings, carried out in order.

use super::Engine;
use crate::hub::Reply;
use crate::id::ConnId;
use crate::now::Now;
use crate::session::View;
use crate::session::irc::{Doing, Irc, Request};

impl Engine {
    /// Whether a line speaks to a room that is behind.
    pub(super) fn is_held_up(&self, line: &Request<'_>) -> bool {
        let mut rooms = line.rooms_spoken_to().filter_map(|room| self.hub.find(room));
        rooms.any(|room| self.is_congested(room))
    }

    /// Carries out a line: looks at the hub, answers, and asks it for what only it decides. What the
    /// answer costs the peer.
    pub(super) fn obey(&mut self, conn: ConnId, line: &Request<'_>, now: Now) -> usize {
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
    pub(super) fn go_on(&mut self, conn: ConnId, now: Now) {
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
            if is_to_wait && peer.session.irc().is_some_and(|irc| irc.may_wait()) {
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
}
