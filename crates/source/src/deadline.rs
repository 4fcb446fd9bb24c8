//! The end of a whole call.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::{Call, Cause, SourceError};

/// Writes the absolute end of the call; everything below obeys it.
///
/// The end is the caller's or the source's own longest time, whichever is first. This layer writes it down: the queue refuses
/// what cannot start in time, the retry gives up what cannot end in time, and the attempt's timer ends 1 ms before it. Its own
/// timer is for what none of these sees, such as a timer of theirs that is late.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeadlineLayer {
    pub(crate) longest: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Deadline<S> {
    inner: S,
    longest: Duration,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline {
            inner,
            longest: self.longest,
        }
    }
}

impl<S> Service<Call> for Deadline<S>
where
    S: Service<Call, Error = SourceError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = SourceError;
    type Future = BoxFuture<'static, Result<S::Response, SourceError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        let began = Instant::now();
        let end = call.deadline.min(began + self.longest);
        call.deadline = end;
        let made = call.made.clone();
        let answer = self.inner.call(call);
        Box::pin(async move {
            let outcome = match tokio::time::timeout_at(end, answer).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    let after = end.saturating_duration_since(began);
                    Err(SourceError::new(Cause::Timeout { after }, 0))
                }
            };
            // What this process refuses does not know what was made before.
            outcome.map_err(|error| made.conclude(error))
        })
    }
}
