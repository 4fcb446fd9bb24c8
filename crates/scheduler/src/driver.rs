//! The one task that starts everything, and the runs it starts.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::moment::{Nanos, nanos};
use crate::report::ShutdownReport;
use crate::roster::{Effect, End, Start, Ticket};
use crate::run::{CancelToken, Run};
use crate::shared::{Begin, Shared};

/// How many runs are started before others get the thread.
const BATCH: usize = 256;

/// How many runs of a task follow each other before others get the thread.
const IN_A_ROW: usize = 32;

/// How long until marks are offered again that the store did not take.
const OFFER: Nanos = 5_000_000_000;

/// Starts what is due until the scheduler is stopped.
///
/// The runs are in its join set: when the driver is dropped, they are aborted.
pub(crate) async fn drive(
    shared: Arc<Shared>,
    cancel_grace: Duration,
    done: watch::Sender<Option<ShutdownReport>>,
) {
    let mut tasks = JoinSet::new();
    let mut starts = Vec::new();
    loop {
        let effect = decide(&shared, &mut starts);
        let more = starts.len() >= BATCH;
        while tasks.try_join_next().is_some() {}
        for start in starts.drain(..) {
            tasks.spawn(runs(start, cancel_grace, Arc::clone(&shared)));
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
            Effect::Abort => tasks.abort_all(),
            Effect::Stop(report) => {
                done.send_replace(Some(report));
                return;
            }
        }
    }
}

/// What is to be done now, and which runs begin; those that must be marked before are.
fn decide(shared: &Shared, starts: &mut Vec<Begin>) -> Effect {
    let mut journal = shared.journal();
    let (mut effect, marks) = shared.with(|roster, now| {
        starts.append(&mut shared.handed());
        roster.observe(now, nanos(shared.clock.now()));
        roster.advance(now);
        while starts.len() < BATCH
            && let Some(start) = roster.dispatch(now)
        {
            starts.push(start);
        }
        let effect = roster.proceed(now);
        if let Effect::Wait(until) = &effect {
            roster.sleeps(*until);
        }
        (effect, roster.drain_marks())
    });
    if let Some(journal) = &mut journal {
        let begin = starts.iter().filter_map(|start| start.mark.as_ref());
        if !shared.write(journal, marks, begin) {
            unstart(shared, starts);
        }
        if let (true, Effect::Wait(until)) = (journal.owes(), &mut effect) {
            // A store that was full may not be for long, and what it has not taken could be lost.
            let soon = shared.time.mono(Instant::now()).saturating_add(OFFER);
            *until = Some(until.map_or(soon, |until| until.min(soon)));
        }
    }
    effect
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Takes back the runs that must not begin unmarked.
fn unstart(shared: &Shared, starts: &mut Vec<Begin>) {
    let (unmarked, others) = std::mem::take(starts)
        .into_iter()
        .partition(|start| start.mark.is_some());
    *starts = others;
    let unmarked: Vec<Begin> = unmarked;
    for start in unmarked {
        let gone = shared.with(|roster, now| roster.unstart(start.ticket, now));
        drop(gone);
    }
}

/// Runs, one after the other: whoever ends one goes on with the next that may start, as long as
/// there is one. A task for each would cost more than most runs do.
async fn runs(first: Begin, cancel_grace: Duration, shared: Arc<Shared>) {
    let mut next = Some(first);
    let mut since_others = 0;
    while let Some(start) = next.take() {
        let ending = Ending {
            ticket: start.ticket,
            shared: Arc::clone(&shared),
            booked: false,
        };
        if since_others == IN_A_ROW {
            since_others = 0;
            tokio::task::yield_now().await;
        }
        since_others += 1;
        let end = run(start, cancel_grace, &shared).await;
        next = ending.with(end);
    }
}

/// One run, from its start to its end.
async fn run(start: Begin, cancel_grace: Duration, shared: &Shared) -> End {
    let Start {
        handler,
        job,
        nominal,
        last_success,
        missed,
        attempt,
        source,
        deadline,
        told,
        ..
    } = start;
    let cancel = CancelToken {
        all: shared.cancel.subscribe(),
        own: told.clone(),
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
    let result = match told {
        None => Some(work.await),
        Some(told) => tokio::select! {
            result = work => Some(result),
            () = cancelled(told, cancel_grace) => None,
        },
    };
    match result {
        Some(Ok(Ok(Ok(())))) => End::Ok,
        Some(Ok(Ok(Err(error)))) => End::Failed(error),
        Some(Ok(Err(_))) => End::Panicked,
        Some(Err(_)) => End::TimedOut,
        None => End::Cancelled,
    }
}

/// Ends when the run has been told to end and had its grace.
async fn cancelled(mut told: watch::Receiver<bool>, grace: Duration) {
    if told.wait_for(|told| *told).await.is_err() {
        // Nobody is left who could tell it.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(grace).await;
}

/// Books the end of a run exactly once, also when its task is aborted.
struct Ending {
    ticket: Ticket,
    shared: Arc<Shared>,
    booked: bool,
}

impl Ending {
    /// Gives the next run that this task may go on with.
    fn with(mut self, end: End) -> Option<Begin> {
        self.booked = true;
        self.shared.finish(self.ticket, end, true)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.booked {
            self.shared.finish(self.ticket, End::Cancelled, false);
        }
    }
}
