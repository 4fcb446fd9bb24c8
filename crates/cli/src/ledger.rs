//! Where every run of the jobs went.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use robust_data_manager::DataManager;
use robust_data_manager::scheduler::Outcome;
use serde::Serialize;

/// The account of a manager's jobs: `due = done + skipped + failed + pending`, whatever the exchanges did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobLedger {
    pub(crate) due: u64,
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
    pub(crate) pending: u64,
    skipped_by_reason: BTreeMap<&'static str, u64>,
    /// Whether the scheduler's own account closes as well.
    balances: bool,
}

impl JobLedger {
    pub(crate) fn of(manager: &DataManager) -> Self {
        let ledger = manager.scheduler().ledger();
        let ended = &ledger.outcomes;
        let mut reasons = BTreeMap::new();
        let mut skip = |reason: &'static str, count: u64| {
            if count > 0 {
                *reasons.entry(reason).or_default() += count;
            }
        };
        skip("superseded", ledger.superseded);
        // Bars that are not there yet, and jobs beyond their own rate.
        skip("not_ready", ended.not_ready);
        skip(
            "source_away",
            ended.deferred.saturating_sub(ended.not_ready),
        );
        skip("cancelled", ended.cancelled);
        for (reason, count) in &ledger.skipped {
            skip(reason.as_str(), *count);
        }
        Self {
            due: ledger.due,
            done: ended.ok,
            skipped: reasons.values().sum(),
            failed: ended.failed + ended.panicked + ended.timed_out,
            pending: ledger.pending + ledger.running + ledger.retrying,
            skipped_by_reason: reasons,
            balances: ledger.balances(),
        }
    }

    /// Whether nothing is lost.
    pub(crate) fn closes(&self) -> bool {
        self.balances && self.due == self.done + self.skipped + self.failed + self.pending
    }
}

/// The jobs whose runs were cut off by the end, as far as the last 1,000 runs tell.
pub(crate) fn cut_off(manager: &DataManager) -> Vec<String> {
    let history = manager.scheduler().history();
    let cut = history
        .iter()
        .filter(|run| run.outcome == Outcome::Cancelled);
    let names: BTreeSet<String> = cut.map(|run| run.job.to_string()).collect();
    names.into_iter().collect()
}

impl fmt::Display for JobLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "due {} = done {} + skipped {} + failed {} + pending {}",
            self.due, self.done, self.skipped, self.failed, self.pending
        )?;
        for (at, (reason, count)) in self.skipped_by_reason.iter().enumerate() {
            write!(f, "{}{reason} {count}", if at == 0 { " (" } else { ", " })?;
        }
        if self.skipped_by_reason.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}
