//! Throttling as a tower layer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{Judge, Pending, Throttle, Throttled};

/// Refuses what the server would turn away. From [`Throttle::layer`].
#[derive(Debug, Clone)]
pub struct ThrottleLayer<J> {
    throttle: Throttle,
    judge: J,
}

impl<J> ThrottleLayer<J> {
    pub(crate) const fn new(throttle: Throttle, judge: J) -> Self {
        Self { throttle, judge }
    }
}

impl<S, J: Clone> Layer<S> for ThrottleLayer<J> {
    type Service = ThrottleService<S, J>;

    fn layer(&self, inner: S) -> Self::Service {
        ThrottleService {
            inner,
            throttle: self.throttle.clone(),
            judge: self.judge.clone(),
        }
    }
}

/// A service whose requests are throttled.
///
/// Ready when the inner service is. A refusal is an error of the call and never of `poll_ready`.
#[derive(Debug, Clone)]
pub struct ThrottleService<S, J> {
    inner: S,
    throttle: Throttle,
    judge: J,
}

impl<S, J> ThrottleService<S, J> {
    /// The service below.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, J, Req> Service<Req> for ThrottleService<S, J>
where
    S: Service<Req>,
    S::Error: From<Throttled>,
    J: Judge<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ThrottleFuture<S::Future, J>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.throttle.admit() {
            Ok(pending) => ThrottleFuture {
                call: Some(self.inner.call(request)),
                pending: Some(pending),
                refusal: None,
                judge: self.judge.clone(),
            },
            Err(throttled) => ThrottleFuture {
                call: None,
                pending: None,
                refusal: Some(throttled),
                judge: self.judge.clone(),
            },
        }
    }
}

pin_project! {
    /// The call, or its refusal.
    ///
    /// # Cancel safety
    ///
    /// Dropped in flight, the request counts as if it had never been made. Put a time limit inside of this
    /// layer, where it is an outcome.
    #[derive(Debug)]
    pub struct ThrottleFuture<Fut, J> {
        #[pin]
        call: Option<Fut>,
        pending: Option<Pending>,
        refusal: Option<Throttled>,
        judge: J,
    }
}

impl<Fut, J, T, E> Future for ThrottleFuture<Fut, J>
where
    Fut: Future<Output = Result<T, E>>,
    E: From<Throttled>,
    J: Judge<T, E>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(throttled) = this.refusal.take() {
            return Poll::Ready(Err(throttled.into()));
        }
        let Some(call) = this.call.as_mut().as_pin_mut() else {
            // Polled after its end, which a future may answer as it likes.
            return Poll::Pending;
        };
        let result = ready!(call.poll(cx));
        this.call.set(None);
        if let Some(pending) = this.pending.take() {
            pending.ended(this.judge.taken(result.as_ref()));
        }
        Poll::Ready(result)
    }
}
