//! The counters of reads: every read has exactly one outcome.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use robust_market::Freshness;
use serde::Serialize;

use crate::error::Category;

/// How many reads there were and how each ended. `total` is the sum of all others but `late`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
pub(crate) struct Counters(Mutex<Reads>);

impl Counters {
    fn lock(&self) -> MutexGuard<'_, Reads> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self) {
        let mut reads = self.lock();
        reads.total += 1;
        reads.running += 1;
    }

    pub(crate) fn end(&self, outcome: Outcome, late: bool) {
        let mut reads = self.lock();
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
        self.lock().clone()
    }
}
