//! Not ready instead of refusing.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    sync::futures::OwnedNotified,
    time::{Sleep, sleep},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{AdmitFuture, Breaker, Classify, Listener, Open, Ticket, admit::Readying};

/// Admits calls by readiness; from [`AdmitLayer::backpressure`](crate::AdmitLayer::backpressure).
#[derive(Debug)]
pub struct BackpressureLayer<C, L: Listener = ()> {
    breaker: Breaker<L>,
    classify: C,
}

impl<C, L: Listener> BackpressureLayer<C, L> {
    pub(crate) fn new(breaker: Breaker<L>, classify: C) -> Self {
        Self { breaker, classify }
    }
}

impl<C: Clone, L: Listener> Clone for BackpressureLayer<C, L> {
    fn clone(&self) -> Self {
        Self::new(self.breaker.clone(), self.classify.clone())
    }
}

impl<S, C: Clone, L: Listener> Layer<S> for BackpressureLayer<C, L> {
    type Service = Backpressure<S, C, L>;

    fn layer(&self, inner: S) -> Backpressure<S, C, L> {
        Backpressure::new(inner, self.breaker.clone(), self.classify.clone())
    }
}

/// The service of [`BackpressureLayer`].
///
/// `poll_ready` is pending while the circuit is open or all permits are out, and wakes when the open
/// time is over, when a permit comes back, or when someone closes the circuit. In a half-open circuit
/// it reserves the permit of the probe, which [`call`](Service::call) uses.
///
/// Readiness cannot be taken back: a service that is ready and not called keeps its permit from
/// others until it is dropped, and after the half-open deadline that counts as a failed probe. Whoever
/// does not need readiness to mean something takes the normal layer, which reserves nothing.
///
/// The state may change between readiness and call; then the call is refused, as by the normal
/// layer.
pub struct Backpressure<S, C, L: Listener = ()> {
    inner: S,
    /// `inner` is ready for a call.
    readied: bool,
    /// The permit reserved for the next call.
    reserved: Option<Ticket<L>>,
    waiting: Option<Waiting>,
    breaker: Breaker<L>,
    classify: C,
}

/// Until when it makes no sense to ask again.
struct Waiting {
    time: Pin<Box<Sleep>>,
    moved: Pin<Box<OwnedNotified>>,
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.moved.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        self.time.as_mut().poll(cx)
    }
}

impl<S, C, L: Listener> Backpressure<S, C, L> {
    fn new(inner: S, breaker: Breaker<L>, classify: C) -> Self {
        Self {
            inner,
            readied: false,
            reserved: None,
            waiting: None,
            breaker,
            classify,
        }
    }

    /// Ready when a call would go through; takes the permit if one is needed and `take` is set.
    fn poll_admission(&mut self, cx: &mut Context<'_>, take: bool) -> Poll<()> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.poll(cx));
                self.waiting = None;
            }
            // Listens before it asks: a change between the two is not missed.
            let mut moved = None;
            let refusal = loop {
                let asked = if take {
                    self.breaker.enter().map(|ticket| {
                        // A closed circuit is asked again by the call.
                        self.reserved = Some(ticket).filter(Ticket::is_probe);
                    })
                } else {
                    self.breaker.peek()
                };
                match asked {
                    Ok(()) => return Poll::Ready(()),
                    Err(refusal) if moved.is_some() => break refusal,
                    Err(_) => {
                        let mut listening = Box::pin(self.breaker.moved().notified_owned());
                        listening.as_mut().enable();
                        moved = Some(listening);
                    }
                }
            };
            self.waiting = moved.map(|moved| Waiting {
                time: Box::pin(sleep(refusal.retry_in)),
                moved,
            });
        }
    }
}

impl<S: Clone, C: Clone, L: Listener> Clone for Backpressure<S, C, L> {
    fn clone(&self) -> Self {
        // Readiness and permit belong to the instance that was polled.
        Self::new(
            self.inner.clone(),
            self.breaker.clone(),
            self.classify.clone(),
        )
    }
}

impl<S, C, Req, L> Service<Req> for Backpressure<S, C, L>
where
    S: Service<Req> + Clone,
    S::Error: From<Open>,
    C: Classify<S::Response, S::Error> + Clone,
    L: Listener,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = AdmitFuture<S, C, Req, L>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        loop {
            if self
                .reserved
                .as_ref()
                .is_some_and(|ticket| !ticket.is_current())
            {
                self.reserved = None;
            }
            if self.reserved.is_none() {
                // The permit last: the inner service may take long to become ready.
                if self.poll_admission(cx, false).is_pending() {
                    if std::mem::replace(&mut self.readied, false) {
                        // What the inner service reserved must not wait with us.
                        self.inner = self.inner.clone();
                    }
                    return Poll::Pending;
                }
            }
            if !self.readied {
                ready!(self.inner.poll_ready(cx))?;
                self.readied = true;
            }
            if self.reserved.is_some() {
                return Poll::Ready(Ok(()));
            }
            if self.poll_admission(cx, true).is_ready() {
                return Poll::Ready(Ok(()));
            }
            // Another took the last permit: wait without holding the inner service.
        }
    }

    fn call(&mut self, request: Req) -> AdmitFuture<S, C, Req, L> {
        let reserved = self.reserved.take().filter(Ticket::is_current);
        if !std::mem::replace(&mut self.readied, false) {
            return match self.breaker.check() {
                Ok(()) => AdmitFuture::waiting(Readying::new(
                    self.inner.clone(),
                    request,
                    self.breaker.clone(),
                    self.classify.clone(),
                )),
                Err(open) => AdmitFuture::refused(open),
            };
        }
        match reserved.map_or_else(|| self.breaker.admit(), Ok) {
            Ok(ticket) => {
                AdmitFuture::called(ticket, self.classify.clone(), &mut self.inner, request)
            }
            Err(open) => {
                self.inner = self.inner.clone();
                AdmitFuture::refused(open)
            }
        }
    }
}

impl<S, C, L: Listener> std::fmt::Debug for Backpressure<S, C, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backpressure")
            .field("breaker", &self.breaker)
            .field("readied", &self.readied)
            .field("reserved", &self.reserved)
            .finish_non_exhaustive()
    }
}
