//! The future of an admitted call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::delayed::Delayed;
use crate::permit::Spent;
use crate::{Feedback, Listener, Rejected};

pin_project! {
    /// Waits for the permit, then for the inner service, then for its answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the inner service is called, it gives place and grant back. Dropped later, which is at any time for
    /// a call that need not wait, since that is made before there is a future,
    /// the charge stays, because the server may have counted the request. Its slot is free again in either case.
    pub struct ResponseFuture<S, Req, F, L = ()>
    where
        S: Service<Req>,
        L: Listener,
    {
        feedback: F,
        #[pin]
        step: Step<S, Req, S::Future, L>,
    }
}

pin_project! {
    #[project = StepProj]
    #[project_replace = StepOwned]
    enum Step<S, Req, Fut, L: Listener> {
        // Boxed, so that the call that need not wait, which most are, is small: a future is moved several times before it is polled.
        Waiting { call: Box<Delayed<S, Req, L>> },
        Calling { #[pin] future: Fut, spent: Option<Spent<L>> },
        Done,
    }
}

impl<S: Service<Req>, Req, F, L: Listener> ResponseFuture<S, Req, F, L> {
    /// Has to wait, or to see whether it has to.
    pub(crate) fn waiting(call: Delayed<S, Req, L>, feedback: F) -> Self {
        let call = Box::new(call);
        let step = Step::Waiting { call };
        Self { feedback, step }
    }

    /// The inner service is called, and paid for; `None` when nothing its answer says could change that.
    #[inline]
    pub(crate) const fn calling(future: S::Future, spent: Option<Spent<L>>, feedback: F) -> Self {
        let step = Step::Calling { future, spent };
        Self { feedback, step }
    }
}

impl<S, Req, F, L> Future for ResponseFuture<S, Req, F, L>
where
    S: Service<Req>,
    S::Error: From<Rejected>,
    F: Feedback<S::Response, S::Error>,
    L: Listener,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.step.as_mut().project() {
                StepProj::Calling { future, spent } => {
                    let result = ready!(future.poll(cx));
                    if let Some(spent) = spent.take() {
                        // First goes the call with all that it holds, then its slot.
                        this.step.project_replace(Step::Done);
                        spent.apply(&this.feedback.feedback(result.as_ref()));
                    }
                    return Poll::Ready(result);
                }
                StepProj::Waiting { call } => match ready!(call.poll(cx)) {
                    Ok((future, spent)) => {
                        let spent = Some(spent);
                        this.step.set(Step::Calling { future, spent });
                    }
                    Err(error) => {
                        this.step.project_replace(Step::Done);
                        return Poll::Ready(Err(error));
                    }
                },
                // Polled after its end, which a future may answer as it likes.
                StepProj::Done => return Poll::Pending,
            }
        }
    }
}

impl<S: Service<Req>, Req, F, L: Listener> fmt::Debug for ResponseFuture<S, Req, F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Waiting { call } if call.is_granted() => "readying",
            Step::Waiting { .. } => "waiting",
            Step::Calling { .. } => "calling",
            Step::Done => "done",
        };
        f.debug_struct("ResponseFuture")
            .field("step", &step)
            .finish_non_exhaustive()
    }
}
