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
