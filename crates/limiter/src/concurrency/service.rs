//! The services that wait for a slot before they call the next.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tower_service::Service;

use super::gate::Gate;
use super::made::Made;
use super::pass::Pass;
use super::ticket::Ticket;
use super::{Acquire, BackpressureFuture, ConcurrencyFuture, Measure, Plain, Slot};
use crate::Rejected;

/// Waits for a slot in the call's future.
///
/// Always ready, because readiness cannot be un-asked: a clone that was readied and left alone holds
/// nothing. A call that need not wait, neither for its slot nor for the inner service, is made in `call`:
/// poll what it returns at once, as after any `call`. Any other waits in its own future for its slot, then
/// for a clone of the inner service to be ready, then calls it. A rejection is an error of the call and
/// never of `poll_ready`.
#[derive(Debug, Clone)]
pub struct Concurrency<S, M = Plain> {
    inner: S,
    gate: Arc<Gate>,
    measure: M,
}

impl<S, M> Concurrency<S, M> {
    pub(crate) const fn new(inner: S, gate: Arc<Gate>, measure: M) -> Self {
        Self {
            inner,
            gate,
            measure,
        }
    }

    /// The service below.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, M, Req> Service<Req> for Concurrency<S, M>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejected>,
    M: Measure<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ConcurrencyFuture<S, Req, M>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        place(&mut self.inner, gate, request, &self.measure)
    }
}

/// Makes the call now if the inner service is ready and a place is free, and else lets it wait for both.
#[inline]
pub(super) fn place<S, M, Req>(
    inner: &mut S,
    gate: Arc<Gate>,
    request: Req,
    measure: &M,
) -> ConcurrencyFuture<S, Req, M>
where
    S: Service<Req> + Clone,
    M: Clone,
{
    // Nobody is to be woken: who is not ready now waits in the future, by a clone.
    let cx = &mut Context::from_waker(Waker::noop());
    let is_ready = matches!(inner.poll_ready(cx), Poll::Ready(Ok(())));
    if !is_ready || !gate.enter_free() {
        return wait(inner, gate, request, measure.clone());
    }
    // The place stands before the call, so that one that panics gives it back.
    let pass = Pass::new(gate);
    let made = if pass.adapts() {
        let mut slot = Slot::new(pass);
        slot.sent();
        let future = inner.call(request);
        Made::Measured { future, slot }
    } else {
        let future = inner.call(request);
        let pass = Some(pass);
        Made::Passing { future, pass }
    };
    ConcurrencyFuture::made(made, measure.clone())
}

/// The call that has to wait, or to see whether it has to.
#[cold]
#[inline(never)]
fn wait<S, M, Req>(
    inner: &mut S,
    gate: Arc<Gate>,
    request: Req,
    measure: M,
) -> ConcurrencyFuture<S, Req, M>
where
    S: Service<Req> + Clone,
{
    // What readiness has reserved must neither stay with us nor wait with the request.
    *inner = inner.clone();
    let acquire = Acquire::new(gate, None);
    ConcurrencyFuture::waiting(acquire, inner.clone(), request, measure)
}

/// Waits for a slot in `poll_ready`; see [`ConcurrencyLayer::backpressure`](super::ConcurrencyLayer::backpressure).
pub struct Backpressure<S, M = Plain> {
    inner: S,
    gate: Arc<Gate>,
    measure: M,
    /// The place of the next call. A field of its own, which is one pointer: an enum of both would be moved as a whole with every call.
    held: Option<Pass>,
    /// Where there is none yet.
    waiting: Option<Ticket>,
}

impl<S, M> Backpressure<S, M> {
    pub(crate) const fn new(inner: S, gate: Arc<Gate>, measure: M) -> Self {
        Self {
            inner,
            gate,
            measure,
            held: None,
            waiting: None,
        }
    }

    /// The service below.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Waits for a place.
    #[cold]
    #[inline(never)]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let gate = &self.gate;
            let ticket = self
                .waiting
                .get_or_insert_with(|| Ticket::new(Arc::clone(gate)));
            let fetched = ready!(ticket.poll(cx, false));
            self.waiting = None;
            // An unbounded line sends nobody away.
            if let Ok(pass) = fetched {
                self.held = Some(pass);
                return Poll::Ready(());
            }
        }
    }
}

impl<S, M, Req> Service<Req> for Backpressure<S, M>
where
    S: Service<Req>,
    M: Measure<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BackpressureFuture<S::Future, M>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.held.is_none() {
            if self.waiting.is_none() && self.gate.enter_free() {
                self.held = Some(Pass::new(Arc::clone(&self.gate)));
            } else {
                ready!(self.wait(cx));
            }
        }
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let made = match self.held.take() {
            Some(pass) if pass.adapts() => {
                let mut slot = Slot::new(pass);
                slot.sent();
                let future = self.inner.call(request);
                Made::Measured { future, slot }
            }
            pass => {
                if pass.is_none() {
                    // Called without having been ready, which the contract forbids: not counted rather than a panic.
                    self.waiting = None;
                }
                let future = self.inner.call(request);
                Made::Passing { future, pass }
            }
        };
        BackpressureFuture::new(made, self.measure.clone())
    }
}

/// A clone holds no slot and waits for none.
impl<S: Clone, M: Clone> Clone for Backpressure<S, M> {
    fn clone(&self) -> Self {
        Self::new(
            self.inner.clone(),
            Arc::clone(&self.gate),
            self.measure.clone(),
        )
    }
}

impl<S: fmt::Debug, M> fmt::Debug for Backpressure<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backpressure")
            .field("inner", &self.inner)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}
