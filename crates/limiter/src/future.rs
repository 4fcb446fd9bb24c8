//! The future of an admitted call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use crate::acquire::Acquire;
use crate::permit::{Permit, Spent};
use crate::{Feedback, Listener, Rejected};

pin_project! {
    /// Waits for the permit, then for the inner service, then for its answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the inner service is called, it gives place and grant back. Dropped later,
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
        Waiting { acquire: Acquire<L>, next: Option<(S, Req)>, deadline: Option<Instant> },
        Readying { permit: Option<Permit<L>>, next: Option<(S, Req)>, deadline: Option<Instant>, sleep: Option<Pin<Box<Sleep>>> },
        Calling { #[pin] future: Fut, spent: Option<Spent<L>> },
        Done,
    }
}

impl<S: Service<Req>, Req, F, L: Listener> ResponseFuture<S, Req, F, L> {
    /// Has to wait, or to see whether it has to.
    pub(crate) const fn waiting(
        acquire: Acquire<L>,
        deadline: Option<Instant>,
        inner: S,
        request: Req,
        feedback: F,
    ) -> Self {
        let step = Step::Waiting {
            acquire,
            next: Some((inner, request)),
            deadline,
        };
        Self { feedback, step }
    }

    /// The inner service is called, and paid for; `None` when nothing its answer says could change that.
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.step.as_mut().project() {
                StepProj::Waiting {
                    acquire,
                    next,
                    deadline,
                } => {
                    let permit = match ready!(Pin::new(acquire).poll(cx)) {
                        Ok(permit) => Some(permit),
                        Err(rejected) => {
                            this.step.project_replace(Step::Done);
                            return Poll::Ready(Err(rejected.into()));
                        }
                    };
                    let (next, deadline) = (next.take(), *deadline);
                    this.step.set(Step::Readying {
                        permit,
                        next,
                        deadline,
                        sleep: None,
                    });
                }
                StepProj::Readying {
                    permit,
                    next,
                    deadline,
                    sleep,
                } => {
                    if let Some(pause) = sleep {
                        ready!(pause.as_mut().poll(cx));
                        *sleep = None;
                    }
                    let Some((inner, _)) = next else {
                        return Poll::Pending;
                    };
                    if let Err(error) = ready!(inner.poll_ready(cx)) {
                        this.step.project_replace(Step::Done);
                        return Poll::Ready(Err(error));
                    }
                    let Some(held) = permit.as_mut() else {
                        return Poll::Pending;
                    };
                    match held.commit_unless_paused() {
                        Ok(spent) => {
                            let Some((mut inner, request)) = next.take() else {
                                return Poll::Pending;
                            };
                            // The permit is spent and goes; the future takes its place.
                            let future = inner.call(request);
                            this.step.set(Step::Calling {
                                future,
                                spent: Some(spent),
                            });
                        }
                        // It keeps its grant and sends after the pause.
                        Err(until) if deadline.is_none_or(|deadline| until <= deadline) => {
                            *sleep = Some(Box::pin(sleep_until(until)));
                        }
                        Err(until) => {
                            this.step.project_replace(Step::Done);
                            let retry_in = until.saturating_duration_since(Instant::now());
                            return Poll::Ready(Err(Rejected::Paused { retry_in }.into()));
                        }
                    }
                }
                StepProj::Calling { future, spent } => {
                    let result = ready!(future.poll(cx));
                    if let Some(spent) = spent.take() {
                        // First goes the call with all that it holds, then its slot.
                        this.step.project_replace(Step::Done);
                        spent.apply(&this.feedback.feedback(result.as_ref()));
                    }
                    return Poll::Ready(result);
                }
                // Polled after its end, which a future may answer as it likes.
                StepProj::Done => return Poll::Pending,
            }
        }
    }
}

impl<S: Service<Req>, Req, F, L: Listener> fmt::Debug for ResponseFuture<S, Req, F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Waiting { .. } => "waiting",
            Step::Readying { .. } => "readying",
            Step::Calling { .. } => "calling",
            Step::Done => "done",
        };
        f.debug_struct("ResponseFuture")
            .field("step", &step)
            .finish_non_exhaustive()
    }
}
