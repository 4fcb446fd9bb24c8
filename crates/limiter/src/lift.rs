//! Makes room for rejections in a service whose error has none.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::Error;

/// Turns a service's error `E` into [`Error<E>`], for services that cannot fail or whose error
/// knows nothing of rejections. Goes to the bottom of the stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct LiftLayer;

impl LiftLayer {
    /// The layer.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for LiftLayer {
    type Service = Lift<S>;

    fn layer(&self, inner: S) -> Lift<S> {
        Lift { inner }
    }
}

/// A service with its error `E` turned into [`Error<E>`].
#[derive(Clone, Copy, Debug)]
pub struct Lift<S> {
    inner: S,
}

impl<S> Lift<S> {
    /// Wraps `inner`.
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S: Service<Req>, Req> Service<Req> for Lift<S> {
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = LiftFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Inner)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        LiftFuture {
            future: self.inner.call(request),
        }
    }
}

pin_project! {
    /// The future of a [`Lift`].
    ///
    /// # Cancel safety
    ///
    /// That of the future inside.
    #[derive(Debug)]
    pub struct LiftFuture<Fut> {
        #[pin]
        future: Fut,
    }
}

impl<Fut, T, E> Future for LiftFuture<Fut>
where
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<T, Error<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.project().future.poll(cx)).map_err(Error::Inner))
    }
}
