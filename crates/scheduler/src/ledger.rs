//! The account of every occurrence: nothing vanishes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::record::Outcome;

/// Where every occurrence went, at one instant.
///
/// `due = ran + superseded + Σ skipped + pending` and `ran = running + retrying + Σ outcomes` hold at
/// every instant, whatever the handlers do; [`balances`](Self::balances) checks both.
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
    /// Occurrences that wait for another try (part of `ran`).
    pub retrying: u64,
    /// How the other runs ended (the rest of `ran`).
    pub outcomes: Outcomes,
    /// Tries beyond the first, of all occurrences.
    pub retries: u64,
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
    /// Reached their timeout.
    pub timed_out: u64,
    /// Were aborted, gave up when told to end, or were kept from another try by the stop.
    pub cancelled: u64,
    /// Were put off until a newer occurrence took their place.
    pub deferred: u64,
    /// Of these, those whose own data or limit was not ready; the source of the others was away.
    pub not_ready: u64,
}

/// Why an occurrence was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The job was paused.
    Paused,
    /// The job was removed or disabled while the occurrence waited.
    Removed,
    /// The scheduler shut down while the occurrence waited.
    Shutdown,
    /// It was useful no more, and had not started.
    TooLate,
    /// It was released later than its grace, or beyond what the misfire policy catches up.
    Misfired,
    /// The job still ran, and its policy is not to wait.
    Overlap,
    /// The job failed several times in a row, and the gap to its next run is stretched.
    Backoff,
    /// The job is quarantined and this was not its probe.
    Quarantined,
    /// The job that it waits for did not succeed.
    UpstreamFailed,
    /// The job that it waits for is quarantined, disabled or gone.
    UpstreamDown,
    /// It waited for another job as long as it may.
    DepTimeout,
    /// As many of its priority wait as may.
    QueueFull,
    /// The journal could not be written, and the job must not run unmarked.
    Journal,
}

impl SkipReason {
    const ALL: [Self; 13] = [
        Self::Paused,
        Self::Removed,
        Self::Shutdown,
        Self::TooLate,
        Self::Misfired,
        Self::Overlap,
        Self::Backoff,
        Self::Quarantined,
        Self::UpstreamFailed,
        Self::UpstreamDown,
        Self::DepTimeout,
        Self::QueueFull,
        Self::Journal,
    ];
}

impl SkipReason {
    /// Its name in reports, as it is serialised.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Removed => "removed",
            Self::Shutdown => "shutdown",
            Self::TooLate => "too_late",
            Self::Misfired => "misfired",
            Self::Overlap => "overlap",
            Self::Backoff => "backoff",
            Self::Quarantined => "quarantined",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamDown => "upstream_down",
            Self::DepTimeout => "dep_timeout",
            Self::QueueFull => "queue_full",
            Self::Journal => "journal",
        }
    }
}

impl Ledger {
    /// All skipped occurrences.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Whether every occurrence is accounted for.
    pub fn balances(&self) -> bool {
        self.due == self.ran + self.superseded + self.skipped_total() + self.pending
            && self.ran == self.running + self.retrying + self.outcomes.total()
    }
}

impl Outcomes {
    /// All runs that have ended.
    pub fn total(&self) -> u64 {
        self.ok + self.failed + self.panicked + self.timed_out + self.cancelled + self.deferred
    }

    pub(crate) fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Panicked => &mut self.panicked,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::Deferred => &mut self.deferred,
        };
        *counter += 1;
    }
}

/// A ledger as it is kept, one for each job: most have never skipped anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) due: u64,
    pub(crate) ran: u64,
    pub(crate) superseded: u64,
    pub(crate) pending: u64,
    pub(crate) running: u64,
    pub(crate) retrying: u64,
    pub(crate) retries: u64,
    pub(crate) outcomes: Outcomes,
    skipped: Option<Box<[u64; SkipReason::ALL.len()]>>,
}

impl Tally {
    pub(crate) fn skip(&mut self, reason: SkipReason, count: u64) {
        if count == 0 {
            return;
        }
        let skipped = self.skipped.get_or_insert_default();
        if let Some(counter) = skipped.get_mut(reason as usize) {
            *counter += count;
        }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let skipped = self.skipped.as_deref().copied().unwrap_or_default();
        let skipped = SkipReason::ALL.into_iter().zip(skipped);
        Ledger {
            due: self.due,
            ran: self.ran,
            superseded: self.superseded,
            skipped: skipped.filter(|(_, count)| *count > 0).collect(),
            pending: self.pending,
            running: self.running,
            retrying: self.retrying,
            outcomes: self.outcomes,
            retries: self.retries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter_of_its_own() {
        let mut tally = Tally::default();
        for (n, reason) in (1..).zip(SkipReason::ALL) {
            tally.skip(reason, n);
        }
        let counts: Vec<_> = tally.ledger().skipped.into_iter().collect();
        let expected: Vec<_> = SkipReason::ALL.into_iter().zip(1..).collect();
        assert_eq!(counts, expected);
    }
}
