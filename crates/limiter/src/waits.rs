//! How long calls waited.

use std::time::Duration;

/// How many sizes of wait are told apart: up to 1 ms, 2 ms, 4 ms, … 16 s, 32 s, and longer.
const BUCKETS: usize = 17;

/// How long calls waited that could not be granted at once. Bounded: a count for each power of two of a millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waits {
    /// How many waited and were granted.
    pub count: u64,
    /// How long they waited together.
    pub sum: Duration,
    /// The longest of them.
    pub max: Duration,
    /// How many waited at most 1 ms, 2 ms, 4 ms … 32.8 s, and longer.
    pub sizes: [u64; BUCKETS],
}

impl Waits {
    pub(crate) fn record(&mut self, wait: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(wait);
        self.max = self.max.max(wait);
        let size = (0..BUCKETS).find(|size| wait <= bound(*size));
        if let Some(count) = self.sizes.get_mut(size.unwrap_or(BUCKETS - 1)) {
            *count += 1;
        }
    }

    /// An upper bound of the wait of the fastest `share` of those who waited, a factor of two coarse: `quantile(0.99)`.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count, and a negative one is none"
        )]
        let wanted = (self.count as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        for (size, count) in self.sizes.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return bound(size).min(self.max);
            }
        }
        self.max
    }
}

/// The longest wait of a size.
const fn bound(size: usize) -> Duration {
    if size + 1 == BUCKETS {
        Duration::MAX
    } else {
        Duration::from_millis(1 << size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_counted_summed_and_sorted_by_size() {
        let mut waits = Waits::default();
        for ms in [0, 1, 3, 900, 100_000] {
            waits.record(Duration::from_millis(ms));
        }
        assert_eq!((waits.count, waits.max), (5, Duration::from_secs(100)));
        assert_eq!(waits.sum, Duration::from_millis(100_904));
        assert_eq!(waits.sizes.iter().sum::<u64>(), 5);
        assert_eq!(waits.quantile(0.4), Duration::from_millis(1));
        assert_eq!(waits.quantile(0.8), Duration::from_millis(1_024));
        assert_eq!(waits.quantile(1.0), Duration::from_secs(100));
        assert_eq!(Waits::default().quantile(0.5), Duration::ZERO);
    }
}
