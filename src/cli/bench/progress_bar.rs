//! The progress bar of a run.

use hobnob::load::{Plan, Progress, figures};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};

/// A progress bar on stderr, hidden unless stderr is a terminal.
pub(super) struct RunProgressBar {
    bar: ProgressBar,
}

impl RunProgressBar {
    pub(super) fn new(plan: &Plan) -> Self {
        let is_watched = stderr().is_terminal();
        let target =
            if is_watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        let style =
            ProgressStyle::with_template("{prefix:>18} {bar:30.cyan/dim} {percent:>3} %  {msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.println(format!("{}: {}", plan.target, plan.load));
        Self { bar }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        self.bar.set_prefix(progress.stage);
        self.bar.set_position((progress.done.clamp(0.0, 1.0) * 1000.0) as u64);
        self.bar.set_message(match progress.said {
            0 => format!("{} of {} connections", progress.present, progress.connections),
            said => format!("{}/s delivered, {said} published", figures::count(progress.rate)),
        });
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
