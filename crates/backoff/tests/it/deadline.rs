//! No retry begins after the deadline, and nobody waits for one that cannot.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use robust_backoff::{Budget, Exponential, Jitter, Policy, Stats};
use tokio::time::Instant;
use tower::{ServiceExt, retry::Retry};

use crate::server::{Ask, Judge, OVERLOADED, Server, overloaded_for};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_pause_that_ends_after_the_deadline_is_not_begun() {
    let cases = [
        // (own delay, hint in seconds, deadline in ms, attempts)
        (SECOND, None, 1_000, 1),
        (SECOND, None, 1_001, 1),
        (SECOND, None, 1_002, 2),
        (SECOND, Some(20), 10_000, 1),
        (SECOND, Some(20), 25_000, 2),
        (SECOND, None, 0, 1),
    ];
    for (delay, hint, deadline, attempts) in cases {
        let failure = hint.map_or(OVERLOADED, overloaded_for);
        let server = Server::answering([failure]);
        let (stats, budget) = (Arc::new(Stats::default()), Budget::new(1.0, 1.0));
        let policy = Policy::builder(Exponential::new(delay, delay).jitter(Jitter::None), Judge)
            .budget(budget.clone())
            .stats(Arc::clone(&stats))
            .build();
        let begin = Instant::now();
        let ask = Ask::within(Duration::from_millis(deadline));
        let answer = Retry::new(policy, server.clone()).oneshot(ask).await;

        assert_eq!(answer, failure, "the outcome itself, not a timeout");
        let calls = server.calls();
        assert_eq!(
            calls.len(),
            attempts,
            "deadline {deadline} ms, hint {hint:?}"
        );
        assert_eq!(
            calls.last().map(|call| call.0),
            Some(Instant::now()),
            "returned at once"
        );
        assert!(begin.elapsed() <= Duration::from_millis(deadline));
        assert_eq!(stats.snapshot().given_up_deadline, 1);
        assert_eq!(
            budget.stats().withdrawn,
            attempts as u64 - 1,
            "giving up costs no budget"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_attempt_begins_at_or_after_the_deadline(
        base in 1_u64..5_000, deadline in 0_u64..60_000, hint in prop::option::of(0_u64..10), seed: u64
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async {
            let server = Server::answering([hint.map_or(OVERLOADED, overloaded_for)]);
            let delays = Exponential::new(Duration::from_millis(base), 60 * SECOND);
            let policy = Policy::builder(delays, Judge).max_retries(20).seed(seed).build();
            let ask = Ask::within(Duration::from_millis(deadline));
            let end = ask.deadline;
            let answer = Retry::new(policy, server.clone()).oneshot(ask).await;
            prop_assert!(answer.is_err());
            for (when, _) in server.calls().into_iter().skip(1) {
                prop_assert!(Some(when) < end);
            }
            prop_assert!(Some(Instant::now()) <= end);
            Ok(())
        })?;
    }
}
