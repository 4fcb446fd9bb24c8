//! A service to break: it takes its time to be ready and to answer, and counts everything.

use std::{
    fmt::Debug,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use robust_breaker::{Breaker, Open, Outcome};
use tokio::time::{Sleep, sleep};
use tower::{BoxError, Service, ServiceExt};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const FAILURE: Outcome = Outcome::Failure { retry_after: None };

/// Opens after one failure, for 60 s; `permits` probes of 30 s.
pub(crate) fn breaker(permits: u32) -> Breaker {
    Breaker::builder("backend")
        .consecutive_failures(1)
        .half_open_permits(permits)
        .build()
}

/// One that opened 60 s ago: the next call is a probe.
pub(crate) async fn half_open(permits: u32) -> Breaker {
    let breaker = breaker(permits);
    breaker.admit().unwrap().record(FAILURE);
    tokio::time::advance(60 * SECOND).await;
    breaker
}

pub(crate) fn refusal(error: &BoxError) -> Option<&Open> {
    error.downcast_ref::<Open>()
}

/// What to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Succeed,
    Fail,
    Panic,
}

/// Asks a service once it is ready; that it becomes so is part of every test.
pub(crate) async fn ask<S>(service: &mut S, order: Order) -> Result<&'static str, S::Error>
where
    S: Service<Order, Response = &'static str, Error: Debug>,
{
    service.ready().await.unwrap().call(order).await
}

/// Clones share the counters; each clone has to become ready for itself.
#[derive(Debug, Default)]
pub(crate) struct Backend {
    ready_in: Option<Duration>,
    answer_in: Option<Duration>,
    becoming_ready: Option<Pin<Box<Sleep>>>,
    ready: bool,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) called: AtomicU32,
    pub(crate) running: AtomicU32,
    pub(crate) finished: AtomicU32,
    pub(crate) readied: AtomicU32,
}

impl Backend {
    pub(crate) fn new(ready_in: Duration, answer_in: Duration) -> Self {
        Self {
            ready_in: Some(ready_in),
            answer_in: Some(answer_in),
            ..Self::default()
        }
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl Clone for Backend {
    fn clone(&self) -> Self {
        Self {
            becoming_ready: None,
            ready: false,
            counts: self.counts(),
            ..*self
        }
    }
}

struct Running(Arc<Counts>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl Service<Order> for Backend {
    type Response = &'static str;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if !self.ready {
            if let Some(time) = self.ready_in {
                let sleep = self
                    .becoming_ready
                    .get_or_insert_with(|| Box::pin(sleep(time)));
                ready!(sleep.as_mut().poll(cx));
            }
            self.becoming_ready = None;
            self.ready = true;
            self.counts.readied.fetch_add(1, SeqCst);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, order: Order) -> Self::Future {
        assert!(
            std::mem::replace(&mut self.ready, false),
            "called without readiness"
        );
        let (counts, answer_in) = (self.counts(), self.answer_in);
        counts.called.fetch_add(1, SeqCst);
        counts.running.fetch_add(1, SeqCst);
        let running = Running(Arc::clone(&counts));
        Box::pin(async move {
            let _running = running;
            if let Some(time) = answer_in {
                sleep(time).await;
            }
            counts.finished.fetch_add(1, SeqCst);
            match order {
                Order::Succeed => Ok("fine"),
                Order::Fail => Err("broken".into()),
                Order::Panic => panic!("a bug in the backend"),
            }
        })
    }
}
