//! What the jobs themselves saw: counted in their handlers, so that no scheduler is asked about itself.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The grain of lateness.
const GRAIN: Duration = Duration::from_micros(10);
/// What is later than two seconds stands in the last place.
const GRAINS: usize = 200_000;

/// The runs of the jobs of one scheduler.
///
/// A run belongs to the latest moment of its job that has come, `base + k · period`; its lateness is the time since. A whole
/// period that was left out does not show as lateness, but as a lost run.
#[derive(Debug)]
pub struct Recorder {
    origin: Instant,
    jobs: Box<[Counted]>,
    lateness: Box<[AtomicU32]>,
    /// Since the origin, in nanoseconds: which moments count.
    from: AtomicU64,
    to: AtomicU64,
    /// Since the origin: the last run of all.
    last: AtomicU64,
}

#[derive(Debug)]
struct Counted {
    period: Option<Duration>,
    /// Since the origin: from when its periods count, or its only moment.
    base: AtomicU64,
    runs: AtomicU32,
    missed: AtomicU32,
}

impl Recorder {
    /// For a job of each period; `None` is one that runs once.
    #[must_use]
    pub fn new(periods: impl IntoIterator<Item = Option<Duration>>) -> Self {
        let counted = |period| Counted {
            period,
            base: AtomicU64::new(0),
            runs: AtomicU32::new(0),
            missed: AtomicU32::new(0),
        };
        Self {
            origin: Instant::now(),
            jobs: periods.into_iter().map(counted).collect(),
            lateness: std::iter::repeat_with(AtomicU32::default)
                .take(GRAINS)
                .collect(),
            from: AtomicU64::new(0),
            to: AtomicU64::new(u64::MAX),
            last: AtomicU64::new(0),
        }
    }

    /// How many jobs there are.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// The period of a job.
    #[must_use]
    pub fn period(&self, job: usize) -> Option<Duration> {
        self.jobs.get(job)?.period
    }

    /// Says from when the periods of a job count, or the only moment of one that runs once.
    pub fn begins(&self, job: usize, base: Instant) {
        if let Some(job) = self.jobs.get(job) {
            job.base.store(self.since_origin(base), Ordering::Relaxed);
        }
    }

    /// Says it for all jobs.
    pub fn all_begin(&self, base: Instant) {
        (0..self.jobs.len()).for_each(|job| self.begins(job, base));
    }

    /// Only moments from here on count, up to `to`.
    pub fn count_between(&self, from: Instant, to: Instant) {
        let (from, to) = (self.since_origin(from), self.since_origin(to));
        self.from.store(from, Ordering::Relaxed);
        self.to.store(to, Ordering::Relaxed);
    }

    /// A run of a job, which was told that `missed` of its moments before had none.
    pub fn ran(&self, job: usize, missed: u64) {
        let now = self.since_origin(Instant::now());
        let Some(job) = self.jobs.get(job) else {
            return;
        };
        let base = job.base.load(Ordering::Relaxed);
        let since = now.saturating_sub(base);
        let late = match job.period {
            Some(period) => since % nanos(period).max(1),
            None => since,
        };
        self.last.fetch_max(now, Ordering::Relaxed);
        let moment = now - late.min(now);
        if moment < self.from.load(Ordering::Relaxed) || moment > self.to.load(Ordering::Relaxed) {
            return;
        }
        job.runs.fetch_add(1, Ordering::Relaxed);
        let missed = u32::try_from(missed).unwrap_or(u32::MAX);
        job.missed.fetch_add(missed, Ordering::Relaxed);
        let grain = usize::try_from(late / nanos(GRAIN)).unwrap_or(GRAINS);
        if let Some(place) = self.lateness.get(grain.min(GRAINS - 1)) {
            place.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Runs of moments that count.
    #[must_use]
    pub fn runs(&self) -> u64 {
        let runs = self.jobs.iter().map(|job| job.runs.load(Ordering::Relaxed));
        runs.map(u64::from).sum()
    }

    /// Moments that count and that a later run was told of.
    #[must_use]
    pub fn told(&self) -> u64 {
        let missed = self
            .jobs
            .iter()
            .map(|job| job.missed.load(Ordering::Relaxed));
        missed.map(u64::from).sum()
    }

    /// Moments between the two of [`count_between`](Self::count_between), by arithmetic.
    #[must_use]
    pub fn expected(&self) -> u64 {
        let (from, to) = (
            self.from.load(Ordering::Relaxed),
            self.to.load(Ordering::Relaxed),
        );
        self.jobs.iter().map(|job| job.expected(from, to)).sum()
    }

    /// Moments with neither a run nor a later run that was told of them, job by job.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let (from, to) = (
            self.from.load(Ordering::Relaxed),
            self.to.load(Ordering::Relaxed),
        );
        let lost = self.jobs.iter().map(|job| {
            let had = job.runs.load(Ordering::Relaxed) + job.missed.load(Ordering::Relaxed);
            job.expected(from, to).saturating_sub(u64::from(had))
        });
        lost.sum()
    }

    /// The lateness that this share of the runs does not exceed, in milliseconds; NaN without runs.
    #[must_use]
    pub fn lateness_ms(&self, share: f64) -> f64 {
        let counts: Vec<u64> = self
            .lateness
            .iter()
            .map(|place| u64::from(place.load(Ordering::Relaxed)))
            .collect();
        let runs: u64 = counts.iter().sum();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among some million runs"
        )]
        let rank = (runs as f64 * share).ceil().max(1.0) as u64;
        let mut passed = 0;
        let place = counts.iter().position(|count| {
            passed += count;
            passed >= rank
        });
        let grains = place.and_then(|place| u32::try_from(place + 1).ok());
        grains.map_or(f64::NAN, |grains| (GRAIN * grains).as_secs_f64() * 1_000.0)
    }

    /// When the last run was.
    #[must_use]
    pub fn last_run(&self) -> Instant {
        self.origin + Duration::from_nanos(self.last.load(Ordering::Relaxed))
    }

    fn since_origin(&self, moment: Instant) -> u64 {
        nanos(moment.saturating_duration_since(self.origin))
    }
}

impl Counted {
    /// Its moments from `from` to `to`, both included; a job with a period has none at its base.
    fn expected(&self, from: u64, to: u64) -> u64 {
        let base = self.base.load(Ordering::Relaxed);
        let Some(period) = self.period else {
            return u64::from((from..=to).contains(&base));
        };
        let period = nanos(period).max(1);
        let up_to = |moment: u64| moment.saturating_sub(base) / period;
        up_to(to).saturating_sub(from.checked_sub(1).map_or(0, up_to))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_without_a_run_is_lost_unless_a_later_run_was_told_of_it() {
        let recorder = Recorder::new([Some(ms(100)), Some(ms(250)), None]);
        let began = Instant::now();
        recorder.all_begin(began);
        recorder.begins(2, began + ms(300));
        recorder.count_between(began, began + ms(1_000));
        assert_eq!(recorder.expected(), 10 + 4 + 1);
        advance(ms(250)).await;
        recorder.ran(0, 0);
        recorder.ran(1, 0);
        advance(ms(51)).await;
        recorder.ran(0, 0);
        recorder.ran(2, 0);
        assert_eq!((recorder.runs(), recorder.lost()), (4, 8 + 3));
        advance(ms(700)).await;
        recorder.ran(0, 6);
        // Of 1,000 ms, told of all but one of those before.
        assert_eq!((recorder.runs(), recorder.told()), (5, 6));
        assert_eq!(recorder.lost(), 1 + 3);
        advance(ms(100)).await;
        recorder.ran(0, 1);
        assert_eq!(recorder.lost(), 1 + 3, "a moment that does not count");
    }

    #[tokio::test(start_paused = true)]
    async fn lateness_is_the_time_since_the_latest_moment() {
        let recorder = Recorder::new([Some(ms(100))]);
        recorder.all_begin(Instant::now());
        assert!(recorder.lateness_ms(0.5).is_nan());
        advance(ms(100)).await;
        for _ in 0..99 {
            advance(ms(101)).await;
            recorder.ran(0, 0);
            advance(ms(99)).await;
        }
        advance(ms(130)).await;
        recorder.ran(0, 0);
        assert!((recorder.lateness_ms(0.99) - 1.01).abs() < 1e-9);
        assert!((recorder.lateness_ms(1.0) - 30.01).abs() < 1e-9);
    }
}
