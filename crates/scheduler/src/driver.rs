//! The one task that starts everything, and the runs it starts.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::record::Outcome;
use crate::report::ShutdownReport;
use crate::roster::{Effect, Start, Ticket};
use crate::run::{CancelToken, Run};
use crate::shared::{BoxedHandler, Shared};

/// How many runs are started before others get the thread.
const BATCH: usize = 256;

/// Starts what is due until the scheduler is stopped.
///
/// The runs are in its join set: when the driver is dropped, they are aborted.
pub(crate) async fn drive(shared: Arc<Shared>, done: watch::Sender<Option<ShutdownReport>>) {
    let mut runs = JoinSet::new();
    let mut starts = Vec::new();
    loop {
        let effect = shared.with(|roster, now| {
            roster.advance(now);
            while starts.len() < BATCH
                && let Some(start) = roster.dispatch(now)
            {
                starts.push(start);
            }
            roster.proceed(now)
        });
        let more = starts.len() >= BATCH;
        while runs.try_join_next().is_some() {}
        for start in starts.drain(..) {
            runs.spawn(run(start, Arc::clone(&shared)));
        }
        match effect {
            Effect::Wait(_) if more => tokio::task::yield_now().await,
            Effect::Wait(until) => tokio::select! {
                () = shared.wake.notified() => {}
                () = sleep(until) => {}
            },
            Effect::Cancel => {
                shared.cancel.send_replace(true);
            }
            Effect::Abort => runs.abort_all(),
            Effect::Stop(report) => {
                done.send_replace(Some(report));
                return;
            }
        }
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// One run, from its start to its place in the history.
async fn run(start: Start<BoxedHandler>, shared: Arc<Shared>) {
    let Start {
        ticket,
        handler,
        job,
        nominal,
        missed,
        deadline,
    } = start;
    let cancel = CancelToken(shared.cancel.subscribe());
    let ending = Ending {
        ticket,
        shared,
        outcome: Outcome::Cancelled,
    };
    let run = Run {
        job,
        nominal,
        missed,
        deadline,
        cancel,
    };
    // Called inside the task, so that a panic of the closure itself is contained too.
    let work = AssertUnwindSafe(async move { (handler.0)(run).await }).catch_unwind();
    let result = match deadline {
        Some(deadline) => timeout_at(deadline, work).await,
        None => Ok(work.await),
    };
    ending.with(match result {
        Ok(Ok(Ok(()))) => Outcome::Ok,
        Ok(Ok(Err(error))) => Outcome::Failed(Arc::clone(error.text())),
        Ok(Err(_)) => Outcome::Panicked,
        Err(_) => Outcome::TimedOut,
    });
}

/// Books the end of a run exactly once, also when its task is aborted.
struct Ending {
    ticket: Ticket,
    shared: Arc<Shared>,
    outcome: Outcome,
}

impl Ending {
    fn with(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut outcome = std::mem::replace(&mut self.outcome, Outcome::Cancelled);
        let gone = self.shared.with(|roster, now| {
            if roster.is_cancelling() && matches!(outcome, Outcome::Failed(_)) {
                outcome = Outcome::Cancelled;
            }
            roster.finish(self.ticket, outcome, now)
        });
        drop(gone);
        self.shared.wake.notify_one();
    }
}
