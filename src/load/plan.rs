//! Scenarios: who says what to whom, and how fast.

use super::schedule::{Choice, Pacing, Random, Stream};
use super::stamp::{STAMP, VOICES_MAX};
use super::target::{Scheme, Target};
use std::ops::Range;
use std::time::Duration;

/// What is done with the crowd once it is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// The streams say what they say.
    Say,
    /// The same, while the second group of readers does not read.
    Stall,
    /// Nothing is said.
    Hold,
    /// Everyone connects at once; then, so many times, everyone is cut and comes back.
    Storm {
        /// Times everyone is cut.
        cuts: u32,
    },
    /// Every voice connects, says one message and leaves: so many times a second.
    Churn {
        /// Visits per second.
        rate: f64,
    },
    /// The rate of the first stream goes up until a bound is broken.
    FindMax(Bound),
}

/// How much is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The longest that 99 of 100 messages may take.
    pub p99: Duration,
    /// The share of messages that may be lost, from 0 to 1.
    pub loss: f64,
    /// How long each rate is tried.
    pub step: Duration,
}

/// A read that finds nothing costs a system call: so many can be tried in every turn.
const PROMPT_MAX: u32 = 32;

/// A load, completely.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's word.
    pub scenario: &'static str,
    /// One sentence: who says what to whom.
    pub load: String,
    /// The server.
    pub target: Target,
    /// Bytes of a payload.
    pub size: usize,
    /// Said before anything is measured.
    pub warmup: Duration,
    /// Measured.
    pub duration: Duration,
    /// Quiet between the last join and the load, before memory is looked at.
    pub settle: Duration,
    /// Silence after which what is still missing is taken as lost.
    pub grace: Duration,
    /// Connections begun per second; 0 for no limit.
    pub connect_rate: f64,
    /// Source addresses; 0 for as many as are needed.
    pub sources: usize,
    /// Names of the groups of readers. The first is the one that counts.
    pub groups: Vec<&'static str>,
    /// Readers: room and group of each.
    pub readers: Vec<(u32, u8)>,
    /// The few readers that are measured beside many, by their place among the readers: they are looked
    /// at in every turn, so that they do not wait in line behind the many on our side.
    pub prompt: Range<usize>,
    /// Voices: the room of each.
    pub voices: Vec<u32>,
    /// Whether each reader is also the voice of the same number.
    pub one_body: bool,
    /// What is said.
    pub streams: Vec<Stream>,
    /// What is done.
    pub act: Act,
    /// Work done for each message heard, for tests of the verdict.
    pub work: Duration,
}

impl Plan {
    /// A load in which nobody is there yet.
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
            prompt: 0..0,
            voices: Vec::new(),
            one_body: false,
            streams: Vec::new(),
            act: Act::Say,
            work: Duration::ZERO,
        }
    }

    fn stream(&mut self, pacing: Pacing, choice: Choice, burst: u32) {
        let end = self.voices.len() as u32;
        let start = self.streams.last().map_or(0, |stream: &Stream| stream.voices.end);
        self.streams.push(Stream { pacing, voices: start..end, choice, burst });
    }

    /// One room, `readers`, `voices`.
    pub fn fanout(target: &Target, readers: u32, voices: u32, pacing: Pacing) -> Self {
        let mut plan = Self::empty("fanout", target);
        plan.readers = vec![(0, 0); readers as usize];
        plan.voices = vec![0; voices as usize];
        plan.stream(pacing, Choice::InTurn, 1);
        plan.load = format!("{readers} readers in one room, {voices} publisher(s), {pacing}");
        plan
    }

    /// `rooms` with `readers` each, and a voice in each.
    pub fn rooms(target: &Target, rooms: u32, readers: u32, pacing: Pacing) -> Self {
        let mut plan = Self::empty("rooms", target);
        plan.readers = (0..rooms * readers).map(|reader| (reader % rooms, 0)).collect();
        plan.voices = (0..rooms).collect();
        plan.stream(pacing, Choice::InTurn, 1);
        plan.load = format!("{rooms} rooms of {readers} readers, a publisher in each, {pacing}");
        plan
    }

    /// `readers` over `rooms` by Zipf's law, of whom few say something, in bursts.
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
        // One in twenty says something; there are rooms in which nobody does.
        let talkers = (readers / 20).max(1);
        plan.voices = (0..talkers).map(|_| draw(&weights, &mut random)).collect();
        plan.stream(pacing, Choice::Random(seed), burst);
        let rooms = plan.room_count();
        plan.load = format!(
            "{readers} readers in {rooms} rooms (Zipf), {talkers} who talk, \
             {pacing}, in bursts of {burst}"
        );
        plan
    }

    /// `clients` that each say something and wait until they hear it.
    pub fn echo(target: &Target, clients: u32) -> Self {
        let mut plan = Self::empty("echo", target);
        plan.readers = (0..clients).map(|client| (client, 0)).collect();
        plan.voices = (0..clients).collect();
        plan.one_body = target.scheme.echoes();
        plan.stream(Pacing::Window(1), Choice::InTurn, 1);
        let how = if plan.one_body { "itself" } else { "by a reader of its own" };
        plan.load =
            format!("{clients} clients, each saying the next when the last was heard {how}");
        plan
    }

    /// `connections` in `rooms`, silent.
    pub fn idle(target: &Target, connections: u32, rooms: u32) -> Self {
        let mut plan = Self::empty("idle", target);
        plan.readers = (0..connections).map(|index| (index % rooms, 0)).collect();
        plan.act = Act::Hold;
        plan.load = format!("{connections} silent connections in {rooms} room(s)");
        plan
    }

    /// `connections` at once, in `rooms`; then everyone is cut and comes back, `cuts` times.
    pub fn storm(target: &Target, connections: u32, rooms: u32, cuts: u32) -> Self {
        let mut plan = Self::empty("storm", target);
        plan.readers = (0..connections).map(|index| (index % rooms, 0)).collect();
        plan.connect_rate = 0.0;
        plan.act = Act::Storm { cuts };
        plan.load =
            format!("{connections} connections at once into {rooms} room(s), cut {cuts} time(s)");
        plan
    }

    /// `visitors` of whom `rate` a second connect, join, say one message to `readers`, and leave.
    pub fn churn(target: &Target, readers: u32, visitors: u32, rate: f64) -> Self {
        let mut plan = Self::empty("churn", target);
        plan.readers = vec![(0, 0); readers as usize];
        plan.voices = vec![0; visitors as usize];
        plan.act = Act::Churn { rate };
        plan.load =
            format!("{rate} visits/s: connect, join, say a message to {readers} readers, leave");
        plan
    }

    /// One room, in which a `share` of the readers stops reading.
    pub fn slow(target: &Target, readers: u32, share: f64, voices: u32, pacing: Pacing) -> Self {
        let mut plan = Self::fanout(target, readers, voices, pacing);
        plan.scenario = "slow";
        // Enough that whoever does not read falls off within seconds.
        plan.size = 4096;
        plan.groups = vec!["healthy", "stalled"];
        let stalled = (f64::from(readers) * share).round() as u32;
        // Spread evenly among the others: nobody is better off for having come early.
        let mut so_far = 0.0;
        for (_, group) in &mut plan.readers {
            so_far += share;
            if so_far >= 1.0 - 1e-9 {
                (*group, so_far) = (1, so_far - 1.0);
            }
        }
        plan.act = Act::Stall;
        plan.load = format!(
            "{readers} readers in one room, {stalled} of them not reading, {voices} publisher(s), {pacing}"
        );
        plan
    }

    /// Small rooms measured while a huge one is flooded.
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
        let prompt = (rooms * members).min(PROMPT_MAX);
        plan.prompt = readers as usize..(readers + prompt) as usize;
        plan.voices = vec![0];
        plan.stream(flood, Choice::InTurn, 1);
        plan.voices.extend(1..=rooms);
        plan.stream(Pacing::Rate(rate), Choice::InTurn, 1);
        plan.load = format!(
            "{rooms} room(s) of {members} reader(s) at {rate} messages/s, \
             beside one of {readers}: {flood}"
        );
        plan
    }

    /// Rooms that somebody is in.
    pub fn room_count(&self) -> usize {
        let voices = self.voices.iter().copied();
        let mut rooms: Vec<u32> =
            self.readers.iter().map(|(room, _)| *room).chain(voices).collect();
        rooms.sort_unstable();
        rooms.dedup();
        rooms.len()
    }

    /// Connections there are at most.
    pub fn connections(&self) -> usize {
        self.readers.len() + if self.one_body { 0 } else { self.voices.len() }
    }

    /// Whether this can be done at all.
    ///
    /// # Errors
    /// A sentence that says what stands against it.
    pub fn check(&self) -> Result<(), String> {
        let scheme = self.target.scheme;
        if self.size < STAMP {
            return Err(format!(
                "a message needs {STAMP} bytes for its stamp: --size {STAMP} or more"
            ));
        }
        if scheme.size_max().is_some_and(|most| self.size > most) {
            return Err(format!(
                "a message of {} may have {} bytes here, so that it fits a line: lower --size",
                scheme.word(),
                scheme.size_max().unwrap_or(0)
            ));
        }
        if matches!(self.act, Act::Churn { rate } if !rate.is_finite() || rate <= 0.0) {
            return Err("visits need a rate above 0".to_owned());
        }
        if self.groups.len() > 1 && self.readers.iter().all(|(_, group)| *group != 0) {
            return Err("nobody would be left to measure: lower --share".to_owned());
        }
        if self.readers.is_empty() {
            return Err("nobody would listen: ask for at least one reader".to_owned());
        }
        if self.voices.len() >= VOICES_MAX {
            return Err(format!("there can be {} publishers at most", VOICES_MAX - 1));
        }
        if !scheme.has_rooms() && self.scenario != "echo" && self.room_count() > 1 {
            return Err(format!(
                "{}:// has one room, and this scenario needs {}",
                scheme.word(),
                self.room_count()
            ));
        }
        for stream in &self.streams {
            let is_sane = match stream.pacing {
                Pacing::Rate(rate) => rate.is_finite() && rate > 0.0,
                Pacing::Window(window) => window > 0,
            };
            if !is_sane || stream.voices.is_empty() {
                return Err("a load needs a publisher, and a rate or window above 0".to_owned());
            }
        }
        Ok(())
    }
}

impl Scheme {
    /// The largest payload that goes through whole, where a protocol has such a limit.
    pub fn size_max(self) -> Option<usize> {
        (self == Self::Irc).then_some(super::target::IRC_SIZE_MAX)
    }
}

/// Sums of 1/1, 1/2, 1/3, …: how likely each room is, added up.
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
        assert_eq!((plan.readers.len(), plan.voices.len()), (2000, 100));
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
        let complaint = |plan: Plan| plan.check().unwrap_err();
        assert!(complaint(Plan { size: 31, ..fanout.clone() }).contains("--size 32"));
        assert!(complaint(Plan { readers: Vec::new(), ..fanout }).contains("at least one"));
        assert!(complaint(Plan::rooms(&raw, 2, 2, Pacing::Window(1))).contains("one room"));
        assert!(complaint(Plan::fanout(&raw, 1, 1, Pacing::Rate(0.0))).contains("above 0"));
        let irc = Plan::fanout(&target("irc://localhost"), 1, 1, Pacing::Rate(1.0));
        assert!(complaint(Plan { size: 500, ..irc }).contains("fits a line"));
    }
}
