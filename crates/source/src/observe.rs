//! What the operator sees of a source's calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::again::Counted;
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
    S::Future: Counted,
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
        let begun = Begun::new(&self.layer.stats);
        // Nothing after it, so that it is made where it stays: first the call, then the guard's end.
        ObserveFuture {
            answer: self.inner.call(call),
            ended: begun.goes_on(),
        }
    }
}

pin_project! {
    /// A whole call that is counted when it ends, and as cancelled when it is dropped before.
    // In this order, as `Within`.
    #[repr(C)]
    pub(crate) struct ObserveFuture<F>
    where
        F: Counted,
    {
        #[pin]
        answer: F,
        ended: bool,
    }

    impl<F> PinnedDrop for ObserveFuture<F>
    where
        F: Counted,
    {
        fn drop(this: Pin<&mut Self>) {
            if !this.ended {
                this.answer.stats().cancel();
            }
        }
    }
}

impl<F> Future for ObserveFuture<F>
where
    F: Counted + Future<Output = Result<Answer, SourceError>>,
{
    type Output = Result<Answer, SourceError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // One value with one way out: so it is made where it stays.
        let answer = this.answer.as_mut().poll(cx);
        // The answer of an attempt is that of the call, and counted there.
        if let Poll::Ready(Err(error)) = &answer {
            this.answer.stats().end(error.judgement.is_none());
        }
        *this.ended = answer.is_ready();
        answer
    }
}

/// A call that is counted and has no future yet: cancelled, if one below panics.
struct Begun<'a> {
    stats: &'a Stats,
}

impl<'a> Begun<'a> {
    #[inline]
    fn new(stats: &'a Stats) -> Self {
        stats.begin();
        Self { stats }
    }

    /// Its future counts its end, which has not come.
    #[inline]
    fn goes_on(self) -> bool {
        std::mem::forget(self);
        false
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.stats.cancel();
    }
}
