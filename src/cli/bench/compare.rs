//! `hobnob bench compare`: runs side by side.

use std::path::PathBuf;

/// Puts results side by side, with their ratios to the first.
#[derive(clap::Args)]
pub(super) struct Args {
    /// What `--json` wrote
    #[arg(required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Write a page with all curves
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(super) fn run(_args: &Args) -> Result<(), String> {
    Err("not yet".to_owned())
}
