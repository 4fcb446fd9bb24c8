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
use crate::stats::Stats;
use crate::{Answer, Call, Retry, SourceError};

/// Drives the retry policy, as [`tower::retry`] does, and keeps the failure of the last attempt.
///
/// A refusal of this process after an attempt was made says less than that attempt's own failure. tower's future shows neither to
/// those above it, and copies the whole stack below it for each call; this one costs a good call one count.
#[derive(Debug, Clone)]
pub(crate) struct AgainLayer {
    pub(crate) policy: Policy<Read>,
    pub(crate) stats: Arc<Stats>,
}

#[derive(Debug)]
pub(crate) struct Again<S> {
    inner: S,
    /// What further attempts go through copies of. Shared, because most calls need none.
    template: Arc<Template<S>>,
    policy: Policy<Read>,
}

#[derive(Debug)]
struct Template<S> {
    inner: S,
    policy: Policy<Read>,
    /// For those above, which would otherwise have to keep it for every call once more.
    stats: Arc<Stats>,
}

impl<S: Clone> Layer<S> for AgainLayer {
    type Service = Again<S>;

    fn layer(&self, inner: S) -> Again<S> {
        Again {
            template: Arc::new(Template {
                inner: inner.clone(),
                policy: self.policy.clone(),
                stats: Arc::clone(&self.stats),
            }),
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
        // This policy never retries, and is as new for every call.
        let next = clone_request(&mut self.policy, &call);
        let template = Arc::clone(&self.template);
        // Last, so that it is made where it stays: a future is large.
        AgainFuture {
            step: Step::Attempt {
                attempt: self.inner.call(call),
            },
            next,
            earlier: None,
            template,
        }
    }
}

/// Tells the policy that the call goes out now; the copy for another attempt, unless this is the last that is permitted, by the
/// source or by the call.
fn clone_request(policy: &mut Policy<Read>, call: &Call) -> Option<Call> {
    let next =
        |policy| tower::retry::Policy::<Call, Answer, SourceError>::clone_request(policy, call);
    // The first attempt has no number before it goes out, the second has the number 2.
    if call.retries.is_some_and(|most| call.attempt.max(1) > most) {
        next(policy);
        return None;
    }
    // Made where it stays.
    next(policy)
}

/// A call that can say where it is counted.
pub(crate) trait Counted {
    /// The counters of its source.
    fn stats(&self) -> &Stats;
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
        // Boxed, because most calls have no such thing.
        earlier: Option<Box<Earlier>>,
        template: Arc<Template<S>>,
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

/// What came of the attempts before this one.
struct Earlier {
    policy: Policy<Read>,
    failure: Option<SourceError>,
}

impl Earlier {
    fn failure(earlier: &mut Option<Box<Self>>) -> Option<SourceError> {
        earlier.as_mut().and_then(|earlier| earlier.failure.take())
    }
}

impl<S> Counted for AgainFuture<S>
where
    S: Service<Call>,
{
    #[inline]
    fn stats(&self) -> &Stats {
        &self.template.stats
    }
}

impl<S> Unfinished for AgainFuture<S>
where
    S: Service<Call>,
{
    fn failure(self: Pin<&mut Self>) -> Option<SourceError> {
        Earlier::failure(self.project().earlier)
    }
}

impl<S> AgainFuture<S>
where
    S: Service<Call, Response = Answer, Error = SourceError> + Clone,
{
    /// An attempt failed: begins the pause before another; or, where there is none, says how the whole call failed.
    #[cold]
    #[inline(never)]
    fn failed(self: Pin<&mut Self>, error: SourceError) -> Option<SourceError> {
        let mut this = self.project();
        let mut outcome = Err(error);
        let sleep = this.next.as_mut().and_then(|call| {
            let judged = outcome.as_ref().err().and_then(|e| e.judgement.as_ref());
            call.fresh = judged.is_some_and(|judgement| judgement.retry == Retry::Once);
            let earlier = this.earlier.get_or_insert_with(|| {
                Box::new(Earlier {
                    policy: this.template.policy.clone(),
                    failure: None,
                })
            });
            earlier.policy.retry(call, &mut outcome)
        });
        let Err(error) = outcome.map(|_: Answer| ()) else {
            // The policy looks at outcomes and changes none.
            return None;
        };
        let error = error.after(Earlier::failure(this.earlier));
        let (Some(sleep), Some(earlier)) = (sleep, this.earlier) else {
            return Some(error);
        };
        earlier.failure = Some(error);
        this.step.set(Step::Pause { sleep });
        None
    }

    /// Waits until another attempt can be made, and makes it.
    #[cold]
    #[inline(never)]
    fn wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let mut this = self.project();
        loop {
            let step = match this.step.as_mut().project() {
                StepProj::Attempt { .. } => return Poll::Ready(Ok(())),
                StepProj::Pause { sleep } => {
                    ready!(sleep.poll(cx));
                    Step::Ready {
                        inner: this.template.inner.clone(),
                    }
                }
                StepProj::Ready { inner } => {
                    if let Err(error) = ready!(inner.poll_ready(cx)) {
                        return Poll::Ready(Err(error.after(Earlier::failure(this.earlier))));
                    }
                    let (Some(call), Some(earlier)) = (this.next.take(), &mut this.earlier) else {
                        // Polled after its end, which a future may answer as it likes.
                        return Poll::Pending;
                    };
                    *this.next = clone_request(&mut earlier.policy, &call);
                    Step::Attempt {
                        attempt: inner.call(call),
                    }
                }
            };
            this.step.set(step);
        }
    }
}

impl<S> Future for AgainFuture<S>
where
    S: Service<Call, Response = Answer, Error = SourceError> + Clone,
{
    type Output = Result<Answer, SourceError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !matches!(self.step, Step::Attempt { .. })
            && let Err(error) = ready!(self.as_mut().wait(cx))
        {
            return Poll::Ready(Err(error));
        }
        self.poll_attempt(cx)
    }
}

impl<S> AgainFuture<S>
where
    S: Service<Call, Response = Answer, Error = SourceError> + Clone,
{
    /// Polls the attempt, and whatever comes after it when it fails.
    #[inline]
    fn poll_attempt(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, SourceError>> {
        let StepProj::Attempt { attempt } = self.as_mut().project().step.project() else {
            // Polled after its end, which a future may answer as it likes.
            return Poll::Pending;
        };
        match attempt.poll(cx) {
            Poll::Ready(Err(error)) => self.poll_on(cx, error),
            answer => answer,
        }
    }

    /// An attempt failed: pauses, and makes others, as long as the policy says so.
    #[cold]
    #[inline(never)]
    fn poll_on(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut error: SourceError,
    ) -> Poll<Result<Answer, SourceError>> {
        loop {
            if let Some(error) = self.as_mut().failed(error) {
                return Poll::Ready(Err(error));
            }
            if let Err(error) = ready!(self.as_mut().wait(cx)) {
                return Poll::Ready(Err(error));
            }
            let StepProj::Attempt { attempt } = self.as_mut().project().step.project() else {
                return Poll::Pending;
            };
            match attempt.poll(cx) {
                Poll::Ready(Err(again)) => error = again,
                answer => return answer,
            }
        }
    }
}
