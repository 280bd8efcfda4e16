//! The options that all scenarios share: server, duration and output.

use super::super::settings::{Size, Span};
use super::{environment, progress_bar, table};
use clap::ValueEnum;
use hobnob::load::LoadError;
use hobnob::load::profile::Recording;
use hobnob::load::schedule::Pacing;
use hobnob::load::server::{self, Spawned};
use hobnob::load::{Bound, Outcome, Plan, Scheme, Target, page, profile};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The options of the pace.
#[derive(clap::Args)]
pub(super) struct PaceArgs {
    /// Open loop: messages per second, whatever the server does. Latency counts from the time a
    /// message was due, not from the time it could be sent
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "window", help_heading = "Pace")]
    rate: Option<f64>,
    /// Closed loop, at saturation: messages in flight per publisher
    #[arg(long, value_name = "MESSAGES", help_heading = "Pace")]
    window: Option<u32>,
    /// Raise the rate until a bound is exceeded, and report the highest rate below it
    #[arg(long, conflicts_with = "window", help_heading = "Pace")]
    find_max: bool,
    /// The bound on the 99th percentile of latency
    #[arg(long, value_name = "TIME", default_value = "100ms", help_heading = "Pace")]
    p99_max: Span,
    /// The bound on the share of lost messages, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Pace")]
    loss_max: f64,
    /// Duration of each step
    #[arg(long, value_name = "TIME", default_value = "3s", help_heading = "Pace")]
    step: Span,
}

impl PaceArgs {
    /// Returns the requested pace, or `default`. A search for the highest rate starts with a rate.
    pub(super) fn pacing(&self, default: Pacing) -> Pacing {
        let asked = self.rate.map(Pacing::Rate).or(self.window.map(Pacing::Window));
        match asked.unwrap_or(default) {
            Pacing::Window(_) if self.find_max => Pacing::Rate(100.0),
            pacing => pacing,
        }
    }

    pub(super) fn bound(&self) -> Option<Bound> {
        let (p99, step) = (self.p99_max.clone().into(), self.step.clone().into());
        self.find_max.then_some(Bound { p99, loss: self.loss_max, step })
    }
}

/// The protocols that `--spawn` can start a relay for.
#[derive(Clone, Copy, ValueEnum)]
enum SpawnedProtocol {
    Frame,
    Raw,
}

#[derive(clap::Args)]
pub(super) struct CommonArgs {
    /// The server: SCHEME://HOST:PORT
    #[arg(
        long,
        value_name = "URL",
        default_value = "frame://127.0.0.1:7000",
        help_heading = "Server"
    )]
    target: Target,
    /// Start a relay on a free port, and stop it afterwards
    #[arg(
        long,
        value_name = "PROTOCOL",
        num_args = 0..=1,
        default_missing_value = "frame",
        conflicts_with = "target",
        help_heading = "Server"
    )]
    spawn: Option<SpawnedProtocol>,
    /// Further arguments for the spawned relay, separated by spaces
    #[arg(
        long,
        value_name = "ARGS",
        requires = "spawn",
        allow_hyphen_values = true,
        help_heading = "Server"
    )]
    serve_args: Option<String>,
    /// The server's process, whose CPU and memory are measured; found by its port if possible
    #[arg(long, help_heading = "Server")]
    pid: Option<u32>,
    /// Pin the spawned relay to the first core, and the load to the others
    #[arg(long, requires = "spawn", help_heading = "Server")]
    pin: bool,

    /// Payload size in bytes, at least 32 [default: 128; for slow: 4K]
    #[arg(long, value_name = "BYTES", help_heading = "Load")]
    size: Option<Size>,
    /// Measured duration
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Load")]
    duration: Span,
    /// Unmeasured load before that
    #[arg(long, value_name = "TIME", default_value = "1s", help_heading = "Load")]
    warmup: Span,
    /// Silence after which missing messages count as lost
    #[arg(long, value_name = "TIME", default_value = "3s", help_heading = "Load")]
    grace: Span,
    /// New connections per second; 0 for all at once [default: 5000; for storm: 0]
    #[arg(long, value_name = "PER_SECOND", help_heading = "Load")]
    connect_rate: Option<f64>,
    /// Number of source addresses (127.0.0.x); 0 for as many as needed
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Load")]
    sources: usize,

    /// The name of this run in comparisons
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    label: Option<String>,
    /// Write the result as JSON, for `hobnob bench compare` and other programs
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,
    /// Write an HTML report with curves, as one file without external resources
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Record the server with perf during the load, and write a flamegraph
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    profile: Option<PathBuf>,
    /// Busy time after each message, to test the detection of an overloaded generator
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0, hide = true)]
    work: u64,
}

/// The server under load.
pub(super) struct Server {
    pub(super) target: Target,
    pid: Option<u32>,
    /// Stops the spawned relay when dropped.
    _spawned: Option<Spawned>,
}

impl CommonArgs {
    /// Returns the server, after starting it if required.
    pub(super) fn server(&self) -> Result<Server, String> {
        let Some(own) = self.spawn else {
            let target = self.target.clone();
            let address = target.resolve().map_err(text)?;
            let port = address.ip().is_loopback().then(|| address.port());
            let pid = self.pid.or_else(|| port.and_then(server::listening));
            return Ok(Server { target, pid, _spawned: None });
        };
        let (scheme, listen) = match own {
            SpawnedProtocol::Frame => (Scheme::Frame, "frame://127.0.0.1:0"),
            SpawnedProtocol::Raw => (Scheme::Raw, "raw://127.0.0.1:0?framing=line"),
        };
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["serve", "--listen", listen]).env("RUST_LOG", "warn");
        command.args(self.serve_args.iter().flat_map(|args| args.split_whitespace()));
        if self.pin {
            environment::pin_to_first_core()?;
        }
        let spawned = Spawned::start(&mut command, scheme.word());
        if self.pin {
            environment::pin_to_other_cores()?;
        }
        let spawned = spawned.map_err(text)?;
        let target = Target::local(scheme, spawned.address);
        Ok(Server { target, pid: Some(spawned.pid()), _spawned: Some(spawned) })
    }

    pub(super) fn apply(&self, plan: &mut Plan) -> Result<(), String> {
        plan.size = self.size.clone().map_or(plan.size, Into::into);
        plan.duration = self.duration.clone().into();
        plan.warmup = self.warmup.clone().into();
        plan.grace = self.grace.clone().into();
        plan.connect_rate = self.connect_rate.unwrap_or(plan.connect_rate);
        plan.sources = self.sources;
        plan.work = Duration::from_micros(self.work);
        plan.check().map_err(text)
    }

    /// Runs the load, then prints and writes the result.
    pub(super) fn measure(&self, plan: &Plan, server: &Server) -> Result<(), String> {
        let profiled = self.profile.as_deref().map(|_| profiled(server.pid)).transpose()?;
        let mut recording = None;
        let mut bar = progress_bar::RunProgressBar::new(plan);
        let outcome = hobnob::load::run(plan, server.pid, &mut |progress| {
            bar.show(progress);
            // Joins and the pause before the load are not recorded.
            if let (None, true, Some(pid), Some(path)) =
                (&recording, progress.is_load, profiled, &self.profile)
            {
                recording = Some(Recording::start(pid, path));
            } else if !progress.is_load
                && let Some(Ok(recording)) = &mut recording
            {
                recording.stop();
            }
        });
        bar.clear();
        let mut outcome = outcome.map_err(text)?;
        if let (Some(recording), Some(path)) = (recording, &self.profile) {
            let title =
                format!("{} on {}: {}", plan.scenario, plan.target.scheme.word(), plan.load);
            recording.and_then(|recording| recording.finish(path, &title)).map_err(text)?;
        }
        let own = self.spawn.map(|_| format!("hobnob {}", plan.target.scheme.word()));
        outcome.label = self.label.clone().or(own).unwrap_or_else(|| outcome.target.clone());
        outcome.circumstances = environment::circumstances();
        table::print(&outcome);
        if let Some(path) = &self.json {
            write(path, &to_json(&outcome)?)?;
        }
        match &self.report {
            Some(path) => write(path, &page::page(&[outcome])),
            None => Ok(()),
        }
    }
}

/// Returns the text of an error, with the flag in place of the plan's field.
fn text(error: LoadError) -> String {
    match error {
        LoadError::Plan { field, text } => format!("--{field}: {text}"),
        error => error.to_string(),
    }
}

/// Returns the process to record.
fn profiled(pid: Option<u32>) -> Result<u32, String> {
    profile::check().map_err(text)?;
    pid.ok_or_else(|| "--profile needs the server's process: give --pid".to_owned())
}

fn to_json(outcome: &Outcome) -> Result<String, String> {
    serde_json::to_string_pretty(outcome).map_err(|error| error.to_string())
}

/// Writes a file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
