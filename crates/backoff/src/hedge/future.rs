//! The future of a hedged call.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use super::Shared;
use crate::Withdrawal;

pin_project! {
    /// Waits for the first request, and for the second when there is one.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any time, both requests are cancelled. The second is paid for only if it was sent.
    ///
    /// # Panics
    ///
    /// Waiting for the moment of the second request needs a tokio runtime with time enabled.
    pub struct HedgeFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        first: Option<S::Future>,
        first_error: Option<S::Error>,
        watch: Option<Watch>,
        // `None` when there can be no second request.
        shared: Option<Arc<Shared>>,
        #[pin]
        second: Second<S, Req, S::Future>,
    }
}

pin_project! {
    #[project = SecondProj]
    enum Second<S, Req, Fut> {
        // To be sent at this time; the timer is made when the first request has to wait.
        Waiting { at: Instant, next: Option<(S, Req)>, #[pin] timer: Option<Sleep> },
        // Paid for, and not sent: the service is not ready.
        Readying { next: Option<(S, Req)>, withdrawal: Option<Withdrawal> },
        Calling { #[pin] future: Fut },
        None,
    }
}

/// Measures the first request; what ends without an answer is looked at when it is dropped.
struct Watch {
    shared: Option<Arc<Shared>>,
    began: Instant,
}

impl Watch {
    fn answered(mut self) {
        if let Some(shared) = self.shared.take() {
            let now = Instant::now();
            shared.answered(now, now.saturating_duration_since(self.began));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let now = Instant::now();
            shared.ended(now, now.saturating_duration_since(self.began));
        }
    }
}

impl<S: Service<Req>, Req> HedgeFuture<S, Req> {
    /// Only the request itself.
    pub(crate) const fn plain(first: S::Future) -> Self {
        Self {
            first: Some(first),
            first_error: None,
            watch: None,
            shared: None,
            second: Second::None,
        }
    }

    pub(crate) fn hedged(
        first: S::Future,
        shared: &Arc<Shared>,
        began: Instant,
        second: Option<(Instant, Req, S)>,
    ) -> Self {
        Self {
            first: Some(first),
            first_error: None,
            watch: Some(Watch {
                shared: Some(Arc::clone(shared)),
                began,
            }),
            shared: second.is_some().then(|| Arc::clone(shared)),
            second: match second {
                Some((at, request, inner)) => Second::Waiting {
                    at,
                    next: Some((inner, request)),
                    timer: None,
                },
                None => Second::None,
            },
        }
    }
}

impl<S, Req> Future for HedgeFuture<S, Req>
where
    S: Service<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(first) = this.first.as_mut().as_pin_mut()
            && let Poll::Ready(result) = first.poll(cx)
        {
            this.first.set(None);
            let watch = this.watch.take();
            match result {
                Ok(answer) => {
                    if let Some(watch) = watch {
                        watch.answered();
                    }
                    this.second.set(Second::None);
                    return Poll::Ready(Ok(answer));
                }
                // The second one may still answer.
                Err(error) if matches!(*this.second, Second::Calling { .. }) => {
                    *this.first_error = Some(error);
                }
                // To try again is the business of a retry.
                Err(error) => {
                    this.second.set(Second::None);
                    return Poll::Ready(Err(error));
                }
            }
        }
        loop {
            match this.second.as_mut().project() {
                SecondProj::Waiting {
                    at,
                    next,
                    mut timer,
                } => {
                    if timer.is_none() {
                        timer.set(Some(sleep_until(*at)));
                    }
                    if let Some(timer) = timer.as_pin_mut() {
                        ready!(timer.poll(cx));
                    }
                    let withdrawal = this.shared.as_ref().and_then(|shared| shared.allow());
                    let next = next.take();
                    this.second.set(if withdrawal.is_some() {
                        Second::Readying { next, withdrawal }
                    } else {
                        Second::None
                    });
                }
                SecondProj::Readying { next, withdrawal } => {
                    let ready = match next {
                        Some((inner, _)) => ready!(inner.poll_ready(cx)).is_ok(),
                        None => false,
                    };
                    match (next.take(), withdrawal.take()) {
                        (Some((mut inner, request)), Some(withdrawal)) if ready => {
                            withdrawal.commit();
                            if let Some(shared) = this.shared {
                                shared.sent();
                            }
                            let future = inner.call(request);
                            this.second.set(Second::Calling { future });
                        }
                        // A service that is broken sends nothing; what was paid is given back.
                        _ => this.second.set(Second::None),
                    }
                }
                SecondProj::Calling { future } => {
                    let result = ready!(future.poll(cx));
                    this.second.set(Second::None);
                    match (result, this.first_error.take()) {
                        (Ok(answer), _) => {
                            if let Some(shared) = this.shared {
                                shared.won();
                            }
                            this.first.set(None);
                            *this.watch = None;
                            return Poll::Ready(Ok(answer));
                        }
                        (Err(_), Some(first)) => return Poll::Ready(Err(first)),
                        // The first one may still answer.
                        (Err(_), None) => return Poll::Pending,
                    }
                }
                SecondProj::None => return Poll::Pending,
            }
        }
    }
}

impl<S: Service<Req>, Req> fmt::Debug for HedgeFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = match &self.second {
            Second::Waiting { .. } => "waiting",
            Second::Readying { .. } => "readying",
            Second::Calling { .. } => "calling",
            Second::None => "none",
        };
        f.debug_struct("HedgeFuture")
            .field("first", &self.first.is_some())
            .field("second", &second)
            .finish_non_exhaustive()
    }
}
