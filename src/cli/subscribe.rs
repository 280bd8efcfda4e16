//! `hobnob sub`: prints messages as they arrive.

use super::Relay;
use super::connection_error;
use super::stdout_is_terminal;
use super::text;
use hobnob::client::Client;
use hobnob::client::Event;
use hobnob::client::Options;
use hobnob::client::Recovered;
use hobnob::client::Request;
use std::io;
use std::io::BufWriter;
use std::io::Stdout;
use std::io::Write;
use std::time::Duration;

/// Print a room's messages as they arrive.
///
/// One payload per line, unchanged; on a terminal, control characters are escaped. Lost messages
/// are reported on stderr, or with --json as a line of their own.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hobnob sub lobby
  hobnob sub lobby --json --history 100 --count 100 | jq .text")]
pub(crate) struct Args {
    /// The room
    room: String,
    #[command(flatten)]
    relay: Relay,
    /// Print JSON lines: messages, gaps, and the outcome for missed messages
    #[cfg(feature = "json")]
    #[arg(long)]
    json: bool,
    /// Exit after N messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Start with up to N past messages
    #[arg(long, value_name = "N", default_value_t = 0)]
    history: u64,
}

/// The reason to stop.
enum Stop {
    /// The requested number of messages was printed, or stdout is closed.
    Done,
    Failed(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Done,
            _ => Self::Failed(error.to_string()),
        }
    }
}

struct Subscriber {
    args: Args,
    out: BufWriter<Stdout>,
    /// True if stdout is a terminal.
    terminal: bool,
    welcomed: bool,
    /// True if the last connection event was a welcome.
    connected: bool,
    printed: u64,
}

pub(super) fn run(args: Args) -> Result<(), String> {
    let options = Options::new(args.relay.url.clone()).name(args.relay.name.clone());
    let mut client = Client::connect(options).map_err(|error| error.to_string())?;
    client.join(&args.room, args.history);
    let (out, terminal) = (BufWriter::new(io::stdout()), stdout_is_terminal());
    let mut subscriber =
        Subscriber { args, out, terminal, welcomed: false, connected: false, printed: 0 };
    loop {
        match subscriber.turn(&mut client) {
            Ok(()) => {}
            Err(Stop::Failed(text)) => return Err(text),
            Err(Stop::Done) => {
                client.close();
                // One turn, to send the bye; further input is ignored.
                return client.turn(Some(Duration::ZERO)).map_err(|error| error.to_string());
            }
        }
    }
}

impl Subscriber {
    /// Runs one turn, and writes the output of all its events at once.
    fn turn(&mut self, client: &mut Client) -> Result<(), Stop> {
        if self.args.count.is_some_and(|count| self.printed >= count) {
            return Err(Stop::Done);
        }
        client.turn(None)?;
        while let Some(event) = client.next_event() {
            let handled = self.handle_event(&event);
            if handled.is_err() {
                self.out.flush()?;
            }
            handled?;
        }
        Ok(self.out.flush()?)
    }

    fn handle_event(&mut self, event: &Event) -> Result<(), Stop> {
        if !self.print_json(event)? {
            self.print_plain(event)?;
        }
        match event {
            Event::Welcomed { .. } => {
                self.welcomed = true;
                self.connected = true;
            }
            Event::Message { .. } => {
                self.printed += 1;
                if self.args.count == Some(self.printed) {
                    return Err(Stop::Done);
                }
            }
            Event::Refused { request: Request::Join(_), text, .. } => {
                return Err(Stop::Failed(text::printable(text).into_owned()));
            }
            Event::Kicked { room } => {
                let room = text::printable(room);
                return Err(Stop::Failed(format!("an operator removed this client from {room}")));
            }
            Event::Disconnected { cause, retry_in } if !self.welcomed || retry_in.is_none() => {
                return Err(Stop::Failed(connection_error(&self.args.relay.url, cause)));
            }
            Event::Disconnected { .. } => self.connected = false,
            _ => {}
        }
        Ok(())
    }

    fn print_plain(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Message { sender, payload, .. } if self.terminal => {
                writeln!(self.out, "{}", text::message_text(&text::printable(sender), payload))?;
            }
            Event::Message { payload, .. } => {
                self.out.write_all(payload)?;
                if payload.last() != Some(&b'\n') {
                    self.out.write_all(b"\n")?;
                }
            }
            _ => {
                if let Some(notice) = self.notice(event) {
                    // Keeps the order if stdout and stderr are the same terminal.
                    self.out.flush()?;
                    eprintln!("hobnob: {notice}");
                }
            }
        }
        Ok(())
    }

    /// Returns the notice for an event that affects which messages are printed.
    fn notice(&self, event: &Event) -> Option<String> {
        Some(match event {
            Event::Gap { from, to, .. } => format!("messages {from} to {to} were lost"),
            Event::Joined { recovered: Recovered::Complete { missed }, .. } => {
                format!("back; {missed} missed messages follow")
            }
            Event::Joined { recovered: Recovered::Lost { lost: Some(lost), .. }, .. } => {
                format!("back; {lost} messages could not be recovered")
            }
            Event::Joined { recovered: Recovered::Lost { lost: None, .. }, .. } => {
                "back; the room was created anew, and missed messages could not be recovered"
                    .to_owned()
            }
            Event::Disconnected { cause, retry_in: Some(wait) } if self.connected => {
                let cause = cause.to_string();
                let cause = text::printable(&cause);
                format!("connection lost ({cause}); reconnecting in {wait:.1?}")
            }
            Event::Draining => "the relay is shutting down".to_owned(),
            _ => return None,
        })
    }

    /// Prints the event as JSON, if requested. Returns false if it was not requested.
    #[cfg(feature = "json")]
    fn print_json(&mut self, event: &Event) -> io::Result<bool> {
        if let Some(line) = super::json_lines::line(event).filter(|_| self.args.json) {
            self.out.write_all(line.as_bytes())?;
        }
        Ok(self.args.json)
    }

    #[cfg(not(feature = "json"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same with JSON is not")]
    fn print_json(&mut self, _event: &Event) -> io::Result<bool> {
        Ok(false)
    }
}
