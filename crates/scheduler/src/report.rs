//! What a shutdown found.

use std::sync::Arc;

/// What a shutdown found and how the runs under way ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Runs that ended by themselves within the grace.
    pub completed: u64,
    /// Runs that ended after they were told to.
    pub cancelled: u64,
    /// Runs that had to be aborted.
    pub aborted: u64,
    /// Occurrences that were due and were never started. With a journal the next process starts them.
    pub never_started: u64,
    /// Occurrences that had been tried and would have been tried again. They count as no failure of
    /// their job; with a journal and [`Mark::AfterRun`](crate::Mark::AfterRun) the next process runs them.
    pub cut_off: u64,
    /// The jobs whose runs were aborted, once for each.
    pub aborted_jobs: Vec<Arc<str>>,
    /// The jobs whose occurrences were never started, once for each.
    pub never_started_jobs: Vec<Arc<str>>,
    /// The jobs whose occurrences were cut off, once for each.
    pub cut_off_jobs: Vec<Arc<str>>,
}
