//! Why the scheduler refuses.

use std::sync::Arc;
use std::time::Duration;

/// Why a job was not added. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The name is empty.
    #[error("a job needs a name")]
    NoName,
    /// A job of this name is there, or was removed and its last run has not ended.
    #[error("there is already a job named {name:?}")]
    Duplicate {
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
    /// The deadline is zero: no occurrence could ever run.
    #[error("a deadline of zero leaves no time to run")]
    NoTime,
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
