//! What a bound on concurrency costs a call: `cargo bench -p robust-limiter --bench concurrency`
//!
//! `bare` is the service without it, `tower` the same with tower's `ConcurrencyLimit`. Adaptive limits look at the clock twice.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a measuring program that stops when something is wrong"
)]

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use robust_limiter::LiftLayer;
use robust_limiter::concurrency::{Adaptive, Bulkhead};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, service_fn};

const SLOTS: usize = 64;

/// Polls what is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing waits here"),
    }
}

fn calls<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut service: S)
where
    S: Service<u32, Response = u32>,
    S::Error: std::fmt::Debug,
{
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(matches!(service.poll_ready(cx), Poll::Ready(Ok(()))));
            now(service.call(black_box(1))).unwrap()
        });
    });
}

fn layers(c: &mut Criterion) {
    let mut group = c.benchmark_group("concurrency");
    let inner = service_fn(|call: u32| std::future::ready(Ok::<_, Infallible>(call)));
    let lifted = LiftLayer::new().layer(inner);
    calls(&mut group, "bare", lifted);
    calls(&mut group, "tower", ConcurrencyLimit::new(lifted, SLOTS));
    let bulkhead = Bulkhead::new(SLOTS).layer();
    calls(&mut group, "bulkhead", bulkhead.layer(lifted));
    let reserving = bulkhead.backpressure();
    calls(&mut group, "bulkhead/backpressure", reserving.layer(lifted));
    let adaptive = Adaptive::new().layer();
    calls(&mut group, "adaptive", adaptive.layer(lifted));
    let bulkhead = Bulkhead::new(SLOTS);
    group.bench_function("bulkhead/try_acquire", |b| {
        b.iter(|| drop(black_box(bulkhead.try_acquire().unwrap())));
    });
    group.finish();
}

/// One more thread does the same all the time.
fn contention(c: &mut Criterion) {
    let mut group = c.benchmark_group("concurrency/two_threads");
    let bulkhead = Bulkhead::new(SLOTS);
    let stop = AtomicBool::new(false);
    let call = || drop(black_box(bulkhead.try_acquire().unwrap()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                call();
            }
        });
        group.bench_function("bulkhead/try_acquire", |b| b.iter(call));
        stop.store(true, Ordering::Relaxed);
    });
    group.finish();
}

criterion_group!(benches, layers, contention);
criterion_main!(benches);
