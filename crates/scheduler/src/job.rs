//! What is to be done, how often, and how much it matters.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::run::{Run, RunError};
use crate::trigger::{Phase, Trigger};

pub(crate) type Handler =
    Arc<dyn Fn(Run) -> BoxFuture<'static, Result<(), RunError>> + Send + Sync>;

/// A job that can be added to a scheduler.
///
/// # Examples
///
/// ```
/// use robust_scheduler::Job;
/// use std::time::Duration;
///
/// let job = Job::every("water the herbs", Duration::from_secs(3600))
///     .priority(2)
///     .run_at_start(true)
///     .deadline(Duration::from_secs(60))
///     .handler(|run| async move {
///         println!("watering; {} rounds were missed", run.missed);
///         Ok(())
///     });
/// assert_eq!(job.name(), "water the herbs");
/// ```
#[must_use = "a job does nothing until it is added to a scheduler"]
pub struct Job {
    pub(crate) spec: Spec,
    pub(crate) handler: Handler,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl Job {
    /// A job that comes due once a period. Periods below 1 ms, the grain of the timer, are refused
    /// when the job is added.
    pub fn every(name: impl Into<Arc<str>>, period: Duration) -> JobBuilder {
        JobBuilder {
            spec: Spec {
                name: name.into(),
                group: None,
                trigger: Trigger::Every {
                    period,
                    phase: Phase::Added,
                },
                priority: 3,
                run_at_start: false,
                deadline: None,
            },
        }
    }

    /// The name, unique in a scheduler.
    pub fn name(&self) -> &str {
        &self.spec.name
    }
}

/// A job that still lacks its handler, from [`Job::every`].
#[derive(Debug, Clone)]
#[must_use = "a job is made by `handler`"]
pub struct JobBuilder {
    spec: Spec,
}

impl JobBuilder {
    /// How much the job matters, 1 (most) to 5. Default 3.
    ///
    /// When there are more jobs due than may run, an occurrence competes with the moment it became
    /// ready plus 2 s for each step above 1. So a job of priority 5 is overtaken only by what
    /// becomes ready up to 8 s after it: nobody starves.
    pub fn priority(mut self, priority: u8) -> Self {
        self.spec.priority = priority;
        self
    }

    /// Whether the job also comes due at the moment it is added. Default no.
    pub fn run_at_start(mut self, yes: bool) -> Self {
        self.spec.run_at_start = yes;
        self
    }

    /// Puts the job in a group, which has a ledger of its own.
    pub fn group(mut self, group: impl Into<Arc<str>>) -> Self {
        self.spec.group = Some(group.into());
        self
    }

    /// Where in its period the job comes due. Default [`Phase::Added`].
    pub fn phase(mut self, phase: Phase) -> Self {
        let Trigger::Every { period, .. } = self.spec.trigger;
        self.spec.trigger = Trigger::Every { period, phase };
        self
    }

    /// How long after it came due an occurrence is worth anything. Default for ever.
    ///
    /// One that still waits then is skipped as [`SkipReason::TooLate`](crate::SkipReason::TooLate);
    /// one that still runs is dropped and recorded as [`Outcome::TimedOut`](crate::Outcome::TimedOut).
    pub fn deadline(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.spec.deadline = after.into();
        self
    }

    /// What a run does. Called inside the run's own task; a panic is an outcome like any other.
    ///
    /// A handler that keeps a clone of its scheduler keeps the scheduler alive.
    pub fn handler<F, Fut>(self, handler: F) -> Job
    where
        F: Fn(Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), RunError>> + Send + 'static,
    {
        Job {
            spec: self.spec,
            handler: Arc::new(move |run| handler(run).boxed()),
        }
    }
}

/// Everything about a job but its handler.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: Arc<str>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) trigger: Trigger,
    pub(crate) priority: u8,
    pub(crate) run_at_start: bool,
    pub(crate) deadline: Option<Duration>,
}

/// Names a job of one scheduler. An id of a removed job never means another job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}
