//! How the loop is doing: how long its turns are, and how late it comes.

use std::time::Duration;

/// How often something took how long. A handful of plain numbers, chosen once: recording allocates
/// nothing and takes a few comparisons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// By the first bound that is not exceeded; the last for what exceeds all.
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

/// From a turn in which little happens to one that everybody notices.
const BOUNDS: [Duration; 14] = [
    Duration::from_micros(20),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
];

impl Histogram {
    /// Something took so long.
    pub fn record(&mut self, took: Duration) {
        let index = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.sum += took;
    }

    /// Each bound in seconds, and how often something took no longer.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let so_far = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS.iter().map(Duration::as_secs_f64).zip(so_far)
    }

    /// How often something was recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What everything recorded took together.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

/// The loop, as measured by whoever turns it.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    /// From waking up to sleeping again.
    pub turns: Histogram,
    /// From the moment a deadline was due to its turn. The clock of deadlines ticks ten times a
    /// second, and an idle loop comes within a millisecond of it.
    pub lag: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_holds_what_takes_no_longer() {
        let mut histogram = Histogram::default();
        for micros in [0, 20, 21, 1_000_000, 1_000_001] {
            histogram.record(Duration::from_micros(micros));
        }
        let buckets: Vec<(f64, u64)> = histogram.buckets().collect();
        assert_eq!(buckets[..2], [(0.000_02, 2), (0.000_05, 3)]);
        assert_eq!(buckets.last(), Some(&(1.0, 4)));
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum(), Duration::from_micros(2_000_042));
        assert!(BOUNDS.is_sorted());
    }
}
