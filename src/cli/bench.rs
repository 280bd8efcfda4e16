//! `hobnob bench`: load for this relay, or for another server, and the truth about it.

mod bar;
mod compare;
mod machine;
mod options;
mod table;

use clap::Subcommand;
use hobnob::load::schedule::Pacing;
use hobnob::load::{Act, Plan, Target};
use options::{Common, Pace};

/// Measures a server under load: this relay, or another that speaks one of seven protocols.
///
/// What is measured, and how not to fool oneself, is in docs/BENCH.md.
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
    /// One room: few say something, many hear it
    #[command(after_help = "Examples:
  hobnob bench fanout --spawn
  hobnob bench fanout --spawn --readers 5000 --window 16 --report fanout.html
  hobnob bench fanout --target redis://127.0.0.1:6379 --readers 1000 --rate 500
  hobnob bench fanout --spawn --find-max --p99-max 50ms")]
    Fanout(Fanout),
    /// Many rooms of few
    #[command(
        after_help = "Example: hobnob bench rooms --spawn --rooms 100 --members 10 --rate 2000"
    )]
    Rooms(Rooms),
    /// Rooms as people make them: a few big, many small, most people silent, words in bursts
    #[command(
        after_help = "Example: hobnob bench chat --spawn --readers 2000 --rooms 200 --rate 100"
    )]
    Chat(Chat),
    /// Round trips: everyone says the next thing when the last came back
    #[command(after_help = "Example: hobnob bench echo --spawn --clients 50")]
    Echo(Echo),
    /// Silent connections: what does each cost?
    #[command(after_help = "Example: hobnob bench idle --spawn --connections 5000")]
    Idle(Idle),
    /// Everyone connects at once; everyone is cut and comes back
    #[command(after_help = "Example: hobnob bench storm --spawn --connections 5000 --cuts 2")]
    Storm(Storm),
    /// Connect, join, say something, leave; over and over
    #[command(after_help = "Example: hobnob bench churn --spawn --rate 500")]
    Churn(Churn),
    /// A share of the readers stops reading: what does it cost the others?
    #[command(
        after_help = "Example: hobnob bench slow --spawn --readers 1000 --share 0.2 --rate 200"
    )]
    Slow(Slow),
    /// A small room measured while a huge one is flooded
    #[command(after_help = "Example: hobnob bench mixed --spawn --readers 2000 --window 16")]
    Mixed(Mixed),
    /// Put results side by side
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
    pace: Pace,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Rooms {
    /// Rooms
    #[arg(long, default_value_t = 100, value_parser = at_least_one())]
    rooms: u32,
    /// Readers in each, beside its publisher
    #[arg(long, default_value_t = 10, value_parser = at_least_one())]
    members: u32,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Chat {
    /// Readers; one more in twenty talks
    #[arg(long, short = 'n', default_value_t = 2000, value_parser = at_least_one())]
    readers: u32,
    /// Rooms they spread over
    #[arg(long, default_value_t = 200, value_parser = at_least_one())]
    rooms: u32,
    /// Messages said at the same moment
    #[arg(long, default_value_t = 4, value_parser = at_least_one())]
    burst: u32,
    /// What is drawn by lot is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Echo {
    /// Clients, each by itself
    #[arg(long, short = 'n', default_value_t = 10, value_parser = at_least_one())]
    clients: u32,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Idle {
    /// Connections
    #[arg(long, short = 'n', default_value_t = 1000, value_parser = at_least_one())]
    connections: u32,
    /// Rooms they spread over
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    rooms: u32,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Storm {
    /// Connections
    #[arg(long, short = 'n', default_value_t = 1000, value_parser = at_least_one())]
    connections: u32,
    /// Rooms they spread over
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    rooms: u32,
    /// How often everyone is cut and comes back
    #[arg(long, default_value_t = 1)]
    cuts: u32,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Churn {
    /// Readers who stay
    #[arg(long, short = 'n', default_value_t = 10, value_parser = at_least_one())]
    readers: u32,
    /// Visitors there may be at a time
    #[arg(long, default_value_t = 1000, value_parser = at_least_one())]
    visitors: u32,
    /// Visits a second
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Slow {
    /// Readers in the room
    #[arg(long, short = 'n', default_value_t = 500, value_parser = at_least_one())]
    readers: u32,
    /// The share of them that stops reading, from 0 to 1
    #[arg(long, default_value_t = 0.2)]
    share: f64,
    /// Publishers
    #[arg(long, short = 'p', default_value_t = 1, value_parser = at_least_one())]
    publishers: u32,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Mixed {
    /// Readers in the huge room
    #[arg(long, short = 'n', default_value_t = 2000, value_parser = at_least_one())]
    readers: u32,
    /// Small rooms
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    rooms: u32,
    /// Readers in each small room, beside its publisher
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    members: u32,
    /// Messages a second in all small rooms together
    #[arg(long, default_value_t = 100.0)]
    small_rate: f64,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    common: Common,
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

impl Scenario {
    /// What it has in common with the others, and its pace if it has one: what was asked for, and
    /// what it is otherwise. `None` if it runs nothing.
    fn parts(&self) -> Option<(&Common, Option<(&Pace, Pacing)>)> {
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

    /// The load, at this pace where it has one.
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
    let pacing = pace.map_or(Pacing::Window(1), |(pace, otherwise)| pace.pacing(otherwise));
    let server = common.server()?;
    let Some(mut plan) = scenario.plan(&server.target, pacing) else { return Ok(()) };
    common.apply(&mut plan)?;
    if let Some(bound) = pace.and_then(|(pace, _)| pace.bound()) {
        plan.act = Act::FindMax(bound);
        plan.load.push_str(", rising");
    }
    common.measure(&plan, &server)
}
