//! Asking for permits: now, later, never.

use std::time::Duration;

use robust_limiter::{Charge, Class, Cost, Limiter, Listener, Rejected, Window};
use tokio::time::{Instant, advance};

/// Units of the first window.
pub(crate) fn units(units: u32) -> Cost {
    Charge::new(0, units).into()
}

/// A limiter with one window and no guard.
pub(crate) fn limiter(limit: u32, per: Duration) -> Limiter {
    Limiter::builder("test")
        .window(Window::sliding("w", limit, per).guard(Duration::ZERO))
        .build()
}

/// Waits for so many units and spends them.
pub(crate) async fn spend<L: Listener>(limiter: &Limiter<L>, units: u32, class: Class) {
    let permit = limiter.acquire(&self::units(units), class, None).await;
    permit.unwrap().commit();
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_free_budget_is_granted_without_waiting() {
    let limiter = limiter(3, SECOND);
    let start = Instant::now();
    for _ in 0..3 {
        spend(&limiter, 1, Class::Low).await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(limiter.snapshot().windows[0].used, 3);
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_makes_wait_for_the_whole_window() {
    let limiter = limiter(2, SECOND);
    let start = Instant::now();
    for expected in [0, 0, 1_000, 1_000, 2_000] {
        spend(&limiter, 1, Class::Low).await;
        assert_eq!(start.elapsed(), Duration::from_millis(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn one_a_second_with_the_default_guard_is_one_every_second_and_a_quarter() {
    let limiter = Limiter::builder("kraken")
        .window(Window::sliding("ip", 1, SECOND))
        .build();
    let start = Instant::now();
    for turn in 0..5 {
        spend(&limiter, 1, Class::Low).await;
        assert_eq!(start.elapsed(), Duration::from_millis(1_250) * turn);
    }
}

#[tokio::test(start_paused = true)]
async fn the_charge_counts_from_the_commit_and_not_from_the_grant() {
    let limiter = limiter(1, SECOND);
    let start = Instant::now();
    let permit = limiter.acquire(&units(1), Class::Low, None).await.unwrap();
    advance(Duration::from_millis(700)).await;
    permit.commit();
    spend(&limiter, 1, Class::Low).await;
    assert_eq!(start.elapsed(), Duration::from_millis(1_700));
}

#[tokio::test(start_paused = true)]
async fn too_late_is_said_at_once_and_with_the_exact_time() {
    let limiter = limiter(1, SECOND);
    spend(&limiter, 1, Class::Low).await;
    advance(Duration::from_millis(300)).await;
    let before = Instant::now();
    let deadline = before + Duration::from_millis(500);
    let rejected = limiter
        .acquire(&units(1), Class::Critical, Some(deadline))
        .await
        .unwrap_err();
    assert_eq!(
        rejected,
        Rejected::TooLate {
            retry_in: Duration::from_millis(700),
            window: "w".into()
        }
    );
    assert_eq!(
        before.elapsed(),
        Duration::ZERO,
        "it did not wait to say so"
    );
    advance(Duration::from_millis(700) - Duration::from_nanos(1)).await;
    assert!(limiter.try_acquire(&units(1), Class::Low).is_err());
    advance(Duration::from_nanos(1)).await;
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_the_grant_meets_is_waited_for() {
    let limiter = limiter(1, SECOND);
    spend(&limiter, 1, Class::Low).await;
    let deadline = Instant::now() + SECOND;
    limiter
        .acquire(&units(1), Class::Low, Some(deadline))
        .await
        .unwrap()
        .commit();
    assert_eq!(Instant::now(), deadline);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_is_too_late_even_when_there_is_room() {
    let limiter = limiter(1, SECOND);
    advance(SECOND).await;
    let rejected = limiter
        .acquire(&units(1), Class::Low, Some(Instant::now() - SECOND))
        .await
        .unwrap_err();
    assert_eq!(rejected.retry_in(), Some(Duration::ZERO));
    assert_eq!(limiter.snapshot().windows[0].used, 0);
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_refuses_like_a_deadline() {
    let window = Window::sliding("w", 1, SECOND).guard(Duration::ZERO);
    let limiter = Limiter::builder("test")
        .window(window)
        .max_wait(Some(SECOND))
        .build();
    spend(&limiter, 1, Class::Low).await;
    let (second, third) = tokio::join!(
        limiter.acquire(&units(1), Class::Low, None),
        limiter.acquire(&units(1), Class::Low, None),
    );
    second.unwrap().commit();
    assert_eq!(
        third.unwrap_err(),
        Rejected::TooLate {
            retry_in: 2 * SECOND,
            window: "w".into()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_cost_that_can_never_fit_is_refused_for_good() {
    let limiter = limiter(5, SECOND);
    let rejected = limiter
        .acquire(&units(6), Class::Low, None)
        .await
        .unwrap_err();
    assert_eq!(
        rejected,
        Rejected::TooLarge {
            window: "w".into(),
            units: 6,
            limit: 5
        }
    );
    assert_eq!(rejected.retry_in(), None);
    let twice: Cost = [Charge::new(0, 3), Charge::new(0, 3)].into_iter().collect();
    assert!(matches!(
        limiter.try_acquire(&twice, Class::Low),
        Err(Rejected::TooLarge { units: 6, .. })
    ));
    assert_eq!(limiter.estimate(&twice, Class::Low), Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_not_there_is_named() {
    let limiter = limiter(5, SECOND);
    let rejected = limiter
        .try_acquire(&Charge::new(7, 1).into(), Class::Low)
        .unwrap_err();
    assert_eq!(rejected, Rejected::NoSuchWindow { window: 7 });
}

#[tokio::test(start_paused = true)]
async fn a_cost_of_nothing_waits_for_nothing() {
    let limiter = limiter(0, SECOND);
    limiter
        .acquire(&Cost::new(), Class::Low, None)
        .await
        .unwrap()
        .commit();
    spend(&limiter, 0, Class::Low).await;
    assert_eq!(limiter.snapshot().committed, 2);
}

#[tokio::test(start_paused = true)]
async fn all_windows_are_taken_or_none() {
    let limiter = Limiter::builder("two")
        .window(Window::sliding("small", 2, SECOND).guard(Duration::ZERO))
        .window(Window::sliding("large", 10, 10 * SECOND).guard(Duration::ZERO))
        .build();
    let cost: Cost = [Charge::new(0, 1), Charge::new(1, 4)].into_iter().collect();
    let start = Instant::now();
    limiter
        .acquire(&cost, Class::Low, None)
        .await
        .unwrap()
        .commit();
    limiter
        .acquire(&cost, Class::Low, None)
        .await
        .unwrap()
        .commit();
    advance(SECOND).await;
    // The small one is free again, the large one has 2 of 10 left: nothing is taken from either.
    let rejected = limiter.try_acquire(&cost, Class::Low).unwrap_err();
    assert_eq!(
        rejected,
        Rejected::TooLate {
            retry_in: 9 * SECOND,
            window: "large".into()
        }
    );
    let used: Vec<u64> = limiter
        .snapshot()
        .windows
        .iter()
        .map(|window| window.used)
        .collect();
    assert_eq!(used, [0, 8]);
    limiter
        .acquire(&cost, Class::Low, None)
        .await
        .unwrap()
        .commit();
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_estimate_counts_everyone_who_is_ahead() {
    let limiter = limiter(1, SECOND);
    assert_eq!(limiter.estimate(&units(1), Class::Low), Duration::ZERO);
    spend(&limiter, 1, Class::Low).await;
    let mut medium = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Medium, None));
    let mut high = tokio_test::task::spawn(limiter.acquire(&units(1), Class::High, None));
    assert!(medium.poll().is_pending() && high.poll().is_pending());
    for (class, seconds) in [
        (Class::Low, 3),
        (Class::Medium, 3),
        (Class::High, 2),
        (Class::Critical, 1),
    ] {
        assert_eq!(
            limiter.estimate(&units(1), class),
            seconds * SECOND,
            "{class:?}"
        );
    }
}

#[test]
fn without_a_runtime_a_call_is_granted_at_once_or_refused() {
    let limiter = limiter(1, Duration::from_secs(3_600));
    let mut first = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    let mut second = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    let std::task::Poll::Ready(Ok(permit)) = first.poll() else {
        panic!("there is room")
    };
    permit.commit();
    assert!(matches!(
        second.poll(),
        std::task::Poll::Ready(Err(Rejected::TooLate { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn doubt_refuses_at_once_who_would_be_served_at_the_last_moment() {
    let limiter = Limiter::builder("test")
        .window(Window::sliding("w", 1, 10 * SECOND).guard(Duration::ZERO))
        .doubt(100)
        .build();
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let start = Instant::now();
    // The forecast is 10 s, and it may be a hundredth of that late.
    let close = start + Duration::from_millis(10_099);
    let refused = limiter.acquire(&units(1), Class::Low, Some(close)).await;
    assert!(matches!(refused, Err(Rejected::TooLate { retry_in, .. }) if retry_in == 10 * SECOND));
    assert_eq!(start.elapsed(), Duration::ZERO, "at once");
    let enough = start + Duration::from_millis(10_100);
    limiter
        .acquire(&units(1), Class::Low, Some(enough))
        .await
        .unwrap()
        .commit();
    assert_eq!(start.elapsed(), 10 * SECOND);
}
