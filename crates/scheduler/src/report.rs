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
    /// Occurrences that were due and were never started.
    pub never_started: u64,
    /// The jobs whose runs were aborted.
    pub aborted_jobs: Vec<Arc<str>>,
}
