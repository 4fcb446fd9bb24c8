//! tokio-cron-scheduler as a subject, with its defaults.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use robust_proof::bench::scheduler::{Recorder, Subject};
use tokio::time::Instant;
use tokio_cron_scheduler::{Job, JobScheduler};

/// The name of the subject.
pub const TOKIO_CRON_SCHEDULER: &str = "tokio-cron-scheduler";

/// tokio-cron-scheduler. It counts in whole seconds of the wall clock, so its jobs are held to the second that it means.
pub struct TokioCronScheduler(JobScheduler);

impl std::fmt::Debug for TokioCronScheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokioCronScheduler")
    }
}

/// The beginning of the second that the wall clock is in.
fn whole_second() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let part = since.map_or(Duration::ZERO, |since| {
        Duration::from_nanos(since.subsec_nanos().into())
    });
    let now = Instant::now();
    now.checked_sub(part).unwrap_or(now)
}

impl Drop for TokioCronScheduler {
    fn drop(&mut self) {
        // Its ticker looks at a flag, which only an async call sets; the process ends anyway.
        let mut scheduler = self.0.clone();
        tokio::spawn(async move { scheduler.shutdown().await });
    }
}

impl Subject for TokioCronScheduler {
    const GRAIN: Duration = Duration::from_secs(1);

    async fn start() -> Result<Self> {
        let scheduler = JobScheduler::new().await?;
        scheduler.start().await?;
        Ok(Self(scheduler))
    }

    async fn add_every(&self, recorder: &Arc<Recorder>) -> Result<()> {
        for place in 0..recorder.jobs() {
            let period = recorder.period(place).context("a job with a period")?;
            recorder.begins(place, whole_second());
            let recorder = Arc::clone(recorder);
            let job = Job::new_repeated_async(period, move |_, _| {
                let recorder = Arc::clone(&recorder);
                Box::pin(async move { recorder.ran(place, 0) })
            })?;
            self.0.add(job).await?;
        }
        Ok(())
    }

    async fn add_once(&self, recorder: &Arc<Recorder>, at: Instant) -> Result<()> {
        recorder.all_begin(at);
        for place in 0..recorder.jobs() {
            let recorder = Arc::clone(recorder);
            let job = Job::new_one_shot_at_instant_async(at.into_std(), move |_, _| {
                let recorder = Arc::clone(&recorder);
                Box::pin(async move { recorder.ran(place, 0) })
            })?;
            self.0.add(job).await?;
        }
        Ok(())
    }
}
