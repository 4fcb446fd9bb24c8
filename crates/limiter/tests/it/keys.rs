//! One budget a key.

use std::time::Duration;

use robust_limiter::{Charge, Class, Cost, Limiter, Window};
use tokio::time::advance;

use crate::acquire::SECOND;

fn per_pair(max_keys: usize) -> Limiter {
    Limiter::builder("kraken")
        .window(Window::sliding("ip", 100, SECOND).guard(Duration::ZERO))
        .window(
            Window::sliding("pair", 1, SECOND)
                .guard(Duration::ZERO)
                .keyed(),
        )
        .max_keys(max_keys)
        .build()
}

fn cost(pair: u64) -> Cost {
    [Charge::new(0, 1), Charge::keyed(1, pair, 1)]
        .into_iter()
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_budget() {
    let limiter = per_pair(10);
    limiter.try_acquire(&cost(1), Class::Low).unwrap().commit();
    limiter.try_acquire(&cost(2), Class::Low).unwrap().commit();
    let rejected = limiter.try_acquire(&cost(1), Class::Low).unwrap_err();
    assert_eq!(rejected.retry_in(), Some(SECOND));
    let seen = limiter.snapshot();
    assert_eq!(
        (
            seen.windows[0].used,
            seen.windows[1].used,
            seen.windows[1].keys
        ),
        (2, 1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_key_does_not_hold_up_the_others() {
    let limiter = per_pair(10);
    limiter.try_acquire(&cost(1), Class::Low).unwrap().commit();
    let waiting = tokio::spawn(limiter.acquire(&cost(1), Class::High, None));
    tokio::task::yield_now().await;
    limiter.try_acquire(&cost(2), Class::Low).unwrap().commit();
    waiting.await.unwrap().unwrap().commit();
}

#[tokio::test(start_paused = true)]
async fn keys_beyond_the_bound_share_one_budget_and_no_live_key_is_forgotten() {
    let limiter = per_pair(2);
    for pair in [1, 2, 3] {
        limiter
            .try_acquire(&cost(pair), Class::Low)
            .unwrap()
            .commit();
    }
    assert!(
        limiter.try_acquire(&cost(4), Class::Low).is_err(),
        "3 and 4 share what is left"
    );
    assert!(
        limiter.try_acquire(&cost(1), Class::Low).is_err(),
        "1 is still known"
    );
    let seen = limiter.snapshot().windows.swap_remove(1);
    assert_eq!((seen.keys, seen.overflowed), (2, 1));
    advance(SECOND).await;
    for pair in [3, 4, 5] {
        limiter
            .try_acquire(&cost(pair), Class::Low)
            .unwrap()
            .commit();
    }
    let seen = limiter.snapshot().windows.swap_remove(1);
    assert_eq!(
        (seen.keys, seen.overflowed),
        (2, 2),
        "the idle ones made room"
    );
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_keys_later_the_table_is_as_small_as_what_is_in_use() {
    let limiter = per_pair(1_000);
    for pair in 0..10_000 {
        if pair % 100 == 0 {
            advance(SECOND).await;
        }
        limiter
            .try_acquire(&cost(pair), Class::Low)
            .unwrap()
            .commit();
    }
    let seen = limiter.snapshot().windows.swap_remove(1);
    assert!(seen.keys <= 200, "{} keys", seen.keys);
    assert_eq!(seen.overflowed, 0);
}
