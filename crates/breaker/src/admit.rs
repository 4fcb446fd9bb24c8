//! Next to the call: takes the permit and records the outcome.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Breaker, Classify, Open, Ticket, check::refuse};

/// Admits calls and records their outcomes; from [`Breaker::admit_layer`].
#[derive(Debug, Clone)]
pub struct AdmitLayer<C> {
    breaker: Breaker,
    classify: C,
}

impl<C> AdmitLayer<C> {
    pub(crate) fn new(breaker: Breaker, classify: C) -> Self {
        Self { breaker, classify }
    }
}

impl<S, C: Clone> Layer<S> for AdmitLayer<C> {
    type Service = Admit<S, C>;

    fn layer(&self, inner: S) -> Admit<S, C> {
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
pub struct Admit<S, C> {
    inner: S,
    /// `inner` is ready for a call.
    readied: bool,
    breaker: Breaker,
    classify: C,
}

impl<S: Clone, C: Clone> Clone for Admit<S, C> {
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

impl<S, C, Req> Service<Req> for Admit<S, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Open>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = AdmitFuture<S, C, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.breaker.check().is_ok() {
            ready!(self.inner.poll_ready(cx))?;
            self.readied = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> AdmitFuture<S, C, Req> {
        let state = if std::mem::replace(&mut self.readied, false) {
            match self.breaker.admit() {
                Ok(ticket) => State::Called {
                    watch: CallWatch::start(ticket, self.classify.clone()),
                    future: self.inner.call(request),
                },
                Err(open) => {
                    // Whatever the inner service reserved for this call must not stay with us.
                    self.inner = self.inner.clone();
                    State::Refused { open: Some(open) }
                }
            }
        } else {
            match self.breaker.check() {
                Ok(()) => State::Readying {
                    inner: self.inner.clone(),
                    request: Some(request),
                    breaker: self.breaker.clone(),
                    classify: self.classify.clone(),
                },
                Err(open) => State::Refused { open: Some(open) },
            }
        };
        AdmitFuture { state }
    }
}

pin_project! {
    /// The response of [`Admit`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before the inner service is called, it has taken nothing. Dropped later, it returns
    /// a half-open permit and records what [`Classify::on_drop`] says, by default nothing.
    pub struct AdmitFuture<S, C, Req>
    where
        S: Service<Req>,
        C: Classify<S::Response, S::Error>,
    {
        #[pin]
        state: State<S, C, Req>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, C, Req>
    where
        S: Service<Req>,
        C: Classify<S::Response, S::Error>,
    {
        Refused { open: Option<Open> },
        Readying { inner: S, request: Option<Req>, breaker: Breaker, classify: C },
        Called { #[pin] future: S::Future, watch: CallWatch<C, S::Response, S::Error> },
    }
}

impl<S, C, Req> Future for AdmitFuture<S, C, Req>
where
    S: Service<Req>,
    S::Error: From<Open>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Output = Result<S::Response, S::Error>;

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

impl<S, C, Req> fmt::Debug for AdmitFuture<S, C, Req>
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmitFuture").finish_non_exhaustive()
    }
}

/// Watches over one call that is under way, and reports it exactly once, however it ends.
struct CallWatch<C, Res, E>
where
    C: Classify<Res, E>,
{
    ticket: Option<Ticket>,
    classify: C,
    dispatched: Instant,
    outcome: PhantomData<fn(Res, E)>,
}

impl<C, Res, E> CallWatch<C, Res, E>
where
    C: Classify<Res, E>,
{
    fn start(ticket: Ticket, classify: C) -> Self {
        Self {
            ticket: Some(ticket),
            classify,
            dispatched: Instant::now(),
            outcome: PhantomData,
        }
    }

    fn finish(&mut self, result: &Result<Res, E>) {
        if let Some(ticket) = self.ticket.take() {
            let outcome = self
                .classify
                .outcome(result.as_ref(), self.dispatched.elapsed());
            ticket.record(outcome);
        }
    }
}

impl<C, Res, E> Drop for CallWatch<C, Res, E>
where
    C: Classify<Res, E>,
{
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.record(self.classify.on_drop(self.dispatched.elapsed()));
        }
    }
}
