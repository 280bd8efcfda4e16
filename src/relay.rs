//! The door: a relay, from a checked [`Config`] to its last turn.

use crate::config::{Config, Listen, ReadConfig, Reload};
use crate::engine::Counts;
use crate::id::JobId;
use crate::net::{Bound, EventLoop, Handle, Options, Status, raise_descriptor_limit};
use crate::password::Claim;
use crate::secret::{SecretKey, Secrets};
use crate::session::{Job, Outcome, Reloaded, Service};
use crate::workers::{self, Workers};
use std::collections::VecDeque;
use std::io;
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A relay, listening.
///
/// [`run`](Self::run) serves until it is told to stop. A program with a loop of its own calls
/// [`turn`](Self::turn) instead: whenever [`as_fd`](AsFd::as_fd) is readable, and at
/// [`next_deadline`](Self::next_deadline) at the latest. No signal is handled and the process
/// is never ended, unless the config asks for it. A thread is started only for what may block: a password
/// that is checked against a hash, a configuration that is read again; none where [`Config::workers`] is 0.
///
/// A relay stays in the thread that bound it (it is not `Send`: nothing in it is shared or locked).
/// Bind it where it will be turned, and reach it from elsewhere through its [`handle`](Self::handle).
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
    /// Jobs for the program around the relay.
    tasks: VecDeque<(JobId, Task)>,
    /// What is in force.
    config: Config,
}

/// Jobs that a program with workers of its own has at once.
const OWN_JOBS: usize = 16;

/// A job: it may block.
#[derive(Debug)]
pub enum Task {
    /// Finds out whether a password is right.
    Verify(Claim),
    /// Reads the configuration again.
    Read(ReadConfig),
}

/// The end of a job.
#[derive(Debug)]
pub enum TaskDone {
    /// True if the password was right.
    Verified(bool),
    /// The configuration as it is now, or the reason why it could not be read.
    Read {
        /// The name of what was read.
        file: String,
        /// The configuration.
        config: Result<Box<Config>, String>,
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
    /// Does the job. It may take tens of milliseconds, or as long as a disk does.
    pub fn run(self) -> TaskDone {
        workers::Task::run(self)
    }
}

impl Relay {
    /// Checks the config and listens.
    ///
    /// # Errors
    /// `InvalidInput` with a sentence when the config contradicts itself; else what the system said
    /// about an address, or that it has no random bytes to give.
    pub fn bind(mut config: Config) -> io::Result<Self> {
        config.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if config.raise_descriptor_limit {
            raise_descriptor_limit();
        }
        share_irc(&mut config.listeners);
        let listeners = config.listeners.iter().cloned().map(|l| (l.service, l.endpoint)).collect();
        let secrets = secrets(&config)?;
        let workers = Workers::new(config.workers.unwrap_or(1));
        let event_loop = EventLoop::bind(Options {
            listeners,
            limits: config.limits.clone(),
            signals: config.signals,
            reloads: config.reload.is_some(),
            jobs_max: match workers.tasks_max() {
                0 => OWN_JOBS,
                tasks_max => tasks_max,
            },
            secrets,
        })?;
        Ok(Self { event_loop, workers, tasks: VecDeque::new(), config })
    }

    /// One bounded pass of the loop: waits at most `timeout` for something to do. `None` waits as
    /// long as it takes.
    ///
    /// # Errors
    /// When the system's poll fails. No peer can make that happen.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Status> {
        let status = self.event_loop.turn(timeout)?;
        self.work();
        Ok(status)
    }

    /// Serves until the relay is stopped: by a [`Handle`], or by a signal if the config allows.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn run(&mut self) -> io::Result<()> {
        while self.turn(None)? != Status::Stopped {}
        Ok(())
    }

    /// Returns the next job, where the config leaves them to the program
    /// ([`Config::workers`] is 0): [run](Task::run) it where it may block, then hand in what came of it
    /// ([`complete_job`](Self::complete_job)). To be asked after every [`turn`](Self::turn).
    pub fn take_job(&mut self) -> Option<(JobId, Task)> {
        self.tasks.pop_front()
    }

    /// Takes what came of a job; `None` if it failed. One that nobody waits for any longer is dropped.
    pub fn complete_job(&mut self, id: JobId, done: Option<TaskDone>) {
        let outcome = match done {
            Some(TaskDone::Verified(holds)) => Outcome::Verified(holds),
            Some(TaskDone::Read { file, config }) => Outcome::Reloaded(self.reload(&file, config)),
            None => Outcome::Failed,
        };
        self.event_loop.completed(id, &outcome);
    }

    /// Starts the jobs that the loop has to give, and takes the outcomes of those that are done.
    fn work(&mut self) {
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

    /// Puts in force what can be without a restart, or nothing at all; tells the log.
    fn reload(&mut self, file: &str, wanted: Result<Box<Config>, String>) -> Reloaded {
        let reload = wanted.and_then(|mut wanted| {
            share_irc(&mut wanted.listeners);
            self.config.reload(&wanted)
        });
        let is_done = reload.is_ok();
        let notes = match reload {
            Ok(Reload { config, applied, waiting }) => {
                let services = config.listeners.iter().map(|listen| listen.service.clone());
                self.event_loop.reconfigure(services.collect(), config.limits.clone());
                self.config = config;
                report(&applied, &waiting)
            }
            Err(text) => text.lines().map(str::to_owned).collect(),
        };
        for note in &notes {
            match is_done {
                true => log::info!(target: "hobnob", "{file}: {note}"),
                false => log::warn!(target: "hobnob", "{file}: nothing was changed: {note}"),
            }
        }
        Reloaded { file: file.to_owned(), notes, is_done }
    }

    /// When [`turn`](Self::turn) wants to be called although the descriptor is not readable. A
    /// moment that has passed means at once; `None`, not before something happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.event_loop.next_deadline()
    }

    /// Begins to end: nobody new, everybody told, then closed evenly. `turn` answers
    /// [`Status::Stopped`] when that is done.
    pub fn drain(&mut self) {
        self.event_loop.drain();
    }

    /// Says, counts and stops from other threads.
    pub fn handle(&self) -> Handle {
        self.event_loop.handle()
    }

    /// Where it listens, with the ports that the system chose. A host name with several addresses
    /// is several of them.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn bound(&self) -> io::Result<Vec<Bound>> {
        self.event_loop.bound()
    }

    /// The most connections it will hold at once.
    pub fn connections_max(&self) -> usize {
        self.event_loop.connections_max()
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.event_loop.counts()
    }
}

/// Returns the secrets of the config. What it leaves out is random.
fn secrets(config: &Config) -> io::Result<Secrets> {
    let key = config.secret.map_or_else(|| random().map(SecretKey::new), Ok)?;
    let run = config.run.map_or_else(|| random().map(u64::from_le_bytes), Ok)?;
    Ok(Secrets::new(key, run))
}

/// Returns bytes of the system's random number generator.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| io::Error::other(format!("the system has no random bytes: {error}")))?;
    Ok(bytes)
}

/// What has changed, in words.
fn report(applied: &[&str], waiting: &[&str]) -> Vec<String> {
    let mut notes = Vec::new();
    if !applied.is_empty() {
        notes.push(format!("in force now: {}", applied.join(", ")));
    }
    if !waiting.is_empty() {
        notes.push(format!("after a restart: {}", waiting.join(", ")));
    }
    if notes.is_empty() {
        notes.push("nothing is different".to_owned());
    }
    notes
}

/// IRC over WebSocket is served as on the first listener for IRC: one name, one set of operators.
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
