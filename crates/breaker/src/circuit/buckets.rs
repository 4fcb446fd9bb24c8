//! The calls of a span of time, by buckets.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::tally::Tally;

/// The good calls, which are counted without the lock.
#[derive(Debug)]
pub(crate) struct Successes {
    tally: Tally,
    origin: Instant,
    /// The length of a bucket.
    nanos: u64,
}

impl Successes {
    fn bucket(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.origin).as_nanos();
        // 584 years.
        u64::try_from(nanos).unwrap_or(u64::MAX) / self.nanos
    }

    pub(crate) fn add(&self, generation: u64, now: Instant) {
        self.tally.add(generation, self.bucket(now));
    }
}

/// The other calls of one bucket.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    bucket: u64,
    calls: u64,
    sum: u64,
}

/// A window of time over values from 0 to 100.
#[derive(Debug)]
pub(crate) struct Buckets {
    successes: Arc<Successes>,
    marks: Box<[Mark]>,
}

impl Buckets {
    pub(crate) fn new(span: Duration, buckets: u32, origin: Instant) -> Self {
        let nanos = span.as_nanos() / u128::from(buckets.max(1));
        Self {
            successes: Arc::new(Successes {
                tally: Tally::new(buckets),
                origin,
                nanos: u64::try_from(nanos).unwrap_or(u64::MAX).max(1),
            }),
            marks: vec![Mark::default(); buckets.max(1) as usize].into(),
        }
    }

    pub(crate) fn successes(&self) -> Arc<Successes> {
        Arc::clone(&self.successes)
    }

    pub(crate) fn clear(&mut self) {
        self.successes.tally.clear();
        self.marks.fill(Mark::default());
    }

    pub(crate) fn push(&mut self, generation: u64, now: Instant, value: u8) {
        if value == 0 {
            return self.successes.add(generation, now);
        }
        let bucket = self.successes.bucket(now);
        let place = usize::try_from(bucket % self.successes.tally.buckets()).unwrap_or(0);
        if let Some(mark) = self.marks.get_mut(place) {
            if mark.bucket != bucket {
                *mark = Mark {
                    bucket,
                    ..Mark::default()
                };
            }
            mark.calls += 1;
            mark.sum += u64::from(value);
        }
    }

    /// Calls in the window that ends now, and the sum of their values.
    pub(crate) fn count(&self, generation: u64, now: Instant) -> (u64, u64) {
        let bucket = self.successes.bucket(now);
        let first = (bucket + 1).saturating_sub(self.successes.tally.buckets());
        let good = self.successes.tally.sum(generation, bucket);
        self.marks
            .iter()
            .filter(|mark| (first..=bucket).contains(&mark.bucket))
            .fold((good, 0), |(calls, sum), mark| {
                (calls + mark.calls, sum + mark.sum)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: u64 = 1 << 32;

    fn millis(origin: Instant, bucket: u64) -> Instant {
        origin + Duration::from_millis(bucket)
    }

    /// Calls come, but never in the buckets whose cells were filled at the beginning.
    #[test]
    fn what_traffic_passes_by_for_weeks_is_not_counted_when_its_number_comes_round() {
        let origin = Instant::now();
        let mut window = Buckets::new(Duration::from_millis(4), 4, origin);
        (0..10).for_each(|_| window.push(0, millis(origin, 2), 0));
        let step = 4 * 1_000_003;
        for bucket in (1..ROUND).step_by(step) {
            window.push(0, millis(origin, bucket), 0);
        }
        let last = millis(origin, ROUND + 2);
        assert_eq!(window.count(0, last), (0, 0), "old ones are not new");
        for bucket in [ROUND / 2, ROUND / 2 + 9, ROUND].map(|more| ROUND + 2 + more) {
            let now = millis(origin, bucket);
            (0..3).for_each(|_| window.push(0, now, 0));
            assert_eq!(
                window.count(0, now),
                (3, 0),
                "new ones are not old, at {bucket}"
            );
        }
    }

    /// The threads that find a long rest over count each of their calls.
    #[test]
    fn the_first_calls_after_a_rest_are_counted_each_though_they_come_at_once() {
        let origin = Instant::now();
        let mut window = Buckets::new(Duration::from_millis(8), 8, origin);
        for round in 1..40_u64 {
            let start = round * (ROUND / 2 + 5);
            let successes = window.successes();
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let successes = &successes;
                    scope.spawn(move || {
                        (0..100).for_each(|_| successes.add(0, millis(origin, start + thread)));
                    });
                }
            });
            assert_eq!(window.count(0, millis(origin, start + 3)), (400, 0));
            window.push(0, millis(origin, start + 3), 100);
        }
    }
}
