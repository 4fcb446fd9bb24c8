//! What `tracing` is told.

use std::time::Duration;

use robust_backoff::{
    Budget, Classify, Disposition, Exponential, Jitter, Policy, Replay, Tracing, classify_fn,
};
use robust_testkit::Heard;
use tokio::time::Instant;
use tower::retry::Retry;
use tower::{ServiceExt, service_fn};

#[derive(Clone)]
struct Once;

impl Replay for Once {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

fn always() -> impl Classify<u16, ()> {
    classify_fn(|outcome: Result<&u16, &()>| match outcome {
        Ok(503) => Disposition::Retry {
            after: None,
            sent: true,
        },
        _ => Disposition::Final,
    })
}

#[tokio::test(start_paused = true)]
async fn every_event_of_a_policy_has_its_level_and_its_fields() {
    let heard = Heard::of("robust_backoff");
    let delays =
        Exponential::new(Duration::from_secs(1), Duration::from_secs(30)).jitter(Jitter::None);
    let policy = |budget| {
        let policy = Policy::builder(delays, always()).max_retries(1);
        policy
            .name("dictionary")
            .budget(budget)
            .listener(Tracing)
            .build()
    };
    let busy = || service_fn(|_: Once| async { Ok::<u16, ()>(503) });
    let answer = Retry::new(policy(Budget::new(0.0, 10.0)), busy())
        .oneshot(Once)
        .await;
    assert_eq!(answer, Ok(503));
    assert_eq!(
        heard.take(),
        [
            "DEBUG pausing policy=\"dictionary\" retry=1 pause=1s",
            "TRACE retrying policy=\"dictionary\" retry=1",
            "DEBUG gave up policy=\"dictionary\" reason=\"attempts\" retries=1",
        ]
    );
    let answer = Retry::new(policy(Budget::new(0.0, 0.0)), busy())
        .oneshot(Once)
        .await;
    assert_eq!(answer, Ok(503));
    assert_eq!(
        heard.take(),
        ["WARN gave up policy=\"dictionary\" reason=\"budget\" retries=0"]
    );
    let fine = service_fn(|_: Once| async { Ok::<u16, ()>(200) });
    Retry::new(policy(Budget::new(0.0, 10.0)), fine)
        .oneshot(Once)
        .await
        .unwrap();
    assert!(heard.take().is_empty(), "a call that succeeds is no news");
}
