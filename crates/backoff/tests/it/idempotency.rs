//! What may have been carried out is not carried out again.

use std::{sync::Arc, time::Duration};

use robust_backoff::{Budget, Exponential, Jitter, Policy, Stats};
use tower::{ServiceExt, retry::Retry};

use crate::server::{Answer, Ask, Fault, Judge, OVERLOADED, Server};

const MILLI: Duration = Duration::from_millis(1);

async fn attempts(failure: Answer, changes_something: bool) -> (usize, Answer, Arc<Stats>, Budget) {
    let server = Server::answering([failure, Ok("done")]);
    let (stats, budget) = (Arc::new(Stats::default()), Budget::new(0.0, 5.0));
    let policy = Policy::builder(Exponential::new(MILLI, MILLI).jitter(Jitter::None), Judge)
        .stats(Arc::clone(&stats))
        .budget(budget.clone())
        .build();
    let ask = Ask {
        changes_something,
        ..Ask::default()
    };
    let answer = Retry::new(policy, server.clone()).oneshot(ask).await;
    (server.calls().len(), answer, stats, budget)
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_sent_and_is_not_idempotent_is_not_repeated() {
    let (sent, answer, stats, budget) = attempts(OVERLOADED, true).await;
    assert_eq!((sent, answer), (1, OVERLOADED), "the outcome itself");
    assert_eq!(stats.snapshot().given_up_not_idempotent, 1);
    assert_eq!(stats.snapshot().started, 0);
    assert_eq!(budget.stats().withdrawn, 0, "giving up is free");

    let (sent, answer, stats, _) = attempts(OVERLOADED, false).await;
    assert_eq!((sent, answer), (2, Ok("done")));
    assert_eq!(stats.snapshot().given_up_not_idempotent, 0);
}

#[tokio::test(start_paused = true)]
async fn what_never_left_is_repeated_in_any_case() {
    for changes_something in [false, true] {
        let refused = Err(Fault::RefusedLocally(None));
        let (sent, answer, _, budget) = attempts(refused, changes_something).await;
        assert_eq!((sent, answer), (2, Ok("done")));
        assert_eq!(budget.stats().withdrawn, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_it_left_alone_is_repeated_in_any_case_and_paid_for() {
    for changes_something in [false, true] {
        let (sent, answer, _, budget) = attempts(Err(Fault::TurnedAway), changes_something).await;
        assert_eq!((sent, answer), (2, Ok("done")));
        assert_eq!(budget.stats().withdrawn, 1, "the server felt it");
    }
}
