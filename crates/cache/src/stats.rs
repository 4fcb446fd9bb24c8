//! What the cache counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What happened so far, read by [`Cache::stats`](crate::Cache::stats).
///
/// Every read ends in exactly one of `hits`, `loaded`, `stale_served`, `unavailable` and
/// `abandoned`, or is still one of `waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Reads answered by a fresh stored value.
    pub hits: u64,
    /// Reads that found nothing good enough at first sight.
    pub misses: u64,
    /// Loads started.
    pub loads: u64,
    /// Reads that joined a load which another reader had started.
    pub joined: u64,
    /// Reads answered by the result of a load.
    pub loaded: u64,
    /// Reads answered by a stale value with its reason.
    pub stale_served: u64,
    /// Reads that ended without a value.
    pub unavailable: u64,
    /// Reads dropped by their caller while they waited.
    pub abandoned: u64,
    /// Reads that wait for a load now.
    pub waiting: u64,
    /// Loads that ended without a value: failed, panicked or aborted.
    pub failures: u64,
    /// Loads that panicked (also counted in `failures`).
    pub panics: u64,
    /// Values not stored because a younger one was there or the key was invalidated meanwhile.
    pub discarded: u64,
    /// Entries put out to keep the capacity.
    pub evictions: u64,
    /// Loads under way now.
    pub flights: u64,
    /// Entries stored now.
    pub len: u64,
    /// Bytes that they take, about; 0 without [`Builder::max_bytes`](crate::Builder::max_bytes).
    pub bytes: u64,
}

impl Stats {
    /// All reads so far: the sum of their outcomes.
    pub fn reads(&self) -> u64 {
        self.hits
            + self.loaded
            + self.stale_served
            + self.unavailable
            + self.abandoned
            + self.waiting
    }
}

/// The live counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) loads: AtomicU64,
    pub(crate) joined: AtomicU64,
    pub(crate) loaded: AtomicU64,
    pub(crate) stale_served: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) abandoned: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) discarded: AtomicU64,
    pub(crate) evictions: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn snapshot(&self, flights: u64, len: u64) -> Stats {
        Stats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            loads: self.loads.load(Relaxed),
            joined: self.joined.load(Relaxed),
            loaded: self.loaded.load(Relaxed),
            stale_served: self.stale_served.load(Relaxed),
            unavailable: self.unavailable.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            failures: self.failures.load(Relaxed),
            panics: self.panics.load(Relaxed),
            discarded: self.discarded.load(Relaxed),
            evictions: self.evictions.load(Relaxed),
            flights,
            len,
            bytes: self.bytes.load(Relaxed),
        }
    }
}

/// Adds one.
pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// A read that waits for a load. Dropped unanswered, it counts as abandoned.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    counters: &'a Counters,
    answered: bool,
}

impl<'a> Waiting<'a> {
    pub(crate) fn begin(counters: &'a Counters) -> Self {
        bump(&counters.waiting);
        Self {
            counters,
            answered: false,
        }
    }

    /// Ends the wait with an outcome.
    pub(crate) fn end(mut self, outcome: impl FnOnce(&Counters) -> &AtomicU64) {
        bump(outcome(self.counters));
        self.answered = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            bump(&self.counters.abandoned);
        }
        self.counters.waiting.fetch_sub(1, Relaxed);
    }
}
