//! Fail fast: refuses calls before they queue, without taking a permit.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Breaker, Listener, Open};

/// Refuses calls while the circuit is open; from [`Breaker::check_layer`].
#[derive(Debug)]
pub struct CheckLayer<L: Listener = ()> {
    breaker: Breaker<L>,
}

impl<L: Listener> Clone for CheckLayer<L> {
    fn clone(&self) -> Self {
        Self::new(self.breaker.clone())
    }
}

impl<L: Listener> CheckLayer<L> {
    pub(crate) fn new(breaker: Breaker<L>) -> Self {
        Self { breaker }
    }
}

impl<S, L: Listener> Layer<S> for CheckLayer<L> {
    type Service = Check<S, L>;

    fn layer(&self, inner: S) -> Check<S, L> {
        Check {
            inner,
            readied: false,
            breaker: self.breaker.clone(),
        }
    }
}

/// The service of [`CheckLayer`].
///
/// While the circuit is open `poll_ready` is ready without asking the inner service: one that
/// hangs during an outage must not turn a refusal into a wait. The decision falls in `call`, so a
/// service readied while open and called after closing is let through.
#[derive(Debug)]
pub struct Check<S, L: Listener = ()> {
    inner: S,
    /// `inner` is ready for a call.
    readied: bool,
    breaker: Breaker<L>,
}

impl<S: Clone, L: Listener> Clone for Check<S, L> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            // Readiness belongs to the instance that was polled.
            readied: false,
            breaker: self.breaker.clone(),
        }
    }
}

impl<S, Req, L> Service<Req> for Check<S, L>
where
    L: Listener,
    S: Service<Req> + Clone,
    S::Error: From<Open>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CheckFuture<S, Req, L>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.breaker.peek().is_ok() {
            ready!(self.inner.poll_ready(cx))?;
            self.readied = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> CheckFuture<S, Req, L> {
        let readied = std::mem::replace(&mut self.readied, false);
        let state = match self.breaker.check() {
            Ok(()) if readied => State::Called {
                future: self.inner.call(request),
            },
            Ok(()) => State::Readying {
                inner: self.inner.clone(),
                request: Some(request),
                breaker: self.breaker.clone(),
            },
            Err(open) => {
                if readied {
                    // Whatever the inner service reserved for this call must not stay with us.
                    self.inner = self.inner.clone();
                }
                State::Refused { open: Some(open) }
            }
        };
        CheckFuture { state }
    }
}

pin_project! {
    /// The response of [`Check`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner call; the breaker is not touched.
    pub struct CheckFuture<S, Req, L = ()>
    where
        S: Service<Req>,
        L: Listener,
    {
        #[pin]
        state: State<S, Req, L>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, L>
    where
        S: Service<Req>,
        L: Listener,
    {
        Refused { open: Option<Open> },
        Readying { inner: S, request: Option<Req>, breaker: Breaker<L> },
        Called { #[pin] future: S::Future },
    }
}

impl<S, Req, L> Future for CheckFuture<S, Req, L>
where
    L: Listener,
    S: Service<Req>,
    S::Error: From<Open>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                StateProj::Called { future } => return future.poll(cx),
                StateProj::Refused { open } => return refuse(open.take()),
                StateProj::Readying {
                    inner,
                    request,
                    breaker,
                } => {
                    ready!(inner.poll_ready(cx))?;
                    // Readiness may have taken long.
                    if let Err(open) = breaker.check() {
                        return Poll::Ready(Err(open.into()));
                    }
                    match request.take() {
                        Some(request) => inner.call(request),
                        None => return Poll::Pending,
                    }
                }
            };
            state.set(State::Called { future });
        }
    }
}

/// A future polled after its end stays silent instead of panicking.
pub(crate) fn refuse<T, E: From<Open>>(open: Option<Open>) -> Poll<Result<T, E>> {
    open.map_or(Poll::Pending, |open| Poll::Ready(Err(open.into())))
}

impl<S: Service<Req>, Req, L: Listener> fmt::Debug for CheckFuture<S, Req, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckFuture").finish_non_exhaustive()
    }
}
