//! What happens, told to whoever listens.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::ledger::SkipReason;
use crate::record::{Outcome, Record};
use crate::report::ShutdownReport;

/// Something that happened.
///
/// Events are hints: a listener who falls behind loses the oldest and is told how many. Nothing
/// in the scheduler depends on their delivery; the ledger and the history are exact.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A job was added.
    Added {
        /// The job's name.
        job: Arc<str>,
    },
    /// A job was changed; its history goes on.
    Updated {
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
    /// A job was disabled: it comes due no more.
    Disabled {
        /// The job's name.
        job: Arc<str>,
    },
    /// A job was enabled, or lifted out of its quarantine by hand.
    Enabled {
        /// The job's name.
        job: Arc<str>,
    },
    /// A job failed too often in a row, or for good: only probes run until one succeeds.
    Quarantined {
        /// The job's name.
        job: Arc<str>,
        /// Failures in a row.
        failures: u32,
        /// No probe before this.
        probe: SystemTime,
    },
    /// A probe of a quarantined job succeeded: it runs as ever.
    Restored {
        /// The job's name.
        job: Arc<str>,
    },
    /// A job's moments could not be found: it comes due no more until it is enabled or updated.
    Faulted {
        /// The job's name.
        job: Arc<str>,
    },
    /// A run was started.
    Started {
        /// The job's name.
        job: Arc<str>,
        /// The moment the occurrence stands for.
        nominal: SystemTime,
        /// Occurrences since the last run that never ran.
        missed: u64,
        /// Which try it is, from 1.
        attempt: u32,
    },
    /// A try failed and there will be another one.
    Retrying {
        /// The job's name.
        job: Arc<str>,
        /// The moment the occurrence stands for.
        nominal: SystemTime,
        /// How the try ended.
        outcome: Outcome,
        /// In how long.
        wait: Duration,
    },
    /// A run ended.
    Ended(Record),
    /// A run has reached its timeout and goes on all the same: it blocks its thread. It keeps its
    /// place among the runs.
    Stuck {
        /// The job's name.
        job: Arc<str>,
        /// The moment the occurrence stands for.
        nominal: SystemTime,
    },
    /// Occurrences that still waited gave way to a newer one.
    Superseded {
        /// The job's name.
        job: Arc<str>,
        /// The newer occurrence.
        by: SystemTime,
        /// How many gave way.
        count: u64,
        /// Whether there were more than were counted.
        at_least: bool,
    },
    /// Occurrences were not to be run.
    Skipped {
        /// The job's name.
        job: Arc<str>,
        /// The last of them.
        nominal: SystemTime,
        /// How many.
        count: u64,
        /// Whether there were more than were counted.
        at_least: bool,
        /// Why.
        reason: SkipReason,
    },
    /// A source cannot be asked before this; its jobs wait.
    Parked {
        /// The source's name.
        source: Arc<str>,
        /// For how long; a day at most, then it is asked again.
        wait: Duration,
    },
    /// The jobs of a source ask more than its budget.
    Overload {
        /// The source's name.
        source: Arc<str>,
        /// Their demand, in percent of the budget, rounded up to a tenth.
        percent: f64,
    },
    /// The wall clock was set by more than half a second, or the machine slept. Told within 5 s.
    ClockStepped {
        /// Whether it was set back.
        back: bool,
        /// By how much.
        by: Duration,
    },
    /// The clock panicked. The wall time is reckoned from its last reading until it tells again; a step
    /// is found only then.
    ClockFailed,
    /// The journal could not be written. Jobs that must not run unmarked do not run.
    JournalFailed {
        /// Why.
        text: Arc<str>,
    },
    /// The scheduler stopped releasing and waits for its runs.
    ShuttingDown,
    /// The scheduler has stopped.
    Stopped(ShutdownReport),
}
