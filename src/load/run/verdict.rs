//! Whether a run says something about the server, or only about us.

use super::super::outcome::Outcome;
use super::super::plan::{Act, Plan};

/// Share of a core, or of the time, above which the generator was the limit. Not lower: at saturation
/// it has about as much to do as the server, and the one that is the limit has no time left at all.
const BUSY_MAX: f64 = 0.95;

/// Share of the time in which we may be without a core though there is work.
const WAITED_MAX: f64 = 0.10;

/// A turn, or a delay of ours, that is shorter than this is not worth a word.
const LAG_MIN: u64 = 2_000_000;

/// The part of the measured p99 that turns of ours may be as long as. An event waits for half a turn
/// of ours, on average: half of this may be ours.
const LAG_SHARE_MAX: f64 = 0.5;

/// The part of the measured p99 that may come from messages said too late.
const SLIP_SHARE_MAX: f64 = 0.25;

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
    if generator.waited > WAITED_MAX {
        complaints.push(format!(
            "it was ready to run and had no core {:.0} % of the time: others took it",
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
            "messages were said up to {:.1} ms (p99) later than due, beside a latency of {:.1} ms (p99)",
            generator.slip.p99 as f64 / 1e6,
            p99 as f64 / 1e6
        ));
    }
    complaints
}
