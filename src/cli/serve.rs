//! `hobnob serve`: runs the relay.

use super::settings::{Settings, Table};
use env_logger::{Builder, Env, Target};
use hobnob::config::ReadConfig;
#[cfg(feature = "config")]
use hobnob::config::ReadConfigError;
use hobnob::session::Service;
use hobnob::{BindError, Bound, Config, Listen, Relay};
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
    /// A TOML file with the same keys as these options, and a table [irc]; SIGHUP reloads it
    #[cfg(feature = "config")]
    #[arg(long, value_name = "FILE", env = "HOBNOB_CONFIG")]
    config: Option<std::path::PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Serves until the relay is stopped.
pub(super) fn run(args: &Args) -> Result<(), String> {
    let config = Config { reload: config_reader(args), ..load_config(args)? };
    let _log = start_log();
    let limits = config.limits.clone();
    let listeners = config.listeners.clone();
    let mut relay = Relay::bind(config).map_err(|error| bind_error(&error))?;
    let bound = relay.bound().map_err(|error| error.to_string())?;
    print_banner(&relay, &listeners, &bound, &limits);
    relay.run().map_err(|error| error.to_string())?;
    match relay.counts().connections {
        0 => Ok(()),
        left if relay.is_cut_short() => Err(format!("stopped with {left} connections still open")),
        left => {
            log::warn!(target: "hobnob", "drain-hard is over: {left} connections did not close in time");
            Ok(())
        }
    }
}

/// Adds the flag that chooses a port, where one is taken.
fn bind_error(error: &BindError) -> String {
    match error {
        BindError::Listen(cause) if cause.kind() == io::ErrorKind::AddrInUse => format!(
            "{error} with --listen SCHEME://HOST:PORT, given once for each listener: it replaces \
             all default listeners (for the admin listener: --admin http://HOST:PORT)"
        ),
        _ => error.to_string(),
    }
}

#[cfg(feature = "config")]
fn load_config(args: &Args) -> Result<Config, String> {
    let file = args.config.as_deref().map(super::check::read).transpose()?;
    args.settings.clone().or(file.unwrap_or_default()).into_config()
}

#[cfg(not(feature = "config"))]
fn load_config(args: &Args) -> Result<Config, String> {
    args.settings.clone().into_config()
}

/// Returns a reader that reloads the configuration from the same file and arguments.
#[cfg(feature = "config")]
fn config_reader(args: &Args) -> Option<ReadConfig> {
    let file = args.config.as_deref().and_then(std::path::Path::file_name)?;
    let args = args.clone();
    Some(ReadConfig::new(&file.to_string_lossy(), move || {
        load_config(&args)
            .map_err(|error| ReadConfigError::new(super::check::without_source(&error)))
    }))
}

#[cfg(not(feature = "config"))]
fn config_reader(_: &Args) -> Option<ReadConfig> {
    None
}

/// Prints the bound addresses, the limits, and a client command for each listener.
fn print_banner(relay: &Relay, listeners: &[Listen], bound: &[Bound], limits: &hobnob::Limits) {
    let mut text = format!("hobnob {} is listening\n", env!("CARGO_PKG_VERSION"));
    let mut hints = Vec::new();
    // A host name can resolve to several addresses, in the order of the listeners.
    let mut services = listeners.iter().map(|listen| &listen.service);
    let one_each = listeners.len() == bound.len();
    for place in bound {
        let service = if one_each { services.next() } else { None };
        let word = service.map_or("", Service::word);
        text.push_str(&format!("  {word:<6} {place}\n"));
        hints.extend(service.map(|service| hint(service, place)));
    }
    let most = relay.connections_max();
    text.push_str(&format!("at most {most} connections, with these limits\n{}", Table(limits)));
    if !hints.is_empty() {
        text.push_str(&format!("clients, in another terminal\n  {}\n", hints.join("\n  ")));
    }
    text.push_str("Ctrl-C drains and stops; a second Ctrl-C stops at once\n");
    // A closed stdout has no reader.
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
            format!("open in a browser: http://{}/", reachable(address))
        }
        #[cfg(feature = "http")]
        (Service::Http(_), Bound::Unix(path)) => {
            format!("curl --unix-socket {} http://localhost/", path.display())
        }
        (Service::Irc(_), Bound::Tcp(address)) => {
            let address = reachable(address);
            format!("irssi -c {} -p {}, then /join #lobby", address.ip(), address.port())
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

/// Returns the name by which this program was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "hobnob".to_owned())
}

/// Returns an address at which a listener on all interfaces can be reached from this machine.
fn reachable(address: &SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// Log lines that may wait for a slow reader; further lines are dropped.
const LOG_LINES: usize = 1024;

/// Time to wait at exit for the log to be written.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A message to the log thread.
enum LogEntry {
    Line(Vec<u8>),
    /// Confirm that all earlier lines are written.
    Written(SyncSender<()>),
}

/// Logs to stderr through a separate thread: a stopped terminal must not block the loop. The
/// returned guard waits on drop until the log is written.
fn start_log() -> LogGuard {
    let (entries, waiting) = sync_channel(LOG_LINES);
    thread::spawn(move || {
        while let Ok(entry) = waiting.recv() {
            match entry {
                // A closed stderr has no reader.
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
    LogGuard { entries }
}

/// A guard that waits on drop until the log is written, for a limited time.
struct LogGuard {
    entries: SyncSender<LogEntry>,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.entries.try_send(LogEntry::Written(done)).is_ok() {
            let _ = written.recv_timeout(LOG_FLUSH_TIMEOUT);
        }
    }
}

/// Passes lines to the log thread; counts them when its queue is full.
struct LogSink {
    entries: SyncSender<LogEntry>,
    dropped: u64,
}

impl Write for LogSink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut text = Vec::new();
        if self.dropped > 0 {
            let note = format!("({} log lines were dropped)\n", self.dropped);
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
