//! A relay on a thread of its own.

use super::{Client, PATIENCE, RUN, SECRET, Spelling};
use hobnob::engine::Counts;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::{Bound, Config, Handle, Limits, Relay};
use std::io;
use std::sync::{Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Limits with a message rate for everybody, so slow that whoever has used up the burst stays refused,
/// however long a test takes.
pub fn one_an_hour(rate_burst: u32) -> Limits {
    let rate_every = Duration::from_secs(3600);
    Limits { limit_loopback: true, rate_burst, rate_every, ..Limits::default() }
}

/// A relay that serves until this is dropped.
pub struct Server {
    pub handle: Handle,
    bound: Vec<Bound>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Listens with the default limits.
    pub fn start(listeners: &[&str]) -> Self {
        Self::with(listeners, Limits::default())
    }

    /// Listens with these limits.
    pub fn with(listeners: &[&str], limits: Limits) -> Self {
        Self::try_with(listeners, limits).expect("the relay listens")
    }

    /// One listener for frames.
    pub fn frames() -> Self {
        Self::start(&["frame://127.0.0.1:0"])
    }

    /// One listener for frames, with these limits.
    pub fn frames_with(limits: Limits) -> Self {
        Self::with(&["frame://127.0.0.1:0"], limits)
    }

    pub fn try_with(listeners: &[&str], limits: Limits) -> io::Result<Self> {
        let listeners = listeners.iter().map(|url| url.parse().expect("a listener's URL"));
        let (listeners, secret, run) = (listeners.collect(), Some(SECRET), Some(RUN));
        let config = Config { listeners, limits, secret, run, ..Config::default() };
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut relay = match bind(config) {
                Ok(relay) => relay,
                Err(error) => {
                    tell.send(Err(error)).expect("the test waits");
                    return Ok(());
                }
            };
            tell.send(relay.bound().map(|bound| (relay.handle(), bound))).expect("the test waits");
            relay.run()
        });
        let (handle, bound) = told.recv().expect("the relay's thread lives")?;
        Ok(Self { handle, bound, thread: Some(thread) })
    }

    pub fn bound(&self, index: usize) -> &Bound {
        &self.bound[index]
    }

    pub fn port(&self, index: usize) -> u16 {
        match &self.bound[index] {
            Bound::Tcp(address) => address.port(),
            Bound::Unix(path) => panic!("{} has no port", path.display()),
        }
    }

    /// A client of the first listener.
    pub fn connect(&self) -> Client {
        self.connect_to(0)
    }

    /// A client of the `index`th listener.
    pub fn connect_to(&self, index: usize) -> Client {
        Client::connect(&self.bound[index], None).expect("the relay accepts")
    }

    /// A client whose kernel takes little that it has not read.
    pub fn connect_narrow(&self, index: usize, receive_buffer: usize) -> Client {
        Client::connect(&self.bound[index], Some(receive_buffer)).expect("the relay accepts")
    }

    /// A client of frames in this spelling.
    pub fn speak(&self, spelling: Spelling) -> Client {
        let mut client = self.connect();
        client.spelling = spelling;
        client
    }

    /// The same, and welcome under this name.
    pub fn greet(&self, spelling: Spelling, name: &str) -> Client {
        let mut client = self.speak(spelling);
        client.hello(name);
        client
    }

    /// The same, and in a room that is new or empty or whose other members do not matter.
    pub fn enter(&self, spelling: Spelling, name: &str, room: &str) -> (Client, u32) {
        let mut client = self.greet(spelling, name);
        let room = client.join(room).room;
        (client, room)
    }

    pub fn counts(&self) -> Counts {
        self.handle.counts()
    }

    /// Number of connections that ended for this reason.
    pub fn closed(&self, reason: CloseReason) -> u64 {
        let index = CloseReason::ALL.iter().position(|member| *member == reason).unwrap();
        self.counts().closes[index]
    }

    /// Number of requests that were refused for this reason.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        let index = Refusal::ALL.iter().position(|member| *member == refusal).unwrap();
        self.counts().refusals[index]
    }

    /// Waits for the relay's counts to say something.
    pub fn until(&self, what: &str, mut is_so: impl FnMut(&Counts) -> bool) -> Counts {
        let since = Instant::now();
        loop {
            let counts = self.counts();
            if is_so(&counts) {
                return counts;
            }
            assert!(since.elapsed() < PATIENCE, "waited in vain until {what}: {counts:#?}");
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Waits until so many have ended for this reason.
    pub fn until_closed(&self, reason: CloseReason, count: u64) {
        let index = CloseReason::ALL.iter().position(|member| *member == reason).unwrap();
        self.until(&format!("{count} ended with {reason}"), |counts| {
            assert!(counts.closes[index] <= count, "more than {count} ended with {reason}");
            counts.closes[index] == count
        });
    }

    /// Waits until so much was refused for this reason.
    pub fn until_refused(&self, refusal: Refusal, count: u64) {
        let what = format!("{count} refusals of {refusal}");
        self.until(&what, |_| self.refused(refusal) == count);
    }

    /// Waits until so many were accepted in all.
    pub fn until_accepted(&self, count: u64) {
        self.until(&format!("{count} are accepted"), |counts| counts.accepted == count);
    }

    /// Waits until so many are connected.
    pub fn until_connected(&self, count: u64) {
        self.until(&format!("{count} are connected"), |counts| counts.connections == count);
    }

    /// Stops, and waits until it has.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.handle.stop();
        let Some(thread) = self.thread.take() else { return };
        let ended = thread.join();
        if thread::panicking() {
            return;
        }
        ended.expect("the relay does not panic").expect("the relay's poll works");
        assert_eq!(self.closed(CloseReason::Internal), 0, "no fault of the relay's own");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Binds. One relay at a time: while a Unix socket is made, the umask of the whole process is another.
fn bind(config: Config) -> io::Result<Relay> {
    static UMASK: Mutex<()> = Mutex::new(());
    let _umask = UMASK.lock();
    Ok(Relay::bind(config)?)
}
