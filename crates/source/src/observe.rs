//! What the operator sees of a source's calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::stats::Stats;
use crate::{Answer, Call, SourceError};

/// Counts whole calls, however many attempts they take.
#[derive(Debug, Clone)]
pub(crate) struct ObserveLayer {
    pub(crate) stats: Arc<Stats>,
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
    fn call(&mut self, call: Call) -> Self::Future {
        let stats = &self.layer.stats;
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
        let answer = this.answer.poll(cx);
        if let Poll::Ready(outcome) = &answer {
            this.running.ended = true;
            this.running.stats.end(outcome);
        }
        answer
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
