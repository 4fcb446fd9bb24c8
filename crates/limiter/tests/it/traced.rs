//! What `tracing` is told.

use std::time::Duration;

use robust_limiter::{Charge, Class, Limiter, Pause, Tracing, Window};
use robust_testkit::Heard;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn every_event_of_a_limiter_has_its_level_and_its_fields() {
    let heard = Heard::of("robust_limiter");
    let limiter = Limiter::builder("ferry")
        .window(Window::sliding("cars", 1, Duration::from_secs(60)).guard(Duration::ZERO))
        .listener(Tracing)
        .build();
    let car = Charge::new(0, 1).into();
    limiter
        .acquire(&car, Class::High, None)
        .await
        .unwrap()
        .commit();
    assert!(heard.take().is_empty(), "who need not wait is no news");
    limiter
        .acquire(&car, Class::High, None)
        .await
        .unwrap()
        .commit();
    assert_eq!(
        heard.take(),
        ["DEBUG waited limiter=\"ferry\" class=High wait=60s window=\"cars\""]
    );
    let soon = Instant::now() + Duration::from_secs(1);
    assert!(limiter.acquire(&car, Class::Low, Some(soon)).await.is_err());
    assert_eq!(
        heard.take(),
        ["DEBUG refused limiter=\"ferry\" class=Low retry_in=Some(60s)"]
    );
    limiter.pause(Instant::now() + Duration::from_secs(90), Pause::Manual);
    assert_eq!(
        heard.take(),
        ["WARN paused limiter=\"ferry\" length=90s reason=manual"]
    );
    limiter.resume();
    limiter.set_limit(0, 5).unwrap();
    assert_eq!(
        heard.take(),
        [
            "INFO resumed limiter=\"ferry\"",
            "INFO limit changed limiter=\"ferry\" window=\"cars\" limit=5",
        ]
    );
}
