//! A store that keeps the messages of a relay: late, many at once, and now and then not at all.

mod reads;

pub use reads::ReadCounts;

use super::World;
use crate::model::Who;
use crate::peer::Peer;
use crate::random::Random;
use crate::totals::Stored;
use hobnob::engine::Engine;
use hobnob::history::{CommitOutcome, EVENTS_MAX};
use hobnob::hub::Append;
use hobnob::id::{Offset, RoomId};
use hobnob::now::Now;
use reads::Reads;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// A store in one seed.
pub struct Store {
    random: Random,
    /// Turns that an append takes at most.
    slowness: usize,
    /// How often an append fails.
    fail_per_mille: usize,
    /// How often one takes very long.
    stall_per_mille: usize,
    /// How often it says that it does not know yet.
    doubt_per_mille: usize,
    /// How long the relay waits for it.
    patience: Duration,
    /// Appends under way, and in which turn they end.
    under_way: Vec<(Append, u64)>,
    /// What is read from it.
    reads: Reads,
    /// How long the relay has messages in memory, if that is short; then it also forgets rooms.
    memory: Option<Duration>,
    /// There are rooms that nobody is in at times.
    forgets_rooms: bool,
    /// Messages that a room has in memory, at most: as many are not thrown away.
    least: usize,
    /// The newest offset of each numbering.
    heads: HashMap<u64, Offset>,
    /// Offsets that the engine was told of and has not acted on, by room, in its order.
    told: VecDeque<Told>,
    /// Messages that are kept, for the engine.
    applied: u64,
    /// Until which call somebody was in each room, by its name.
    inhabited: HashMap<String, u32>,
    /// Until which call somebody was there, of numberings that were forgotten.
    cleared: HashMap<u64, u32>,
    /// The number of the last event of each numbering.
    events: HashMap<u64, u64>,
    pub tally: Stored,
}

/// Messages of one room that the engine was told are kept, and has not acted on.
struct Told {
    room: RoomId,
    epoch: u64,
    offsets: VecDeque<Offset>,
}

impl Store {
    pub fn new(seed: u64, history_messages: usize) -> Self {
        let mut random = Random::new(seed ^ 0x5704_e000_0000_0000);
        let slowness = *random.pick(&[1, 4, 40]);
        let fail_per_mille = *random.pick(&[0, 0, 20, 200]);
        let stall_per_mille = *random.pick(&[0, 5, 50]);
        let is_patient = random.chance(500);
        let patience = match is_patient {
            true => Duration::from_hours(1),
            false => Duration::from_millis(random.within(200, 3_000) as u64),
        };
        let doubt_per_mille = if is_patient { 0 } else { *random.pick(&[0, 10, 100]) };
        let memory = random.chance(400).then(|| random.within(50, 1_000) as u64);
        let memory = memory.map(Duration::from_millis);
        let reads = Reads::new(&mut random, is_patient);
        Self {
            random,
            reads,
            memory,
            forgets_rooms: seed.is_multiple_of(4),
            least: history_messages,
            slowness,
            fail_per_mille,
            stall_per_mille,
            doubt_per_mille,
            patience,
            under_way: Vec::new(),
            heads: HashMap::new(),
            told: VecDeque::new(),
            applied: 0,
            inhabited: HashMap::new(),
            cleared: HashMap::new(),
            events: HashMap::new(),
            tally: Stored::default(),
        }
    }

    /// True if not everything that is said is kept.
    pub fn may_fail(&self) -> bool {
        self.fail_per_mille > 0
    }

    /// How long the relay has messages in memory, if that is short.
    pub fn memory(&self) -> Option<Duration> {
        self.memory
    }

    /// True if some rooms are to be forgotten by the relay, and to come back.
    pub fn forgets_rooms(&self) -> bool {
        self.forgets_rooms
    }

    /// How long a sender is to wait for it.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// True if senders are told now and then that nobody knows.
    pub fn is_doubtful(&self) -> bool {
        self.patience < Duration::from_mins(1)
    }

    /// From now on reads may go wrong.
    pub fn become_unreliable(&mut self) {
        self.reads.is_unreliable = true;
    }

    pub fn read_counts(&self) -> ReadCounts {
        self.reads.counts
    }

    /// True if nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.told.is_empty() && self.reads.is_idle()
    }

    /// Takes what is to be kept, and says what came of it; of all, if nobody is to wait.
    fn turn(&mut self, engine: &mut Engine, turn: u64, is_prompt: bool, now: Now) {
        while let Some(append) = engine.take_append() {
            let is_second = self.under_way.iter().any(|(other, _)| other.room == append.room);
            assert!(!is_second, "[append] two of r{} are under way", append.name);
            let head = self.heads.get(&append.epoch.0).copied().unwrap_or(0);
            assert_eq!(append.after, head, "[append] behind what is kept of {}", append.name);
            let offsets = append.messages.iter().map(|(message, _)| message.offset);
            assert!(offsets.eq(head + 1..=head + append.messages.len() as u64), "[append] a hole");
            self.check_events(&append);
            self.check_clear(&append);
            let stall = if self.random.chance(self.stall_per_mille) { 300 } else { 0 };
            let wait = self.random.within(0, self.slowness) + stall;
            if self.random.chance(self.doubt_per_mille) {
                engine.committed(append.room, CommitOutcome::Unknown, now);
            }
            self.under_way.push((append, turn + wait as u64));
        }
        let is_due = |(_, due): &mut (Append, u64)| is_prompt || *due <= turn;
        let due: Vec<_> = self.under_way.extract_if(.., is_due).collect();
        for (append, _) in due {
            self.end(&append, engine, now);
        }
        self.read(engine, turn, is_prompt, now);
    }

    /// Events have places of their own behind the messages, and are bounded.
    fn check_events(&mut self, append: &Append) {
        let (first, last) = (append.after, append.after + append.messages.len() as u64);
        let number = self.events.entry(append.epoch.0).or_default();
        for event in &append.events {
            assert!((first..=last).contains(&event.after), "[events] behind {}", event.after);
            assert!(event.n > *number, "[events] {} comes behind {number}", event.n);
            *number = event.n;
        }
        let places = append.events.iter().map(|event| event.after);
        assert!(places.is_sorted(), "[events] not in order");
        assert!(append.events.len() <= EVENTS_MAX, "[events] too many at once");
        let is_nothing = append.messages.is_empty() && append.events.is_empty();
        assert_eq!(is_nothing, append.clears, "[append] of nothing, or a clear of something");
        self.tally.events += append.events.len() as u64;
        self.tally.event_appends += u64::from(append.messages.is_empty() && !append.clears);
    }

    /// What was said while somebody was there comes before the room is forgotten, or never.
    fn check_clear(&mut self, append: &Append) {
        let epoch = append.epoch.0;
        if append.clears {
            let until = self.inhabited.get(&*append.name).copied().unwrap_or(0);
            self.cleared.insert(epoch, until);
            self.tally.clears += 1;
        } else if let Some(until) = self.cleared.get(&epoch) {
            for (message, _) in &append.messages {
                let call = (message.unix_ms & 0xff_ffff_ffff) as u32;
                let place = (message.offset, &append.name);
                assert!(call > *until, "[clear] {place:?} is kept after its room was forgotten");
            }
        }
    }

    fn end(&mut self, append: &Append, engine: &mut Engine, now: Now) {
        if append.clears || append.messages.is_empty() {
            return self.end_without_messages(append, engine, now);
        }
        let count = append.messages.len();
        // Elsewhere nobody would know what was not kept.
        let is_audited = append.name.len() == 2 && append.name.as_bytes()[1] < b'6';
        let fails = is_audited && self.random.chance(self.fail_per_mille);
        let kept = if fails { self.random.within(0, count - 1) } else { count };
        let mut known = 0;
        while known < kept {
            known = self.random.within(known + 1, kept);
            engine.committed(append.room, CommitOutcome::Kept(append.after + known as u64), now);
        }
        if fails {
            engine.committed(append.room, CommitOutcome::NotKept, now);
        }
        let (epoch, last) = (append.epoch.0, append.after + kept as u64);
        self.heads.insert(epoch, last);
        if kept > 0 {
            self.reads.keep(append, kept, &mut self.random, self.least);
        }
        if kept > 0 {
            let offsets = append.after + 1..=last;
            match self.told.iter_mut().find(|told| told.epoch == epoch) {
                Some(told) => told.offsets.extend(offsets),
                None => self.told.push_back(Told {
                    room: append.room,
                    epoch,
                    offsets: offsets.collect(),
                }),
            }
        }
    }

    /// A clear or an append of events ends.
    fn end_without_messages(&mut self, append: &Append, engine: &mut Engine, now: Now) {
        let fails = self.random.chance(self.fail_per_mille);
        self.tally.refused_clears += u64::from(fails && append.clears);
        let outcome = match fails {
            true => CommitOutcome::NotKept,
            false => {
                if append.clears {
                    self.reads.forget(append);
                }
                CommitOutcome::Kept(append.after)
            }
        };
        engine.committed(append.room, outcome, now);
    }

    /// Returns the next `count` messages that the engine has acted on in one turn: one of each room by
    /// turns. A room of which no more is acted on in this turn comes first in the next.
    fn take_applied(&mut self, count: u64, engine: &Engine) -> Vec<(u64, Offset)> {
        let (mut applied, mut behind) = (Vec::new(), VecDeque::new());
        while (applied.len() as u64) < count {
            let mut told = self.told.pop_front().expect("[kept] more than is kept");
            let first = *told.offsets.front().expect("one at least");
            // Rooms that are gone had no more messages to come.
            if engine.head_of(told.room).is_some_and(|head| first > head) {
                behind.push_back(told);
                continue;
            }
            told.offsets.pop_front();
            applied.push((told.epoch, first));
            if !told.offsets.is_empty() {
                self.told.push_back(told);
            }
        }
        behind.append(&mut self.told);
        self.told = behind;
        self.applied += count;
        applied
    }
}

impl World {
    /// Notes what the engine has delivered in the last call: nothing that is not kept.
    pub(super) fn note_kept(&mut self) {
        let Some(store) = &mut self.store else { return };
        let (messages, call) = (self.engine.counts().messages, self.model.calls.len() as u32 - 1);
        let before = store.applied;
        let applied = store.take_applied(messages - before, &self.engine);
        for (place, number) in applied.into_iter().zip(before + 1..) {
            self.model.note_kept(place, (call, number));
        }
    }

    /// The store takes its turn.
    pub(super) fn keep(&mut self, is_prompt: bool) {
        if self.store.is_none() {
            return;
        }
        self.note_inhabited();
        let now = self.call(Who::Nobody);
        let Some(store) = &mut self.store else { return };
        assert_eq!(store.applied, self.engine.counts().messages, "[kept] delivered without it");
        store.turn(&mut self.engine, self.turn, is_prompt, now);
    }

    /// Notes which rooms somebody is in.
    fn note_inhabited(&mut self) {
        let last = self.last_call();
        for room in 0..self.weather.rooms {
            let name = format!("r{room}");
            let is_in = |peer: &Peer| self.engine.is_in(peer.conn, &name);
            if self.peers.iter().any(is_in)
                && let Some(store) = &mut self.store
            {
                store.inhabited.insert(name, last);
            }
        }
    }

    /// What the relay's metrics say of the store, while nothing is pending.
    pub(super) fn check_commits(&self) {
        if self.store.is_none() {
            return;
        }
        let text = self.engine.metrics();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a metric");
            line.trim().parse::<u64>().expect("a number")
        };
        let commits =
            |outcome: &str| value(&format!("hobnob_commits_total{{outcome=\"{outcome}\"}}"));
        let (kept, not_kept, unknown) = (commits("kept"), commits("not_kept"), commits("unknown"));
        let messages = self.engine.counts().messages;
        assert!(kept <= messages && messages <= kept + unknown, "[metrics] {kept} of {messages}");
        assert_eq!(value("hobnob_commit_duration_seconds_count"), kept + not_kept, "[metrics]");
        let pending = (value("hobnob_pending_messages"), value("hobnob_pending_bytes"));
        assert_eq!(pending, (0, 0), "[metrics] pending while nothing is");
        let is_failing = self.model.may_refuse_all();
        assert!(is_failing || not_kept + unknown == 0, "[metrics] {not_kept} and {unknown}");
    }

    /// True if messages wait for the store.
    pub(super) fn is_keeping(&self) -> bool {
        self.store.as_ref().is_some_and(|store| !store.is_idle())
    }
}
