//! What the operator sees of a source's calls.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use robust_connectors::Connector;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::stats::Stats;
use crate::{Answer, Call, SourceError};

/// Counts whole calls, however many attempts they take, and prices them.
#[derive(Debug, Clone)]
pub(crate) struct ObserveLayer {
    pub(crate) stats: Arc<Stats>,
    pub(crate) connector: Arc<dyn Connector>,
    /// Index of the user's own window, which each request costs one unit of.
    pub(crate) user_window: Option<usize>,
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

impl<S> Service<Call> for Observe<S>
where
    S: Service<Call, Response = Answer, Error = SourceError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = SourceError;
    type Future = BoxFuture<'static, Result<Answer, SourceError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        call.cost = crate::cost::of(
            &*self.layer.connector,
            &call.request,
            self.layer.user_window,
        );
        call.usual = self.layer.stats.usual();
        let mut running = Running {
            stats: Arc::clone(&self.layer.stats),
            begun: Instant::now(),
            ended: false,
        };
        running.stats.begin();
        let answer = self.inner.call(call);
        Box::pin(async move {
            let outcome = answer.await;
            running.ended = true;
            running.stats.end(&outcome, running.begun.elapsed());
            outcome
        })
    }
}

/// Counts a call as cancelled when its future is dropped before it ends.
struct Running {
    stats: Arc<Stats>,
    begun: Instant,
    ended: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.stats.cancel();
        }
    }
}
