//! `hobnob pub`: says messages, and is done when they are acknowledged.

use super::Relay;
use super::lines;
use super::text;
use super::unreachable;
use hobnob::client::Client;
use hobnob::client::Event;
use hobnob::client::Options;
use hobnob::client::PublishError;
use std::io;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;
use std::time::Instant;

/// Says messages in a room, and exits once they are acknowledged.
///
/// With TEXT, its words are one message. Without, every line of stdin is a message. The status is 0
/// only if everything was acknowledged.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hobnob pub lobby hello everybody
  tail -f access.log | hobnob pub access --name web1")]
pub(crate) struct Args {
    /// The room
    room: String,
    /// What to say; without it, stdin line by line
    text: Vec<String>,
    #[command(flatten)]
    relay: Relay,
    /// Print every acknowledgement as a JSON line
    #[cfg(feature = "json")]
    #[arg(long)]
    json: bool,
    /// Give up when nothing is acknowledged for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

/// What is still to be said.
enum Source {
    Once(Option<Vec<u8>>),
    Stdin(Receiver<io::Result<Vec<u8>>>),
}

impl Source {
    /// The next message; `None` if there is none now.
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
    /// Taken from the source, and too much for now.
    waiting: Option<Vec<u8>>,
    welcomed: bool,
    /// Whether the last that was heard of the connection is that it is up.
    connected: bool,
    /// When something was last acknowledged, or there was nothing to acknowledge.
    progress: Instant,
}

pub(super) fn run(args: Args) -> Result<(), String> {
    let options = Options::new(args.relay.url.clone()).name(args.relay.name.clone());
    let mut client = Client::connect(options).map_err(|error| error.to_string())?;
    client.join(&args.room, 0);
    let source = match args.text.is_empty() {
        true => Source::Stdin(lines::from_stdin(client.waker())),
        false => Source::Once(Some(args.text.join(" ").into_bytes())),
    };
    let (waiting, progress) = (None, Instant::now());
    let (welcomed, connected) = (false, false);
    Publisher { client, args, source, waiting, welcomed, connected, progress }.run()
}

impl Publisher {
    fn run(&mut self) -> Result<(), String> {
        loop {
            self.say_what_fits()?;
            let idle = self.waiting.is_none() && self.client.unacknowledged() == 0;
            if idle && self.source.is_done() {
                self.client.close();
                // Once, to send the goodbye; the answer does not matter any more.
                return self.client.turn(Some(Duration::ZERO)).map_err(|error| error.to_string());
            }
            let patience = self.patience(idle)?;
            self.client.turn(patience).map_err(|error| error.to_string())?;
            while let Some(event) = self.client.next_event() {
                self.take(&event)?;
            }
        }
    }

    fn say_what_fits(&mut self) -> Result<(), String> {
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

    /// How long to wait for the next acknowledgement.
    fn patience(&mut self, idle: bool) -> Result<Option<Duration>, String> {
        if idle && self.welcomed {
            self.progress = Instant::now();
            return Ok(None);
        }
        let patience = Duration::from_secs(self.args.timeout);
        match patience.checked_sub(self.progress.elapsed()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(format!(
                "nothing was acknowledged for {} s; {} messages may not have been said",
                self.args.timeout,
                self.client.unacknowledged()
            )),
        }
    }

    fn take(&mut self, event: &Event) -> Result<(), String> {
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
                eprintln!("hobnob: somebody has the name {} already", text::printable(name));
            }
            Event::Disconnected { cause, retry_in } => {
                let (true, Some(wait)) = (self.welcomed, retry_in) else {
                    return Err(unreachable(&self.args.relay.url, cause));
                };
                // That the tries after the first fail, too, is no news.
                if std::mem::take(&mut self.connected) {
                    let cause = cause.to_string();
                    let cause = text::printable(&cause);
                    eprintln!("hobnob: connection lost ({cause}); trying again in {wait:.1?}");
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
            // Nobody reads the acknowledgements; the messages are to be said all the same.
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
