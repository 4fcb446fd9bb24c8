//! What a job looks like from outside.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::job::JobId;
use crate::ledger::Ledger;
use crate::trigger::Trigger;

/// A job at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobStatus {
    /// The job's id.
    pub id: JobId,
    /// Its name.
    pub name: Arc<str>,
    /// Its group.
    pub group: Option<Arc<str>>,
    /// What makes it come due.
    pub trigger: Trigger,
    /// How much it matters, 1 (most) to 5.
    pub priority: u8,
    /// How long after it came due an occurrence is worth anything.
    pub deadline: Option<Duration>,
    /// When it comes due next.
    pub next: Option<Instant>,
    /// Whether its occurrences are skipped.
    pub paused: bool,
    /// Whether a run is under way.
    pub running: bool,
    /// Where its occurrences went.
    pub ledger: Ledger,
}
