//! Widens a service's error, so that a refusal fits in.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::Error;

/// Puts [`Lift`] under the breaker's layers.
///
/// # Examples
///
/// ```
/// use robust_breaker::{Breaker, Error, LiftLayer, Outcome, classify_fn};
/// use std::{convert::Infallible, time::Duration};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Error<Infallible>> {
/// let breaker = Breaker::builder("lamp").build();
/// let lamp = ServiceBuilder::new()
///     .layer(breaker.admit_layer(classify_fn(
///         |status: Result<&u16, &Error<Infallible>>, _elapsed: Duration| match status {
///             Ok(500..) => Outcome::Failure { retry_after: None },
///             _ => Outcome::Success,
///         },
///     )))
///     .layer(LiftLayer)
///     .service(service_fn(|_: ()| async { Ok::<u16, Infallible>(200) }));
/// assert_eq!(lamp.oneshot(()).await?, 200);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LiftLayer;

impl<S> Layer<S> for LiftLayer {
    type Service = Lift<S>;

    fn layer(&self, inner: S) -> Lift<S> {
        Lift { inner }
    }
}

/// Turns the inner service's error `E` into [`Error<E>`].
#[derive(Debug, Clone, Copy)]
pub struct Lift<S> {
    inner: S,
}

impl<S, Req> Service<Req> for Lift<S>
where
    S: Service<Req>,
{
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
    /// The response of [`Lift`].
    ///
    /// # Cancel safety
    ///
    /// That of the inner future.
    #[derive(Debug)]
    pub struct LiftFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, Res, E> Future for LiftFuture<F>
where
    F: Future<Output = Result<Res, E>>,
{
    type Output = Result<Res, Error<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.project().future.poll(cx));
        Poll::Ready(result.map_err(Error::Inner))
    }
}
