//! What each kind of window lets through.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use robust_limiter::{Charge, Class, Limiter, Rate, Window, WindowError};
use tokio::time::Instant;

use crate::acquire::SECOND;

fn limiter(window: Window) -> Limiter {
    Limiter::builder("kind").window(window).build()
}

fn one() -> Charge {
    Charge::new(0, 1)
}

/// Sends all that it is let each millisecond for `length`; when that was.
async fn flood(limiter: &Limiter, length: Duration) -> Vec<Duration> {
    flood_every(limiter, length, Duration::from_millis(1)).await
}

async fn flood_every(limiter: &Limiter, length: Duration, step: Duration) -> Vec<Duration> {
    let start = Instant::now();
    let mut sent = Vec::new();
    while start.elapsed() < length {
        while limiter.try_spend(one(), Class::Medium).is_ok() {
            sent.push(start.elapsed());
        }
        tokio::time::sleep(step).await;
    }
    sent
}

/// The most that any window of `per` holds.
fn fullest(sent: &[Duration], per: Duration) -> usize {
    let inside =
        |(index, begin): (usize, &Duration)| sent.partition_point(|at| *at < *begin + per) - index;
    sent.iter().enumerate().map(inside).max().unwrap_or(0)
}

#[test]
fn a_smooth_window_that_could_exceed_its_limit_cannot_be_built() {
    let minute = 60 * SECOND;
    let error = Window::gcra("weight", 6_000, minute, Rate::per_second(100), 1).unwrap_err();
    assert_eq!(
        error,
        WindowError::TooFast {
            burst: 1,
            refilled: 6_000,
            per: minute,
            limit: 6_000
        }
    );
    assert!(Window::gcra("weight", 6_000, minute, Rate::per_second(90), 600).is_ok());
    let none = Rate::new(0, SECOND);
    assert_eq!(
        Window::gcra("weight", 10, minute, none, 1),
        Err(WindowError::NoRate { rate: none })
    );
    assert_eq!(
        Window::decay("calls", 15, none),
        Err(WindowError::NoRate { rate: none })
    );
}

/// P5, where governor admits 11,999.
#[tokio::test(start_paused = true)]
async fn a_smooth_window_admits_no_more_than_the_limit_in_its_first_minute_or_any_other() {
    let rate = Rate::per_second(90);
    let limiter = limiter(Window::gcra("weight", 6_000, 60 * SECOND, rate, 600).unwrap());
    let sent = flood(&limiter, 150 * SECOND).await;
    assert_eq!(
        sent.iter().filter(|at| at.is_zero()).count(),
        600,
        "the burst"
    );
    let most = fullest(&sent, 60 * SECOND);
    assert!((5_990..=6_000).contains(&most), "{most}");
    let steady = sent.iter().filter(|at| **at >= 60 * SECOND).count();
    assert!(
        (8_090..=8_101).contains(&steady),
        "{steady} in 90 s at 90 a second"
    );
}

/// As many as its limit allows of now, at either end of the change and afterwards.
#[tokio::test(start_paused = true)]
async fn a_smooth_window_follows_its_limit_at_run_time_and_never_exceeds_it() {
    let (minute, step) = (60 * SECOND, Duration::from_millis(50));
    let limiter =
        limiter(Window::gcra("weight", 6_000, minute, Rate::per_second(90), 600).unwrap());
    flood_every(&limiter, minute, step).await;
    for (limit, least) in [(600, 590), (12_000, 11_980), (7, 6), (2, 1), (6_000, 5_990)] {
        limiter.set_limit(0, limit).unwrap();
        tokio::time::sleep(2_000 * minute).await;
        let sent = flood_every(&limiter, 2 * minute, step).await;
        let most = fullest(&sent, minute);
        assert!(
            (least..=limit as usize).contains(&most),
            "{most} of {limit}"
        );
    }
    for (limit, rate, burst) in [
        (100, Rate::per_second(1), 40),
        (100, Rate::new(1, minute), 99),
    ] {
        limiter.set_rate(0, limit, rate, burst).unwrap();
        tokio::time::sleep(2_000 * minute).await;
        let sent = flood_every(&limiter, 2 * minute, step).await;
        assert_eq!(
            sent.iter().filter(|at| at.is_zero()).count(),
            burst as usize
        );
        assert!((99..=100).contains(&fullest(&sent, minute)));
    }
    limiter.set_limit(0, 0).unwrap();
    tokio::time::sleep(2_000 * minute).await;
    assert_eq!(flood_every(&limiter, minute, step).await, []);
    limiter.set_limit(0, 100).unwrap();
    tokio::time::sleep(2_000 * minute).await;
    assert_eq!(
        fullest(&flood_every(&limiter, minute, step).await, minute),
        99,
        "as before"
    );
}

#[tokio::test(start_paused = true)]
async fn what_would_let_a_smooth_window_exceed_its_limit_is_refused_and_changes_nothing() {
    let minute = 60 * SECOND;
    let smooth = Window::gcra("weight", 6_000, minute, Rate::per_second(90), 600).unwrap();
    let limiter = Limiter::builder("kinds")
        .window(smooth)
        .window(Window::sliding("requests", 10, SECOND))
        .build();
    let (none, per) = (Rate::new(0, SECOND), minute);
    let too_fast = |burst, refilled, limit| {
        Err(WindowError::TooFast {
            burst,
            refilled,
            per,
            limit,
        })
    };
    assert_eq!(limiter.set_limit(0, 1), too_fast(1, 1, 1));
    assert_eq!(
        limiter.set_rate(0, 6_000, Rate::per_second(100), 6_000),
        too_fast(6_000, 6_000, 6_000),
        "where others admit twice the limit"
    );
    assert_eq!(
        limiter.set_rate(0, 9, none, 1),
        Err(WindowError::NoRate { rate: none })
    );
    assert_eq!(
        limiter.set_rate(1, 9, Rate::per_second(1), 1),
        Err(WindowError::NotSmooth { window: 1 })
    );
    let nowhere = Err(WindowError::NoSuchWindow { window: 2 });
    assert_eq!(limiter.set_rate(2, 9, Rate::per_second(1), 1), nowhere);
    assert_eq!(
        limiter.snapshot().windows[0].limit,
        600,
        "the burst, as it was"
    );
}

/// P6 and P20: neither a fixed window nor an approximate one.
#[tokio::test(start_paused = true)]
async fn no_window_that_slides_admits_twice_its_limit_around_a_boundary() {
    for window in [
        Window::sliding("sliding", 600, SECOND),
        Window::log("log", 600, SECOND),
        Window::aligned("aligned, but the clock is not known", 600, SECOND),
    ] {
        let name = window.name().to_owned();
        let limiter = limiter(window.guard(Duration::ZERO));
        tokio::time::sleep(Duration::from_millis(900)).await;
        let sent = flood(&limiter, 4 * SECOND).await;
        assert_eq!(fullest(&sent, SECOND), 600, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_aligned_window_has_its_full_quota_in_each_of_the_servers_windows_and_no_more() {
    let guard = Duration::from_millis(50);
    let limiter = limiter(Window::aligned("orders", 1_000, 10 * SECOND).guard(guard));
    let birth = Instant::now();
    // The server's clock is 7.3 s into one of its windows, and shows whole seconds.
    let server = |at: Instant| Duration::from_millis(1_700_000_007_300) + (at - birth);
    let date =
        |at: Instant| -> SystemTime { UNIX_EPOCH + Duration::from_secs(server(at).as_secs()) };
    // A second's answers tell when the seconds change, to 10 ms and the time on the way.
    for _ in 0..100 {
        let sent = Instant::now();
        tokio::time::sleep(Duration::from_millis(10)).await;
        limiter.observe_date(sent, Instant::now(), date(sent + Duration::from_millis(5)));
    }
    assert!(limiter.snapshot().windows[0].aligned);
    let begin = Instant::now();
    let sent = flood(&limiter, 60 * SECOND).await;
    // Each arrives between at once and the guard later: the first half of the slow ones, the other of the quick ones.
    for journey in [Duration::ZERO, guard / 2, guard] {
        let mut counted = std::collections::BTreeMap::new();
        for at in &sent {
            let arrives = server(begin + *at + journey);
            *counted.entry(arrives.as_secs() / 10).or_insert(0) += 1;
        }
        assert!(counted.values().all(|units| *units <= 1_000), "{counted:?}");
        assert!(
            counted.values().filter(|units| **units == 1_000).count() >= 6,
            "{counted:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_decaying_counter_is_krakens_private_limit() {
    // 15, and a third of a unit a second (Starter).
    let limiter = limiter(Window::decay("private", 15, Rate::new(33, 100 * SECOND)).unwrap());
    let sent = flood(&limiter, 100 * SECOND).await;
    assert_eq!(sent.iter().filter(|at| at.is_zero()).count(), 15);
    assert_eq!(
        sent.len(),
        15 + 32,
        "33 fall in 100 s, less the guard of the first"
    );
    let mut counter = 0.0_f64;
    let mut last = Duration::ZERO;
    for at in sent {
        counter = (counter - (at - last).as_secs_f64() * 0.33).max(0.0) + 1.0;
        last = at;
        assert!(counter <= 15.0 + 1e-9, "{counter} at {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_remembers_each_commit_of_a_limit_that_a_sliding_window_keeps_in_cells() {
    let limiter = limiter(Window::log("log", 600, SECOND).guard(Duration::ZERO));
    for turn in 0..600 {
        limiter.try_spend(one(), Class::Low).unwrap();
        if turn < 599 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let refused = limiter.try_spend(one(), Class::Low).unwrap_err();
    assert_eq!(refused.retry_in(), Some(Duration::from_millis(401)));
}

#[tokio::test(start_paused = true)]
async fn a_refund_of_what_has_drained_gives_nothing_back() {
    let limiter = limiter(Window::gcra("w", 1_000, 60 * SECOND, Rate::per_second(10), 10).unwrap());
    let cost = Charge::new(0, 10).into();
    let old = limiter.try_acquire(&cost, Class::Low).unwrap().commit();
    tokio::time::sleep(SECOND).await;
    let young = limiter.try_acquire(&cost, Class::Low).unwrap().commit();
    old.refund();
    assert_eq!(limiter.snapshot().windows[0].used, 10);
    young.refund();
    assert_eq!(limiter.snapshot().windows[0].used, 0);
}

/// Six threads far under quota, and what they were told is what was charged.
#[test]
fn what_many_threads_spend_without_the_lock_is_what_is_charged() {
    let window = Window::sliding("units", 1_000_000, 3_600 * SECOND);
    let limiter = limiter(window);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let limiter = &limiter;
            scope.spawn(move || {
                for turn in 0..2_000_u32 {
                    limiter
                        .try_spend(one(), Class::Medium)
                        .expect("far under quota");
                    if turn % 64 == thread {
                        // Takes the lock, which closes the cell.
                        let permit = limiter.try_acquire(&one().into(), Class::Low);
                        drop(permit.expect("far under quota"));
                    }
                }
            });
        }
    });
    let seen = limiter.snapshot();
    assert_eq!(
        (seen.committed, seen.rejected, seen.violations),
        (12_000, 0, 0)
    );
    assert_eq!(seen.windows[0].used, 12_000);
    assert_eq!(seen.asked, seen.granted);
}

#[test]
fn the_last_units_go_to_no_two_threads() {
    for _ in 0..50 {
        let limiter = limiter(Window::sliding("units", 1_000, 3_600 * SECOND));
        let spent: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..500)
                            .filter(|_| limiter.try_spend(one(), Class::High).is_ok())
                            .count()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(spent, 1_000);
    }
}
