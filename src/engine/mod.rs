//! The engine: the relay without the system calls. It uses no clock, no socket and no randomness.

mod broadcast;
mod close;
mod closing;
mod commits;
mod deadlines;
mod direct;
mod effect;
mod flush;
mod invariants;
mod jobs;
mod liveness;
mod metrics;
mod offer;
mod opens;
mod outbox;
mod pages;
mod peer;
mod receive;
mod schedule;
mod tape;
mod tapes;
mod time;
mod world;

pub use effect::Effect;
pub use metrics::Counts;
pub use offer::{Fit, SLICES};
pub use receive::Reading;

use crate::address::{Remote, network_of};
use crate::hub::{Command, Event, Origin, Reply};
use crate::id::{ConnId, Offset, RequestId};
use crate::limits::Limits;
use crate::now::Now;
use crate::reason::{CloseReason, Refusal};
use crate::secret::Secrets;
use crate::session::{Conversation, Outcome, Service, Session};
use crate::wire::deflate::{Deflater, Inflater};
use broadcast::Said;
use closing::Closing;
use commits::Commits;
use core::net::IpAddr;
use deadlines::Deadlines;
use jobs::Jobs;
use metrics::Metrics;
use offer::Offer;
use opens::Opens;
use pages::Pages;
use peer::Peers;
use schedule::Schedule;
use std::collections::VecDeque;
use std::time::Duration;
use tapes::Tapes;
use world::World;

/// The relay without the system calls: the wiring of its parts. Each part keeps an invariant of its
/// own, which its doc states and the simulation checks after every turn.
///
/// The caller reports events with their time, and then takes out the actions to carry out:
///
/// 1. [`wake`](Self::wake) after every sleep;
/// 2. [`connected`](Self::connected), [`received`](Self::received), [`ended`](Self::ended),
///    [`resume`](Self::resume), [`writable`](Self::writable), [`lost`](Self::lost) as it comes;
/// 3. [`expire`](Self::expire), then [`reap`](Self::reap);
/// 4. [`take_dirty`](Self::take_dirty), and for each: [`slices`](Self::slices), a write,
///    [`note_pending_output`](Self::note_pending_output) where the transport holds some, and
///    [`sent`](Self::sent) (or [`sent_messages`](Self::sent_messages), where the transport
///    [takes whole messages](Self::set_fit)) or [`blocked`](Self::blocked); until `None` or a budget is
///    spent;
/// 5. [`poll_effect`](Self::poll_effect) until `None`, and what each [`Effect`] asks for;
/// 6. where a store outside [keeps the messages](Self::keep_remotely), [`take_append`](Self::take_append),
///    whose outcome is [`committed`](Self::committed), later; and likewise
///    [`take_page_request`](Self::take_page_request) for [`page`](Self::page), and
///    [`take_open_request`](Self::take_open_request) for [`opened`](Self::opened);
/// 7. sleep until [`next_deadline`](Self::next_deadline), or not at all while
///    [`is_pressing`](Self::is_pressing).
///
/// Ids of connections that are gone are ignored everywhere, and counted.
#[derive(Debug)]
pub struct Engine {
    world: World,
    peers: Peers,
    tapes: Tapes,
    scratch: Vec<u8>,
    deflater: Deflater,
    inflater: Inflater,
    schedule: Schedule,
    offer: Offer,
    closing: Closing,
    jobs: Jobs,
    commits: Commits,
    pages: Pages,
    opens: Opens,
    /// Effects that `poll_effect` has not handed out yet.
    effects: VecDeque<Effect>,
    deadlines: Deadlines,
    metrics: Metrics,
}

impl Engine {
    /// Creates an engine for these services. `connected` names a service by its index. See
    /// [`Hub::new`](crate::hub::Hub::new) for `secrets`.
    pub fn new(limits: Limits, services: Vec<Service>, secrets: Secrets) -> Self {
        Self {
            world: World::new(limits, services, secrets),
            peers: Peers::default(),
            tapes: Tapes::default(),
            scratch: Vec::new(),
            deflater: Deflater::default(),
            inflater: Inflater::default(),
            schedule: Schedule::default(),
            offer: Offer::default(),
            closing: Closing::default(),
            jobs: Jobs::default(),
            commits: Commits::default(),
            pages: Pages::default(),
            opens: Opens::default(),
            effects: VecDeque::new(),
            deadlines: Deadlines::default(),
            metrics: Metrics::default(),
        }
    }

    /// Notes that the loop woke up. If it overslept by far, the process was stopped or suspended;
    /// that time is removed from every deadline, so that peers are not closed for a silence of the
    /// relay.
    pub fn wake(&mut self, now: Now) {
        let due = self.next_deadline();
        if let Some(due) = due.filter(|due| *due <= now.running) {
            self.metrics.record_lag(now.running - due);
        }
        self.world.wake(now, due);
    }

    /// Takes a peer that connected to `service`.
    ///
    /// # Errors
    /// The reason why the peer is refused. Nothing was allocated for it.
    pub fn connected(
        &mut self,
        service: usize,
        remote: Remote,
        now: Now,
    ) -> Result<ConnId, CloseReason> {
        let now = self.world.lived(now);
        let served = self.world.service(service).ok_or(CloseReason::Internal)?;
        if self.closing.is_draining() && (!served.is_admin() || self.is_left_alone()) {
            return Err(CloseReason::Shutdown);
        }
        let (mut session, pings) = (Session::new(served), served.pings());
        if remote.trusted {
            session.trust();
        }
        let index = u8::try_from(service).map_err(|_| CloseReason::Internal)?;
        let id = self.peers.insert(session, index, now.tick()).ok_or(CloseReason::RelayFull)?;
        self.metrics.count_accepted();
        // The address behind a proxy becomes known later.
        let shown = remote.ip.filter(|_| !remote.trusted && served.shows_addresses());
        let network = remote.ip.map_or(0, network_of);
        self.world.hub_mut().arrive(id, Origin { exempt: remote.exempt, network, shown });
        if pings {
            self.set_deadline(id, now.tick().after(self.world.limits().handshake));
        }
        self.open(id, now);
        Ok(id)
    }

    /// Refuses a connection to `service`. Returns the bytes to send to it, in one write.
    pub fn turn_away(&mut self, service: usize, reason: CloseReason) -> Vec<u8> {
        self.metrics.count_refused_connection(reason);
        let mut words = Vec::new();
        if let Some(service) = self.world.service(service) {
            Session::new(service).write_close(&reason.into(), &mut words);
        }
        words
    }

    /// Closes a peer whose connection broke.
    pub fn lost(&mut self, conn: ConnId) {
        if self.peers.get(conn).is_none() {
            self.metrics.count_stale();
        }
        self.close(conn, CloseReason::Lost);
    }

    /// Passes a command to the hub, and carries out the events that follow.
    fn ask(&mut self, conn: ConnId, id: RequestId, command: Command<'_>, now: Now) {
        if self.is_too_much_to_tell(&command) {
            self.reply(conn, id, &Reply::Refused { refusal: Refusal::NotReading });
            return self.complete(conn, id, Outcome::Done);
        }
        self.world.hub_mut().handle_command(conn, id, command, now);
        self.settle(now);
    }

    /// Carries out the hub's events, in order, until there are none.
    fn settle(&mut self, now: Now) {
        while let Some(event) = self.world.hub_mut().poll_event() {
            match event {
                Event::Reply(conn, id, reply) => self.reply(conn, id, &reply),
                Event::Done(conn, id) => self.complete(conn, id, Outcome::Done),
                Event::Settled(conn) => self.outcomes_known(conn),
                Event::Seat { conn, room, from } => self.seat(conn, room, from),
                Event::Unseat { conn, room, answers, head } => {
                    self.unseat(conn, room, answers, head);
                }
                Event::Deliver { room, message, skip } => {
                    self.metrics.count_message();
                    self.broadcast(room, &Said::Message { message: &message, skip });
                }
                // Every peer was notified that all peers are closed.
                Event::Notice(..) if self.closing.is_draining() => {}
                Event::Notice(room, notice, except) => {
                    self.broadcast(room, &Said::Notice { notice: &notice, except: &except });
                }
                Event::Page(query) => self.ask_store(query, now),
                Event::Close(conn, reason) => self.close(conn, reason),
                Event::Remind(room, at) => self.deadlines.set_room(room, at.max(now.tick())),
                Event::Gone(room) => self.tapes.forget_room(room),
            }
        }
    }

    /// True if a room's flush, or the store that keeps its messages, is far behind. The program
    /// that embeds the relay should then wait before it publishes there. Nothing else delays it;
    /// publishing anyway overruns members that read at a normal speed.
    pub fn is_behind(&self, room: &str) -> bool {
        let hub = self.world.hub();
        let room = hub.find(room);
        room.is_some_and(|room| self.is_congested_with(room, hub.pending_bytes(room)))
    }

    /// True if a room waits for a store. Asking again is then useless before the store has reported
    /// something.
    pub fn is_behind_store(&self, room: &str) -> bool {
        let hub = self.world.hub();
        self.is_behind(room) && hub.find(room).is_some_and(|room| hub.pending_bytes(room) > 0)
    }

    /// Publishes a message of the program that embeds the relay. Returns the offset, if the message
    /// is kept at once. If the store has to be asked for the room first, the message waits for
    /// that, and may be lost with it.
    ///
    /// # Errors
    /// The reason why the message was not published.
    pub fn say_from_host(
        &mut self,
        room: &str,
        sender: &str,
        bytes: &[u8],
        now: Now,
    ) -> Result<Option<Offset>, Refusal> {
        let now = self.world.lived(now);
        if self.world.hub().is_to_open(room) {
            return self.say_once_opened(room, sender, bytes, now).map(|()| None);
        }
        let said = self.world.hub_mut().publish_from_host(room, sender, bytes, now);
        self.settle(now);
        said
    }

    /// Handles all deadlines that have passed.
    pub fn expire(&mut self, now: Now) {
        let now = self.world.lived(now);
        while let Some(conn) = self.deadlines.pop_peer(now.tick()) {
            self.peer_due(conn, now.tick());
        }
        while let Some(room) = self.deadlines.pop_room(now.tick()) {
            self.world.hub_mut().room_due(room, now);
            self.settle(now);
        }
        self.expire_jobs(now);
        self.expire_drain(now);
        self.expire_pages(now);
        self.expire_opens(now);
        self.apply_outcomes(now);
    }

    /// Returns the time at which `expire` next has something to do, as monotonic time.
    pub fn next_deadline(&self) -> Option<Duration> {
        let deadlines = [
            self.deadlines.next(),
            self.closing.next_deadline(),
            self.jobs.next_deadline(),
            self.pages.next_deadline(),
            self.opens.next_deadline(),
        ];
        deadlines.into_iter().flatten().min().map(|tick| self.world.told(tick))
    }

    /// Replaces the limits, and the options of the services. The services must be those that the
    /// engine was created with.
    pub fn reconfigure(&mut self, services: Vec<Service>, limits: Limits) {
        self.world.reconfigure(services, limits);
        self.forget_proofs();
    }

    /// True if another turn must follow at once.
    pub fn is_pressing(&self) -> bool {
        !self.schedule.is_empty()
            || !self.effects.is_empty()
            || self.closing.is_pressing()
            || self.jobs.is_pressing()
            || self.commits.is_pressing()
            || self.opens.is_pressing()
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> Counts {
        Counts {
            connections: self.peers.len() as u64,
            rooms: self.world.hub().room_count() as u64,
            backlog: self.tapes.reserved() as u64,
            history: self.world.hub().kept_bytes() as u64,
            said_once: self.world.hub().said_bytes() as u64,
            ..self.metrics.totals().clone()
        }
    }

    /// Returns the number of peers.
    pub fn connections(&self) -> usize {
        self.peers.len()
    }

    /// Returns the service of this index.
    pub fn service(&self, index: usize) -> Option<&Service> {
        self.world.service(index)
    }

    /// Records the forwarded address of a peer behind a proxy.
    pub fn forwarded(&mut self, conn: ConnId, ip: IpAddr, exempt: bool) {
        let is_shown = self.service_of(conn).is_some_and(Service::shows_addresses);
        let (network, shown) = (network_of(ip), is_shown.then_some(ip));
        self.world.hub_mut().moved(conn, Origin { exempt, network, shown });
    }

    /// Returns the service that a peer connected to.
    pub fn service_of(&self, conn: ConnId) -> Option<&Service> {
        self.world.service_of(self.peers.get(conn)?)
    }
}

#[cfg(test)]
mod tests;
