//! The limiter as a tower layer that reserves in `poll_ready`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::acquire::Acquire;
use crate::permit::{Permit, Spent};
use crate::{Bid, Feedback, Keep, Limiter, Listener, Rejected};

/// Makes services that are ready when they hold a permit. From
/// [`AdmissionLayer::backpressure`](crate::AdmissionLayer::backpressure).
#[derive(Debug)]
pub struct BackpressureLayer<F = Keep, L: Listener = ()> {
    limiter: Limiter<L>,
    bid: Bid,
    feedback: F,
}

impl<F, L: Listener> BackpressureLayer<F, L> {
    pub(crate) const fn new(limiter: Limiter<L>, bid: Bid, feedback: F) -> Self {
        Self {
            limiter,
            bid,
            feedback,
        }
    }
}

// Not derived: a listener need not be `Clone`.
impl<F: Clone, L: Listener> Clone for BackpressureLayer<F, L> {
    fn clone(&self) -> Self {
        Self {
            limiter: self.limiter.clone(),
            bid: self.bid.clone(),
            feedback: self.feedback.clone(),
        }
    }
}

impl<S, F: Clone, L: Listener> Layer<S> for BackpressureLayer<F, L> {
    type Service = Backpressure<S, F, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Backpressure {
            inner,
            layer: self.clone(),
            hold: Hold::Nothing,
        }
    }
}

/// A service that is ready when it holds a permit and the service below is ready.
///
/// For what decides by readiness: `load_shed` refuses what is not ready, `balance` goes elsewhere, `buffer` waits. **Readiness
/// takes from others what it holds**: a service that was asked for readiness and is then neither called nor dropped keeps its units
/// (and its slot) from everyone, or its place in the queue. Where nothing decides by readiness, the plain
/// [`Admission`](crate::Admission) is better.
///
/// A clone holds nothing. A rejection is an error of the call and never of `poll_ready`, which then says that it is ready. The
/// units are charged at the call, also if a pause has begun since `poll_ready`.
pub struct Backpressure<S, F = Keep, L: Listener = ()> {
    inner: S,
    layer: BackpressureLayer<F, L>,
    hold: Hold<L>,
}

enum Hold<L: Listener> {
    Nothing,
    Waiting(Acquire<L>),
    Permit(Permit<L>),
    Rejected(Rejected),
}

impl<S, F, L: Listener> Backpressure<S, F, L> {
    /// The service below.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: Clone, F: Clone, L: Listener> Clone for Backpressure<S, F, L> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
            hold: Hold::Nothing,
        }
    }
}

impl<S, F, L, Req> Service<Req> for Backpressure<S, F, L>
where
    S: Service<Req>,
    S::Error: From<Rejected>,
    F: Feedback<S::Response, S::Error> + Clone,
    L: Listener,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BackpressureFuture<S::Future, F, L>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        loop {
            match &mut self.hold {
                Hold::Nothing => {
                    let Bid {
                        cost,
                        class,
                        deadline,
                    } = &self.layer.bid;
                    let acquire = self.layer.limiter.acquire(cost, class, *deadline);
                    self.hold = Hold::Waiting(acquire);
                }
                Hold::Waiting(acquire) => {
                    self.hold = match ready!(Pin::new(acquire).poll(cx)) {
                        Ok(permit) => Hold::Permit(permit),
                        Err(rejected) => Hold::Rejected(rejected),
                    };
                }
                Hold::Permit(_) => return self.inner.poll_ready(cx),
                // An error here would say that the service is broken for good.
                Hold::Rejected(_) => return Poll::Ready(Ok(())),
            }
        }
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let outcome = match std::mem::replace(&mut self.hold, Hold::Nothing) {
            Hold::Permit(permit) => {
                let spent = Some(permit.commit());
                let future = self.inner.call(request);
                Outcome::Calling { future, spent }
            }
            Hold::Rejected(rejected) => Outcome::Rejected {
                rejected: Some(rejected),
            },
            // Called without having been ready: the budget decides here and now, and does not wait.
            Hold::Nothing | Hold::Waiting(_) => {
                let Bid { cost, class, .. } = &self.layer.bid;
                match self.layer.limiter.try_acquire(cost, class) {
                    Ok(permit) => {
                        let spent = Some(permit.commit());
                        let future = self.inner.call(request);
                        Outcome::Calling { future, spent }
                    }
                    Err(rejected) => Outcome::Rejected {
                        rejected: Some(rejected),
                    },
                }
            }
        };
        BackpressureFuture {
            feedback: self.layer.feedback.clone(),
            outcome,
        }
    }
}

impl<S: fmt::Debug, F, L: Listener> fmt::Debug for Backpressure<S, F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hold = match &self.hold {
            Hold::Nothing => "nothing",
            Hold::Waiting(_) => "a place in the queue",
            Hold::Permit(_) => "a permit",
            Hold::Rejected(_) => "a rejection",
        };
        f.debug_struct("Backpressure")
            .field("inner", &self.inner)
            .field("hold", &hold)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Waits for the answer of a call that is paid for.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the charge stays, because the server may have counted the request; its slot is free again.
    pub struct BackpressureFuture<Fut, F, L = ()>
    where
        L: Listener,
    {
        feedback: F,
        #[pin]
        outcome: Outcome<Fut, L>,
    }
}

pin_project! {
    #[project = OutcomeProj]
    enum Outcome<Fut, L: Listener> {
        Calling { #[pin] future: Fut, spent: Option<Spent<L>> },
        Rejected { rejected: Option<Rejected> },
    }
}

impl<Fut, F, L, Res, E> Future for BackpressureFuture<Fut, F, L>
where
    Fut: Future<Output = Result<Res, E>>,
    E: From<Rejected>,
    F: Feedback<Res, E>,
    L: Listener,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.outcome.project() {
            OutcomeProj::Calling { future, spent } => {
                let result = ready!(future.poll(cx));
                if let Some(spent) = spent.take() {
                    spent.apply(&this.feedback.feedback(result.as_ref()));
                }
                Poll::Ready(result)
            }
            OutcomeProj::Rejected { rejected } => match rejected.take() {
                Some(rejected) => Poll::Ready(Err(rejected.into())),
                // Polled after its end, which a future may answer as it likes.
                None => Poll::Pending,
            },
        }
    }
}

impl<Fut, F, L: Listener> fmt::Debug for BackpressureFuture<Fut, F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackpressureFuture").finish_non_exhaustive()
    }
}
