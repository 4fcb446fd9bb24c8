//! A hundred callers at the moment when a breaker tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use failsafe::futures::CircuitBreaker as _;
use recloser::{AsyncRecloser, Recloser};
use robust_breaker::{Breaker, ErrorsAreFailures};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::{BoxError, Layer, Service, ServiceExt as _, service_fn};
use tower_resilience::circuitbreaker::CircuitBreakerLayer;

use super::{Counts, OURS};

pub const NOTE: &str = "five failures open it for 100 ms, then 100 calls at once that hang for 50 ms; calls that reached the service. \
    3 are permitted; failsafe has no such setting";

/// How many calls may try.
pub const PERMITS: f64 = 3.0;

const CALLERS: u32 = 100;
const OPEN: Duration = Duration::from_millis(100);

/// A service that fails at once until it is told to hang, and counts the calls that hang.
#[derive(Debug, Clone, Default)]
struct Failing {
    hangs: Arc<AtomicU32>,
    reached: Arc<AtomicU32>,
}

impl Failing {
    async fn call(self) -> Result<(), BoxError> {
        if self.hangs.load(Ordering::Relaxed) == 0 {
            return Err("down".into());
        }
        self.reached.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(50)).await;
        Ok(())
    }
}

pub async fn probe() -> Counts {
    vec![
        (OURS, ours().await),
        ("tower-resilience", resilience().await),
        ("failsafe", failsafe().await),
        ("recloser", recloser().await),
    ]
}

/// Opens the breaker by `call`, waits until it may try again, and counts what it lets through.
async fn count<F>(failing: &Failing, call: impl Fn(Failing) -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    for _ in 0..5 {
        call(failing.clone()).await;
    }
    sleep(OPEN + OPEN / 2).await;
    failing.hangs.store(1, Ordering::Relaxed);
    let mut calls = JoinSet::new();
    for _ in 0..CALLERS {
        calls.spawn(call(failing.clone()));
    }
    calls.join_all().await;
    f64::from(failing.reached.load(Ordering::Relaxed))
}

async fn through<S>(layer: impl Fn(tower::util::BoxCloneService<(), (), BoxError>) -> S) -> f64
where
    S: Service<(), Future: Send> + Clone + Send + 'static,
    S::Error: Send,
    S::Response: Send,
{
    let failing = Failing::default();
    let inner = failing.clone();
    let service = layer(tower::util::BoxCloneService::new(service_fn(move |()| {
        inner.clone().call()
    })));
    count(&failing, |_| {
        let service = service.clone();
        async move {
            let _ = service.oneshot(()).await;
        }
    })
    .await
}

async fn ours() -> f64 {
    let breaker = Breaker::builder("server")
        .consecutive_failures(5)
        .open_for(OPEN)
        .half_open_permits(PERMITS as u32)
        .build();
    through(|inner| breaker.admit_layer(ErrorsAreFailures).layer(inner)).await
}

async fn resilience() -> f64 {
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(5)
        .wait_duration_in_open(OPEN)
        .permitted_calls_in_half_open(PERMITS as usize)
        .build()
        .expect("a valid breaker");
    through(|inner| breaker.layer(inner)).await
}

async fn failsafe() -> f64 {
    let delay = failsafe::backoff::constant(OPEN);
    let policy = failsafe::failure_policy::consecutive_failures(5, delay);
    let breaker = failsafe::Config::new().failure_policy(policy).build();
    count(&Failing::default(), |failing| {
        let breaker = breaker.clone();
        async move {
            let _ = breaker.call(failing.call()).await;
        }
    })
    .await
}

async fn recloser() -> f64 {
    let breaker = Recloser::custom()
        .error_rate(0.5)
        .closed_len(4)
        .half_open_len(PERMITS as usize)
        .open_wait(OPEN)
        .build();
    let breaker = AsyncRecloser::from(breaker);
    count(&Failing::default(), |failing| {
        let breaker = breaker.clone();
        async move {
            let _ = breaker.call(failing.call()).await;
        }
    })
    .await
}
