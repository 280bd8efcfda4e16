//! The door: a relay, from a checked [`Config`] to its last turn.

use crate::config::{Config, Listen, Reload};
use crate::engine::Counts;
use crate::net::{Bound, EventLoop, Handle, Options, Status, raise_descriptor_limit};
use crate::session::Reloaded;
use crate::session::Service;
use std::hash::{BuildHasher, RandomState};
use std::io;
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A relay, listening.
///
/// [`run`](Self::run) serves until it is told to stop. A program with a loop of its own calls
/// [`turn`](Self::turn) instead: whenever [`as_fd`](AsFd::as_fd) is readable, and at
/// [`next_deadline`](Self::next_deadline) at the latest. No thread is started, no signal is handled
/// and the process is never ended, unless the config asks for it.
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
    /// What is in force.
    config: Config,
}

impl Relay {
    /// Checks the config and listens.
    ///
    /// # Errors
    /// `InvalidInput` with a sentence when the config contradicts itself; else what the system said
    /// about an address.
    pub fn bind(mut config: Config) -> io::Result<Self> {
        config.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if config.raise_descriptor_limit {
            raise_descriptor_limit();
        }
        share_irc(&mut config.listeners);
        let listeners = config.listeners.iter().cloned().map(|l| (l.service, l.endpoint)).collect();
        let secret = config.secret.unwrap_or_else(|| RandomState::new().hash_one("hobnob"));
        let (limits, signals, reloads) = (config.limits.clone(), config.signals, config.reloads);
        let event_loop = EventLoop::bind(Options { listeners, limits, signals, reloads, secret })?;
        Ok(Self { event_loop, config })
    }

    /// One bounded pass of the loop: waits at most `timeout` for something to do. `None` waits as
    /// long as it takes.
    ///
    /// # Errors
    /// When the system's poll fails. No peer can make that happen.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Status> {
        self.event_loop.turn(timeout)
    }

    /// Serves until the relay is stopped: by a [`Handle`], or by a signal if the config allows.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn run(&mut self) -> io::Result<()> {
        while self.turn(None)? != Status::Stopped {
            if self.is_reload_asked() {
                // There is nobody here who would read it.
                self.event_loop.reloaded(&Reloaded::default());
            }
        }
        Ok(())
    }

    /// Whether somebody wants the configuration to be read again; only where the config says that
    /// somebody will ([`Config::reloads`]). To be asked after every [`turn`](Self::turn), and
    /// answered by [`reload`](Self::reload): an operator who wants it is not listened to meanwhile.
    pub fn is_reload_asked(&self) -> bool {
        self.event_loop.is_reload_asked()
    }

    /// The configuration was read again, out of `file`, or could not be. Puts in force what can be
    /// without a restart, or nothing at all; tells those who wanted it, and the log.
    pub fn reload(&mut self, file: &str, wanted: Result<Config, String>) {
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
        self.event_loop.reloaded(&Reloaded { file: file.to_owned(), notes, is_done });
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
