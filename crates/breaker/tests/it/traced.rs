//! What `tracing` is told.

use std::time::Duration;

use robust_breaker::{Breaker, Outcome, Tracing};
use robust_testkit::Heard;
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn every_event_of_a_breaker_has_its_level_and_its_fields() {
    let heard = Heard::of("robust_breaker");
    let breaker = Breaker::builder("tide gauge")
        .consecutive_failures(1)
        .open_for(Duration::from_secs(10))
        .listener(Tracing)
        .build();
    breaker.admit().unwrap().record(Outcome::Success);
    assert_eq!(
        heard.take(),
        [
            "TRACE admitted breaker=\"tide gauge\" permit=false generation=0",
            "TRACE ended breaker=\"tide gauge\" outcome=Some(Success) generation=0",
        ]
    );
    breaker.admit().unwrap().record(Outcome::FAILURE);
    let changes = heard.take_of("WARN");
    assert_eq!(
        changes,
        [
            "WARN changed breaker=\"tide gauge\" from=closed to=open generation=1 cause=1 failures in a row"
        ]
    );
    assert!(breaker.admit().is_err());
    assert_eq!(
        heard.take(),
        ["DEBUG refused breaker=\"tide gauge\" retry_in=10s generation=1"]
    );
    advance(Duration::from_secs(10)).await;
    breaker.admit().unwrap().record(Outcome::Success);
    let changes = heard.take_of("INFO");
    assert_eq!(
        changes,
        [
            "INFO changed breaker=\"tide gauge\" from=open to=half_open generation=2 cause=open time over",
            "INFO changed breaker=\"tide gauge\" from=half_open to=closed generation=3 cause=probes succeeded",
        ]
    );
    let (one, two) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    one.record(Outcome::FAILURE);
    let retry_after = Some(Duration::from_secs(600));
    two.record(Outcome::Failure { retry_after });
    assert_eq!(
        heard.take_of("WARN")[1..],
        ["WARN lengthened breaker=\"tide gauge\" generation=4 retry_in=600s"]
    );
    breaker.metrics_only();
    heard.take();
    breaker.admit().unwrap().record(Outcome::FAILURE);
    let would = heard.take_of("WARN");
    assert_eq!(
        would,
        ["WARN would open breaker=\"tide gauge\" cause=1 failures in a row"]
    );
}
