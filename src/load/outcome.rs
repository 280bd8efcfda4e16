//! What a run found, as it is written to JSON and shown in tables and pages.

use super::ledger::Tally;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Version of the JSON written here.
pub const FORMAT: u32 = 1;

/// Everything a run found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// [`FORMAT`].
    pub format: u32,
    /// What it is called where it stands beside others.
    pub label: String,
    /// The scenario's word.
    pub scenario: String,
    /// One sentence: who says what to whom.
    pub load: String,
    /// The target's URL.
    pub target: String,
    /// Where and with what this was measured.
    pub circumstances: Circumstances,
    /// How everyone came to be there.
    pub crowd: CrowdFacts,
    /// Length of the measured time, in seconds.
    pub seconds: f64,
    /// Messages said in it.
    pub said: u64,
    /// Copies heard in it, by readers.
    pub delivered: u64,
    /// Copies heard in it by those who only came to say something.
    pub overheard: u64,
    /// What was heard without a stamp.
    pub garbled: u64,
    /// What was heard in a room in which it was not said.
    pub strays: u64,
    /// Readers whose connection the server ended, by its reason.
    pub ended: Vec<(String, u64)>,
    /// What the server refused, by its reason.
    pub refused: Vec<(String, u64)>,
    /// By groups of readers; the first is the one that counts.
    pub groups: Vec<Group>,
    /// The server's process, if it could be watched.
    pub server: Option<ServerUse>,
    /// The generator's own.
    pub generator: Generator,
    /// Everyone at once, round by round.
    pub rounds: Vec<Round>,
    /// Rates tried, and how they went.
    pub steps: Vec<Step>,
    /// Ten times a second.
    pub timeline: Vec<Tick>,
}

/// Where and with what a run was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Circumstances {
    /// The command, as it was given.
    pub command: String,
    /// When, in seconds since 1970.
    pub began: u64,
    /// hobnob's version and commit.
    pub version: String,
    /// The kernel's.
    pub kernel: String,
    /// Processor, cores, memory.
    pub machine: String,
}

/// How everyone came to be there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CrowdFacts {
    /// Connections.
    pub connections: u64,
    /// Of them, readers.
    pub readers: u64,
    /// Of them, those who say something.
    pub voices: u64,
    /// Rooms.
    pub rooms: u64,
    /// Bytes of a payload.
    pub size: u64,
    /// Until everybody was in, in seconds.
    pub seconds: f64,
    /// From connect to being in the room.
    pub join: Latency,
    /// Source addresses used.
    pub sources: u64,
}

/// What became of what one group of readers was to hear.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its readers.
    pub readers: u64,
    /// See [`Tally`].
    pub delivered: u64,
    /// See [`Tally`].
    pub lost: u64,
    /// See [`Tally`].
    pub told: u64,
    /// See [`Tally`].
    pub cut_off: u64,
    /// See [`Tally`].
    pub duplicated: u64,
    /// See [`Tally`].
    pub reordered: u64,
    /// From due to heard.
    pub latency: Latency,
}

impl Group {
    /// The group's tally, under its name.
    pub fn new(name: &str, readers: u64, tally: &Tally) -> Self {
        Self {
            name: name.to_owned(),
            readers,
            delivered: tally.delivered,
            lost: tally.lost,
            told: tally.told,
            cut_off: tally.cut_off,
            duplicated: tally.duplicated,
            reordered: tally.reordered,
            latency: Latency::of(&tally.latency),
        }
    }
}

/// A distribution of times, in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them were shorter.
    pub p50: u64,
    /// All but one in ten.
    pub p90: u64,
    /// All but one in a hundred.
    pub p99: u64,
    /// All but one in a thousand.
    pub p999: u64,
    /// All but one in ten thousand.
    pub p9999: u64,
    /// The longest.
    pub max: u64,
    /// Points of the curve: percentile, time.
    pub curve: Vec<(f64, u64)>,
}

impl Latency {
    /// The figures of a histogram.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |percentile| histogram.value_at_percentile(percentile);
        // Eight points for each halving of what is left, up to 99.999.
        let points = (0..=136).map(|step| 100.0 * (1.0 - 0.5f64.powf(f64::from(step) / 8.0)));
        // Beyond one in as many as there are, nothing was measured.
        let last = 100.0 - 100.0 / (histogram.len().max(1) as f64);
        let curve = points.take_while(|point| *point <= last.max(50.0));
        let is_empty = histogram.is_empty();
        Self {
            count: histogram.len(),
            mean: histogram.mean(),
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p999: at(99.9),
            p9999: at(99.99),
            max: histogram.max(),
            curve: curve.filter(|_| !is_empty).map(|point| (point, at(point))).collect(),
        }
    }
}

/// What the server's process used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServerUse {
    /// Its number.
    pub pid: u32,
    /// Processor seconds per second, while it was measured.
    pub cpu: f64,
    /// Seconds per second in which its threads were ready to run and had no core.
    pub waited: f64,
    /// Processor nanoseconds per copy delivered (and overheard); in churn, per visit.
    pub cpu_per_delivery: f64,
    /// Resident before anybody came, in bytes.
    pub resident_before: u64,
    /// Resident when everybody was in and quiet.
    pub resident_idle: u64,
    /// The most while it was measured.
    pub resident_peak: u64,
    /// What each connection added while quiet, in bytes.
    pub resident_per_connection: f64,
    /// Processor nanoseconds per connection until everybody was in and quiet.
    #[serde(default)]
    pub cpu_per_connection: f64,
    /// What the kernel's TCP buffers grew by for each connection while quiet, both ends of it.
    pub kernel_per_connection: f64,
    /// The most the kernel's TCP buffers held, both ends of every connection of this machine.
    pub kernel_peak: u64,
}

/// What the generator itself used, and whether it was the limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    /// Processor seconds per second.
    pub cpu: f64,
    /// Share of the time in which it was not asleep.
    pub busy: f64,
    /// Share of the time in which it was ready to run and had no core.
    pub waited: f64,
    /// How long a turn of its loop took: the longest an event waited for us.
    pub lag: Latency,
    /// How much later than due a message was said, where that was our fault.
    pub slip: Latency,
    /// Why this run must not be quoted; nothing if it may be.
    pub complaints: Vec<String>,
}

/// Everyone connecting at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    /// What happened before: nothing, or everyone was cut.
    pub name: String,
    /// Until the last was in, in seconds.
    pub seconds: f64,
    /// From the beginning of a connect to being in the room.
    pub join: Latency,
    /// Connections that failed and were tried again.
    pub retries: u64,
    /// Processor seconds the server used.
    pub server_cpu: f64,
}

/// One rate that was tried.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Step {
    /// Messages per second asked for.
    pub rate: f64,
    /// Copies delivered per second.
    pub delivered: f64,
    /// Of the first group.
    pub p99: u64,
    /// Of the first group, of what was expected, from 0 to 1.
    pub lost: f64,
    /// Server's processor seconds per second.
    pub server_cpu: f64,
    /// Why it was too much; nothing if it was not.
    pub broken: Option<String>,
}

/// A moment of the run. All but `at` and the memory count from the beginning of the load.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Tick {
    /// Seconds since the load began.
    pub at: f64,
    /// Messages said.
    pub said: u64,
    /// Copies heard.
    pub delivered: u64,
    /// The server's processor seconds.
    pub server_cpu: f64,
    /// The generator's processor seconds.
    pub own_cpu: f64,
    /// The server's resident memory, in bytes.
    pub resident: u64,
    /// The kernel's TCP buffers, in bytes.
    pub kernel: u64,
}

impl Outcome {
    /// Copies delivered per second.
    pub fn deliveries_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.delivered as f64 / self.seconds } else { 0.0 }
    }

    /// The group that counts.
    pub fn main_group(&self) -> Option<&Group> {
        self.groups.first()
    }
}
