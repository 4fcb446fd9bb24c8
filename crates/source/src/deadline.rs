//! The end of a whole call.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower::{Layer, Service};

use crate::Call;

/// Writes the absolute end of the call; everything below obeys it.
///
/// The end is the caller's or the source's own longest time, whichever is first. This layer only writes it down: the queue refuses
/// what cannot start in time, the retry gives up what cannot end in time, and the attempt's timer ends 1 ms before it.
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

impl<S: Service<Call>> Service<Call> for Deadline<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        call.deadline = call.deadline.min(Instant::now() + self.longest);
        self.inner.call(call)
    }
}
