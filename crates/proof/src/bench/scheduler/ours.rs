//! Our scheduler as a subject, with its defaults: ten runs at once, a history of a thousand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use robust_scheduler::{Clock, Job, JobBuilder, Misfire, Overlap, Scheduler, SystemClock};
use tokio::time::Instant;

use super::record::Recorder;
use super::subject::Subject;

/// Our scheduler. With `ALL`, each moment that was missed has a run of its own; by default one run stands for all of them and is
/// told how many they are.
pub struct Ours<const ALL: bool = false> {
    scheduler: Scheduler,
    clock: Arc<dyn Clock>,
}

impl<const ALL: bool> fmt::Debug for Ours<ALL> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ours").field(&self.scheduler).finish()
    }
}

/// The most moments of a job that may wait, with `ALL`.
const MOST: u16 = 1_000;

impl<const ALL: bool> Ours<ALL> {
    /// On a clock of its own, for tests with paused time.
    pub fn on(clock: Arc<dyn Clock>) -> Self {
        Self {
            scheduler: Scheduler::builder().clock(Arc::clone(&clock)).start(),
            clock,
        }
    }

    fn job(job: JobBuilder, recorder: &Arc<Recorder>, place: usize) -> Job {
        let job = if ALL {
            job.misfire(Misfire::All { max: MOST })
                .overlap(Overlap::Queue(MOST))
                .useful_for(Duration::MAX)
        } else {
            job
        };
        let recorder = Arc::clone(recorder);
        job.handler(move |run| {
            let recorder = Arc::clone(&recorder);
            async move {
                recorder.ran(place, run.missed);
                Ok(())
            }
        })
    }

    fn add(&self, jobs: Vec<Job>) -> Result<()> {
        let added = self.scheduler.add_all(jobs);
        added
            .map(|_| ())
            .map_err(|(place, error)| anyhow!("job {place}: {error}"))
    }
}

impl<const ALL: bool> Subject for Ours<ALL> {
    async fn start() -> Result<Self> {
        Ok(Self::on(Arc::new(SystemClock)))
    }

    async fn add_every(&self, recorder: &Arc<Recorder>) -> Result<()> {
        let mut jobs = Vec::with_capacity(recorder.jobs());
        for place in 0..recorder.jobs() {
            let period = recorder.period(place).context("a job with a period")?;
            let job = Job::every(format!("job {place}"), period);
            jobs.push(Self::job(job, recorder, place));
        }
        // A list of jobs is of one moment, which is that of the call.
        recorder.all_begin(Instant::now());
        self.add(jobs)
    }

    async fn add_once(&self, recorder: &Arc<Recorder>, at: Instant) -> Result<()> {
        recorder.all_begin(at);
        let wall = self.clock.now() + at.saturating_duration_since(Instant::now());
        let jobs = (0..recorder.jobs()).map(|place| {
            let job = Job::at(format!("job {place}"), wall);
            Self::job(job, recorder, place)
        });
        self.add(jobs.collect())
    }
}
