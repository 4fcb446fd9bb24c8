//! How long to wait for one answer, without a timer for the answers that are there at once.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tower::{Layer, Service};

/// No answer came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {after:?}")]
pub struct TimedOut {
    /// The time that was given.
    pub after: Duration,
}

/// Ends a call that takes longer than a limit; put it innermost, so that each attempt has its own.
///
/// Beside `tower::timeout`: the timer is armed when the answer has to be waited for, so that one which is there at once costs neither
/// a clock read nor an entry in the timer wheel; and the error type of the inner service stays, as long as it has a way in for
/// [`TimedOut`] (`From`).
///
/// The time counts from the first poll that found no answer. `poll_ready` is not under the limit.
///
/// ```
/// use robust_backoff::{TimedOut, TimeoutLayer};
/// use std::time::Duration;
/// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let service = ServiceBuilder::new()
///     .layer(TimeoutLayer::new(Duration::from_secs(10)))
///     .service(service_fn(|()| std::future::pending::<Result<(), BoxError>>()));
/// let error = service.oneshot(()).await.unwrap_err();
/// assert_eq!(error.downcast_ref(), Some(&TimedOut { after: Duration::from_secs(10) }));
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TimeoutLayer {
    limit: Duration,
}

impl TimeoutLayer {
    /// Gives each call this long.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout {
            inner,
            limit: self.limit,
        }
    }
}

/// The service of [`TimeoutLayer`].
#[derive(Debug, Clone)]
pub struct Timeout<S> {
    inner: S,
    limit: Duration,
}

impl<S, Req> Service<Req> for Timeout<S>
where
    S: Service<Req>,
    S::Error: From<TimedOut>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        TimeoutFuture {
            future: self.inner.call(request),
            timer: None,
            limit: self.limit,
        }
    }
}

pin_project! {
    /// The response of [`Timeout`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner call and the timer.
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<F> {
        #[pin]
        future: F,
        // As that of `Within`, which knows of two sorts of end and is larger for it.
        timer: Option<Pin<Box<Sleep>>>,
        limit: Duration,
    }
}

impl<F, T, E> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<TimedOut>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let after = *this.limit;
        match this.future.poll(cx) {
            Poll::Pending => poll_armed(this.timer, End::After(after), cx)
                .map(|()| Err(TimedOut { after }.into())),
            answer => answer,
        }
    }
}

impl<F: fmt::Debug> fmt::Debug for TimeoutFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutFuture")
            .field("future", &self.future)
            .field("limit", &self.limit)
            .field("armed", &self.timer.is_some())
            .finish()
    }
}

/// Waits for a future for so long; `None` when the time is over first. See [`Within`].
#[inline]
pub const fn within<F>(limit: Duration, future: F) -> Within<F> {
    Within {
        future,
        end: End::After(limit),
        timer: None,
    }
}

/// Waits for a future until then; `None` when that instant is there first. See [`Within`].
#[inline]
pub const fn until<F>(end: Instant, future: F) -> Within<F> {
    Within {
        future,
        end: End::At(end),
        timer: None,
    }
}

#[derive(Debug, Clone, Copy)]
enum End {
    After(Duration),
    At(Instant),
}

pin_project! {
    /// A future with an end. The future is asked first: an answer that is there counts, however late it is looked at.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future and the timer.
    #[must_use = "futures do nothing unless polled"]
    // In this order: with the padding of an instant in front, the rest would be moved askew, which stalls the processor.
    #[repr(C)]
    pub struct Within<F> {
        #[pin]
        future: F,
        // Armed by the first poll that finds no answer.
        // Boxed, because a timer is large and a future is moved several times before it is polled.
        timer: Option<Pin<Box<Sleep>>>,
        end: End,
    }
}

impl<F> Within<F> {
    /// The future that is waited for.
    pub const fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future that is waited for: to ask it, when its time is over, how far it came.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut F> {
        self.project().future
    }

    /// Polls it; when its time is over, `late` answers instead, which may ask the future how far it came. The answer itself is not
    /// moved into an option, which is worth something where it is large.
    #[inline]
    pub fn poll_or_else(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        late: impl FnOnce(Pin<&mut F>) -> F::Output,
    ) -> Poll<F::Output>
    where
        F: Future,
    {
        let mut this = self.project();
        // Either this or that, and neither looked at: so an answer is made where it stays.
        match this.future.as_mut().poll(cx) {
            Poll::Pending => poll_armed(this.timer, *this.end, cx).map(|()| late(this.future)),
            answer => answer,
        }
    }
}

/// Polls a timer that is armed when it is first looked at.
#[inline(never)]
fn poll_armed(timer: &mut Option<Pin<Box<Sleep>>>, end: End, cx: &mut Context<'_>) -> Poll<()> {
    let timer = timer.get_or_insert_with(|| {
        Box::pin(match end {
            End::After(limit) => sleep(limit),
            End::At(end) => sleep_until(end),
        })
    });
    timer.as_mut().poll(cx)
}

impl<F: Future> Future for Within<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Some(output));
        }
        poll_armed(this.timer, *this.end, cx).map(|()| None)
    }
}

impl<F: fmt::Debug> fmt::Debug for Within<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within")
            .field("future", &self.future)
            .field("end", &self.end)
            .field("armed", &self.timer.is_some())
            .finish()
    }
}
