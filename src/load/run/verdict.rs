//! Whether a run says something about the server, or only about us.

use super::super::outcome::Outcome;
use super::super::plan::{Act, Plan};

/// Share of a core, or of the time, above which the generator was the limit.
const BUSY_MAX: f64 = 0.90;

/// A turn, or a delay of ours, that is shorter than this is not worth a word.
const LAG_MIN: u64 = 2_000_000;

/// The part of the measured latency that may be ours.
const SHARE_MAX: f64 = 0.25;

/// Why the run must not be quoted.
pub(super) fn complaints(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let generator = &outcome.generator;
    let mut complaints = Vec::new();
    if matches!(plan.act, Act::Storm { .. }) {
        return complaints;
    }
    if generator.cpu > BUSY_MAX || generator.busy > BUSY_MAX {
        complaints.push(format!(
            "it was busy {:.0} % of the time, with {:.0} % of a core",
            generator.busy * 100.0,
            generator.cpu * 100.0
        ));
    }
    let p99 = outcome.main_group().map_or(0, |group| group.latency.p99);
    let is_ours = |delay: u64| delay > LAG_MIN && delay as f64 > p99 as f64 * SHARE_MAX;
    if is_ours(generator.lag.p99) {
        complaints.push(format!(
            "events waited up to {:.1} ms (p99) for it, of a p99 of {:.1} ms",
            generator.lag.p99 as f64 / 1e6,
            p99 as f64 / 1e6
        ));
    }
    if is_ours(generator.slip.p99) {
        complaints.push(format!(
            "messages were said up to {:.1} ms (p99) later than due",
            generator.slip.p99 as f64 / 1e6
        ));
    }
    complaints
}
