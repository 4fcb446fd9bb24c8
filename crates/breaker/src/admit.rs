//! Next to the call: takes the permit and records the outcome.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::{BackpressureLayer, Breaker, Classify, Listener, Open, Outcome, Ticket, check::refuse};

/// Admits calls and records their outcomes; from [`Breaker::admit_layer`].
#[derive(Debug)]
pub struct AdmitLayer<C, L: Listener = ()> {
    breaker: Breaker<L>,
    classify: C,
}

impl<C: Clone, L: Listener> Clone for AdmitLayer<C, L> {
    fn clone(&self) -> Self {
        Self::new(self.breaker.clone(), self.classify.clone())
    }
}

impl<C, L: Listener> AdmitLayer<C, L> {
    pub(crate) fn new(breaker: Breaker<L>, classify: C) -> Self {
        Self { breaker, classify }
    }

    /// The same, but not ready while the circuit is open, instead of refusing: for those who choose
    /// another service when one is not ready (`load_shed`, `balance`, `steer`). It reserves the permit
    /// of a probe in `poll_ready`; see [`Backpressure`](crate::Backpressure) for what that costs.
    #[must_use]
    pub fn backpressure(self) -> BackpressureLayer<C, L> {
        BackpressureLayer::new(self.breaker, self.classify)
    }
}

impl<S, C: Clone, L: Listener> Layer<S> for AdmitLayer<C, L> {
    type Service = Admit<S, C, L>;

    fn layer(&self, inner: S) -> Admit<S, C, L> {
        Admit {
            inner,
            readied: false,
            breaker: self.breaker.clone(),
            classify: self.classify.clone(),
        }
    }
}

/// The service of [`AdmitLayer`].
///
/// `poll_ready` reserves nothing: a half-open permit is taken when the inner service is called and
/// not before, so an idle service cannot keep it from others. While the circuit is open
/// `poll_ready` is ready without asking the inner service.
///
/// The classifier is cloned for every call; keep it small or in an `Arc`.
#[derive(Debug)]
pub struct Admit<S, C, L: Listener = ()> {
    inner: S,
    /// `inner` is ready for a call.
    readied: bool,
    breaker: Breaker<L>,
    classify: C,
}

impl<S: Clone, C: Clone, L: Listener> Clone for Admit<S, C, L> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            // Readiness belongs to the instance that was polled.
            readied: false,
            breaker: self.breaker.clone(),
            classify: self.classify.clone(),
        }
    }
}

impl<S, C, Req, L> Service<Req> for Admit<S, C, L>
where
    L: Listener,
    S: Service<Req> + Clone,
    S::Error: From<Open>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = AdmitFuture<S, C, Req, L>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.breaker.peek().is_ok() {
            ready!(self.inner.poll_ready(cx))?;
            self.readied = true;
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> AdmitFuture<S, C, Req, L> {
        if std::mem::replace(&mut self.readied, false) {
            match self.breaker.admit() {
                Ok(ticket) => {
                    AdmitFuture::called(ticket, self.classify.clone(), self.inner.call(request))
                }
                Err(open) => {
                    // Whatever the inner service reserved for this call must not stay with us.
                    self.inner = self.inner.clone();
                    AdmitFuture::refused(open)
                }
            }
        } else {
            match self.breaker.check() {
                Ok(()) => AdmitFuture::readying(
                    self.inner.clone(),
                    request,
                    self.breaker.clone(),
                    self.classify.clone(),
                ),
                Err(open) => AdmitFuture::refused(open),
            }
        }
    }
}

pin_project! {
    /// The response of [`Admit`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before the inner service is called, it has taken nothing. Dropped later, it returns
    /// a half-open permit and records what [`Classify::on_drop`] says, by default nothing.
    pub struct AdmitFuture<S, C, Req, L = ()>
    where
        S: Service<Req>,
        C: Classify<S::Response, S::Error>,
        L: Listener,
    {
        #[pin]
        state: State<S, C, Req, L>,
    }
}

impl<S, C, Req, L> AdmitFuture<S, C, Req, L>
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error>,
    L: Listener,
{
    /// The call is under way, and recorded when it ends.
    #[inline]
    pub(crate) fn called(ticket: Ticket<L>, classify: C, future: S::Future) -> Self {
        let watch = CallWatch::start(ticket, classify);
        Self {
            state: State::Called { future, watch },
        }
    }

    pub(crate) fn refused(open: Open) -> Self {
        Self {
            state: State::Refused { open: Some(open) },
        }
    }

    /// The inner service must become ready first; then the breaker decides.
    pub(crate) fn readying(inner: S, request: Req, breaker: Breaker<L>, classify: C) -> Self {
        Self {
            state: State::Readying {
                inner,
                request: Some(request),
                breaker,
                classify,
            },
        }
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, C, Req, L>
    where
        S: Service<Req>,
        C: Classify<S::Response, S::Error>,
        L: Listener,
    {
        Refused { open: Option<Open> },
        Readying { inner: S, request: Option<Req>, breaker: Breaker<L>, classify: C },
        Called { #[pin] future: S::Future, watch: CallWatch<C, S::Response, S::Error, L> },
    }
}

impl<S, C, Req, L> Future for AdmitFuture<S, C, Req, L>
where
    L: Listener,
    S: Service<Req>,
    S::Error: From<Open>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let called = match state.as_mut().project() {
                StateProj::Called { future, watch } => {
                    let result = ready!(future.poll(cx));
                    watch.finish(&result);
                    return Poll::Ready(result);
                }
                StateProj::Refused { open } => return refuse(open.take()),
                StateProj::Readying {
                    inner,
                    request,
                    breaker,
                    classify,
                } => {
                    ready!(inner.poll_ready(cx))?;
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    match breaker.admit() {
                        Ok(ticket) => State::Called {
                            watch: CallWatch::start(ticket, classify.clone()),
                            future: inner.call(request),
                        },
                        Err(open) => return Poll::Ready(Err(open.into())),
                    }
                }
            };
            state.set(called);
        }
    }
}

impl<S, C, Req, L> fmt::Debug for AdmitFuture<S, C, Req, L>
where
    L: Listener,
    S: Service<Req>,
    C: Classify<S::Response, S::Error>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmitFuture").finish_non_exhaustive()
    }
}

/// Watches over one call that is under way, and reports it exactly once, however it ends.
struct CallWatch<C, Res, E, L>
where
    C: Classify<Res, E>,
    L: Listener,
{
    ticket: Ticket<L>,
    classify: C,
    /// Only if the classifier asks for it.
    dispatched: Option<Instant>,
    outcome: PhantomData<fn(Res, E)>,
}

impl<C, Res, E, L> CallWatch<C, Res, E, L>
where
    C: Classify<Res, E>,
    L: Listener,
{
    #[inline]
    fn start(ticket: Ticket<L>, classify: C) -> Self {
        let dispatched = C::MEASURES.then(|| ticket.started().unwrap_or_else(Instant::now));
        Self {
            ticket,
            classify,
            dispatched,
            outcome: PhantomData,
        }
    }

    /// The time, if it was asked for, and how long the call has taken.
    #[inline]
    fn elapsed(&self) -> (Option<Instant>, Duration) {
        match self.dispatched {
            Some(dispatched) => {
                let now = Instant::now();
                (Some(now), now.saturating_duration_since(dispatched))
            }
            None => (None, Duration::ZERO),
        }
    }

    #[inline]
    fn finish(&mut self, result: &Result<Res, E>) {
        if self.ticket.is_out() {
            let (now, elapsed) = self.elapsed();
            let outcome = self.classify.outcome(result.as_ref(), elapsed);
            self.ticket.record_at(outcome, now);
        }
    }
}

impl<C, Res, E, L> Drop for CallWatch<C, Res, E, L>
where
    C: Classify<Res, E>,
    L: Listener,
{
    #[inline]
    fn drop(&mut self) {
        if self.ticket.is_out() {
            let (now, elapsed) = self.elapsed();
            match self.classify.on_drop(elapsed) {
                // The ticket is dropped next, and knows whether it was slow.
                Outcome::Ignore => {}
                outcome => self.ticket.record_at(outcome, now),
            }
        }
    }
}
