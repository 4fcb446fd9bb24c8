//! What `tower::retry` does with the policy.

use std::{sync::Arc, time::Duration};

use robust_backoff::{
    Budget, Disposition, Exponential, Jitter, Policy, Replay, Stats, classify_fn,
};
use tokio::time::Instant;
use tower::{
    BoxError, Service, ServiceBuilder, ServiceExt,
    retry::{Retry, RetryLayer},
};
use tower_test::{assert_request_eq, mock};

use crate::server::{Ask, Judge, OVERLOADED, Server};

const SECOND: Duration = Duration::from_secs(1);

fn seconds() -> Exponential {
    Exponential::new(SECOND, 60 * SECOND).jitter(Jitter::None)
}

#[tokio::test(start_paused = true)]
async fn every_attempt_enters_the_inner_service_again() {
    let server = Server::answering([OVERLOADED, OVERLOADED, OVERLOADED, Ok("at last")]);
    let mut service = Retry::new(Policy::builder(seconds(), Judge).build(), server.clone());
    let answer = service.ready().await.unwrap().call(Ask::default()).await;
    assert_eq!(answer, Ok("at last"));
    assert_eq!(server.calls().len(), 4);
    assert_eq!(
        server.readied(),
        4,
        "each attempt waits for readiness, so that a limiter below sees it"
    );
    assert_eq!(server.pauses(), [SECOND, 2 * SECOND, 4 * SECOND]);
}

#[derive(Debug, Clone, PartialEq)]
struct Word(&'static str);

impl Replay for Word {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// The same through a mock that hands out every single request and grants every readiness.
#[tokio::test(start_paused = true)]
async fn a_mock_sees_the_original_and_each_retry() {
    let judge = classify_fn(|outcome: Result<&u16, &BoxError>| match outcome {
        Ok(503) | Err(_) => Disposition::Retry {
            after: None,
            sent: true,
        },
        Ok(_) => Disposition::Final,
    });
    let (inner, mut handle) = mock::pair::<Word, u16>();
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(Policy::builder(seconds(), judge).build()))
        .service(inner);
    handle.allow(3);
    let call = tokio::spawn(service.ready().await.unwrap().call(Word("again")));
    assert_request_eq!(handle, Word("again")).send_response(503);
    assert_request_eq!(handle, Word("again")).send_error("connection reset");
    assert_request_eq!(handle, Word("again")).send_response(200);
    assert_eq!(call.await.unwrap().unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_final_outcome_is_returned_at_once() {
    let server = Server::answering([Ok("fine")]);
    let begin = Instant::now();
    let mut service = Retry::new(Policy::builder(seconds(), Judge).build(), server.clone());
    assert_eq!(
        service.ready().await.unwrap().call(Ask::default()).await,
        Ok("fine")
    );
    assert_eq!((server.calls().len(), begin.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_numbered_and_limited() {
    let server = Server::answering([OVERLOADED]);
    let stats = Arc::new(Stats::default());
    let policy = Policy::builder(seconds(), Judge)
        .max_retries(2)
        .stats(Arc::clone(&stats))
        .build();
    let answer = Retry::new(policy, server.clone())
        .oneshot(Ask::default())
        .await;
    assert_eq!(answer, OVERLOADED);
    // The first attempt is not announced.
    assert_eq!(server.attempts(), [0, 2, 3]);
    let counted = stats.snapshot();
    assert_eq!((counted.started, counted.given_up_attempts), (2, 1));
    assert_eq!((counted.given_up_deadline, counted.given_up_budget), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_last_permitted_attempt_moves_the_request_unless_counted() {
    for (counted, replays) in [(false, 2), (true, 3)] {
        let server = Server::answering([OVERLOADED]);
        let mut policy = Policy::builder(seconds(), Judge).max_retries(2);
        if counted {
            policy = policy.stats(Arc::new(Stats::default()));
        }
        let ask = Ask::default();
        let counter = Arc::clone(&ask.replays);
        let _ = Retry::new(policy.build(), server.clone())
            .oneshot(ask)
            .await;
        assert_eq!(server.calls().len(), 3);
        assert_eq!(*counter.lock().unwrap(), replays);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_refuses_to_be_replayed_is_sent_once() {
    let server = Server::answering([OVERLOADED]);
    let policy = Policy::builder(seconds(), Judge).build();
    let ask = Ask {
        once: true,
        ..Ask::default()
    };
    assert_eq!(
        Retry::new(policy, server.clone()).oneshot(ask).await,
        OVERLOADED
    );
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_retries_means_one_attempt() {
    let server = Server::answering([OVERLOADED]);
    let policy = Policy::builder(seconds(), Judge).max_retries(0).build();
    assert_eq!(
        Retry::new(policy, server.clone())
            .oneshot(Ask::default())
            .await,
        OVERLOADED
    );
    assert_eq!(server.calls().len(), 1);
}

/// The seed's formula with the cap after the jitter, on the clock: `min(base·2ⁿ, max/1.1)·(1 + 0.1·rand)`.
#[tokio::test(start_paused = true)]
async fn pauses_keep_the_bounds_of_additive_jitter() {
    let server = Server::answering([OVERLOADED]);
    let delays = Exponential::new(SECOND, 5 * SECOND).jitter(Jitter::Additive(0.1));
    let policy = Policy::builder(delays, Judge)
        .max_retries(6)
        .seed(1)
        .build();
    let _ = Retry::new(policy, server.clone())
        .oneshot(Ask::default())
        .await;
    let pauses = server.pauses();
    assert_eq!(pauses.len(), 6);
    for (pause, least) in pauses
        .into_iter()
        .zip([1.0, 2.0, 4.0, 5.0 / 1.1, 5.0 / 1.1, 5.0 / 1.1].map(Duration::from_secs_f64))
    {
        // tokio's timer rounds up to a millisecond.
        let most = least.mul_f64(1.1) + Duration::from_millis(1);
        assert!(
            least <= pause && pause <= most,
            "{pause:?} is not in {least:?}..={most:?}"
        );
    }
}

/// A policy that serves one call keeps nothing of it for the next.
#[tokio::test(start_paused = true)]
async fn each_call_has_all_its_retries() {
    let server = Server::answering([OVERLOADED]);
    let policy = Policy::builder(seconds(), Judge)
        .max_retries(2)
        .budget(Budget::unlimited())
        .build();
    let mut service = Retry::new(policy, server.clone());
    for calls in [3, 6, 9] {
        let _ = service.ready().await.unwrap().call(Ask::default()).await;
        assert_eq!(server.calls().len(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_a_fresh_session() {
    use tower::retry::Policy as _;

    let mut session = Policy::builder(seconds(), Judge).max_retries(1).build();
    let (mut ask, mut outcome) = (Ask::default(), OVERLOADED);
    assert!(session.retry(&mut ask, &mut outcome).is_some());
    assert!(session.retry(&mut ask, &mut outcome).is_none(), "used up");
    assert!(session.clone().retry(&mut ask, &mut outcome).is_some());
}
