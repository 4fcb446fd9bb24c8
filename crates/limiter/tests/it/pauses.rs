//! The server wants to hear nothing for a while.

use std::time::Duration;

use robust_limiter::{Class, Pause, Rejected};
use tokio::time::{Instant, advance};

use crate::acquire::{SECOND, limiter, spend, units};

#[tokio::test(start_paused = true)]
async fn nothing_is_granted_in_a_pause_and_all_keep_their_places() {
    let limiter = limiter(10, SECOND);
    let start = Instant::now();
    limiter.pause(start + 5 * SECOND, Pause::RetryAfter);
    assert_eq!(limiter.paused_until(), Some(start + 5 * SECOND));
    assert_eq!(limiter.snapshot().pause, Some(Pause::RetryAfter));
    assert_eq!(
        limiter.try_acquire(&units(1), Class::Critical).unwrap_err(),
        Rejected::Paused {
            retry_in: 5 * SECOND
        }
    );
    spend(&limiter, 1, Class::Low).await;
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_eq!(limiter.paused_until(), None);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_for_the_end_of_the_pause_is_refused_at_once() {
    let limiter = limiter(1, SECOND);
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let start = Instant::now();
    let short = tokio::spawn(limiter.acquire(&units(1), Class::Low, Some(start + 3 * SECOND)));
    let long = tokio::spawn(limiter.acquire(&units(1), Class::Low, Some(start + 30 * SECOND)));
    tokio::task::yield_now().await;
    limiter.pause(start + 20 * SECOND, Pause::Ban);
    assert_eq!(
        short.await.unwrap().unwrap_err(),
        Rejected::Paused {
            retry_in: 20 * SECOND
        }
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    let newcomer = limiter
        .acquire(&units(1), Class::Critical, Some(start + 10 * SECOND))
        .await
        .unwrap_err();
    assert_eq!(
        newcomer,
        Rejected::Paused {
            retry_in: 20 * SECOND
        }
    );
    long.await.unwrap().unwrap().commit();
    assert_eq!(start.elapsed(), 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_later_end_replaces_an_earlier_one_and_never_the_other_way() {
    let limiter = limiter(1, SECOND);
    let start = Instant::now();
    limiter.pause(start + 5 * SECOND, Pause::Ban);
    limiter.pause(start + 2 * SECOND, Pause::RetryAfter);
    assert_eq!(limiter.paused_until(), Some(start + 5 * SECOND));
    limiter.pause(start + 7 * SECOND, Pause::RetryAfter);
    assert_eq!(limiter.paused_until(), Some(start + 7 * SECOND));
    limiter.resume();
    assert_eq!(limiter.paused_until(), None);
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_not_fetched_waits_for_the_end_of_the_pause() {
    let limiter = limiter(1, SECOND);
    let start = Instant::now();
    let held = limiter.try_acquire(&units(1), Class::Low).unwrap();
    let mut waiting = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    assert!(waiting.poll().is_pending());
    drop(held);
    assert!(waiting.is_woken(), "it was granted");
    limiter.pause(start + 5 * SECOND, Pause::RetryAfter);
    assert!(waiting.poll().is_pending(), "and the grant was taken back");
    assert_eq!(limiter.snapshot().queued, [1, 0, 0, 0]);
    waiting.await.unwrap().commit();
    assert_eq!(start.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_has_passed_is_no_pause() {
    let limiter = limiter(1, SECOND);
    advance(SECOND).await;
    limiter.pause(Instant::now() - Duration::from_millis(1), Pause::Manual);
    assert_eq!(limiter.paused_until(), None);
}
