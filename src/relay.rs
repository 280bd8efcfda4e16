//! The relay: from a checked [`Config`] to its last turn.

use crate::config::{Config, ConfigError, Listen, ReadConfig, ReadConfigError, Reload};
use crate::engine::Counts;
use crate::id::JobId;
use crate::net::{Bound, EventLoop, Handle, Options, Status, raise_descriptor_limit};
use crate::password::Claim;
use crate::secret::{SecretKey, Secrets};
use crate::session::{Job, Outcome, Reloaded, Service};
use crate::workers::{self, Workers};
use std::collections::VecDeque;
use std::fmt;
use std::io;
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A listening relay.
///
/// [`run`](Self::run) serves until the relay is stopped. A program with its own loop calls
/// [`turn`](Self::turn) instead: whenever [`as_fd`](AsFd::as_fd) is readable, and at
/// [`next_deadline`](Self::next_deadline) at the latest. Unless the config requests it, no signal
/// is handled. Threads are started only for work that may block (verifying a password hash,
/// reloading the configuration); none if [`Config::workers`] is 0.
///
/// A relay stays in the thread that bound it: it is not `Send`, and contains no locks. Other
/// threads use its [`handle`](Self::handle).
///
/// ```no_run
/// use hobnob::{Config, Relay};
///
/// let config = Config { listeners: vec!["raw://127.0.0.1:0".parse()?], ..Config::default() };
/// let mut relay = Relay::bind(config)?;
/// println!("listening on {:?}", relay.bound()?);
/// relay.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Relay {
    event_loop: EventLoop,
    workers: Workers<JobId, Task>,
    /// Jobs for the program that embeds the relay.
    tasks: VecDeque<(JobId, Task)>,
    /// The config in force.
    config: Config,
}

/// The most jobs at once of a program that runs them itself.
const EXTERNAL_JOBS_MAX: usize = 16;

/// The reason why a relay could not be bound.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The config is invalid.
    Config(ConfigError),
    /// A listener could not be bound, or the system has no poll.
    Listen(io::Error),
    /// The system's random number generator failed.
    Random(io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Listen(error) | Self::Random(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BindError {}

impl From<BindError> for io::Error {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Config(error) => Self::new(io::ErrorKind::InvalidInput, error),
            BindError::Listen(error) | BindError::Random(error) => error,
        }
    }
}

/// A job, which may block.
#[derive(Debug)]
pub enum Task {
    /// Verifies a password.
    Verify(Claim),
    /// Reads the configuration.
    Read(ReadConfig),
}

/// The result of a job.
#[derive(Debug)]
pub enum TaskDone {
    /// True if the password was correct.
    Verified(bool),
    /// The configuration, or the reason why it could not be read.
    Read {
        /// The name of the configuration file.
        file: String,
        /// The configuration.
        config: Result<Box<Config>, ReadConfigError>,
    },
}

impl workers::Task for Task {
    type Done = TaskDone;

    fn run(self) -> TaskDone {
        match self {
            Self::Verify(claim) => TaskDone::Verified(claim.holds()),
            Self::Read(reader) => TaskDone::Read {
                file: reader.file().to_owned(),
                config: reader.read().map(Box::new),
            },
        }
    }
}

impl Task {
    /// Runs the job. It takes tens of milliseconds for a password, and as long as the disk for a
    /// file.
    pub fn run(self) -> TaskDone {
        workers::Task::run(self)
    }
}

impl Relay {
    /// Checks the config, and binds the listeners.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(mut config: Config) -> Result<Self, BindError> {
        config.check().map_err(BindError::Config)?;
        if config.raise_descriptor_limit {
            raise_descriptor_limit();
        }
        share_irc(&mut config.listeners);
        let listeners = config.listeners.iter().cloned().map(|l| (l.service, l.endpoint)).collect();
        let secrets = secrets(&config).map_err(BindError::Random)?;
        let workers = Workers::new(config.workers.unwrap_or(1));
        let event_loop = EventLoop::bind(Options {
            listeners,
            limits: config.limits.clone(),
            signals: config.signals,
            reloads: config.reload.is_some(),
            jobs_max: match workers.tasks_max() {
                0 => EXTERNAL_JOBS_MAX,
                tasks_max => tasks_max,
            },
            secrets,
        })
        .map_err(BindError::Listen)?;
        Ok(Self { event_loop, workers, tasks: VecDeque::new(), config })
    }

    /// Runs one bounded pass of the loop, which waits at most `timeout` for an event; `None` waits
    /// until one comes.
    ///
    /// # Errors
    /// A failure of the system's poll. No peer can cause it.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Status> {
        let status = self.event_loop.turn(timeout)?;
        self.run_jobs();
        Ok(status)
    }

    /// Serves until the relay is stopped: by a [`Handle`], or by a signal if the config allows it.
    ///
    /// # Errors
    /// See [`turn`](Self::turn).
    pub fn run(&mut self) -> io::Result<()> {
        while self.turn(None)? != Status::Stopped {}
        Ok(())
    }

    /// Returns the next job, if the config leaves jobs to the program ([`Config::workers`] is 0):
    /// [run](Task::run) it on a thread that may block, then pass the result to
    /// [`complete_job`](Self::complete_job). To be called after every [`turn`](Self::turn).
    pub fn take_job(&mut self) -> Option<(JobId, Task)> {
        self.tasks.pop_front()
    }

    /// Takes the result of a job; `None` if it failed. A result that is no longer needed is
    /// dropped.
    pub fn complete_job(&mut self, id: JobId, done: Option<TaskDone>) {
        let outcome = match done {
            Some(TaskDone::Verified(holds)) => Outcome::Verified(holds),
            Some(TaskDone::Read { file, config }) => Outcome::Reloaded(self.reload(&file, config)),
            None => Outcome::Failed,
        };
        self.event_loop.completed(id, &outcome);
    }

    /// Starts the loop's jobs, and takes the results of finished ones.
    fn run_jobs(&mut self) {
        while let Some((id, done)) = self.workers.next_done() {
            self.complete_job(id, done);
        }
        while let Some((id, job)) = self.event_loop.take_job() {
            let task = match (job, &self.config.reload) {
                (Job::VerifyPassword(claim), _) => Task::Verify(claim),
                (Job::ReloadConfig, Some(reader)) => Task::Read(reader.clone()),
                (Job::ReloadConfig, None) => {
                    self.event_loop.completed(id, &Outcome::Reloaded(Reloaded::default()));
                    continue;
                }
            };
            if self.workers.tasks_max() == 0 {
                self.tasks.push_back((id, task));
                continue;
            }
            let handle = self.handle();
            if let Err(error) = self.workers.start(id, task, move || handle.wake()) {
                self.event_loop.job_failed(id, &error);
            }
        }
    }

    /// Applies the settings that can change without a restart, or none of them, and logs the
    /// outcome.
    fn reload(&mut self, file: &str, wanted: Result<Box<Config>, ReadConfigError>) -> Reloaded {
        let reload = wanted.map_err(|error| error.to_string()).and_then(|mut wanted| {
            share_irc(&mut wanted.listeners);
            self.config.reload(&wanted).map_err(|error| error.to_string())
        });
        let is_done = reload.is_ok();
        let notes = match reload {
            Ok(Reload { config, applied, waiting }) => {
                let services = config.listeners.iter().map(|listen| listen.service.clone());
                self.event_loop.reconfigure(services.collect(), config.limits.clone());
                self.config = config;
                describe_changes(&applied, &waiting)
            }
            Err(text) => text.lines().map(str::to_owned).collect(),
        };
        for note in &notes {
            match is_done {
                true => log::info!(target: "hobnob", "{file}: {note}"),
                false => log::warn!(target: "hobnob", "{file}: not reloaded: {note}"),
            }
        }
        Reloaded { file: file.to_owned(), notes, is_done }
    }

    /// Returns the time at which [`turn`](Self::turn) must be called even if the descriptor is not
    /// readable. A time in the past means now; `None` means not before an event.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.event_loop.next_deadline()
    }

    /// Begins to drain: no new connections; open ones receive a notice and are closed evenly over
    /// time. `turn` returns [`Status::Stopped`] when it is complete.
    pub fn drain(&mut self) {
        self.event_loop.drain();
    }

    /// True if a second signal stopped the relay before its drain was over.
    pub fn is_cut_short(&self) -> bool {
        self.event_loop.is_cut_short()
    }

    /// Returns a handle for other threads: it publishes, reads counters and stops.
    pub fn handle(&self) -> Handle {
        self.event_loop.handle()
    }

    /// Returns the bound addresses, with the ports that the system chose. A host name can resolve
    /// to several addresses.
    ///
    /// # Errors
    /// A failure of the system to report an address.
    pub fn bound(&self) -> io::Result<Vec<Bound>> {
        self.event_loop.bound()
    }

    /// Returns the most connections at once.
    pub fn connections_max(&self) -> usize {
        self.event_loop.connections_max()
    }

    /// Returns the counters.
    pub fn counts(&self) -> Counts {
        self.event_loop.counts()
    }
}

/// Returns the secrets of the config; missing ones are random.
fn secrets(config: &Config) -> io::Result<Secrets> {
    let key = config.secret.map_or_else(|| random().map(SecretKey::new), Ok)?;
    let run = config.run.map_or_else(|| random().map(u64::from_le_bytes), Ok)?;
    Ok(Secrets::new(key, run))
}

/// Returns bytes of the system's random number generator.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| {
        io::Error::other(format!("the system's random number generator failed: {error}"))
    })?;
    Ok(bytes)
}

/// Describes the changes of a reload.
fn describe_changes(applied: &[&str], waiting: &[&str]) -> Vec<String> {
    let mut notes = Vec::new();
    if !applied.is_empty() {
        notes.push(format!("applied: {}", applied.join(", ")));
    }
    if !waiting.is_empty() {
        notes.push(format!("needs a restart: {}", waiting.join(", ")));
    }
    if notes.is_empty() {
        notes.push("no change".to_owned());
    }
    notes
}

/// Serves IRC over WebSocket with the options of the first IRC listener: one server name, one set
/// of operators.
fn share_irc(listeners: &mut [Listen]) {
    let irc = listeners.iter().find_map(|listen| match &listen.service {
        Service::Irc(options) => Some(Arc::clone(options)),
        _ => None,
    });
    #[cfg(feature = "http")]
    for listen in listeners {
        if let (Service::Http(http), Some(irc)) = (&mut listen.service, &irc) {
            http.irc = Arc::clone(irc);
        }
    }
    let _ = irc;
}

#[cfg(not(mio_unsupported_force_poll_poll))]
impl AsFd for Relay {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event_loop.as_fd()
    }
}
