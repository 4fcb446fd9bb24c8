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

/// An answer of more bytes than this is left where it is; a smaller one is quicker in registers.
const LARGE: usize = 64;

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
        if !std::mem::replace(&mut self.readied, false) {
            return match self.unreadied(request) {
                Ok(waiting) => AdmitFuture::waiting(waiting),
                Err(open) => AdmitFuture::refused(open),
            };
        }
        let ticket = match self.breaker.enter_at_once() {
            Some(ticket) => ticket,
            None => match self.breaker.admit_guarded() {
                Ok(ticket) => ticket,
                Err(open) => {
                    // Whatever the inner service reserved for this call must not stay with us.
                    self.inner = self.inner.clone();
                    return AdmitFuture::refused(open);
                }
            },
        };
        AdmitFuture::called(ticket, self.classify.clone(), &mut self.inner, request)
    }
}

impl<S, C, L> Admit<S, C, L>
where
    S: Clone,
    C: Clone,
    L: Listener,
{
    /// The call of one that was not ready, because the circuit was open.
    #[cold]
    #[inline(never)]
    fn unreadied<Req>(&self, request: Req) -> Result<Box<Readying<S, C, Req, L>>, Open> {
        self.breaker.check()?;
        let (inner, breaker) = (self.inner.clone(), self.breaker.clone());
        Ok(Readying::new(
            inner,
            request,
            breaker,
            self.classify.clone(),
        ))
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
    /// Makes the call, which is recorded when it ends.
    #[inline]
    pub(crate) fn called(mut ticket: Ticket<L>, classify: C, inner: &mut S, request: Req) -> Self {
        if C::MEASURES {
            ticket.measure();
        }
        // Built where it stays: a future may be large.
        Self {
            state: State::Called {
                future: inner.call(request),
                watch: CallWatch {
                    ticket,
                    classify,
                    outcome: PhantomData,
                },
            },
        }
    }

    pub(crate) fn refused(open: Open) -> Self {
        Self {
            state: State::Refused { open: Some(open) },
        }
    }

    /// The inner service must become ready first; then the breaker decides.
    pub(crate) fn waiting(waiting: Box<Readying<S, C, Req, L>>) -> Self {
        Self {
            state: State::Readying { waiting },
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
        // Boxed, so that the call that need not wait, which most are, is small: a future is moved several times before it is polled.
        Readying { waiting: Box<Readying<S, C, Req, L>> },
        Called { #[pin] future: S::Future, watch: CallWatch<C, S::Response, S::Error, L> },
    }
}

impl<S, C, Req, L> State<S, C, Req, L>
where
    L: Listener,
    S: Service<Req>,
    S::Error: From<Open>,
    C: Classify<S::Response, S::Error> + Clone,
{
    /// Waits until the call can be made, and makes it.
    #[cold]
    #[inline(never)]
    fn wait(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let called = match self.as_mut().project() {
            StateProj::Called { .. } => return Poll::Ready(Ok(())),
            StateProj::Refused { open } => return refuse(open.take()),
            StateProj::Readying { waiting } => ready!(waiting.poll(cx))?,
        };
        self.set(called);
        Poll::Ready(Ok(()))
    }
}

/// The call that was made.
type Made<S, C, Req, L> = Result<State<S, C, Req, L>, <S as Service<Req>>::Error>;

/// A call that waits for the inner service.
pub(crate) struct Readying<S, C, Req, L: Listener> {
    inner: S,
    request: Option<Req>,
    breaker: Breaker<L>,
    classify: C,
}

impl<S, C, Req, L: Listener> Readying<S, C, Req, L> {
    pub(crate) fn new(inner: S, request: Req, breaker: Breaker<L>, classify: C) -> Box<Self> {
        Box::new(Self {
            inner,
            request: Some(request),
            breaker,
            classify,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Made<S, C, Req, L>>
    where
        S: Service<Req>,
        S::Error: From<Open>,
        C: Classify<S::Response, S::Error> + Clone,
    {
        ready!(self.inner.poll_ready(cx))?;
        let Some(request) = self.request.take() else {
            // Polled after its end, which a future may answer as it likes.
            return Poll::Pending;
        };
        let ticket = self.breaker.admit()?;
        let classify = self.classify.clone();
        let called = AdmitFuture::called(ticket, classify, &mut self.inner, request);
        Poll::Ready(Ok(called.state))
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
        if !matches!(*state, State::Called { .. })
            && let Err(error) = ready!(state.as_mut().wait(cx))
        {
            return Poll::Ready(Err(error));
        }
        let StateProj::Called { future, watch } = state.project() else {
            // Polled after its end, which a future may answer as it likes.
            return Poll::Pending;
        };
        if size_of::<Self::Output>() > LARGE {
            return watch.poll(future, cx);
        }
        // Taken apart and put together again: so the parts travel in registers.
        Poll::Ready(match ready!(future.poll(cx)) {
            Ok(response) => {
                watch.finish(Ok(&response));
                Ok(response)
            }
            Err(error) => {
                watch.finish(Err(&error));
                Err(error)
            }
        })
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
    outcome: PhantomData<fn(Res, E)>,
}

impl<C, Res, E, L> CallWatch<C, Res, E, L>
where
    C: Classify<Res, E>,
    L: Listener,
{
    /// The time, if it was asked for, and how long the call has taken.
    #[inline]
    fn elapsed(&self) -> (Option<Instant>, Duration) {
        match self.ticket.started() {
            Some(started) if C::MEASURES => {
                let now = Instant::now();
                (Some(now), now.saturating_duration_since(started))
            }
            _ => (None, Duration::ZERO),
        }
    }

    /// Polls the call and records its end.
    ///
    /// The answer is made where it stays, because nothing that can panic comes between it and the end: it is looked at, and recorded
    /// by a guard.
    #[inline(never)]
    fn poll<F>(&mut self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Result<Res, E>>
    where
        F: Future<Output = Result<Res, E>>,
    {
        let mut recording = Recording {
            seen: None,
            watch: self,
        };
        let answer = future.poll(cx);
        if let Poll::Ready(result) = &answer {
            recording.seen = recording.watch.outcome(result.as_ref());
        }
        answer
    }

    /// What the end of the call says, and when it was, where somebody has looked; `None` when it is recorded already.
    #[inline]
    fn outcome(&self, result: Result<&Res, &E>) -> Option<(Outcome, Option<Instant>)> {
        self.ticket.is_out().then(|| {
            let (now, elapsed) = self.elapsed();
            (self.classify.outcome(result, elapsed), now)
        })
    }

    #[inline]
    fn finish(&mut self, result: Result<&Res, &E>) {
        if let Some((outcome, now)) = self.outcome(result) {
            self.ticket.record_at(outcome, now);
        }
    }
}

/// Records what was seen of an answer, once that is where it stays.
struct Recording<'a, C, Res, E, L>
where
    C: Classify<Res, E>,
    L: Listener,
{
    seen: Option<(Outcome, Option<Instant>)>,
    watch: &'a mut CallWatch<C, Res, E, L>,
}

impl<C, Res, E, L> Drop for Recording<'_, C, Res, E, L>
where
    C: Classify<Res, E>,
    L: Listener,
{
    #[inline]
    fn drop(&mut self) {
        if let Some((outcome, now)) = self.seen.take() {
            self.watch.ticket.record_at(outcome, now);
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
