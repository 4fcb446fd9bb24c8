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
    place: Place,
}

enum Place {
    None,
    Waiting(Ticket),
    Held(Pass),
}

impl<S, M> Backpressure<S, M> {
    pub(crate) const fn new(inner: S, gate: Arc<Gate>, measure: M) -> Self {
        Self {
            inner,
            gate,
            measure,
            place: Place::None,
        }
    }

    /// The service below.
    pub const fn get_ref(&self) -> &S {
        &self.inner
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
        loop {
            match &mut self.place {
                Place::None => {
                    let gate = Arc::clone(&self.gate);
                    self.place = if gate.enter_free() {
                        Place::Held(Pass::new(gate))
                    } else {
                        Place::Waiting(Ticket::new(gate))
                    };
                }
                Place::Waiting(ticket) => {
                    self.place = match ready!(ticket.poll(cx, false)) {
                        Ok(pass) => Place::Held(pass),
                        // An unbounded line sends nobody away.
                        Err(_) => Place::None,
                    };
                }
                Place::Held(_) => return self.inner.poll_ready(cx),
            }
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let made = match std::mem::replace(&mut self.place, Place::None) {
            Place::Held(pass) if pass.adapts() => {
                let mut slot = Slot::new(pass);
                slot.sent();
                let future = self.inner.call(request);
                Made::Measured { future, slot }
            }
            Place::Held(pass) => {
                let future = self.inner.call(request);
                let pass = Some(pass);
                Made::Passing { future, pass }
            }
            // Called without having been ready, which the contract forbids: not counted rather than a panic.
            Place::None | Place::Waiting(_) => {
                let future = self.inner.call(request);
                Made::Passing { future, pass: None }
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
