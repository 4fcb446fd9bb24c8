//! A listener that is not enabled is compiled out: no event is made for it.

use std::time::Duration;

use robust_limiter::{Charge, Class, Event, Limiter, Listener, Pause, Window};
use tokio::time::Instant;

/// What would hear, were anything told.
struct Deaf;

impl Listener for Deaf {
    const ENABLED: bool = false;

    fn on(&self, limiter: &str, event: &Event) {
        panic!("{limiter}: {event:?}");
    }
}

/// Everything that [`every_event_of_a_limiter_has_its_level_and_its_fields`](super::traced) is told of.
#[tokio::test(start_paused = true)]
async fn nothing_is_told_to_a_listener_that_is_switched_off() {
    let limiter = Limiter::builder("ferry")
        .window(Window::sliding("cars", 1, Duration::from_secs(60)).guard(Duration::ZERO))
        .listener(Deaf)
        .build();
    let car = Charge::new(0, 1).into();
    for _ in 0..2 {
        let permit = limiter.acquire(&car, Class::High, None).await;
        permit.unwrap().commit();
    }
    let soon = Instant::now() + Duration::from_secs(1);
    assert!(limiter.acquire(&car, Class::Low, Some(soon)).await.is_err());
    limiter.pause(Instant::now() + Duration::from_secs(90), Pause::Manual);
    limiter.resume();
    limiter.set_limit(0, 5).unwrap();
    assert_eq!(limiter.snapshot().windows[0].limit, 5);
}
