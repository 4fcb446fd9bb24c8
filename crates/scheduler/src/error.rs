//! Why the scheduler refuses.

use std::sync::Arc;
use std::time::Duration;

/// Why a job was not added or changed. Nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The name is empty.
    #[error("a job needs a name")]
    NoName,
    /// A job of this name is there.
    #[error("there is already a job named {name:?}")]
    Duplicate {
        /// The name.
        name: Arc<str>,
    },
    /// A job of this name was removed, and its last run has not ended.
    #[error("{name:?} was removed, but its last run has not ended; the name is free when it has")]
    Removing {
        /// The name.
        name: Arc<str>,
    },
    /// The period is below the grain of the timer.
    #[error("a period of {period:?} is too short, the least is {least:?}")]
    PeriodTooShort {
        /// The period asked for.
        period: Duration,
        /// The shortest that is possible.
        least: Duration,
    },
    /// The priority is not between 1 and 5.
    #[error("a priority is between 1 and 5, not {priority}")]
    Priority {
        /// The priority asked for.
        priority: u8,
    },
    /// A timeout or a usefulness of zero: no occurrence could ever run.
    #[error("a timeout or usefulness of zero leaves no time to run")]
    NoTime,
    /// Among several triggers there is one that must be a job's only one: a period from completion begins
    /// with the end of its own run, and a success is followed for its own moment.
    #[error(
        "{part} cannot be one of several triggers of {name:?}; make it a job of its own with the same handler"
    )]
    NotOneOfSeveral {
        /// The job.
        name: Arc<str>,
        /// The trigger.
        part: &'static str,
    },
    /// The trigger, or one of several, never comes, or in blackouts only.
    #[error("the trigger of {name:?} never comes")]
    Never {
        /// The job.
        name: Arc<str>,
    },
    /// A moment of its trigger lies before 1678 or after 2261: time is counted in nanoseconds, and no
    /// further.
    #[error("{name:?} names a moment outside the years 1678 to 2261")]
    OutOfRange {
        /// The job.
        name: Arc<str>,
    },
    /// It waits for a job that is not there and not said to be pending.
    #[error("{name:?} waits for {upstream:?}, which is not there; add it first or say `pending`")]
    NoUpstream {
        /// The job.
        name: Arc<str>,
        /// The job that it waits for.
        upstream: Arc<str>,
    },
    /// It would wait for itself.
    #[error("jobs would wait for each other in a circle: {}", path.join(" → "))]
    Circle {
        /// The names from one job back to itself, each waiting for the next.
        path: Vec<Arc<str>>,
    },
    /// The jobs of a source would ask more than its budget, and its policy is to refuse.
    #[error("{source_name:?} would be asked {percent} % of its budget")]
    Overload {
        /// The source.
        source_name: Arc<str>,
        /// The demand in percent of the budget, rounded up to a tenth.
        percent: f64,
    },
    /// The job to be updated is not there, or the update renames it.
    #[error("there is no such job")]
    Unknown,
    /// As many jobs as the scheduler takes are there.
    #[error("the scheduler is full, it takes {limit} jobs")]
    Full {
        /// The builder's `max_jobs`.
        limit: usize,
    },
    /// The scheduler is shutting down.
    #[error("the scheduler is shutting down")]
    ShutDown,
}

/// There is no such job (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such job")]
pub struct UnknownJob;

/// Why a job was not removed or disabled. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// There is no such job.
    #[error(transparent)]
    Unknown(#[from] UnknownJob),
    /// Others wait for it, and it was not said what becomes of them.
    #[error("{} wait for it; say whether to cascade or detach", jobs.join(", "))]
    Awaited {
        /// The jobs that wait for it.
        jobs: Vec<Arc<str>>,
    },
    /// Others come by its success alone: without it they never would.
    #[error("{} would never come due; give them another trigger first, or say to cascade", jobs.join(", "))]
    Stranded {
        /// The jobs that come by its success alone.
        jobs: Vec<Arc<str>>,
    },
}
