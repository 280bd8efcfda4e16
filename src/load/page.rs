//! The HTML report: one file without external resources, light or dark by the reader's preference.

use super::chart::{Axis, Chart, Scale, Series, Unit, escaped};
use super::comparison;
use super::figures;
use super::outcome::{Latency, Outcome, Tick};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

const LINEAR_SECONDS: Axis = Axis { scale: Scale::Linear, unit: Unit::Seconds };
const PERCENTILES: Axis = Axis { scale: Scale::Percentile, unit: Unit::Percentile };
const LOG_TIME: Axis = Axis { scale: Scale::Log, unit: Unit::Time };

/// Returns the report of one run, or of several side by side.
pub fn page(outcomes: &[Outcome]) -> String {
    let mut out = String::new();
    let title = match outcomes {
        [one] => format!("{} — {}", one.scenario, one.label),
        _ => "runs side by side".to_owned(),
    };
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>hobnob bench: {title}</title><style>{STYLE}</style></head><body><main>\n\
         <header><p class=\"kicker\">hobnob bench</p><h1>{title}</h1>",
        title = escaped(&title)
    );
    if let [one] = outcomes {
        let _ = write!(
            out,
            "<p class=\"lead\">{}, {} bytes each</p>",
            escaped(&one.load),
            one.connect.size
        );
    }
    out.push_str("</header>\n");
    for outcome in outcomes.iter().filter(|outcome| !outcome.generator.complaints.is_empty()) {
        let why =
            outcome.generator.complaints.iter().map(|text| format!("<li>{}</li>", escaped(text)));
        let _ = write!(
            out,
            "<aside><strong>{}: the generator was the limit. Do not quote this run.</strong><ul>{}</ul></aside>",
            escaped(&outcome.label),
            why.collect::<String>()
        );
    }
    if let [one] = outcomes {
        tiles(&mut out, one);
    }
    // For one run the curves come first, for several the table.
    let figures = format!("<section class=\"scroll\">{}</section>", figures_table(outcomes));
    let curves = charts(outcomes);
    let curves = curves.iter().filter(|chart| !chart.is_empty()).map(Chart::figure);
    let curves = curves.collect::<String>();
    out.push_str(&if outcomes.len() == 1 { curves + &figures } else { figures + &curves });
    for outcome in outcomes {
        circumstances(&mut out, outcome);
    }
    out.push_str("</main></body></html>\n");
    out
}

/// Writes the most important figures.
fn tiles(out: &mut String, outcome: &Outcome) {
    let mut tiles = Vec::new();
    if let Some(group) = outcome.main_group().filter(|group| group.delivered > 0) {
        tiles.push(("deliveries per second", figures::count(outcome.deliveries_per_second())));
        tiles.push(("p50", figures::time(group.latency.p50 as f64)));
        tiles.push(("p99", figures::time(group.latency.p99 as f64)));
        tiles.push(("lost without notice", figures::count(group.lost as f64)));
    }
    if let Some(round) = outcome.rounds.first() {
        tiles.push(("all joined after", figures::time(round.seconds * 1e9)));
    }
    if let Some(server) = &outcome.server {
        if server.cpu_per_delivery > 0.0 {
            tiles.push(("server CPU per delivery", figures::time(server.cpu_per_delivery)));
        }
        // With few connections the figure means nothing: memory is allocated in pages.
        if outcome.connect.connections >= 1000 {
            let each = figures::bytes(server.resident_per_connection);
            tiles.push(("memory per idle connection", each));
        }
    }
    out.push_str("<section class=\"tiles\">");
    for (name, value) in tiles {
        let _ = write!(out, "<div><b>{value}</b><span>{name}</span></div>");
    }
    out.push_str("</section>\n");
}

/// Returns the table of all figures, one column per run; with several runs, the ratio to the first.
fn figures_table(outcomes: &[Outcome]) -> String {
    let mut out = String::from("<table><thead><tr><th></th>");
    for outcome in outcomes {
        let _ = write!(out, "<th>{}</th>", escaped(&outcome.label));
    }
    out.push_str("</tr></thead><tbody>");
    for row in comparison::rows(outcomes) {
        let _ = write!(out, "<tr><th>{}</th>", escaped(&row.name));
        for cell in &row.cells {
            let ratio = cell.ratio.map_or(String::new(), |ratio| format!("<i>{ratio:.2}×</i>"));
            let _ = write!(out, "<td>{}{ratio}</td>", escaped(&cell.text));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    out
}

fn charts(outcomes: &[Outcome]) -> Vec<Chart> {
    let mut charts = latency_charts(outcomes);
    charts.extend(time_charts(outcomes));
    charts
}

/// Returns the name of a curve, with the run's label if there are several runs.
fn curve_name(outcomes: &[Outcome], outcome: &Outcome, what: &str) -> String {
    match outcomes.len() > 1 {
        true => format!("{}: {what}", outcome.label),
        false => what.to_owned(),
    }
}

/// Returns the charts of latency: of messages and joins by percentile, and of messages by rate.
fn latency_charts(outcomes: &[Outcome]) -> Vec<Chart> {
    let several = outcomes.len() > 1;
    let points = |latency: &Latency| {
        latency.curve.iter().map(|(at, nanos)| (*at, *nanos as f64)).collect::<Vec<_>>()
    };
    let by_group = outcomes.iter().flat_map(|outcome| {
        let has_one = outcome.groups.len() == 1;
        outcome.groups.iter().map(move |group| Series {
            name: match several && has_one {
                true => outcome.label.clone(),
                false => curve_name(outcomes, outcome, &group.name),
            },
            points: points(&group.latency),
        })
    });
    let joins = outcomes.iter().flat_map(|outcome| {
        outcome.rounds.iter().map(move |round| Series {
            name: curve_name(outcomes, outcome, &round.name),
            points: points(&round.join),
        })
    });
    let steps = outcomes.iter().map(|outcome| {
        let mut points: Vec<_> =
            outcome.steps.iter().map(|step| (step.rate, step.p99 as f64)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series { name: outcome.label.clone(), points }
    });
    vec![
        Chart {
            title: "Latency by percentile",
            note: "Time from a message's due time to its arrival. The further right a curve stays low, the better the worst cases.",
            x: PERCENTILES,
            y: LOG_TIME,
            series: by_group.collect(),
        },
        Chart {
            title: "Time from connect to join",
            note: "By percentile.",
            x: PERCENTILES,
            y: LOG_TIME,
            series: joins.collect(),
        },
        Chart {
            title: "Latency by rate",
            note: "The p99 of the first group at each rate that was tried, in messages per second.",
            x: Axis { scale: Scale::Log, unit: Unit::Count },
            y: LOG_TIME,
            series: steps.collect(),
        },
    ]
}

/// Returns the charts of deliveries, CPU and memory over time.
fn time_charts(outcomes: &[Outcome]) -> Vec<Chart> {
    let amounts = |what: &str, value: fn(&Tick) -> f64| {
        curves(outcomes, what, |ticks| ticks.iter().map(|tick| (tick.at, value(tick))).collect())
    };
    let rates = |what: &str, value: fn(&Tick) -> f64, steps: usize| {
        curves(outcomes, what, |ticks| rate(ticks, value, steps))
    };
    let chart = |title, note, unit, series| {
        let y = Axis { scale: Scale::Linear, unit };
        Chart { title, note, x: LINEAR_SECONDS, y, series }
    };
    vec![
        chart(
            "Deliveries per second",
            "Copies delivered to readers, per tenth of a second.",
            Unit::Count,
            rates("deliveries", |tick| tick.delivered as f64, 1),
        ),
        chart(
            "Processor",
            "Cores in use, over half a second. Near 100 % for the generator, a run says nothing about the server.",
            Unit::Share,
            [
                rates("server", |tick| tick.server_cpu, 5),
                rates("generator", |tick| tick.own_cpu, 5),
            ]
            .concat(),
        ),
        chart(
            "Memory",
            "The server's resident memory, and the kernel's TCP buffers for both ends of all connections.",
            Unit::Bytes,
            [
                amounts("resident", |tick| tick.resident as f64),
                amounts("TCP buffers", |tick| tick.kernel as f64),
            ]
            .concat(),
        ),
    ]
}

/// Returns one curve per run, computed from its samples.
fn curves(
    outcomes: &[Outcome],
    what: &str,
    points: impl Fn(&[Tick]) -> Vec<(f64, f64)>,
) -> Vec<Series> {
    let series = outcomes.iter().map(|outcome| Series {
        name: curve_name(outcomes, outcome, what),
        points: points(&outcome.timeline),
    });
    series.collect()
}

/// Returns the rate of a counter per second, over `steps` samples each.
fn rate(ticks: &[Tick], value: fn(&Tick) -> f64, steps: usize) -> Vec<(f64, f64)> {
    let pairs = ticks.iter().zip(ticks.iter().skip(steps));
    let between = pairs.filter(|(from, to)| to.at > from.at);
    between
        .map(|(from, to)| (to.at, (value(to) - value(from)).max(0.0) / (to.at - from.at)))
        .collect()
}

fn circumstances(out: &mut String, outcome: &Outcome) {
    let facts = &outcome.circumstances;
    let _ = write!(
        out,
        "<section class=\"facts\"><h3>{}</h3><pre>{}</pre><dl>",
        escaped(&outcome.label),
        escaped(&facts.command)
    );
    let seconds_of_day = facts.began % 86_400;
    let (year, month, day) = date(facts.began / 86_400);
    let began = format!(
        "{year}-{month:02}-{day:02} {:02}:{:02} UTC",
        seconds_of_day / 3600,
        seconds_of_day / 60 % 60
    );
    for (name, value) in [
        ("load", outcome.load.as_str()),
        ("target", &outcome.target),
        ("measured", &began),
        ("with", &facts.version),
        ("kernel", &facts.kernel),
        ("machine", &facts.machine),
    ] {
        let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(value));
    }
    out.push_str("</dl></section>\n");
}

/// Converts a day since 1970 to a date (Howard Hinnant's `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(19_782), (2024, 2, 29));
        assert_eq!(date(20_777), (2026, 11, 20));
    }

    #[test]
    fn a_page_asks_for_nothing_from_outside() {
        let label = "<script>".to_owned();
        let outcome = Outcome { label, scenario: "fanout".to_owned(), ..Outcome::default() };
        for page in
            [page(std::slice::from_ref(&outcome)), page(&[outcome.clone(), outcome.clone()])]
        {
            assert!(!page.contains("http") && !page.contains("url("), "{page}");
            assert!(!page.contains("<script"));
        }
    }
}
