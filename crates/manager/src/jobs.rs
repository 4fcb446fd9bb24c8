//! Reads that come due by themselves.

use std::time::Duration;

use robust_scheduler::{AddError, Job, JobId, Phase, RunError};

use crate::{DataError, DataManager, Priority, Query};

/// A read that comes due once a period. Its result goes to the cache and to the listeners.
#[derive(Debug, Clone)]
#[must_use = "a job does nothing until it is given to DataManager::schedule"]
pub struct DataJob {
    name: String,
    query: Query,
    every: Duration,
    at_start: bool,
}

impl DataJob {
    /// Reads `query` once every period, under a name that is unique in the manager.
    pub fn new(name: impl Into<String>, query: Query, every: Duration) -> Self {
        Self {
            name: name.into(),
            query,
            every,
            at_start: false,
        }
    }

    /// Also runs once when it is added.
    pub const fn at_start(mut self) -> Self {
        self.at_start = true;
        self
    }
}

/// Why a job was not added. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The job asks an exchange that is not configured.
    #[error("job \"{job}\": {error}")]
    Query {
        /// The job.
        job: String,
        /// What is wrong with its query.
        error: DataError,
    },
    /// The scheduler refuses the job: its name is taken, its period too short, the manager shut down.
    #[error(transparent)]
    Refused(#[from] AddError),
}

impl DataManager {
    /// Adds a job. It fetches, whatever is stored, and writes the result through.
    ///
    /// A run that is due while the one before still waits replaces it, and the older one counts as superseded.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when the exchange is not configured, the name is taken, the period too short, or the manager shut down.
    pub fn schedule(&self, job: DataJob) -> Result<JobId, ScheduleError> {
        self.source(job.query.exchange().clone())
            .map_err(|error| ScheduleError::Query {
                job: job.name.clone(),
                error,
            })?;
        let priority = match job.query.priority {
            Priority::Critical => 1,
            Priority::High => 2,
            Priority::Medium => 3,
            _ => 4,
        };
        let group = job.query.exchange().as_str().to_owned();
        // The job must not keep the manager alive: it holds the stack, not the handle.
        let (service, query) = (self.service(), job.query.refresh());
        let handler = move |_run| {
            let (service, query) = (service.clone(), query.clone());
            async move {
                use tower::ServiceExt;
                service
                    .oneshot(query)
                    .await
                    .map(|_| ())
                    .map_err(|error| RunError::new(error.to_string()))
            }
        };
        Ok(self.scheduler().add(
            Job::every(job.name, job.every)
                .phase(Phase::Spread)
                .priority(priority)
                .group(group)
                .run_at_start(job.at_start)
                .handler(handler),
        )?)
    }
}
