//! Retries that the limiter never sees. Virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use robust_backoff::{Disposition, Exponential, Jitter, Policy, classify_fn};
use robust_limiter::{Bid, Charge, Limiter, Window};
use tower::retry::RetryLayer;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _, service_fn};
use tower_resilience::ratelimiter::{RateLimiterLayer, RateLimiterServiceError};
use tower_resilience::retry::RetryLayer as PeerRetryLayer;

use super::{Counts, OURS};
use crate::resilience::{Again, Job};

pub const NOTE: &str = "50 calls, each fails twice before it succeeds; attempts at the server beyond those that the limiter granted. \
    Vector's sinks stack their limit outside of their retries";

const CALLS: u32 = 50;

/// A server on which each call succeeds at its third attempt.
#[derive(Debug, Clone, Default)]
struct Server {
    attempts: Arc<AtomicU32>,
}

impl Server {
    fn service<E: From<&'static str>>(
        &self,
    ) -> impl Service<Job, Response = u32, Error = E, Future: Send> + Clone + Send + 'static + use<E>
    {
        let attempts = Arc::clone(&self.attempts);
        service_fn(move |job: Job| {
            // Calls come one after the other.
            let third = attempts.fetch_add(1, Ordering::Relaxed) % 3 == 2;
            async move {
                if third {
                    Ok(job.0)
                } else {
                    Err(E::from("not yet"))
                }
            }
        })
    }

    fn beyond(&self, granted: u64) -> f64 {
        f64::from(self.attempts.load(Ordering::Relaxed)) - granted as f64
    }
}

pub async fn probe() -> Counts {
    vec![
        (OURS, ours().await),
        ("tower-resilience, retry > limiter", resilience().await),
        (
            "tower in Vector's order, limit > retry",
            vectors_order().await,
        ),
    ]
}

async fn call_all<S: Service<Job>>(mut service: S) {
    for number in 0..CALLS {
        if let Ok(ready) = service.ready().await {
            let _ = ready.call(Job(number)).await;
        }
    }
}

async fn ours() -> f64 {
    let server = Server::default();
    let window = Window::sliding("calls", 60, Duration::from_secs(60));
    let limiter = Limiter::builder("server").window(window).build();
    let judge = classify_fn(|outcome: Result<&u32, &BoxError>| match outcome {
        Ok(_) => Disposition::Final,
        Err(_) => Disposition::Retry {
            after: None,
            sent: true,
        },
    });
    let delays =
        Exponential::new(Duration::from_millis(100), Duration::from_secs(1)).jitter(Jitter::Full);
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(Policy::builder(delays, judge).build()))
        .layer(
            limiter
                .layer()
                .bid_with(|_: &Job| Bid::new(Charge::new(0, 1).into())),
        )
        .service(server.service::<BoxError>());
    call_all(service).await;
    server.beyond(limiter.snapshot().committed)
}

async fn resilience() -> f64 {
    let server = Server::default();
    let granted = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&granted);
    let limiter = RateLimiterLayer::builder()
        .limit_for_period(60)
        .refresh_period(Duration::from_secs(60))
        .timeout_duration(Duration::from_secs(120))
        .on_permit_acquired(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .expect("a valid limiter");
    let retry = PeerRetryLayer::<Job, u32, RateLimiterServiceError<BoxError>>::builder()
        .max_attempts(4)
        .exponential_backoff(Duration::from_millis(100))
        .build();
    let service = ServiceBuilder::new()
        .layer(retry)
        .layer(limiter)
        .service(server.service::<BoxError>());
    call_all(service).await;
    server.beyond(granted.load(Ordering::Relaxed).into())
}

async fn vectors_order() -> f64 {
    let server = Server::default();
    let granted = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&granted);
    let service = ServiceBuilder::new()
        .rate_limit(60, Duration::from_secs(60))
        .map_request(move |job: Job| {
            count.fetch_add(1, Ordering::Relaxed);
            job
        })
        .layer(RetryLayer::new(Again::without_budget()))
        .service(server.service::<BoxError>());
    call_all(service).await;
    server.beyond(granted.load(Ordering::Relaxed).into())
}
