//! Further attempts, and what the earlier ones came to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use robust_backoff::Policy;
use tokio::time::Sleep;
use tower::retry::Policy as _;
use tower::{Layer, Service};

use crate::reading::Read;
use crate::{Answer, Call, SourceError};

/// Drives the retry policy, as [`tower::retry`] does, and keeps the failure of the last attempt.
///
/// A refusal of this process after an attempt was made says less than that attempt's own failure. tower's future shows neither to
/// those above it, and copies the whole stack below it for each call; this one costs a good call one count.
#[derive(Debug, Clone)]
pub(crate) struct AgainLayer {
    policy: Policy<Read>,
}

impl AgainLayer {
    pub(crate) const fn new(policy: Policy<Read>) -> Self {
        Self { policy }
    }
}

#[derive(Debug)]
pub(crate) struct Again<S> {
    inner: S,
    /// What further attempts go through a copy of. Shared, because most calls need none.
    template: Arc<S>,
    policy: Policy<Read>,
}

impl<S: Clone> Layer<S> for AgainLayer {
    type Service = Again<S>;

    fn layer(&self, inner: S) -> Again<S> {
        Again {
            template: Arc::new(inner.clone()),
            inner,
            policy: self.policy.clone(),
        }
    }
}

impl<S: Clone> Clone for Again<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            template: Arc::clone(&self.template),
            policy: self.policy.clone(),
        }
    }
}

impl<S> Service<Call> for Again<S>
where
    S: Service<Call, Response = Answer, Error = SourceError> + Clone,
{
    type Response = Answer;
    type Error = SourceError;
    type Future = AgainFuture<S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, call: Call) -> AgainFuture<S> {
        let mut policy = self.policy.clone();
        let next = clone_request(&mut policy, &call);
        AgainFuture {
            step: Step::Attempt {
                attempt: self.inner.call(call),
            },
            next,
            failure: None,
            policy,
            template: Arc::clone(&self.template),
        }
    }
}

/// Tells the policy that the call goes out now; the copy for another attempt, unless this is the last that is permitted.
fn clone_request(policy: &mut Policy<Read>, call: &Call) -> Option<Call> {
    tower::retry::Policy::<Call, Answer, SourceError>::clone_request(policy, call)
}

/// A call that can say, when its time is over, how its last attempt failed.
pub(crate) trait Unfinished {
    /// The failure of the last attempt that ended, if any did.
    fn failure(self: Pin<&mut Self>) -> Option<SourceError>;
}

pin_project! {
    /// One call through as many attempts as the policy allows.
    ///
    /// Dropped in a pause, it gives its withdrawal back to the budget.
    pub(crate) struct AgainFuture<S>
    where
        S: Service<Call>,
    {
        #[pin]
        step: Step<S, S::Future>,
        next: Option<Call>,
        failure: Option<SourceError>,
        policy: Policy<Read>,
        template: Arc<S>,
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<S, F> {
        Attempt { #[pin] attempt: F },
        Pause { #[pin] sleep: Sleep },
        Ready { inner: S },
    }
}

impl<S> Unfinished for AgainFuture<S>
where
    S: Service<Call>,
{
    fn failure(self: Pin<&mut Self>) -> Option<SourceError> {
        self.project().failure.take()
    }
}

impl<S> Future for AgainFuture<S>
where
    S: Service<Call, Response = Answer, Error = SourceError> + Clone,
{
    type Output = Result<Answer, SourceError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let step = match this.step.as_mut().project() {
                StepProj::Attempt { attempt } => {
                    let mut outcome = ready!(attempt.poll(cx));
                    let pause = match this.next {
                        Some(call) => this.policy.retry(call, &mut outcome),
                        None => None,
                    };
                    match (pause, outcome) {
                        (Some(sleep), Err(error)) => {
                            *this.failure = Some(error.after(this.failure.take()));
                            Step::Pause { sleep }
                        }
                        (_, outcome) => {
                            let last = this.failure.take();
                            return Poll::Ready(outcome.map_err(|error| error.after(last)));
                        }
                    }
                }
                StepProj::Pause { sleep } => {
                    ready!(sleep.poll(cx));
                    Step::Ready {
                        inner: S::clone(this.template),
                    }
                }
                StepProj::Ready { inner } => {
                    if let Err(error) = ready!(inner.poll_ready(cx)) {
                        return Poll::Ready(Err(error.after(this.failure.take())));
                    }
                    let Some(call) = this.next.take() else {
                        // Polled after its end, which a future may answer as it likes.
                        return Poll::Pending;
                    };
                    *this.next = clone_request(this.policy, &call);
                    Step::Attempt {
                        attempt: inner.call(call),
                    }
                }
            };
            this.step.set(step);
        }
    }
}
