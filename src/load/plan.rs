//! Scenarios: who publishes to whom, and how fast.

use super::error::LoadError;
use super::schedule::{Choice, Pacing, Random, Stream};
use super::stamp::{PUBLISHERS_MAX, STAMP};
use super::target::{Scheme, Target};
use std::ops::Range;
use std::time::Duration;

/// The load that follows the joins.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadKind {
    /// The streams publish.
    Publish,
    /// The streams publish while the second group of readers does not read.
    Stall,
    /// No messages.
    Idle,
    /// All clients connect at once; then all are disconnected and reconnect, `cuts` times.
    Storm {
        /// The number of disconnections.
        cuts: u32,
    },
    /// Each publisher connects, publishes one message and leaves, at this rate.
    Churn {
        /// Visits per second.
        rate: f64,
    },
    /// The rate of the first stream rises until a bound is exceeded.
    FindMax(Bound),
}

/// The bounds of a search for the highest rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The bound on the 99th percentile of latency.
    pub p99: Duration,
    /// The bound on the share of lost messages, from 0 to 1.
    pub loss: f64,
    /// The duration of each step.
    pub step: Duration,
}

/// The most readers that are read in every turn: a read without input costs a system call.
const EVERY_TURN_MAX: u32 = 32;

/// The complete description of a load.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name of the scenario.
    pub scenario: &'static str,
    /// One sentence that describes the load.
    pub load: String,
    /// The server.
    pub target: Target,
    /// The payload size in bytes.
    pub size: usize,
    /// Unmeasured load before the measured time.
    pub warmup: Duration,
    /// The measured time.
    pub duration: Duration,
    /// Pause between the last join and the load, before memory is measured.
    pub settle: Duration,
    /// Silence after which missing messages count as lost.
    pub grace: Duration,
    /// Connects per second; 0 for no limit.
    pub connect_rate: f64,
    /// Number of source addresses; 0 for as many as needed.
    pub sources: usize,
    /// The names of the groups of readers. The first one is the measured one.
    pub groups: Vec<&'static str>,
    /// The room and the group of each reader.
    pub readers: Vec<(u32, u8)>,
    /// The few measured readers beside many others, by index: they are read in every turn, so that
    /// the generator does not delay them behind the many.
    pub every_turn: Range<usize>,
    /// The room of each publisher.
    pub publishers: Vec<u32>,
    /// True if each reader is also the publisher with the same index.
    pub one_connection: bool,
    /// The streams of messages.
    pub streams: Vec<Stream>,
    /// The load that follows the joins.
    pub kind: LoadKind,
    /// Busy time per message received, to test the detection of an overloaded generator.
    pub work: Duration,
}

impl Plan {
    /// Creates a load without clients.
    fn empty(scenario: &'static str, target: &Target) -> Self {
        Self {
            scenario,
            load: String::new(),
            target: target.clone(),
            size: 128,
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(10),
            settle: Duration::from_millis(1500),
            grace: Duration::from_secs(3),
            connect_rate: 5_000.0,
            sources: 0,
            groups: vec!["readers"],
            readers: Vec::new(),
            every_turn: 0..0,
            publishers: Vec::new(),
            one_connection: false,
            streams: Vec::new(),
            kind: LoadKind::Publish,
            work: Duration::ZERO,
        }
    }

    fn stream(&mut self, pacing: Pacing, choice: Choice, burst: u32) {
        let end = self.publishers.len() as u32;
        let start = self.streams.last().map_or(0, |stream: &Stream| stream.publishers.end);
        self.streams.push(Stream { pacing, publishers: start..end, choice, burst });
    }

    /// One room with readers and publishers.
    pub fn fanout(target: &Target, readers: u32, publishers: u32, pacing: Pacing) -> Self {
        let mut plan = Self::empty("fanout", target);
        plan.readers = vec![(0, 0); readers as usize];
        plan.publishers = vec![0; publishers as usize];
        plan.stream(pacing, Choice::InTurn, 1);
        plan.load = format!("{readers} readers in one room, {publishers} publisher(s), {pacing}");
        plan
    }

    /// Many rooms, each with readers and one publisher.
    pub fn rooms(target: &Target, rooms: u32, readers: u32, pacing: Pacing) -> Self {
        let mut plan = Self::empty("rooms", target);
        plan.readers = (0..rooms * readers).map(|reader| (reader % rooms, 0)).collect();
        plan.publishers = (0..rooms).collect();
        plan.stream(pacing, Choice::InTurn, 1);
        plan.load = format!("{rooms} rooms of {readers} readers, a publisher in each, {pacing}");
        plan
    }

    /// Readers spread over rooms by Zipf's law; few members publish, in bursts.
    pub fn chat(
        target: &Target,
        readers: u32,
        rooms: u32,
        pacing: Pacing,
        burst: u32,
        seed: u64,
    ) -> Self {
        let mut plan = Self::empty("chat", target);
        let (mut random, weights) = (Random::new(seed), zipf(rooms));
        plan.readers = (0..readers).map(|_| (draw(&weights, &mut random), 0)).collect();
        // One in twenty publishes; some rooms have no publisher.
        let talkers = (readers / 20).max(1);
        plan.publishers = (0..talkers).map(|_| draw(&weights, &mut random)).collect();
        plan.stream(pacing, Choice::Random(seed), burst);
        let rooms = plan.room_count();
        plan.load = format!(
            "{readers} readers in {rooms} rooms (Zipf), {talkers} publishers, \
             {pacing}, in bursts of {burst}"
        );
        plan
    }

    /// Clients that publish and wait for their message before the next one.
    pub fn echo(target: &Target, clients: u32) -> Self {
        let mut plan = Self::empty("echo", target);
        plan.readers = (0..clients).map(|client| (client, 0)).collect();
        plan.publishers = (0..clients).collect();
        plan.one_connection = target.scheme.echoes();
        plan.stream(Pacing::Window(1), Choice::InTurn, 1);
        let how = if plan.one_connection { "by itself" } else { "by a separate reader" };
        plan.load = format!(
            "{clients} clients, each publishing its next message when the last one was received {how}"
        );
        plan
    }

    /// Silent connections.
    pub fn idle(target: &Target, connections: u32, rooms: u32) -> Self {
        let mut plan = Self::empty("idle", target);
        plan.readers = (0..connections).map(|index| (index % rooms, 0)).collect();
        plan.kind = LoadKind::Idle;
        plan.load = format!("{connections} silent connections in {rooms} room(s)");
        plan
    }

    /// Connections that start at once; then all are disconnected and reconnect, `cuts` times.
    pub fn storm(target: &Target, connections: u32, rooms: u32, cuts: u32) -> Self {
        let mut plan = Self::empty("storm", target);
        plan.readers = (0..connections).map(|index| (index % rooms, 0)).collect();
        plan.connect_rate = 0.0;
        plan.kind = LoadKind::Storm { cuts };
        plan.load =
            format!("{connections} connections at once into {rooms} room(s), cut {cuts} time(s)");
        plan
    }

    /// Visitors that connect, join, publish one message and leave, at a rate per second.
    pub fn churn(target: &Target, readers: u32, visitors: u32, rate: f64) -> Self {
        let mut plan = Self::empty("churn", target);
        plan.readers = vec![(0, 0); readers as usize];
        plan.publishers = vec![0; visitors as usize];
        plan.kind = LoadKind::Churn { rate };
        plan.load = format!(
            "{rate} visits/s: connect, join, publish a message to {readers} readers, leave"
        );
        plan
    }

    /// One room in which a share of the readers stops reading.
    pub fn slow(
        target: &Target,
        readers: u32,
        share: f64,
        publishers: u32,
        pacing: Pacing,
    ) -> Self {
        let mut plan = Self::fanout(target, readers, publishers, pacing);
        plan.scenario = "slow";
        // Large enough that a reader that stops is overrun within seconds.
        plan.size = 4096;
        plan.groups = vec!["healthy", "stalled"];
        let stalled = (f64::from(readers) * share).round() as u32;
        // Spread evenly, so that the order of joining does not matter.
        let mut so_far = 0.0;
        for (_, group) in &mut plan.readers {
            so_far += share;
            if so_far >= 1.0 - 1e-9 {
                (*group, so_far) = (1, so_far - 1.0);
            }
        }
        plan.kind = LoadKind::Stall;
        plan.load = format!(
            "{readers} readers in one room, {stalled} of them not reading, {publishers} publisher(s), {pacing}"
        );
        plan
    }

    /// Small rooms measured while a very large one is flooded.
    pub fn mixed(
        target: &Target,
        readers: u32,
        flood: Pacing,
        rooms: u32,
        members: u32,
        rate: f64,
    ) -> Self {
        let mut plan = Self::empty("mixed", target);
        plan.groups = vec!["small rooms", "huge room"];
        plan.readers = vec![(0, 1); readers as usize];
        plan.readers.extend((0..rooms * members).map(|index| (1 + index % rooms, 0)));
        let every_turn = (rooms * members).min(EVERY_TURN_MAX);
        plan.every_turn = readers as usize..(readers + every_turn) as usize;
        plan.publishers = vec![0];
        plan.stream(flood, Choice::InTurn, 1);
        plan.publishers.extend(1..=rooms);
        plan.stream(Pacing::Rate(rate), Choice::InTurn, 1);
        plan.load = format!(
            "{rooms} room(s) of {members} reader(s) at {rate} messages/s, \
             beside one of {readers}: {flood}"
        );
        plan
    }

    /// Returns the number of rooms in use.
    pub fn room_count(&self) -> usize {
        let publishers = self.publishers.iter().copied();
        let mut rooms: Vec<u32> =
            self.readers.iter().map(|(room, _)| *room).chain(publishers).collect();
        rooms.sort_unstable();
        rooms.dedup();
        rooms.len()
    }

    /// Returns the highest number of connections.
    pub fn connections(&self) -> usize {
        self.readers.len() + if self.one_connection { 0 } else { self.publishers.len() }
    }

    /// Checks the plan.
    ///
    /// # Errors
    /// The first setting that cannot be carried out.
    pub fn check(&self) -> Result<(), LoadError> {
        let scheme = self.target.scheme;
        let fail = |field, text: String| Err(LoadError::Plan { field, text });
        if self.size < STAMP {
            let text = format!("the stamp of a message takes {STAMP} bytes: use at least {STAMP}");
            return fail("size", text);
        }
        if let Some(max) = scheme.size_max().filter(|max| self.size > *max) {
            let word = scheme.word();
            let text = format!("a message on {word} must fit a line: use at most {max} bytes");
            return fail("size", text);
        }
        if matches!(self.kind, LoadKind::Churn { rate } if !rate.is_finite() || rate <= 0.0) {
            return fail("rate", "the rate of visits must be above 0".to_owned());
        }
        if self.groups.len() > 1 && self.readers.iter().all(|(_, group)| *group != 0) {
            return fail("share", "no reader would be left to measure: use less".to_owned());
        }
        if self.readers.is_empty() {
            return fail("readers", "a load needs at least one reader".to_owned());
        }
        if self.publishers.len() >= PUBLISHERS_MAX {
            return fail("publishers", format!("use at most {}", PUBLISHERS_MAX - 1));
        }
        if !scheme.has_rooms() && self.scenario != "echo" && self.room_count() > 1 {
            let (word, rooms) = (scheme.word(), self.room_count());
            let text = format!("{word}:// has one room, and this scenario needs {rooms}");
            return fail("target", text);
        }
        for stream in &self.streams {
            let is_sane = match stream.pacing {
                Pacing::Rate(rate) => rate.is_finite() && rate > 0.0,
                Pacing::Window(window) => window > 0,
            };
            if !is_sane {
                return fail("rate", "a rate or window must be above 0".to_owned());
            }
            if stream.publishers.is_empty() {
                return fail("publishers", "a load needs at least one publisher".to_owned());
            }
        }
        Ok(())
    }
}

impl Scheme {
    /// Returns the largest payload of a protocol that has such a limit.
    pub fn size_max(self) -> Option<usize> {
        (self == Self::Irc).then_some(super::target::IRC_SIZE_MAX)
    }
}

/// Returns the cumulative weights of rooms: sums of 1/1, 1/2, 1/3, ….
fn zipf(rooms: u32) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = (1..=rooms.max(1)).map(|rank| {
        sum += 1.0 / f64::from(rank);
        sum
    });
    sums.collect()
}

fn draw(sums: &[f64], random: &mut Random) -> u32 {
    let all = sums.last().copied().unwrap_or(1.0);
    let at = (random.next() % (1 << 40)) as f64 / (1u64 << 40) as f64 * all;
    sums.partition_point(|sum| *sum <= at).min(sums.len() - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        url.parse().unwrap()
    }

    #[test]
    fn the_first_room_of_a_chat_is_the_biggest() {
        let plan = Plan::chat(&target("frame://localhost"), 2000, 300, Pacing::Rate(9.0), 4, 7);
        assert_eq!((plan.readers.len(), plan.publishers.len()), (2000, 100));
        let size = |room| plan.readers.iter().filter(|(r, _)| *r == room).count();
        assert!(size(0) > 200 && size(0) > size(1), "{} {}", size(0), size(1));
        assert!(plan.room_count() > 150, "{}", plan.room_count());
        plan.check().unwrap();
    }

    #[test]
    fn a_share_stalls_and_is_spread() {
        let pacing = Pacing::Rate(10.0);
        let plan = Plan::slow(&target("frame://localhost"), 100, 0.2, 1, pacing);
        let stalled: Vec<_> = (0..100).filter(|i| plan.readers[*i].1 == 1).collect();
        assert_eq!(stalled.len(), 20);
        assert_eq!(stalled[..3], [4, 9, 14]);
    }

    #[test]
    fn what_cannot_be_done_is_said_before_it_begins() {
        let raw = target("raw://localhost");
        let fanout = Plan::fanout(&raw, 10, 1, Pacing::Rate(1.0));
        fanout.check().unwrap();
        let complaint = |plan: Plan| plan.check().unwrap_err().to_string();
        assert!(
            complaint(Plan { size: 31, ..fanout.clone() })
                .contains("size: the stamp of a message takes 32 bytes")
        );
        assert!(complaint(Plan { readers: Vec::new(), ..fanout }).contains("at least one"));
        assert!(complaint(Plan::rooms(&raw, 2, 2, Pacing::Window(1))).contains("one room"));
        assert!(complaint(Plan::fanout(&raw, 1, 1, Pacing::Rate(0.0))).contains("above 0"));
        let irc = Plan::fanout(&target("irc://localhost"), 1, 1, Pacing::Rate(1.0));
        assert!(complaint(Plan { size: 500, ..irc }).contains("must fit a line"));
    }
}
