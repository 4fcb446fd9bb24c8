//! The counters of reads: every read has exactly one outcome.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use robust_market::Freshness;
use serde::Serialize;

use crate::error::Category;
use crate::status::ms;

/// How many reads there were and how each ended. `total` is the sum of all other counts but `late`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reads {
    /// Reads that began.
    pub total: u64,
    /// Reads that have not ended.
    pub running: u64,
    /// Ended with a value fetched for them.
    pub live: u64,
    /// Ended with a stored value.
    pub cached: u64,
    /// Ended with a stored value that is too old, marked as such.
    pub stale: u64,
    /// Ended without a value, by category.
    pub errors: BTreeMap<Category, u64>,
    /// Given up by the reader.
    pub cancelled: u64,
    /// Ended more than 50 ms after their deadline, whatever the outcome.
    pub late: u64,
    /// Mean time of those that ended with a value or an error, in milliseconds.
    pub mean_ms: Option<f64>,
}

impl Reads {
    /// Reads that ended without a value.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Whether every read that began has exactly one outcome or still runs.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.total
            == self.running + self.live + self.cached + self.stale + self.failed() + self.cancelled
    }
}

/// How a read ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Value(Freshness),
    Error(Category),
    Cancelled,
}

#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Counting>);

#[derive(Debug, Default)]
struct Counting {
    reads: Reads,
    /// The time of all that ended with a value or an error.
    took: Duration,
}

impl Counters {
    fn lock(&self) -> MutexGuard<'_, Counting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self) {
        let reads = &mut self.lock().reads;
        reads.total += 1;
        reads.running += 1;
    }

    /// Notes the end of a read that took so long.
    pub(crate) fn end(&self, outcome: Outcome, took: Duration, late: bool) {
        let mut counting = self.lock();
        if !matches!(outcome, Outcome::Cancelled) {
            counting.took = counting.took.saturating_add(took);
        }
        let reads = &mut counting.reads;
        reads.running -= 1;
        reads.late += u64::from(late);
        match outcome {
            Outcome::Value(Freshness::Live) => reads.live += 1,
            Outcome::Value(Freshness::Cached) => reads.cached += 1,
            Outcome::Value(Freshness::Stale) => reads.stale += 1,
            Outcome::Error(category) => *reads.errors.entry(category).or_default() += 1,
            Outcome::Cancelled => reads.cancelled += 1,
        }
    }

    pub(crate) fn snapshot(&self) -> Reads {
        let counting = self.lock();
        let mut reads = counting.reads.clone();
        let ended = reads.total - reads.running - reads.cancelled;
        let mean = u32::try_from(ended)
            .ok()
            .and_then(|ended| counting.took.checked_div(ended));
        reads.mean_ms = mean.map(ms);
        reads
    }
}
