//! What is to be done, when, and how much it matters.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use smallvec::SmallVec;

use crate::cron::Cron;
use crate::dependency::Upstream;
use crate::policy::{Failures, Mark, Misfire, Overlap, Retry};
use crate::run::{Run, RunError};
use crate::trigger::{Blackout, Measured, Phase, Settle, Trigger};

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
///     .timeout(Duration::from_secs(60))
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
        let trigger = Trigger::Every {
            period,
            phase: Phase::Added,
            from: Measured::Start,
        };
        Self::on(name, trigger)
    }

    /// A job that comes due at the moments of a cron expression.
    pub fn cron(name: impl Into<Arc<str>>, cron: Cron) -> JobBuilder {
        Self::on(name, Trigger::Cron(cron))
    }

    /// A job that comes due at the end of each interval of a shared grid, as candles do; released
    /// after the default [`Settle`].
    pub fn aligned(name: impl Into<Arc<str>>, interval: Duration) -> JobBuilder {
        let settle = Settle::default();
        Self::on(name, Trigger::Aligned { interval, settle })
    }

    /// A job that comes due once.
    pub fn at(name: impl Into<Arc<str>>, moment: SystemTime) -> JobBuilder {
        Self::on(name, Trigger::At(moment))
    }

    /// A job that comes due whenever all of these have succeeded for a newer moment.
    pub fn on_success<N: Into<Arc<str>>>(
        name: impl Into<Arc<str>>,
        of: impl IntoIterator<Item = N>,
    ) -> JobBuilder {
        let of = of.into_iter().map(Into::into).collect();
        Self::on(name, Trigger::OnSuccess(of))
    }

    /// A job with this trigger.
    pub fn on(name: impl Into<Arc<str>>, trigger: Trigger) -> JobBuilder {
        JobBuilder {
            spec: Spec {
                name: name.into(),
                sources: SmallVec::new(),
                trigger: trigger.flat(),
                blackouts: Box::default(),
                priority: 3,
                cost: 1,
                costs: Box::default(),
                run_at_start: false,
                splay: Duration::ZERO,
                useful_for: None,
                timeout: None,
                escalated: None,
                misfire: Misfire::default(),
                grace: None,
                overlap: Overlap::default(),
                retry: Retry::default(),
                failures: Failures::default(),
                upstreams: Vec::new(),
                exclusive: None,
                mark: Mark::default(),
            },
        }
    }

    /// The name, unique in a scheduler.
    pub fn name(&self) -> &str {
        &self.spec.name
    }
}

/// A job that still lacks its handler, from [`Job::every`] and the others.
#[derive(Debug, Clone)]
#[must_use = "a job is made by `handler`"]
pub struct JobBuilder {
    pub(crate) spec: Spec,
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

    /// What the job asks. See [`Source`](crate::Source).
    pub fn source(mut self, name: impl Into<Arc<str>>) -> Self {
        self.spec.sources = SmallVec::from_iter([name.into()]);
        self
    }

    /// Any of these can serve the job. Each run goes to the better of two drawn at random, by free
    /// places, latency and health; it stays with the last one unless the other is 25 % better.
    pub fn any_source<N: Into<Arc<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.spec.sources = names.into_iter().map(Into::into).collect();
        self
    }

    /// What a run costs its source, in the source's own unit; at least 1. Default 1.
    pub fn cost(mut self, cost: u32) -> Self {
        self.spec.cost = cost.max(1);
        self.spec.costs = Box::default();
        self
    }

    /// What a run costs each of its sources, in their order and each in its own unit; at least 1. One that
    /// is not named costs what [`cost`](Self::cost) says. Say it after that.
    ///
    /// A run that any of several sources can serve counts for what each of them bears with its part: of
    /// three a third, at what it costs there.
    pub fn costs(mut self, costs: impl IntoIterator<Item = u32>) -> Self {
        self.spec.costs = costs.into_iter().map(|cost| cost.max(1)).collect();
        self
    }

    /// When it comes due. For a job that is updated.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.spec.trigger = trigger.flat();
        self
    }

    /// Where in its period an `every` job comes due. Default [`Phase::Added`].
    pub fn phase(mut self, to: Phase) -> Self {
        if let Trigger::Every { phase, .. } = &mut self.spec.trigger {
            *phase = to;
        }
        self
    }

    /// Counts the period of an `every` job from the end of its last run: there is always a whole
    /// period of rest.
    pub fn from_completion(mut self) -> Self {
        if let Trigger::Every { from, .. } = &mut self.spec.trigger {
            *from = Measured::Completion;
        }
        self
    }

    /// How long the data of an `aligned` job takes to settle. Default 1.5 s.
    pub fn settle(mut self, to: Settle) -> Self {
        if let Trigger::Aligned { settle, .. } = &mut self.spec.trigger {
            *settle = to;
        }
        self
    }

    /// Times in which the job does not come due.
    pub fn blackouts(mut self, blackouts: impl IntoIterator<Item = Blackout>) -> Self {
        self.spec.blackouts = blackouts.into_iter().collect();
        self
    }

    /// Spreads the releases of jobs that share their moments: each is delayed by a part of this that
    /// stays the same for the job's life, evenly among the jobs of its source. At most the period.
    /// Default none.
    pub fn splay(mut self, most: Duration) -> Self {
        self.spec.splay = most;
        self
    }

    /// How long after its release a run may still start. Default until the job's next moment.
    ///
    /// One that still waits then, for whatever, is skipped as
    /// [`SkipReason::TooLate`](crate::SkipReason::TooLate); one that waits for another try has none.
    pub fn useful_for(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.spec.useful_for = time.into();
        self
    }

    /// How long a run may take. Default for ever.
    ///
    /// It is dropped then and recorded as [`Outcome::TimedOut`](crate::Outcome::TimedOut). One that
    /// cannot be dropped, because it blocks its thread, is told as
    /// [`Event::Stuck`](crate::Event::Stuck) and keeps its place.
    pub fn timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.spec.timeout = time.into();
        self
    }

    /// The timeout of the one run after a run that timed out.
    pub fn escalated_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.spec.escalated = time.into();
        self
    }

    /// What becomes of occurrences that nobody could release. Default [`Misfire::Once`].
    pub fn misfire(mut self, policy: Misfire) -> Self {
        self.spec.misfire = policy;
        self
    }

    /// How late a release may be before [`Misfire::Skip`] skips it. Default until the job's next moment,
    /// at least 1 s; if there is none, it is never too late.
    pub fn grace(mut self, grace: impl Into<Option<Duration>>) -> Self {
        self.spec.grace = grace.into();
        self
    }

    /// What becomes of occurrences during a run. Default [`Overlap::BufferOne`].
    pub fn overlap(mut self, policy: Overlap) -> Self {
        self.spec.overlap = policy;
        self
    }

    /// Trying again within an occurrence. Default not.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.spec.retry = retry;
        self
    }

    /// What failures in a row do to the schedule. Default: from the second on the gaps are stretched,
    /// after the fifth the job is quarantined.
    pub fn failures(mut self, policy: Failures) -> Self {
        self.spec.failures = policy;
        self
    }

    /// Waits for another job. Several calls are several conditions, all of which must be met.
    pub fn after(mut self, upstream: Upstream) -> Self {
        self.spec.upstreams.push(upstream);
        self
    }

    /// Never runs together with another job of this name of a group.
    pub fn exclusive(mut self, group: impl Into<Arc<str>>) -> Self {
        self.spec.exclusive = Some(group.into());
        self
    }

    /// When a journal is told. Default [`Mark::AfterRun`].
    pub fn mark(mut self, mark: Mark) -> Self {
        self.spec.mark = mark;
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
    pub(crate) sources: SmallVec<[Arc<str>; 1]>,
    pub(crate) trigger: Trigger,
    pub(crate) blackouts: Box<[Blackout]>,
    pub(crate) priority: u8,
    pub(crate) cost: u32,
    /// By source, where they differ.
    pub(crate) costs: Box<[u32]>,
    pub(crate) run_at_start: bool,
    pub(crate) splay: Duration,
    pub(crate) useful_for: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) escalated: Option<Duration>,
    pub(crate) misfire: Misfire,
    pub(crate) grace: Option<Duration>,
    pub(crate) overlap: Overlap,
    pub(crate) retry: Retry,
    pub(crate) failures: Failures,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) exclusive: Option<Arc<str>>,
    pub(crate) mark: Mark,
}

impl Spec {
    /// The names of all jobs that it waits for.
    pub(crate) fn waits_for(&self) -> impl Iterator<Item = &Arc<str>> {
        let upstreams = self.upstreams.iter().map(|upstream| &upstream.name);
        upstreams.chain(self.trigger.upstreams())
    }
}

/// Names a job of one scheduler. An id of a removed job never means another job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}
