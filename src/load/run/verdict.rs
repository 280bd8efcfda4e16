//! The verdict on a run: whether the generator was the limit.

use super::super::outcome::Outcome;
use super::super::plan::{LoadKind, Plan};

/// Share of a core, or of the time, above which the generator was the limit. Near 1, because at
/// saturation the generator has about as much work as the server, and only the limiting one has no
/// idle time.
const BUSY_MAX: f64 = 0.95;

/// Share of the time in which the generator may be ready to run without a core.
const WAITED_MAX: f64 = 0.10;

/// Delays shorter than this are ignored.
const LAG_MIN: u64 = 2_000_000;

/// The largest ratio of the generator's turns to the measured p99. An event waits for half a turn
/// on average, so half of this ratio may be the generator's delay.
const LAG_SHARE_MAX: f64 = 0.5;

/// The largest ratio of late publishing to the measured p99.
const SLIP_SHARE_MAX: f64 = 0.25;

/// Returns the reasons why the run must not be quoted.
pub(super) fn complaints(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let generator = &outcome.generator;
    let mut complaints = Vec::new();
    if matches!(plan.kind, LoadKind::Storm { .. }) {
        return complaints;
    }
    if generator.cpu > BUSY_MAX || generator.busy > BUSY_MAX {
        complaints.push(format!(
            "the generator was busy {:.0} % of the time, with {:.0} % of a core",
            generator.busy * 100.0,
            generator.cpu * 100.0
        ));
    }
    if generator.waited > WAITED_MAX {
        complaints.push(format!(
            "it waited for a core {:.0} % of the time: stop other processes",
            generator.waited * 100.0
        ));
    }
    let p99 = outcome.main_group().map_or(0, |group| group.latency.p99);
    let is_ours = |delay: u64, share: f64| delay > LAG_MIN && delay as f64 > p99 as f64 * share;
    if is_ours(generator.lag.p99, LAG_SHARE_MAX) {
        complaints.push(format!(
            "its turns took up to {:.1} ms (p99), beside a latency of {:.1} ms (p99)",
            generator.lag.p99 as f64 / 1e6,
            p99 as f64 / 1e6
        ));
    }
    if is_ours(generator.slip.p99, SLIP_SHARE_MAX) {
        complaints.push(format!(
            "messages were published up to {:.1} ms (p99) later than due, beside a latency of {:.1} ms (p99)",
            generator.slip.p99 as f64 / 1e6,
            p99 as f64 / 1e6
        ));
    }
    complaints
}
