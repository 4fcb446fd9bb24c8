//! The service that waits for a budget before it calls the next.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tower_service::Service;

use crate::delayed::Delayed;
use crate::future::Beside;
use crate::log::Nanos;
use crate::permit::{Paid, Slot, Spent};
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
        if !self.feedback.keeps() {
            return self.call_noted(request);
        }
        match self.pay(&request, |_, _| ()) {
            Ok(()) => {
                // Before the call, so that one that panics frees its slot.
                let Limiter { shared, slot } = &self.limiter;
                let slot = slot.then(|| Slot::new(Arc::clone(shared)));
                let future = self.inner.call(request);
                ResponseFuture::keeping(future, slot, self.feedback.clone())
            }
            Err(bid) => ResponseFuture::waiting(self.wait(request, bid), self.feedback.clone()),
        }
    }
}

impl<S, D, F, L: Listener> Admission<S, D, F, L> {
    /// A call of which its price has to be remembered until its answer is there.
    #[inline]
    fn call_noted<Req>(&mut self, request: Req) -> ResponseFuture<S, Req, F, L>
    where
        S: Service<Req> + Clone,
        D: Appraise<Req>,
        F: Feedback<S::Response, S::Error> + Clone,
    {
        let (slot, lazy) = (self.limiter.slot, self.feedback.is_lazy());
        let note = |bid: &BidRef<'_>, at| Paid::new(bid.cost, bid.class, slot, at, lazy);
        match self.pay(&request, note) {
            Ok(paid) => {
                // Before the call, so that one that panics frees its slot.
                let spent = Spent::new(Arc::clone(&self.limiter.shared), paid);
                let feedback = self.feedback.clone();
                // Built where it stays: a future may be large.
                ResponseFuture {
                    future: Some(self.inner.call(request)),
                    beside: Beside::Spent(spent),
                    feedback,
                }
            }
            Err(bid) => ResponseFuture::waiting(self.wait(request, bid), self.feedback.clone()),
        }
    }

    /// Pays for a call if the inner service is ready now and its budget has room now, and notes what of that has to be kept.
    ///
    /// What is lent or asked for is gone again before the call is made, so that nothing but the call is moved on.
    ///
    /// # Errors
    ///
    /// When it has to wait; with the bid, if it was asked for.
    #[inline]
    fn pay<Req, T>(
        &mut self,
        request: &Req,
        note: impl FnOnce(&BidRef<'_>, Nanos) -> T,
    ) -> Result<T, Option<Box<Bid>>>
    where
        S: Service<Req>,
        D: Appraise<Req>,
    {
        // Nobody is to be woken: who is not ready now waits in the future, by a clone.
        let cx = &mut Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(())) = self.inner.poll_ready(cx) else {
            return Err(None);
        };
        let Limiter { shared, slot } = &self.limiter;
        let now = self.demand.now(request);
        let spend = |bid: &BidRef<'_>| {
            shared.spend(Errand {
                cost: bid.cost,
                class: bid.class,
                deadline: bid.deadline,
                slot: *slot,
                now,
            })
        };
        if let Some(lent) = self.demand.bid_ref(request) {
            return spend(&lent).map(|at| note(&lent, at)).ok_or(None);
        }
        let bid = self.demand.bid(request);
        let lent = bid.lend();
        match spend(&lent) {
            Some(at) => Ok(note(&lent, at)),
            None => Err(Some(Box::new(bid))),
        }
    }
}

impl<S: Clone, D, F: Clone, L: Listener> Admission<S, D, F, L> {
    /// The call that has to wait, or to see whether it has to.
    #[cold]
    #[inline(never)]
    fn wait<Req>(&mut self, mut request: Req, bid: Option<Box<Bid>>) -> Box<Delayed<S, Req, L>>
    where
        D: Appraise<Req>,
    {
        // What readiness has reserved must neither stay with us nor wait with the request.
        self.inner = self.inner.clone();
        let bid = bid.map_or_else(|| self.demand.bid(&request), |bid| *bid);
        self.demand.waits(&mut request);
        let acquire = self
            .limiter
            .acquire_owned(bid.cost, bid.class, bid.deadline);
        let (inner, deadline) = (self.inner.clone(), bid.deadline);
        Box::new(Delayed::new(acquire, deadline, inner, request))
    }
}
