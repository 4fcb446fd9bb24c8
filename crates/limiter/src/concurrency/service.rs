//! The services that wait for a slot before they call the next.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tower_service::Service;

use super::gate::Gate;
use super::ticket::Ticket;
use super::{Acquire, BackpressureFuture, ConcurrencyFuture, Measure, Plain, Slot};
use crate::Rejected;

/// Waits for a slot in the call's future.
///
/// Always ready, because readiness cannot be un-asked: a clone that was readied and left alone holds
/// nothing. The call waits for its slot, then for a clone of the inner service to be ready, then calls
/// it. A rejection is an error of the call and never of `poll_ready`.
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
        ConcurrencyFuture::new(
            Acquire::new(Arc::clone(&self.gate), None),
            self.inner.clone(),
            request,
            self.measure.clone(),
        )
    }
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
    Held(Slot),
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
                Place::None => self.place = Place::Waiting(Ticket::new(Arc::clone(&self.gate))),
                Place::Waiting(ticket) => {
                    self.place = match ready!(ticket.poll(cx, false)) {
                        Ok(slot) => Place::Held(slot),
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
        let slot = match std::mem::replace(&mut self.place, Place::None) {
            Place::Held(mut slot) => {
                slot.sent();
                Some(slot)
            }
            // Called without having been ready, which the contract forbids: not counted rather than a panic.
            Place::None | Place::Waiting(_) => None,
        };
        BackpressureFuture::new(self.inner.call(request), slot, self.measure.clone())
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
