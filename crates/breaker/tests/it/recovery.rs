//! How it comes back: ratio, deadline, open time that grows, ramp.

use std::time::Duration;

use robust_breaker::{Breaker, Builder, Cause, Outcome, State, Weight};
use tokio::time::{Instant, advance};

use crate::backend::{FAILURE, SECOND};

const SUCCESS: Outcome = Outcome::Success;

fn builder() -> Builder {
    Breaker::builder("recovering")
        .consecutive_failures(1)
        .open_for(60 * SECOND)
}

fn fail(breaker: &Breaker) {
    breaker.admit().unwrap().record(FAILURE);
}

fn open_time(breaker: &Breaker) -> Duration {
    breaker.check().unwrap_err().retry_in
}

/// Built without a word about it, a circuit that gives its probes no time must close all the same.
#[tokio::test(start_paused = true)]
async fn a_circuit_without_a_deadline_for_its_probes_closes_again() {
    let breaker = Breaker::builder("hasty")
        .consecutive_failures(1)
        .half_open_deadline(Duration::ZERO)
        .build();
    breaker.admit().unwrap().record(FAILURE);
    tokio::time::advance(60 * SECOND).await;
    breaker.admit().unwrap().record(Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn the_ratio_of_the_probes_decides_as_soon_as_it_is_certain() {
    let third = Outcome::partial(Weight::new(0.3));
    let cases: [(f64, &[Outcome], Option<bool>); 10] = [
        (0.5, &[SUCCESS], None),
        (0.5, &[SUCCESS, SUCCESS], Some(true)),
        (0.5, &[FAILURE, FAILURE], None),
        (0.5, &[FAILURE, FAILURE, FAILURE], Some(false)),
        (0.5, &[FAILURE, SUCCESS, FAILURE, SUCCESS], Some(true)),
        (1.0, &[FAILURE], Some(false)),
        (0.75, &[SUCCESS, FAILURE, SUCCESS, SUCCESS], Some(true)),
        (0.75, &[FAILURE, FAILURE], Some(false)),
        (0.7, &[third, third, third, third], Some(true)),
        (0.75, &[third, third, third, third], Some(false)),
    ];
    for (ratio, outcomes, closed) in cases {
        let breaker = builder()
            .half_open_permits(4)
            .half_open_ratio(ratio)
            .build();
        fail(&breaker);
        advance(60 * SECOND).await;
        let mut probes: Vec<_> = (0..4).map(|_| breaker.admit().unwrap()).collect();
        for (place, outcome) in outcomes.iter().enumerate() {
            assert_eq!(
                breaker.state(),
                State::HalfOpen,
                "{ratio} {outcomes:?} before {place}"
            );
            probes.remove(0).record(*outcome);
        }
        let is_closed = match breaker.state() {
            State::Closed => Some(true),
            State::Open { .. } => Some(false),
            _ => None,
        };
        assert_eq!(is_closed, closed, "{ratio} {outcomes:?}");
    }
}

/// P16: hung probes fail at their deadline, cancelled ones give their permit back and close nothing.
#[tokio::test(start_paused = true)]
async fn hung_probes_count_as_failures_and_cancelled_ones_as_nothing() {
    let breaker = builder()
        .half_open_permits(4)
        .half_open_ratio(0.5)
        .half_open_deadline(10 * SECOND)
        .build();
    fail(&breaker);
    advance(60 * SECOND).await;
    for _ in 0..100 {
        drop(breaker.admit().unwrap());
    }
    assert_eq!(
        breaker.state(),
        State::HalfOpen,
        "cancelled probes close nothing"
    );

    let hung: Vec<_> = (0..2).map(|_| breaker.admit().unwrap()).collect();
    advance(5 * SECOND).await;
    let third = breaker.admit().unwrap();
    advance(5 * SECOND).await;
    assert_eq!(breaker.state(), State::HalfOpen, "two of four may fail");
    assert_eq!(breaker.snapshot().probes_out, 1);
    advance(5 * SECOND).await;
    assert_eq!(breaker.snapshot().last_cause, Cause::ProbeTimedOut);
    assert_eq!(open_time(&breaker), 60 * SECOND);
    hung.into_iter()
        .chain([third])
        .for_each(|late| late.record(SUCCESS));
    assert!(matches!(breaker.state(), State::Open { .. }), "too late");
}

#[tokio::test(start_paused = true)]
async fn the_open_time_grows_with_each_failed_probe_up_to_its_cap() {
    let breaker = builder().open_backoff(2.0, 300 * SECOND).build();
    fail(&breaker);
    for seconds in [60, 120, 240, 300, 300, 300] {
        assert_eq!(open_time(&breaker), seconds * SECOND);
        advance(seconds * SECOND).await;
        fail(&breaker);
    }
}

/// A flapping endpoint keeps its long open time; only healthy time shortens it.
#[tokio::test(start_paused = true)]
async fn the_open_time_shrinks_with_healthy_time_and_not_with_a_good_probe() {
    for (healthy, seconds) in [(0, 480), (599, 480), (600, 240), (1_200, 120), (9_999, 60)] {
        let breaker = builder()
            .open_backoff(2.0, 3_600 * SECOND)
            .healthy_for(600 * SECOND)
            .build();
        fail(&breaker);
        for _ in 0..3 {
            advance(open_time(&breaker)).await;
            fail(&breaker);
        }
        advance(open_time(&breaker)).await;
        breaker.admit().unwrap().record(SUCCESS);
        assert_eq!(breaker.state(), State::Closed);
        advance(healthy * SECOND).await;
        fail(&breaker);
        assert_eq!(open_time(&breaker), seconds * SECOND, "after {healthy} s");
        breaker.reset();
        fail(&breaker);
        assert_eq!(open_time(&breaker), 60 * SECOND, "reset");
    }
}

#[tokio::test(start_paused = true)]
async fn jitter_shortens_the_open_time_by_its_seed_and_never_the_servers_word() {
    let times = |seed: u64| async move {
        let breaker = builder().jitter(0.2, seed).build();
        let mut times = Vec::new();
        fail(&breaker);
        for _ in 0..50 {
            let time = open_time(&breaker);
            assert!((48 * SECOND..=60 * SECOND).contains(&time), "{time:?}");
            times.push(time);
            advance(time).await;
            fail(&breaker);
        }
        advance(open_time(&breaker)).await;
        breaker.admit().unwrap().record(Outcome::Failure {
            retry_after: Some(90 * SECOND),
        });
        assert_eq!(open_time(&breaker), 90 * SECOND);
        times
    };
    let (one, same, other) = (times(1).await, times(1).await, times(2).await);
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert!(one.windows(2).any(|pair| pair[0] != pair[1]));
}

#[tokio::test(start_paused = true)]
async fn after_closing_the_calls_at_a_time_ramp_up() {
    let breaker = builder()
        .consecutive_failures(3)
        .ramp_after_close(4)
        .half_open_deadline(10 * SECOND)
        .build();
    assert_eq!(
        breaker.snapshot().ramp_limit,
        None,
        "not before it has been open"
    );
    (0..3).for_each(|_| fail(&breaker));
    advance(60 * SECOND).await;
    breaker.admit().unwrap().record(SUCCESS);
    for limit in [1, 2, 4] {
        assert_eq!(breaker.snapshot().ramp_limit, Some(limit));
        // Cancelled calls give their place back and are no step.
        for _ in 0..10 {
            drop(breaker.admit().unwrap());
        }
        let mut out: Vec<_> = (0..limit).map(|_| breaker.admit().unwrap()).collect();
        assert_eq!(breaker.admit().unwrap_err().until, None);
        // A failure begins the step anew.
        out.remove(0).record(FAILURE);
        out.into_iter().for_each(|ticket| ticket.record(SUCCESS));
        assert_eq!(breaker.snapshot().ramp_limit, Some(limit));
        // Of the step `limit - 1` are done.
        breaker.admit().unwrap().record(SUCCESS);
    }
    assert_eq!(breaker.snapshot().ramp_limit, None);
    let many: Vec<_> = (0..100).map(|_| breaker.admit().unwrap()).collect();
    drop(many);
}

#[tokio::test(start_paused = true)]
async fn a_hung_call_does_not_stop_the_ramp() {
    let breaker = builder()
        .ramp_after_close(2)
        .half_open_deadline(10 * SECOND)
        .build();
    fail(&breaker);
    advance(60 * SECOND).await;
    breaker.admit().unwrap().record(SUCCESS);
    let hung = breaker.admit().unwrap();
    assert_eq!(breaker.admit().unwrap_err().retry_in, SECOND);
    advance(10 * SECOND).await;
    assert!(breaker.check().is_ok(), "its place is free again");
    hung.record(FAILURE);
    assert!(
        matches!(breaker.state(), State::Open { until } if until == Instant::now() + 60 * SECOND),
        "and its outcome still counts"
    );
}
