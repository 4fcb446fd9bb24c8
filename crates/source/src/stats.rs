//! The counters of one source.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use robust_market::{Clock, Timestamp};

use crate::venue::Failed;
use crate::{Answer, Judgement, SourceError};

/// Latencies that are kept for the percentiles.
const LATENCIES: usize = 1_000;

/// What a source has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceStats {
    /// Calls that began.
    pub calls: u64,
    /// Calls that ended with data.
    pub ok: u64,
    /// Calls that ended with an error.
    pub errors: u64,
    /// Of these, calls whose last attempt this process itself refused: breaker open, budget spent.
    pub rejected: u64,
    /// Calls whose future was dropped before they ended.
    pub cancelled: u64,
    /// Requests that were handed to the exchange.
    pub requests: u64,
    /// Requests beyond the first of a call.
    pub retries: u64,
    /// Mean time of the last 1,000 attempts, without queue and backoff.
    pub mean: Option<Duration>,
    /// 95th percentile of the same.
    pub p95: Option<Duration>,
    /// 99th percentile of the same.
    pub p99: Option<Duration>,
    /// The last failed attempt, in words, and when it was.
    pub last_error: Option<(Timestamp, String)>,
}

#[derive(Debug)]
pub(crate) struct Stats {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: SourceStats,
    latencies: VecDeque<Duration>,
    usual: Option<Duration>,
}

/// What an exchange is thought to take before it was asked.
const UNKNOWN: Duration = Duration::from_millis(100);

impl Stats {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one verdict on a failed attempt.
    pub(crate) fn judge(&self, failed: Failed, attempts: u32) -> SourceError {
        let judgement = Judgement::failed(&failed.cause, failed.usage, &*self.clock);
        SourceError {
            cause: failed.cause,
            attempts,
            judgement: Some(judgement),
        }
    }

    /// The usual time of a good attempt: the mean of the past ones, each weighing 7/8 of the next.
    pub(crate) fn usual(&self) -> Duration {
        self.lock()
            .usual
            .unwrap_or(UNKNOWN)
            .max(Duration::from_millis(1))
    }

    pub(crate) fn begin(&self) {
        self.lock().counts.calls += 1;
    }

    pub(crate) fn cancel(&self) {
        self.lock().counts.cancelled += 1;
    }

    /// Notes one attempt.
    pub(crate) fn attempt(&self, outcome: &Result<Answer, SourceError>, took: Duration) {
        let (sent, attempt) = match outcome {
            Ok(answer) => (true, answer.attempts),
            Err(error) => (
                error
                    .judgement
                    .as_ref()
                    .is_some_and(|judgement| judgement.sent),
                error.attempts,
            ),
        };
        let mut inner = self.lock();
        if sent {
            inner.counts.requests += 1;
            inner.counts.retries += u64::from(attempt > 1);
            if inner.latencies.len() == LATENCIES {
                inner.latencies.pop_front();
            }
            inner.latencies.push_back(took);
            if outcome.is_ok() {
                let usual = inner.usual.unwrap_or(took);
                inner.usual = Some((usual * 7 + took) / 8);
            }
        }
        if let Err(error) = outcome {
            inner.counts.last_error = Some((self.clock.now(), error.to_string()));
        }
    }

    /// Notes the end of a whole call.
    pub(crate) fn end(&self, outcome: &Result<Answer, SourceError>, _took: Duration) {
        let mut inner = self.lock();
        match outcome {
            Ok(_) => inner.counts.ok += 1,
            Err(error) => {
                inner.counts.errors += 1;
                inner.counts.rejected += u64::from(error.judgement.is_none());
            }
        }
    }

    pub(crate) fn snapshot(&self) -> SourceStats {
        let inner = self.lock();
        let mut sorted: Vec<Duration> = inner.latencies.iter().copied().collect();
        let mut stats = inner.counts.clone();
        drop(inner);
        sorted.sort_unstable();
        let total: Duration = sorted.iter().sum();
        stats.mean = u32::try_from(sorted.len())
            .ok()
            .filter(|n| *n > 0)
            .map(|n| total / n);
        stats.p95 = percentile(&sorted, 95);
        stats.p99 = percentile(&sorted, 99);
        stats
    }
}

/// The value that `percent` of a sorted list does not exceed (nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 99), Some(Duration::from_millis(99)));
        assert_eq!(percentile(&sorted, 95), Some(Duration::from_millis(95)));
        assert_eq!(percentile(&sorted[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 99), None);
    }
}
