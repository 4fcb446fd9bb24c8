//! What a call costs: `cargo bench -p robust-limiter --bench limiter`
//!
//! Read every number in units of `clock`, one look at the clock, which each admission needs. `bare` is the service without a
//! limiter, so that the layer's share is the difference.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measuring program; it measures the real clock"
)]

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use robust_limiter::{Bid, Charge, Class, Cost, Error, LiftLayer, Limiter, Rate, Window};
use tower::{Layer, Service, service_fn};

/// So much that nothing is ever refused, in cells of a tenth of a second.
const PLENTY: u32 = u32::MAX;
const MINUTE: Duration = Duration::from_secs(60);

fn sliding() -> Limiter {
    let window = Window::sliding("units", PLENTY, MINUTE);
    Limiter::builder("bench").window(window).build()
}

fn smooth() -> Limiter {
    let rate = Rate::per_second(30_000_000);
    let window = Window::gcra("units", PLENTY, MINUTE, rate, 2_000_000_000).unwrap();
    Limiter::builder("bench").window(window).build()
}

fn two_windows() -> Limiter {
    Limiter::builder("bench")
        .window(Window::sliding("minute", PLENTY, MINUTE))
        .window(Window::sliding("hour", PLENTY, 60 * MINUTE))
        .build()
}

fn one() -> Charge {
    Charge::new(0, 1)
}

/// Polls what is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing waits here"),
    }
}

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("limiter");
    group.bench_function("clock", |b| b.iter(tokio::time::Instant::now));
    for (name, limiter) in [("sliding", sliding()), ("gcra", smooth())] {
        group.bench_function(format!("try_spend/{name}"), |b| {
            b.iter(|| limiter.try_spend(black_box(one()), Class::Medium).unwrap());
        });
    }
    let cost = Cost::from(one());
    let both: Cost = [one(), Charge::new(1, 1)].into_iter().collect();
    for (name, limiter, cost) in [
        ("sliding", sliding(), &cost),
        ("gcra", smooth(), &cost),
        ("two_windows", two_windows(), &both),
    ] {
        group.bench_function(format!("try_acquire_commit/{name}"), |b| {
            b.iter(|| {
                let permit = limiter.try_acquire(black_box(cost), Class::Medium);
                permit.unwrap().commit()
            });
        });
    }
    group.finish();
}

fn layers(c: &mut Criterion) {
    let mut group = c.benchmark_group("service");
    let inner = service_fn(|call: u32| std::future::ready(Ok::<_, Infallible>(call)));
    let lifted = LiftLayer::new().layer(inner);
    let mut bare = lifted;
    group.bench_function("bare", |b| b.iter(|| now(bare.call(black_box(1))).unwrap()));
    let layer = sliding()
        .layer()
        .bid_with(|units: &u32| Bid::new(Charge::new(0, *units).into()));
    let mut admitted = layer.layer(lifted);
    group.bench_function("admission", |b| {
        b.iter(|| {
            let answer: Result<u32, Error<Infallible>> = now(admitted.call(black_box(1)));
            answer.unwrap()
        });
    });
    let mut ready = sliding()
        .layer()
        .backpressure(Bid::new(one().into()))
        .layer(lifted);
    group.bench_function("backpressure", |b| {
        b.iter(|| {
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(matches!(ready.poll_ready(cx), Poll::Ready(Ok(()))));
            now(ready.call(black_box(1))).unwrap()
        });
    });
    group.finish();
}

/// One more thread does the same all the time.
fn contention(c: &mut Criterion) {
    let mut group = c.benchmark_group("two_threads");
    let cost = Cost::from(one());
    for name in ["try_spend", "try_acquire_commit"] {
        let limiter = sliding();
        let stop = AtomicBool::new(false);
        let call = || match name {
            "try_spend" => drop(limiter.try_spend(one(), Class::Medium).unwrap()),
            _ => drop(limiter.try_acquire(&cost, Class::Medium).unwrap().commit()),
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    call();
                }
            });
            group.bench_function(name, |b| b.iter(call));
            stop.store(true, Ordering::Relaxed);
        });
    }
    group.finish();
}

criterion_group!(benches, calls, layers, contention);
criterion_main!(benches);
