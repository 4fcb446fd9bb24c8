//! Settings of a scheduler.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::driver::drive;
use crate::roster::{Limits, Roster};
use crate::scheduler::{Owner, Scheduler};
use crate::shared::Shared;

/// Settings of a scheduler, from [`Scheduler::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    limits: Limits,
    events: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            limits: Limits {
                max_in_flight: 10,
                max_jobs: 100_000,
                history: 1_000,
                cancel_grace: Duration::from_secs(1),
                seed: 0,
            },
            events: 1_024,
        }
    }
}

impl Builder {
    /// How many runs may be under way at once; at least 1. Default 10.
    pub fn max_in_flight(mut self, runs: usize) -> Self {
        self.limits.max_in_flight = runs.max(1);
        self
    }

    /// How many ended runs are remembered. Default 1,000.
    pub fn history(mut self, records: usize) -> Self {
        self.limits.history = records;
        self
    }

    /// How many jobs there may be. Default 100,000.
    pub fn max_jobs(mut self, jobs: usize) -> Self {
        self.limits.max_jobs = jobs;
        self
    }

    /// How many events a listener may be behind before it loses the oldest; at least 1, at most
    /// 65,536. Default 1,024.
    pub fn events(mut self, events: usize) -> Self {
        self.events = events.clamp(1, 65_536);
        self
    }

    /// How long a run has, once told to end, before a shutdown aborts it. Default 1 s.
    pub fn cancel_grace(mut self, grace: Duration) -> Self {
        self.limits.cancel_grace = grace;
        self
    }

    /// Shifts the phases of jobs with [`Phase::Spread`](crate::Phase::Spread), so that two
    /// processes with different seeds do not come due together. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.limits.seed = seed;
        self
    }

    /// Starts the driver task.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, as [`tokio::spawn`] does.
    pub fn start(self) -> Scheduler {
        let shared = Arc::new(Shared::new(Roster::new(self.limits), self.events));
        let (report, done) = watch::channel(None);
        let driver = tokio::spawn(drive(Arc::clone(&shared), report)).abort_handle();
        Scheduler::new(Owner {
            shared,
            driver,
            done,
        })
    }
}
