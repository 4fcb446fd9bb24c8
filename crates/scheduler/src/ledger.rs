//! The account of every occurrence: nothing vanishes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::record::Outcome;

/// Where every occurrence went, at one instant.
///
/// `due = ran + superseded + Σ skipped + pending` and `ran = running + Σ outcomes` hold at every
/// instant, whatever the handlers do; [`balances`](Self::balances) checks both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Ledger {
    /// Occurrences that came due.
    pub due: u64,
    /// Occurrences whose run was started.
    pub ran: u64,
    /// Occurrences that still waited when a newer one of the same job came due.
    pub superseded: u64,
    /// Occurrences that were not to be run, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Occurrences that wait to be started.
    pub pending: u64,
    /// Runs that have not ended (part of `ran`).
    pub running: u64,
    /// How the other runs ended (the rest of `ran`).
    pub outcomes: Outcomes,
}

/// How runs ended, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Outcomes {
    /// Returned `Ok`.
    pub ok: u64,
    /// Returned an error.
    pub failed: u64,
    /// Panicked.
    pub panicked: u64,
    /// Reached their deadline.
    pub timed_out: u64,
    /// Were aborted or gave up when told to end.
    pub cancelled: u64,
}

/// Why an occurrence was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The job was paused.
    Paused,
    /// The job was removed while the occurrence waited.
    Removed,
    /// The scheduler shut down while the occurrence waited.
    Shutdown,
    /// Its deadline passed while it waited.
    TooLate,
}

impl Ledger {
    /// All skipped occurrences.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Whether every occurrence is accounted for.
    pub fn balances(&self) -> bool {
        self.due == self.ran + self.superseded + self.skipped_total() + self.pending
            && self.ran == self.running + self.outcomes.total()
    }

    pub(crate) fn skip(&mut self, reason: SkipReason, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
    }
}

impl Outcomes {
    /// All runs that have ended.
    pub fn total(&self) -> u64 {
        self.ok + self.failed + self.panicked + self.timed_out + self.cancelled
    }

    pub(crate) fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Panicked => &mut self.panicked,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Cancelled => &mut self.cancelled,
        };
        *counter += 1;
    }
}
