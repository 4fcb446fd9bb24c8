//! What a job and the whole look like from outside.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::job::JobId;
use crate::ledger::Ledger;
use crate::record::{Aggregate, Record};
use crate::trigger::Trigger;

/// A job at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobStatus {
    /// The job's id.
    pub id: JobId,
    /// Its name.
    pub name: Arc<str>,
    /// The sources that can serve it.
    pub sources: Vec<Arc<str>>,
    /// What makes it come due.
    pub trigger: Trigger,
    /// How much it matters, 1 (most) to 5.
    pub priority: u8,
    /// Where it stands.
    pub state: JobState,
    /// The moment of its next occurrence.
    pub next: Option<SystemTime>,
    /// Whether its occurrences are skipped.
    pub paused: bool,
    /// Whether a run is under way.
    pub running: bool,
    /// Whether one of them has outlived its timeout.
    pub stuck: bool,
    /// The moment of its last success.
    pub last_success: Option<SystemTime>,
    /// Failures in a row.
    pub failures: u32,
    /// Failed runs in a row, those included that say nothing about the job.
    pub failed_in_a_row: u32,
    /// Where its occurrences went.
    pub ledger: Ledger,
    /// What all of its runs came to.
    pub aggregate: Aggregate,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobState {
    /// It waits for its next moment.
    Scheduled,
    /// An occurrence waits for another job.
    WaitingDeps,
    /// An occurrence waits for its turn, or for its own run to end.
    Ready,
    /// A run is under way.
    Running,
    /// An occurrence waits for another try.
    Backoff,
    /// Its occurrences are skipped.
    Paused,
    /// It comes due no more until it is enabled.
    Disabled,
    /// It failed too often; only probes run.
    Quarantined,
    /// Its moments could not be found.
    Faulted,
    /// It was removed, and its last run goes on. Until that has ended, its name is taken.
    Removing,
}

/// A source at one instant.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SourceStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Jobs that name it.
    pub jobs: usize,
    /// Occurrences that wait for their turn with it.
    pub ready: usize,
    /// Runs under way.
    pub in_flight: usize,
    /// How long it is still parked.
    pub parked: Option<Duration>,
    /// What its jobs ask of it in the long run, cost a second.
    pub demand: f64,
    /// The same of its budget, in percent.
    pub load_percent: Option<u32>,
    /// The exponentially weighted mean time of a run.
    pub latency: Duration,
    /// The exponentially weighted share of failed runs, 0 to 1.
    pub errors: f64,
    /// How long its interval data takes to settle, as far as it has been learned: the first guess as
    /// long as nobody has asked in time.
    pub settle: Option<Duration>,
    /// Where the occurrences of its jobs went.
    pub ledger: Ledger,
}

/// Everything at one instant.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// When.
    pub at: SystemTime,
    /// Where every occurrence went.
    pub ledger: Ledger,
    /// All jobs in the order of adding.
    pub jobs: Vec<JobStatus>,
    /// All sources by name.
    pub sources: Vec<SourceStatus>,
    /// The last runs that ended, oldest first.
    pub history: Vec<Record>,
}
