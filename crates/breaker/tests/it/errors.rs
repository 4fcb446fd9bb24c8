//! Services with any error: boxed, impossible, or your own.

use std::{convert::Infallible, time::Duration};

use robust_breaker::{Breaker, Error, ErrorsAreFailures, LiftLayer, Open, Outcome, classify_fn};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};

fn breaker() -> Breaker {
    Breaker::builder("errors").consecutive_failures(1).build()
}

#[tokio::test(start_paused = true)]
async fn an_infallible_service_is_lifted() {
    let breaker = breaker();
    let judge = classify_fn(
        |status: Result<&u16, &Error<Infallible>>, _: Duration| match status {
            Ok(500..) => Outcome::Failure { retry_after: None },
            _ => Outcome::Success,
        },
    );
    let service = ServiceBuilder::new()
        .layer(breaker.check_layer())
        .layer(breaker.admit_layer(judge))
        .layer(LiftLayer)
        .service(service_fn(|status: u16| async move {
            Ok::<_, Infallible>(status)
        }));
    assert_eq!(service.clone().oneshot(404).await, Ok(404));
    assert_eq!(service.clone().oneshot(503).await, Ok(503));
    assert!(matches!(
        service.oneshot(200).await,
        Err(Error::Rejected(Open { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_lifted_service_keeps_its_own_error() {
    let breaker = breaker();
    let service = ServiceBuilder::new()
        .layer(breaker.admit_layer(ErrorsAreFailures))
        .layer(LiftLayer)
        .service(service_fn(|(): ()| async { Err::<(), _>("own") }));
    assert_eq!(service.oneshot(()).await, Err(Error::Inner("own")));
}

#[tokio::test(start_paused = true)]
async fn a_boxed_error_carries_the_refusal() {
    let breaker = breaker();
    let service = ServiceBuilder::new()
        .layer(breaker.check_layer())
        .layer(breaker.admit_layer(ErrorsAreFailures))
        .service(service_fn(|(): ()| async {
            Err::<(), BoxError>("broken".into())
        }));
    assert_eq!(
        service.clone().oneshot(()).await.unwrap_err().to_string(),
        "broken"
    );
    let error = service.oneshot(()).await.unwrap_err();
    assert_eq!(error.to_string(), "circuit errors is open, retry in 60s");
    assert!(error.downcast_ref::<Open>().is_some());
}

#[derive(Debug, PartialEq)]
enum Own {
    Broken,
    Refused(Duration),
}

impl From<Open> for Own {
    fn from(open: Open) -> Self {
        Self::Refused(open.retry_in)
    }
}

#[tokio::test(start_paused = true)]
async fn an_own_error_takes_the_refusal_without_nesting() {
    let breaker = breaker();
    let service = ServiceBuilder::new()
        .layer(breaker.check_layer())
        .layer(breaker.admit_layer(ErrorsAreFailures))
        .service(service_fn(|(): ()| async { Err::<(), _>(Own::Broken) }));
    assert_eq!(service.clone().oneshot(()).await, Err(Own::Broken));
    assert_eq!(
        service.oneshot(()).await,
        Err(Own::Refused(Duration::from_secs(60)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_want_of_permits_says_so() {
    let breaker = breaker();
    breaker.force_open("test", tokio::time::Instant::now());
    let _probe = breaker.admit().unwrap();
    let open = breaker.admit().unwrap_err();
    assert_eq!(
        open.to_string(),
        "circuit errors waits for its probes, retry in 1s"
    );
    assert_eq!(open.until, None);
}
