//! `hobnob pub`: publishes messages, and exits once they are acknowledged.

use super::Relay;
use super::connection_error;
use super::stdin_lines;
use super::text;
use hobnob::client::Client;
use hobnob::client::Event;
use hobnob::client::Options;
use hobnob::client::PublishError;
use std::io;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;
use std::time::Instant;

/// Publish messages in a room, and exit once they are acknowledged.
///
/// With TEXT, its words are one message. Without TEXT, every line of stdin is a message. The exit
/// status is 0 only if every message was acknowledged.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hobnob pub lobby hello everybody
  tail -f access.log | hobnob pub access --name web1")]
pub(crate) struct Args {
    /// The room
    room: String,
    /// The message; without it, stdin line by line
    text: Vec<String>,
    #[command(flatten)]
    relay: Relay,
    /// Print every acknowledgement as a JSON line
    #[cfg(feature = "json")]
    #[arg(long)]
    json: bool,
    /// Give up when no acknowledgement arrives for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

/// The source of messages.
enum Source {
    Once(Option<Vec<u8>>),
    Stdin(Receiver<io::Result<Vec<u8>>>),
}

impl Source {
    /// Returns the next message; `None` if there is none at the moment.
    fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Once(text) => Ok(text.take()),
            Self::Stdin(lines) => match lines.try_recv() {
                Ok(line) => line.map(Some).map_err(|error| format!("stdin: {error}")),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => {
                    *self = Self::Once(None);
                    Ok(None)
                }
            },
        }
    }

    fn is_done(&self) -> bool {
        matches!(self, Self::Once(None))
    }
}

struct Publisher {
    client: Client,
    args: Args,
    source: Source,
    /// A message that the client could not accept yet.
    waiting: Option<Vec<u8>>,
    welcomed: bool,
    /// True if the last connection event was a welcome.
    connected: bool,
    /// The time of the last acknowledgement, or the last time without unacknowledged messages.
    progress: Instant,
}

pub(super) fn run(args: Args) -> Result<(), String> {
    let options = Options::new(args.relay.url.clone()).name(args.relay.name.clone());
    let mut client = Client::connect(options).map_err(|error| error.to_string())?;
    client.join(&args.room, 0);
    let source = match args.text.is_empty() {
        true => Source::Stdin(stdin_lines::from_stdin(client.waker())),
        false => Source::Once(Some(args.text.join(" ").into_bytes())),
    };
    let (waiting, progress) = (None, Instant::now());
    let (welcomed, connected) = (false, false);
    Publisher { client, args, source, waiting, welcomed, connected, progress }.run()
}

impl Publisher {
    fn run(&mut self) -> Result<(), String> {
        loop {
            self.publish_pending()?;
            let idle = self.waiting.is_none() && self.client.unacknowledged() == 0;
            if idle && self.source.is_done() {
                self.client.close();
                // One turn, to send the bye; the reply is not needed.
                return self.client.turn(Some(Duration::ZERO)).map_err(|error| error.to_string());
            }
            let timeout = self.time_left(idle)?;
            self.client.turn(timeout).map_err(|error| error.to_string())?;
            while let Some(event) = self.client.next_event() {
                self.handle_event(&event)?;
            }
        }
    }

    fn publish_pending(&mut self) -> Result<(), String> {
        loop {
            if self.waiting.is_none() {
                self.waiting = self.source.next()?;
            }
            let Some(message) = &self.waiting else { return Ok(()) };
            match self.client.publish(&self.args.room, message) {
                Ok(_) => self.waiting = None,
                Err(PublishError::Busy) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Returns the time left until the next acknowledgement must arrive.
    fn time_left(&mut self, idle: bool) -> Result<Option<Duration>, String> {
        if idle && self.welcomed {
            self.progress = Instant::now();
            return Ok(None);
        }
        let timeout = Duration::from_secs(self.args.timeout);
        match timeout.checked_sub(self.progress.elapsed()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(format!(
                "no acknowledgement for {} s: {} messages may not have been published",
                self.args.timeout,
                self.client.unacknowledged()
            )),
        }
    }

    fn handle_event(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Welcomed { .. } => {
                self.welcomed = true;
                self.connected = true;
            }
            Event::Acked { .. } => {
                self.progress = Instant::now();
                self.print(event)?;
            }
            Event::Refused { text, .. } => return Err(text::printable(text).into_owned()),
            Event::NameTaken { name, .. } => {
                eprintln!("hobnob: the name {} is in use", text::printable(name));
            }
            Event::Disconnected { cause, retry_in } => {
                let (true, Some(wait)) = (self.welcomed, retry_in) else {
                    return Err(connection_error(&self.args.relay.url, cause));
                };
                // Further failed attempts are not reported.
                if std::mem::take(&mut self.connected) {
                    let cause = cause.to_string();
                    let cause = text::printable(&cause);
                    eprintln!("hobnob: connection lost ({cause}); reconnecting in {wait:.1?}");
                }
            }
            _ => {}
        }
        Ok(())
    }

    #[cfg(feature = "json")]
    fn print(&self, event: &Event) -> Result<(), String> {
        use io::Write;
        let line = super::json_lines::line(event).filter(|_| self.args.json);
        match io::stdout().write_all(line.unwrap_or_default().as_bytes()) {
            // A closed stdout loses the acknowledgements; the messages are still published.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "json"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same with JSON is not")]
    fn print(&self, _event: &Event) -> Result<(), String> {
        Ok(())
    }
}
