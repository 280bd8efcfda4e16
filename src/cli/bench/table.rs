//! The result of a run as a short table.

use hobnob::load::Outcome;
use hobnob::load::figures::{bytes, count as number, time};
use hobnob::load::outcome::{Group, Latency, Round, ServerUse};
use std::fmt::Write;

/// Prints a result to stdout.
pub(super) fn print(outcome: &Outcome) {
    // A closed pipe is no error: the reader has seen enough.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text(outcome).as_bytes());
}

/// Returns the table of a result, the most important rows first.
fn text(outcome: &Outcome) -> String {
    let mut table = Table(format!("{}  {}\n\n", outcome.scenario, outcome.target));
    table.row("load", &format!("{}, {} bytes each", outcome.load, outcome.connect.size));
    table.connections(outcome);
    table.steps(outcome);
    table.messages(outcome);
    table.groups(outcome);
    table.warnings(outcome);
    table.server(outcome);
    table.generator(outcome);
    table.0
}

/// True if each connection of the run publishes one message and leaves.
fn is_churn(outcome: &Outcome) -> bool {
    outcome.scenario == "churn"
}

/// Rows of a name and a value. Writing to a string cannot fail.
struct Table(String);

impl Table {
    fn row(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "  {name:<14} {value}");
    }

    /// Adds the rows of connects: once, in rounds, or as visits.
    fn connections(&mut self, outcome: &Outcome) {
        let connect = &outcome.connect;
        if outcome.rounds.is_empty() || is_churn(outcome) {
            let joined = format!(
                "{} in {:.2} s, each within {} (p99)",
                number(connect.connections as f64),
                connect.seconds,
                time(connect.join.p99 as f64)
            );
            self.row("connections", &joined);
        }
        for round in &outcome.rounds {
            self.row(&round.name, &round_text(round, outcome));
        }
    }

    /// Adds the rates that were tried.
    fn steps(&mut self, outcome: &Outcome) {
        for step in &outcome.steps {
            let verdict = step.broken.as_deref().unwrap_or("held");
            let value = format!(
                "{:>12}/s delivered, p99 {:>9}, server CPU {:>3.0} %: {verdict}",
                number(step.delivered),
                time(step.p99 as f64),
                step.server_cpu * 100.0
            );
            self.row(&format!("{} msg/s", number(step.rate)), &value);
        }
    }

    fn messages(&mut self, outcome: &Outcome) {
        if outcome.delivered == 0 {
            return;
        }
        let value = format!(
            "{} published, {} delivered in {:.1} s: {} deliveries/s",
            number(outcome.said as f64),
            number(outcome.delivered as f64),
            outcome.seconds,
            number(outcome.deliveries_per_second())
        );
        self.row("messages", &value);
    }

    /// Adds latency and faults of each group of readers.
    fn groups(&mut self, outcome: &Outcome) {
        let several = outcome.groups.len() > 1;
        for group in outcome.groups.iter().filter(|group| group.delivered + faults(group) > 0) {
            let name = if several { group.name.as_str() } else { "latency" };
            self.row(name, &times(&group.latency));
            let name = if several { "" } else { "faults" };
            self.row(name, &fault_text(group));
        }
    }

    /// Adds messages of other senders, and connections that were closed.
    fn warnings(&mut self, outcome: &Outcome) {
        for (count, what) in [
            (
                outcome.garbled,
                "messages without a stamp: lines were cut, or other clients publish here",
            ),
            (outcome.strays, "messages in a room in which they were not published"),
        ] {
            if count > 0 {
                self.row("", &format!("{} {what}", number(count as f64)));
            }
        }
        for (reason, count) in outcome.ended.iter().chain(&outcome.refused).take(5) {
            self.row("ended", &format!("{count} × {reason}"));
        }
    }

    fn server(&mut self, outcome: &Outcome) {
        let Some(server) = &outcome.server else {
            return self.row("server", "unknown process: give --pid for its CPU and memory");
        };
        if outcome.seconds > 0.0 {
            self.row("server CPU", &server_cpu_text(server, is_churn(outcome)));
        }
        let memory = format!(
            "{} before, {} idle ({} per connection), {} peak",
            bytes(server.resident_before as f64),
            bytes(server.resident_idle as f64),
            bytes(server.resident_per_connection),
            bytes(server.resident_peak as f64)
        );
        self.row("server memory", &memory);
        let buffers = format!(
            "{} per idle connection, {} peak (both ends)",
            bytes(server.kernel_per_connection),
            bytes(server.kernel_peak as f64)
        );
        self.row("socket buffers", &buffers);
    }

    fn generator(&mut self, outcome: &Outcome) {
        let generator = &outcome.generator;
        if outcome.seconds > 0.0 {
            let value = format!(
                "{:.0} % of a core, busy {:.0} % of the time, turns {} (p99){}",
                generator.cpu * 100.0,
                generator.busy * 100.0,
                time(generator.lag.p99 as f64),
                core_wait(generator.waited)
            );
            self.row("generator", &value);
        }
        if !generator.complaints.is_empty() {
            self.row("", "THE GENERATOR WAS THE LIMIT: DO NOT QUOTE THIS RUN");
            generator
                .complaints
                .iter()
                .for_each(|complaint| self.row("", &format!("  {complaint}")));
        }
    }
}

fn round_text(round: &Round, outcome: &Outcome) -> String {
    let is_churn = is_churn(outcome);
    let mut text = match is_churn {
        true => format!("{:.0} per second; joined after", outcome.said as f64 / round.seconds),
        false => format!("all joined in {:.2} s; each after", round.seconds),
    };
    let _ = write!(text, " {}", times(&round.join));
    if round.retries > 0 {
        let what = if is_churn { "failed" } else { "retries" };
        let _ = write!(text, "; {} {what}", round.retries);
    }
    if outcome.server.is_some() {
        let _ = write!(text, "; server CPU {:.2} s", round.server_cpu);
    }
    text
}

fn server_cpu_text(server: &ServerUse, is_churn: bool) -> String {
    let mut text = format!("{:.0} % of a core", server.cpu * 100.0);
    if server.cpu_per_delivery > 0.0 {
        let per = if is_churn { "visit" } else { "delivery" };
        let _ = write!(text, ", {} per {per}", time(server.cpu_per_delivery));
    }
    if server.cpu_per_connection > 0.0 {
        let _ = write!(text, ", {} per connect", time(server.cpu_per_connection));
    }
    text + &core_wait(server.waited)
}

/// Returns the share of time a process waited for a core, if it is 1 % or more.
fn core_wait(waited: f64) -> String {
    match waited {
        _ if waited < 0.01 => String::new(),
        _ => format!("; waited for a core {:.0} % of the time", waited * 100.0),
    }
}

fn times(latency: &Latency) -> String {
    let at = |value: u64| time(value as f64);
    let Latency { p50, p90, p99, p999, p9999, max, .. } = latency;
    format!(
        "p50 {}  p90 {}  p99 {}  p99.9 {}  p99.99 {}  max {}",
        at(*p50),
        at(*p90),
        at(*p99),
        at(*p999),
        at(*p9999),
        at(*max)
    )
}

fn faults(group: &Group) -> u64 {
    group.lost + group.told + group.cut_off + group.duplicated + group.reordered
}

fn fault_text(group: &Group) -> String {
    if faults(group) == 0 {
        return "none: nothing lost, duplicated or reordered".to_owned();
    }
    let parts = [
        (group.lost, "LOST without notice"),
        (group.told, "missed with a gap notice"),
        (group.cut_off, "missed after the server closed the connection"),
        (group.duplicated, "DUPLICATED"),
        (group.reordered, "REORDERED"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, what)| format!("{} {what}", number(*count as f64)))
        .collect::<Vec<_>>()
        .join(", ")
}
