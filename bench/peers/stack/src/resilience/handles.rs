//! Peers that are no tower layers: each is called around the same future, or asked before it.

use std::convert::Infallible;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use failsafe::futures::CircuitBreaker as _;
use governor::{DefaultDirectRateLimiter, Quota};
use recloser::{AsyncRecloser, Recloser};
use tokio::runtime::Runtime;

use super::subject::Case;

pub fn failsafe() -> impl failsafe::futures::CircuitBreaker + Clone + Send + Sync + 'static {
    let delay = failsafe::backoff::constant(Duration::from_secs(60));
    let policy = failsafe::failure_policy::consecutive_failures(5, delay);
    failsafe::Config::new().failure_policy(policy).build()
}

pub fn recloser() -> AsyncRecloser {
    let breaker = Recloser::custom()
        .error_rate(0.5)
        .closed_len(64)
        .half_open_len(8)
        .open_wait(Duration::from_secs(60))
        .build();
    AsyncRecloser::from(breaker)
}

pub fn governor() -> Arc<DefaultDirectRateLimiter> {
    Arc::new(DefaultDirectRateLimiter::direct(Quota::per_second(
        NonZeroU32::MAX,
    )))
}

pub fn leaky_bucket() -> Arc<leaky_bucket::RateLimiter> {
    const MANY: usize = 1_000_000_000;
    let bucket = leaky_bucket::RateLimiter::builder()
        .max(MANY)
        .initial(MANY)
        .refill(MANY)
        .interval(Duration::from_millis(10))
        .build();
    Arc::new(bucket)
}

pub fn cases(runtime: &Rc<Runtime>) -> Vec<Case> {
    let (failsafe, recloser) = (failsafe(), recloser());
    let (governor, bucket) = (governor(), leaky_bucket());
    let [first, second, third] = [(); 3].map(|()| Rc::clone(runtime));
    vec![
        Case::new("failsafe consecutive", move |calls| {
            first.block_on(async {
                for number in 0..calls {
                    let call = async { Ok::<_, Infallible>(black_box(number)) };
                    let _ = black_box(failsafe.call(call).await.is_ok());
                }
            });
        }),
        Case::new("recloser count window", move |calls| {
            second.block_on(async {
                for number in 0..calls {
                    let call = async { Ok::<_, Infallible>(black_box(number)) };
                    let _ = black_box(recloser.call(call).await.is_ok());
                }
            });
        }),
        Case::new("governor check", move |calls| {
            for _ in 0..calls {
                assert!(black_box(governor.check()).is_ok());
            }
        }),
        Case::new("leaky-bucket acquire", move |calls| {
            third.block_on(async {
                for _ in 0..calls {
                    bucket.acquire(1).await;
                }
            });
        }),
    ]
}
