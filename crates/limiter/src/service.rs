//! The service that waits for a budget before it calls the next.

use std::task::{Context, Poll};

use tower_service::Service;

use crate::{Appraise, AskRequest, Feedback, Keep, Limiter, Listener, Rejected, ResponseFuture};

/// Lets requests wait for their budget, and tells the limiter what the answers say.
///
/// Always ready, because readiness cannot be un-asked: the request waits in its own future, there
/// waits for a clone of the inner service to be ready, and only then commits its cost and calls.
/// A rejection is an error of the call and never of `poll_ready`.
#[derive(Debug)]
pub struct Admission<S, D = AskRequest, F = Keep, L: Listener = ()> {
    inner: S,
    limiter: Limiter<L>,
    demand: D,
    feedback: F,
}

impl<S, D, F, L: Listener> Admission<S, D, F, L> {
    pub(crate) const fn new(inner: S, limiter: Limiter<L>, demand: D, feedback: F) -> Self {
        Self {
            inner,
            limiter,
            demand,
            feedback,
        }
    }

    /// The service below.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

// Not derived: a listener need not be `Clone`.
impl<S: Clone, D: Clone, F: Clone, L: Listener> Clone for Admission<S, D, F, L> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            limiter: self.limiter.clone(),
            demand: self.demand.clone(),
            feedback: self.feedback.clone(),
        }
    }
}

impl<S, D, F, L, Req> Service<Req> for Admission<S, D, F, L>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejected>,
    D: Appraise<Req>,
    F: Feedback<S::Response, S::Error> + Clone,
    L: Listener,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, F, L>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let bid = self.demand.bid(&request);
        let deadline = bid.deadline;
        let acquire = self.limiter.acquire_owned(bid.cost, bid.class, deadline);
        ResponseFuture::new(
            acquire,
            deadline,
            self.inner.clone(),
            request,
            self.feedback.clone(),
        )
    }
}
