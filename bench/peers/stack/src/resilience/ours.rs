//! Ours, alone and stacked.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use robust_backoff::{Budget, Disposition, Exponential, Jitter, Policy, TimeoutLayer, classify_fn};
use robust_breaker::{Breaker, ErrorsAreFailures, Outcome, Window as BreakerWindow};
use robust_limiter::concurrency::Bulkhead;
use robust_limiter::{Bid, Charge, Class, Cost, Limiter, MonotonicClock, Rate, Window};
use tokio::runtime::Runtime;
use tower::retry::{Retry, RetryLayer};
use tower::{BoxError, Layer, ServiceBuilder};

use super::subject::{Bare, Case, Job};
use super::tower_layers::TIMEOUT;

/// Of each bulkhead.
pub const SLOTS: usize = 64;

/// Every sliding window here: so many that no call waits, and so short that its cells expire all the time.
pub const PER: Duration = Duration::from_millis(10);
/// See [`PER`].
pub const PER_WINDOW: u32 = 1_000_000;

pub const BREAKER: &str = "ours breaker, consecutive";
pub const BREAKER_HANDLE: &str = "ours breaker without tower";
pub const BREAKER_WINDOW: &str = "ours breaker, count window";
pub const LIMITER_GCRA: &str = "ours limiter, GCRA";
pub const LIMITER: &str = "ours limiter";
pub const LIMITER_QUICK: &str = "ours limiter, quick clock";
pub const LIMITER_HANDLE: &str = "ours limiter without tower";
pub const LIMITER_SPEND: &str = "ours limiter without tower, spent at once";
pub const LIMITER_SPEND_QUICK: &str = "ours limiter without tower, spent at once, quick clock";
pub const RETRY: &str = "ours retry";
pub const RETRY_BUDGET: &str = "ours retry, budget";
pub const BULKHEAD: &str = "ours bulkhead";
pub const BULKHEAD_READY: &str = "ours bulkhead, slot taken when readied";
pub const TIMEOUT_LAYER: &str = "ours timeout";
pub const STACK4: &str = "ours retry > breaker > limiter > timeout";

pub fn breaker() -> Breaker {
    Breaker::builder("bench").consecutive_failures(5).build()
}

/// Opens when half of the last 64 calls failed.
fn breaker_window() -> Breaker {
    let builder = Breaker::builder("bench").failure_rate(0.5, 20, BreakerWindow::Count(64));
    builder.build()
}

/// One bucket that is never empty: as many at once as in five of the ten milliseconds.
fn gcra() -> Limiter {
    let rate = Rate::new(PER_WINDOW / 2, PER);
    let window = Window::gcra("bench", PER_WINDOW, PER, rate, PER_WINDOW / 2);
    Limiter::builder("bench")
        .window(window.expect("half at once and half in the time after"))
        .build()
}

pub fn limiter() -> Limiter {
    limiter_by(MonotonicClock::tokio())
}

/// The same by another clock.
fn limiter_by(clock: MonotonicClock) -> Limiter {
    let window = Window::sliding("bench", PER_WINDOW, PER).guard(Duration::ZERO);
    let builder = Limiter::builder("bench").window(window);
    builder.clock(clock).build()
}

/// Charges one unit, in one step.
fn spend(name: &'static str, limiter: Limiter) -> Case {
    Case::new(name, move |calls| {
        for _ in 0..calls {
            let spent = limiter.try_spend(black_box(Charge::new(0, 1)), Class::Medium);
            black_box(spent.expect("room in the window"));
        }
    })
}

/// What each call costs: one unit.
pub fn one() -> Cost {
    Charge::new(0, 1).into()
}

pub fn bid(_: &Job) -> Bid {
    Bid::new(one())
}

fn judge(outcome: Result<&u32, &BoxError>) -> Disposition {
    match outcome {
        Ok(_) => Disposition::Final,
        Err(_) => Disposition::Retry {
            after: None,
            sent: true,
        },
    }
}

pub fn cases(runtime: &Rc<Runtime>) -> Vec<Case> {
    let bare = Bare::<BoxError>::new;
    let delays = || {
        Exponential::new(Duration::from_millis(100), Duration::from_secs(30)).jitter(Jitter::Full)
    };
    let retry = || Policy::builder(delays(), classify_fn(judge)).max_retries(3);
    let stack4 = ServiceBuilder::new()
        .layer(RetryLayer::new(retry().build()))
        .layer(breaker().admit_layer(ErrorsAreFailures))
        .layer(limiter().layer().bid_with(bid))
        .layer(TimeoutLayer::new(TIMEOUT))
        .service(bare());
    let (breaker_handle, limiter_handle, cost) = (breaker(), limiter(), one());
    vec![
        Case::service(
            BREAKER,
            runtime,
            breaker().admit_layer(ErrorsAreFailures).layer(bare()),
        ),
        Case::service(
            BREAKER_WINDOW,
            runtime,
            breaker_window()
                .admit_layer(ErrorsAreFailures)
                .layer(bare()),
        ),
        Case::new(BREAKER_HANDLE, move |calls| {
            for _ in 0..calls {
                let ticket = breaker_handle.admit().expect("a closed breaker");
                ticket.record(black_box(Outcome::Success));
            }
        }),
        Case::service(
            LIMITER,
            runtime,
            limiter().layer().bid_with(bid).layer(bare()),
        ),
        Case::service(
            LIMITER_GCRA,
            runtime,
            gcra().layer().bid_with(bid).layer(bare()),
        ),
        Case::service(
            LIMITER_QUICK,
            runtime,
            limiter_by(MonotonicClock::counter())
                .layer()
                .bid_with(bid)
                .layer(bare()),
        ),
        spend(LIMITER_SPEND, limiter()),
        spend(LIMITER_SPEND_QUICK, limiter_by(MonotonicClock::counter())),
        Case::new(LIMITER_HANDLE, move |calls| {
            for _ in 0..calls {
                let permit = limiter_handle.try_acquire(black_box(&cost), Class::Medium);
                drop(permit.expect("room in the window").commit());
            }
        }),
        Case::service(RETRY, runtime, Retry::new(retry().build(), bare())),
        Case::service(
            RETRY_BUDGET,
            runtime,
            Retry::new(retry().budget(Budget::new(0.2, 10.0)).build(), bare()),
        ),
        Case::service(
            BULKHEAD,
            runtime,
            Bulkhead::new(SLOTS).layer().layer(bare()),
        ),
        Case::service(
            BULKHEAD_READY,
            runtime,
            Bulkhead::new(SLOTS).layer().backpressure().layer(bare()),
        ),
        Case::service(
            TIMEOUT_LAYER,
            runtime,
            TimeoutLayer::new(TIMEOUT).layer(bare()),
        ),
        Case::service(STACK4, runtime, stack4),
    ]
}
