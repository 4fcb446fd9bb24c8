//! ns a call of each part, where nothing goes wrong: `cargo bench -p robust-backoff`
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot go on stops"
)]

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use robust_backoff::{
    Budget, Disposition, Exponential, Jitter, Policy, Replay, classify_fn,
    hedge::Hedge,
    retry_after::Reader,
    throttle::{Taken, Throttle, Throttled},
};
use tokio::time::Instant;
use tower::{Layer, Service, retry::RetryLayer};

#[derive(Clone)]
struct Ask;

impl Replay for Ask {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

#[derive(Debug)]
struct Never;

impl From<Infallible> for Never {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<Throttled> for Never {
    fn from(_: Throttled) -> Self {
        Self
    }
}

#[derive(Clone)]
struct Bare;

impl Service<Ask> for Bare {
    type Response = u64;
    type Error = Never;
    type Future = Ready<Result<u64, Never>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Never>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Ask) -> Self::Future {
        ready(Ok(black_box(1)))
    }
}

/// A future that is there at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing has to wait here"),
    }
}

fn calls<S: Service<Ask, Response = u64, Error = Never>>(
    c: &mut Criterion,
    name: &str,
    mut service: S,
) {
    c.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(service.poll_ready(&mut cx).is_ready());
            now(service.call(Ask)).unwrap()
        });
    });
}

fn services(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    calls(c, "bare", Bare);

    let judge = classify_fn(|_: Result<&u64, &Never>| Disposition::Final);
    let delays = Exponential::new(Duration::from_secs(1), Duration::from_secs(60));
    let free = Policy::builder(delays, judge).seed(1).build();
    calls(c, "retry", RetryLayer::new(free).layer(Bare));
    let paid = Policy::builder(delays, judge)
        .budget(Budget::new(0.2, 10.0))
        .seed(1)
        .build();
    calls(c, "retry with budget", RetryLayer::new(paid).layer(Bare));

    let off = Hedge::builder(Budget::unlimited()).enabled(false).build();
    calls(c, "hedge, switched off", off.layer().layer(Bare));
    let on = Hedge::builder(Budget::unlimited()).build();
    calls(c, "hedge", on.layer().layer(Bare));

    let throttle = Throttle::builder().seed(1).build();
    let judge = |_: Result<&u64, &Never>| Taken::Accepted;
    calls(c, "throttle", throttle.layer(judge).layer(Bare));
}

fn parts(c: &mut Criterion) {
    for (name, jitter) in [
        ("delay, full", Jitter::Full),
        ("delay, equal", Jitter::Equal),
        ("delay, decorrelated", Jitter::Decorrelated),
    ] {
        let mut session = Exponential::new(Duration::from_millis(100), Duration::from_secs(60))
            .jitter(jitter)
            .sessions(1)
            .start();
        c.bench_function(name, |bencher| bencher.iter(|| session.next_delay()));
    }
    let budget = Budget::new(1.0, 0.0);
    c.bench_function("budget, deposit and withdraw", |bencher| {
        bencher.iter(|| {
            budget.deposit();
            budget.withdraw().map(robust_backoff::Withdrawal::commit)
        });
    });
    let date = Some("Wed, 21 Oct 2026 07:28:00 GMT");
    for (name, value) in [
        ("retry-after, seconds", "120"),
        ("retry-after, date", "Wed, 21 Oct 2026 07:30:00 GMT"),
    ] {
        c.bench_function(name, |bencher| {
            bencher.iter(|| Reader::new().read(black_box(value), date, None));
        });
    }
}

criterion_group!(benches, services, parts);
criterion_main!(benches);
