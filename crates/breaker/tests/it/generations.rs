//! A result counts only in the generation in which its call was admitted.

use std::time::Duration;

use robust_breaker::{ErrorsAreFailures, Outcome, State};
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
    let ban = Outcome::Trip {
        open_for: 9_999 * SECOND,
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
