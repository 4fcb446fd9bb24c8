//! What happens to a charge after the commit, and what the server says of it.

use std::time::Duration;

use robust_limiter::{Charge, Class, Cost, Limiter, Verdict, Window};
use tokio::time::{Instant, advance};

use crate::acquire::{SECOND, limiter, units};

fn used(limiter: &Limiter) -> u64 {
    limiter.snapshot().windows[0].used
}

#[tokio::test(start_paused = true)]
async fn a_permit_dropped_before_its_commit_costs_nothing() {
    let limiter = limiter(5, SECOND);
    let permit = limiter.try_acquire(&units(5), Class::Low).unwrap();
    assert_eq!(used(&limiter), 5, "a grant counts as used");
    drop(permit);
    assert_eq!(used(&limiter), 0);
    let seen = limiter.snapshot();
    assert_eq!(
        (
            seen.granted,
            seen.committed,
            seen.returned,
            seen.refunded,
            seen.held()
        ),
        (1, 0, 1, 1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_committed_charge_stays_when_it_is_dropped() {
    let limiter = limiter(5, SECOND);
    drop(limiter.try_acquire(&units(5), Class::Low).unwrap().commit());
    assert_eq!(used(&limiter), 5);
}

#[tokio::test(start_paused = true)]
async fn a_refund_wakes_the_next() {
    let limiter = limiter(5, SECOND);
    let spent = limiter.try_acquire(&units(5), Class::Low).unwrap().commit();
    let waiting = tokio::spawn(limiter.acquire(&units(5), Class::Low, None));
    tokio::task::yield_now().await;
    let start = Instant::now();
    spent.refund();
    waiting.await.unwrap().unwrap().commit();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((used(&limiter), limiter.snapshot().refunded), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn settling_for_less_gives_the_rest_back() {
    let limiter = limiter(10, SECOND);
    let mut spent = limiter
        .try_acquire(&units(10), Class::Low)
        .unwrap()
        .commit();
    spent.settle(&units(4));
    assert_eq!(used(&limiter), 4);
    spent.refund();
    assert_eq!(used(&limiter), 0);
}

#[tokio::test(start_paused = true)]
async fn settling_for_more_is_charged_at_the_time_of_the_commit() {
    let limiter = limiter(10, SECOND);
    let mut spent = limiter.try_acquire(&units(4), Class::Low).unwrap().commit();
    advance(Duration::from_millis(600)).await;
    spent.settle(&units(13));
    let seen = limiter.snapshot();
    assert_eq!(
        (seen.windows[0].used, seen.settled_extra, seen.violations),
        (13, 9, 1)
    );
    assert_eq!(
        limiter.estimate(&units(1), Class::Low),
        Duration::from_millis(400)
    );
}

#[tokio::test(start_paused = true)]
async fn settling_reaches_windows_that_were_not_reserved() {
    let limiter = Limiter::builder("two")
        .window(Window::sliding("a", 10, SECOND))
        .window(Window::sliding("b", 10, SECOND))
        .build();
    let mut spent = limiter.try_acquire(&units(3), Class::Low).unwrap().commit();
    spent.settle(&Cost::from(Charge::new(1, 7)));
    let seen: Vec<u64> = limiter
        .snapshot()
        .windows
        .iter()
        .map(|window| window.used)
        .collect();
    assert_eq!(seen, [0, 7]);
}

#[tokio::test(start_paused = true)]
async fn what_has_left_its_window_is_not_corrected() {
    let limiter = limiter(10, SECOND);
    let mut spent = limiter.try_acquire(&units(4), Class::Low).unwrap().commit();
    advance(SECOND).await;
    limiter.try_acquire(&units(2), Class::Low).unwrap().commit();
    spent.settle(&units(9));
    spent.refund();
    assert_eq!(used(&limiter), 2);
}

#[tokio::test(start_paused = true)]
async fn a_servers_count_raises_and_never_lowers() {
    let limiter = limiter(100, 60 * SECOND);
    let spent = limiter
        .try_acquire(&units(10), Class::Low)
        .unwrap()
        .commit();
    limiter.observe(0, 3, spent.at());
    assert_eq!(used(&limiter), 10);
    limiter.observe(0, 70, spent.at());
    assert_eq!(used(&limiter), 70, "somebody else uses the same budget");
    limiter.observe(0, 70, spent.at());
    assert_eq!(used(&limiter), 70, "the same news twice");
    // Which is forgotten a window after the request that brought it.
    advance(60 * SECOND).await;
    assert_eq!(used(&limiter), 0);
}

#[tokio::test(start_paused = true)]
async fn a_servers_count_is_of_the_past_and_what_went_out_since_is_added() {
    let limiter = limiter(100, 60 * SECOND);
    let first = limiter
        .try_acquire(&units(10), Class::Low)
        .unwrap()
        .commit();
    advance(SECOND).await;
    limiter.try_acquire(&units(5), Class::Low).unwrap().commit();
    limiter.observe(0, 40, first.at());
    assert_eq!(used(&limiter), 45);
}

#[tokio::test(start_paused = true)]
async fn answers_that_overtake_each_other_are_not_counted_twice() {
    let window = Window::sliding("w", 100, 60 * SECOND);
    let limiter = Limiter::builder("test").window(window).build();
    let first = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    advance(Duration::from_millis(100)).await;
    let second = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    // The second arrived first: the server's count for the first has both, but nothing else.
    limiter.observe(0, 1, second.at());
    limiter.observe(0, 2, first.at());
    assert_eq!(used(&limiter), 2);
    // And news of others, out of order, is news once.
    limiter.observe(0, 31, second.at());
    limiter.observe(0, 30, first.at());
    assert_eq!(used(&limiter), 31);
}

#[tokio::test(start_paused = true)]
async fn a_count_above_the_limit_is_a_violation_and_stops_everything() {
    let limiter = limiter(100, 60 * SECOND);
    let spent = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    limiter.observe(0, 250, spent.at());
    assert_eq!(limiter.snapshot().violations, 1);
    assert_eq!(limiter.estimate(&units(1), Class::Critical), 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_verdict_does_all_of_it() {
    let limiter = limiter(100, 60 * SECOND);
    let start = Instant::now();
    limiter
        .try_acquire(&units(10), Class::Low)
        .unwrap()
        .commit()
        .apply(
            &Verdict::sent()
                .actual(units(12))
                .usage(0, 50)
                .pause(7 * SECOND),
        );
    // The count has our ten in it; the two that they cost more are not known to be, and are added.
    assert_eq!(used(&limiter), 52);
    assert_eq!(limiter.paused_until(), Some(start + 7 * SECOND));
    limiter.resume();
    limiter
        .try_acquire(&units(10), Class::Low)
        .unwrap()
        .commit()
        .apply(&Verdict::not_sent());
    assert_eq!(used(&limiter), 52);
}
