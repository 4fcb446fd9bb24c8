//! Where every run of a plan went.

use std::collections::BTreeMap;
use std::fmt;

use robust_data_manager::DataManager;
use serde::Serialize;

/// The account of one plan: `due = done + skipped + failed + pending`, whatever the exchanges did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PlanLedger {
    pub(super) due: u64,
    pub(super) done: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
    pub(super) pending: u64,
    skipped_by_reason: BTreeMap<&'static str, u64>,
    /// Whether the scheduler's own account closes as well.
    balances: bool,
}

impl PlanLedger {
    pub(super) fn of(manager: &DataManager) -> Self {
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
    pub(super) fn closes(&self) -> bool {
        self.balances && self.due == self.done + self.skipped + self.failed + self.pending
    }
}

impl fmt::Display for PlanLedger {
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
