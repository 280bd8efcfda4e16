//! `hobnob bench`: measures this relay or another server under load.

mod compare;
mod environment;
mod options;
mod progress_bar;
mod table;

use clap::Subcommand;
use hobnob::load::schedule::Pacing;
use hobnob::load::{LoadKind, Plan, Target};
use options::{CommonArgs, PaceArgs};

/// Measure a server under load: this relay, or another server with one of seven protocols.
///
/// docs/BENCH.md describes what is measured, and the mistakes to avoid.
#[derive(clap::Args)]
#[command(after_help = "Example: hobnob bench fanout --spawn

Targets (--target): frame:// and raw:// (this relay; raw with framing=line), redis://, nats://,
mqtt://, irc://, ws:// (a server that sends each text message to everyone).")]
pub(super) struct Args {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// One room: few publishers, many readers
    #[command(after_help = "Examples:
  hobnob bench fanout --spawn
  hobnob bench fanout --spawn --readers 5000 --window 16 --report fanout.html
  hobnob bench fanout --target redis://127.0.0.1:6379 --readers 1000 --rate 500
  hobnob bench fanout --spawn --find-max --p99-max 50ms")]
    Fanout(Fanout),
    /// Many small rooms
    #[command(
        after_help = "Example: hobnob bench rooms --spawn --rooms 100 --members 10 --rate 2000"
    )]
    Rooms(Rooms),
    /// Rooms of realistic sizes: a few large, many small, most members silent, messages in bursts
    #[command(
        after_help = "Example: hobnob bench chat --spawn --readers 2000 --rooms 200 --rate 100"
    )]
    Chat(Chat),
    /// Round trips: each client sends its next message when the last one came back
    #[command(after_help = "Example: hobnob bench echo --spawn --clients 50")]
    Echo(Echo),
    /// Silent connections: measure the cost of each
    #[command(after_help = "Example: hobnob bench idle --spawn --connections 5000")]
    Idle(Idle),
    /// All clients connect at once; then all are disconnected and reconnect
    #[command(after_help = "Example: hobnob bench storm --spawn --connections 5000 --cuts 2")]
    Storm(Storm),
    /// Connect, join, publish one message, leave, repeatedly
    #[command(after_help = "Example: hobnob bench churn --spawn --rate 500")]
    Churn(Churn),
    /// A share of the readers stops reading: measure the effect on the others
    #[command(
        after_help = "Example: hobnob bench slow --spawn --readers 1000 --share 0.2 --rate 200"
    )]
    Slow(Slow),
    /// A small room measured while a very large one is flooded
    #[command(after_help = "Example: hobnob bench mixed --spawn --readers 2000 --window 16")]
    Mixed(Mixed),
    /// Compare results
    #[command(
        after_help = "Example: hobnob bench compare before.json after.json --report both.html"
    )]
    Compare(compare::Args),
}

#[derive(clap::Args)]
struct Fanout {
    /// Readers in the room
    #[arg(long, short = 'n', default_value_t = 1000, value_parser = at_least_one())]
    readers: u32,
    /// Publishers
    #[arg(long, short = 'p', default_value_t = 1, value_parser = at_least_one())]
    publishers: u32,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct Rooms {
    /// Number of rooms
    #[arg(long, default_value_t = 100, value_parser = at_least_one())]
    rooms: u32,
    /// Readers in each room, besides its publisher
    #[arg(long, default_value_t = 10, value_parser = at_least_one())]
    members: u32,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct Chat {
    /// Readers; one in twenty members publishes
    #[arg(long, short = 'n', default_value_t = 2000, value_parser = at_least_one())]
    readers: u32,
    /// Number of rooms
    #[arg(long, default_value_t = 200, value_parser = at_least_one())]
    rooms: u32,
    /// Messages published at the same moment
    #[arg(long, default_value_t = 4, value_parser = at_least_one())]
    burst: u32,
    /// Seed of the random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct Echo {
    /// Clients, each in its own room
    #[arg(long, short = 'n', default_value_t = 10, value_parser = at_least_one())]
    clients: u32,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct Idle {
    /// Number of connections
    #[arg(long, short = 'n', default_value_t = 1000, value_parser = at_least_one())]
    connections: u32,
    /// Number of rooms
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    rooms: u32,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct Storm {
    /// Number of connections
    #[arg(long, short = 'n', default_value_t = 1000, value_parser = at_least_one())]
    connections: u32,
    /// Number of rooms
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    rooms: u32,
    /// Times that all clients are disconnected and reconnect
    #[arg(long, default_value_t = 1)]
    cuts: u32,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct Churn {
    /// Readers that stay connected
    #[arg(long, short = 'n', default_value_t = 10, value_parser = at_least_one())]
    readers: u32,
    /// The most visitors at once
    #[arg(long, default_value_t = 1000, value_parser = at_least_one())]
    visitors: u32,
    /// Visits per second
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct Slow {
    /// Readers in the room
    #[arg(long, short = 'n', default_value_t = 500, value_parser = at_least_one())]
    readers: u32,
    /// The share of readers that stops reading, from 0 to 1
    #[arg(long, default_value_t = 0.2)]
    share: f64,
    /// Publishers
    #[arg(long, short = 'p', default_value_t = 1, value_parser = at_least_one())]
    publishers: u32,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct Mixed {
    /// Readers in the large room
    #[arg(long, short = 'n', default_value_t = 2000, value_parser = at_least_one())]
    readers: u32,
    /// Number of small rooms
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    rooms: u32,
    /// Readers in each small room, besides its publisher
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    members: u32,
    /// Messages per second in all small rooms together
    #[arg(long, default_value_t = 100.0)]
    small_rate: f64,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    common: CommonArgs,
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

impl Scenario {
    /// Returns the common options, and the pace options with the default pace. `None` if the
    /// command runs no load.
    fn parts(&self) -> Option<(&CommonArgs, Option<(&PaceArgs, Pacing)>)> {
        Some(match self {
            Self::Fanout(args) => (&args.common, Some((&args.pace, Pacing::Rate(100.0)))),
            Self::Rooms(args) => (&args.common, Some((&args.pace, Pacing::Rate(1000.0)))),
            Self::Chat(args) => (&args.common, Some((&args.pace, Pacing::Rate(100.0)))),
            Self::Slow(args) => (&args.common, Some((&args.pace, Pacing::Rate(250.0)))),
            Self::Mixed(args) => (&args.common, Some((&args.pace, Pacing::Window(16)))),
            Self::Echo(args) => (&args.common, None),
            Self::Idle(args) => (&args.common, None),
            Self::Storm(args) => (&args.common, None),
            Self::Churn(args) => (&args.common, None),
            Self::Compare(_) => return None,
        })
    }

    /// Returns the plan of the load.
    fn plan(&self, target: &Target, pacing: Pacing) -> Option<Plan> {
        Some(match self {
            Self::Fanout(Fanout { readers, publishers, .. }) => {
                Plan::fanout(target, *readers, *publishers, pacing)
            }
            Self::Rooms(Rooms { rooms, members, .. }) => {
                Plan::rooms(target, *rooms, *members, pacing)
            }
            Self::Chat(Chat { readers, rooms, burst, seed, .. }) => {
                Plan::chat(target, *readers, *rooms, pacing, *burst, *seed)
            }
            Self::Echo(Echo { clients, .. }) => Plan::echo(target, *clients),
            Self::Idle(Idle { connections, rooms, .. }) => Plan::idle(target, *connections, *rooms),
            Self::Storm(Storm { connections, rooms, cuts, .. }) => {
                Plan::storm(target, *connections, *rooms, *cuts)
            }
            Self::Churn(Churn { readers, visitors, rate, .. }) => {
                Plan::churn(target, *readers, *visitors, *rate)
            }
            Self::Slow(Slow { readers, share, publishers, .. }) => {
                Plan::slow(target, *readers, *share, *publishers, pacing)
            }
            Self::Mixed(Mixed { readers, rooms, members, small_rate, .. }) => {
                Plan::mixed(target, *readers, pacing, *rooms, *members, *small_rate)
            }
            Self::Compare(_) => return None,
        })
    }
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let scenario = &args.scenario;
    if let Scenario::Compare(args) = scenario {
        return compare::run(args);
    }
    let Some((common, pace)) = scenario.parts() else { return Ok(()) };
    let pacing = pace.map_or(Pacing::Window(1), |(pace, default)| pace.pacing(default));
    let server = common.server()?;
    let Some(mut plan) = scenario.plan(&server.target, pacing) else { return Ok(()) };
    common.apply(&mut plan)?;
    if let Some(bound) = pace.and_then(|(pace, _)| pace.bound()) {
        plan.kind = LoadKind::FindMax(bound);
        plan.load.push_str(", rising");
    }
    common.measure(&plan, &server)
}
