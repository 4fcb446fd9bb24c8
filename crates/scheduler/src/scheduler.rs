//! The handle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use crate::builder::Builder;
use crate::cron::Upcoming;
use crate::error::{AddError, RemoveError, UnknownJob};
use crate::event::Event;
use crate::forecast::{Forecast, forecast};
use crate::job::{Job, JobBuilder, JobId, Spec};
use crate::ledger::Ledger;
use crate::policy::Dependents;
use crate::record::Record;
use crate::report::ShutdownReport;
use crate::shared::{BoxedHandler, Shared};
use crate::source::Source;
use crate::status::{JobStatus, Snapshot, SourceStatus};

/// Runs jobs when they are due. Clones share one state.
///
/// Dropping the last handle aborts all runs and lets go of the store; [`shutdown`](Self::shutdown)
/// ends the runs in order.
#[derive(Debug, Clone)]
pub struct Scheduler {
    owner: Arc<Owner>,
}

#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) driver: AbortHandle,
    pub(crate) done: watch::Receiver<Option<ShutdownReport>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.driver.abort();
        // The tasks are gone only when the runtime comes to them; the journal is free now.
        if let Some(mut journal) = self.shared.journal() {
            journal.close();
        }
    }
}

impl Scheduler {
    pub(crate) fn new(owner: Owner) -> Self {
        Self {
            owner: Arc::new(owner),
        }
    }

    /// Starts with the defaults: 10 runs at once, a history of 1,000.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Adds a job.
    ///
    /// # Errors
    ///
    /// [`AddError`] says what is wrong with the job, or that the scheduler is full or stopping.
    pub fn add(&self, job: Job) -> Result<JobId, AddError> {
        let ids = self.add_all([job]).map_err(|(_, error)| error)?;
        ids.first().copied().ok_or(AddError::NoName)
    }

    /// Adds jobs, all or none. They may wait for each other in any order.
    ///
    /// # Errors
    ///
    /// The first job that cannot be added, by its place in the list, and [`AddError`].
    pub fn add_all(
        &self,
        jobs: impl IntoIterator<Item = Job>,
    ) -> Result<Vec<JobId>, (usize, AddError)> {
        // What is left of refused jobs is dropped when the lock is free again.
        let mut jobs: Vec<Job> = jobs.into_iter().collect();
        let added = self.owner.shared.change(|core, now| {
            core.advance(now);
            let specs: Vec<&Spec> = jobs.iter().map(|job| &job.spec).collect();
            core.check(&specs, now)?;
            core.make_room_for(&specs);
            let added = jobs.drain(..);
            Ok(added
                .map(|job| core.insert(job.spec, BoxedHandler(job.handler), now))
                .collect())
        });
        self.owner.shared.wake.notify_one();
        added
    }

    /// Changes a job. What the change does not touch stays, also what another update changes at the
    /// same time, and so do its history, its ledger and the jobs that wait for it. What waits goes on
    /// waiting: for others as long as it still may, for its next try as long as it was told.
    ///
    /// ```
    /// # use robust_scheduler::{Job, Scheduler};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), robust_scheduler::AddError> {
    /// # let scheduler = Scheduler::builder().start();
    /// let id = scheduler.add(Job::every("poll", Duration::from_secs(60)).handler(|_| async { Ok(()) }))?;
    /// scheduler.update(id, |job| job.priority(1))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AddError`] as when a job is added; the job is not there; it would be renamed.
    pub fn update(
        &self,
        id: JobId,
        change: impl FnOnce(JobBuilder) -> JobBuilder,
    ) -> Result<(), AddError> {
        let shared = &self.owner.shared;
        // Outside the lock: the change is the user's code.
        let base = shared
            .with(|core, _| core.spec(id))
            .ok_or(AddError::Unknown)?;
        let spec = base.clone();
        let changed = change(JobBuilder { spec }).spec;
        let updated = shared.change(|core, now| {
            core.advance(now);
            let spec = core.merged(id, &base, changed).ok_or(AddError::Unknown)?;
            core.update(id, spec, now)
        });
        shared.wake.notify_one();
        updated
    }

    /// Describes a source, or describes it anew. Also tells the scheduler that the source's gate may
    /// answer otherwise now.
    pub fn source(&self, source: Source) {
        let Source { name, settings } = source;
        let shared = &self.owner.shared;
        shared.with(|core, _| core.describe_source(&name, settings));
        shared.wake.notify_one();
    }

    /// Skips the occurrences of a job from now on, those that wait included. A run goes on.
    /// Pausing twice is the same as once.
    ///
    /// # Errors
    ///
    /// The job is not there.
    pub fn pause(&self, id: JobId) -> Result<(), UnknownJob> {
        self.owner.shared.change(|core, now| {
            core.advance(now);
            core.pause(id)
        })
    }

    /// Lets a paused job run again, from its next occurrence on.
    ///
    /// # Errors
    ///
    /// The job is not there.
    pub fn resume(&self, id: JobId) -> Result<(), UnknownJob> {
        self.owner.shared.change(|core, now| {
            core.advance(now);
            core.resume(id)
        })
    }

    /// Lets a job come due no more, until it is enabled. Nothing is counted meanwhile. What becomes
    /// of the jobs that wait for it is for the caller to say; one that comes by its success alone goes
    /// on following it.
    ///
    /// # Errors
    ///
    /// The job is not there, or others wait for it and [`Dependents::Refuse`] was said.
    pub fn disable(&self, id: JobId, dependents: Dependents) -> Result<(), RemoveError> {
        self.owner.shared.change(|core, now| {
            core.advance(now);
            core.disable(id, dependents)
        })
    }

    /// Lets a disabled, quarantined or faulted job run again, from its next occurrence on.
    ///
    /// # Errors
    ///
    /// The job is not there.
    pub fn enable(&self, id: JobId) -> Result<(), UnknownJob> {
        let shared = &self.owner.shared;
        let enabled = shared.change(|core, now| {
            core.advance(now);
            core.enable(id, now)
        });
        shared.wake.notify_one();
        enabled
    }

    /// Lets a job come due now, once, beside its own moments; also if it is paused or quarantined.
    ///
    /// # Errors
    ///
    /// The job is not there.
    pub fn run_now(&self, id: JobId) -> Result<(), UnknownJob> {
        let shared = &self.owner.shared;
        let due = shared.change(|core, now| {
            core.advance(now);
            core.run_now(id, now)
        });
        shared.wake.notify_one();
        due
    }

    /// Removes a job that no other waits for. A run goes on to its end; until then its name is
    /// taken, and it is shown as [`JobState::Removing`](crate::JobState::Removing).
    ///
    /// # Errors
    ///
    /// The job is not there, or others wait for it.
    pub fn remove(&self, id: JobId) -> Result<(), RemoveError> {
        self.remove_with(id, Dependents::Refuse)
    }

    /// Removes a job and says what becomes of those that wait for it.
    ///
    /// # Errors
    ///
    /// The job is not there; others wait for it and [`Dependents::Refuse`] was said; others come by its
    /// success alone and [`Dependents::Detach`] was said.
    pub fn remove_with(&self, id: JobId, dependents: Dependents) -> Result<(), RemoveError> {
        let shared = &self.owner.shared;
        let gone = shared.change(|core, now| {
            core.advance(now);
            core.remove(id, dependents)
        })?;
        shared.wake.notify_one();
        drop(gone);
        Ok(())
    }

    /// The job of this name.
    pub fn find(&self, name: &str) -> Option<JobId> {
        self.owner.shared.with(|core, _| core.id_of(name))
    }

    /// A job as it is now.
    pub fn job(&self, id: JobId) -> Option<JobStatus> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.job(id)
        })
    }

    /// All jobs as they are now, in the order of adding; those included that were removed and whose
    /// last run has not ended.
    pub fn jobs(&self) -> Vec<JobStatus> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.jobs()
        })
    }

    /// All sources that were described or have jobs, by name.
    pub fn sources(&self) -> Vec<SourceStatus> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.sources(now)
        })
    }

    /// Everything at one instant.
    pub fn snapshot(&self) -> Snapshot {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.snapshot(now)
        })
    }

    /// How often a job comes due a second, in the mean of its coming moments: what sources are weighed with. A job that follows others
    /// comes as often as the rarest of them, at most; one of a single moment counts as never.
    pub fn rate(&self, id: JobId) -> Option<f64> {
        self.owner.shared.with(|core, _| core.job_rate(id))
    }

    /// The next moments of a job, with what the clocks of its zone show and what a clock change does
    /// to them.
    pub fn preview(&self, id: JobId, count: usize) -> Option<Vec<Upcoming>> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.preview(id, count)
        })
    }

    /// How long after its moment a job is released: what its data needs to settle, and its part of the splay.
    pub fn delay(&self, id: JobId) -> Option<Duration> {
        self.owner.shared.with(|core, _| core.job_delay(id))
    }

    /// What the coming hours bring, up to a week: runs, what each source is asked, and what a clock
    /// change does.
    ///
    /// It looks through the moments of every job on the calling thread, up to a million each: about a
    /// second for ten million of them. What comes more often than once a second is counted by
    /// arithmetic, a second at a time.
    pub fn forecast(&self, span: Duration) -> Forecast {
        let (plan, from) = self.owner.shared.with(|core, now| {
            core.advance(now);
            core.plan(now)
        });
        forecast(plan, from, span)
    }

    /// Where every occurrence went since the start, exact at this instant: what is due by now is
    /// counted, even if the runtime has not come to it yet.
    pub fn ledger(&self) -> Ledger {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.ledger()
        })
    }

    /// The ledger of one job.
    pub fn job_ledger(&self, id: JobId) -> Option<Ledger> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.job_ledger(id)
        })
    }

    /// The ledger of one source.
    pub fn source_ledger(&self, source: &str) -> Option<Ledger> {
        self.source_ledgers().remove(source)
    }

    /// The ledgers of all sources that were described or have jobs. What a job with several sources
    /// does is counted with the first of them.
    pub fn source_ledgers(&self) -> BTreeMap<Arc<str>, Ledger> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.source_ledgers()
        })
    }

    /// The last runs that ended, of all jobs, oldest first.
    pub fn history(&self) -> Vec<Record> {
        self.owner.shared.with(|core, _| core.history())
    }

    /// The last 8 runs of a job that ended, oldest first, however busy the others are.
    pub fn job_history(&self, id: JobId) -> Option<Vec<Record>> {
        self.owner.shared.with(|core, _| core.job_history(id))
    }

    /// Listens to what happens from now on. See [`Event`] for what may be lost.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.owner.shared.events.subscribe()
    }

    /// Stops: releases nothing more, waits up to `grace` for the runs, then tells them to end and
    /// gives them the builder's `cancel_grace`, then aborts them.
    ///
    /// A second call can shorten the first one's grace; both get the same report. When it has stopped,
    /// the store is let go, so that another scheduler can open it: what is changed afterwards is not
    /// kept, and told as [`Event::JournalFailed`].
    ///
    /// # Cancel safety
    ///
    /// The stop is under way from the first poll on and goes on if the future is dropped.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.owner
            .shared
            .with(|core, now| core.shutdown(now, grace));
        self.owner.shared.wake.notify_one();
        let mut done = self.owner.done.clone();
        let report = match done.wait_for(Option::is_some).await {
            Ok(report) => report.clone(),
            Err(_) => None,
        };
        // No report: the runtime that the driver lived on is gone, and the runs with it.
        report.unwrap_or_else(|| self.owner.shared.with(|core, _| core.report()))
    }
}
