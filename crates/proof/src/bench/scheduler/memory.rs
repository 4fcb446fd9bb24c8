//! How much memory a job takes. Counted by an allocator, in a program of its own: counting costs time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Builder;
use tokio::time::sleep;

use super::record::Recorder;
use super::scenario::Measured;
use super::subject::Subject;

/// Runs of each job after which what is remembered of it has reached its size: ours keeps the last eight.
const RUNS: u32 = 12;

const MINUTE: Duration = Duration::from_secs(60);

/// Bytes of one job, everything that the scheduler itself takes included: `added`, just after all were added, and with `runs`
/// also `ran`, after twelve runs of each in paused time. `live` tells how many bytes are allocated.
///
/// # Errors
///
/// A job was not added.
pub fn bytes_per_job<S: Subject>(
    jobs: u32,
    runs: bool,
    live: impl Fn() -> usize,
) -> Result<Measured> {
    // Paused, so that twelve minutes take no time; a subject that looks at another clock has no runs then.
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(runs).build()?;
    runtime.block_on(async {
        let recorder = Arc::new(Recorder::new(vec![Some(MINUTE); usize::try_from(jobs)?]));
        let before = live();
        let subject = S::start().await?;
        subject.add_every(&recorder).await?;
        let each = |bytes: usize| {
            let bytes = u32::try_from(bytes.saturating_sub(before)).unwrap_or(u32::MAX);
            f64::from(bytes) / f64::from(jobs)
        };
        let mut measured = Measured::default();
        measured.0.insert("added".to_owned(), each(live()));
        if runs {
            sleep(MINUTE * RUNS + MINUTE / 2).await;
            measured.0.insert("ran".to_owned(), each(live()));
            let ran = u32::try_from(recorder.runs()).unwrap_or(u32::MAX);
            let each = f64::from(ran) / f64::from(jobs);
            measured.0.insert("runs".to_owned(), each);
        }
        drop(subject);
        Ok(measured)
    })
}
