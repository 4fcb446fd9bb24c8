//! The one task that starts everything, and the runs it starts.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::moment::nanos;
use crate::report::ShutdownReport;
use crate::roster::{Effect, End, Start, Ticket};
use crate::run::{CancelToken, Run};
use crate::shared::{BoxedHandler, Shared};

/// How many runs are started before others get the thread.
const BATCH: usize = 256;

/// Starts what is due until the scheduler is stopped.
///
/// The runs are in its join set: when the driver is dropped, they are aborted.
pub(crate) async fn drive(
    shared: Arc<Shared>,
    cancel_grace: Duration,
    done: watch::Sender<Option<ShutdownReport>>,
) {
    let mut runs = JoinSet::new();
    let mut starts = Vec::new();
    let mut tokens: HashMap<Ticket, watch::Sender<bool>> = HashMap::new();
    loop {
        let (effect, cancels) = decide(&shared, &mut starts);
        let more = starts.len() >= BATCH;
        while runs.try_join_next().is_some() {}
        for ticket in cancels {
            if let Some(token) = tokens.remove(&ticket) {
                token.send_replace(true);
            }
        }
        for start in starts.drain(..) {
            let own = start.cancellable.then(|| {
                // Those of runs that have ended have nobody who listens.
                tokens.retain(|_, token| !token.is_closed());
                let (token, told) = watch::channel(false);
                tokens.insert(start.ticket, token);
                told
            });
            runs.spawn(run(start, own, cancel_grace, Arc::clone(&shared)));
        }
        match effect {
            Effect::Wait(_) if more => tokio::task::yield_now().await,
            Effect::Wait(until) => {
                let until = until.map(|until| shared.time.instant(until));
                tokio::select! {
                    () = shared.wake.notified() => {}
                    () = sleep(until) => {}
                }
            }
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

/// What is to be done now, and which runs begin; those that must be marked before are.
fn decide(shared: &Shared, starts: &mut Vec<Start<BoxedHandler>>) -> (Effect, Vec<Ticket>) {
    let mut journal = shared.journal();
    let (effect, cancels, marks) = shared.with(|roster, now| {
        roster.observe(now, nanos(shared.clock.now()));
        roster.advance(now);
        while starts.len() < BATCH
            && let Some(start) = roster.dispatch(now)
        {
            starts.push(start);
        }
        (
            roster.proceed(now),
            roster.drain_cancels(),
            roster.drain_marks(),
        )
    });
    if let Some(journal) = &mut journal {
        let begin = starts.iter().filter_map(|start| start.mark.as_ref());
        if !shared.write(journal, marks, begin) {
            unstart(shared, starts);
        }
    }
    (effect, cancels)
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Takes back the runs that must not begin unmarked.
fn unstart(shared: &Shared, starts: &mut Vec<Start<BoxedHandler>>) {
    let (unmarked, others) = std::mem::take(starts)
        .into_iter()
        .partition(|start| start.mark.is_some());
    *starts = others;
    let unmarked: Vec<Start<BoxedHandler>> = unmarked;
    for start in unmarked {
        let gone = shared.with(|roster, now| roster.unstart(start.ticket, now));
        drop(gone);
    }
}

/// One run, from its start to its place in the history.
async fn run(
    start: Start<BoxedHandler>,
    own: Option<watch::Receiver<bool>>,
    cancel_grace: Duration,
    shared: Arc<Shared>,
) {
    let Start {
        ticket,
        handler,
        job,
        nominal,
        last_success,
        missed,
        attempt,
        source,
        deadline,
        ..
    } = start;
    let cancel = CancelToken {
        all: shared.cancel.subscribe(),
        own: own.clone(),
    };
    let ending = Ending {
        ticket,
        shared,
        end: End::Cancelled,
    };
    let run = Run {
        job,
        nominal,
        last_success,
        missed,
        attempt,
        source,
        deadline,
        cancel,
    };
    // Called inside the task, so that a panic of the closure itself is contained too.
    let work = AssertUnwindSafe(async move { (handler.0)(run).await }).catch_unwind();
    let work = async {
        match deadline {
            Some(deadline) => timeout_at(deadline, work).await,
            None => Ok(work.await),
        }
    };
    let result = match own {
        None => Some(work.await),
        Some(own) => tokio::select! {
            result = work => Some(result),
            () = told(own, cancel_grace) => None,
        },
    };
    ending.with(match result {
        Some(Ok(Ok(Ok(())))) => End::Ok,
        Some(Ok(Ok(Err(error)))) => End::Failed(error),
        Some(Ok(Err(_))) => End::Panicked,
        Some(Err(_)) => End::TimedOut,
        None => End::Cancelled,
    });
}

/// Ends when the run has been told to end and had its grace.
async fn told(mut own: watch::Receiver<bool>, grace: Duration) {
    if own.wait_for(|told| *told).await.is_err() {
        // Nobody is left who could tell it.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(grace).await;
}

/// Books the end of a run exactly once, also when its task is aborted.
struct Ending {
    ticket: Ticket,
    shared: Arc<Shared>,
    end: End,
}

impl Ending {
    fn with(mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut end = std::mem::replace(&mut self.end, End::Cancelled);
        let gone = self.shared.with(|roster, now| {
            if roster.is_cancelling() && matches!(end, End::Failed(_)) {
                end = End::Cancelled;
            }
            roster.finish(self.ticket, end, now)
        });
        drop(gone);
        self.shared.wake.notify_one();
    }
}
