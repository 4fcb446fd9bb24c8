//! Nanoseconds a call through each rule, beside the bare service; and what a refusal costs.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use robust_breaker::{Breaker, Builder, ErrorsAreFailures, LiftLayer, Outcome, Window};
use tower::{Layer, Service};

/// Answers at once.
#[derive(Clone, Copy)]
struct Nothing;

impl Service<u64> for Nothing {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(request))
    }
}

/// One call that is ready at its first poll: no executor in the measurement.
fn call<S: Service<u64>>(service: &mut S, request: u64) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    if service.poll_ready(&mut cx).is_pending() {
        return false;
    }
    let future = pin!(service.call(request));
    matches!(future.poll(&mut cx), Poll::Ready(Ok(_)))
}

fn breakers() -> Vec<(&'static str, Builder)> {
    let time = Window::Time {
        span: Duration::from_secs(10),
        buckets: 10,
    };
    let breaker = || Breaker::builder("bench");
    vec![
        ("consecutive", breaker().consecutive_failures(5)),
        (
            "count_64",
            breaker().failure_rate(0.5, 10, Window::Count(64)),
        ),
        (
            "count_1000",
            breaker().failure_rate(0.5, 10, Window::Count(1_000)),
        ),
        ("time_10s", breaker().failure_rate(0.5, 10, time)),
        (
            "slow_calls_64",
            breaker().slow_call_rate(Duration::from_secs(1), 0.5, 10, Window::Count(64)),
        ),
        (
            "consecutive_or_count_or_slow_or_time",
            breaker()
                .consecutive_failures(5)
                .failure_rate(0.5, 10, Window::Count(64))
                .failure_rate(0.5, 10, time)
                .slow_call_rate(Duration::from_secs(1), 0.5, 10, Window::Count(64)),
        ),
    ]
}

fn closed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("closed");
    group.bench_function("bare", |bencher| {
        let mut service = LiftLayer.layer(Nothing);
        bencher.iter(|| assert!(call(&mut service, black_box(1))));
    });
    group.bench_function("clock_read", |bencher| {
        bencher.iter(tokio::time::Instant::now);
    });
    for (name, builder) in breakers() {
        let breaker = builder.build();
        let mut service = breaker
            .admit_layer(ErrorsAreFailures)
            .layer(LiftLayer.layer(Nothing));
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert!(call(&mut service, black_box(1))));
        });
        let mut both = breaker.check_layer().layer(service.clone());
        group.bench_function(format!("{name}/check_and_admit"), |bencher| {
            bencher.iter(|| assert!(call(&mut both, black_box(1))));
        });
    }
    group.finish();
}

/// A failure in a window is worth a store by each of the next successes, but no more than the window
/// is long.
fn dirty(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one_failure_in_ten");
    for (name, builder) in breakers() {
        let breaker = builder.build();
        group.bench_function(name, |bencher| {
            let mut count = 0_u64;
            bencher.iter(|| {
                count += 1;
                let ticket = breaker.admit().unwrap();
                ticket.record(if count.is_multiple_of(10) {
                    Outcome::FAILURE
                } else {
                    Outcome::Success
                });
            });
        });
    }
    group.finish();
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("refused");
    let breaker = Breaker::builder("bench").build();
    breaker.force_open("bench", None);
    let mut service = breaker
        .admit_layer(ErrorsAreFailures)
        .layer(LiftLayer.layer(Nothing));
    group.bench_function("open", |bencher| {
        bencher.iter(|| assert!(!call(&mut service, black_box(1))));
    });
    group.finish();
}

/// A second thread calls without a pause while the first is measured.
fn contended(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two_threads");
    for (name, builder) in breakers() {
        let breaker = builder.build();
        let service = breaker
            .admit_layer(ErrorsAreFailures)
            .layer(LiftLayer.layer(Nothing));
        group.bench_function(name, |bencher| {
            let (begin, end) = (Barrier::new(2), AtomicBool::new(false));
            std::thread::scope(|scope| {
                let mut other = service.clone();
                let (begin, end) = (&begin, &end);
                scope.spawn(move || {
                    begin.wait();
                    while !end.load(Ordering::Relaxed) {
                        assert!(call(&mut other, black_box(1)));
                    }
                });
                let mut service = service.clone();
                begin.wait();
                bencher.iter(|| assert!(call(&mut service, black_box(1))));
                end.store(true, Ordering::Relaxed);
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = closed, dirty, open, contended
}
criterion_main!(benches);
