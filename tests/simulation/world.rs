//! A relay in a bad world: the engine, driven as the event loop drives it, and between it and its
//! peers a kernel that cuts, stalls, refuses and breaks, in simulated time.

mod audit;
mod messages;
mod store;

use crate::model::{Call, HOST, Model, Say, Speaker, Who};
use crate::peer::{Irc, Kind, Peer, Person, ROOM, RawHearing, Read, Replay, Web};
use crate::random::Random;
use crate::totals::{Stored, Totals};
use crate::weather::{Event, Manners, Weather, draw_limits, draw_weather};
use hobnob::address::Remote;
use hobnob::engine::{Counts, Effect, Engine, Fit, Reading, SLICES};
use hobnob::id::{ConnId, JobId, Offset};
use hobnob::limits::{LINGER, Limits};
use hobnob::now::Now;
use hobnob::password::Claim;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::secret::Secrets;
use hobnob::session::{Job, Outcome, Overrun, Service, frame, irc, raw};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;
pub use store::ReadCounts;
use store::Store;

/// The services of every seed: index, dialects, behaviour.
const CHUNK_ECHO: usize = 0;
const CHUNK_QUIET: usize = 1;
const LINE_ECHO: usize = 2;
const LINE_QUIET: usize = 3;
const FRAME_GAP: usize = 4;
const FRAME_CLOSE: usize = 5;
const IRC: usize = 6;
const HTTP: usize = 7;

/// Number of services in this build.
const SERVICES: usize = if cfg!(feature = "http") { 8 } else { 7 };

/// How often each service is connected to.
const ARRIVALS: &[(usize, usize)] = &[
    (CHUNK_ECHO, 3),
    (CHUNK_QUIET, 3),
    (LINE_ECHO, 3),
    (LINE_QUIET, 3),
    (FRAME_GAP, 20),
    (FRAME_CLOSE, 8),
    (IRC, 10),
    (HTTP, 27),
];

/// How often each kind of client comes over HTTP.
const OVER_HTTP: &[(Kind, usize)] = &[
    (Kind::WebRaw, 2),
    (Kind::Irc, 2),
    (Kind::Json, 3),
    (Kind::Binary, 3),
    (Kind::Events, 3),
    (Kind::Http, 2),
];

/// Most dialects that are spoken in one room.
const DIALECTS: usize = 10 + 3 * 8;

const GREETING: &str = "welcome\n";

/// The one peer that always reads, in every room that plain sockets use: it sees in which order
/// everything was said.
const AUDITOR: usize = 0;

/// By which number the first of those goes who say things over HTTP.
const POSTERS: usize = 1 << 32;

/// A job that a worker has.
struct Work {
    id: JobId,
    claim: Claim,
    until: Duration,
}

/// True if this build can have passwords behind hashes.
const HAS_HASHES: bool = cfg!(feature = "passwords");

/// Some hash, of the least price.
const A_HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";

pub struct World {
    random: Random,
    /// Decides what transports do: in a world without any that hold output, everything else is the same.
    transports: Random,
    /// Some transports hold output that they have accepted, as those with encryption do.
    is_holding: bool,
    /// By service, true if its transports take whole messages, as those of datagrams do.
    takes_messages: [bool; SERVICES],
    weather: Weather,
    manners: Manners,
    limits: Limits,
    engine: Engine,
    model: Model,
    running: Duration,
    wall: u64,
    turn: u64,
    peers: Vec<Peer>,
    people: Vec<Person>,
    /// Those who say things over HTTP, each over any number of connections.
    posters: [Person; 3],
    serials: u32,
    unfinished: Vec<ConnId>,
    /// Jobs that a worker has.
    jobs: Vec<Work>,
    /// Everything ends soon.
    is_quiet: bool,
    /// Connections that are gone.
    stale: Vec<ConnId>,
    /// Plain sockets that are gone, whose bytes are to be compared once everything is known.
    ended: Vec<(Peer, CloseReason)>,
    /// Peers that said all they wanted to and hung up.
    finished: Vec<u32>,
    said_by_host: Vec<(usize, Offset, u64)>,
    is_draining: bool,
    /// The store that keeps the messages, if they are not kept in memory.
    store: Option<Store>,
    trace: bool,
    /// The totals that the relay's metrics must agree with: connections and bytes.
    expected: Counts,
    pub totals: Totals,
}

macro_rules! trace {
    ($world:expr, $($what:tt)*) => {
        if $world.trace {
            eprintln!("{:>6} {}", $world.totals.events, format_args!($($what)*));
        }
    };
}

impl World {
    pub fn new(seed: u64, trace: bool) -> Self {
        let mut random = Random::new(seed);
        let mut transports = Random::new(!seed);
        let is_holding = transports.chance(400);
        let mut limits = draw_limits(&mut random);
        let (mut weather, manners) = draw_weather(&mut random, limits.rooms_per_peer);
        if !weather.is_audited_everywhere && random.chance(500) {
            limits.rooms = 3;
        }
        if trace {
            eprintln!("{limits:#?}\n{weather:#?}\n{manners:#?}");
        }
        let raw = |room: usize, echo, framing, greeting: &str| {
            let (room, greeting) = (format!("r{room}"), greeting.to_owned());
            Service::Raw(raw::Options { room, echo, greeting, framing })
        };
        let second = usize::from(weather.rooms > 1);
        // Behind a hash, a password is a job; the world knows the password, whatever the hash is.
        let password = if HAS_HASHES && random.chance(500) { A_HASH } else { "secret" };
        let password = password.parse().expect("a password or its hash");
        let root = irc::Operator { name: "op".to_owned(), password };
        let (history, operators) = (0, vec![root]);
        let irc = Arc::new(irc::Options { history, operators, ..irc::Options::default() });
        let mut services = vec![
            raw(0, true, raw::Framing::Chunk, ""),
            raw(0, false, raw::Framing::Chunk, GREETING),
            raw(second, true, raw::Framing::Line, GREETING),
            raw(second, false, raw::Framing::Line, ""),
            Service::Frame(frame::Options { overrun: Overrun::Gap }),
            Service::Frame(frame::Options { overrun: Overrun::Close }),
            Service::Irc(Arc::clone(&irc)),
        ];
        #[cfg(feature = "http")]
        services.push(Service::Http(hobnob::session::web::Options {
            deflate: cfg!(feature = "deflate"),
            irc,
            ..Default::default()
        }));
        services.truncate(SERVICES);
        let store = seed.is_multiple_of(2).then(|| Store::new(seed, limits.history_messages));
        if let Some(store) = &store {
            limits.commit_patience = store.patience();
            if let Some(age) = store.memory() {
                // Ids keep a room in memory as messages do.
                (limits.history_age, limits.said_once_age) = (age, age);
                weather.is_audited_everywhere &= !store.forgets_rooms();
            }
        }
        let mut engine = Engine::new(limits.clone(), services, Secrets::from_number(random.next()));
        engine.takes_jobs(random.within(1, 4));
        if store.is_some() {
            engine.keep_remotely();
        }
        let is_whole = transports.chance(400);
        let takes_messages = [(); SERVICES].map(|()| is_whole && transports.chance(500));
        for service in (0..SERVICES).filter(|service| takes_messages[*service]) {
            engine.set_fit(service, Fit::Messages(usize::MAX));
        }
        let kept = store.as_ref().map(|_| HashMap::new());
        let may_fail = store.as_ref().is_some_and(Store::may_fail);
        let is_doubtful = store.as_ref().is_some_and(Store::is_doubtful);
        let is_governed = manners.moderate > 0;
        Self {
            engine,
            model: Model { is_governed, kept, may_fail, is_doubtful, ..Model::new(limits.clone()) },
            random,
            transports,
            is_holding,
            takes_messages,
            weather,
            manners,
            limits,
            running: Duration::from_secs(1),
            wall: 0,
            turn: 0,
            peers: Vec::new(),
            people: Vec::new(),
            posters: ["poster1", "poster2", "poster3"]
                .map(|name| Person { name: name.to_owned(), ..Person::default() }),
            serials: HOST,
            unfinished: Vec::new(),
            jobs: Vec::new(),
            is_quiet: false,
            stale: Vec::new(),
            ended: Vec::new(),
            finished: Vec::new(),
            said_by_host: Vec::new(),
            is_draining: false,
            store,
            trace,
            expected: Counts::default(),
            totals: Totals { seeds: 1, ..Totals::default() },
        }
    }

    /// Everything that happens in a seed.
    pub fn run(&mut self, events: u64) {
        self.seat_auditor();
        let mut next_quiet = self.random.within(500, 5_000) as u64;
        while self.totals.events < events {
            self.engine.wake(self.now());
            for _ in 0..self.random.within(1, 16) {
                self.totals.events += 1;
                self.act();
            }
            self.finish_turn();
            if self.totals.events > next_quiet {
                next_quiet += self.random.within(500, 8_000) as u64;
                self.quiet();
            }
            self.sleep();
        }
        self.quiet();
        if self.weather.is_drained {
            self.drain();
        }
        self.totals.counts = self.engine.counts();
        self.totals
            .stored
            .add(&self.store.as_ref().map_or_else(Stored::default, |store| store.tally));
        self.totals.reads = self.store.as_ref().map(Store::read_counts).unwrap_or_default();
        let ends: u64 = self.totals.counts.closes.iter().sum();
        let left = self.engine.connections() as u64;
        assert_eq!(ends + left, self.totals.counts.accepted, "[reasons] an end without one");
    }

    fn now(&self) -> Now {
        Now { running: self.running, unix_ms: self.wall << 40 | self.model.calls.len() as u64 }
    }

    /// The time of a call that may say something; the call's number is in it.
    fn call(&mut self, who: Who) -> Now {
        let now = self.now();
        self.model.calls.push(Call { who, running: self.running });
        now
    }

    fn last_call(&self) -> u32 {
        self.model.calls.len() as u32 - 1
    }

    fn index_of(&self, conn: ConnId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.conn == conn && peer.dropped.is_none())
    }

    fn connect(&mut self, kind: Kind, service: usize, person: usize, capacity: usize) -> bool {
        let unlimited = self.random.chance(300) || self.peers.is_empty();
        let serial = self.serials + 1;
        let now = self.call(Who::Peer(serial));
        let remote = Remote { exempt: unlimited, ..Remote::default() };
        let conn = match self.engine.connected(service, remote, now) {
            Ok(conn) => conn,
            Err(reason) => {
                assert!(self.is_draining && reason == CloseReason::Shutdown, "[full] {reason}");
                return false;
            }
        };
        self.serials = serial;
        self.expected.accepted += 1;
        let mut peer = Peer::new(serial, conn, kind, person, capacity);
        peer.takes_messages = self.takes_messages[service];
        if !peer.takes_messages && self.is_holding && self.transports.chance(600) {
            peer.hold_max = self.transports.within(1, 8 << 10);
        }
        peer.echo = match kind {
            Kind::WebRaw => self.random.chance(500),
            _ => !matches!(service, CHUNK_QUIET | LINE_QUIET),
        };
        peer.closes_on_overrun |= service == FRAME_CLOSE;
        peer.has_rate = !unlimited && !self.limits.rate_every.is_zero();
        let mut speaker = Speaker::of(kind, peer.echo);
        speaker.has_rate = peer.has_rate || self.model.may_fail;
        peer.hears_late = self.store.is_some();
        peer.is_private = kind.speaks_frames() && self.random.chance(600);
        speaker.hears = kind == Kind::Irc || peer.is_private;
        self.model.speakers.push(speaker);
        if kind == Kind::Irc {
            let seats = self.peers[AUDITOR].seats.values();
            peer.irc = Some(Box::new(Irc::new(
                seats.map(|seat| (seat.room as u32, seat.epoch)).collect(),
            )));
        } else if kind.is_raw() {
            let second = usize::from(self.weather.rooms > 1);
            let room = match kind {
                Kind::Chunk => 0,
                Kind::WebRaw => self.random.within(0, second),
                _ => second,
            };
            let rooms = &self.peers[AUDITOR].seats;
            let epoch = rooms.values().find(|seat| seat.room == room).expect("audited").epoch;
            let greeting = matches!(service, CHUNK_QUIET | LINE_ECHO);
            peer.raw = Some(RawHearing {
                room,
                epoch,
                greeting: if greeting { GREETING.as_bytes().to_vec() } else { Vec::new() },
                pending: VecDeque::new(),
            });
            if kind != Kind::WebRaw {
                peer.be_seated(self.last_call(), &self.model);
            }
        }
        self.peers.push(peer);
        self.look_in(self.peers.len() - 1);
        true
    }

    fn seat_auditor(&mut self) {
        self.people.push(Person::default());
        self.connect(Kind::Binary, FRAME_GAP, 0, usize::MAX);
        let rooms = if self.weather.is_audited_everywhere { self.weather.rooms } else { 2 };
        let auditor = &mut self.peers[AUDITOR];
        auditor.hello(&self.people[0]);
        for room in 0..rooms.min(self.weather.rooms) {
            auditor.join(room, &mut self.random, &self.people[0]);
        }
        let begun = self.turn;
        while self.peers[AUDITOR].is_waiting() {
            assert!(self.turn < begun + 100_000, "[liveness] the auditor is never answered");
            self.engine.wake(self.now());
            self.deliver(AUDITOR, usize::MAX);
            self.finish_turn();
        }
        self.store.iter_mut().for_each(Store::become_unreliable);
    }

    /// One thing happens.
    fn act(&mut self) {
        match self.random.choose(&self.weather.events) {
            Event::Connect => self.somebody_connects(),
            Event::Act => self.with_anybody(Self::speak),
            Event::Deliver => self.with_anybody(|world, index| {
                let most = world.peers[index].undelivered().len().clamp(1, 64 << 10);
                let count = match world.random.below(4) {
                    0 => 1,
                    1 => world.random.within(1, most.min(100)),
                    2 => world.random.within(1, most),
                    _ => most,
                };
                world.deliver(index, count);
            }),
            Event::Read => self.with_anybody(|world, index| {
                let count = match world.random.below(3) {
                    0 => world.random.within(1, 100),
                    1 => world.random.within(1, 4 << 10),
                    _ => usize::MAX,
                };
                world.read(index, count);
            }),
            Event::Reset => self.with_somebody(Self::reset),
            Event::HalfClose => self.with_somebody(|world, index| {
                let peer = &mut world.peers[index];
                // Half a line, whose rest never comes, would be said as it is.
                peer.fin = true;
                trace!(world, "{} will send no more", world.peers[index].conn);
            }),
            Event::Stall => self.with_somebody(|world, index| {
                let turns = world.random.within(1, world.weather.stall_turns) as u64;
                world.peers[index].stalled_until = world.turn + turns;
            }),
            Event::Stale => self.stale_event(),
            Event::SpuriousWritable => self.with_somebody(|world, index| {
                let peer = &world.peers[index];
                // The kernel says so only if it is so.
                if !peer.blocked {
                    world.engine.writable(peer.conn);
                }
            }),
            Event::PublishFromHost => self.host_says(),
            Event::Stop => {
                self.totals.stops += 1;
                self.running += Duration::from_secs(self.random.within(3, 90) as u64);
                trace!(self, "the process was stopped");
                self.engine.wake(self.now());
            }
            Event::WallClock => self.wall = self.random.below(1 << 20) as u64,
            Event::OperatorCloses => self.with_somebody(|world, index| {
                trace!(world, "the operator closes {}", world.peers[index].conn);
                world.engine.close(world.peers[index].conn, CloseReason::Stopped);
            }),
            Event::Writable => self.with_anybody(Self::edge),
        }
    }

    /// A connection breaks.
    fn reset(&mut self, index: usize) {
        trace!(self, "{} breaks", self.peers[index].conn);
        let peer = &mut self.peers[index];
        peer.is_reset = true;
        peer.forget_output();
        // The loop may hear of it now, or when it next reads or writes.
        if self.random.chance(500) {
            self.engine.lost(self.peers[index].conn);
        }
    }

    fn with_anybody(&mut self, act: impl FnOnce(&mut Self, usize)) {
        let index = self.random.below(self.peers.len());
        act(self, index);
    }

    /// Not to the auditor.
    fn with_somebody(&mut self, act: impl FnOnce(&mut Self, usize)) {
        let index = self.random.below(self.peers.len());
        let peer = &self.peers[index];
        if index != AUDITOR && peer.dropped.is_none() && !peer.is_reset {
            act(self, index);
        }
    }

    fn somebody_connects(&mut self) {
        if self.peers.len() > self.weather.peers {
            return;
        }
        let service = self.random.choose(&ARRIVALS[..SERVICES]);
        let kind = self.draw_kind(service);
        let person = self.draw_person(kind);
        let capacity = match self.random.below(3) {
            0 => self.random.within(1, 600),
            1 => self.random.within(600, 8 << 10),
            _ => self.random.within(8 << 10, 64 << 10),
        };
        if !self.connect(kind, service, person, capacity) {
            return;
        }
        let peer = self.peers.last_mut().expect("just connected");
        trace!(self, "{} connects: peer {} {kind:?} {service}", peer.conn, peer.serial);
        peer.is_traced = self.trace;
        peer.is_rude = self.random.chance(100);
        peer.is_mute = self.random.chance(50);
        let is_web = service == HTTP && !matches!(kind, Kind::Events | Kind::Http);
        if is_web {
            let deflates = cfg!(feature = "deflate") && self.random.chance(300);
            peer.web = Some(Box::new(Web::new(u64::from(peer.serial), deflates)));
        }
        peer.is_silent = !kind.is_plain() && self.random.chance(20);
        if is_web && !peer.is_silent {
            if self.manners.garbage > 0 && self.random.chance(20) {
                return peer.garbage_opening(&mut self.random);
            }
            peer.upgrade(&mut self.random);
        }
        if kind.speaks_frames() && self.manners.garbage > 0 && self.random.chance(10) {
            peer.bad_version();
        }
    }

    /// The kind of the next client of a service.
    fn draw_kind(&mut self, service: usize) -> Kind {
        match service {
            CHUNK_ECHO | CHUNK_QUIET => Kind::Chunk,
            LINE_ECHO | LINE_QUIET => Kind::Line,
            FRAME_GAP | FRAME_CLOSE => match cfg!(feature = "json") && self.random.chance(300) {
                true => Kind::Json,
                false => Kind::Binary,
            },
            IRC => Kind::Irc,
            HTTP => self.random.choose(OVER_HTTP),
            _ => unreachable!("every service"),
        }
    }

    /// The person behind the next connection of a kind.
    fn draw_person(&mut self, kind: Kind) -> usize {
        if kind == Kind::Http {
            return POSTERS + self.random.below(self.posters.len());
        }
        if !kind.hears_frames() || self.random.chance(300) {
            self.people.push(Person::default());
            if kind.speaks_frames() && self.random.chance(100) {
                // Under somebody else's name, perhaps.
                let name = format!("person{}", self.random.within(1, 12));
                let key = self.random.next() | 1;
                self.people.push(Person { name, key, ..Person::default() });
            }
            return self.people.len() - 1;
        }
        // Somebody who was here before, or is still; not the auditor.
        let person = self.random.within(1, 12);
        while self.people.len() <= person {
            let number = self.people.len();
            let key = if number.is_multiple_of(2) { number as u64 } else { 0 };
            let name = format!("Person{number}");
            self.people.push(Person { name, key, ..Person::default() });
        }
        // One whose key is still on its way would be somebody else without it.
        let is_new = self.people[person].key == 0;
        if is_new && self.peers.iter().any(|peer| peer.person == person) {
            self.people.push(Person::default());
            return self.people.len() - 1;
        }
        person
    }

    fn speak(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        if index == AUDITOR || !peer.can_speak() || peer.undelivered().len() > 256 << 10 {
            return;
        }
        let person = match peer.person.checked_sub(POSTERS) {
            None => &mut self.people[peer.person],
            Some(poster) => &mut self.posters[poster],
        };
        let rooms = match peer.kind {
            // Where somebody knows what was said.
            Kind::Irc if !self.weather.is_audited_everywhere => self.weather.rooms.min(2),
            _ => self.weather.rooms,
        };
        peer.act(&mut self.random, &self.manners, &mut self.model, person, rooms);
    }

    /// The relay reads at most `count` bytes, or learns that no more will come.
    fn deliver(&mut self, index: usize, count: usize) {
        let Some(peer) = self.peers.get(index) else { return };
        let (conn, serial) = (peer.conn, peer.serial);
        if peer.dropped.is_some() {
            return;
        }
        if peer.is_reset {
            return self.engine.lost(conn);
        }
        if !matches!(peer.read, Read::Any | Read::Gone) {
            return;
        }
        // Nothing is unmistakable in pieces.
        let count = if peer.is_bad && peer.kind.is_plain() { usize::MAX } else { count };
        let bytes = peer.undelivered();
        let bytes = bytes[..count.min(bytes.len()).min(64 << 10)].to_vec();
        let is_end = bytes.is_empty() && peer.fin && !peer.fin_read;
        if bytes.is_empty() && !is_end {
            return;
        }
        let now = self.call(Who::Peer(serial));
        let call = self.last_call();
        self.expected.bytes_in += bytes.len() as u64;
        self.peers[index].delivered(bytes.len(), call);
        let reading = if is_end {
            self.peers[index].fin_read = true;
            self.peers[index].fin_call = call;
            self.engine.ended(conn, now)
        } else {
            self.engine.received(conn, &bytes, now)
        };
        trace!(self, "{conn} {} bytes read in call {call}: {reading:?}", bytes.len());
        self.look_in(index);
        self.note(index, reading);
    }

    /// Looks whether a browser's plain socket is in its room by now, which nobody tells it; or a client
    /// of IRC in or out of a channel, which nobody tells it the place of.
    fn look_in(&mut self, index: usize) {
        if self.model.is_governed && self.peers[index].kind == Kind::Irc {
            self.look_who_is_out();
        }
        self.look_whether_in(index);
    }

    /// Looks the same for everybody: outcomes of messages have let some go on.
    fn look_in_after_outcomes(&mut self) {
        if self.store.is_none() {
            return;
        }
        if self.model.is_governed {
            self.look_who_is_out();
        }
        for index in 0..self.peers.len() {
            self.look_whether_in(index);
        }
    }

    fn look_whether_in(&mut self, index: usize) {
        let (last, peer) = (self.last_call(), &mut self.peers[index]);
        peer.note_name(self.engine.name_of(peer.conn), last, &mut self.model);
        if let Some(irc) = &mut peer.irc {
            for (room, is_join) in irc.moving() {
                if self.engine.is_in(peer.conn, &format!("r{room}")) == is_join {
                    let log = self.model.log(irc.epoch_of(room));
                    irc.moved(room, last, log.map_or(0, |log| log.known) as Offset + 1);
                }
            }
        }
        let Some(raw) = peer.raw.as_ref().filter(|_| peer.seats.is_empty()) else { return };
        if self.engine.is_in(peer.conn, &format!("r{}", raw.room)) {
            peer.be_seated(last, &self.model);
        }
    }

    /// Notes the peers that the last call has put out of a room, which takes them by surprise.
    fn look_who_is_out(&mut self) {
        let last = self.last_call();
        for peer in &mut self.peers {
            let Some(irc) = &mut peer.irc else { continue };
            for room in irc.staying() {
                if !self.engine.is_in(peer.conn, &format!("r{room}")) {
                    irc.note_put_out(room, last);
                }
            }
        }
    }

    fn note(&mut self, index: usize, reading: Reading) {
        let peer = &mut self.peers[index];
        peer.read = match reading {
            Reading::More => Read::Any,
            Reading::Unfinished => {
                self.totals.unfinished += 1;
                self.unfinished.push(peer.conn);
                Read::Unfinished
            }
            Reading::Held => {
                self.totals.held += 1;
                Read::Held
            }
            Reading::Gone => Read::Gone,
        };
    }

    /// The client reads.
    fn read(&mut self, index: usize, count: usize) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        if peer.is_reset || peer.stalled_until > self.turn {
            return;
        }
        let count = count.min(peer.from_relay.len());
        peer.read(count, &mut self.model, &mut self.people);
        peer.edge_due |= peer.blocked && count > 0;
        // Nothing more will come: hang up too.
        if peer.shut && peer.from_relay.is_empty() && !peer.is_rude {
            peer.fin = true;
            peer.to_relay.clear();
            peer.taken = 0;
        }
    }

    /// The kernel tells of room in a send buffer that had been full.
    fn edge(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        if peer.edge_due && peer.dropped.is_none() {
            (peer.edge_due, peer.blocked) = (false, false);
            self.engine.writable(peer.conn);
        }
    }

    fn stale_event(&mut self) {
        if self.stale.is_empty() {
            return;
        }
        let conn = *self.random.pick(&self.stale);
        let now = self.call(Who::Nobody);
        let reading = match self.random.below(6) {
            0 => self.engine.received(conn, b"\0\0\0\x09\x06\0\0\0\0\0\0\0\0", now),
            1 => self.engine.ended(conn, now),
            2 => self.engine.resume(conn, now),
            3 => {
                self.engine.writable(conn);
                Reading::Gone
            }
            4 => {
                self.engine.blocked(conn);
                Reading::Gone
            }
            _ => {
                self.engine.lost(conn);
                Reading::Gone
            }
        };
        assert_eq!(reading, Reading::Gone, "[stale] {conn} is somebody");
    }

    fn host_says(&mut self) {
        let now = self.call(Who::Peer(HOST));
        let index = self.model.speakers[HOST as usize].said.len() as u64;
        let room = if self.random.chance(800) {
            self.random.below(self.weather.rooms)
        } else {
            self.random.within(6, 11)
        };
        let mut payload = format!("{HOST}.{index};").into_bytes();
        let length = self.random.skewed(self.manners.largest).min(self.limits.message);
        payload.resize(length.max(payload.len()), b'h');
        let said = self.engine.say_from_host(&format!("r{room}"), "host", &payload, now);
        // Where the host alone goes, nothing fails.
        let is_sure = said.is_ok() && (room >= 6 || !self.model.may_fail);
        let say = Say { room, is_sure, ..Say::of(usize::MAX, &payload) };
        self.model.speakers[HOST as usize].said.push(say);
        match said {
            Ok(Some(offset)) => self.said_by_host.push((room, offset, index)),
            Ok(None) => assert!(self.store.is_some(), "[host] kept at once"),
            // Too much waits for that room.
            Err(Refusal::Unavailable) => assert!(self.store.is_some(), "[host]"),
            Err(refusal) => assert_eq!(refusal, Refusal::RelayRoomsFull, "[host]"),
        }
    }

    /// Does as the loop does after it saw to its events.
    fn finish_turn(&mut self) {
        self.turn += 1;
        self.deliver(AUDITOR, usize::MAX);
        for conn in std::mem::take(&mut self.unfinished) {
            if self.random.chance(self.weather.late_per_mille) {
                self.unfinished.push(conn);
                continue;
            }
            let index = self.index_of(conn);
            let serial = index.map_or(HOST, |index| self.peers[index].serial);
            let now = self.call(if index.is_some() { Who::Peer(serial) } else { Who::Nobody });
            let reading = self.engine.resume(conn, now);
            trace!(self, "{conn} resumed in call {}: {reading:?}", self.last_call());
            if let Some(index) = index {
                self.look_in(index);
                self.note(index, reading);
            }
        }
        let now = self.call(Who::Nobody);
        self.engine.expire(now);
        self.look_in_after_outcomes();
        self.note_closing();
        self.note_kept();
        self.engine.reap(now);
        let last = self.last_call();
        for peer in &mut self.peers {
            peer.note_name(self.engine.name_of(peer.conn), last, &mut self.model);
        }
        self.flush();
        self.carry_out();
        self.work(self.is_quiet);
        self.read(AUDITOR, usize::MAX);
        self.bury();
        self.check();
        self.keep(self.is_quiet);
    }

    /// Workers are done with some jobs, in any order.
    fn work(&mut self, all: bool) {
        let (mut done, left): (Vec<Work>, Vec<Work>) = std::mem::take(&mut self.jobs)
            .into_iter()
            .partition(|work| all || work.until <= self.running);
        self.jobs = left;
        while !done.is_empty() {
            let work = done.swap_remove(self.random.below(done.len()));
            let now = self.call(Who::Nobody);
            let outcome = Outcome::Verified(work.claim.password == "secret");
            trace!(self, "{:?} is done in call {}: {outcome:?}", work.id, self.last_call());
            self.engine.completed(work.id, &outcome, now);
            // Its outcome is taken once.
            if self.random.chance(50) {
                self.engine.completed(work.id, &Outcome::Verified(true), now);
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            match effect {
                Effect::Resume(conn) => {
                    if let Some(index) = self.index_of(conn) {
                        // Its inbox first, then its socket.
                        self.peers[index].read = Read::Unfinished;
                        self.unfinished.push(conn);
                    }
                }
                Effect::Shut(conn) => {
                    if let Some(index) = self.index_of(conn) {
                        self.shut(index);
                    }
                }
                Effect::Drop(conn, reason) => {
                    trace!(self, "{conn} is dropped: {reason}");
                    let index = self.index_of(conn).expect("[done] of a connection that is gone");
                    self.check_held(index);
                    let is_left =
                        reason == CloseReason::Shutdown && self.peers[index].is_left_waiting;
                    assert!(!is_left, "[drain] {conn} does not know what came of its messages");
                    let peer = &mut self.peers[index];
                    peer.dropped = Some(reason);
                    (peer.is_ending, peer.held) = (false, VecDeque::new());
                    self.engine.release(conn);
                    self.stale.push(conn);
                }
                Effect::Job(id, job) => {
                    let Job::VerifyPassword(claim) = job else { panic!("[jobs] {job:?}") };
                    let millis = if self.random.chance(20) { 40_000 } else { 200 };
                    let takes = Duration::from_millis(self.random.skewed(millis) as u64);
                    self.jobs.push(Work { id, claim, until: self.running + takes });
                }
                Effect::RemoteAddr(conn, ip) => panic!("{conn} speaks for {ip}"),
            }
        }
    }

    fn flush(&mut self) {
        let (mut writes, mut bytes) = (0, 0);
        while writes < self.limits.flush_writes && bytes < self.limits.flush_bytes {
            let Some(conn) = self.engine.take_dirty() else { break };
            let index = self.index_of(conn).expect("[dirty] a connection that is gone");
            writes += 1;
            bytes += self.write(index);
        }
    }

    /// The stream towards a peer ends.
    fn shut(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        let (conn, held) = (peer.conn, peer.held.len());
        trace!(self, "{conn} is shut");
        assert_eq!(held, 0, "[held] {conn} is shut before what its transport has accepted");
        peer.is_ending = true;
        // Some write the end only when they are visited again.
        if peer.hold_max == 0 || self.transports.chance(500) {
            peer.write_held(0);
        }
        self.note_pending_output(index);
        let peer = &mut self.peers[index];
        if peer.is_ending {
            self.totals.held_ends += 1;
            peer.blocked = peer.takes_no_more();
            if peer.blocked {
                self.totals.blocked_ends += 1;
                self.engine.blocked(conn);
            }
        }
    }

    fn note_pending_output(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        let is_pending = peer.has_pending_output();
        if peer.is_known_to_hold != is_pending {
            peer.is_known_to_hold = is_pending;
            self.engine.note_pending_output(peer.conn, is_pending);
        }
    }

    fn write(&mut self, index: usize) -> usize {
        let peer = &mut self.peers[index];
        let conn = peer.conn;
        let before = self.engine.recovering(conn);
        let counts = if before.is_empty() { Counts::default() } else { self.engine.counts() };
        // What was heard before a leave comes before any page of replay.
        let at = peer.sent + self.engine.rest_bytes(conn);
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (filled, total) = self.engine.slices(conn, &mut slices);
        // A transport accepts what the kernel takes, and what it can hold besides.
        let space = (peer.space().saturating_add(peer.hold_max)).saturating_sub(peer.held.len());
        let most = if self.random.chance(100) { self.random.within(0, total) } else { total };
        let (taken, messages) = match peer.takes_messages {
            true => peer.whole_messages(&slices[..filled], most.min(space)),
            false => (most.min(space), 0),
        };
        let mut left = taken;
        peer.sent += taken as u64;
        for slice in slices.iter().take(filled) {
            let count = left.min(slice.len());
            peer.held.extend(&slice[..count]);
            left -= count;
        }
        let is_short = peer.hold_max > 0 && self.transports.chance(100);
        peer.write_held(if is_short {
            self.transports.below(peer.held.len() + 1)
        } else {
            usize::MAX
        });
        assert_eq!(left, 0, "[slices] fewer bytes than they say");
        if !before.is_empty() {
            let (now, after) = (self.engine.counts(), self.engine.recovering(conn));
            let (count, gaps) = (now.replayed - counts.replayed, now.gaps - counts.gaps);
            if count + gaps > 0 {
                let moved = before.iter().find(|place| !after.contains(place));
                let (room, from) = moved.expect("[replay] of no room");
                let replay = Replay { from: *from, count, gap: gaps > 0, at };
                trace!(
                    self,
                    "{conn} replays {count} of {:x} from {from}, {gaps} gaps",
                    room.to_bits()
                );
                let room = if peer.kind == Kind::Events { ROOM } else { room.to_bits() };
                peer.replays.entry(room).or_default().push_back(replay);
            }
        }
        let (held, mut is_full) = (peer.held.len(), peer.space() == 0);
        if peer.takes_messages {
            self.totals.whole_messages += messages as u64;
            // There is less space than the next message takes.
            is_full = taken < total && most == total;
        }
        trace!(self, "{conn} is offered {total}, takes {taken} of {space}, holds {held}");
        self.note_pending_output(index);
        let peer = &mut self.peers[index];
        self.totals.held_writes += u64::from(held > 0);
        if peer.is_reset {
            peer.forget_output();
            self.engine.lost(conn);
            return taken;
        }
        if total == 0 {
            self.totals.empty_offers += 1;
            self.engine.sent(conn, 0);
        } else if taken == 0 && is_full {
            peer.blocked = true;
            self.engine.blocked(conn);
        } else {
            self.expected.bytes_out += taken as u64;
            match peer.takes_messages {
                true => self.engine.sent_messages(conn, messages),
                false => self.engine.sent(conn, taken),
            }
            self.totals.short_writes += u64::from(taken < total);
            if is_full && taken < total && self.random.chance(500) {
                peer.blocked = true;
                self.engine.blocked(conn);
            }
        }
        // The kernel took no more of what is held.
        if peer.has_pending_output() && peer.takes_no_more() && !peer.blocked {
            peer.blocked = true;
            self.engine.blocked(conn);
        }
        taken
    }

    /// Sees off the peers whose connection is over and who have read what there was.
    fn bury(&mut self) {
        let mut index = 0;
        while index < self.peers.len() {
            let peer = &self.peers[index];
            let is_over = peer.from_relay.is_empty() || peer.is_reset;
            match peer.dropped.filter(|_| is_over) {
                None => index += 1,
                Some(reason) => {
                    assert!(index != AUDITOR || self.is_draining, "[auditor] {reason}");
                    let peer = self.peers.remove(index);
                    self.check_end(peer, reason);
                }
            }
        }
    }

    fn sleep(&mut self) {
        let is_busy = self.engine.is_pressing() || !self.unfinished.is_empty() || self.is_keeping();
        let works_until = self.jobs.iter().map(|work| work.until).min();
        let next = self.engine.next_deadline().into_iter().chain(works_until).min();
        let next = next.unwrap_or(self.running).max(self.running);
        self.running = if is_busy {
            self.running + Duration::from_micros(self.random.within(1, 2_000) as u64)
        } else if self.random.chance(50) {
            next
        } else {
            next.min(self.running + Duration::from_millis(self.random.within(0, 40) as u64))
        };
    }

    /// No faults for a while: everybody reads and answers, and nothing remains to be done.
    fn quiet(&mut self) {
        trace!(self, "quiet");
        self.is_quiet = true;
        // Wide enough that it does not take for ever.
        let narrow: Vec<(ConnId, usize)> =
            self.peers.iter().map(|peer| (peer.conn, peer.capacity)).collect();
        for peer in &mut self.peers {
            peer.capacity = peer.capacity.max(64 << 10);
        }
        self.settle_down();
        // Long enough for counts to be announced and goodbyes to be over.
        for _ in 0..30 {
            self.running += Duration::from_millis(100);
            self.settle_down();
        }
        for (conn, capacity) in narrow {
            if let Some(index) = self.index_of(conn) {
                self.peers[index].capacity = capacity;
            }
        }
        self.inquire();
        self.pry();
        self.totals.quiet += 1;
        self.check_commits();
        if !self.is_draining {
            self.check_quiet();
        }
        self.is_quiet = false;
    }

    /// Somebody outside asks what was said in a room, while nothing changes.
    fn pry(&mut self) {
        let is_possible = cfg!(feature = "http") && self.model.is_governed && !self.is_draining;
        if !is_possible || !self.weather.is_audited_everywhere {
            return;
        }
        let room = self.random.below(self.weather.rooms);
        let here = self.peers.iter().filter(|peer| self.engine.is_open(peer.conn));
        let is_closed = here.filter_map(|peer| peer.knows_closed(room)).next();
        if self.connect(Kind::Http, HTTP, POSTERS, 64 << 10) {
            self.peers.last_mut().expect("just connected").ask_past(room, is_closed);
            self.settle_down();
        }
    }

    /// Some client of IRC asks which channels there are, while nothing changes.
    fn inquire(&mut self) {
        let can_ask = |peer: &Peer| {
            let is_free = !(peer.has_rate || peer.is_silent || self.is_draining);
            peer.irc.is_some() && peer.greeted && peer.can_speak() && is_free
        };
        let askers = self.peers.iter().enumerate().filter(|(_, peer)| can_ask(peer));
        let askers: Vec<usize> = askers.map(|(index, _)| index).collect();
        if askers.is_empty() || !self.weather.is_audited_everywhere {
            return;
        }
        let index = *self.random.pick(&askers);
        let serial = self.peers[index].serial;
        let is_operator = self.model.speakers[serial as usize].is_operator;
        let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
        for room in 0..self.weather.rooms {
            let here = self.peers.iter().filter(|peer| self.engine.is_open(peer.conn));
            let mut known = here.filter_map(|peer| peer.knows_secret(room));
            let is_in = self.peers[index]
                .irc
                .as_ref()
                .is_some_and(|irc| irc.channels.contains_key(&(room as u32)));
            match known.next() {
                _ if is_in => must.insert(room),
                None if self.model.is_governed => may.insert(room),
                Some(true) if is_operator => may.insert(room),
                Some(true) => continue,
                None | Some(false) => must.insert(room),
            };
        }
        self.peers[index].ask_channels(must, may);
        self.settle_down();
    }

    fn settle_down(&mut self) {
        self.is_quiet = true;
        for turn in 0.. {
            assert!(turn < 50_000, "[quiet] it never is: {}", self.what_is_busy());
            self.engine.wake(self.now());
            let mut is_busy = false;
            for index in 0..self.peers.len() {
                self.peers[index].stalled_until = 0;
                self.edge(index);
                self.deliver(index, usize::MAX);
                self.read(index, usize::MAX);
                self.edge(index);
                let peer = &self.peers[index];
                let is_read = matches!(peer.read, Read::Any | Read::Gone);
                is_busy |= peer.dropped.is_none()
                    && (peer.is_reset
                        || !is_read
                        || !peer.undelivered().is_empty()
                        || peer.fin != peer.fin_read);
            }
            self.finish_turn();
            is_busy |= self.engine.is_pressing() || !self.unfinished.is_empty();
            is_busy |= self.is_keeping() || !self.jobs.is_empty();
            is_busy |= self.peers.iter().any(|peer| {
                !peer.from_relay.is_empty() || peer.edge_due || peer.has_pending_output()
            });
            if !is_busy {
                self.is_quiet = false;
                return;
            }
            self.running += Duration::from_micros(50);
        }
    }

    /// The relay is told to go.
    fn drain(&mut self) {
        trace!(self, "drain");
        self.is_draining = true;
        // Time that was not lived would not count.
        self.weather.rule_out(Event::Stop);
        self.engine.wake(self.now());
        let now = self.call(Who::Nobody);
        self.engine.drain(now);
        let began = self.running;
        let most = match self.store {
            None => self.limits.drain_grace + LINGER * 2,
            Some(_) => self.limits.drain_grace.max(self.limits.drain_hard) + LINGER * 2,
        };
        while !self.engine.is_drained() {
            let lived = self.running - began;
            let is_left = self.engine.connections() == 0 && lived > self.limits.drain_hard;
            if self.store.is_some() && is_left {
                // Only the store has not said all, and nobody waits for it any more.
                self.totals.stored.drains_cut += 1;
                break;
            }
            assert!(lived < most, "[drain] takes {lived:?}");
            let is_due = |peer: &Peer| {
                self.engine.is_open(peer.conn) && self.engine.awaits_outcome(peer.conn)
            };
            let is_late = lived > self.limits.drain_grace && self.peers.iter().any(is_due);
            self.totals.stored.goodbyes_late += u64::from(is_late);
            self.engine.wake(self.now());
            for _ in 0..self.random.within(1, 16) {
                if !self.peers.is_empty() {
                    self.act();
                }
            }
            self.finish_turn();
            self.running += Duration::from_millis(self.random.within(1, 100) as u64);
        }
    }
}
