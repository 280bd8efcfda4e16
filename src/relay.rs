//! The door: a relay, from a checked [`Config`] to its last turn.

use crate::config::Config;
use crate::engine::Counts;
use crate::net::{Bound, Endpoint, EventLoop, Handle, Options, Status, raise_descriptor_limit};
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
}

impl Relay {
    /// Checks the config and listens.
    ///
    /// # Errors
    /// `InvalidInput` with a sentence when the config contradicts itself; else what the system said
    /// about an address.
    pub fn bind(config: Config) -> io::Result<Self> {
        config.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if config.raise_descriptor_limit {
            raise_descriptor_limit();
        }
        let mut listeners: Vec<_> =
            config.listeners.into_iter().map(|l| (l.service, l.endpoint)).collect();
        share_irc(&mut listeners);
        let secret = config.secret.unwrap_or_else(|| RandomState::new().hash_one("hobnob"));
        let (limits, signals) = (config.limits, config.signals);
        let event_loop = EventLoop::bind(Options { listeners, limits, signals, secret })?;
        Ok(Self { event_loop })
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
        while self.turn(None)? != Status::Stopped {}
        Ok(())
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

/// IRC over WebSocket is served as on the first listener for IRC: one name, one set of operators.
fn share_irc(listeners: &mut [(Service, Endpoint)]) {
    let irc = listeners.iter().find_map(|(service, _)| match service {
        Service::Irc(options) => Some(Arc::clone(options)),
        _ => None,
    });
    #[cfg(feature = "http")]
    for (service, _) in listeners {
        if let (Service::Http(http), Some(irc)) = (service, &irc) {
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
