//! The stack of one source. This file is the architecture; the reasons stand in `docs/architecture.md`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use robust_breaker::{Admit, Breaker, Check};
use robust_limiter::{Admission, Limiter};
use tower::{Service, ServiceBuilder};

use crate::again::{Again, AgainLayer};
use crate::attempt::{Attempt, AttemptLayer};
use crate::classify::{Classify, ClassifyLayer};
use crate::deadline::{Deadline, DeadlineLayer};
use crate::observe::{Observe, ObserveLayer};
use crate::price::Bidder;
use crate::reading::Read;
use crate::venue::{Failed, Venue};
use crate::{Answer, Call, SourceError};

/// What the stack is made of; every part is a handle that is shared with the source.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) observe: ObserveLayer,
    pub(crate) deadline: DeadlineLayer,
    pub(crate) again: AgainLayer,
    pub(crate) breaker: Breaker,
    pub(crate) bidder: Bidder,
    pub(crate) limiter: Limiter,
    pub(crate) classify: ClassifyLayer,
    pub(crate) attempt: AttemptLayer,
}

/// Stacks the layers around one venue, outermost first.
pub(crate) fn build<V: Attempts>(parts: Parts, venue: V) -> Stack<V> {
    let layers = ServiceBuilder::new()
        .layer(parts.observe) // counts whole calls
        .layer(parts.deadline) // writes the end that all below obey
        .layer(parts.again) // every attempt goes through all of the below again
        .layer(parts.breaker.check_layer()) // what is down costs no queue and no budget
        .layer(parts.limiter.layer().bid_with(parts.bidder).feedback(Read)) // all windows and a slot at once, by urgency; nothing queues after the commit
        .layer(parts.breaker.admit_layer(Read)) // the state may have changed in the queue; records the verdict
        .layer(parts.classify) // one verdict per attempt, timeouts included
        .layer(parts.attempt) // ends 1 ms before the whole call
        .service(venue);
    Stack { layers }
}

/// The same order as a type.
type Layers<V> = Observe<Deadline<Again<Check<Admitted<Admit<Classify<Attempt<V>>, Read>>>>>>;
type Admitted<S> = Admission<S, Bidder, Read>;

/// What the stack can be put around: any service that makes one attempt. Implemented by all of them.
///
/// It says what came of the attempt and has no opinion on what that means: no timeout, no retry, no limit. It sends nothing before its
/// future is polled, and what it holds when that is dropped it gives back.
pub trait Attempts:
    Service<Call, Response = Answer, Error = Failed, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<V> Attempts for V where
    V: Service<Call, Response = Answer, Error = Failed, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// The whole stack around one venue as a tower service; from [`Source::service`](crate::Source::service). Clones share everything.
///
/// It allocates nothing and boxes nothing: a good call costs what its layers cost and what the venue costs.
#[derive(Clone)]
pub struct Stack<V = Venue> {
    layers: Layers<V>,
}

impl<V: Attempts> Service<Call> for Stack<V> {
    type Response = Answer;
    type Error = SourceError;
    type Future = StackFuture<V>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.layers.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, call: Call) -> StackFuture<V> {
        StackFuture {
            answer: self.layers.call(call),
        }
    }
}

pin_project! {
    /// One call on its way through the [`Stack`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives back the queue place, the slot, the probe permit and any budget of a request that was not yet sent, as none is
    /// before the first poll; the budget of a request that is under way stays spent, because the exchange may have counted it.
    #[must_use = "futures do nothing unless polled"]
    pub struct StackFuture<V>
    where
        V: Attempts,
    {
        #[pin]
        answer: <Layers<V> as Service<Call>>::Future,
    }
}

impl<V: Attempts> Future for StackFuture<V> {
    type Output = Result<Answer, SourceError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(cx)
    }
}

impl<V> fmt::Debug for Stack<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}

impl<V: Attempts> fmt::Debug for StackFuture<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackFuture").finish_non_exhaustive()
    }
}
