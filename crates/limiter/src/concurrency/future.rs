//! The futures of calls that hold a slot.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Acquire, Measure, Slot};
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
        next: Option<(S, Req)>,
        #[pin]
        step: Step<S::Future>,
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<Fut> {
        Waiting { #[pin] acquire: Acquire },
        Readying { slot: Option<Slot> },
        Calling { #[pin] future: Fut, slot: Option<Slot> },
        Done,
    }
}

impl<S: Service<Req>, Req, M> ConcurrencyFuture<S, Req, M> {
    pub(crate) const fn new(acquire: Acquire, inner: S, request: Req, measure: M) -> Self {
        Self {
            measure,
            next: Some((inner, request)),
            step: Step::Waiting { acquire },
        }
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
                StepProj::Waiting { acquire } => match ready!(acquire.poll(cx)) {
                    Ok(slot) => this.step.set(Step::Readying { slot: Some(slot) }),
                    Err(rejected) => {
                        *this.next = None;
                        this.step.set(Step::Done);
                        return Poll::Ready(Err(rejected.into()));
                    }
                },
                StepProj::Readying { slot } => {
                    let Some((inner, _)) = this.next else {
                        return Poll::Pending;
                    };
                    if let Err(error) = ready!(inner.poll_ready(cx)) {
                        *this.next = None;
                        this.step.set(Step::Done);
                        return Poll::Ready(Err(error));
                    }
                    let (Some((mut inner, request)), Some(mut slot)) =
                        (this.next.take(), slot.take())
                    else {
                        return Poll::Pending;
                    };
                    slot.sent();
                    let future = inner.call(request);
                    this.step.set(Step::Calling {
                        future,
                        slot: Some(slot),
                    });
                }
                StepProj::Calling { future, slot } => {
                    let result = ready!(future.poll(cx));
                    let slot = slot.take();
                    // First goes the call with all that it holds, then its slot.
                    this.step.set(Step::Done);
                    if let Some(slot) = slot {
                        slot.ended(this.measure.load(result.as_ref()));
                    }
                    return Poll::Ready(result);
                }
                // Polled after its end, which a future may answer as it likes.
                StepProj::Done => return Poll::Pending,
            }
        }
    }
}

impl<S: Service<Req>, Req, M> fmt::Debug for ConcurrencyFuture<S, Req, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Waiting { .. } => "waiting",
            Step::Readying { .. } => "readying",
            Step::Calling { .. } => "calling",
            Step::Done => "done",
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
        future: Option<Fut>,
        slot: Option<Slot>,
        measure: M,
    }
}

impl<Fut, M> BackpressureFuture<Fut, M> {
    pub(crate) const fn new(future: Fut, slot: Option<Slot>, measure: M) -> Self {
        Self {
            future: Some(future),
            slot,
            measure,
        }
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
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            // Polled after its end, which a future may answer as it likes.
            return Poll::Pending;
        };
        let result = ready!(future.poll(cx));
        this.future.set(None);
        if let Some(slot) = this.slot.take() {
            slot.ended(this.measure.load(result.as_ref()));
        }
        Poll::Ready(result)
    }
}

impl<Fut, M> fmt::Debug for BackpressureFuture<Fut, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackpressureFuture").finish_non_exhaustive()
    }
}
