//! A result counts only in the generation in which its call was admitted.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use robust_breaker::{Breaker, ErrorsAreFailures, Event, EventKind, Outcome, State};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::backend::{Backend, FAILURE, Order, SECOND, breaker};

/// A call of the closed time that ends in the half-open time, through the layer.
#[tokio::test(start_paused = true)]
async fn a_straggler_decides_nothing_about_the_half_open_circuit() {
    for order in [Order::Succeed, Order::Fail] {
        let breaker = breaker(1);
        let slow = Backend::new(Duration::ZERO, 70 * SECOND);
        let straggler = tokio::spawn(
            breaker
                .admit_layer(ErrorsAreFailures)
                .layer(slow)
                .oneshot(order),
        );
        tokio::task::yield_now().await;

        breaker.admit().unwrap().record(FAILURE);
        tokio::time::sleep(60 * SECOND).await;
        let probe = breaker.admit().expect("half-open");
        let before = breaker.snapshot();

        let _ = straggler.await.unwrap();
        assert_eq!(breaker.snapshot().state, State::HalfOpen, "{order:?}");
        assert_eq!(breaker.snapshot().generation, before.generation);
        assert_eq!(breaker.snapshot().probes_out, 1);

        probe.record(Outcome::Success);
        assert_eq!(breaker.state(), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn old_results_move_no_state_in_either_direction() {
    // What a word of the server does beside that is shown below.
    let ban = Outcome::Trip {
        open_for: 59 * SECOND,
    };
    for stale in [Outcome::Success, FAILURE, ban, Outcome::Ignore] {
        let breaker = breaker(1);
        let tickets: Vec<_> = (0..3).map(|_| breaker.admit().unwrap()).collect();
        let mut tickets = tickets.into_iter();

        breaker.admit().unwrap().record(FAILURE);
        let open = breaker.snapshot();
        tickets.next().unwrap().record(stale);
        assert_eq!(breaker.snapshot(), open, "{stale:?} while open");

        tokio::time::advance(60 * SECOND).await;
        let probe = breaker.admit().unwrap();
        let half_open = breaker.snapshot();
        tickets.next().unwrap().record(stale);
        assert_eq!(breaker.snapshot(), half_open, "{stale:?} while half-open");

        probe.record(Outcome::Success);
        let closed = breaker.snapshot();
        tickets.next().unwrap().record(stale);
        assert_eq!(breaker.snapshot(), closed, "{stale:?} while closed again");
    }
}

/// Two calls are under way, and the server bans both: the longer ban holds, and opens nothing twice.
#[tokio::test(start_paused = true)]
async fn the_longer_word_of_calls_under_way_makes_the_open_time_longer_and_moves_no_state() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let breaker = Breaker::builder("banned")
        .listener(move |event: &Event<'_>| match event.kind {
            EventKind::Changed(to) => log.lock().unwrap().push(("changed", to)),
            EventKind::Lengthened(to) => log.lock().unwrap().push(("lengthened", to)),
            _ => {}
        })
        .build();
    let mut watch = breaker.watch();
    let tickets: Vec<_> = (0..3).map(|_| breaker.admit().unwrap()).collect();
    let outcomes = [
        Outcome::Trip {
            open_for: 120 * SECOND,
        },
        Outcome::Trip {
            open_for: 259_200 * SECOND,
        },
        Outcome::Failure {
            retry_after: Some(600 * SECOND),
        },
    ];
    for (ticket, outcome) in tickets.into_iter().zip(outcomes) {
        ticket.record(outcome);
    }
    let until = Instant::now() + 259_200 * SECOND;
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.state, State::Open { until });
    assert_eq!((snapshot.generation, snapshot.opened_times), (1, 1));
    assert_eq!(breaker.admit().unwrap_err().retry_in, 259_200 * SECOND);
    assert_eq!(watch.borrow_and_update().to, State::Open { until });
    let heard: Vec<_> = std::mem::take(&mut *heard.lock().unwrap());
    let kinds: Vec<_> = heard
        .iter()
        .map(|(kind, to)| (*kind, to.generation))
        .collect();
    assert_eq!(kinds, [("changed", 1), ("lengthened", 1)]);

    // Nobody is let through before the end of the longer one.
    tokio::time::advance(259_199 * SECOND).await;
    assert!(breaker.admit().is_err());
    tokio::time::advance(SECOND).await;
    assert!(breaker.admit().unwrap().is_probe());
}

#[tokio::test(start_paused = true)]
async fn a_straggler_with_a_word_lengthens_the_open_time_that_a_rule_began() {
    let breaker = breaker(1);
    let (one, two) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    one.record(FAILURE);
    two.record(Outcome::Failure {
        retry_after: Some(600 * SECOND),
    });
    assert_eq!(breaker.check().unwrap_err().retry_in, 600 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_survives_neither_force_close_nor_reset() {
    let breaker = breaker(1);
    let (one, two) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    breaker.force_close();
    one.record(FAILURE);
    breaker.reset();
    two.record(FAILURE);
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().consecutive_failures, 0);
}
