//! The tasks that runs are made in.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::time::timeout_at;

use crate::contained::contained;
use crate::roster::{End, Start, Ticket};
use crate::run::{CancelToken, Run, RunError};
use crate::shared::{Begin, Shared};

/// How many runs of a task follow each other before others get the thread.
const IN_A_ROW: usize = 32;

/// Most tasks that are kept while they have nothing to run.
const IDLE: usize = 64;

/// A task that makes runs, as the driver sees it.
#[derive(Debug)]
pub(crate) struct Runner {
    next: Mutex<Option<Begin>>,
    wake: Notify,
}

impl Runner {
    pub(crate) fn new(first: Begin) -> Self {
        Self {
            next: Mutex::new(Some(first)),
            wake: Notify::new(),
        }
    }

    /// Hands a run to a task that has none.
    pub(crate) fn hand(&self, start: Begin) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(start);
        self.wake.notify_one();
    }

    fn take(&self) -> Option<Begin> {
        self.next
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// Runs, one after the other: whoever ends one goes on with the next that may start, as long as
/// there is one, and then waits for the driver. A task for each would cost more than most runs do.
pub(crate) fn runs(
    runner: Arc<Runner>,
    cancel_grace: Duration,
    shared: Arc<Shared>,
) -> impl Future<Output = ()> {
    let cancel = Arc::new(shared.cancel.subscribe());
    // Made here and not at the first step, which a task that is aborted at once never comes to.
    let mut under_way = UnderWay {
        ticket: None,
        runner,
        shared,
    };
    async move {
        loop {
            let mut next = under_way.runner.take();
            let mut since_others = 0;
            while let Some(start) = next.take() {
                under_way.ticket = Some(start.ticket);
                if since_others == IN_A_ROW {
                    since_others = 0;
                    tokio::task::yield_now().await;
                }
                since_others += 1;
                let end = run(start, cancel_grace, Arc::clone(&cancel)).await;
                next = under_way.ended(end);
            }
            if !under_way.rest() {
                return;
            }
            under_way.runner.wake.notified().await;
        }
    }
}

/// One run, from its start to its end.
async fn run(start: Begin, cancel_grace: Duration, all: Arc<watch::Receiver<bool>>) -> End {
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
        all,
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
    let Some(work) = contained(|| (handler.0)(run)) else {
        return End::Panicked;
    };
    let mut work = Work(Some(work));
    let work = async {
        match deadline {
            Some(deadline) => timeout_at(deadline, &mut work).await,
            None => Ok((&mut work).await),
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
        Some(Ok(Some(Ok(())))) => End::Ok,
        Some(Ok(Some(Err(error)))) => End::Failed(error),
        Some(Ok(None)) => End::Panicked,
        Some(Err(_)) => End::TimedOut,
        None => End::Cancelled,
    }
}

/// What a handler does. It gives nothing if it panics; that it panics when it is dropped, as at its
/// timeout, changes nothing about how the run ended.
struct Work(Option<BoxFuture<'static, Result<(), RunError>>>);

impl Future for Work {
    type Output = Option<Result<(), RunError>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else {
            return Poll::Ready(None);
        };
        match contained(|| work.as_mut().poll(context)) {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(result)) => Poll::Ready(Some(result)),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let work = self.0.take();
        contained(|| drop(work));
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

/// Books the end of each run exactly once, also when its task is aborted.
struct UnderWay {
    ticket: Option<Ticket>,
    runner: Arc<Runner>,
    shared: Arc<Shared>,
}

impl UnderWay {
    /// Gives the next run that this task may go on with.
    fn ended(&mut self, end: End) -> Option<Begin> {
        let ticket = self.ticket.take()?;
        self.shared.finish(ticket, end, true)
    }

    /// Lets the driver know of a task that has nothing to run, unless it knows of enough.
    fn rest(&self) -> bool {
        let mut idle = self.shared.idle();
        if idle.len() >= IDLE {
            return false;
        }
        idle.push(Arc::clone(&self.runner));
        true
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let handed = self.runner.take().map(|start| start.ticket);
        for ticket in self.ticket.take().into_iter().chain(handed) {
            self.shared.finish(ticket, End::Cancelled, false);
        }
    }
}
