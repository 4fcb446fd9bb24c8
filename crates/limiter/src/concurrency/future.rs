//! The futures of calls that hold a slot.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::delayed::Delayed;
use super::made::Made;
use super::{Acquire, Measure};
use crate::Rejected;

pin_project! {
    /// Waits for a slot, then for the inner service, then for its answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any time, its place or its slot is the next one's.
    pub struct ConcurrencyFuture<S, Req, M>
    where
        S: Service<Req>,
    {
        measure: M,
        #[pin]
        step: Step<S, Req, S::Future>,
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<S, Req, Fut> {
        // Boxed, so that the call that need not wait, which most are, is small: a future is moved several times before it is polled.
        Waiting { call: Pin<Box<Delayed<S, Req>>> },
        Made { #[pin] made: Made<Fut> },
    }
}

impl<S: Service<Req>, Req, M> ConcurrencyFuture<S, Req, M> {
    /// Has to wait, or to see whether it has to.
    pub(super) fn waiting(acquire: Acquire, inner: S, request: Req, measure: M) -> Self {
        let call = Box::pin(Delayed::new(acquire, inner, request));
        let step = Step::Waiting { call };
        Self { measure, step }
    }

    /// The inner service is called.
    #[inline]
    pub(super) const fn made(made: Made<S::Future>, measure: M) -> Self {
        let step = Step::Made { made };
        Self { measure, step }
    }
}

impl<S, Req, M> Future for ConcurrencyFuture<S, Req, M>
where
    S: Service<Req>,
    S::Error: From<Rejected>,
    M: Measure<S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.step.as_mut().project() {
                StepProj::Made { made } => return made.poll(cx, this.measure),
                StepProj::Waiting { call } => {
                    let (made, refused) = match ready!(call.as_mut().poll(cx)) {
                        Ok(made) => (made, None),
                        Err(error) => (Made::Done, Some(error)),
                    };
                    this.step.set(Step::Made { made });
                    if let Some(error) = refused {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
    }
}

impl<S: Service<Req>, Req, M> fmt::Debug for ConcurrencyFuture<S, Req, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Waiting { call } if call.is_granted() => "readying",
            Step::Waiting { .. } => "waiting",
            Step::Made { made: Made::Done } => "done",
            Step::Made { .. } => "calling",
        };
        f.debug_struct("ConcurrencyFuture")
            .field("step", &step)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A call that got its slot in `poll_ready`.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any time, its slot is the next one's.
    pub struct BackpressureFuture<Fut, M> {
        #[pin]
        made: Made<Fut>,
        measure: M,
    }
}

impl<Fut, M> BackpressureFuture<Fut, M> {
    #[inline]
    pub(super) const fn new(made: Made<Fut>, measure: M) -> Self {
        Self { made, measure }
    }
}

impl<Fut, M, T, E> Future for BackpressureFuture<Fut, M>
where
    Fut: Future<Output = Result<T, E>>,
    M: Measure<T, E>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.made.poll(cx, this.measure)
    }
}

impl<Fut, M> fmt::Debug for BackpressureFuture<Fut, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackpressureFuture").finish_non_exhaustive()
    }
}
