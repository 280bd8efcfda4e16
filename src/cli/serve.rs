//! `hobnob serve`: the relay.

use super::settings::{Settings, Table};
use env_logger::{Builder, Env, Target};
use hobnob::config::ReadConfig;
use hobnob::session::Service;
use hobnob::{Bound, Config, Listen, Relay};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// Run the relay.
#[derive(Clone, clap::Args)]
#[command(
    after_help = "Example: hobnob serve --listen 'raw://[::]:12345?room=tea' --listen frame://[::]:7000\n\n\
    Every option is also a key of the file and an environment variable: flags go before the\n\
    environment, and that before the file. RUST_LOG=debug|info|warn|off sets what is logged."
)]
pub(super) struct Args {
    /// A TOML file with the same keys as these options, and a table [irc]; SIGHUP has it read again
    #[cfg(feature = "config")]
    #[arg(long, value_name = "FILE", env = "HOBNOB_CONFIG")]
    config: Option<std::path::PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Serves until it is told to stop.
pub(super) fn run(args: &Args) -> Result<(), String> {
    let config = Config { reload: reader_of(args), ..config_of(args)? };
    let _log = start_log();
    let limits = config.limits.clone();
    let listeners = config.listeners.clone();
    let mut relay = Relay::bind(config).map_err(|error| error.to_string())?;
    let bound = relay.bound().map_err(|error| error.to_string())?;
    greet(&relay, &listeners, &bound, &limits);
    relay.run().map_err(|error| error.to_string())?;
    match relay.counts().connections {
        0 => Ok(()),
        left => Err(format!("stopped with {left} connections still open")),
    }
}

#[cfg(feature = "config")]
fn config_of(args: &Args) -> Result<Config, String> {
    let file = args.config.as_deref().map(super::check::read).transpose()?;
    args.settings.clone().or(file.unwrap_or_default()).into_config()
}

#[cfg(not(feature = "config"))]
fn config_of(args: &Args) -> Result<Config, String> {
    args.settings.clone().into_config()
}

/// Reads the configuration again, from the same file and arguments.
#[cfg(feature = "config")]
fn reader_of(args: &Args) -> Option<ReadConfig> {
    let file = args.config.as_deref().and_then(std::path::Path::file_name)?;
    let args = args.clone();
    Some(ReadConfig::new(&file.to_string_lossy(), move || {
        config_of(&args).map_err(|error| super::check::without_source(&error))
    }))
}

#[cfg(not(feature = "config"))]
fn reader_of(_: &Args) -> Option<ReadConfig> {
    None
}

/// Where it listens, what is in force, and what to try next.
fn greet(relay: &Relay, listeners: &[Listen], bound: &[Bound], limits: &hobnob::Limits) {
    let mut text = format!("hobnob {} is listening\n", env!("CARGO_PKG_VERSION"));
    let mut hints = Vec::new();
    // A host name may stand for several addresses; they come in the order of the listeners.
    let mut services = listeners.iter().map(|listen| &listen.service);
    let one_each = listeners.len() == bound.len();
    for place in bound {
        let service = if one_each { services.next() } else { None };
        let word = service.map_or("", Service::word);
        text.push_str(&format!("  {word:<6} {place}\n"));
        hints.extend(service.map(|service| hint(service, place)));
    }
    let most = relay.connections_max();
    text.push_str(&format!(
        "with room for {most} connections, under these limits\n{}",
        Table(limits)
    ));
    if !hints.is_empty() {
        text.push_str(&format!("try, in another terminal\n  {}\n", hints.join("\n  ")));
    }
    text.push_str("Ctrl-C drains and stops; twice stops at once\n");
    // Whoever closed our output does not want to read it.
    let _ = io::stdout().write_all(text.as_bytes());
}

fn hint(service: &Service, place: &Bound) -> String {
    match (service, place) {
        (Service::Raw(_), Bound::Tcp(address)) => {
            format!("nc {} {}", reachable(address).ip(), address.port())
        }
        (Service::Raw(_), Bound::Unix(path)) => format!("nc -U {}", path.display()),
        #[cfg(feature = "http")]
        (Service::Http(_), Bound::Tcp(address)) if service.is_admin() => {
            format!("curl http://{}/metrics", reachable(address))
        }
        #[cfg(feature = "http")]
        (Service::Http(_), Bound::Tcp(address)) => {
            format!("a browser at http://{}/", reachable(address))
        }
        #[cfg(feature = "http")]
        (Service::Http(_), Bound::Unix(path)) => {
            format!("curl --unix-socket {} http://localhost/", path.display())
        }
        (Service::Irc(_), Bound::Tcp(address)) => {
            let address = reachable(address);
            format!("irssi -c {} -p {}, and there: /join #lobby", address.ip(), address.port())
        }
        (Service::Irc(_), Bound::Unix(path)) => format!("nc -U {}", path.display()),
        (Service::Frame(_), Bound::Tcp(address)) => {
            format!("{} chat frame://{}", program(), reachable(address))
        }
        (Service::Frame(_), Bound::Unix(path)) => {
            format!("{} chat unix:{}", program(), path.display())
        }
    }
}

/// This program, as it was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "hobnob".to_owned())
}

/// An address at which a listener on every address can be reached from here.
fn reachable(address: &SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// Lines that may wait for a slow reader of the log before further ones are dropped.
const LOG_LINES: usize = 1024;

/// How long the end of the process waits for the log to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// What goes to the thread that writes the log.
enum LogEntry {
    Line(Vec<u8>),
    /// Everything before this has been written: say so.
    Written(SyncSender<()>),
}

/// Logs to stderr through a thread of its own: a terminal that stands still must not stop the loop.
/// What is returned waits, when it goes, until everything logged was written.
fn start_log() -> LogEnd {
    let (entries, waiting) = sync_channel(LOG_LINES);
    thread::spawn(move || {
        while let Ok(entry) = waiting.recv() {
            match entry {
                // Whoever closed our stderr does not want to read it.
                LogEntry::Line(line) => drop(io::stderr().write_all(&line)),
                LogEntry::Written(done) => drop(done.send(())),
            }
        }
    });
    let sink = LogSink { entries: entries.clone(), dropped: 0 };
    Builder::from_env(Env::default().default_filter_or("info"))
        .format_timestamp_millis()
        .target(Target::Pipe(Box::new(sink)))
        .init();
    LogEnd { entries }
}

/// Keeps the process until its log is written, or nobody seems to read it.
struct LogEnd {
    entries: SyncSender<LogEntry>,
}

impl Drop for LogEnd {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.entries.try_send(LogEntry::Written(done)).is_ok() {
            let _ = written.recv_timeout(LOG_PATIENCE);
        }
    }
}

/// Hands finished lines over, or counts them if nobody keeps up.
struct LogSink {
    entries: SyncSender<LogEntry>,
    dropped: u64,
}

impl Write for LogSink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut text = Vec::new();
        if self.dropped > 0 {
            let note = format!("({} lines of the log were dropped)\n", self.dropped);
            text.extend_from_slice(note.as_bytes());
        }
        text.extend_from_slice(line);
        match self.entries.try_send(LogEntry::Line(text)) {
            Ok(()) => self.dropped = 0,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.dropped += 1,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
