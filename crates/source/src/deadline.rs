//! The end of a whole call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use robust_backoff::{Within, until};
use robust_limiter::MonotonicClock;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::again::{Counted, Unfinished};
use crate::stats::Stats;
use crate::{Call, Cause, SourceError};

/// Writes the absolute end of the call; everything below obeys it.
///
/// The end is the caller's or the source's own longest time, whichever is first. This layer writes it down: the queue refuses
/// what cannot start in time, the retry gives up what cannot end in time, and the attempt's timer ends 1 ms before it. Its own
/// timer is for what none of these sees, such as a timer of theirs that is late.
#[derive(Debug, Clone)]
pub(crate) struct DeadlineLayer {
    pub(crate) longest: Duration,
    pub(crate) clock: MonotonicClock,
}

#[derive(Debug, Clone)]
pub(crate) struct Deadline<S> {
    inner: S,
    longest: Duration,
    clock: MonotonicClock,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline {
            inner,
            longest: self.longest,
            clock: self.clock.clone(),
        }
    }
}

impl<S> Service<Call> for Deadline<S>
where
    S: Service<Call, Error = SourceError>,
    S::Future: Unfinished + Future<Output = Result<S::Response, SourceError>>,
{
    type Response = S::Response;
    type Error = SourceError;
    type Future = DeadlineFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut call: Call) -> Self::Future {
        let began = self.clock.now();
        let longest = began + self.longest;
        let end = if call.patient {
            call.deadline
        } else {
            call.deadline.min(longest)
        };
        call.deadline = end;
        call.present = Some(began);
        DeadlineFuture {
            answer: until(end, self.inner.call(call)),
            began,
            end,
        }
    }
}

pin_project! {
    /// A whole call with its end.
    // In this order, as `Within`.
    #[repr(C)]
    pub(crate) struct DeadlineFuture<F> {
        #[pin]
        answer: Within<F>,
        began: Instant,
        end: Instant,
    }
}

impl<F: Counted> Counted for DeadlineFuture<F> {
    #[inline]
    fn stats(&self) -> &Stats {
        self.answer.get_ref().stats()
    }
}

impl<F, T> Future for DeadlineFuture<F>
where
    F: Unfinished + Future<Output = Result<T, SourceError>>,
{
    type Output = Result<T, SourceError>;

    #[inline]
    #[expect(
        clippy::result_large_err,
        reason = "the outcome of the whole call, as every layer has it"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (began, end) = (*this.began, *this.end);
        this.answer.poll_or_else(cx, |call| {
            let after = end.saturating_duration_since(began);
            let late = SourceError::new(Cause::Timeout { after }, 0);
            Err(late.after(call.failure()))
        })
    }
}
