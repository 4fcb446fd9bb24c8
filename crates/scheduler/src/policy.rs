//! What a job does when things do not go by the plan.

use std::time::Duration;

/// What becomes of occurrences whose moment passed while nobody could release them: the machine
/// slept, the process was down, the clock was set forward.
///
/// It is decided when they are released, not when they start: an occurrence that waits for its turn
/// is never late by this measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Misfire {
    /// Those that are late by more than the grace are skipped.
    Skip,
    /// One run for all of them, for the latest; it is handed the whole range.
    #[default]
    Once,
    /// A run for each, oldest first; of more than `max`, the oldest are skipped.
    All {
        /// Most runs.
        max: u16,
    },
}

/// What becomes of an occurrence that comes due while the job still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overlap {
    /// It is skipped.
    Skip,
    /// It waits; a newer one takes its place.
    #[default]
    BufferOne,
    /// Up to this many wait, at least one; beyond, the oldest gives way.
    Queue(u16),
    /// The run under way is told to end, and dropped after the builder's `cancel_grace`.
    CancelOther,
    /// Up to this many runs at once; then as `BufferOne`.
    Allow(u16),
}

/// Trying again within one occurrence.
///
/// The wait before try `k` (from 0) is `min(base · 2^k, max)`, lengthened by up to `jitter` of itself
/// at random. It is never shorter than what a handler asks for with
/// [`RunError::retry_after`](crate::RunError::retry_after), and there is no retry at or after the next
/// release: what is due goes first.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// Most retries. Default 0: retries multiply with those that a handler makes itself.
    pub most: u32,
    /// The first wait. Default 1 s.
    pub base: Duration,
    /// The longest wait before jitter. Default 60 s.
    pub max: Duration,
    /// The share of random lengthening. Default 0.1.
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            most: 0,
            base: Duration::from_secs(1),
            max: Duration::from_secs(60),
            jitter: 0.1,
        }
    }
}

impl Retry {
    /// The seed's waits: 1 s, doubling to 60 s, with a tenth of jitter.
    #[must_use]
    pub fn up_to(most: u32) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// Between these waits, before jitter.
    #[must_use]
    pub const fn between(mut self, base: Duration, max: Duration) -> Self {
        (self.base, self.max) = (base, max);
        self
    }

    /// With this share of random lengthening, 0 to 1.
    #[must_use]
    pub const fn jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// The wait before try `k`, for a random number in 0..1.
    pub(crate) fn wait(&self, k: u32, random: f64) -> Duration {
        let doubled = self.base.saturating_mul(2_u32.saturating_pow(k.min(31)));
        let plain = doubled.min(self.max);
        let longer = plain.as_secs_f64() * self.jitter.clamp(0.0, 1.0) * random;
        plain.saturating_add(Duration::try_from_secs_f64(longer).unwrap_or_default())
    }
}

/// What a job does about occurrences that fail one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Failures {
    /// So many in a row, and the job is quarantined: only a probe runs, once per `backoff`, until one
    /// succeeds. `None`: never. Default 5.
    pub quarantine_after: Option<u32>,
    /// From the second failure in a row on, the time to the next run is stretched to
    /// period · 2^(failures − 1), at most to this, always landing on the job's moments. Zero: never.
    /// Default 15 min.
    pub backoff: Duration,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            quarantine_after: Some(5),
            backoff: Duration::from_secs(900),
        }
    }
}

impl Failures {
    /// Failures change nothing about when the job runs.
    pub const IGNORED: Self = Self {
        quarantine_after: None,
        backoff: Duration::ZERO,
    };

    /// Quarantines after so many in a row, or never.
    #[must_use]
    pub fn quarantine_after(mut self, failures: impl Into<Option<u32>>) -> Self {
        self.quarantine_after = failures.into();
        self
    }

    /// Stretches gaps up to this, and probes a quarantined job as often.
    #[must_use]
    pub const fn backoff(mut self, most: Duration) -> Self {
        self.backoff = most;
        self
    }
}

/// When the journal is told of an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mark {
    /// Before its run: after a crash it does not run again. At most once.
    BeforeRun,
    /// When it has ended: after a crash it runs again, so its effect must bear repetition. At least
    /// once. The key (job, nominal) tells a repetition.
    #[default]
    AfterRun,
}

/// What becomes of the jobs that wait for a job which is removed or disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Dependents {
    /// They keep it: the change is refused.
    #[default]
    Refuse,
    /// They go with it, and theirs with them.
    Cascade,
    /// They no longer wait for it. Those that come by its success alone cannot do without: removing it
    /// is refused, and while it is disabled they wait.
    Detach,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_bound_and_grow_by_at_most_a_tenth() {
        let retry = Retry::up_to(9);
        let plain: Vec<_> = (0..8).map(|k| retry.wait(k, 0.0).as_secs()).collect();
        assert_eq!(plain, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(retry.wait(3, 1.0), Duration::from_millis(8_800));
        assert_eq!(retry.wait(u32::MAX, 0.0).as_secs(), 60);
        let silly = Retry {
            jitter: f64::NAN,
            ..retry
        };
        assert_eq!(silly.wait(0, 1.0).as_secs(), 1);
    }
}
