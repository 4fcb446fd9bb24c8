//! The end of a call.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::time::Duration;

use robust_backoff::{TimedOut, TimeoutLayer, until, within};
use tokio::time::{Instant, sleep};
use tokio_test::{assert_pending, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

const LIMIT: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_handed_on_and_a_late_one_is_an_error_that_names_the_limit() {
    let service = TimeoutLayer::new(LIMIT).layer(service_fn(|takes: Duration| async move {
        sleep(takes).await;
        Ok::<_, BoxError>(takes)
    }));
    let quick = Duration::from_millis(1_999);
    assert_eq!(service.clone().oneshot(quick).await.unwrap(), quick);
    let begun = Instant::now();
    let error = service.oneshot(LIMIT * 2).await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&TimedOut { after: LIMIT }));
    assert_eq!(error.to_string(), "no answer within 2s");
    assert_eq!(begun.elapsed(), LIMIT);
}

/// No runtime here: arming a timer would panic.
#[test]
fn an_answer_that_is_there_at_once_needs_no_timer() {
    let mut at_once = task::spawn(within(LIMIT, ready(7)));
    assert_eq!(at_once.poll(), std::task::Poll::Ready(Some(7)));
    let mut service =
        TimeoutLayer::new(LIMIT).layer(service_fn(|n: u8| ready(Ok::<_, BoxError>(n))));
    let mut call = task::spawn(service.call(7));
    assert!(matches!(call.poll(), std::task::Poll::Ready(Ok(7))));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_counts_however_late_it_is_looked_at() {
    let mut waiting = task::spawn(until(Instant::now() + LIMIT, sleep(LIMIT / 2)));
    assert_pending!(waiting.poll());
    tokio::time::advance(LIMIT * 2).await;
    assert_eq!(waiting.poll(), std::task::Poll::Ready(Some(())));
    assert_eq!(until(Instant::now(), pending::<Infallible>()).await, None);
}
