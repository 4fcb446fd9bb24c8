//! A quantile of recent latencies, in bounded memory.
//!
//! Pure: no async, no clock, no lock.

use std::time::Duration;

use tokio::time::Instant;

/// Buckets per doubling: neighbours differ by a sixteenth at most, hence so does the quantile.
const PER_DOUBLING: u32 = 16;

/// Doublings from 1 µs on: up to 2³² µs, which is 71 minutes.
const DOUBLINGS: u32 = 32;

const BUCKETS: usize = ((DOUBLINGS + 1) * PER_DOUBLING) as usize;

/// The quantile is computed again after each so many latencies.
const EVERY: u32 = 16;

/// Counts of latencies in buckets that grow with the latency: those of this time span and those of the
/// span before.
#[derive(Debug)]
pub(crate) struct Latency {
    quantile: f64,
    min_samples: u32,
    memory: Duration,
    began: Option<Instant>,
    current: Box<Counts>,
    previous: Box<Counts>,
    since: u32,
    known: Option<Duration>,
}

#[derive(Debug)]
struct Counts {
    buckets: [u32; BUCKETS],
    total: u32,
}

impl Counts {
    const EMPTY: Self = Self {
        buckets: [0; BUCKETS],
        total: 0,
    };
}

impl Latency {
    pub(crate) fn new(quantile: f64, min_samples: u32, memory: Duration) -> Self {
        Self {
            quantile,
            min_samples,
            memory,
            began: None,
            current: Box::new(Counts::EMPTY),
            previous: Box::new(Counts::EMPTY),
            since: 0,
            known: None,
        }
    }

    pub(crate) fn add(&mut self, now: Instant, took: Duration) {
        let began = *self.began.get_or_insert(now);
        let age = now.saturating_duration_since(began);
        if age >= self.memory {
            std::mem::swap(&mut self.current, &mut self.previous);
            *self.current = Counts::EMPTY;
            if age >= self.memory.saturating_mul(2) {
                *self.previous = Counts::EMPTY;
            }
            self.began = Some(now);
            self.since = EVERY;
        }
        if let Some(bucket) = self.current.buckets.get_mut(bucket(took)) {
            *bucket = bucket.saturating_add(1);
            self.current.total = self.current.total.saturating_add(1);
        }
        self.since += 1;
        if self.since >= EVERY || self.known.is_none() {
            self.since = 0;
            // With too few of them the last answer stays: it is better than none.
            self.known = self.compute().or(self.known);
        }
    }

    /// The upper end of the bucket in which the quantile lies; `None` before enough is known.
    pub(crate) const fn quantile(&self) -> Option<Duration> {
        self.known
    }

    fn compute(&self) -> Option<Duration> {
        let total = u64::from(self.current.total) + u64::from(self.previous.total);
        if total < u64::from(self.min_samples) {
            return None;
        }
        let rank = (total as f64 * self.quantile).ceil() as u64;
        let mut seen = 0;
        let both = self.current.buckets.iter().zip(&self.previous.buckets);
        for (index, (current, previous)) in both.enumerate() {
            seen += u64::from(*current) + u64::from(*previous);
            if seen >= rank.max(1) {
                return Some(upper_end(index));
            }
        }
        None
    }
}

/// The first bucket ends at 1 µs; each doubling above is cut into equal parts.
fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    let doubling = micros.ilog2().min(DOUBLINGS);
    let part = if micros.ilog2() > DOUBLINGS {
        u64::from(PER_DOUBLING - 1)
    } else {
        let beyond = u128::from(micros - (1 << doubling));
        u64::try_from((beyond * u128::from(PER_DOUBLING)) >> doubling).unwrap_or(0)
    };
    usize::try_from(u64::from(doubling * PER_DOUBLING) + part).unwrap_or(BUCKETS - 1)
}

/// The longest latency that falls into a bucket, or a little more.
fn upper_end(index: usize) -> Duration {
    let per_doubling = PER_DOUBLING as usize;
    let (doubling, part) = (index / per_doubling, index % per_doubling);
    let width = (1_u128 << doubling) * (part as u128 + 1);
    let micros = (1_u128 << doubling) + width.div_ceil(u128::from(PER_DOUBLING));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_known_before_enough_is_seen() {
        let now = Instant::now();
        let mut latency = Latency::new(0.95, 20, Duration::from_secs(60));
        for seen in 1..=20 {
            assert_eq!(latency.quantile(), None, "before {seen}");
            latency.add(now, Duration::from_millis(10));
        }
        assert!(latency.quantile().is_some());
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut latency = Latency::new(0.95, 20, Duration::from_secs(60));
        (0..1_000).for_each(|_| latency.add(start, ms(500)));
        for second in 1..=200 {
            latency.add(start + Duration::from_secs(second), ms(10));
        }
        let known = latency.quantile().unwrap();
        assert!(known < ms(11), "{known:?}");
    }

    #[test]
    fn absurd_latencies_have_a_place() {
        let now = Instant::now();
        for took in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_secs(1 << 40),
            Duration::MAX,
        ] {
            let mut latency = Latency::new(0.95, 1, Duration::ZERO);
            (0..50).for_each(|_| latency.add(now, took));
            assert!(latency.quantile().is_some(), "{took:?}");
        }
    }

    proptest! {
        /// Against a sorted list: never below the real quantile, above it by a sixteenth at most.
        #[test]
        fn the_quantile_is_the_real_one_within_a_sixteenth(
            mut micros in prop::collection::vec(1_u64..100_000_000, EVERY as usize..200), quantile in 0.5_f64..0.999
        ) {
            let whole = micros.len() / EVERY as usize * EVERY as usize;
            micros.truncate(whole);
            let now = Instant::now();
            let mut latency = Latency::new(quantile, EVERY, Duration::from_secs(60));
            for &took in &micros {
                latency.add(now, Duration::from_micros(took));
            }
            micros.sort_unstable();
            let rank = (micros.len() as f64 * quantile).ceil() as usize;
            let real = Duration::from_micros(micros[rank - 1]);
            let known = latency.quantile().unwrap();
            let most = real.mul_f64(1.0 + 1.0 / f64::from(PER_DOUBLING)) + Duration::from_micros(2);
            prop_assert!(real <= known && known <= most, "{real:?} {known:?}");
        }

        #[test]
        fn each_latency_lies_in_its_bucket(micros in 1_u64..4_000_000_000) {
            let index = bucket(Duration::from_micros(micros));
            prop_assert!(Duration::from_micros(micros) <= upper_end(index));
            prop_assert!(index == 0 || upper_end(index - 1) <= Duration::from_micros(micros + 1));
        }
    }
}
