//! The handle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use crate::builder::Builder;
use crate::error::{AddError, UnknownJob};
use crate::event::Event;
use crate::job::{Job, JobId};
use crate::ledger::Ledger;
use crate::record::Record;
use crate::report::ShutdownReport;
use crate::shared::{BoxedHandler, Shared};
use crate::status::JobStatus;

/// Runs jobs when they are due. Clones share one state.
///
/// Dropping the last handle aborts all runs; [`shutdown`](Self::shutdown) ends them in order.
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
        // What is left of a refused job is dropped when the lock is free again.
        let mut job = Some(job);
        let added = self.owner.shared.with(|core, now| {
            if let Some(job) = &job {
                core.check(&job.spec)?;
            }
            Ok(job
                .take()
                .map(|job| core.insert(job.spec, BoxedHandler(job.handler), now)))
        });
        self.owner.shared.wake.notify_one();
        match added {
            Ok(Some(id)) => Ok(id),
            Ok(None) => Err(AddError::NoName),
            Err(error) => Err(error),
        }
    }

    /// Skips the occurrences of a job from now on, the waiting one included. A run goes on.
    /// Pausing twice is the same as once.
    ///
    /// # Errors
    ///
    /// The job is not there.
    pub fn pause(&self, id: JobId) -> Result<(), UnknownJob> {
        self.owner.shared.with(|core, now| {
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
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.resume(id)
        })
    }

    /// Removes a job. A run goes on to its end; until then its name is taken.
    ///
    /// # Errors
    ///
    /// The job is not there.
    pub fn remove(&self, id: JobId) -> Result<(), UnknownJob> {
        let gone = self.owner.shared.with(|core, now| {
            core.advance(now);
            core.remove(id)
        })?;
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

    /// All jobs as they are now, in the order of adding.
    pub fn jobs(&self) -> Vec<JobStatus> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.jobs()
        })
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

    /// The ledger of one group. A group is there as long as it has jobs.
    pub fn group_ledger(&self, group: &str) -> Option<Ledger> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.group_ledger(group)
        })
    }

    /// The ledgers of all groups that have jobs.
    pub fn group_ledgers(&self) -> BTreeMap<Arc<str>, Ledger> {
        self.owner.shared.with(|core, now| {
            core.advance(now);
            core.group_ledgers()
        })
    }

    /// The last runs that ended, oldest first.
    pub fn history(&self) -> Vec<Record> {
        self.owner.shared.with(|core, _| core.history())
    }

    /// Listens to what happens from now on. See [`Event`] for what may be lost.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.owner.shared.events.subscribe()
    }

    /// Stops: releases nothing more, waits up to `grace` for the runs, then tells them to end and
    /// gives them the builder's `cancel_grace`, then aborts them.
    ///
    /// A second call can shorten the first one's grace; both get the same report.
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
