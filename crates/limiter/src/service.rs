//! The service that waits for a budget before it calls the next.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tower_service::Service;

use crate::delayed::Delayed;
use crate::log::Nanos;
use crate::permit::Spent;
use crate::shared::Errand;
use crate::{
    Appraise, AskRequest, Bid, BidRef, Feedback, Keep, Limiter, Listener, Rejected, ResponseFuture,
};

/// Lets requests wait for their budget, and tells the limiter what the answers say.
///
/// Always ready, because readiness cannot be un-asked. A call that need not wait, neither for its budget nor for the inner
/// service, is committed and made in `call`: poll what it returns at once, as after any `call`. Any other waits in its own
/// future, there waits for a clone of the inner service to be ready, and only then commits its cost and calls.
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

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let mut own = None;
        let lent = match self.demand.bid_ref(&request) {
            Some(lent) => lent,
            None => own.insert(self.demand.bid(&request)).lend(),
        };
        let Some(at) = pay(&mut self.inner, &self.limiter, &lent) else {
            return self.wait(request, own);
        };
        let Limiter { shared, slot } = &self.limiter;
        if !slot && self.feedback.keeps() {
            return ResponseFuture::calling(self.inner.call(request), None, self.feedback.clone());
        }
        // Before the call, so that one that panics frees its slot.
        let spent = Spent::at_once(Arc::clone(shared), lent.cost, lent.class, *slot, at);
        let future = self.inner.call(request);
        ResponseFuture::calling(future, Some(spent), self.feedback.clone())
    }
}

/// Pays for a call if the inner service is ready now and its budget has room now; when that was.
#[inline]
fn pay<S, L, Req>(inner: &mut S, limiter: &Limiter<L>, bid: &BidRef<'_>) -> Option<Nanos>
where
    S: Service<Req>,
    L: Listener,
{
    // Nobody is to be woken: who is not ready now waits in the future, by a clone.
    let cx = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(())) = inner.poll_ready(cx) else {
        return None;
    };
    limiter.shared.spend(&Errand {
        cost: bid.cost,
        class: bid.class,
        deadline: bid.deadline,
        slot: limiter.slot,
    })
}

impl<S: Clone, D, F: Clone, L: Listener> Admission<S, D, F, L> {
    /// The call that has to wait, or to see whether it has to.
    #[cold]
    #[inline(never)]
    fn wait<Req>(&mut self, request: Req, bid: Option<Bid>) -> ResponseFuture<S, Req, F, L>
    where
        S: Service<Req>,
        D: Appraise<Req>,
    {
        // What readiness has reserved must neither stay with us nor wait with the request.
        self.inner = self.inner.clone();
        let bid = bid.unwrap_or_else(|| self.demand.bid(&request));
        let acquire = self
            .limiter
            .acquire_owned(bid.cost, bid.class, bid.deadline);
        let call = Delayed::new(acquire, bid.deadline, self.inner.clone(), request);
        ResponseFuture::waiting(call, self.feedback.clone())
    }
}
