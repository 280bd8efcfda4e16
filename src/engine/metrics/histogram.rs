//! A histogram of durations.

use std::time::Duration;

/// Counts durations in fixed buckets. Recording allocates nothing and takes a few comparisons.
///
/// Invariant: each duration is in one bucket, so the buckets add up to the number recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// One count for each bound that is the first not exceeded, and one for durations above all
    /// bounds.
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

/// Upper bounds of the buckets: from an idle turn to a turn that users notice.
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
    /// Records one duration.
    pub fn record(&mut self, took: Duration) {
        let index = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.sum += took;
    }

    /// Returns each bound in seconds, and the number of durations that do not exceed it.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let so_far = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS.iter().map(Duration::as_secs_f64).zip(so_far)
    }

    /// Returns the number of durations recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the sum of all durations recorded.
    pub fn sum(&self) -> Duration {
        self.sum
    }
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
