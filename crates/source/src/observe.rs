//! What the operator sees of a source's calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use robust_connectors::Connector;
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
{
    type Response = Answer;
    type Error = SourceError;
    type Future = ObserveFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut call: Call) -> Self::Future {
        let ObserveLayer {
            stats,
            connector,
            user_window,
        } = &self.layer;
        call.cost = crate::cost::of(&**connector, &call.request, *user_window);
        call.usual = stats.usual();
        stats.begin();
        let running = Running {
            stats: Arc::clone(stats),
            ended: false,
        };
        ObserveFuture {
            answer: self.inner.call(call),
            running,
        }
    }
}

pin_project! {
    /// A whole call that is counted when it ends.
    pub(crate) struct ObserveFuture<F> {
        #[pin]
        answer: F,
        running: Running,
    }
}

impl<F> Future for ObserveFuture<F>
where
    F: Future<Output = Result<Answer, SourceError>>,
{
    type Output = Result<Answer, SourceError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.answer.poll(cx));
        this.running.ended = true;
        this.running.stats.end(&outcome);
        Poll::Ready(outcome)
    }
}

/// Counts a call as cancelled when its future is dropped before it ends.
struct Running {
    stats: Arc<Stats>,
    ended: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.stats.cancel();
        }
    }
}
