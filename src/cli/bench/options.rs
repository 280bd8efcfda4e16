//! What all scenarios have in common: where the load goes, how long, and what comes out.

use super::super::settings::{Size, Span};
use super::{bar, machine, table};
use clap::ValueEnum;
use hobnob::load::profile::Recording;
use hobnob::load::schedule::Pacing;
use hobnob::load::server::{self, Spawned};
use hobnob::load::{Bound, Outcome, Plan, Scheme, Target, page, profile};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How fast.
#[derive(clap::Args)]
pub(super) struct Pace {
    /// Open loop: messages a second, whatever the server does. Latency counts from when a message
    /// was due, not from when it could be sent
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "window", help_heading = "Pace")]
    rate: Option<f64>,
    /// Closed loop, at saturation: messages each publisher keeps under way
    #[arg(long, value_name = "MESSAGES", help_heading = "Pace")]
    window: Option<u32>,
    /// Raise the rate until a bound is broken, and say which rate held
    #[arg(long, conflicts_with = "window", help_heading = "Pace")]
    find_max: bool,
    /// The bound on the latency of 99 of 100 messages
    #[arg(long, value_name = "TIME", default_value = "100ms", help_heading = "Pace")]
    p99_max: Span,
    /// The bound on the share of messages that are lost, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Pace")]
    loss_max: f64,
    /// How long each rate is tried
    #[arg(long, value_name = "TIME", default_value = "3s", help_heading = "Pace")]
    step: Span,
}

impl Pace {
    /// What was asked for, or else `otherwise`. A search for the highest rate begins with a rate.
    pub(super) fn pacing(&self, otherwise: Pacing) -> Pacing {
        let asked = self.rate.map(Pacing::Rate).or(self.window.map(Pacing::Window));
        match asked.unwrap_or(otherwise) {
            Pacing::Window(_) if self.find_max => Pacing::Rate(100.0),
            pacing => pacing,
        }
    }

    pub(super) fn bound(&self) -> Option<Bound> {
        let (p99, step) = (self.p99_max.clone().into(), self.step.clone().into());
        self.find_max.then_some(Bound { p99, loss: self.loss_max, step })
    }
}

/// What `--spawn` can start.
#[derive(Clone, Copy, ValueEnum)]
enum Own {
    Frame,
    Raw,
}

#[derive(clap::Args)]
pub(super) struct Common {
    /// The server: SCHEME://HOST:PORT
    #[arg(
        long,
        value_name = "URL",
        default_value = "frame://127.0.0.1:7000",
        help_heading = "Server"
    )]
    target: Target,
    /// Start a relay of our own for it, on a free port, and stop it afterwards
    #[arg(
        long,
        value_name = "PROTOCOL",
        num_args = 0..=1,
        default_missing_value = "frame",
        conflicts_with = "target",
        help_heading = "Server"
    )]
    spawn: Option<Own>,
    /// Further arguments for the relay that is started, separated by spaces
    #[arg(
        long,
        value_name = "ARGS",
        requires = "spawn",
        allow_hyphen_values = true,
        help_heading = "Server"
    )]
    serve_args: Option<String>,
    /// The server's process, to see what it uses; found by its port if it is one of ours to look at
    #[arg(long, help_heading = "Server")]
    pid: Option<u32>,
    /// Keep the relay that is started on the first core, and the load on the others
    #[arg(long, requires = "spawn", help_heading = "Server")]
    pin: bool,

    /// Bytes of a payload, at least 32 [default: 128; for slow: 4K]
    #[arg(long, value_name = "BYTES", help_heading = "Load")]
    size: Option<Size>,
    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Load")]
    duration: Span,
    /// The same load before that, not measured
    #[arg(long, value_name = "TIME", default_value = "1s", help_heading = "Load")]
    warmup: Span,
    /// Silence at the end after which what is missing is taken as lost
    #[arg(long, value_name = "TIME", default_value = "3s", help_heading = "Load")]
    grace: Span,
    /// Connections begun a second; 0 for all at once [default: 5000; for storm: 0]
    #[arg(long, value_name = "PER_SECOND", help_heading = "Load")]
    connect_rate: Option<f64>,
    /// Source addresses (127.0.0.x); 0 for as many as needed
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Load")]
    sources: usize,

    /// What to call this run where it stands beside others
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    label: Option<String>,
    /// Write everything to a file, for `hobnob bench compare` and other programs
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,
    /// Write a page with curves, in one file that needs no network
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Record the server with perf while the load runs, and write a flamegraph
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    profile: Option<PathBuf>,
    /// Do nothing useful for so long after each message: to see the verdict on a starved generator
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0, hide = true)]
    work: u64,
}

/// Where the load goes.
pub(super) struct Server {
    pub(super) target: Target,
    pid: Option<u32>,
    /// Ends with this value.
    _own: Option<Spawned>,
}

impl Common {
    /// The server, started if it is to be.
    pub(super) fn server(&self) -> Result<Server, String> {
        let Some(own) = self.spawn else {
            let target = self.target.clone();
            let address = target.resolve()?;
            let port = address.ip().is_loopback().then(|| address.port());
            let pid = self.pid.or_else(|| port.and_then(server::listening));
            return Ok(Server { target, pid, _own: None });
        };
        let (scheme, listen) = match own {
            Own::Frame => (Scheme::Frame, "frame://127.0.0.1:0"),
            Own::Raw => (Scheme::Raw, "raw://127.0.0.1:0?framing=line"),
        };
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["serve", "--listen", listen]).env("RUST_LOG", "warn");
        command.args(self.serve_args.iter().flat_map(|args| args.split_whitespace()));
        if self.pin {
            machine::keep_to_first_core()?;
        }
        let spawned = Spawned::start(&mut command, scheme.word());
        if self.pin {
            machine::keep_to_other_cores()?;
        }
        let spawned = spawned?;
        let target = Target::local(scheme, spawned.address);
        Ok(Server { target, pid: Some(spawned.pid()), _own: Some(spawned) })
    }

    pub(super) fn apply(&self, plan: &mut Plan) -> Result<(), String> {
        plan.size = self.size.clone().map_or(plan.size, Into::into);
        plan.duration = self.duration.clone().into();
        plan.warmup = self.warmup.clone().into();
        plan.grace = self.grace.clone().into();
        plan.connect_rate = self.connect_rate.unwrap_or(plan.connect_rate);
        plan.sources = self.sources;
        plan.work = Duration::from_micros(self.work);
        plan.check()
    }

    /// Runs the load, and shows and writes what came of it.
    pub(super) fn measure(&self, plan: &Plan, server: &Server) -> Result<(), String> {
        let profiled = self.profile.as_deref().map(|_| profiled(server.pid)).transpose()?;
        let mut recording = None;
        let mut bar = bar::Bar::new(plan);
        let outcome = hobnob::load::run(plan, server.pid, &mut |progress| {
            bar.show(progress);
            // Neither the joins nor the quiet before the load belong into the picture.
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
        let mut outcome = outcome?;
        if let (Some(recording), Some(path)) = (recording, &self.profile) {
            let title =
                format!("{} on {}: {}", plan.scenario, plan.target.scheme.word(), plan.load);
            recording?.finish(path, &title)?;
        }
        let own = self.spawn.map(|_| format!("hobnob {}", plan.target.scheme.word()));
        outcome.label = self.label.clone().or(own).unwrap_or_else(|| outcome.target.clone());
        outcome.circumstances = machine::circumstances();
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

/// The process to record, if it can be.
fn profiled(pid: Option<u32>) -> Result<u32, String> {
    profile::check()?;
    pid.ok_or_else(|| "--profile needs to know the server's process: give --pid".to_owned())
}

fn to_json(outcome: &Outcome) -> Result<String, String> {
    serde_json::to_string_pretty(outcome).map_err(|error| error.to_string())
}

/// Writes a file, or says why not.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
