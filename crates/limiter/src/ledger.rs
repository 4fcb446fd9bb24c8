//! One budget of either sort: one that forgets commits at a time, or one that drains.

use crate::bucket::Bucket;
use crate::log::{Log, Nanos, Shape};

/// One budget.
#[derive(Clone, Debug)]
pub(crate) enum Ledger {
    /// Forgets each commit at its expiry: sliding, exact and aligned windows.
    Log(Log),
    /// Drains.
    Bucket(Bucket),
}

impl Ledger {
    pub(crate) fn new(shape: &Shape) -> Self {
        if shape.drain.is_some() {
            Self::Bucket(Bucket::default())
        } else {
            Self::Log(Log::default())
        }
    }

    /// Forgets what has left.
    pub(crate) fn expire(&mut self, now: Nanos, shape: &Shape) {
        match self {
            Self::Log(log) => log.expire(now, shape),
            Self::Bucket(bucket) => bucket.expire(now, shape),
        }
    }

    /// Takes over a changed shape, at the time of the last [`expire`](Self::expire).
    pub(crate) fn reshape(&mut self, before: &Shape, shape: &Shape) {
        if let (Self::Bucket(bucket), Some(old), Some(new)) = (self, before.drain, shape.drain) {
            bucket.measure(old, new);
        }
    }

    /// Units in use, as of the last [`expire`](Self::expire).
    pub(crate) fn used(&self, shape: &Shape) -> u64 {
        match self {
            Self::Log(log) => log.used(),
            Self::Bucket(bucket) => bucket.used(shape),
        }
    }

    /// Units in use, and those that are left to others and that they have not used as far as we know.
    pub(crate) fn load(&self, shape: &Shape) -> u64 {
        let unclaimed = match self {
            Self::Log(log) => shape.unclaimed(log.foreign()),
            // What drains is not told apart.
            Self::Bucket(_) => shape.reserved,
        };
        self.used(shape).saturating_add(unclaimed)
    }

    /// From when on nothing is in use; `None` while something is held.
    pub(crate) fn idle_at(&self, shape: &Shape) -> Option<Nanos> {
        match self {
            Self::Log(log) => log.idle_at(shape),
            Self::Bucket(bucket) => bucket.idle_at(shape),
        }
    }

    /// Takes units without a time: granted.
    pub(crate) const fn hold(&mut self, units: u64) {
        match self {
            Self::Log(log) => log.hold(units),
            Self::Bucket(bucket) => bucket.hold(units),
        }
    }

    /// Gives held units back.
    pub(crate) const fn release(&mut self, units: u64) {
        match self {
            Self::Log(log) => log.release(units),
            Self::Bucket(bucket) => bucket.release(units),
        }
    }

    /// Stamps held units with the time of their dispatch. `now` never runs backwards.
    pub(crate) fn commit(&mut self, now: Nanos, units: u64, shape: &Shape) {
        match self {
            Self::Log(log) => log.commit(now, units, shape),
            Self::Bucket(bucket) => bucket.commit(now, units, shape),
        }
    }

    /// Adds units that were granted and dispatched between `first` and `last`, in one cell.
    pub(crate) fn commit_between(&mut self, first: Nanos, last: Nanos, units: u64, shape: &Shape) {
        match self {
            Self::Log(log) => log.commit_between(first, last, units, shape),
            Self::Bucket(bucket) => bucket.commit_between(first, last, units, shape),
        }
    }

    /// The newest cell, from its first instant to its last.
    pub(crate) fn newest(&self, shape: &Shape) -> Option<(Nanos, Nanos)> {
        let first = match self {
            Self::Log(log) => log.newest(),
            Self::Bucket(bucket) => bucket.newest(),
        }?
        .first;
        Some((first, shape.cell_end(first)?))
    }

    /// Adds units that our request of `at` cost beyond what was granted.
    pub(crate) fn add(&mut self, at: Nanos, units: u64, shape: &Shape) {
        match self {
            Self::Log(log) => log.add(at, units, shape),
            Self::Bucket(bucket) => bucket.add(at, units, 0, shape),
        }
    }

    /// Adds units that others had used by `at`; of those that drain, now.
    pub(crate) fn add_foreign(&mut self, now: Nanos, at: Nanos, units: u64, shape: &Shape) {
        match self {
            Self::Log(log) => log.add_foreign(at, units, shape),
            Self::Bucket(bucket) => bucket.add(now, units, units, shape),
        }
    }

    /// Takes back up to `units` of what was committed at `at`; less once that has left.
    pub(crate) fn give_back(&mut self, at: Nanos, units: u64, shape: &Shape) {
        match self {
            Self::Log(log) => log.give_back(at, units),
            Self::Bucket(bucket) => bucket.give_back(at, units, shape),
        }
    }

    /// How many units a server has more than we know of, that had `used` when the request of `at` arrived.
    ///
    /// What was committed later than that by more than the guard must have arrived later, and is added to the server's count.
    pub(crate) fn missing(&self, now: Nanos, at: Nanos, used: u64, shape: &Shape) -> u64 {
        match self {
            Self::Log(log) => {
                let later = log.committed_after(at.saturating_add(shape.guard));
                used.saturating_add(later).saturating_sub(log.committed())
            }
            Self::Bucket(bucket) => bucket.missing(now, at, used, shape),
        }
    }
}
