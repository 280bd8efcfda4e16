//! The result of a run, as written to JSON and shown in tables and reports.

use super::delivery_record::Deliveries;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The version of the JSON format.
pub const FORMAT: u32 = 1;

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// [`FORMAT`].
    pub format: u32,
    /// The run's name in comparisons.
    pub label: String,
    /// The name of the scenario.
    pub scenario: String,
    /// One sentence that describes the load.
    pub load: String,
    /// The target's URL.
    pub target: String,
    /// The environment of the run.
    pub circumstances: Circumstances,
    /// The connections, and the time they took to join.
    #[serde(rename = "crowd")]
    pub connect: ConnectFacts,
    /// The measured time, in seconds.
    pub seconds: f64,
    /// Messages published in that time.
    pub said: u64,
    /// Copies delivered to readers in that time.
    pub delivered: u64,
    /// Copies delivered in that time to connections that only publish.
    pub overheard: u64,
    /// Messages without a stamp.
    pub garbled: u64,
    /// Messages received in another room than their own.
    pub strays: u64,
    /// Connections of readers that were closed, by reason.
    pub ended: Vec<(String, u64)>,
    /// Requests that the server refused, by reason.
    pub refused: Vec<(String, u64)>,
    /// The groups of readers; the first one is the measured one.
    pub groups: Vec<Group>,
    /// The server's process, if known.
    pub server: Option<ServerUse>,
    /// The generator's process.
    pub generator: Generator,
    /// Rounds in which all clients connect at once.
    pub rounds: Vec<Round>,
    /// The rates tried.
    pub steps: Vec<Step>,
    /// Samples, ten per second.
    pub timeline: Vec<Tick>,
}

/// The environment of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Circumstances {
    /// The command line.
    pub command: String,
    /// The start, in seconds since 1970.
    pub began: u64,
    /// hobnob's version and commit.
    pub version: String,
    /// The kernel's name and version.
    pub kernel: String,
    /// Processor, cores, memory.
    pub machine: String,
}

/// The connections, and the time they took to join.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConnectFacts {
    /// Connections.
    pub connections: u64,
    /// Readers among them.
    pub readers: u64,
    /// Publishers among them.
    #[serde(rename = "voices")]
    pub publishers: u64,
    /// Rooms.
    pub rooms: u64,
    /// The payload size in bytes.
    pub size: u64,
    /// Seconds until all had joined.
    pub seconds: f64,
    /// Time from connect to join.
    pub join: Latency,
    /// Source addresses used.
    pub sources: u64,
}

/// The deliveries and faults of one group of readers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Group {
    /// The group's name.
    pub name: String,
    /// The number of readers.
    pub readers: u64,
    /// See [`Deliveries`].
    pub delivered: u64,
    /// See [`Deliveries`].
    pub lost: u64,
    /// See [`Deliveries`].
    pub told: u64,
    /// See [`Deliveries`].
    pub cut_off: u64,
    /// See [`Deliveries`].
    pub duplicated: u64,
    /// See [`Deliveries`].
    pub reordered: u64,
    /// Latency from due time to arrival.
    pub latency: Latency,
}

impl Group {
    /// Creates the result of a group from its deliveries.
    pub fn new(name: &str, readers: u64, deliveries: &Deliveries) -> Self {
        Self {
            name: name.to_owned(),
            readers,
            delivered: deliveries.delivered,
            lost: deliveries.lost,
            told: deliveries.told,
            cut_off: deliveries.cut_off,
            duplicated: deliveries.duplicated,
            reordered: deliveries.reordered,
            latency: Latency::of(&deliveries.latency),
        }
    }
}

/// A distribution of times, in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// The number of values.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p999: u64,
    /// The 99.99th percentile.
    pub p9999: u64,
    /// The maximum.
    pub max: u64,
    /// The points of the curve: percentile and time.
    pub curve: Vec<(f64, u64)>,
}

impl Latency {
    /// Returns the figures of a histogram.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |percentile| histogram.value_at_percentile(percentile);
        // Eight points per halving of the remaining share, up to 99.999.
        let points = (0..=136).map(|step| 100.0 * (1.0 - 0.5f64.powf(f64::from(step) / 8.0)));
        // The curve ends at the resolution of the sample.
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

/// The resources used by the server's process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServerUse {
    /// The process id.
    pub pid: u32,
    /// CPU seconds per second during the measured time.
    pub cpu: f64,
    /// Seconds per second in which its threads were ready to run without a core.
    pub waited: f64,
    /// CPU nanoseconds per copy delivered; in churn, per visit.
    pub cpu_per_delivery: f64,
    /// Resident memory before the first connection, in bytes.
    pub resident_before: u64,
    /// Resident memory when all clients had joined and were idle.
    pub resident_idle: u64,
    /// The highest resident memory during the measured time.
    pub resident_peak: u64,
    /// Resident memory added per idle connection, in bytes.
    pub resident_per_connection: f64,
    /// CPU nanoseconds per connection, until all clients had joined and were idle.
    #[serde(default)]
    pub cpu_per_connection: f64,
    /// Kernel memory in TCP buffers added per idle connection, both ends.
    pub kernel_per_connection: f64,
    /// The highest kernel memory in TCP buffers of this machine, both ends of each connection.
    pub kernel_peak: u64,
}

/// The resources used by the generator, and whether it was the limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    /// CPU seconds per second.
    pub cpu: f64,
    /// Share of the time in which it was not waiting in the poll.
    pub busy: f64,
    /// Share of the time in which it was ready to run without a core.
    pub waited: f64,
    /// The durations of its turns: the longest time that an event waited in the generator.
    pub lag: Latency,
    /// The delays of messages relative to their due time, where the generator caused them.
    pub slip: Latency,
    /// Reasons why the run must not be quoted; empty if there are none.
    pub complaints: Vec<String>,
}

/// A round in which all clients connect at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    /// The round's name.
    pub name: String,
    /// Seconds until the last client had joined.
    pub seconds: f64,
    /// Time from connect to join.
    pub join: Latency,
    /// Connections that failed and were retried.
    pub retries: u64,
    /// CPU seconds used by the server.
    pub server_cpu: f64,
}

/// One rate that was tried.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Step {
    /// The requested messages per second.
    pub rate: f64,
    /// Copies delivered per second.
    pub delivered: f64,
    /// The 99th percentile of latency in the first group.
    pub p99: u64,
    /// The share of copies lost in the first group, from 0 to 1.
    pub lost: f64,
    /// The server's CPU seconds per second.
    pub server_cpu: f64,
    /// The bound that was exceeded, if one was.
    pub broken: Option<String>,
}

/// One sample of a run. All values except `at` and memory count from the start of the load.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Tick {
    /// Seconds since the start of the load.
    pub at: f64,
    /// Messages published.
    pub said: u64,
    /// Copies delivered.
    pub delivered: u64,
    /// The server's CPU seconds.
    pub server_cpu: f64,
    /// The generator's CPU seconds.
    pub own_cpu: f64,
    /// The server's resident memory, in bytes.
    pub resident: u64,
    /// The kernel's TCP buffers, in bytes.
    pub kernel: u64,
}

impl Outcome {
    /// Returns the copies delivered per second.
    pub fn deliveries_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.delivered as f64 / self.seconds } else { 0.0 }
    }

    /// Returns the measured group.
    pub fn main_group(&self) -> Option<&Group> {
        self.groups.first()
    }
}
