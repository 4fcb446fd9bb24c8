//! One verdict per attempt.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::stats::Stats;
use crate::venue::Failed;
use crate::{Answer, Call, Judgement, SourceError};

/// Judges each attempt once, timeouts included, and sends the verdict outward in the answer or in the error.
#[derive(Debug, Clone)]
pub(crate) struct ClassifyLayer {
    pub(crate) stats: Arc<Stats>,
}

#[derive(Debug, Clone)]
pub(crate) struct Classify<S> {
    inner: S,
    stats: Arc<Stats>,
}

impl<S> Layer<S> for ClassifyLayer {
    type Service = Classify<S>;

    fn layer(&self, inner: S) -> Classify<S> {
        Classify {
            inner,
            stats: Arc::clone(&self.stats),
        }
    }
}

impl<S> Service<Call> for Classify<S>
where
    S: Service<Call, Response = Answer, Error = Failed>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = SourceError;
    type Future = BoxFuture<'static, Result<Answer, SourceError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.inner
            .poll_ready(cx)
            .map_err(|failed| self.stats.judge(failed, 0))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let attempts = call.attempt.max(1);
        let made = call.made.clone();
        made.begin(attempts);
        let started = Instant::now();
        let attempt = self.inner.call(call);
        let stats = Arc::clone(&self.stats);
        Box::pin(async move {
            let outcome = match attempt.await {
                Ok(mut answer) => {
                    answer.judgement = Judgement::answered(answer.usage.clone());
                    Ok(answer)
                }
                Err(failed) => {
                    let error = stats.judge(failed, attempts);
                    made.fail(&error);
                    Err(error)
                }
            };
            stats.attempt(&outcome, started.elapsed());
            outcome
        })
    }
}
