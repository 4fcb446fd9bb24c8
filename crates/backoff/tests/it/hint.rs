//! The server's word on when to come back.

use std::time::Duration;

use robust_backoff::{Exponential, Jitter, Policy};
use tower::{ServiceExt, retry::Retry};

use crate::server::{Answer, Ask, Fault, Judge, Server, overloaded_for};

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);

async fn first_pause(failure: Answer, seed: u64) -> Duration {
    let server = Server::answering([failure, Ok("done")]);
    let delays = Exponential::new(2 * SECOND, 10 * SECOND).jitter(Jitter::None);
    let policy = Policy::builder(delays, Judge).seed(seed).build();
    assert_eq!(
        Retry::new(policy, server.clone())
            .oneshot(Ask::default())
            .await,
        Ok("done")
    );
    server.pauses()[0]
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_a_floor_also_above_the_own_maximum() {
    for (hint, seed) in (3..60).step_by(7).zip(0..) {
        let pause = first_pause(overloaded_for(hint), seed).await;
        let hint = Duration::from_secs(hint);
        assert!(
            hint <= pause && pause <= hint.mul_f64(1.1) + TICK,
            "{pause:?} after a hint of {hint:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_longer_own_delay_wins() {
    assert_eq!(first_pause(overloaded_for(1), 0).await, 2 * SECOND);
    assert_eq!(first_pause(overloaded_for(0), 0).await, 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_local_refusal_names_its_moment_too() {
    let pause = first_pause(Err(Fault::RefusedLocally(Some(30 * SECOND))), 0).await;
    assert!(
        (30 * SECOND..=33 * SECOND + TICK).contains(&pause),
        "{pause:?}"
    );
}

/// Without a spread on the hint, all who were told "30 s" would come back in one instant.
#[tokio::test(start_paused = true)]
async fn two_calls_with_the_same_hint_come_back_apart() {
    let (one, two) = (
        first_pause(overloaded_for(30), 1).await,
        first_pause(overloaded_for(30), 2).await,
    );
    assert_ne!(one, two);
}

#[tokio::test(start_paused = true)]
async fn an_absurd_hint_does_not_panic() {
    let server = Server::answering([Err(Fault::Overloaded(Some(Duration::MAX)))]);
    let policy = Policy::builder(Exponential::new(SECOND, SECOND), Judge).build();
    let ask = Ask::within(60 * SECOND);
    let answer = Retry::new(policy, server.clone()).oneshot(ask).await;
    assert!(answer.is_err());
    assert_eq!(server.calls().len(), 1);
}
