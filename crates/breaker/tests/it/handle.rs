//! The handle: counting, opening times, control and what an operator sees.

use std::time::Duration;

use robust_breaker::{Breaker, Cause, Outcome, State};
use tokio::time::Instant;

use crate::backend::{FAILURE, SECOND, breaker, half_open};

#[tokio::test(start_paused = true)]
async fn a_success_between_failures_keeps_it_closed() {
    let breaker = Breaker::builder("flaky").consecutive_failures(3).build();
    for round in 0..100 {
        for outcome in [Outcome::Success, FAILURE, FAILURE, Outcome::Ignore] {
            breaker.admit().unwrap().record(outcome);
        }
        assert_eq!(breaker.snapshot().consecutive_failures, 2, "round {round}");
    }
    assert_eq!(breaker.snapshot().generation, 0);
    breaker.admit().unwrap().record(FAILURE);
    assert!(matches!(breaker.state(), State::Open { .. }));
}

#[tokio::test(start_paused = true)]
async fn open_time_is_the_longer_of_own_time_and_retry_after() {
    for (retry_after, seconds) in [
        (None, 60),
        (Some(5), 60),
        (Some(60), 60),
        (Some(7_200), 7_200),
    ] {
        let breaker = breaker(1);
        breaker.admit().unwrap().record(Outcome::Failure {
            retry_after: retry_after.map(Duration::from_secs),
        });
        let end = Instant::now() + Duration::from_secs(seconds);
        assert_eq!(breaker.state(), State::Open { until: end });
        assert_eq!(
            breaker.snapshot().retry_in,
            Some(Duration::from_secs(seconds))
        );
        tokio::time::advance(Duration::from_secs(seconds) - Duration::from_nanos(1)).await;
        assert_eq!(
            breaker.check().unwrap_err().retry_in,
            Duration::from_nanos(1)
        );
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert!(breaker.check().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_ban_opens_at_once_whatever_was_counted() {
    let breaker = Breaker::builder("banned")
        .consecutive_failures(1_000)
        .build();
    breaker.admit().unwrap().record(Outcome::Success);
    breaker.admit().unwrap().record(Outcome::Trip {
        open_for: 120 * SECOND,
    });
    let snapshot = breaker.snapshot();
    assert_eq!(
        (snapshot.retry_in, snapshot.last_cause),
        (Some(120 * SECOND), Cause::Tripped)
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_opens_closes_and_resets() {
    let breaker = breaker(1);
    let until = Instant::now() + 600 * SECOND;
    breaker.force_open("test", until);
    assert_eq!(breaker.state(), State::Open { until });
    assert_eq!(breaker.admit().unwrap_err().retry_in, 600 * SECOND);

    breaker.force_close();
    assert_eq!(
        (breaker.state(), breaker.snapshot().opened_times),
        (State::Closed, 1)
    );
    assert!(breaker.admit().is_ok());

    breaker.reset();
    let snapshot = breaker.snapshot();
    assert_eq!(
        (snapshot.opened_times, snapshot.last_cause),
        (0, Cause::Reset)
    );
}

#[tokio::test(start_paused = true)]
async fn watching_shows_each_change_with_its_cause() {
    let breaker = breaker(1);
    let mut changes = breaker.watch();
    assert_eq!(changes.borrow_and_update().cause, Cause::Built);

    breaker.admit().unwrap().record(Outcome::Success);
    assert!(!changes.has_changed().unwrap(), "a success is no change");

    breaker.admit().unwrap().record(FAILURE);
    assert!(changes.has_changed().unwrap());
    let opened = *changes.borrow_and_update();
    assert_eq!((opened.from, opened.generation), (State::Closed, 1));
    assert_eq!(opened.cause, Cause::ConsecutiveFailures(1));
    assert_eq!(
        opened.to,
        State::Open {
            until: opened.at + 60 * SECOND
        }
    );

    tokio::time::advance(61 * SECOND).await;
    assert!(
        !changes.has_changed().unwrap(),
        "nothing moves without traffic"
    );
    let probe = breaker.admit().unwrap();
    let probing = *changes.borrow_and_update();
    assert_eq!(
        (probing.to, probing.cause),
        (State::HalfOpen, Cause::OpenTimeOver)
    );

    probe.record(Outcome::Success);
    let closed = *changes.borrow_and_update();
    assert_eq!((closed.from, closed.to), (State::HalfOpen, State::Closed));
    assert_eq!(
        (closed.generation, closed.cause),
        (3, Cause::ProbesSucceeded)
    );
}

#[tokio::test(start_paused = true)]
async fn debug_output_shows_the_snapshot() {
    let breaker = breaker(1);
    assert_eq!(
        format!("{:?}", breaker.admit().unwrap()),
        r#"Ticket { name: "backend", probe: false, .. }"#
    );
    let text = format!("{:?}", half_open(1).await);
    assert!(
        text.contains("backend") && text.contains("ConsecutiveFailures(1)"),
        "{text}"
    );
}

/// The path without lock and the path with it must agree, whoever wins.
#[test]
fn threads_agree_on_one_state() {
    let breaker = Breaker::builder("threads")
        .consecutive_failures(3)
        .open_for(Duration::ZERO)
        .build();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let breaker = &breaker;
            scope.spawn(move || {
                for call in 0..5_000_u32 {
                    let Ok(ticket) = breaker.admit() else {
                        continue;
                    };
                    match (call + thread) % 7 {
                        0..=2 => ticket.record(FAILURE),
                        3 => drop(ticket),
                        _ => ticket.record(Outcome::Success),
                    }
                }
            });
        }
    });
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.probes_out, 0, "permits in = permits out");
    assert_eq!(
        breaker.watch().borrow().generation,
        snapshot.generation,
        "the last change was announced"
    );
    if snapshot.state == State::Closed {
        assert!(snapshot.consecutive_failures < 3);
    }
    // It still works: a success closes it, three failures open it.
    breaker.admit().unwrap().record(Outcome::Success);
    assert_eq!(
        (breaker.state(), breaker.snapshot().consecutive_failures),
        (State::Closed, 0)
    );
    (0..3).for_each(|_| breaker.admit().unwrap().record(FAILURE));
    assert!(matches!(breaker.state(), State::Open { .. }));
}
