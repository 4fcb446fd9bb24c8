//! One verdict per attempt.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::stats::Stats;
use crate::venue::Failed;
use crate::{Answer, Call, SourceError};

/// Judges each attempt once, timeouts included, and sends the verdict outward in the answer or in the error.
#[derive(Debug, Clone)]
pub(crate) struct ClassifyLayer {
    pub(crate) stats: Arc<Stats>,
}

#[derive(Debug, Clone)]
pub(crate) struct Classify<S> {
    inner: S,
    stats: Arc<Stats>,
}

impl<S> Layer<S> for ClassifyLayer {
    type Service = Classify<S>;

    fn layer(&self, inner: S) -> Classify<S> {
        Classify {
            inner,
            stats: Arc::clone(&self.stats),
        }
    }
}

impl<S> Service<Call> for Classify<S>
where
    S: Service<Call, Response = Answer, Error = Failed>,
{
    type Response = Answer;
    type Error = SourceError;
    type Future = ClassifyFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.inner
            .poll_ready(cx)
            .map_err(|failed| self.stats.judge(failed, 0, self.stats.monotonic.now()))
    }

    #[inline]
    fn call(&mut self, mut call: Call) -> Self::Future {
        let attempt = call.attempt.max(1);
        // Admission has just looked at the clock, or who came before it, if the call has not waited since.
        let dispatched = match call.present {
            Some(present) => present,
            None => *call.present.insert(self.stats.monotonic.now()),
        };
        ClassifyFuture {
            answer: self.inner.call(call),
            attempt,
            dispatched,
            stats: Arc::clone(&self.stats),
        }
    }
}

pin_project! {
    /// An attempt that is judged when it ends.
    // In this order, as `Within`.
    #[repr(C)]
    pub(crate) struct ClassifyFuture<F> {
        #[pin]
        answer: F,
        stats: Arc<Stats>,
        dispatched: Instant,
        attempt: u32,
    }
}

impl<F> Future for ClassifyFuture<F>
where
    F: Future<Output = Result<Answer, Failed>>,
{
    type Output = Result<Answer, SourceError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let attempt = *this.attempt;
        Poll::Ready(match ready!(this.answer.poll(cx)) {
            Ok(mut answer) => {
                this.stats.answered(attempt, *this.dispatched);
                answer.attempts = attempt;
                answer.judgement.answered();
                Ok(answer)
            }
            Err(failed) => Err(judge(this.stats, failed, attempt, *this.dispatched)),
        })
    }
}

/// The verdict on a failed attempt, which is noted.
#[cold]
#[inline(never)]
fn judge(stats: &Stats, failed: Failed, attempt: u32, dispatched: Instant) -> SourceError {
    let error = stats.judge(failed, attempt, dispatched);
    stats.unanswered(&error, dispatched);
    error
}
