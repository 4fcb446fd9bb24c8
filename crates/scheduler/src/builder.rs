//! Settings of a scheduler.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::{Clock, SystemClock};
use crate::driver::drive;
use crate::journal::{Journal, Store};
use crate::moment::nanos;
use crate::roster::{Limits, Roster, Time};
use crate::scheduler::{Owner, Scheduler};
use crate::shared::Shared;
use crate::source::Gate;

/// Settings of a scheduler, from [`Scheduler::builder`].
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    limits: Limits,
    events: usize,
    clock: Arc<dyn Clock>,
    store: Option<Box<dyn Store>>,
    gate: Option<Arc<dyn Gate>>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("limits", &self.limits)
            .field("events", &self.events)
            .field("store", &self.store.is_some())
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            limits: Limits {
                max_in_flight: 10,
                reserve: 0,
                max_jobs: 100_000,
                history: 1_000,
                cancel_grace: Duration::from_secs(1),
                seed: 0,
                queues: [usize::MAX; 5],
            },
            events: 1_024,
            clock: Arc::new(SystemClock),
            store: None,
            gate: None,
        }
    }
}

impl Builder {
    /// How many runs may be under way at once; at least 1. Default 10.
    pub fn max_in_flight(mut self, runs: usize) -> Self {
        self.limits.max_in_flight = runs.max(1);
        self
    }

    /// How many of them only priorities 1 and 2 may take; one is left for the others whatever is said
    /// here. Default none.
    pub fn reserve(mut self, runs: usize) -> Self {
        self.limits.reserve = runs;
        self
    }

    /// Asks this gate before each run of any job, as the gate of a source is asked before each of its
    /// own. While it says [`NotBefore`](crate::Admission::NotBefore) nothing is started; what comes due
    /// waits by its overlap policy, so that one run of each job makes up for all.
    ///
    /// This is where a lease goes, if of several processes one is to run the jobs: see
    /// `examples/lease.rs`. The one that takes over may run a moment that the other has run; the job's
    /// name with [`Run::nominal`](crate::Run::nominal) is the key that tells. Default none.
    pub fn gate(mut self, gate: impl Gate) -> Self {
        self.gate = Some(Arc::new(gate));
        self
    }

    /// How many occurrences of a priority may wait for a turn, at least 1; one more is skipped as
    /// [`SkipReason::QueueFull`](crate::SkipReason::QueueFull). Default one for each job, as many as
    /// there can be.
    pub fn queue(mut self, priority: u8, occurrences: usize) -> Self {
        let class = usize::from(priority).checked_sub(1);
        if let Some(bound) = class.and_then(|class| self.limits.queues.get_mut(class)) {
            // What could start at once waits for a turn too, if only for an instant.
            *bound = occurrences.max(1);
        }
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

    /// How long a run has, once told to end, before it is dropped. Default 1 s.
    pub fn cancel_grace(mut self, grace: Duration) -> Self {
        self.limits.cancel_grace = grace;
        self
    }

    /// Shifts the phases of jobs with [`Phase::Spread`](crate::Phase::Spread), so that two
    /// processes with different seeds do not come due together, and begins the random numbers of
    /// jitter and balancing. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.limits.seed = seed;
        self
    }

    /// Whose wall time it is. Default the machine's. A test with paused time takes a
    /// [`SimClock`](crate::SimClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Remembers how far each job has come, and goes on there.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// Starts the driver task.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, as [`tokio::spawn`] does; and when the clock or the store panics, which
    /// is contained from then on.
    pub fn start(mut self) -> Scheduler {
        let time = Time::new(Instant::now(), nanos(self.clock.now()));
        let restored = self.store.as_mut().map(|store| store.load());
        self.limits.reserve = self.limits.reserve.min(self.limits.max_in_flight - 1);
        let roster = Roster::new(self.limits, time, restored).behind(self.gate);
        let journal = self.store.map(Journal::new);
        let shared = Shared::new(roster, self.clock, time, self.events, journal);
        let shared = Arc::new(shared);
        let (report, done) = watch::channel(None);
        let drive = drive(Arc::clone(&shared), self.limits.cancel_grace, report);
        let driver = tokio::spawn(drive).abort_handle();
        Scheduler::new(Owner {
            shared,
            driver,
            done,
        })
    }
}
