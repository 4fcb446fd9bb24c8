//! Hedging as a tower layer and service.

use std::task::{Context, Poll};

use tokio::time::Instant;
use tower::{Layer, Service};

use super::{Hedge, HedgeFuture};
use crate::Replay;

/// Hedges the requests of a service. From [`Hedge::layer`].
#[derive(Debug, Clone)]
pub struct HedgeLayer {
    hedge: Hedge,
}

impl HedgeLayer {
    pub(crate) const fn new(hedge: Hedge) -> Self {
        Self { hedge }
    }
}

impl<S> Layer<S> for HedgeLayer {
    type Service = HedgeService<S>;

    fn layer(&self, inner: S) -> HedgeService<S> {
        HedgeService {
            inner,
            hedge: self.hedge.clone(),
        }
    }
}

/// A service whose requests are hedged.
///
/// Ready when the inner service is: the first request uses that readiness. Only a second request asks
/// a clone of the inner service for its own, in the future of the call.
#[derive(Debug, Clone)]
pub struct HedgeService<S> {
    inner: S,
    hedge: Hedge,
}

impl<S> HedgeService<S> {
    /// The service below.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, Req> Service<Req> for HedgeService<S>
where
    S: Service<Req> + Clone,
    Req: Replay,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = HedgeFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let shared = &self.hedge.shared;
        if !shared.is_enabled() {
            return HedgeFuture::plain(self.inner.call(request));
        }
        shared.begin();
        let began = Instant::now();
        let second = shared
            .delay()
            .filter(|_| request.idempotent())
            .and_then(|delay| began.checked_add(delay))
            .filter(|at| request.deadline().is_none_or(|deadline| *at < deadline))
            .and_then(|at| Some((at, request.replay()?, self.inner.clone())));
        HedgeFuture::hedged(self.inner.call(request), shared, began, second)
    }
}
