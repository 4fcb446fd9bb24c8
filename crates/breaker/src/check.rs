//! Fail fast: refuses calls before they queue, without taking a permit.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
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
/// service readied while open and called after closing is let through: at once, if the inner service is ready then.
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

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.breaker.peek().is_ok() {
            ready!(self.inner.poll_ready(cx))?;
            self.readied = true;
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> CheckFuture<S, Req, L> {
        let readied = std::mem::replace(&mut self.readied, false);
        if self.breaker.peek().is_err()
            && let Err(open) = self.breaker.check()
        {
            if readied {
                // Whatever the inner service reserved for this call must not stay with us.
                self.inner = self.inner.clone();
            }
            return CheckFuture::new(State::Refused { open: Some(open) });
        }
        if !readied && !is_ready(&mut self.inner) {
            let waiting = Readying::new(&mut self.inner, request, &self.breaker);
            return CheckFuture::new(State::Readying { waiting });
        }
        CheckFuture::new(State::Called {
            future: self.inner.call(request),
        })
    }
}

/// Whether it is ready now; nobody is woken when it is later.
#[cold]
#[inline(never)]
fn is_ready<S: Service<Req>, Req>(inner: &mut S) -> bool {
    let cx = &mut Context::from_waker(Waker::noop());
    matches!(inner.poll_ready(cx), Poll::Ready(Ok(())))
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

impl<S, Req, L> CheckFuture<S, Req, L>
where
    S: Service<Req>,
    L: Listener,
{
    #[inline]
    const fn new(state: State<S, Req, L>) -> Self {
        Self { state }
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
        // Boxed, so that the call that need not wait, which most are, is small.
        Readying { waiting: Box<Readying<S, Req, L>> },
        Called { #[pin] future: S::Future },
    }
}

/// A call that waits for the inner service.
struct Readying<S, Req, L> {
    inner: S,
    request: Option<Req>,
    breaker: Breaker<L>,
}

impl<S: Clone, Req, L> Readying<S, Req, L> {
    #[cold]
    #[inline(never)]
    fn new(inner: &mut S, request: Req, breaker: &Breaker<L>) -> Box<Self> {
        // Asked for readiness, it may have a place in a queue, which must not stay with us.
        *inner = inner.clone();
        Box::new(Self {
            inner: inner.clone(),
            request: Some(request),
            breaker: breaker.clone(),
        })
    }
}

impl<S, Req, L> State<S, Req, L>
where
    S: Service<Req>,
    S::Error: From<Open>,
    L: Listener,
{
    /// Waits until the call can be made, and makes it.
    #[cold]
    #[inline(never)]
    fn wait(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let future = match self.as_mut().project() {
            StateProj::Called { .. } => return Poll::Ready(Ok(())),
            StateProj::Refused { open } => return refuse(open.take()),
            StateProj::Readying { waiting } => {
                ready!(waiting.inner.poll_ready(cx))?;
                // Readiness may have taken long.
                waiting.breaker.check()?;
                match waiting.request.take() {
                    Some(request) => waiting.inner.call(request),
                    None => return Poll::Pending,
                }
            }
        };
        self.set(Self::Called { future });
        Poll::Ready(Ok(()))
    }
}

impl<S, Req, L> Future for CheckFuture<S, Req, L>
where
    L: Listener,
    S: Service<Req>,
    S::Error: From<Open>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        if !matches!(*state, State::Called { .. })
            && let Err(error) = ready!(state.as_mut().wait(cx))
        {
            return Poll::Ready(Err(error));
        }
        match state.project() {
            StateProj::Called { future } => future.poll(cx),
            // Polled after its end, which a future may answer as it likes.
            _ => Poll::Pending,
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
