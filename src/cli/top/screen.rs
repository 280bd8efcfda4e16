//! The screen, laid out for 80 × 24 and larger terminals.

use super::Top;
use super::sample::{Curve, Sample};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Sparkline, Table, Wrap};

const QUIET: Style = Style::new().fg(Color::DarkGray);
const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
const CURVES: [(&str, Color); 4] = [
    ("messages", Color::Cyan),
    ("deliveries", Color::Green),
    ("received", Color::Blue),
    ("sent", Color::Magenta),
];

/// Draws the screen.
pub(super) fn draw(frame: &mut Frame<'_>, top: &Top) {
    // On a low screen, rooms and peers take precedence over totals.
    let totals = if frame.area().height < 20 { 0 } else { 6 };
    let rows = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(6),
        Constraint::Fill(1),
        Constraint::Length(totals),
        Constraint::Length(1),
    ]);
    let [head, curves, lists, ends, foot] = rows.areas(frame.area());
    footer(frame, top, foot);
    let Some(sample) = top.history.last_sample() else {
        let [_, rest] =
            Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(frame.area());
        frame.render_widget(Line::from(format!(" hobnob top {}", top.address)).style(STRONG), head);
        return draw_no_sample(frame, top, rest);
    };
    header(frame, top, sample, head);
    four_curves(frame, top, curves);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(52), Constraint::Fill(1)]).areas(lists);
    rooms(frame, top, left);
    peers(frame, sample, right);
    let thirds = Layout::horizontal([Constraint::Ratio(1, 3); 3]).areas::<3>(ends);
    let families = ["hobnob_connections", "hobnob_closes_total", "hobnob_refusals_total"];
    let titles = [" connections ", " closed, by reason ", " refused, by reason "];
    for ((area, family), title) in thirds.into_iter().zip(families).zip(titles) {
        labelled(frame, sample, family, title, area);
    }
}

/// Draws the screen before the first sample.
fn draw_no_sample(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let mut lines = match &top.error {
        None => vec![Line::from("connecting …")],
        Some(error) => vec![
            Line::from(error.clone()).red(),
            Line::default(),
            Line::from("Is the relay running? Start it in another terminal:"),
            Line::from("    hobnob serve").style(STRONG),
            Line::from(
                "Its admin listener is http://127.0.0.1:9090. With --listen, there is none by",
            ),
            Line::from("default: hobnob serve --listen … --admin http://127.0.0.1:9090"),
            Line::default(),
            Line::from("Retrying every second.").style(QUIET),
        ],
    };
    lines.insert(0, Line::default());
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(
        text.block(Block::new().padding(ratatui::widgets::Padding::horizontal(2))),
        area,
    );
}

fn header(frame: &mut Frame<'_>, top: &Top, sample: &Sample, area: Rect) {
    let is_lost = top.error.is_some();
    let (word, color) = match (&*sample.state, is_lost, top.is_paused) {
        (_, true, _) => ("unreachable", Color::Red),
        (_, _, true) => ("paused", Color::Yellow),
        ("ready", ..) => ("ready", Color::Green),
        (state, ..) => (state, Color::Red),
    };
    let first = Line::from(vec![
        Span::styled(format!(" hobnob {} ", sample.top.version), STRONG),
        Span::styled(format!("{}  ", top.address), QUIET),
        Span::raw(format!("up {}  ", span(sample.top.running_ms / 1000))),
        Span::styled(word.to_owned(), Style::new().fg(color).add_modifier(Modifier::BOLD)),
    ]);
    let people: f64 = sample.by_label("hobnob_connections").iter().map(|(_, count)| count).sum();
    let turn = top.history.turn.map_or("–".to_owned(), |turn| format!("{turn:?}"));
    let second = Line::from(format!(
        " {} connected · {} rooms · {} laggards · {} backlog · loop {:.0} % · turns < {turn}",
        count(people),
        count(sample.number("hobnob_rooms")),
        count(sample.number("hobnob_laggards")),
        size(sample.number("hobnob_backlog_bytes")),
        top.history.busy * 100.0,
    ));
    let text = match &top.error {
        Some(error) => vec![first, Line::from(format!(" {error}")).red()],
        None => vec![first, second],
    };
    frame.render_widget(Paragraph::new(text), area);
}

fn four_curves(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let lines = Layout::vertical([Constraint::Length(3); 2]).areas::<2>(area);
    let halves = lines.map(|line| {
        Layout::horizontal([Constraint::Percentage(50), Constraint::Fill(1)]).areas::<2>(line)
    });
    let areas = halves.as_flattened();
    for ((curve, (word, color)), area) in Curve::ALL.into_iter().zip(CURVES).zip(areas) {
        let rates = top.history.curve(curve);
        let now = rates.back().copied().unwrap_or(0) as f64;
        let is_bytes = matches!(curve, Curve::Received | Curve::Sent);
        let figure = if is_bytes { size(now) } else { count(now) };
        let mut title = Line::from(vec![
            Span::styled(format!(" {word} "), QUIET),
            Span::styled(
                format!("{figure}/s "),
                Style::new().fg(color).add_modifier(Modifier::BOLD),
            ),
        ]);
        if matches!(curve, Curve::Messages) && top.history.private > 0.0 {
            let private = format!("and {}/s direct ", count(top.history.private));
            title.push_span(Span::styled(private, QUIET));
        }
        let width = usize::from(area.width.saturating_sub(2));
        let from = rates.len().saturating_sub(width);
        let mut shown = vec![0; width.saturating_sub(rates.len())];
        shown.extend(rates.iter().skip(from));
        let line = Sparkline::default().data(&shown).style(Style::new().fg(color));
        let block = Block::new().title(title).padding(ratatui::widgets::Padding::horizontal(1));
        frame.render_widget(line.block(block), *area);
    }
}

fn rooms(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let rows = top.history.rooms(top.order).into_iter().map(|room| {
        Row::new([
            Cell::from(plain(&room.room)),
            right(count(f64::from(room.members))),
            right(format!("{}/s", count(room.rate))),
            right(size(room.backlog as f64)),
            right(size(room.history as f64)),
        ])
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(7),
    ];
    let head = Row::new([
        Cell::from("room"),
        right("members".to_owned()),
        right("rate".to_owned()),
        right("backlog".to_owned()),
        right("history".to_owned()),
    ]);
    let title = format!(" largest rooms, by {} ", top.order.word());
    let table = Table::new(rows, widths).header(head.style(QUIET));
    frame.render_widget(table.block(Block::bordered().border_style(QUIET).title(title)), area);
}

fn peers(frame: &mut Frame<'_>, sample: &Sample, area: Rect) {
    let block = Block::bordered().border_style(QUIET).title(" slowest peers ");
    if sample.top.peers.is_empty() {
        let text = Paragraph::new("no peer is behind").style(QUIET).alignment(Alignment::Center);
        return frame.render_widget(text.block(block), area);
    }
    let rows = sample.top.peers.iter().map(|peer| {
        let name = if peer.name.is_empty() { peer.id.clone() } else { plain(&peer.name) };
        let state = if peer.blocked { "stuck" } else { "" };
        Row::new([
            Cell::from(name),
            Cell::from(peer.protocol.clone()).style(QUIET),
            right(size(peer.owed as f64)),
            Cell::from(state).style(Style::new().fg(Color::Red)),
            right(span(peer.silent_ms / 1000)),
        ])
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(6),
        Constraint::Length(5),
        Constraint::Length(4),
    ];
    let head = Row::new([
        Cell::from("name"),
        Cell::from("protocol"),
        right("queued".to_owned()),
        Cell::from(""),
        right("idle".to_owned()),
    ]);
    frame.render_widget(Table::new(rows, widths).header(head.style(QUIET)).block(block), area);
}

fn labelled(frame: &mut Frame<'_>, sample: &Sample, family: &str, title: &str, area: Rect) {
    let rows = sample.by_label(family);
    let lines = rows.into_iter().map(|(label, number)| {
        let width = usize::from(area.width.saturating_sub(3));
        let figure = count(number);
        let room = width.saturating_sub(figure.len() + 1);
        Line::from(vec![
            Span::raw(format!(" {label:<room$.room$}")),
            Span::styled(format!("{figure} "), STRONG),
        ])
    });
    let text = Paragraph::new(lines.collect::<Vec<_>>());
    frame.render_widget(
        text.block(Block::bordered().border_style(QUIET).title(title.to_owned())),
        area,
    );
}

fn footer(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let key = |key: &'static str| Span::styled(key, Style::new().add_modifier(Modifier::REVERSED));
    let hold = if top.is_paused { " resume  " } else { " pause  " };
    let line = Line::from(vec![
        Span::raw(" "),
        key(" q "),
        Span::raw(" quit  "),
        key(" s "),
        Span::raw(" sort rooms  "),
        key(" space "),
        Span::raw(hold),
    ]);
    frame.render_widget(line, area);
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).right_aligned())
}

/// Replaces control characters in untrusted text.
fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

/// Formats a number in at most six characters.
fn count(number: f64) -> String {
    match number {
        n if n < 10.0 && n.fract() != 0.0 => format!("{n:.1}"),
        n if n < 10_000.0 => format!("{n:.0}"),
        n if n < 1e6 => format!("{:.1}k", n / 1e3),
        n if n < 1e9 => format!("{:.1}M", n / 1e6),
        n => format!("{:.1}G", n / 1e9),
    }
}

/// Formats bytes in at most six characters.
fn size(bytes: f64) -> String {
    match bytes {
        b if b < 1024.0 => format!("{b:.0}B"),
        b if b < 1024.0 * 1024.0 => format!("{:.1}K", b / 1024.0),
        b if b < 1024.0 * 1024.0 * 1024.0 => format!("{:.1}M", b / (1024.0 * 1024.0)),
        b => format!("{:.1}G", b / (1024.0 * 1024.0 * 1024.0)),
    }
}

/// Formats seconds with one or two units.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h{:02}", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        assert_eq!(count(0.0), "0");
        assert_eq!(count(2.5), "2.5");
        assert_eq!(count(9_999.0), "9999");
        assert_eq!(count(12_345.0), "12.3k");
        assert_eq!(size(1023.0), "1023B");
        assert_eq!(size(1536.0), "1.5K");
        assert_eq!((span(59), span(61), span(3_700)), ("59s".into(), "1m".into(), "1h01".into()));
    }
}
