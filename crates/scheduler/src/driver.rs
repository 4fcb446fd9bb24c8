//! The one task that starts everything.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::moment::Nanos;
use crate::report::ShutdownReport;
use crate::roster::Effect;
use crate::runner::{Runner, runs};
use crate::shared::{Begin, Shared, put_away};

/// How many runs are started before others get the thread.
const BATCH: usize = 256;

/// How long until marks are offered again that the store did not take.
const OFFER: Nanos = 5_000_000_000;

/// Starts what is due until the scheduler is stopped.
///
/// The tasks of the runs are in its join set: when the driver is dropped, they are aborted.
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
            let idle = shared.idle().pop();
            match idle {
                Some(runner) => runner.hand(start),
                None => {
                    let runner = Arc::new(Runner::new(start));
                    tasks.spawn(runs(runner, cancel_grace, Arc::clone(&shared)));
                }
            }
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
                if let Some(mut journal) = shared.journal() {
                    journal.close();
                }
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
        if let Some(wall) = shared.wall() {
            roster.observe(now, wall);
        }
        let most = roster.look(now, BATCH);
        while starts.len() < most
            && let Some(start) = roster.dispatch(now)
        {
            starts.push(start);
        }
        let mut effect = roster.proceed(now);
        if let Effect::Wait(until) = &mut effect {
            roster.sleeps(*until);
            *until = roster.gather(*until, now);
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
        put_away(gone);
        // Nobody else may have it any more.
        put_away(Some(start.handler));
    }
}
