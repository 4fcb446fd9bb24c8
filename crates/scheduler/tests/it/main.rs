//! Promises of the scheduler, one module a subject.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod as_of;
mod by_hand;
mod cadence;
mod chained;
mod clock_changes;
mod clock_steps;
mod contained;
mod crashes;
mod dependencies;
mod dispatch;
mod edges;
mod failures;
mod ledger;
mod outcomes;
mod overlap;
mod overtaking;
mod policies;
mod refusals;
mod restart;
mod resumed;
mod simulated;
mod sources;
mod stopping;
mod thresholds;
mod triggers;
mod updates;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use robust_scheduler::{Builder, Job, Run, RunError, Scheduler, SimClock};
use tokio::time::Instant;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The wall time at which every test begins: 2027-01-01 00:00 UTC, a Friday.
fn base() -> SystemTime {
    SystemTime::UNIX_EPOCH + secs(1_798_761_600)
}

/// A scheduler whose wall clock goes with the paused one.
fn builder() -> Builder {
    Scheduler::builder().clock(SimClock::at(base()))
}

/// For a test with many lives: each has a runtime of its own, whose clock is paused.
fn in_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// The time from the beginning of the test to a moment.
fn since(moment: SystemTime) -> Duration {
    moment.duration_since(base()).unwrap()
}

/// What the handlers saw, in the order of starting.
#[derive(Debug, Clone, Default)]
struct Diary(Arc<Mutex<Vec<Entry>>>);

/// One start.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    job: String,
    nominal: Duration,
    start: Instant,
    missed: u64,
}

impl Diary {
    /// A handler that writes its start down and takes a while.
    fn keeps(&self, takes: Duration) -> impl Fn(Run) -> Work + Clone + use<> {
        let diary = self.clone();
        move |run| {
            let diary = diary.clone();
            Box::pin(async move {
                let Run {
                    job,
                    nominal,
                    missed,
                    ..
                } = run;
                let entry = Entry {
                    job: job.to_string(),
                    nominal: since(nominal),
                    start: Instant::now(),
                    missed,
                };
                diary.0.lock().unwrap().push(entry);
                tokio::time::sleep(takes).await;
                Ok(())
            })
        }
    }

    fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }

    /// The names in the order of starting.
    fn names(&self) -> Vec<String> {
        self.entries().into_iter().map(|entry| entry.job).collect()
    }

    /// The starts of one job, in milliseconds since `since`.
    fn starts(&self, job: &str, since: Instant) -> Vec<u128> {
        self.entries()
            .iter()
            .filter(|entry| entry.job == job)
            .map(|entry| (entry.start - since).as_millis())
            .collect()
    }
}

type Work = std::pin::Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;

/// A job that runs once, now, for all that these tests see.
fn once(name: &str) -> robust_scheduler::JobBuilder {
    Job::every(name, secs(1_000_000)).run_at_start(true)
}
