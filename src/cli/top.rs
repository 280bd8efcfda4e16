//! `hobnob top`: how the relay is doing, live, from its admin listener.

mod fetch;
mod sample;
mod screen;

use fetch::Watch;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use sample::{History, Order};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// See how a relay is doing: rates, the biggest rooms, the slowest peers, and who left why.
#[derive(clap::Args)]
#[command(after_help = "Example: hobnob top http://127.0.0.1:9090\n\n\
    Keys: s sorts the rooms otherwise, space holds the picture, q leaves.")]
pub(super) struct Args {
    /// The relay's admin listener
    #[arg(default_value = "http://127.0.0.1:9090", value_name = "URL")]
    address: String,
    /// Time between two looks
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
}

/// Everything that is shown, and how.
struct Top {
    address: String,
    history: History,
    order: Order,
    is_held: bool,
    /// Why there is nothing new, if there is not.
    trouble: Option<String>,
}

/// Shows until somebody presses q.
pub(super) fn run(args: Args) -> Result<(), String> {
    if !io::stdout().is_terminal() {
        return Err(format!(
            "top draws on a terminal, and this is none: for programs there is curl {}/metrics",
            args.address
        ));
    }
    let watch = Watch::start(&args.address, Duration::from_secs(args.every))?;
    let (history, order) = (History::default(), Order::Members);
    let address = args.address;
    let mut top = Top { address, history, order, is_held: false, trouble: None };
    let mut terminal = ratatui::init();
    let ended = top.show(&mut terminal, &watch);
    ratatui::restore();
    ended.map_err(|error| error.to_string())
}

impl Top {
    fn show(&mut self, terminal: &mut ratatui::DefaultTerminal, watch: &Watch) -> io::Result<()> {
        loop {
            while let Some(seen) = watch.next() {
                match seen {
                    Ok(_) if self.is_held => {}
                    Ok(seen) => {
                        self.trouble = None;
                        self.history.add(seen, Instant::now());
                    }
                    Err(trouble) => self.trouble = Some(trouble),
                }
            }
            terminal.draw(|frame| screen::draw(frame, self))?;
            // Short enough that a new look is shown when it comes; keys are seen at once.
            if event::poll(Duration::from_millis(100))? && self.heed(&event::read()?) {
                return Ok(());
            }
        }
    }

    /// Whether that was the last key.
    fn heed(&mut self, event: &Event) -> bool {
        let Event::Key(key) = event else { return false };
        if key.kind != KeyEventKind::Press {
            return false;
        }
        let is_interrupt = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if is_interrupt => return true,
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char(' ') => self.is_held = !self.is_held,
            _ => {}
        }
        false
    }
}
