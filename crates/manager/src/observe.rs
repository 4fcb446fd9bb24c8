//! Every read is named, counted once, and told when it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use robust_market::RequestId;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::counters::Outcome;
use crate::shared::Shared;
use crate::stored::Answered;
use crate::{DataError, Event, Query};

/// A read that ends this long after its deadline counts as late.
const LATE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
pub(crate) struct ObserveLayer {
    shared: Arc<Shared>,
    next: Arc<AtomicU64>,
}

impl ObserveLayer {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            next: Arc::new(AtomicU64::new(1)),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Observe<S> {
    inner: S,
    layer: ObserveLayer,
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe {
            inner,
            layer: self.clone(),
        }
    }
}

impl<S> Service<Query> for Observe<S>
where
    S: Service<Query, Response = Answered, Error = DataError>,
    S::Future: Send + 'static,
{
    type Response = Answered;
    type Error = DataError;
    type Future = BoxFuture<'static, Result<Answered, DataError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DataError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut query: Query) -> Self::Future {
        query.id = RequestId(self.layer.next.fetch_add(1, Ordering::Relaxed));
        let shared = Arc::clone(&self.layer.shared);
        let began = Instant::now();
        let longest = shared
            .venues
            .get(&query.exchange)
            .map_or(Duration::ZERO, |venue| venue.source.config().max_timeout);
        let ends = query.ends(began, longest);
        // From here on the deadline is absolute: a slow first poll does not move it.
        query.deadline = Some(ends);
        query.timeout = None;
        let told = query.clone();
        let read = self.inner.call(query);
        let mut running = Running::begin(shared, began, ends);
        Box::pin(async move {
            let outcome = read.await;
            running.end(&told, &outcome);
            outcome
        })
    }
}

/// Counts a read whose future is dropped as cancelled.
struct Running {
    shared: Arc<Shared>,
    began: Instant,
    ends: Instant,
    ended: bool,
}

impl Running {
    fn begin(shared: Arc<Shared>, began: Instant, ends: Instant) -> Self {
        shared.counters.begin();
        Self {
            shared,
            began,
            ends,
            ended: false,
        }
    }

    fn end(&mut self, query: &Query, outcome: &Result<Answered, DataError>) {
        self.ended = true;
        let now = Instant::now();
        let took = now.saturating_duration_since(self.began);
        let late = now.saturating_duration_since(self.ends) > LATE;
        match outcome {
            Ok(sample) => {
                self.shared
                    .counters
                    .end(Outcome::Value(sample.meta.freshness), took, late)
            }
            Err(error) => {
                self.shared
                    .counters
                    .end(Outcome::Error(error.category()), took, late);
                self.shared.hub.tell(Event::Error {
                    exchange: query.exchange.clone(),
                    kind: query.request.kind(),
                    symbol: query.request.symbol().cloned(),
                    error: error.clone(),
                    id: query.id,
                });
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.shared
                .counters
                .end(Outcome::Cancelled, Duration::ZERO, false);
        }
    }
}
