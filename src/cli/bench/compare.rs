//! `hobnob bench compare`: compares results.

use super::options::write;
use hobnob::load::outcome::FORMAT;
use hobnob::load::{Outcome, comparison, page};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Compare results, with ratios to the first.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Files written with `--json`
    #[arg(required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Write an HTML report with all curves
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let outcomes: Result<Vec<Outcome>, String> = args.files.iter().map(|path| read(path)).collect();
    let outcomes = outcomes?;
    // A closed pipe is no error: the reader has seen enough.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), table(&outcomes).as_bytes());
    match &args.report {
        Some(path) => write(path, &page::page(&outcomes)),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Outcome, String> {
    let explain = |what: String| format!("{}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| explain(error.to_string()))?;
    let outcome: Outcome = serde_json::from_str(&text)
        .map_err(|error| explain(format!("not a result of hobnob bench: {error}")))?;
    if outcome.format != FORMAT {
        return Err(explain(format!(
            "format {}, expected {FORMAT}: run the benchmark again with this version",
            outcome.format
        )));
    }
    Ok(outcome)
}

fn table(outcomes: &[Outcome]) -> String {
    let rows = comparison::rows(outcomes);
    let first = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let mut out = format!("{:first$}", "");
    // Writing to a string cannot fail.
    for outcome in outcomes {
        let label: String = outcome.label.chars().take(24).collect();
        let _ = write!(out, "  {label:>24}");
    }
    out.push('\n');
    for row in &rows {
        let _ = write!(out, "{:first$}", row.name);
        for cell in &row.cells {
            let ratio = cell.ratio.map_or(String::new(), |ratio| format!("  {ratio:.2}×"));
            let _ = write!(out, "  {:>24}", format!("{}{ratio}", cell.text));
        }
        out.push('\n');
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.generator.complaints.is_empty()) {
        let _ =
            writeln!(out, "{}: THE GENERATOR WAS THE LIMIT: DO NOT QUOTE THIS RUN", outcome.label);
    }
    out
}
