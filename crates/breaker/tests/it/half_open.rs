//! Exactly as many probes as permitted, and none is lost.

use std::{
    sync::{Barrier, atomic::Ordering::SeqCst},
    time::Duration,
};

use robust_breaker::{Cause, ErrorsAreFailures, Outcome, State};
use tokio::time::{Instant, timeout};
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::backend::{Backend, FAILURE, Order, SECOND, breaker, half_open, refusal};

#[tokio::test(start_paused = true)]
async fn of_a_hundred_concurrent_calls_exactly_the_permitted_go_through() {
    for permits in [1, 3, 10] {
        for order in [Order::Succeed, Order::Fail] {
            let breaker = half_open(permits).await;
            let backend = Backend::new(Duration::ZERO, SECOND);
            let counts = backend.counts();
            let service = ServiceBuilder::new()
                .layer(breaker.check_layer())
                .layer(breaker.admit_layer(ErrorsAreFailures))
                .service(backend);
            let calls: Vec<_> = (0..100)
                .map(|_| tokio::spawn(service.clone().oneshot(order)))
                .collect();
            let mut refused = 0;
            for call in calls {
                if let Err(error) = call.await.unwrap() {
                    refused += u32::from(refusal(&error).is_some());
                }
            }
            assert_eq!(
                counts.called.load(SeqCst),
                permits,
                "{permits} permits, {order:?}"
            );
            assert_eq!(refused, 100 - permits);
            let closed = breaker.state() == State::Closed;
            assert_eq!(closed, order == Order::Succeed);
        }
    }
}

/// The same with threads that arrive in the same instant.
#[tokio::test]
async fn of_a_hundred_threads_exactly_the_permitted_go_through() {
    for permits in [1, 4] {
        let breaker = breaker(permits);
        breaker.force_open("test", Instant::now());
        let barrier = Barrier::new(100);
        let tickets: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        breaker.admit().ok()
                    })
                })
                .collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(tickets.len(), permits as usize);
        assert!(tickets.iter().all(robust_breaker::Ticket::is_probe));
        assert_eq!(breaker.snapshot().probes_out, permits);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_probe_is_released_by_its_deadline() {
    let breaker = half_open(1).await;
    let hanging = Backend::new(Duration::ZERO, 86_400 * SECOND);
    let service = breaker.admit_layer(ErrorsAreFailures).layer(hanging);
    let hung = tokio::spawn(service.clone().oneshot(Order::Succeed));
    tokio::task::yield_now().await;
    assert_eq!(breaker.snapshot().probes_out, 1);

    tokio::time::advance(29 * SECOND).await;
    assert!(breaker.check().is_err());
    assert_eq!(breaker.state(), State::HalfOpen);

    tokio::time::advance(SECOND).await;
    let snapshot = breaker.snapshot();
    assert_eq!(
        (snapshot.last_cause, snapshot.probes_out),
        (Cause::ProbeTimedOut, 0)
    );
    assert_eq!(snapshot.retry_in, Some(60 * SECOND));

    tokio::time::advance(60 * SECOND).await;
    let next = breaker
        .admit()
        .expect("the hung probe does not block the next");
    assert!(next.is_probe());
    next.record(Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);

    hung.abort();
    assert!(hung.await.unwrap_err().is_cancelled());
    assert_eq!(
        breaker.snapshot().generation,
        5,
        "the end of the hung probe changed nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_returns_its_permit() {
    let breaker = half_open(1).await;
    let backend = Backend::new(Duration::ZERO, 10 * SECOND);
    let counts = backend.counts();
    let service = breaker.admit_layer(ErrorsAreFailures).layer(backend);
    for round in 1..=3 {
        let before = breaker.snapshot().probes_out;
        assert!(
            timeout(SECOND, service.clone().oneshot(Order::Succeed))
                .await
                .is_err()
        );
        assert_eq!(
            counts.called.load(SeqCst),
            round,
            "the permit of the one before was free"
        );
        assert_eq!((before, breaker.snapshot().probes_out), (0, 0));
    }
    assert_eq!(service.oneshot(Order::Succeed).await.unwrap(), "fine");
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_returns_its_permit() {
    let breaker = half_open(1).await;
    let service = breaker
        .admit_layer(ErrorsAreFailures)
        .layer(Backend::default());
    let probe = tokio::spawn(service.clone().oneshot(Order::Panic));
    assert!(probe.await.unwrap_err().is_panic());
    assert_eq!(breaker.snapshot().probes_out, 0);
    assert_eq!(service.oneshot(Order::Succeed).await.unwrap(), "fine");
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_is_dropped_returns_its_permit() {
    let breaker = half_open(2).await;
    for _ in 0..10 {
        let (one, two) = (breaker.admit().unwrap(), breaker.admit().unwrap());
        assert!(breaker.admit().is_err());
        drop((one, two));
    }
    assert_eq!(
        (breaker.state(), breaker.snapshot().probes_out),
        (State::HalfOpen, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn checking_takes_no_permit() {
    let breaker = half_open(1).await;
    for _ in 0..100 {
        breaker.check().expect("a probe would be let through");
    }
    assert_eq!(breaker.snapshot().probes_out, 0);

    // A call that has passed the check layer and waits in a queue holds nothing either.
    let queue = Backend::new(Duration::ZERO, 10 * SECOND);
    let queued = tokio::spawn(
        breaker
            .check_layer()
            .layer(queue.clone())
            .oneshot(Order::Succeed),
    );
    tokio::task::yield_now().await;
    assert_eq!(queue.counts().running.load(SeqCst), 1);
    assert_eq!(breaker.snapshot().probes_out, 0);
    let ticket = breaker.admit().expect("still there");
    ticket.record(FAILURE);
    assert_eq!(
        queued.await.unwrap().unwrap(),
        "fine",
        "checking records no outcome"
    );
    assert_eq!(breaker.snapshot().last_cause, Cause::ProbeFailed);
}
