//! tower-resilience with its default features: no metrics, no tracing, no listeners.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tower::{Layer, ServiceBuilder};
use tower_resilience::circuitbreaker::{
    CircuitBreakerError, CircuitBreakerLayer, DefaultClassifier,
};
use tower_resilience::ratelimiter::{RateLimiterLayer, RateLimiterServiceError, WindowType};
use tower_resilience::retry::{RetryBudgetBuilder, RetryLayer};
use tower_resilience::timelimiter::{TimeLimiterError, TimeLimiterLayer};

use super::ours::{PER, PER_WINDOW};
use super::subject::{Bare, Case, Job};
use super::tower_layers::TIMEOUT;

/// Errors nest, one kind a layer.
type StackError = CircuitBreakerError<RateLimiterServiceError<TimeLimiterError<io::Error>>>;

/// The breaker that opens after five failures in a row.
pub fn breaker() -> CircuitBreakerLayer<DefaultClassifier> {
    let breaker = CircuitBreakerLayer::builder().consecutive_failures(5);
    breaker.build().expect("a valid breaker")
}

/// The limiter with windows that follow each other.
pub fn limiter(window: WindowType) -> RateLimiterLayer {
    RateLimiterLayer::builder()
        .limit_for_period(usize::try_from(PER_WINDOW).expect("a small number"))
        .refresh_period(PER)
        .timeout_duration(Duration::from_secs(1))
        .window_type(window)
        .build()
        .expect("a valid limiter")
}

pub fn cases(runtime: &Rc<Runtime>) -> Vec<Case> {
    let bare = Bare::<io::Error>::new;
    let window = CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(64)
        .build()
        .expect("a valid breaker");
    let retry = RetryLayer::<Job, u32, io::Error>::builder()
        .max_attempts(4)
        .exponential_backoff(Duration::from_millis(100))
        .build();
    let budget = RetryBudgetBuilder::new().token_bucket().build();
    let paid = RetryLayer::<Job, u32, io::Error>::builder()
        .max_attempts(4)
        .exponential_backoff(Duration::from_millis(100))
        .budget(budget.expect("a valid budget"))
        .build();
    let timeout = TimeLimiterLayer::builder()
        .timeout_duration(TIMEOUT)
        .build();
    let full = ServiceBuilder::new()
        .layer(
            RetryLayer::<Job, u32, StackError>::builder()
                .max_attempts(4)
                .exponential_backoff(Duration::from_millis(100))
                .build(),
        )
        .layer(breaker())
        .layer(limiter(WindowType::Fixed))
        .layer(
            TimeLimiterLayer::builder()
                .timeout_duration(TIMEOUT)
                .build(),
        )
        .service(bare());
    vec![
        Case::service(
            "tower-resilience breaker, consecutive",
            runtime,
            breaker().layer(bare()),
        ),
        Case::service(
            "tower-resilience breaker, count window",
            runtime,
            window.layer(bare()),
        ),
        Case::service(
            "tower-resilience limiter, fixed",
            runtime,
            limiter(WindowType::Fixed).layer(bare()),
        ),
        Case::service(
            "tower-resilience limiter, log",
            runtime,
            limiter(WindowType::SlidingLog).layer(bare()),
        ),
        Case::service("tower-resilience retry", runtime, retry.layer(bare())),
        Case::service(
            "tower-resilience retry, budget",
            runtime,
            paid.layer(bare()),
        ),
        Case::service("tower-resilience timeout", runtime, timeout.layer(bare())),
        Case::service(
            "tower-resilience retry > breaker > limiter > timeout",
            runtime,
            full,
        ),
    ]
}
