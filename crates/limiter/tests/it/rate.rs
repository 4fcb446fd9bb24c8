//! What is achieved under saturation, and that it is never exceeded.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_limiter::{Class, Limiter, Window};
use tokio::time::Instant;

use crate::acquire::{SECOND, spend, units};

/// Lets `workers` send as fast as they may for `length`; returns when each was sent.
async fn saturate(window: Window, workers: usize, length: Duration) -> Vec<Duration> {
    let limiter = Limiter::builder("rate")
        .window(window)
        .max_queue(workers)
        .build();
    let start = Instant::now();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..workers)
        .map(|_| {
            let (limiter, sent) = (limiter.clone(), Arc::clone(&sent));
            tokio::spawn(async move {
                let end = start + length;
                while let Ok(permit) = limiter.acquire(&units(1), Class::Medium, Some(end)).await {
                    sent.lock().unwrap().push(permit.commit().at() - start);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut sent = std::mem::take(&mut *sent.lock().unwrap());
    sent.sort_unstable();
    sent
}

/// The most that any window of `per` holds. `sent` is sorted.
fn fullest(sent: &[Duration], per: Duration) -> usize {
    let inside =
        |(index, begin): (usize, &Duration)| sent.partition_point(|at| *at < *begin + per) - index;
    sent.iter().enumerate().map(inside).max().unwrap_or(0)
}

/// The share of the limit that was achieved, the burst of a new limiter not counted.
fn achieved(sent: &[Duration], limit: usize, per: Duration, length: Duration) -> f64 {
    let later = sent.iter().filter(|at| **at >= per / 2).count();
    let cycles = (length.as_secs_f64() - per.as_secs_f64() / 2.0) / per.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let share = later as f64 / (limit as f64 * cycles.floor());
    share
}

#[tokio::test(start_paused = true)]
async fn five_thousand_a_second_are_achieved_and_not_exceeded() {
    let window = Window::sliding("fast", 5_000, SECOND).guard(Duration::ZERO);
    let promised = window.achieved();
    let sent = saturate(window, 64, 5 * SECOND).await;
    assert_eq!(fullest(&sent, SECOND), 5_000);
    let share = achieved(&sent, 5_000, SECOND, 5 * SECOND);
    assert!(share >= 0.98 * promised, "{share}");
}

#[tokio::test(start_paused = true)]
async fn twelve_hundred_a_minute_with_the_default_guard_achieve_98_percent() {
    let window = Window::sliding("minute", 1_200, 60 * SECOND);
    let limiter = Limiter::builder("rate").window(window).build();
    let start = Instant::now();
    // Paced, so that each minute is full of separate commits, and none can hide in a burst.
    for turn in 0..1_200 {
        tokio::time::sleep_until(start + Duration::from_millis(50) * turn).await;
        spend(&limiter, 1, Class::Low).await;
    }
    let from = Instant::now();
    let mut sent = 0_u32;
    while from.elapsed() < 600 * SECOND {
        spend(&limiter, 1, Class::Low).await;
        sent += 1;
    }
    let rate = f64::from(sent) / from.elapsed().as_secs_f64() * 60.0;
    assert!(
        (1_176.0..=1_200.0).contains(&rate),
        "{rate} a minute of 1,200"
    );
}

#[tokio::test(start_paused = true)]
async fn short_windows_are_exact() {
    for (limit, per, guard) in [
        (1, 1_000, 0),
        (1, 1_000, 250),
        (3, 1_000, 0),
        (10, 100, 0),
        (500, 1_000, 0),
    ] {
        let (per, guard) = (Duration::from_millis(per), Duration::from_millis(guard));
        let window = Window::sliding("short", limit, per).guard(guard);
        let sent = saturate(window, 8, 20 * (per + guard)).await;
        // The first and the last instant belong to it: one full window more than cycles.
        assert_eq!(
            sent.len(),
            21 * limit as usize,
            "{limit} in {per:?} guarded by {guard:?}"
        );
        assert_eq!(fullest(&sent, per + guard), limit as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn the_burst_at_the_start_is_the_limit_and_no_more() {
    let window = Window::sliding("minute", 6_000, 60 * SECOND);
    let sent = saturate(window, 16, 59 * SECOND).await;
    assert_eq!(sent.len(), 6_000);
}
