//! The time limit of one attempt.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use robust_backoff::{Within, until};
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::venue::Failed;
use crate::{Call, Cause};

/// Ends an attempt after its own limit, or 1 ms before the whole call ends, whichever is first.
///
/// The millisecond lets the verdict on the attempt reach the layers above while they still exist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptLayer {
    pub(crate) limit: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Attempt<S> {
    inner: S,
    limit: Duration,
}

impl<S> Layer<S> for AttemptLayer {
    type Service = Attempt<S>;

    fn layer(&self, inner: S) -> Attempt<S> {
        Attempt {
            inner,
            limit: self.limit,
        }
    }
}

/// The margin before the end of the whole call.
const MARGIN: Duration = Duration::from_millis(1);

/// How much later the client gives up by itself. It never comes to that: the attempt is dropped at its end.
const BACKSTOP: Duration = Duration::from_secs(1);

impl<S> Service<Call> for Attempt<S>
where
    S: Service<Call, Error = Failed>,
{
    type Response = S::Response;
    type Error = Failed;
    type Future = AttemptFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut call: Call) -> Self::Future {
        // Classify has just looked at the clock. Not taken: who writes to a call stalls the move that follows.
        let start = call.present.unwrap_or_else(Instant::now);
        let last = call.deadline.checked_sub(MARGIN).unwrap_or(call.deadline);
        let end = if call.patient {
            last
        } else {
            last.min(start + self.limit)
        };
        // The client's own end is a backstop: this timer speaks first and names the time that was given.
        call.deadline = end + BACKSTOP;
        AttemptFuture {
            answer: until(end, self.inner.call(call)),
            start,
            end,
        }
    }
}

pin_project! {
    /// An attempt on its way, with its end.
    // In this order, as `Within`.
    #[repr(C)]
    pub(crate) struct AttemptFuture<F> {
        #[pin]
        answer: Within<F>,
        start: Instant,
        end: Instant,
    }
}

impl<F, T> Future for AttemptFuture<F>
where
    F: Future<Output = Result<T, Failed>>,
{
    type Output = Result<T, Failed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (start, end) = (*this.start, *this.end);
        this.answer.poll_or_else(cx, |_| {
            let after = end.saturating_duration_since(start);
            Err(Cause::Timeout { after }.into())
        })
    }
}
