//! What happens, told to whoever listens.

use std::sync::Arc;

use tokio::time::Instant;

use crate::ledger::SkipReason;
use crate::record::Record;
use crate::report::ShutdownReport;

/// Something that happened.
///
/// Events are hints: a listener who falls behind loses the oldest and is told how many. Nothing
/// in the scheduler depends on their delivery; the ledger and the history are exact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A job was added.
    Added {
        /// The job's name.
        job: Arc<str>,
    },
    /// A job was removed; its run, if there is one, goes on to its end.
    Removed {
        /// The job's name.
        job: Arc<str>,
    },
    /// A job was paused.
    Paused {
        /// The job's name.
        job: Arc<str>,
    },
    /// A paused job goes on.
    Resumed {
        /// The job's name.
        job: Arc<str>,
    },
    /// A run was started.
    Started {
        /// The job's name.
        job: Arc<str>,
        /// The moment the occurrence stands for.
        nominal: Instant,
        /// Occurrences since the last run that never ran.
        missed: u64,
    },
    /// A run ended.
    Ended(Record),
    /// Occurrences that still waited gave way to a newer one.
    Superseded {
        /// The job's name.
        job: Arc<str>,
        /// The newer occurrence.
        by: Instant,
        /// How many gave way.
        count: u64,
    },
    /// Occurrences were not to be run.
    Skipped {
        /// The job's name.
        job: Arc<str>,
        /// The last of them.
        nominal: Instant,
        /// How many.
        count: u64,
        /// Why.
        reason: SkipReason,
    },
    /// The scheduler stopped releasing and waits for its runs.
    ShuttingDown,
    /// The scheduler has stopped.
    Stopped(ShutdownReport),
}
