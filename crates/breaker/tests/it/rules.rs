//! When it opens: windows that slide, partial failures, slow calls.

use std::time::Duration;

use robust_breaker::{Breaker, Cause, ErrorsAreFailures, Outcome, State, Weight, Window};
use tokio::time::timeout;
use tower::{Layer, ServiceExt};

use crate::backend::{Backend, FAILURE, Order, SECOND};

fn report(breaker: &Breaker, outcome: Outcome) {
    breaker.admit().unwrap().record(outcome);
}

fn is_open(breaker: &Breaker) -> bool {
    matches!(breaker.state(), State::Open { .. })
}

/// P1: a window that only ever grows would need 10,000 failures here.
#[tokio::test(start_paused = true)]
async fn after_ten_thousand_successes_it_opens_after_exactly_the_configured_share() {
    for (size, threshold, wanted) in [
        (100, 0.5, 50),
        (64, 0.25, 16),
        (64, 1.0, 64),
        (1_000, 0.1, 100),
        (7, 0.3, 3),
    ] {
        let breaker = Breaker::builder("window")
            .failure_rate(threshold, 5, Window::Count(size))
            .try_build()
            .unwrap();
        (0..10_000).for_each(|_| report(&breaker, Outcome::Success));
        let mut failures = 0;
        while !is_open(&breaker) {
            report(&breaker, FAILURE);
            failures += 1;
        }
        assert_eq!(failures, wanted, "{threshold} of {size}");
        let Cause::FailureRate { percent, calls } = breaker.snapshot().last_cause else {
            panic!("{:?}", breaker.snapshot().last_cause);
        };
        assert!(f64::from(percent) >= threshold * 100.0 - 1.0);
        assert_eq!(calls, u64::from(size));
    }
}

/// A bucket number of 32 bits comes round again: after half of that good calls would be taken for old,
/// and after the whole of it old ones for new.
#[tokio::test(start_paused = true)]
async fn a_window_of_time_counts_on_after_any_idle_time() {
    let days = |days: u64| Duration::from_secs(86_400 * days);
    let round = Duration::from_millis(1 << 32);
    for idle in [
        days(1),
        days(26),
        days(30),
        days(50),
        round,
        round * 2,
        days(1_000),
    ] {
        for (good, bad, open) in [(10, 4, false), (4, 4, true), (0, 4, true)] {
            let window = Window::Time {
                span: Duration::from_millis(64),
                buckets: 64,
            };
            let breaker = Breaker::builder("idle")
                .failure_rate(0.5, 4, window)
                .build();
            (0..10).for_each(|_| report(&breaker, Outcome::Success));
            tokio::time::advance(idle).await;
            (0..good).for_each(|_| report(&breaker, Outcome::Success));
            (0..bad).for_each(|_| report(&breaker, FAILURE));
            assert_eq!(
                is_open(&breaker),
                open,
                "{good} good, {bad} bad after {idle:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn old_failures_leave_the_count_window() {
    let breaker = Breaker::builder("window")
        .failure_rate(0.5, 10, Window::Count(10))
        .build();
    for _ in 0..100 {
        (0..4).for_each(|_| report(&breaker, FAILURE));
        (0..10).for_each(|_| report(&breaker, Outcome::Success));
        assert_eq!(breaker.snapshot().rates[0].hundredths, 0);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn the_time_window_forgets_what_is_older_than_its_span() {
    let window = Window::Time {
        span: 10 * SECOND,
        buckets: 10,
    };
    let breaker = Breaker::builder("window")
        .failure_rate(0.5, 4, window)
        .build();
    for _ in 0..20 {
        // 3 failures in 4 calls would be enough, but never within one span.
        (0..3).for_each(|_| report(&breaker, FAILURE));
        tokio::time::advance(10 * SECOND).await;
    }
    assert_eq!(breaker.state(), State::Closed, "too few calls");
    (0..10_000).for_each(|_| report(&breaker, Outcome::Success));
    tokio::time::advance(5 * SECOND).await;
    (0..1_000).for_each(|_| report(&breaker, FAILURE));
    assert_eq!(
        breaker.state(),
        State::Closed,
        "1,000 of 11,000 within ten seconds"
    );
    tokio::time::advance(6 * SECOND).await;
    report(&breaker, FAILURE);
    assert_eq!(
        breaker.snapshot().last_cause,
        Cause::FailureRate {
            percent: 100,
            calls: 1_001
        },
        "the successes are over, the failures are not"
    );
}

#[tokio::test(start_paused = true)]
async fn fewer_calls_than_the_minimum_say_nothing() {
    let breaker = Breaker::builder("window")
        .failure_rate(0.1, 20, Window::Count(100))
        .build();
    (0..19).for_each(|_| report(&breaker, FAILURE));
    assert_eq!(breaker.state(), State::Closed);
    report(&breaker, FAILURE);
    assert!(is_open(&breaker));
}

#[tokio::test(start_paused = true)]
async fn partial_failures_count_by_their_weight() {
    let third = Outcome::partial(Weight::new(0.3));
    let rate = Breaker::builder("rate")
        .failure_rate(0.3, 10, Window::Count(10))
        .build();
    (0..9).for_each(|_| report(&rate, third));
    assert_eq!(rate.state(), State::Closed);
    report(&rate, third);
    assert_eq!(
        rate.snapshot().last_cause,
        Cause::FailureRate {
            percent: 30,
            calls: 10
        }
    );

    let row = Breaker::builder("row").consecutive_failures(3).build();
    (0..9).for_each(|_| report(&row, third));
    assert_eq!(row.state(), State::Closed, "2.7 failures");
    report(&row, Outcome::partial(Weight::NONE));
    assert_eq!(
        row.snapshot().consecutive_failures,
        0,
        "nothing failed: a success"
    );
    (0..10).for_each(|_| report(&row, third));
    assert!(is_open(&row));
}

#[tokio::test(start_paused = true)]
async fn the_first_rule_that_holds_opens_it() {
    let breaker = || {
        Breaker::builder("both")
            .consecutive_failures(5)
            .failure_rate(0.5, 10, Window::Count(20))
            .build()
    };
    let row = breaker();
    (0..5).for_each(|_| report(&row, FAILURE));
    assert_eq!(row.snapshot().last_cause, Cause::ConsecutiveFailures(5));

    let rate = breaker();
    while !is_open(&rate) {
        report(&rate, Outcome::Success);
        report(&rate, FAILURE);
    }
    assert_eq!(
        rate.snapshot().last_cause,
        Cause::FailureRate {
            percent: 50,
            calls: 10
        }
    );
}

fn slow(slow_call_duration: Duration) -> Breaker {
    Breaker::builder("slow")
        .slow_call_rate(slow_call_duration, 0.5, 4, Window::Count(10))
        .build()
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_it_though_each_succeeded() {
    let breaker = slow(2 * SECOND);
    let layer = breaker.admit_layer(ErrorsAreFailures);
    let quick = layer.layer(Backend::new(5 * SECOND, SECOND));
    let late = layer.layer(Backend::new(Duration::ZERO, 2 * SECOND));
    for service in [&quick, &quick, &late] {
        service.clone().oneshot(Order::Succeed).await.unwrap();
        assert_eq!(breaker.state(), State::Closed);
    }
    late.oneshot(Order::Succeed).await.unwrap();
    assert_eq!(
        breaker.snapshot().last_cause,
        Cause::SlowCallRate {
            percent: 50,
            calls: 4
        }
    );
}

/// A timeout around the breaker looks like a cancelled call: else a brown-out looks healthy.
#[tokio::test(start_paused = true)]
async fn calls_dropped_after_the_slow_call_duration_are_slow_and_earlier_ones_say_nothing() {
    let breaker = slow(2 * SECOND);
    let hung = breaker
        .admit_layer(ErrorsAreFailures)
        .layer(Backend::new(Duration::ZERO, 60 * SECOND));
    for (wait, calls) in [(1, 0), (1, 0), (2, 1), (3, 2), (1, 2), (2, 3)] {
        let _ = timeout(wait * SECOND, hung.clone().oneshot(Order::Succeed)).await;
        assert_eq!(breaker.snapshot().rates[0].calls, calls);
    }
    let _ = timeout(2 * SECOND, hung.oneshot(Order::Succeed)).await;
    assert!(is_open(&breaker));
}

#[tokio::test(start_paused = true)]
async fn a_slow_probe_has_failed() {
    let breaker = slow(2 * SECOND);
    breaker.force_open("test", tokio::time::Instant::now());
    let probe = breaker.admit().unwrap();
    tokio::time::advance(2 * SECOND).await;
    probe.record(Outcome::Success);
    assert_eq!(breaker.snapshot().last_cause, Cause::ProbeFailed);
}

#[tokio::test(start_paused = true)]
async fn without_a_slow_call_rate_slow_is_a_success() {
    let breaker = Breaker::builder("quick").consecutive_failures(2).build();
    for outcome in [FAILURE, Outcome::Slow, FAILURE] {
        report(&breaker, outcome);
    }
    assert_eq!(breaker.state(), State::Closed);
}
