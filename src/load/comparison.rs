//! The comparison of results, row by row, relative to the first.

use super::figures;
use super::outcome::{Group, Outcome};

/// One figure of all runs.
#[derive(Clone, Debug)]
pub struct Row {
    /// The figure's name.
    pub name: String,
    /// One cell per run.
    pub cells: Vec<Cell>,
}

/// One figure of one run.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The formatted value.
    pub text: String,
    /// The ratio to the first run; `None` for the first run, and where a ratio has no meaning.
    pub ratio: Option<f64>,
}

/// A function that formats a figure.
type Show = fn(f64) -> String;

/// A figure of a group of readers: name, format and value.
type OfGroup = (&'static str, Show, fn(&Group) -> f64);

const OF_GROUP: [OfGroup; 12] = [
    ("latency p50", figures::time, |group| group.latency.p50 as f64),
    ("latency p90", figures::time, |group| group.latency.p90 as f64),
    ("latency p99", figures::time, |group| group.latency.p99 as f64),
    ("latency p99.9", figures::time, |group| group.latency.p999 as f64),
    ("latency p99.99", figures::time, |group| group.latency.p9999 as f64),
    ("latency max", figures::time, |group| group.latency.max as f64),
    ("delivered", figures::count, |group| group.delivered as f64),
    ("lost without notice", figures::count, |group| group.lost as f64),
    ("missed with a gap notice", figures::count, |group| group.told as f64),
    ("missed after a close", figures::count, |group| group.cut_off as f64),
    ("duplicated", figures::count, |group| group.duplicated as f64),
    ("reordered", figures::count, |group| group.reordered as f64),
];

/// Returns all figures that any run has.
pub fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut table = Table { outcomes, rows: Vec::new() };
    table.add("connections", figures::count, |run| Some(run.connect.connections as f64));
    table.add("all joined after", figures::time, |run| some(run.connect.seconds * 1e9));
    table.add("join p99", figures::time, |run| some(run.connect.join.p99 as f64));
    let rounds = outcomes.iter().map(|run| run.rounds.len()).max().unwrap_or(0);
    for index in 0..rounds {
        let name = outcomes.iter().find_map(|run| Some(run.rounds.get(index)?.name.clone()));
        let name = name.unwrap_or_default();
        table.add(&name, figures::time, |run| Some(run.rounds.get(index)?.seconds * 1e9));
        table.add(&format!("{name}: join p99"), figures::time, |run| {
            Some(run.rounds.get(index)?.join.p99 as f64)
        });
        table.add(&format!("{name}: retries"), figures::count, |run| {
            Some(run.rounds.get(index)?.retries as f64)
        });
        table.add(&format!("{name}: server CPU"), figures::time, |run| {
            some(run.rounds.get(index)?.server_cpu * 1e9)
        });
    }
    table.add("highest rate within the bounds", figures::count, |run| {
        let held = run.steps.iter().filter(|step| step.broken.is_none());
        held.map(|step| step.rate).reduce(f64::max)
    });
    table.add("messages per second", figures::count, |run| {
        some(run.said as f64 / run.seconds.max(1e-9))
    });
    table.add("deliveries per second", figures::count, |run| some(run.deliveries_per_second()));
    let groups = outcomes.iter().map(|run| run.groups.len()).max().unwrap_or(0);
    for index in 0..groups {
        for (name, show, value) in OF_GROUP {
            let of = outcomes.iter().find_map(|run| Some(run.groups.get(index)?.name.clone()));
            let name = match groups {
                1 => name.to_owned(),
                _ => format!("{}: {name}", of.unwrap_or_default()),
            };
            table.add(&name, show, |run| {
                let group = run.groups.get(index)?;
                (group.readers > 0 && run.said > 0).then(|| value(group))
            });
        }
    }
    table.add("messages without a stamp", figures::count, |run| some(run.garbled as f64));
    table.add("messages in another room", figures::count, |run| some(run.strays as f64));
    let server = |value: fn(&super::outcome::ServerUse) -> f64| {
        move |run: &Outcome| run.server.as_ref().and_then(|server| some(value(server)))
    };
    table.add("server CPU", figures::percent, server(|server| server.cpu));
    table.add("server waiting for a core", figures::percent, server(|server| server.waited));
    let name = match outcomes.iter().all(|run| run.scenario == "churn") {
        true => "server CPU per visit",
        false => "server CPU per delivery",
    };
    table.add(name, figures::time, server(|server| server.cpu_per_delivery));
    let per = "resident memory per idle connection";
    table.add(per, figures::bytes, server(|server| server.resident_per_connection));
    table.add(
        "resident memory, idle",
        figures::bytes,
        server(|server| server.resident_idle as f64),
    );
    table.add(
        "resident memory, peak",
        figures::bytes,
        server(|server| server.resident_peak as f64),
    );
    let per = "TCP buffers per idle connection";
    table.add(per, figures::bytes, server(|server| server.kernel_per_connection));
    table.add("TCP buffers, peak", figures::bytes, server(|server| server.kernel_peak as f64));
    table.add("generator CPU", figures::percent, |run| some(run.generator.cpu));
    table.add("generator busy", figures::percent, |run| some(run.generator.busy));
    table.add("generator waiting for a core", figures::percent, |run| some(run.generator.waited));
    table.add("generator turn p99", figures::time, |run| some(run.generator.lag.p99 as f64));
    table.add("published late p99", figures::time, |run| some(run.generator.slip.p99 as f64));
    table.rows
}

/// Returns `None` for zero: the figure was not measured.
fn some(value: f64) -> Option<f64> {
    (value > 0.0).then_some(value)
}

struct Table<'a> {
    outcomes: &'a [Outcome],
    rows: Vec<Row>,
}

impl Table<'_> {
    fn add(&mut self, name: &str, show: Show, value: impl Fn(&Outcome) -> Option<f64>) {
        let values: Vec<Option<f64>> = self.outcomes.iter().map(value).collect();
        if values.iter().all(Option::is_none) {
            return;
        }
        let first = values[0].filter(|first| *first > 0.0);
        let cell = |(index, value): (usize, &Option<f64>)| Cell {
            text: value.map_or_else(|| "–".to_owned(), show),
            ratio: value.zip(first).filter(|_| index > 0).map(|(value, first)| value / first),
        };
        let cells = values.iter().enumerate().map(cell).collect();
        self.rows.push(Row { name: name.to_owned(), cells });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_stands_beside_the_first() {
        let run = |seconds| Outcome { said: 10, delivered: 600, seconds, ..Outcome::default() };
        let rows = rows(&[run(1.0), run(2.0), Outcome::default()]);
        let row = rows.iter().find(|row| row.name == "deliveries per second").unwrap();
        let cells: Vec<_> = row.cells.iter().map(|cell| (cell.text.as_str(), cell.ratio)).collect();
        assert_eq!(cells, [("600", None), ("300", Some(0.5)), ("–", None)]);
        assert!(rows.iter().all(|row| row.name != "server CPU"), "nobody saw a server");
    }
}
