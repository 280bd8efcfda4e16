//! `hobnob top`: shows a relay's state, read from its admin listener.

mod fetch;
mod sample;
mod screen;

use fetch::Poller;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use sample::{History, Order};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// Poller a relay: rates, the largest rooms, the slowest peers, and close reasons.
#[derive(clap::Args)]
#[command(after_help = "Example: hobnob top http://127.0.0.1:9090\n\n\
    Keys: s changes the order of rooms, space pauses, q quits.")]
pub(super) struct Args {
    /// The relay's admin listener
    #[arg(default_value = "http://127.0.0.1:9090", value_name = "URL")]
    address: String,
    /// Seconds between two samples
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
}

/// The state of the display.
struct Top {
    address: String,
    history: History,
    order: Order,
    is_paused: bool,
    /// The error of the last sample, if it failed.
    error: Option<String>,
}

/// Runs until the user quits.
pub(super) fn run(args: Args) -> Result<(), String> {
    if !io::stdout().is_terminal() {
        return Err(format!(
            "top needs a terminal: for programs, use curl {}/metrics",
            args.address
        ));
    }
    let poller = Poller::start(&args.address, Duration::from_secs(args.every))?;
    let (history, order) = (History::default(), Order::Members);
    let address = args.address;
    let mut top = Top { address, history, order, is_paused: false, error: None };
    let mut terminal = ratatui::init();
    let ended = top.show(&mut terminal, &poller);
    ratatui::restore();
    ended.map_err(|error| error.to_string())
}

impl Top {
    fn show(&mut self, terminal: &mut ratatui::DefaultTerminal, poller: &Poller) -> io::Result<()> {
        loop {
            while let Some(sample) = poller.next() {
                match sample {
                    Ok(_) if self.is_paused => {}
                    Ok(sample) => {
                        self.error = None;
                        self.history.add(sample, Instant::now());
                    }
                    Err(error) => self.error = Some(error),
                }
            }
            terminal.draw(|frame| screen::draw(frame, self))?;
            // Short, so that a new sample appears soon; keys interrupt the wait.
            if event::poll(Duration::from_millis(100))? && self.handle_key(&event::read()?) {
                return Ok(());
            }
        }
    }

    /// Handles a key. Returns true if it quits.
    fn handle_key(&mut self, event: &Event) -> bool {
        let Event::Key(key) = event else { return false };
        if key.kind != KeyEventKind::Press {
            return false;
        }
        let is_interrupt = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if is_interrupt => return true,
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char(' ') => self.is_paused = !self.is_paused,
            _ => {}
        }
        false
    }
}
