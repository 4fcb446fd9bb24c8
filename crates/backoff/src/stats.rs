//! Counters of what a policy did.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Event, GaveUp};

/// Counts retries and the reasons for giving up. Share one between a policy and your metrics.
#[derive(Debug, Default)]
pub struct Stats {
    started: AtomicU64,
    deadline: AtomicU64,
    budget: AtomicU64,
    attempts: AtomicU64,
    twice: AtomicU64,
}

/// The counters of [`Stats`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsSnapshot {
    /// Retries handed to the inner service. A retry dropped during its pause is not counted.
    pub started: u64,
    /// Outcomes returned because the pause would have ended after the deadline.
    pub given_up_deadline: u64,
    /// Outcomes returned because the budget was empty.
    pub given_up_budget: u64,
    /// Outcomes returned because all permitted attempts were used.
    pub given_up_attempts: u64,
    /// Outcomes returned because the request may have been carried out and is not idempotent.
    pub given_up_not_idempotent: u64,
}

impl Stats {
    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        StatsSnapshot {
            started: self.started.load(Ordering::Relaxed),
            given_up_deadline: self.deadline.load(Ordering::Relaxed),
            given_up_budget: self.budget.load(Ordering::Relaxed),
            given_up_attempts: self.attempts.load(Ordering::Relaxed),
            given_up_not_idempotent: self.twice.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn count(&self, event: Event) {
        let counter = match event {
            Event::Pausing { .. } => return,
            Event::Retrying { .. } => &self.started,
            Event::GaveUp { reason, .. } => match reason {
                GaveUp::Deadline => &self.deadline,
                GaveUp::Budget => &self.budget,
                GaveUp::Attempts => &self.attempts,
                GaveUp::NotIdempotent => &self.twice,
            },
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
